//! JSON that is passed on as it was written: a trigger's trace is made on an edge and read when a person looks at it,
//! and nobody on the way takes it apart.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// One JSON value as text. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Raw(Arc<RawValue>);

impl Raw {
    /// Writes a value down; `null` when it has no JSON.
    pub fn of(value: &impl Serialize) -> Raw {
        serde_json::value::to_raw_value(value).map(|text| Raw(text.into())).unwrap_or_default()
    }

    /// Reads it.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.0.get())
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl Default for Raw {
    fn default() -> Raw {
        Raw(RawValue::NULL.to_owned().into())
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Raw) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| Raw(text.into()))
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
