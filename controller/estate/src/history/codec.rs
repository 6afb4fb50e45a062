//! Chunks: a run of samples of one point in as few bytes as they need.
//!
//! Layout: kind (1 byte), count and first time (varints), runs of equal grade, then one bit stream: times as
//! delta of delta, then values. Numbers that are decimal fractions (most devices': 21.5, 230.4) are kept as
//! whole numbers times a power of ten, as differences; others as XOR with the one before, the way Gorilla does
//! (Pelkonen et al., VLDB 2015, §4.1). Devices often send single precision, so both forms know it: 230.4 as
//! `f32` is no decimal fraction as `f64`. Nothing is rounded: what goes in comes out.

use super::bits::{BitReader, BitWriter, put_varint, take_bytes, take_varint, unzigzag, zigzag};
use super::sample::{Datum, Grade, Sample};
use std::sync::Arc;

/// Most samples in one chunk. A chart decodes whole chunks; a flush rewrites the last one.
pub const CHUNK_SAMPLES: usize = 1024;

/// Largest power of ten tried for decimal fractions.
const MAX_DECIMALS: u8 = 6;
/// Whole numbers beyond this are not exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A chunk that does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a history chunk of {0} bytes does not read")]
pub struct BadChunk(pub usize);

/// How the values of a chunk are written; the byte at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `i / 10^d`.
    Decimal(u8),
    /// `(i / 10^d) as f32`.
    SingleDecimal(u8),
    /// XOR of 64 bits.
    Xor,
    /// XOR of 32 bits.
    SingleXor,
    /// Indices into a table of words.
    Words,
}

impl Form {
    fn byte(self) -> u8 {
        match self {
            Form::Decimal(decimals) => 0x10 | decimals,
            Form::SingleDecimal(decimals) => 0x20 | decimals,
            Form::Xor => 0x30,
            Form::SingleXor => 0x31,
            Form::Words => 0x40,
        }
    }

    fn from_byte(byte: u8) -> Option<Form> {
        Some(match byte {
            0x10..=0x1f => Form::Decimal(byte & 0xf),
            0x20..=0x2f => Form::SingleDecimal(byte & 0xf),
            0x30 => Form::Xor,
            0x31 => Form::SingleXor,
            0x40 => Form::Words,
            _ => return None,
        })
    }

    /// The cheapest form that gives every number back exactly.
    fn choose(samples: &[Sample]) -> Form {
        if samples.iter().any(|sample| matches!(sample.datum, Datum::Text(_))) {
            return Form::Words;
        }
        let numbers = || samples.iter().filter_map(Sample::number);
        let fits = |form: Form| numbers().all(|number| form.whole(number).is_some());
        let single = numbers().all(|number| f64::from(number as f32).to_bits() == number.to_bits());
        let decimals = (0..=MAX_DECIMALS).map(Form::Decimal);
        let singles = (0..=MAX_DECIMALS).filter(|_| single).map(Form::SingleDecimal);
        let fallback = if single { Form::SingleXor } else { Form::Xor };
        decimals.chain(singles).find(|form| fits(*form)).unwrap_or(fallback)
    }

    /// The whole number that stands for `number`, if it comes back exactly.
    fn whole(self, number: f64) -> Option<i64> {
        let (Form::Decimal(decimals) | Form::SingleDecimal(decimals)) = self else { return None };
        let scaled = (number * 10f64.powi(i32::from(decimals))).round();
        let whole = (scaled.abs() < EXACT).then_some(scaled as i64)?;
        (self.real(whole).to_bits() == number.to_bits()).then_some(whole)
    }

    fn real(self, whole: i64) -> f64 {
        match self {
            Form::Decimal(decimals) => whole as f64 / 10f64.powi(i32::from(decimals)),
            Form::SingleDecimal(decimals) => {
                f64::from((whole as f64 / 10f64.powi(i32::from(decimals))) as f32)
            }
            _ => 0.0,
        }
    }
}

/// Writes up to [`CHUNK_SAMPLES`] samples, in order of time.
pub fn encode(samples: &[Sample]) -> Vec<u8> {
    let form = Form::choose(samples);
    let first = samples.first().map_or(0, |sample| sample.at);
    let mut bytes = vec![form.byte()];
    put_varint(&mut bytes, samples.len() as u64);
    put_varint(&mut bytes, zigzag(first));
    put_grades(&mut bytes, samples);
    let words = if form == Form::Words { put_words(&mut bytes, samples) } else { Vec::new() };

    let mut bits = BitWriter::default();
    let (mut last, mut delta) = (first, 0i64);
    for sample in samples.iter().skip(1) {
        let next = sample.at.wrapping_sub(last);
        bits.put_signed(next.wrapping_sub(delta));
        (last, delta) = (sample.at, next);
    }
    let mut values = ValueWriter { form, whole: 0, xor: Xor::new(form) };
    for sample in samples {
        match &sample.datum {
            // A sample without datum repeats the one before; a flag tells them apart where the grade can't.
            Datum::None => values.nothing(&mut bits),
            Datum::Number(number) if form != Form::Words => values.number(&mut bits, *number),
            Datum::Number(number) => values.word(&mut bits, index(&words, &number.to_string())),
            Datum::Text(text) => values.word(&mut bits, index(&words, text)),
        }
    }
    bytes.extend(bits.finish());
    bytes
}

