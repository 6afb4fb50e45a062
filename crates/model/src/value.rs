//! A value as the product carries it: never a bare number, always with quality, age and source.

use crate::clock::Time;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The datum itself. JSON writes it as the plain JSON value.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// No datum: never read, or the device says it has none.
    #[default]
    None,
    /// On or off, open or closed.
    Bool(bool),
    /// A count or an enumeration.
    Int(i64),
    /// A measurement. NaN and infinities are not data: a codec that meets them reports bad quality.
    Float(f64),
    /// A word or a line.
    Text(Arc<str>),
    /// Whatever has structure.
    Json(Arc<serde_json::Value>),
}

impl Data {
    /// As a number where it is one; booleans count as 0 and 1.
    pub fn number(&self) -> Option<f64> {
        match self {
            Data::Bool(on) => Some(f64::from(u8::from(*on))),
            Data::Int(whole) => Some(*whole as f64),
            Data::Float(real) => Some(*real),
            _ => None,
        }
    }

    /// As a boolean where it is one; numbers are true when not zero.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Data::Bool(on) => Some(*on),
            Data::Int(whole) => Some(*whole != 0),
            Data::Float(real) => Some(*real != 0.0),
            _ => None,
        }
    }

    /// As text where it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// From any JSON value; whole numbers stay whole.
    pub fn from_json(json: serde_json::Value) -> Data {
        use serde_json::Value as J;
        match json {
            J::Null => Data::None,
            J::Bool(on) => Data::Bool(on),
            J::Number(n) => {
                n.as_i64().map(Data::Int).or_else(|| n.as_f64().map(Data::Float)).unwrap_or(Data::None)
            }
            J::String(text) => Data::Text(text.into()),
            other => Data::Json(Arc::new(other)),
        }
    }

    /// To JSON. A float that JSON cannot write becomes null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Data::None => J::Null,
            Data::Bool(on) => J::Bool(*on),
            Data::Int(whole) => J::from(*whole),
            Data::Float(real) => serde_json::Number::from_f64(*real).map_or(J::Null, J::Number),
            Data::Text(text) => J::String(text.to_string()),
            Data::Json(json) => (**json).clone(),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::None => f.write_str("–"),
            Data::Bool(on) => f.write_str(if *on { "on" } else { "off" }),
            Data::Int(whole) => whole.fmt(f),
            Data::Float(real) => real.fmt(f),
            Data::Text(text) => f.write_str(text),
            Data::Json(json) => json.fmt(f),
        }
    }
}

/// Written by hand: what is derived for an untagged enum keeps a copy of everything it tries, and values are most
/// of what an edge sends.
impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> de::Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Data, E> {
        Ok(Data::Bool(on))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Data, E> {
        Ok(Data::Int(whole))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Data, E> {
        Ok(i64::try_from(whole).map_or(Data::Float(whole as f64), Data::Int))
    }

    fn visit_f64<E>(self, real: f64) -> Result<Data, E> {
        Ok(Data::Float(real))
    }

    fn visit_str<E>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Text(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::None)
    }

    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Data, A::Error> {
        serde_json::Value::deserialize(SeqAccessDeserializer::new(seq)).map(|json| Data::Json(json.into()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Data, A::Error> {
        serde_json::Value::deserialize(MapAccessDeserializer::new(map)).map(|json| Data::Json(json.into()))
    }
}

impl From<bool> for Data {
    fn from(on: bool) -> Data {
        Data::Bool(on)
    }
}
impl From<i64> for Data {
    fn from(whole: i64) -> Data {
        Data::Int(whole)
    }
}
impl From<f64> for Data {
    fn from(real: f64) -> Data {
        Data::Float(real)
    }
}
impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Text(text.into())
    }
}

/// Why a value can't be trusted. The words are stable: rules, API and console show them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing was read since the device was configured.
    NeverRead,
    /// Older than the point's staleness.
    Stale,
    /// Retained by a broker: it was true once, nobody said when.
    Retained,
    /// The device or its link can't be reached.
    Offline,
    /// No reply within the deadline.
    Timeout,
    /// The device refused: Modbus exception code.
    Exception(u8),
    /// The reply did not decode: what was wrong.
    Decode(Arc<str>),
    /// The device says that it does not implement this point.
    Unimplemented,
    /// Decoded, but outside what the point can be.
    OutOfRange,
    /// The driver failed: trap, limit, missing release.
    DriverFault(Arc<str>),
    /// The driver said so, in its own words.
    Driver(Arc<str>),
    /// The device was disabled by a person.
    Disabled,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NeverRead => f.write_str("not read yet"),
            Reason::Stale => f.write_str("stale"),
            Reason::Retained => f.write_str("retained, not live yet"),
            Reason::Offline => f.write_str("device offline"),
            Reason::Timeout => f.write_str("no reply in time"),
            Reason::Exception(code) => write!(f, "device refused (Modbus exception {code})"),
            Reason::Decode(what) => write!(f, "reply not understood: {what}"),
            Reason::Unimplemented => f.write_str("not implemented by this device"),
            Reason::OutOfRange => f.write_str("out of range"),
            Reason::DriverFault(what) => write!(f, "driver fault: {what}"),
            Reason::Driver(what) => f.write_str(what),
            Reason::Disabled => f.write_str("device disabled"),
        }
    }
}

