//! Evaluation: one pass over the conditions, then what follows from it. A pure function of the compiled
//! trigger, its state, the inputs and the time. Nothing is allocated unless something happens.

mod pass;

use crate::action::{Act, carry_out, is_permitted};
use crate::compiled::Compiled;
use crate::definition::Policy;
use crate::explain::trace;
use crate::reader::Reader;
use crate::script::dynamic;
use crate::state::State;
use crate::trace::{Trace, Truth, Verdict};
use bo_model::{Time, Value};
use pass::{Pass, tell_away};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a value that was never read yet may be missing before it is told that a trigger is held back.
const STARTING: Duration = Duration::from_secs(60);

/// A change of a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// It became active.
    Activated,
    /// It cleared.
    Cleared,
}

/// What came out of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// It changed.
    pub transition: Option<Transition>,
    /// What the host has to do now, in order.
    pub actions: Vec<Act>,
    /// Evaluate again no later than this, even if no source changes; always after `now`.
    pub next_due: Option<Time>,
    /// The state changed in a way worth storing.
    pub changed: bool,
    /// Present when it changed and when it turns out to be held back.
    pub trace: Option<Arc<Trace>>,
}

/// Evaluates. `values` are in the order of [`Compiled::sources`]; missing ones count as never read.
pub fn evaluate(compiled: &Compiled, state: &mut State, values: &[Value], now: Time) -> Outcome {
    state.fit(compiled);
    let reader = Reader { compiled, values, now };
    let mut pass = Pass::new(&reader);
    let wanted = pass.run(state);
    let mut verdict = decide(compiled, state, wanted, &mut pass);
    if state.active && matches!(verdict, Verdict::Activated | Verdict::Unchanged) {
        let news = tell_away(compiled, state, &mut pass);
        if news && verdict == Verdict::Unchanged {
            verdict = Verdict::Activated;
            state.activations += 1;
        }
    }
    let mut outcome = Outcome {
        transition: None,
        actions: Vec::new(),
        next_due: (pass.due < Time(i64::MAX)).then_some(pass.due),
        changed: pass.changed,
        trace: None,
    };
    let mut withheld = Vec::new();
    match verdict {
        Verdict::Activated | Verdict::Cleared => {
            let active = verdict == Verdict::Activated;
            outcome.transition = Some(if active { Transition::Activated } else { Transition::Cleared });
            act(&reader, active, &mut outcome.actions, &mut withheld);
            outcome.trace = Some(Arc::new(trace(&reader, state, verdict, withheld)));
        }
        Verdict::HeldBack if pass.tell => {
            outcome.trace = Some(Arc::new(trace(&reader, state, verdict, withheld)));
        }
        _ => {}
    }
    outcome
}

/// Explains what [`evaluate`] would do now, changing nothing.
pub fn explain(compiled: &Compiled, state: &State, values: &[Value], now: Time) -> Trace {
    let mut state = state.clone();
    state.fit(compiled);
    let reader = Reader { compiled, values, now };
    let mut pass = Pass::new(&reader);
    let wanted = pass.run(&mut state);
    let verdict = decide(compiled, &mut state, wanted, &mut pass);
    trace(&reader, &state, verdict, Vec::new())
}

/// What ends with a trigger that is disabled, removed or replaced while it is active: its alarms. Its
/// `on_clear` is not carried out, because its condition did not end.
pub fn retire(compiled: &Compiled, state: &State) -> Vec<Act> {
    let mut acts = Vec::new();
    if state.active {
        clear_alarms(compiled, &mut acts);
    }
    acts
}

fn clear_alarms(compiled: &Compiled, acts: &mut Vec<Act>) {
    let alarms = compiled.definition.on_active.iter().filter_map(|action| action.alarm.as_ref());
    for (nth, alarm) in alarms.enumerate() {
        acts.push(Act::ClearAlarm { key: alarm_key(nth), severity: alarm.severity });
    }
}

/// The first alarm of a trigger is the trigger's own; further ones have a number.
fn alarm_key(nth: usize) -> String {
    if nth == 0 { String::new() } else { nth.to_string() }
}

/// What the trigger should be, from the results of its conditions.
fn wanted(compiled: &Compiled, state: &State) -> Truth {
    let result = |index: u32| state.scratch.results[index as usize];
    match compiled.until {
        None => result(compiled.when),
        Some(until) if state.active => result(until).not(),
        Some(until) => result(compiled.when).and(result(until).not()),
    }
}

