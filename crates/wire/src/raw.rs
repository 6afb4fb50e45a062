//! JSON that is passed on as it was written: a trigger's trace is made on an edge and read when a person looks at it,
//! and nobody on the way takes it apart.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// One JSON value as text. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw(Arc<str>);

impl Raw {
    /// Writes a value down; `null` when it has no JSON.
    pub fn of(value: &impl Serialize) -> Raw {
        serde_json::to_string(value).map(|text| Raw(text.into())).unwrap_or_default()
    }

    /// What was written down already. It has to be one JSON value: records take it over as it is.
    pub fn written(json: &str) -> Raw {
        Raw(json.into())
    }

    /// Reads it.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Default for Raw {
    fn default() -> Raw {
        Raw("null".into())
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| Raw(text.get().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, TriggerRun};

    #[test]
    fn a_trace_goes_through_a_record_as_it_was_written_wherever_the_tag_is() {
        let run = TriggerRun {
            trigger: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
            outcome: "activated".into(),
            trace: Raw::of(&serde_json::json!({"why": "x", "inputs": [1, 2.5, null]})),
            notify: Vec::new(),
        };
        let text = serde_json::to_string(&Body::Trigger(run.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Body>(&text).unwrap(), Body::Trigger(run.clone()));
        let mut fields: serde_json::Map<_, _> = serde_json::from_str(&text).unwrap();
        let tag = fields.remove("t").unwrap();
        let rest = serde_json::to_string(&fields).unwrap();
        let tag_last = format!("{},\"t\":{tag}}}", rest.strip_suffix('}').unwrap());
        let Body::Trigger(read) = serde_json::from_str(&tag_last).unwrap() else { panic!() };
        assert_eq!(read.trace.read::<serde_json::Value>().unwrap()["inputs"][1], 2.5);
    }
}
