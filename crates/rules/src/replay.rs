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
    let mut replay = Replay::new(compiled);
    history.into_iter().take_while(|sample| sample.at <= until).for_each(|sample| replay.feed(sample));
    replay.finish(until);
    replay.take()
}

/// A replay that is fed piece by piece, for whoever reads history in parts and says how far it is.
pub struct Replay<'a> {
    run: Run<'a>,
    /// What arrived at this instant was not evaluated yet: more of the same instant is seen together.
    pending: Option<Time>,
}

impl<'a> Replay<'a> {
    /// Over a recording that holds a value as often as it was read.
    pub fn new(compiled: &'a Compiled) -> Replay<'a> {
        Replay { run: Run::new(compiled), pending: None }
    }

    /// Over a recording that holds changes alone: a good value counts as read until the next one.
    pub fn of_changes(compiled: &'a Compiled) -> Replay<'a> {
        let mut replay = Replay::new(compiled);
        replay.run.fresh = true;
        replay
    }

    /// The next value, in order of time.
    pub fn feed(&mut self, sample: Sample) {
        if self.pending.is_none_or(|pending| pending != sample.at) {
            self.settle();
            self.run.timers(sample.at);
        }
        self.pending = Some(sample.at);
        self.run.set(sample);
    }

    fn settle(&mut self) {
        if let Some(at) = self.pending.take() {
            self.run.evaluate(at);
        }
    }

    /// No more values: timers that fall due until then still do.
    pub fn finish(&mut self, until: Time) {
        self.settle();
        self.run.timers(until.after(std::time::Duration::from_micros(1)));
    }

    /// What happened since this was asked last.
    pub fn take(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.run.happened)
    }

    /// Whether it was evaluated as often as a replay may be: what lies behind is not looked at.
    pub fn is_exhausted(&self) -> bool {
        self.run.evaluations >= MAX_EVALUATIONS
    }
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
