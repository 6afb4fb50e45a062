//! Buckets: the minimum, maximum, mean and last of a stretch of time. Pure.
//!
//! The mean is weighted by how long each value held, because devices report when something changes and not by
//! the clock. A value holds until the next sample; a bad sample ends it, and that time counts for nothing.

use super::bits::{put_varint, take_varint};
use super::codec::{self, BadChunk};
use super::sample::{Datum, Grade, Sample};
use serde::Serialize;

/// A quarter of an hour in milliseconds: the step that is stored. Every offset of a time zone is a multiple.
pub const QUARTER: i64 = 15 * 60 * 1000;
/// A day in milliseconds.
pub const DAY: i64 = 24 * 60 * 60 * 1000;

/// One bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// Begin, in milliseconds since 1970.
    pub start: i64,
    /// Samples in it.
    pub count: u64,
    /// How long a good or uncertain value was known, in milliseconds.
    pub known: i64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Mean over `known`.
    pub mean: f64,
    /// Last value.
    pub last: f64,
}

impl Bucket {
    fn add(&mut self, value: f64, held: i64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
        if held > 0 {
            let known = self.known + held;
            self.mean += (value - self.mean) * (held as f64 / known as f64);
            self.known = known;
        } else if self.known == 0 {
            self.mean = value;
        }
    }

    /// Adds a later bucket to this one.
    pub fn merge(&mut self, later: &Bucket) {
        let known = self.known + later.known;
        self.mean = match known {
            0 => later.mean,
            _ => self.mean + (later.mean - self.mean) * (later.known as f64 / known as f64),
        };
        self.known = known;
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
    }
}

/// Buckets of `step` between `from` and `to` (multiples of `step` from 1970). `samples` are in order and begin with the last one
/// before `from`, if there is one. Empty buckets are left out. `until` ends the last value's hold: now.
pub fn buckets(samples: &[Sample], from: i64, to: i64, step: i64, until: i64) -> Vec<Bucket> {
    let mut found: Vec<Bucket> = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        let Some(value) = sample.number() else {
            continue;
        };
        let next = samples.get(index + 1).map_or(until.max(sample.at), |next| next.at);
        let mut at = sample.at.max(from);
        let end = next.min(to);
        let inside = sample.at >= from && sample.at < to;
        if inside {
            bucket(&mut found, sample.at, step, value).count += 1;
            bucket(&mut found, sample.at, step, value).add(value, 0);
        }
        while at < end {
            let stop = ((at.div_euclid(step) + 1) * step).min(end);
            bucket(&mut found, at, step, value).add(value, stop - at);
            at = stop;
        }
    }
    found
}

fn bucket(found: &mut Vec<Bucket>, at: i64, step: i64, value: f64) -> &mut Bucket {
    let start = at.div_euclid(step) * step;
    if found.last().is_none_or(|last| last.start != start) {
        found.push(Bucket { start, count: 0, known: 0, min: value, max: value, mean: value, last: value });
    }
    let last = found.len() - 1;
    &mut found[last]
}

/// Groups buckets by a key of their start: hours, days of a time zone.
pub fn regroup(buckets: &[Bucket], start_of: impl Fn(i64) -> i64) -> Vec<Bucket> {
    let mut found: Vec<Bucket> = Vec::new();
    for each in buckets {
        let start = start_of(each.start);
        match found.last_mut().filter(|last| last.start == start) {
            Some(last) => last.merge(each),
            None => found.push(Bucket { start, ..each.clone() }),
        }
    }
    found
}

/// Writes buckets of one day: counts and known times, then four series as chunks.
pub fn encode(buckets: &[Bucket]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, buckets.len() as u64);
    for bucket in buckets {
        put_varint(&mut bytes, bucket.count);
        put_varint(&mut bytes, bucket.known.max(0) as u64);
    }
    let parts: [fn(&Bucket) -> f64; 4] = [|b| b.min, |b| b.max, |b| b.mean, |b| b.last];
    for part in parts {
        let series: Vec<Sample> = buckets
            .iter()
            .map(|b| Sample { at: b.start, grade: Grade::GOOD, datum: Datum::Number(part(b)) })
            .collect();
        let chunk = codec::encode(&series);
        put_varint(&mut bytes, chunk.len() as u64);
        bytes.extend(chunk);
    }
    bytes
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`BadChunk`] when the bytes are damaged.
pub fn decode(bytes: &[u8]) -> Result<Vec<Bucket>, BadChunk> {
    read(bytes).ok_or(BadChunk(bytes.len()))
}

