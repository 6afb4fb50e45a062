//! What a trigger remembers between evaluations: small, and written to disk so that holds survive a restart.

use crate::compiled::{Compiled, Stretch};
use crate::trace::Truth;
use bo_model::{Data, Time};
use serde::{Deserialize, Serialize};

/// What one instance remembers. Start with `State::default()`; store it as JSON when [`crate::Outcome::changed`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Active now.
    pub active: bool,
    /// Since when it is as it is; absent before the first transition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The last evaluation could not tell, because of inputs that may not be acted on.
    pub held_back: bool,
    /// How often it became active.
    pub activations: u64,
    /// Since when it is held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doubt: Option<Time>,
    /// That was told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) told: bool,
    /// Since when the result differs from `active` (debounce).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<Time>,
    /// Which conditions the rest belongs to.
    pub(crate) fingerprint: u64,
    pub(crate) holds: Vec<HoldState>,
    pub(crate) pulses: Vec<PulseState>,
    #[serde(skip)]
    pub(crate) scratch: Scratch,
}

/// Of a condition with `held_for`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldState {
    /// True since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Can't be told since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Time>,
}

/// Of a condition with `changed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PulseState {
    /// Last datum that could be acted on.
    #[serde(default)]
    pub last: Data,
    /// When it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// Room to work in, and what is cheap to find again. Not part of the state's meaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub results: Vec<Truth>,
    pub stretches: Vec<Option<Stretch>>,
    pub scope: rhai::Scope<'static>,
    /// Why the script could not answer, of the last evaluation.
    pub script_error: Option<String>,
}

impl PartialEq for Scratch {
    fn eq(&self, _: &Scratch) -> bool {
        true
    }
}

impl State {
    /// Fits it to a trigger. When the conditions are others than before, holds start anew; whether it is
    /// active stays, so that what was switched on is switched off again.
    pub(crate) fn fit(&mut self, to: &Compiled) {
        if self.fingerprint != to.fingerprint
            || self.holds.len() != to.holds
            || self.pulses.len() != to.pulses
        {
            self.fingerprint = to.fingerprint;
            self.pending = None;
            self.holds = vec![HoldState::default(); to.holds];
            self.pulses = vec![PulseState::default(); to.pulses];
            self.scratch = Scratch::default();
        }
        if self.scratch.results.len() != to.nodes.len() {
            self.scratch.results = vec![Truth::Unknown; to.nodes.len()];
            self.scratch.stretches = vec![None; to.schedules];
        }
    }
}