/// When debounce, cooldown and minimum time allow the change that is pending.
fn earliest(compiled: &Compiled, state: &State, now: Time) -> Time {
    let stable = state.pending.unwrap_or(now).after(compiled.debounce);
    let rest = match state.since {
        Some(since) if state.active => since.after(compiled.min_active),
        Some(since) => since.after(compiled.cooldown),
        None => stable,
    };
    stable.max(rest)
}

fn decide(compiled: &Compiled, state: &mut State, wanted: Truth, pass: &mut Pass<'_>) -> Verdict {
    let now = pass.now;
    // A clock that went back must not make times of the past lie in the future: they would never be over.
    for time in [&mut state.since, &mut state.pending, &mut state.doubt] {
        if time.is_some_and(|time| time > now) {
            *time = Some(now);
            pass.changed = true;
        }
    }
    let held_back = wanted == Truth::Unknown;
    pass.changed |= held_back != state.held_back;
    state.held_back = held_back;
    hold_back(state, pass);
    if held_back || (wanted == Truth::True) == state.active {
        pass.changed |= state.pending.take().is_some();
        return if held_back { Verdict::HeldBack } else { Verdict::Unchanged };
    }
    if state.pending.is_none() {
        state.pending = Some(now);
        pass.changed = true;
    }
    let earliest = earliest(compiled, state, now);
    if now < earliest {
        pass.due(earliest);
        return Verdict::Waiting;
    }
    state.active = !state.active;
    state.since = Some(now);
    state.pending = None;
    state.activations += u64::from(state.active);
    pass.changed = true;
    if state.active { Verdict::Activated } else { Verdict::Cleared }
}

/// Decides whether being held back is told now: once, and not while the edge has just started and devices
/// are still being read for the first time.
fn hold_back(state: &mut State, pass: &mut Pass<'_>) {
    if !state.held_back {
        state.doubt = None;
        state.told = false;
        return;
    }
    let since = *state.doubt.get_or_insert(pass.now);
    if state.told {
        return;
    }
    let end = since.after(STARTING);
    if pass.reader.is_starting() && pass.now < end {
        pass.due(end);
        return;
    }
    state.told = true;
    pass.tell = true;
    pass.changed = true;
}

/// The actions of a transition: those of the definition, then the script's.
fn act(reader: &Reader<'_>, active: bool, acts: &mut Vec<Act>, withheld: &mut Vec<String>) {
    let compiled = reader.compiled;
    let definition = &compiled.definition;
    if !active {
        clear_alarms(compiled, acts);
    }
    let (list, targets) = if active {
        (&definition.on_active, &compiled.on_active)
    } else {
        (&definition.on_clear, &compiled.on_clear)
    };
    let mut alarms = 0;
    for (action, target) in list.iter().zip(targets) {
        carry_out(action, &alarm_key(alarms), target.as_ref(), reader, acts, withheld);
        alarms += usize::from(action.alarm.is_some());
    }
    let Some(script) = compiled.script.as_ref().filter(|script| script.actions) else { return };
    let inputs = script_inputs(reader, false).unwrap_or_default();
    match script.actions(active, inputs) {
        Err(why) => withheld.push(why),
        Ok(actions) => {
            for action in actions {
                match &action.command {
                    Some(target) if !is_permitted(compiled, target) => {
                        withheld.push(format!("{target}: not among the commands this trigger permits"));
                    }
                    _ if action.alarm.is_some() => {
                        withheld
                            .push("rule.rhai: alarms belong into trigger.toml, so that they clear".into());
                    }
                    _ => carry_out(&action, "", None, reader, acts, withheld),
                }
            }
        }
    }
}

/// Inputs as a script sees them. `strict`: nothing unless each may be acted on; otherwise those that may not
/// are `()`.
fn script_inputs(reader: &Reader<'_>, strict: bool) -> Option<rhai::Map> {
    let mut map = rhai::Map::new();
    for (index, slot) in reader.compiled.inputs.iter().enumerate() {
        let value = match reader.read(index as u32) {
            Some(data) => dynamic(&data),
            None if strict && slot.policy != Policy::Any => return None,
            None => rhai::Dynamic::UNIT,
        };
        map.insert((&*slot.name).into(), value);
    }
    Some(map)
}
