//! The task that evaluates all triggers.

use super::{ALIVE, KIND, Parts, Request, Shown, TRACES, act, bind};
use crate::board::{Change, Feed, SlotIx};
use crate::site::Desired;
use bo_model::release::SiteTrigger;
use bo_model::{Data, Reason, Time, Value};
use bo_rules::{Compiled, Source, State};
use bo_runtime::ClockWatch;
use bo_wire::Raw;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Changes that may wait for the triggers.
const ROOM: usize = 65_536;
/// Timers are looked at this often at least: a wall clock that jumps moves them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it is at least from one keeping of states to the next, each once however often it changed. The first change after a
/// quiet time is kept at once.
const KEEP_AFTER: Duration = Duration::from_millis(50);
/// How exactly a start after a power cut knows how long it was down.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(super) struct Host {
    parts: Parts,
    instances: Vec<Instance>,
    kept: BTreeMap<String, State>,
    /// Slot → (instance, source).
    readers: HashMap<SlotIx, Vec<(usize, usize)>>,
    due: BinaryHeap<Reverse<(Time, usize)>>,
    feed: Option<Feed>,
    /// Instances whose state is to be kept, and when.
    changed: Vec<usize>,
    keep_at: Option<Instant>,
    kept_at: Instant,
    /// When the agent was last alive before this start, until the states from then are taken over.
    stopped: Option<Time>,
    clock: ClockWatch,
    looked: Instant,
    beat: Instant,
}

pub(super) struct Instance {
    pub site: SiteTrigger,
    pub compiled: Compiled,
    pub state: State,
    /// The last ones, newest first, as they were written down.
    pub traces: VecDeque<Raw>,
    values: Vec<Value>,
    slots: Vec<Option<SlotIx>>,
    due: Option<Time>,
    /// Its state differs from the one that is kept.
    changed: bool,
}

