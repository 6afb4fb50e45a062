//! Why a trigger did what it did: inputs with quality and age, each condition's result, and what decided.

mod json;

use bo_model::{Data, Time};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// True, false, or not to be told because an input may not be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Can't be told.
    Unknown,
}

impl Truth {
    pub(crate) fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }

    pub(crate) fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::False, _) | (_, Truth::False) => Truth::False,
            (Truth::True, Truth::True) => Truth::True,
            _ => Truth::Unknown,
        }
    }

    pub(crate) fn or(self, other: Truth) -> Truth {
        self.not().and(other.not()).not()
    }
}

impl From<bool> for Truth {
    fn from(yes: bool) -> Truth {
        if yes { Truth::True } else { Truth::False }
    }
}

/// What came out of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Became active.
    Activated,
    /// Cleared.
    Cleared,
    /// Can't be told: stays as it is.
    HeldBack,
    /// Will change when debounce, cooldown or minimum time is over, if nothing else happens.
    Waiting,
    /// Stays as it is.
    Unchanged,
}

impl Verdict {
    /// `activated`, `held-back`, …
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Activated => "activated",
            Verdict::Cleared => "cleared",
            Verdict::HeldBack => "held-back",
            Verdict::Waiting => "waiting",
            Verdict::Unchanged => "unchanged",
        }
    }
}

/// One evaluation, explained. What the trigger itself says is shared with it: a trace is made for each message that fires one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// When.
    pub at: Time,
    /// What came out.
    pub verdict: Verdict,
    /// One sentence for people.
    pub why: String,
    /// Places of the conditions that decided: `when.all[1]`.
    pub decided_by: Vec<Arc<str>>,
    /// Everything it looked at.
    pub inputs: Vec<TraceInput>,
    /// Every condition, parents first.
    pub nodes: Vec<TraceNode>,
    /// Actions that were not given, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// An input as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceInput {
    /// Name of the `[input]`; empty for presence and webhooks.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Arc<str>,
    /// `Sensor_1.people`.
    pub of: Arc<str>,
    /// The datum that was used.
    pub data: Data,
    /// `good`, `uncertain`, `bad`.
    pub quality: Cow<'static, str>,
    /// Why it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How old it was, in seconds.
    pub age: f64,
    /// The rule was allowed to act on it.
    pub accepted: bool,
    /// The default stood in for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub defaulted: bool,
}

/// A condition as it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceNode {
    /// `when.all[1]`.
    pub place: Arc<str>,
    /// `co2 above 1000`.
    pub text: Arc<str>,
    /// Its result.
    pub result: Truth,
    /// With `held_for`: true since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// With `held_for`: when it will have held long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
}