/// Reads a chunk back.
///
/// # Errors
/// [`BadChunk`] when the bytes are not what [`encode`] writes.
pub fn decode(chunk: &[u8]) -> Result<Vec<Sample>, BadChunk> {
    read(chunk).ok_or(BadChunk(chunk.len()))
}

fn read(chunk: &[u8]) -> Option<Vec<Sample>> {
    let mut rest = chunk;
    let form = Form::from_byte(*take_bytes(&mut rest, 1)?.first()?)?;
    let count = usize::try_from(take_varint(&mut rest)?).ok().filter(|count| *count <= CHUNK_SAMPLES)?;
    let first = unzigzag(take_varint(&mut rest)?);
    let grades = take_grades(&mut rest, count)?;
    let words = if form == Form::Words { take_words(&mut rest)? } else { Vec::new() };
    let mut bits = BitReader::new(rest);

    let mut samples = Vec::with_capacity(count);
    let (mut at, mut delta) = (first, 0i64);
    for (index, grade) in grades.into_iter().enumerate() {
        if index > 0 {
            delta = delta.wrapping_add(bits.get_signed()?);
            at = at.wrapping_add(delta);
        }
        samples.push(Sample { at, grade, datum: Datum::None });
    }
    let mut whole = 0i64;
    let mut xor = Xor::new(form);
    for sample in &mut samples {
        if bits.get(1)? == 1 {
            continue;
        }
        sample.datum = match form {
            Form::Decimal(_) | Form::SingleDecimal(_) => {
                whole = whole.wrapping_add(bits.get_signed()?);
                Datum::Number(form.real(whole))
            }
            Form::Xor => Datum::Number(f64::from_bits(xor.read(&mut bits)?)),
            Form::SingleXor => Datum::Number(f64::from(f32::from_bits(xor.read(&mut bits)? as u32))),
            Form::Words => {
                whole = whole.wrapping_add(bits.get_signed()?);
                Datum::Text(words.get(usize::try_from(whole).ok()?)?.clone())
            }
        };
    }
    Some(samples)
}

struct ValueWriter {
    form: Form,
    whole: i64,
    xor: Xor,
}

impl ValueWriter {
    fn nothing(&mut self, bits: &mut BitWriter) {
        bits.put(1, 1);
    }

    fn number(&mut self, bits: &mut BitWriter, number: f64) {
        bits.put(0, 1);
        match self.form {
            Form::Xor => self.xor.write(bits, number.to_bits()),
            Form::SingleXor => self.xor.write(bits, u64::from((number as f32).to_bits())),
            form => {
                let whole = form.whole(number).unwrap_or_default();
                bits.put_signed(whole.wrapping_sub(self.whole));
                self.whole = whole;
            }
        }
    }

    fn word(&mut self, bits: &mut BitWriter, index: i64) {
        bits.put(0, 1);
        bits.put_signed(index.wrapping_sub(self.whole));
        self.whole = index;
    }
}

/// XOR with the value before: `0` the same; `10` the changed bits lie in the window of the one before;
/// `11` + leading zeros (6 bits) + width − 1 (6 bits) + the changed bits.
struct Xor {
    width: u32,
    last: u64,
    leading: u32,
    trailing: u32,
}

impl Xor {
    fn new(form: Form) -> Xor {
        let width = if form == Form::SingleXor { 32 } else { 64 };
        Xor { width, last: 0, leading: width, trailing: 0 }
    }

    fn write(&mut self, bits: &mut BitWriter, value: u64) {
        let changed = value ^ self.last;
        self.last = value;
        if changed == 0 {
            return bits.put(0, 1);
        }
        let leading = changed.leading_zeros() - (64 - self.width);
        let trailing = changed.trailing_zeros();
        if leading >= self.leading && trailing >= self.trailing {
            bits.put(0b10, 2);
        } else {
            bits.put(0b11, 2);
            bits.put(u64::from(leading), 6);
            bits.put(u64::from(self.width - leading - trailing - 1), 6);
            (self.leading, self.trailing) = (leading, trailing);
        }
        bits.put(changed >> self.trailing, self.width - self.leading - self.trailing);
    }

    fn read(&mut self, bits: &mut BitReader<'_>) -> Option<u64> {
        if bits.get(1)? == 0 {
            return Some(self.last);
        }
        if bits.get(1)? == 1 {
            self.leading = bits.get(6)? as u32;
            let significant = bits.get(6)? as u32 + 1;
            self.trailing = self.width.checked_sub(self.leading + significant)?;
        }
        let significant = self.width.checked_sub(self.leading + self.trailing)?;
        self.last ^= bits.get(significant)? << self.trailing;
        Some(self.last)
    }
}

fn put_grades(bytes: &mut Vec<u8>, samples: &[Sample]) {
    let runs: Vec<(u8, u64)> = samples
        .chunk_by(|a, b| a.grade == b.grade)
        .map(|run| (run.first().map_or(0, |sample| sample.grade.0), run.len() as u64))
        .collect();
    put_varint(bytes, runs.len() as u64);
    for (grade, length) in runs {
        bytes.push(grade);
        put_varint(bytes, length);
    }
}

