//! Settings: what a person may set, how a field is described, and how levels merge per key.
//!
//! One [`Field`] describes a driver setting, a command parameter and a status variable alike, so forms,
//! checks and documentation come from one place.

use crate::value::Data;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The kind of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// On or off.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    #[default]
    Number,
    /// A line of text.
    Text,
    /// One of `choices`.
    Choice,
    /// A length of time, written like `10s` or `5min`.
    Duration,
    /// Any JSON.
    Json,
}

/// What a field holds and how it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// Label for people; the key when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// One sentence of help.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// UCUM-like unit symbol: `W`, `kWh`, `°C`, `%`, `ppm`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Used when nothing is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Json>,
    /// Smallest number allowed, or shortest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number allowed, or longest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// For numbers: the step of a form's control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Digits after the point when shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// Raw value → label. For `choice` the only values allowed; for an enumeration the names of its states.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, String>,
    /// Must be set, there is no default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Never shown, logged, exported or audited in clear.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl Field {
    /// Checks one value against this field. The error is a sentence without the key: `must be at most 100 %`.
    pub fn check(&self, value: &Json) -> Result<(), String> {
        match self.kind {
            FieldKind::Boolean if !value.is_boolean() => Err("must be true or false".into()),
            FieldKind::Integer if !value.is_i64() => Err("must be a whole number".into()),
            FieldKind::Number if !value.is_number() => Err("must be a number".into()),
            FieldKind::Text | FieldKind::Duration if !value.is_string() => Err("must be text".into()),
            FieldKind::Choice => {
                let raw = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if self.choices.contains_key(&raw) {
                    return Ok(());
                }
                Err(format!("must be one of {}", self.choices.keys().cloned().collect::<Vec<_>>().join(", ")))
            }
            FieldKind::Integer | FieldKind::Number => {
                self.check_range(value.as_f64().unwrap_or(0.0), &self.unit)
            }
            FieldKind::Text => {
                self.check_range(value.as_str().map_or(0, |t| t.chars().count()) as f64, "characters")
            }
            FieldKind::Duration => crate::span::parse(value.as_str().unwrap_or("")).map(|_| ()),
            FieldKind::Boolean | FieldKind::Json => Ok(()),
        }
    }

    fn check_range(&self, number: f64, unit: &str) -> Result<(), String> {
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        match (self.min, self.max) {
            (Some(min), _) if number < min => Err(format!("must be at least {min}{unit}")),
            (_, Some(max)) if number > max => Err(format!("must be at most {max}{unit}")),
            _ => Ok(()),
        }
    }

    /// How a datum reads for a person: label of an enumeration, decimals, unit.
    pub fn show(&self, data: &Data) -> String {
        let raw = match data {
            Data::Bool(on) => on.to_string(),
            other => other.to_string(),
        };
        if let Some(label) = self.choices.get(&raw) {
            return label.clone();
        }
        let text = match (data, self.decimals) {
            (Data::Float(real), decimals) => format!("{real:.*}", usize::from(decimals.unwrap_or(1))),
            (Data::Int(whole), Some(decimals)) if decimals > 0 => {
                format!("{:.*}", usize::from(decimals), *whole as f64)
            }
            _ => data.to_string(),
        };
        if self.unit.is_empty() || matches!(data, Data::None) {
            text
        } else {
            format!("{text} {}", self.unit)
        }
    }
}

/// Named values: one level's settings, or a command's parameters.
pub type Values = BTreeMap<String, Json>;

/// Checks `values` against `fields`, fills in defaults. Errors are `(key, sentence)`, all of them, in key order.
pub fn check_all(fields: &BTreeMap<String, Field>, values: &Values) -> Result<Values, Vec<(String, String)>> {
    complete(fields, values).map(|completed| completed.unwrap_or_else(|| values.clone()))
}

/// [`check_all`] that copies nothing where nothing is missing: `None` when `values` are complete as they are.
pub fn complete(
    fields: &BTreeMap<String, Field>,
    values: &Values,
) -> Result<Option<Values>, Vec<(String, String)>> {
    let mut errors = Vec::new();
    let mut completed = None;
    for key in values.keys().filter(|key| !fields.contains_key(*key)) {
        errors.push((key.clone(), "is not a known name here".to_owned()));
    }
    for (key, field) in fields {
        let given = values.get(key);
        match given.or(field.default.as_ref()).map(|value| (value, field.check(value))) {
            Some((_, Err(sentence))) => errors.push((key.clone(), sentence)),
            Some((value, Ok(()))) if given.is_none() => {
                completed.get_or_insert_with(|| values.clone()).insert(key.clone(), value.clone());
            }
            None if field.required => errors.push((key.clone(), "is required".into())),
            _ => {}
        }
    }
    errors.sort();
    if errors.is_empty() { Ok(completed) } else { Err(errors) }
}

/// Where a setting comes from. The order is the precedence: later wins.
/// driver < zones from root to leaf < system < device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The driver's default.
    Driver(String),
    /// A zone, by name.
    Zone(String),
    /// The system, by name.
    System(String),
    /// The device itself.
    Device,
}

/// One resolved setting and every level that set it, the winner last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// The value in force.
    pub value: Json,
    /// Who set it, lowest precedence first; the last is the one in force.
    pub provenance: Vec<(Origin, Json)>,
}

/// Merges levels per key. `levels` come lowest precedence first.
pub fn resolve(levels: &[(Origin, Values)]) -> BTreeMap<String, Resolved> {
    let mut resolved: BTreeMap<String, Resolved> = BTreeMap::new();
    for (origin, values) in levels {
        for (key, value) in values {
            let entry = resolved
                .entry(key.clone())
                .or_insert_with(|| Resolved { value: Json::Null, provenance: Vec::new() });
            entry.value = value.clone();
            entry.provenance.push((origin.clone(), value.clone()));
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn later_levels_win_per_key_and_provenance_names_all() {
        let levels = [
            (
                Origin::Driver("meter".into()),
                Values::from([("unit".into(), json!(1)), ("poll".into(), json!("5s"))]),
            ),
            (Origin::Zone("Building A".into()), Values::from([("poll".into(), json!("10s"))])),
            (Origin::Device, Values::from([("unit".into(), json!(7))])),
        ];
        let resolved = resolve(&levels);
        assert_eq!(resolved["unit"].value, json!(7));
        assert_eq!(resolved["poll"].value, json!("10s"));
        assert_eq!(resolved["unit"].provenance.len(), 2);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let fields = BTreeMap::from([
            (
                "percent".into(),
                Field { kind: FieldKind::Number, max: Some(100.0), unit: "%".into(), ..Field::default() },
            ),
            ("name".into(), Field { kind: FieldKind::Text, required: true, ..Field::default() }),
        ]);
        let values = Values::from([("percent".into(), json!(120)), ("colour".into(), json!("red"))]);
        let errors = check_all(&fields, &values).unwrap_err();
        assert_eq!(
            errors,
            vec![
                ("colour".to_owned(), "is not a known name here".to_owned()),
                ("name".to_owned(), "is required".to_owned()),
                ("percent".to_owned(), "must be at most 100 %".to_owned()),
            ]
        );
    }
}
