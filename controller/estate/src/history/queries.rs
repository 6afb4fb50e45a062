//! Reading history: samples, and buckets of any step.

use super::codec;
use super::fold::in_order;
use super::rollup::{self, Bucket, DAY, QUARTER};
use super::sample::Sample;
use super::store::History;
use crate::error::EstateError;
use bo_db::{Tx, params};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// How fine an answer is.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Every sample.
    Samples,
    /// Buckets of this many milliseconds, from 1970 UTC: a minute, or a quarter hour and multiples.
    Every(i64),
    /// Hours of a time zone.
    Hours(TimeZone),
    /// Days of a time zone: 23 or 25 hours long when the clocks change.
    Days(TimeZone),
}

/// The last stored sample before `from`, and all stored ones until `to`, in order.
pub fn stored(tx: &mut Tx, point: i64, from: i64, to: i64) -> Result<Vec<Sample>, EstateError> {
    let chunks = tx.query(
        "SELECT data FROM history_chunk WHERE point = ?1 AND start < ?3
         AND start >= COALESCE((SELECT max(start) FROM history_chunk WHERE point = ?1 AND start < ?2), ?2) ORDER BY start",
        params![point, from, to],
        |row| row.get::<Vec<u8>>(0),
    )?;
    let mut samples = Vec::new();
    for data in chunks {
        samples.extend(codec::decode(&data).map_err(|source| EstateError::Chunk { point, source })?);
    }
    clip(&mut samples, from, to);
    Ok(samples)
}

/// Leaves the last sample before `from` and those before `to`.
fn clip(samples: &mut Vec<Sample>, from: i64, to: i64) {
    samples.truncate(samples.partition_point(|sample| sample.at < to));
    let begin = samples.partition_point(|sample| sample.at < from).saturating_sub(1);
    samples.drain(..begin);
}

/// Reads one point. Made before the transaction it reads in: what waits in memory is taken first, so that a
/// flush in between, which moves it into chunks, hides nothing.
pub struct Reader {
    point: i64,
    waiting: Vec<Sample>,
}

impl History {
    /// A reader of a point.
    pub fn reader(&self, point: i64) -> Reader {
        Reader { point, waiting: self.pending.of(point) }
    }
}

impl Reader {
    /// Samples of the point from `from` until before `to`, in order, led by the last one before `from` if there is one.
    pub fn samples(&self, tx: &mut Tx, from: i64, to: i64) -> Result<Vec<Sample>, EstateError> {
        let mut samples = stored(tx, self.point, from, to)?;
        samples.extend_from_slice(&self.waiting);
        in_order(&mut samples);
        clip(&mut samples, from, to);
        Ok(samples)
    }

    /// Buckets of a point that begin between `from` and `to`. `now` ends the last value's hold.
    pub fn buckets(
        &self,
        tx: &mut Tx,
        (from, to): (i64, i64),
        step: &Step,
        now: i64,
    ) -> Result<Vec<Bucket>, EstateError> {
        Ok(match step {
            Step::Samples => Vec::new(),
            Step::Every(step) if step % QUARTER != 0 => {
                let from = from.div_euclid(*step) * step;
                let samples = self.samples(tx, from, to)?;
                rollup::buckets(&samples, from, to, *step, now)
            }
            Step::Every(step) => {
                let quarters = self.quarters(tx, from.div_euclid(*step) * step, to, now)?;
                rollup::regroup(&quarters, |start| start.div_euclid(*step) * step)
            }
            Step::Hours(zone) => self.civil(tx, (from, to), now, zone, jiff::Unit::Hour)?,
            Step::Days(zone) => self.civil(tx, (from, to), now, zone, jiff::Unit::Day)?,
        })
    }

    fn civil(
        &self,
        tx: &mut Tx,
        (from, to): (i64, i64),
        now: i64,
        zone: &TimeZone,
        unit: jiff::Unit,
    ) -> Result<Vec<Bucket>, EstateError> {
        let start_of = |millis: i64| start_of(millis, zone, unit);
        let quarters = self.quarters(tx, start_of(from), to, now)?;
        Ok(rollup::regroup(&quarters, start_of))
    }

    /// Quarter hours: stored ones for days that are rolled up, the rest from samples. A stretch without a sample
    /// is filled with the value that held through it.
    fn quarters(&self, tx: &mut Tx, from: i64, to: i64, now: i64) -> Result<Vec<Bucket>, EstateError> {
        let (first, last) = (from.div_euclid(DAY), (to - 1).div_euclid(DAY));
        let rows = tx.query(
            "SELECT day, data FROM history_rollup r WHERE point = ?1 AND day >= ?2 AND day <= ?3 AND NOT EXISTS
               (SELECT 1 FROM history_stale_day s WHERE s.point = r.point AND s.day = r.day) ORDER BY day",
            params![self.point, first, last],
            |row| Ok((row.get::<i64>(0)?, row.get::<Vec<u8>>(1)?)),
        )?;
        let mut rolled = BTreeSet::new();
        let mut found: Vec<Bucket> = Vec::new();
        for (day, data) in rows {
            found.extend(
                rollup::decode(&data).map_err(|source| EstateError::Chunk { point: self.point, source })?,
            );
            rolled.insert(day);
        }
        let waiting: BTreeSet<i64> = self.waiting.iter().map(|sample| sample.at.div_euclid(DAY)).collect();
        let is_rolled = |day: &i64| rolled.contains(day) && !waiting.contains(day);
        found.retain(|bucket| is_rolled(&bucket.start.div_euclid(DAY)));
        let mut day = first;
        while day <= last {
            if is_rolled(&day) {
                day += 1;
                continue;
            }
            let mut end = day + 1;
            while end <= last && !is_rolled(&end) {
                end += 1;
            }
            let (begin, stop) = (day * DAY, end * DAY);
            let samples = self.samples(tx, begin, stop)?;
            found.extend(rollup::buckets(&samples, begin, stop, QUARTER, now));
            day = end;
        }
        found.sort_by_key(|bucket| bucket.start);
        found.retain(|bucket| bucket.start >= from && bucket.start < to);
        Ok(found)
    }
}

/// Where the hour or day of a time zone begins that `millis` lies in.
fn start_of(millis: i64, zone: &TimeZone, unit: jiff::Unit) -> i64 {
    let civil = super::sample::time(millis).timestamp().to_zoned(zone.clone());
    let start = match unit {
        jiff::Unit::Day => civil.start_of_day(),
        _ => civil.round(jiff::ZonedRound::new().smallest(unit).mode(jiff::RoundMode::Trunc)),
    };
    start.map_or(millis, |start| start.timestamp().as_millisecond())
}