/// How far a value can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Read, decoded, fresh.
    Good,
    /// Plausible, but old or second-hand.
    Uncertain(Reason),
    /// Not to be used.
    Bad(Reason),
}

impl Quality {
    /// True for `Good` alone.
    pub fn is_good(&self) -> bool {
        matches!(self, Quality::Good)
    }

    /// `good`, `uncertain` or `bad`.
    pub fn word(&self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Uncertain(_) => "uncertain",
            Quality::Bad(_) => "bad",
        }
    }

    /// Why it is not good.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Quality::Good => None,
            Quality::Uncertain(reason) | Quality::Bad(reason) => Some(reason),
        }
    }
}

/// Who said so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Read from the device.
    Device,
    /// Computed by a driver from other values.
    Derived,
    /// Entered or forced by a person.
    Manual,
    /// The agent itself: presence, health.
    Agent,
}

/// A datum with everything a rule or a person needs to trust it or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The datum. With bad quality: the last good one, shown greyed, never used by a rule.
    pub data: Data,
    /// How far to trust it.
    pub quality: Quality,
    /// When the device showed it, not when it was passed on.
    pub observed_at: Time,
    /// Who said so.
    pub source: Source,
}

impl Value {
    /// A good value read from a device.
    pub fn good(data: impl Into<Data>, observed_at: Time) -> Value {
        Value { data: data.into(), quality: Quality::Good, observed_at, source: Source::Device }
    }

    /// No datum, for a reason.
    pub fn bad(reason: Reason, observed_at: Time) -> Value {
        Value { data: Data::None, quality: Quality::Bad(reason), observed_at, source: Source::Device }
    }

    /// What it is worth at `now`: a good value older than `stale_after` is uncertain.
    pub fn quality_at(&self, now: Time, stale_after: Option<Duration>) -> Quality {
        match (&self.quality, stale_after) {
            (Quality::Good, Some(limit)) if now.since(self.observed_at) > limit => {
                Quality::Uncertain(Reason::Stale)
            }
            (quality, _) => quality.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_value_turns_uncertain_with_age_and_never_the_other_way() {
        let value = Value::good(21.5, Time::from_seconds(100));
        let limit = Some(Duration::from_secs(10));
        assert_eq!(value.quality_at(Time::from_seconds(105), limit), Quality::Good);
        assert_eq!(value.quality_at(Time::from_seconds(111), limit), Quality::Uncertain(Reason::Stale));
        let bad = Value::bad(Reason::Timeout, Time::from_seconds(100));
        assert_eq!(bad.quality_at(Time::from_seconds(100), limit), Quality::Bad(Reason::Timeout));
    }

    #[test]
    fn values_survive_json() {
        let json = |json: serde_json::Value| Data::Json(Arc::new(json));
        let whole = [Data::None, Data::Bool(true), Data::Int(-7), Data::Int(i64::MIN), Data::Float(2.5)];
        let structured = [json(serde_json::json!({"a": [1, null]})), json(serde_json::json!([]))];
        for data in whole.into_iter().chain(structured).chain([Data::Float(2.0), "HDMI 1".into()]) {
            let value = Value::good(data, Time(5));
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }
}
