//! Whether a status shows what a command wanted: the last link of the evidence chain. Pure.

use bo_model::driver::Effect;
use bo_model::settings::Values;
use bo_model::{Data, Value};
use serde_json::Value as Json;

/// What is to be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Status variable.
    pub status: String,
    data: Json,
    tolerance: f64,
}

impl Wanted {
    /// The effect of a command with these parameters. `None` when it speaks of a parameter that was not given.
    pub fn new(effect: &Effect, params: &Values) -> Option<Wanted> {
        let data = substitute(&effect.equals, params)?;
        Some(Wanted { status: effect.status.clone(), data, tolerance: effect.tolerance.unwrap_or(0.0) })
    }

    /// True when a good value shows it.
    pub fn is_seen_in(&self, value: &Value) -> bool {
        value.quality.is_good() && self.fits(&value.data)
    }

    fn fits(&self, seen: &Data) -> bool {
        match (&self.data, seen) {
            (Json::Number(wanted), _) => match (wanted.as_f64(), seen.number()) {
                (Some(wanted), Some(seen)) => {
                    (wanted - seen).abs() <= self.tolerance + 1e-9 * wanted.abs().max(seen.abs())
                }
                _ => false,
            },
            (Json::Bool(wanted), _) => seen.truth() == Some(*wanted),
            (Json::String(wanted), Data::Text(seen)) => wanted == &**seen,
            // An enumeration may be a number on the device and a word in the manifest.
            (Json::String(wanted), seen) => *wanted == seen.to_string(),
            (wanted, seen) => *wanted == seen.to_json(),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.data {
            Json::String(text) => write!(f, "{} to be {text}", self.status),
            Json::Bool(on) => write!(f, "{} to be {}", self.status, if *on { "on" } else { "off" }),
            other => write!(f, "{} to be {other}", self.status),
        }
    }
}

/// A literal, or `"{param}"` alone, which takes the parameter's value and type.
pub fn substitute(template: &Json, params: &Values) -> Option<Json> {
    let Some(name) = template.as_str().and_then(|text| text.strip_prefix('{')?.strip_suffix('}')) else {
        return Some(template.clone());
    };
    params.get(name).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::{Reason, Time};
    use serde_json::json;

    fn wanted(equals: Json, tolerance: Option<f64>) -> Wanted {
        let effect =
            Effect { status: "x".into(), equals, tolerance, within: std::time::Duration::from_secs(1) };
        let params = Values::from([("percent".into(), json!(70)), ("on".into(), json!(true))]);
        Wanted::new(&effect, &params).unwrap()
    }

    fn sees(wanted: &Wanted, data: impl Into<Data>) -> bool {
        wanted.is_seen_in(&Value::good(data, Time(0)))
    }

    #[test]
    fn a_parameter_keeps_its_type_and_numbers_have_a_tolerance() {
        let limit = wanted(json!("{percent}"), Some(0.5));
        assert!(sees(&limit, 70.4) && sees(&limit, 70) && !sees(&limit, 71.0));
        let exact = wanted(json!("{percent}"), None);
        assert!(sees(&exact, 70.0) && !sees(&exact, 70.1));
        let on = wanted(json!("{on}"), None);
        assert!(sees(&on, true) && sees(&on, 1) && !sees(&on, false));
        assert!(sees(&wanted(json!("on"), None), "on"));
    }

    #[test]
    fn what_is_not_good_proves_nothing() {
        let mut value = Value::good(70, Time(0));
        value.quality = bo_model::Quality::Uncertain(Reason::Stale);
        assert!(!wanted(json!("{percent}"), None).is_seen_in(&value));
    }
}
