//! What a trigger would have done: a draft run over recorded history before it is enabled.

use crate::action::Act;
use crate::compiled::{Compiled, Source};
use crate::evaluate::{Outcome, Transition, evaluate};
use crate::state::State;
use crate::trace::Trace;
use bo_model::Time;
use bo_model::value::{Reason, Value};
use std::sync::Arc;

/// A recorded value of one of the trigger's sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it arrived.
    pub at: Time,
    /// Index into [`Compiled::sources`].
    pub source: usize,
    /// What arrived.
    pub value: Value,
}

/// Something that would have happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// When.
    pub at: Time,
    /// What; absent when it began to be held back.
    pub transition: Option<Transition>,
    /// What would have been done.
    pub actions: Vec<Act>,
    /// Why.
    pub trace: Option<Arc<Trace>>,
}

/// Most evaluations of one replay; what lies behind is not looked at.
const MAX_EVALUATIONS: usize = 10_000_000;

/// Runs a trigger over `history`, which is in order of time, and over the timers that fall due before `until`.
/// Samples of sources it does not have are passed over.
pub fn replay(compiled: &Compiled, history: impl IntoIterator<Item = Sample>, until: Time) -> Vec<Happened> {
    let mut run = Run::new(compiled);
    let mut history = history.into_iter().take_while(|sample| sample.at <= until).peekable();
    while let Some(sample) = history.next() {
        run.timers(sample.at);
        let at = sample.at;
        run.set(sample);
        // What arrived at the same instant is seen together.
        if history.peek().is_none_or(|next| next.at != at) {
            run.evaluate(at);
        }
    }
    run.timers(until.after(std::time::Duration::from_micros(1)));
    run.happened
}

/// A trigger with its inputs, driven through time.
pub(crate) struct Run<'a> {
    pub compiled: &'a Compiled,
    pub state: State,
    pub values: Vec<Value>,
    pub due: Option<Time>,
    pub happened: Vec<Happened>,
    /// Good values count as just read at each evaluation: as if their devices were polled all the time.
    pub fresh: bool,
    evaluations: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(compiled: &'a Compiled) -> Run<'a> {
        Run {
            compiled,
            state: State::default(),
            values: vec![Value::bad(Reason::NeverRead, Time(0)); compiled.sources().len()],
            due: None,
            happened: Vec::new(),
            fresh: false,
            evaluations: 0,
        }
    }

    pub(crate) fn set(&mut self, sample: Sample) {
        if let Some(value) = self.values.get_mut(sample.source) {
            *value = sample.value;
        }
    }

    /// Lets every timer fall due that lies before `end`.
    pub(crate) fn timers(&mut self, end: Time) {
        while let Some(due) = self.due.filter(|due| *due < end) {
            if self.evaluations >= MAX_EVALUATIONS {
                return;
            }
            self.evaluate(due);
        }
    }

    pub(crate) fn evaluate(&mut self, at: Time) {
        self.evaluations += 1;
        for (value, source) in self.values.iter_mut().zip(self.compiled.sources()) {
            if self.fresh && value.quality.is_good() && !matches!(source, Source::Webhook { .. }) {
                value.observed_at = at;
            }
        }
        let Outcome { transition, actions, next_due, trace, .. } =
            evaluate(self.compiled, &mut self.state, &self.values, at);
        // A timer that would not lie ahead would never let time pass.
        self.due = next_due.map(|due| due.max(Time(at.0.saturating_add(1))));
        if transition.is_some() || trace.is_some() {
            self.happened.push(Happened { at, transition, actions, trace });
        }
    }
}
