//! Conversions, so that `publish("power", 12.5)` reads as it should, and errors in words.

use crate::{Data, Error};

impl From<bool> for Data {
    fn from(on: bool) -> Data {
        Data::Boolean(on)
    }
}

impl From<i64> for Data {
    fn from(whole: i64) -> Data {
        Data::Integer(whole)
    }
}

impl From<f64> for Data {
    fn from(real: f64) -> Data {
        Data::Number(real)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Text(text.into())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Data {
        Data::Text(text)
    }
}

impl From<serde_json::Value> for Data {
    fn from(json: serde_json::Value) -> Data {
        Data::Json(json.to_string())
    }
}

impl Data {
    /// As a number where it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Data::Integer(whole) => Some(*whole as f64),
            Data::Number(real) => Some(*real),
            _ => None,
        }
    }

    /// As a boolean where it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Data::Boolean(on) => Some(*on),
            _ => None,
        }
    }

    /// As text where it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The sentence of an error, without its kind.
pub fn sentence(error: &Error) -> String {
    match error {
        Error::Offline(why) => format!("not connected: {why}"),
        Error::Timeout => "no reply in time".into(),
        Error::Busy => "the link is busy".into(),
        Error::Refused(why) | Error::Protocol(why) | Error::Invalid(why) | Error::Failed(why) => why.clone(),
        Error::Exception(code) => format!("Modbus exception {code}"),
    }
}
