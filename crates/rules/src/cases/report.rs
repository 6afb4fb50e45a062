//! What came of the cases, as a terminal shows it.

use super::Expected;
use crate::action::Act;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What came of a trigger's cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The trigger's name.
    pub trigger: String,
    /// In the file's order.
    pub cases: Vec<CaseResult>,
    /// Drivers that were named but not there: nothing was checked against them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The case's sentence.
    pub name: String,
    /// How many steps it has.
    pub steps: usize,
    /// What was not as expected; empty = passed.
    pub failures: Vec<String>,
}

impl Report {
    /// True when every case went as expected.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.failures.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trigger)?;
        for case in &self.cases {
            writeln!(f, "  {}  {}", if case.failures.is_empty() { "ok  " } else { "FAIL" }, case.name)?;
            for failure in &case.failures {
                writeln!(f, "          {failure}")?;
            }
        }
        if !self.unchecked.is_empty() {
            writeln!(f, "  not checked against, because it was not found: {}", self.unchecked.join(", "))?;
        }
        let failed = self.cases.iter().filter(|case| !case.failures.is_empty()).count();
        write!(f, "  {} passed, {failed} failed", self.cases.len() - failed)
    }
}

/// What differs, one sentence each.
pub(super) fn compare_actions(expected: &[Expected], acts: &[Act]) -> Vec<String> {
    let found = || acts.iter().map(told).collect::<Vec<_>>().join("; ");
    if expected.len() != acts.len() {
        return vec![format!("expected {} actions, got {}: {}", expected.len(), acts.len(), found())];
    }
    let pairs = expected.iter().zip(acts).enumerate();
    let wrong = pairs.filter(|(_, (expected, act))| !fits(expected, act));
    wrong.map(|(index, (_, act))| format!("action {}: it was {}", index + 1, told(act))).collect()
}

fn fits(expected: &Expected, act: &Act) -> bool {
    let same = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
    match act {
        Act::Command { device, command, params, .. } => {
            expected.command.as_deref() == Some(&format!("{device}.{command}"))
                && expected.params.as_ref().is_none_or(|wanted| wanted == params)
        }
        Act::RaiseAlarm { severity, text, .. } => {
            expected.alarm.as_deref() == Some(severity.word()) && same(&expected.text, text)
        }
        Act::ClearAlarm { .. } => expected.alarm.as_deref() == Some("clear"),
        Act::Notify { to, text, .. } => expected.notify.as_ref() == Some(to) && same(&expected.text, text),
        Act::Emit { event, .. } => expected.emit.as_deref() == Some(event),
    }
}

fn told(act: &Act) -> String {
    match act {
        Act::Command { device, command, params, .. } => {
            let params = params.iter().map(|(key, value)| format!(" {key}={value}"));
            format!("{device}.{command}{}", params.collect::<String>())
        }
        Act::RaiseAlarm { severity, text, .. } => format!("alarm {}: {text}", severity.word()),
        Act::ClearAlarm { .. } => "the alarm clears".into(),
        Act::Notify { to, text, .. } => format!("notify {}: {text}", to.join(", ")),
        Act::Emit { event, data } => {
            format!("emit {event} {}", serde_json::to_string(data).unwrap_or_default())
        }
    }
}
