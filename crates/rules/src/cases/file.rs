//! The shape of `cases.toml`.

use super::{with_quality, wrong};
use crate::diagnostic::{Error, read_toml};
use bo_model::settings::Values;
use bo_model::{Data, Reason, Time, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const MAX_TEXT: usize = 256 * 1024;

/// A whole `cases.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cases {
    /// Address → driver: what the trigger is checked against, and devices its patterns find.
    pub devices: BTreeMap<String, String>,
    /// IANA time zone; UTC when absent.
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees.
    pub position: Option<(f64, f64)>,
    /// Wall clock time at which each case begins; Monday 2026-01-05T12:00:00 when absent.
    pub start: Option<String>,
    /// `[[case]]`.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// One timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence that says what is meant to happen.
    pub name: String,
    /// Parameters of the instance.
    #[serde(default)]
    pub params: Values,
    /// Devices that this system lacks.
    #[serde(default)]
    pub without: Vec<String>,
    /// Instead of the file's.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Instead of the file's.
    #[serde(default)]
    pub start: Option<String>,
    /// Values at the start, by input's name or by address.
    #[serde(default)]
    pub given: Values,
    /// What happens at the start.
    #[serde(default)]
    pub expect: Expect,
    /// What it does at the start.
    #[serde(default)]
    pub actions: Option<Vec<Expected>>,
    /// What follows, in order of time.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One instant of a timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Since the start (`10min`), or the wall clock (`2026-01-05T22:00:00`).
    pub at: String,
    /// Values that arrive: a literal is good; `{ data = 1, quality = "bad" }` says otherwise.
    pub set: Values,
    /// Devices that go offline.
    pub offline: Vec<String>,
    /// Devices that come back.
    pub online: Vec<String>,
    /// A webhook that is called.
    pub call: Option<String>,
    /// The edge restarts just before.
    pub restart: bool,
    /// The clock was set back: this step lies before the one above.
    pub clock_jumps: bool,
    /// What is expected may happen at any time since the step above: for times nobody knows to the second.
    pub meanwhile: bool,
    /// What happens now. Before, and when absent: nothing.
    pub expect: Expect,
    /// What it does; not looked at when absent.
    pub actions: Option<Vec<Expected>>,
}

/// What happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Nothing.
    #[default]
    Nothing,
    /// It becomes active.
    Active,
    /// It clears.
    Clear,
    /// It begins to be held back.
    HeldBack,
}

impl Expect {
    /// As the file writes it.
    pub fn word(self) -> &'static str {
        match self {
            Expect::Nothing => "nothing",
            Expect::Active => "active",
            Expect::Clear => "clear",
            Expect::HeldBack => "held-back",
        }
    }
}

/// An action that is expected. What is not given is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expected {
    /// `Hvac_1.set_mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// All of the command's parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Values>,
    /// Severity of an alarm that is raised, or `clear`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// Who is notified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Vec<String>>,
    /// Name of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emit: Option<String>,
    /// Text of the alarm or the notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Cases {
    /// Reads a `cases.toml`. An unknown key is an error with its line.
    pub fn parse(text: &str) -> Result<Cases, Error> {
        let cases: Cases = read_toml("cases.toml", text, MAX_TEXT)?;
        if cases.cases.is_empty() {
            return Err(Error::Invalid(vec![wrong("has no [[case]]".into())]));
        }
        Ok(cases)
    }
}

/// A value as a case writes it.
pub(super) fn value(json: &Json, at: Time) -> Result<Value, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        #[serde(default)]
        data: Json,
        quality: String,
        #[serde(default)]
        reason: Option<Reason>,
    }
    if !json.is_object() {
        return Ok(Value::good(Data::from_json(json.clone()), at));
    }
    let written: Written = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
    let otherwise = if written.quality == "bad" { Reason::Offline } else { Reason::Stale };
    with_quality(Data::from_json(written.data), &written.quality, written.reason.unwrap_or(otherwise), at)
        .ok_or_else(|| format!("quality `{}` is not good, uncertain or bad", written.quality))
}
