//! Settings of a device and parameters of a command. The gateway has checked them against the manifest, so a
//! wrong type here means that driver and manifest disagree; the error says so.

use crate::{Error, Result};
use serde_json::{Map, Value};

/// Named values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Map<String, Value>);

impl Values {
    /// From JSON text.
    pub fn parse(text: &str) -> Result<Values> {
        serde_json::from_str(text).map(Values).map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Any value, when it was given.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A boolean that must be there.
    pub fn boolean(&self, key: &str) -> Result<bool> {
        self.find(key, "a boolean", Value::as_bool)
    }

    /// A whole number that must be there.
    pub fn integer(&self, key: &str) -> Result<i64> {
        self.find(key, "a whole number", Value::as_i64)
    }

    /// A number that must be there.
    pub fn number(&self, key: &str) -> Result<f64> {
        self.find(key, "a number", Value::as_f64)
    }

    /// A text or choice that must be there.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.find(key, "text", Value::as_str)
    }

    /// A length of time that must be there, in milliseconds.
    pub fn millis(&self, key: &str) -> Result<u32> {
        self.find(key, "a length of time", |value| u32::try_from(value.as_u64()?).ok())
    }

    fn find<'a, T>(&'a self, key: &str, what: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<T> {
        self.0.get(key).and_then(read).ok_or_else(|| Error::Invalid(format!("`{key}` must be {what}")))
    }
}