fn read(mut bytes: &[u8]) -> Option<Vec<Bucket>> {
    let count = usize::try_from(take_varint(&mut bytes)?).ok().filter(|n| *n <= codec::CHUNK_SAMPLES)?;
    let mut heads = Vec::with_capacity(count);
    for _ in 0..count {
        heads.push((take_varint(&mut bytes)?, take_varint(&mut bytes)? as i64));
    }
    let mut series = Vec::with_capacity(4);
    for _ in 0..4 {
        let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
        series.push(codec::decode(super::bits::take_bytes(&mut bytes, length)?).ok()?);
    }
    let number = |part: usize, index: usize| series[part].get(index).and_then(Sample::number);
    heads
        .into_iter()
        .enumerate()
        .map(|(index, (count, known))| {
            Some(Bucket {
                start: series[0].get(index)?.at,
                count,
                known,
                min: number(0, index)?,
                max: number(1, index)?,
                mean: number(2, index)?,
                last: number(3, index)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good(at: i64, number: f64) -> Sample {
        Sample { at, grade: Grade::GOOD, datum: Datum::Number(number) }
    }

    #[test]
    fn a_mean_is_weighted_by_how_long_each_value_held() {
        let samples = [good(0, 10.0), good(45 * 60_000, 20.0)];
        let hour = buckets(&samples, 0, 60 * 60_000, 60 * 60_000, 60 * 60_000);
        assert_eq!(hour.len(), 1);
        assert!((hour[0].mean - 12.5).abs() < 1e-9, "{hour:?}");
        assert_eq!((hour[0].min, hour[0].max, hour[0].last, hour[0].count), (10.0, 20.0, 20.0, 2));
    }

    #[test]
    fn time_of_bad_quality_counts_for_nothing() {
        let bad = Sample { at: 10 * 60_000, grade: Grade(68), datum: Datum::None };
        let samples = [good(0, 10.0), bad, good(50 * 60_000, 40.0)];
        let hour = buckets(&samples, 0, 60 * 60_000, 60 * 60_000, 60 * 60_000);
        assert_eq!(hour[0].known, 20 * 60_000);
        assert!((hour[0].mean - 25.0).abs() < 1e-9, "{hour:?}");
    }

    #[test]
    fn a_value_from_before_holds_into_the_range_and_not_beyond_now() {
        let samples = [good(-5 * QUARTER, 7.0)];
        let found = buckets(&samples, 0, 4 * QUARTER, QUARTER, 2 * QUARTER);
        assert_eq!(
            found.iter().map(|b| (b.start, b.count, b.mean)).collect::<Vec<_>>(),
            [(0, 0, 7.0), (QUARTER, 0, 7.0)]
        );
    }

    proptest! {
        #[test]
        fn rolling_up_in_two_steps_is_the_same_as_in_one(
            steps in prop::collection::vec((1i64..QUARTER * 2, -1000i32..1000, 0u8..8), 1..100)
        ) {
            let mut at = 0;
            let samples: Vec<Sample> = steps.into_iter().map(|(step, number, kind)| {
                at += step;
                if kind == 0 { Sample { at, grade: Grade(67), datum: Datum::None } } else { good(at, f64::from(number)) }
            }).collect();
            let end = (at / (4 * QUARTER) + 1) * 4 * QUARTER;
            let once = buckets(&samples, 0, end, 4 * QUARTER, at);
            let quarters = buckets(&samples, 0, end, QUARTER, at);
            let twice = regroup(&decode(&encode(&quarters[..quarters.len().min(1000)])).unwrap(), |s| s.div_euclid(4 * QUARTER) * 4 * QUARTER);
            prop_assert_eq!(once.len(), twice.len());
            for (a, b) in once.iter().zip(&twice) {
                prop_assert_eq!((a.start, a.count, a.known, a.min, a.max, a.last), (b.start, b.count, b.known, b.min, b.max, b.last));
                prop_assert!((a.mean - b.mean).abs() < 1e-6);
            }
        }
    }
}
