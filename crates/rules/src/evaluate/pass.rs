//! One pass over the conditions of a trigger: what each says now, which holds and pulses go on, and when to come back.

use super::{script_inputs, wanted};
use crate::compare::compare;
use crate::compiled::{Compiled, Node, Op, Operand, Stretch, Test};
use crate::reader::{Grade, Reader};
use crate::script::next_minute;
use crate::state::{HoldState, PulseState, Scratch, State};
use crate::trace::Truth;
use bo_model::{Data, Time};
use std::time::Duration;

/// One pass over the conditions.
pub(super) struct Pass<'a> {
    pub reader: &'a Reader<'a>,
    pub now: Time,
    pub due: Time,
    pub changed: bool,
    /// Being held back is worth a trace now.
    pub tell: bool,
}

impl<'a> Pass<'a> {
    pub fn new(reader: &'a Reader<'a>) -> Pass<'a> {
        Pass { reader, now: reader.now, due: Time(i64::MAX), changed: false, tell: false }
    }

    pub fn due(&mut self, at: Time) {
        if at < self.due {
            self.due = at;
        }
    }

    /// Evaluates every condition and says what the trigger should be.
    pub fn run(&mut self, state: &mut State) -> Truth {
        let compiled = self.reader.compiled;
        state.scratch.script_error = None;
        for source in 0..compiled.sources.len() as u32 {
            if let Some(at) = self.reader.stale_at(source) {
                self.due(at);
            }
        }
        for (index, node) in compiled.nodes.iter().enumerate() {
            let raw = match &node.test {
                Test::Away { sources, first, span } => {
                    let holds = &mut state.holds[*first as usize..*first as usize + sources.len()];
                    self.away(sources, *span, holds)
                }
                _ => self.test(node, &mut state.pulses, &mut state.scratch),
            };
            state.scratch.results[index] = match node.hold {
                Some(hold) => self.hold(raw, hold.span, &mut state.holds[hold.slot as usize]),
                None => raw,
            };
        }
        wanted(compiled, state)
    }

    fn test(&mut self, node: &Node, pulses: &mut [PulseState], scratch: &mut Scratch) -> Truth {
        let result = |index: &u32| scratch.results[*index as usize];
        match &node.test {
            Test::All(of) => of.iter().fold(Truth::True, |all, child| all.and(result(child))),
            Test::Any(of) => of.iter().fold(Truth::False, |any, child| any.or(result(child))),
            Test::Not(child) => result(child).not(),
            Test::Compare { input, op, right } => self.compare(*input, *op, right),
            Test::Between { input, low, high } => {
                self.compare(*input, Op::AtLeast, low).and(self.compare(*input, Op::AtMost, high))
            }
            Test::OneOf { input, values } => {
                values.iter().fold(Truth::False, |any, value| any.or(self.compare(*input, Op::Equals, value)))
            }
            Test::Changed { input, slot, lasts } => self.pulse(*input, *lasts, &mut pulses[*slot as usize]),
            Test::Quality { input, is } => self.reader.quality_is(*input, *is),
            Test::Window { window, slot } => {
                self.stretch(&mut scratch.stretches[*slot as usize], |now| window.at(now))
            }
            Test::Cron { cron, slot } => {
                self.stretch(&mut scratch.stretches[*slot as usize], |now| cron.at(now))
            }
            Test::Webhook { source, lasts } => {
                let call = self.reader.value(*source);
                let called = call.quality.is_good().then_some(call.observed_at);
                self.lasting(called, *lasts)
            }
            Test::Presence { sources, online } => self.presence(sources, *online),
            Test::Away { .. } => Truth::Unknown,
            Test::Script => self.script(scratch),
        }
    }

    fn compare(&self, input: u32, op: Op, right: &Operand) -> Truth {
        let Some(left) = self.reader.read(input) else { return Truth::Unknown };
        match right {
            Operand::Const(right) => compare(&left, op, right),
            Operand::Input(other) => {
                self.reader.read(*other).map_or(Truth::Unknown, |right| compare(&left, op, &right))
            }
        }
    }

    /// True from `at` for `lasts`. A call from the future (the clock went back) is over.
    fn lasting(&mut self, at: Option<Time>, lasts: Duration) -> Truth {
        let Some(at) = at.filter(|at| *at <= self.now) else { return Truth::False };
        let end = at.after(lasts);
        if end > self.now {
            self.due(end);
        }
        Truth::from(end > self.now)
    }

    fn pulse(&mut self, input: u32, lasts: Duration, pulse: &mut PulseState) -> Truth {
        let Some(data) = self.reader.read(input) else {
            return match self.lasting(pulse.at, lasts) {
                Truth::True => Truth::True,
                _ => Truth::Unknown,
            };
        };
        if *data != pulse.last {
            pulse.at = (pulse.last != Data::None).then_some(self.now);
            pulse.last = data.into_owned();
            self.changed = true;
        }
        self.lasting(pulse.at, lasts)
    }

    fn stretch(&mut self, cache: &mut Option<Stretch>, ask: impl Fn(Time) -> Stretch) -> Truth {
        let stretch = match *cache {
            Some(known) if known.from <= self.now && self.now < known.until => known,
            _ => {
                let mut fresh = ask(self.now);
                // At the ends of the calendar there is no next boundary; never one that is not ahead.
                fresh.until = fresh.until.max(self.now.after(Duration::from_secs(1)));
                *cache.insert(fresh)
            }
        };
        self.due(stretch.until);
        stretch.answer.into()
    }

    fn is_online(&self, source: u32) -> Truth {
        match (self.reader.grade(source), self.reader.value(source).data.truth()) {
            (Grade::Good, Some(there)) => there.into(),
            _ => Truth::Unknown,
        }
    }

    fn presence(&self, sources: &[u32], online: bool) -> Truth {
        let all_online = sources.iter().fold(Truth::True, |all, source| all.and(self.is_online(*source)));
        if online { all_online } else { all_online.not() }
    }

    /// One device at least is away for the whole span.
    fn away(&mut self, sources: &[u32], span: Duration, holds: &mut [HoldState]) -> Truth {
        sources.iter().zip(holds).fold(Truth::False, |any, (source, hold)| {
            let away = self.is_online(*source).not();
            any.or(self.hold(away, span, hold))
        })
    }

    fn script(&mut self, scratch: &mut Scratch) -> Truth {
        let compiled = self.reader.compiled;
        let Some(script) = &compiled.script else { return Truth::Unknown };
        if script.condition == Some(true) {
            self.due(next_minute(self.now));
        }
        let Some(inputs) = script_inputs(self.reader, true) else { return Truth::Unknown };
        match script.ask(&mut scratch.scope, inputs, self.now, &compiled.zone) {
            Ok(truth) => truth,
            Err(why) => {
                scratch.script_error = Some(why);
                Truth::Unknown
            }
        }
    }

    /// `held_for`: true only once it was true, and could be told, for the whole span. Time in doubt neither
    /// counts nor starts it anew; a clock that went back starts it anew.
    fn hold(&mut self, raw: Truth, span: Duration, hold: &mut HoldState) -> Truth {
        let before = *hold;
        let result = match raw {
            Truth::False => {
                *hold = HoldState::default();
                Truth::False
            }
            Truth::Unknown => {
                if hold.since.is_some() && hold.doubt.is_none() {
                    hold.doubt = Some(self.now);
                }
                Truth::Unknown
            }
            Truth::True => {
                let doubted = hold.doubt.map_or(Duration::ZERO, |doubt| self.now.since(doubt));
                let since = hold.since.map_or(self.now, |since| since.after(doubted)).min(self.now);
                *hold = HoldState { since: Some(since), doubt: None, told: hold.told };
                let end = since.after(span);
                if end > self.now {
                    self.due(end);
                }
                Truth::from(end <= self.now)
            }
        };
        self.changed |= *hold != before;
        result
    }
}

/// Marks the devices that are away long enough as told; true when one was not.
pub(super) fn tell_away(compiled: &Compiled, state: &mut State, pass: &mut Pass<'_>) -> bool {
    let mut news = false;
    for node in &compiled.nodes {
        let Test::Away { sources, first, span } = &node.test else { continue };
        for hold in &mut state.holds[*first as usize..*first as usize + sources.len()] {
            let is_away =
                hold.doubt.is_none() && hold.since.is_some_and(|since| since.after(*span) <= pass.now);
            news |= is_away && !hold.told;
            hold.told |= is_away;
        }
    }
    pass.changed |= news;
    news
}
