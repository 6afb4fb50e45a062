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
    /// Of a device that is away: that was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
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
    /// Nobody evaluated from `stopped` until now, as over a restart: whether conditions held in between is not known, so
    /// that time counts for no `held_for` and no debounce. Schedules alone need no witness.
    pub fn interrupted(&mut self, of: &Compiled, stopped: Time) {
        self.fit(of);
        self.pending = None;
        let mut known = vec![false; self.holds.len()];
        for (index, node) in of.nodes.iter().enumerate() {
            if let Some(hold) = node.hold {
                known[hold.slot as usize] = of.is_clockwork(index as u32);
            }
        }
        for (hold, _) in self.holds.iter_mut().zip(known).filter(|(_, known)| !known) {
            if let (Some(since), None) = (hold.since, hold.doubt) {
                hold.doubt = Some(stopped.max(since));
            }
        }
    }

    /// The clock was set by this many microseconds: what has lasted a while has lasted as long by the new clock.
    pub fn shift(&mut self, micros: i64) {
        let shift = |time: &mut Option<Time>| {
            if let Some(time) = time {
                time.0 = time.0.saturating_add(micros);
            }
        };
        [&mut self.since, &mut self.doubt, &mut self.pending].into_iter().for_each(shift);
        for hold in &mut self.holds {
            shift(&mut hold.since);
            shift(&mut hold.doubt);
        }
        self.pulses.iter_mut().for_each(|pulse| shift(&mut pulse.at));
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Transition, evaluate, load};
    use bo_model::settings::Values;
    use bo_model::{Reason, Value};
    use std::time::Duration;

    const EMPTY: &str = "name = \"t\"\ntitle = \"T\"\ninput.people.of = \"Sensor_1.people\"\n\
        when = { input = \"people\", equals = 0, held_for = \"10min\" }\n";

    fn compiled(text: &str) -> Compiled {
        let sensor = crate::ContextDevice { address: "Sensor_1".into(), ..Default::default() };
        load(text, None, &Values::new(), &Context { devices: vec![sensor], ..Context::default() }).unwrap()
    }

    fn minutes(n: i64) -> Time {
        Time::from_seconds(n * 60)
    }

    fn empty(compiled: &Compiled, state: &mut State, at: Time) -> Option<Transition> {
        evaluate(compiled, state, &[Value::good(0, at)], at).transition
    }

    #[test]
    fn time_the_edge_was_down_counts_for_no_hold() {
        let compiled = compiled(EMPTY);
        let mut state = State::default();
        assert_eq!(empty(&compiled, &mut state, minutes(0)), None);
        // Four minutes held, twenty minutes down: somebody may have come and gone.
        let mut state: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        state.interrupted(&compiled, minutes(4));
        evaluate(&compiled, &mut state, &[Value::bad(Reason::NeverRead, minutes(24))], minutes(24));
        assert_eq!(empty(&compiled, &mut state, minutes(24)), None);
        assert_eq!(empty(&compiled, &mut state, minutes(29)), None);
        assert_eq!(empty(&compiled, &mut state, minutes(30)), Some(Transition::Activated));
    }

    #[test]
    fn what_only_the_clock_decides_held_while_the_edge_was_down() {
        let night =
            "name = \"t\"\ntitle = \"T\"\nwhen = { from = \"20:00\", to = \"06:00\", held_for = \"1h\" }\n";
        let compiled = compiled(night);
        let mut state = State::default();
        evaluate(&compiled, &mut state, &[], minutes(20 * 60));
        state.interrupted(&compiled, minutes(20 * 60 + 1));
        let outcome = evaluate(&compiled, &mut state, &[], minutes(21 * 60));
        assert_eq!(outcome.transition, Some(Transition::Activated));
    }

    #[test]
    fn a_clock_that_is_set_neither_ends_nor_lengthens_what_was_held() {
        let compiled = compiled(EMPTY);
        for hour in [1i64, -1] {
            let mut state = State::default();
            empty(&compiled, &mut state, minutes(600));
            let set = minutes(604 + hour * 60);
            state.shift(hour * 3_600_000_000);
            assert_eq!(empty(&compiled, &mut state, set), None, "{hour}");
            assert_eq!(empty(&compiled, &mut state, set.after(Duration::from_secs(359))), None, "{hour}");
            let fired = empty(&compiled, &mut state, set.after(Duration::from_secs(360)));
            assert_eq!(fired, Some(Transition::Activated), "{hour}");
        }
    }
}