fn take_grades(rest: &mut &[u8], count: usize) -> Option<Vec<Grade>> {
    let mut grades = Vec::with_capacity(count);
    for _ in 0..take_varint(rest)? {
        let grade = Grade(*take_bytes(rest, 1)?.first()?);
        let length = usize::try_from(take_varint(rest)?).ok().filter(|n| *n <= count - grades.len())?;
        grades.extend(std::iter::repeat_n(grade, length));
    }
    (grades.len() == count).then_some(grades)
}

fn put_words(bytes: &mut Vec<u8>, samples: &[Sample]) -> Vec<Arc<str>> {
    let mut words: Vec<Arc<str>> = Vec::new();
    for sample in samples {
        let word: Arc<str> = match &sample.datum {
            Datum::None => continue,
            Datum::Number(number) => number.to_string().into(),
            Datum::Text(text) => text.clone(),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    put_varint(bytes, words.len() as u64);
    for word in &words {
        put_varint(bytes, word.len() as u64);
        bytes.extend_from_slice(word.as_bytes());
    }
    words
}

fn take_words(rest: &mut &[u8]) -> Option<Vec<Arc<str>>> {
    let count = take_varint(rest)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(take_varint(rest)?).ok()?;
        words.push(std::str::from_utf8(take_bytes(rest, length)?).ok()?.into());
    }
    Some(words)
}

fn index(words: &[Arc<str>], word: &str) -> i64 {
    words.iter().position(|known| known.as_ref() == word).unwrap_or(0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(at: i64, number: f64) -> Sample {
        Sample { at, grade: Grade::GOOD, datum: Datum::Number(number) }
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        let datum = prop_oneof![
            Just(Datum::None),
            (-1_000_000i64..1_000_000, 0..4i32)
                .prop_map(|(whole, d)| Datum::Number(whole as f64 / 10f64.powi(d))),
            any::<f32>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Datum::Number(f64::from(n))),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Datum::Number),
        ];
        (any::<i64>(), 0u8..76, datum).prop_map(|(at, grade, datum)| Sample {
            at,
            grade: Grade(grade),
            datum,
        })
    }

    proptest! {
        #[test]
        fn any_samples_come_back_exactly(samples in prop::collection::vec(any_sample(), 0..200)) {
            prop_assert_eq!(decode(&encode(&samples)), Ok(samples));
        }

        #[test]
        fn words_come_back(texts in prop::collection::vec("[a-zä]{0,6}", 1..80)) {
            let samples: Vec<Sample> = texts.iter().enumerate().map(|(at, text)| Sample {
                at: at as i64 * 7, grade: Grade::GOOD, datum: Datum::Text(text.as_str().into()),
            }).collect();
            prop_assert_eq!(decode(&encode(&samples)), Ok(samples));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }
    }

    /// A repeatable number between 0 and 1.
    fn noise(seed: u64) -> f64 {
        let mixed = (seed ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 40) as f64 / (1u64 << 24) as f64
    }

    fn bytes_per_sample(of: impl Fn(i64) -> f64) -> f64 {
        let jitter = |i: i64| (noise(i as u64 + 99) * 6.0) as i64;
        let samples: Vec<Sample> = (0..CHUNK_SAMPLES as i64)
            .map(|i| number(1_790_000_000_000 + i * 10_000 + jitter(i), of(i)))
            .collect();
        encode(&samples).len() as f64 / samples.len() as f64
    }

    #[test]
    fn what_buildings_measure_takes_three_bytes_at_most() {
        let temperature =
            |i: i64| ((21.0 + (i as f64 / 300.0).sin() + noise(i as u64) * 0.2) * 10.0).round() / 10.0;
        let power = |i: i64| (24_000.0 * (i as f64 / 600.0).sin().abs() + noise(i as u64) * 80.0).round();
        let voltage = |i: i64| f64::from(((2304.0 + noise(i as u64) * 12.0).round() / 10.0) as f32);
        let energy = |i: i64| (123_456.0 + i as f64 * 6.6).round() / 100.0;
        let relay = |i: i64| f64::from(u8::from(i / 40 % 2 == 0));
        let all = [
            bytes_per_sample(temperature),
            bytes_per_sample(power),
            bytes_per_sample(voltage),
            bytes_per_sample(energy),
            bytes_per_sample(relay),
        ];
        assert!(all.iter().all(|bytes| *bytes <= 3.2), "{all:?}");
        assert!(all.iter().sum::<f64>() / all.len() as f64 <= 2.5, "{all:?}");
    }

    #[test]
    fn a_damaged_chunk_is_an_error_and_not_a_wrong_chart() {
        let samples: Vec<Sample> = (0..100).map(|i| number(i * 1000, i as f64 / 10.0)).collect();
        let bytes = encode(&samples);
        assert!(decode(&bytes[..bytes.len() / 2]).is_err());
        assert!(decode(&[]).is_err());
    }
}
