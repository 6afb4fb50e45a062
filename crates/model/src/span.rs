//! Lengths of time as people write them in TOML and forms: `250ms`, `10s`, `5min`, `1h 30min`, `2d`.

use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Parses a length of time. The error is a sentence for people.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a length of time; write it like 250ms, 10s, 5min, 1h 30min or 2d");
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let amount: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let tail = &rest[digits..];
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let millis = match &tail[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = amount.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = tail[letters..].trim_start();
    }
    Ok(total)
}

/// Writes it the way [`parse`] reads it, in as few parts as it takes.
pub fn format(span: Duration) -> String {
    let mut millis = span.as_millis();
    if millis == 0 {
        return "0s".into();
    }
    let mut parts = Vec::new();
    for (name, size) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= size {
            parts.push(format!("{}{name}", millis / size));
            millis %= size;
        }
    }
    parts.join(" ")
}

/// For `#[serde(with = "bo_model::span")]`.
pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format(*span))
}

/// For `#[serde(with = "bo_model::span")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_str(Reading)
}

/// Reads a span from text; what else is written there is told how a span is written.
struct Reading;

impl serde::de::Visitor<'_> for Reading {
    type Value = Duration;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("a span of time like `30s`, `5min` or `1h 30min`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(E::custom)
    }
}

/// For `#[serde(default, with = "bo_model::span::option")]`.
pub mod option {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    /// Writes `None` as nothing.
    pub fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => to.serialize_str(&super::format(*span)),
            None => to.serialize_none(),
        }
    }

    /// Reads a missing or null value as `None`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        struct Span(Duration);
        impl<'de> Deserialize<'de> for Span {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
                super::deserialize(from).map(Span)
            }
        }
        Ok(Option::<Span>::deserialize(from)?.map(|span| span.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["250ms", "10s", "5min", "1h 30min", "2d"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        assert!(parse("10").unwrap_err().contains("write it like"));
        assert!(parse("ten seconds").is_err());
        assert!(parse("99999999999999999999d").is_err());
    }
}