impl Host {
    pub fn new(parts: Parts, kept: BTreeMap<String, State>, stopped: Option<Time>) -> Host {
        let now = Instant::now();
        let clock = ClockWatch::new(parts.clock.now().0, now);
        Host {
            parts,
            instances: Vec::new(),
            kept,
            readers: HashMap::new(),
            due: BinaryHeap::new(),
            feed: None,
            changed: Vec::new(),
            keep_at: None,
            kept_at: now,
            stopped,
            clock,
            looked: now,
            beat: now,
        }
    }

    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let shutdown = self.parts.shutdown.clone();
        let ended = shutdown.signalled();
        let alarm = tokio::time::sleep(LOOK_EVERY);
        tokio::pin!(ended, alarm);
        let mut changes = Vec::new();
        loop {
            // An alarm that is set too early costs a look; setting it anew for each change would cost more.
            let next = Instant::now() + self.pause();
            if next < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(next);
            }
            let feed = self.feed.as_mut();
            tokio::select! {
                () = &mut ended => {
                    self.keep();
                    return self.alive();
                }
                Some(request) = requests.recv() => self.answer(request),
                lost = wait(feed, &mut changes) => {
                    for change in changes.drain(..) {
                        self.take(change);
                    }
                    if lost > 0 {
                        tracing::warn!(lost, "triggers fell behind; inputs are read afresh");
                        self.read_afresh();
                    }
                }
                () = &mut alarm => {}
            }
            self.look();
            self.run_due();
            if self.keep_at.is_some_and(|at| at <= Instant::now()) {
                self.keep();
            }
        }
    }

    /// Keeps the states that changed, each once however often it did.
    fn keep(&mut self) {
        self.keep_at = None;
        self.kept_at = Instant::now();
        for ix in self.changed.drain(..) {
            if let Some(instance) = self.instances.get_mut(ix) {
                instance.changed = false;
                self.parts.store.put(KIND, instance.site.id.to_string(), &instance.state);
            }
        }
    }

    /// Now and then: whether the clock was set, and that the agent lives, so that a next start knows how long it did not.
    fn look(&mut self) {
        let steady = Instant::now();
        if steady.duration_since(self.looked) < LOOK_EVERY {
            return;
        }
        self.looked = steady;
        if let Some(by) = self.clock.look(self.parts.clock.now().0, steady) {
            for instance in &mut self.instances {
                instance.state.shift(by);
            }
            for ix in 0..self.instances.len() {
                self.evaluate(ix);
            }
        }
        if steady.duration_since(self.beat) >= ALIVE_EVERY {
            self.beat = steady;
            self.alive();
        }
    }

    fn alive(&self) {
        // Before the first site nothing was taken over yet: the time down is not over.
        if self.stopped.is_none() {
            self.parts.store.put(ALIVE, ALIVE, &self.parts.clock.now());
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Apply(desired, done) => {
                self.apply(&desired);
                let _ = done.send(());
            }
            Request::Webhook(name, reply) => drop(reply.send(self.webhook(&name))),
            Request::Show(reply) => drop(reply.send(self.show())),
        }
    }

    fn apply(&mut self, desired: &Desired) {
        let now = self.parts.clock.now();
        let mut before = BTreeMap::new();
        self.keep();
        for instance in self.instances.drain(..) {
            self.kept.insert(instance.site.id.to_string(), instance.state.clone());
            before.insert(instance.site.id, instance);
        }
        let stopped = self.stopped.take();
        self.readers.clear();
        self.due.clear();
        let wanted = desired.site.triggers.iter().filter(|trigger| trigger.enabled);
        for trigger in wanted {
            match bind::compile(desired, trigger) {
                Ok(compiled) => {
                    if let Some(old) = before.remove(&trigger.id) {
                        act::retire(&self.parts, &old, Some(&compiled), now);
                    }
                    self.add(trigger, compiled, stopped);
                }
                // A release is checked before it gets here; a trigger that fails all the same must not stop the others.
                Err(error) => tracing::error!(trigger = %trigger.name, %error, "trigger left out"),
            }
        }
        for old in before.values() {
            act::retire(&self.parts, old, None, now);
        }
        for gone in std::mem::take(&mut self.kept).into_keys() {
            if let Ok(trigger) = gone.parse() {
                self.parts.commands.forget_wishes(trigger);
            }
            self.parts.store.remove(KIND, gone);
        }
        let slots: Vec<SlotIx> = self.readers.keys().copied().collect();
        self.feed = Some(self.parts.board.watch(&slots, ROOM));
        self.read_afresh();
        for ix in 0..self.instances.len() {
            self.evaluate(ix);
        }
    }

    fn add(&mut self, trigger: &SiteTrigger, compiled: Compiled, stopped: Option<Time>) {
        let ix = self.instances.len();
        let now = self.parts.clock.now();
        let slots: Vec<_> = compiled
            .sources()
            .iter()
            .map(|source| bind::slot(&self.parts.devices, trigger.system, source))
            .collect();
        for (source, slot) in slots.iter().enumerate() {
            if let Some(slot) = slot {
                self.readers.entry(*slot).or_default().push((ix, source));
            }
        }
        let values = vec![Value::bad(Reason::NeverRead, now); slots.len()];
        let mut state = self.kept.remove(&trigger.id.to_string()).unwrap_or_default();
        if let Some(stopped) = stopped {
            state.interrupted(&compiled, stopped);
        }
        let traces = VecDeque::new();
        self.instances.push(Instance {
            site: trigger.clone(),
            compiled,
            state,
            traces,
            values,
            slots,
            due: None,
            changed: false,
        });
    }

    /// Takes all inputs from the board as they are now.
    fn read_afresh(&mut self) {
        for instance in &mut self.instances {
            for (value, slot) in instance.values.iter_mut().zip(&instance.slots) {
                if let Some(fresh) = slot.and_then(|slot| self.parts.board.get(slot)) {
                    *value = fresh;
                }
            }
        }
    }

    fn take(&mut self, change: Change) {
        let Some(readers) = self.readers.get(&change.slot).map(Vec::len) else { return };
        for reader in 0..readers {
            let (ix, source) = self.readers[&change.slot][reader];
            self.instances[ix].values[source] = change.value.clone();
            self.evaluate(ix);
        }
    }

    fn webhook(&mut self, name: &str) -> usize {
        let now = self.parts.clock.now();
        let mut heard = 0;
        for ix in 0..self.instances.len() {
            let instance = &mut self.instances[ix];
            let mut listens = false;
            for (value, source) in instance.values.iter_mut().zip(instance.compiled.sources()) {
                if matches!(source, Source::Webhook { name: known } if known == name) {
                    *value = Value::good(Data::Bool(true), now);
                    listens = true;
                }
            }
            if listens {
                heard += 1;
                self.evaluate(ix);
            }
        }
        heard
    }

    fn run_due(&mut self) {
        let now = self.parts.clock.now();
        while let Some(Reverse((at, ix))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            // Only the newest entry of an instance counts; older ones were overtaken.
            if self.instances.get(ix).is_some_and(|instance| instance.due == Some(at)) {
                self.evaluate(ix);
            }
        }
    }

    fn evaluate(&mut self, ix: usize) {
        let now = self.parts.clock.now();
        let instance = &mut self.instances[ix];
        self.parts.board.rejuvenate(&instance.slots, &mut instance.values);
        let outcome = bo_rules::evaluate(&instance.compiled, &mut instance.state, &instance.values, now);
        if outcome.next_due != instance.due {
            instance.due = outcome.next_due;
            if let Some(at) = outcome.next_due {
                self.due.push(Reverse((at, ix)));
            }
        }
        if outcome.changed && !std::mem::replace(&mut instance.changed, true) {
            self.changed.push(ix);
            self.keep_at.get_or_insert_with(|| self.kept_at + KEEP_AFTER);
        }
        if outcome.trace.is_some() || !outcome.actions.is_empty() {
            let trace = outcome.trace.as_deref().map(act::written);
            if let Some(trace) = &trace {
                instance.traces.truncate(TRACES - 1);
                instance.traces.push_front(trace.clone());
            }
            act::carry_out(&self.parts, instance, outcome, trace.unwrap_or_default(), now);
        }
    }

    fn pause(&self) -> Duration {
        let look = if self.keep_at.is_some() { KEEP_AFTER } else { LOOK_EVERY };
        let Some(Reverse((at, _))) = self.due.peek() else { return look };
        at.since(self.parts.clock.now()).min(look)
    }

    fn show(&self) -> Vec<Shown> {
        let now = self.parts.clock.now();
        let all = self.instances.iter().map(|instance| Shown {
            id: instance.site.id,
            system: instance.site.system,
            name: instance.site.name.clone(),
            title: instance.compiled.definition().title.clone(),
            active: instance.state.active,
            since: instance.state.since,
            held_back: instance.state.held_back,
            now: bo_rules::explain(&instance.compiled, &instance.state, &instance.values, now),
            traces: instance.traces.iter().filter_map(|trace| trace.read().ok()).collect(),
        });
        all.collect()
    }
}

async fn wait(feed: Option<&mut Feed>, changes: &mut Vec<Change>) -> u64 {
    match feed {
        Some(feed) => feed.recv(changes).await,
        None => std::future::pending().await,
    }
}
