//! Values as one blob: a batch, as it is written before an edge is acknowledged, and pages of last values.
//!
//! Per value: the point's number, the time as a difference, the grade, then a head (bits 0–3 the kind of datum, 4–5 the source,
//! 6 set when words of the reason follow, 7 set when it is kept in history), the datum, the words.

use super::bits::{put_varint, take_bytes, take_varint, unzigzag, zigzag};
use super::sample::Grade;
use bo_model::value::Source;
use bo_model::{Data, Quality, Reason, Time, Value};
use std::borrow::Cow;

/// A value on its way into history.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The point's number.
    pub point: i64,
    /// Goes into the charts; otherwise it only counts as the last value.
    pub keep: bool,
    /// The value.
    pub value: Value,
}

/// Writes a batch.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * 16);
    let mut last = 0i64;
    for entry in entries {
        let value = &entry.value;
        put_varint(&mut bytes, entry.point as u64);
        put_varint(&mut bytes, zigzag(value.observed_at.0.wrapping_sub(last)));
        last = value.observed_at.0;
        bytes.push(Grade::of(&value.quality).0);
        let source = match value.source {
            Source::Device => 0u8,
            Source::Derived => 1,
            Source::Manual => 2,
            Source::Agent => 3,
        };
        let why = words(&value.quality);
        let head = |tag: u8| tag | source << 4 | u8::from(why.is_some()) << 6 | u8::from(entry.keep) << 7;
        match &value.data {
            Data::Text(word) => {
                bytes.push(head(5));
                put_text(&mut bytes, word);
            }
            Data::Json(json) => {
                bytes.push(head(6));
                put_text(&mut bytes, &json.to_string());
            }
            Data::None => bytes.push(head(0)),
            Data::Bool(on) => bytes.push(head(1 + u8::from(*on))),
            Data::Int(whole) => {
                bytes.push(head(3));
                put_varint(&mut bytes, zigzag(*whole));
            }
            Data::Float(real) => {
                bytes.push(head(4));
                bytes.extend_from_slice(&real.to_bits().to_be_bytes());
            }
        }
        if let Some(why) = why {
            put_text(&mut bytes, &why);
        }
    }
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    std::str::from_utf8(take_bytes(bytes, length)?).ok()
}

/// What a grade does not say of a reason.
fn words(quality: &Quality) -> Option<Cow<'_, str>> {
    match quality.reason()? {
        Reason::Exception(code) => Some(code.to_string().into()),
        Reason::Decode(why) | Reason::DriverFault(why) | Reason::Driver(why) => Some(why.as_ref().into()),
        _ => None,
    }
}

fn with_words(quality: Quality, words: &str) -> Quality {
    let reason = |reason| match reason {
        Reason::Exception(_) => Reason::Exception(words.parse().unwrap_or_default()),
        Reason::Decode(_) => Reason::Decode(words.into()),
        Reason::DriverFault(_) => Reason::DriverFault(words.into()),
        Reason::Driver(_) => Reason::Driver(words.into()),
        other => other,
    };
    match quality {
        Quality::Good => Quality::Good,
        Quality::Uncertain(why) => Quality::Uncertain(reason(why)),
        Quality::Bad(why) => Quality::Bad(reason(why)),
    }
}

/// Reads a batch; `None` when it is damaged.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut last = 0i64;
    while !bytes.is_empty() {
        let point = take_varint(&mut bytes)? as i64;
        last = last.wrapping_add(unzigzag(take_varint(&mut bytes)?));
        let (grade, head) = (*take_bytes(&mut bytes, 1)?.first()?, *take_bytes(&mut bytes, 1)?.first()?);
        let data = match head & 0xf {
            0 => Data::None,
            1 => Data::Bool(false),
            2 => Data::Bool(true),
            3 => Data::Int(unzigzag(take_varint(&mut bytes)?)),
            4 => Data::Float(f64::from_bits(u64::from_be_bytes(*take_bytes(&mut bytes, 8)?.first_chunk()?))),
            tag => {
                let text = take_text(&mut bytes)?;
                if tag == 5 {
                    Data::Text(text.into())
                } else {
                    Data::from_json(serde_json::from_str(text).ok()?)
                }
            }
        };
        let source = [Source::Device, Source::Derived, Source::Manual, Source::Agent]
            [usize::from(head >> 4 & 3)]
        .clone();
        let mut quality = Grade(grade).quality();
        if head >> 6 & 1 == 1 {
            quality = with_words(quality, take_text(&mut bytes)?);
        }
        let value = Value { data, quality, observed_at: Time(last), source };
        entries.push(Entry { point, keep: head >> 7 == 1, value });
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::{Quality, Reason};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_batch_reads_back(values in prop::collection::vec((0i64..1_000_000, any::<i64>(), 0u8..5, any::<i64>(), any::<bool>()), 0..50)) {
            let entries: Vec<Entry> = values.into_iter().map(|(point, at, kind, number, keep)| {
                let data = match kind {
                    0 => Data::None,
                    1 => Data::Bool(number > 0),
                    2 => Data::Int(number),
                    3 => Data::Float(number as f64 / 3.0),
                    _ => Data::Text(number.to_string().into()),
                };
                let quality = match (keep, kind) {
                    (true, _) => Quality::Good,
                    (_, 0) => Quality::Bad(Reason::Exception(3)),
                    (_, 1) => Quality::Uncertain(Reason::Driver("in its own words".into())),
                    _ => Quality::Bad(Reason::Timeout),
                };
                Entry { point, keep, value: Value { data, quality, observed_at: Time(at), source: Source::Derived } }
            }).collect();
            prop_assert_eq!(decode(&encode(&entries)), Some(entries));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
