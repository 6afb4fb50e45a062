//! Commands: one path for the controller, the local page, the command line, triggers and logic devices.
//!
//! requested → authorised → arbitrated → written → read back → effect observed; each step is a record of
//! class `command`. The same id twice is done once, a restart included; after its deadline nothing is written.

pub mod arbiter;
pub mod effect;
mod pipeline;
mod progress;
mod under_way;
mod waiting;

pub use arbiter::{Hold, Policy};

use crate::board::{Board, Recorder};
use crate::devices::Devices;
use crate::error::EdgeError;
use crate::store::Store;
use arbiter::Arbiter;
use bo_model::clock::SharedClock;
use bo_model::command::{Actor, CommandRequest, Priority, Stage, Step};
use bo_model::{CommandId, DeviceId, IdGen, Time, TriggerId};
use bo_runtime::{ClockWatch, Shutdown};
use bo_wire::{Body, Class, LogLevel, LogLine};
use progress::Progress;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use under_way::UnderWay;
use waiting::Waiting;

/// Commands under way at once; more are refused.
const AT_ONCE: usize = 1024;
/// How often leases are looked at.
const LEASES_EVERY: Duration = Duration::from_secs(1);
/// How long a safe value may take to be written.
const SAFE_VALUE_WITHIN: Duration = Duration::from_secs(30);
/// What commands under way get to finish when the agent stops.
const GRACE: Duration = Duration::from_secs(2);
const HOLD: &str = "hold";
const STOPPED: &str = "the agent was stopped while it was under way; whether it was written is not known";

/// The one way to change a device. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    shared: Arc<Shared>,
}

struct Shared {
    board: Arc<Board>,
    devices: Arc<Devices>,
    record: Recorder,
    store: Store,
    clock: SharedClock,
    ids: Arc<IdGen>,
    arbiter: Mutex<Arbiter>,
    waiting: Mutex<Waiting>,
    progress: Mutex<Progress>,
    room: Arc<Semaphore>,
    under_way: UnderWay,
    shutdown: Shutdown,
}

/// What the pipeline needs.
pub struct Parts {
    /// Where effects are seen.
    pub board: Arc<Board>,
    /// Who carries them out.
    pub devices: Arc<Devices>,
    /// Where evidence goes.
    pub record: Recorder,
    /// Memory across restarts.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// Ids for commands made here.
    pub ids: Arc<IdGen>,
    /// How long holds last.
    pub policy: Policy,
    /// The end.
    pub shutdown: Shutdown,
}

impl Commands {
    /// Starts with the holds and the ids that survived a restart. A command that was under way when the agent
    /// stopped is reported as failed: nobody knows whether it was written.
    pub fn start(parts: Parts, state: &Path) -> Result<Commands, EdgeError> {
        let holds = Store::load::<Hold>(state, HOLD)?;
        let (progress, interrupted) = Progress::restore(Store::load(state, progress::KIND)?);
        let waiting = Waiting::new(Store::load(state, waiting::KIND)?, parts.store.clone());
        let (under_way, outcomes) = UnderWay::new();
        let commands = Commands {
            shared: Arc::new(Shared {
                waiting: Mutex::new(waiting),
                arbiter: Mutex::new(Arbiter::new(parts.policy, holds.into_values())),
                progress: Mutex::new(progress),
                room: Arc::new(Semaphore::new(AT_ONCE)),
                under_way,
                board: parts.board,
                devices: parts.devices,
                record: parts.record,
                store: parts.store,
                clock: parts.clock,
                ids: parts.ids,
                shutdown: parts.shutdown,
            }),
        };
        for command in interrupted {
            let why = "the agent was restarted while it was under way; whether it was written is not known";
            let now = commands.shared.clock.now();
            commands.shared.finish(command, Stage::Failed { why: why.into() }, true, now);
        }
        commands.shared.shutdown.spawn(under_way::hear(commands.shared.clone(), outcomes));
        let leases = commands.clone();
        commands.shared.shutdown.spawn(async move { leases.watch_leases().await });
        Ok(commands)
    }

    /// Takes a request and carries it out in the background. The receiver shows how far it came; asking with
    /// an id that is known already shows the first one's.
    pub fn submit(&self, request: CommandRequest) -> watch::Receiver<Stage> {
        let durable = !matches!(request.actor, Actor::Trigger { .. } | Actor::Driver { .. } | Actor::System);
        let known = {
            let now = self.shared.clock.now();
            let mut progress = self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.begin(&request, durable, now)
        };
        match known {
            progress::Begin::Known(stage) => stage,
            progress::Begin::New(stage) => {
                self.start_one(request, durable);
                stage
            }
        }
    }

    /// Takes a request of the product's own, whose id is fresh and which nobody follows.
    pub fn give(&self, request: CommandRequest) {
        self.start_one(request, false);
    }

    /// As far as it goes at once. A command that only has to be written is ended by whoever hears that it was; one that has to
    /// be remembered first, or whose effect is watched, has a task of its own.
    fn start_one(&self, request: CommandRequest, durable: bool) {
        let now = self.shared.clock.now();
        let body = Body::Command { request };
        (self.shared.record)(Class::Command, now, &body);
        let Body::Command { request } = body else { return };
        let Ok(room) = self.shared.room.clone().try_acquire_owned() else {
            let why = format!("{AT_ONCE} commands are under way already");
            return self.shared.finish(request.id, Stage::Refused { why }, durable, now);
        };
        let begun = match pipeline::begin(&self.shared, request, durable, now) {
            Ok(begun) => begun,
            Err((id, last)) => return self.shared.finish(id, last, durable, now),
        };
        if !durable && !begun.is_watched() && begun.device.direct().is_some() {
            return self.shared.under_way.write(begun, room);
        }
        let shared = self.shared.clone();
        self.shared.shutdown.spawn(async move {
            let ended = async {
                shared.shutdown.signalled().await;
                tokio::time::sleep(GRACE).await;
            };
            let last = tokio::select! {
                last = pipeline::carry_out(&shared, &begun, durable) => last,
                () = ended => Stage::Failed { why: STOPPED.into() },
            };
            let now = shared.clock.now();
            pipeline::end(&shared, begun, &[], last, durable, now);
            drop(room);
        });
    }

    /// Takes a request and waits for its final stage.
    pub async fn execute(&self, request: CommandRequest) -> Stage {
        let mut stage = self.submit(request);
        match stage.wait_for(Stage::is_final).await {
            Ok(last) => last.clone(),
            Err(_) => Stage::Failed { why: "the agent is shutting down".into() },
        }
    }

    /// A fresh id for a command made here.
    pub fn id(&self) -> CommandId {
        self.shared.ids.make()
    }

    /// Everything held now, for the local page and `status`.
    pub fn holds(&self) -> Vec<Hold> {
        let now = self.shared.clock.now();
        let arbiter = self.shared.arbiter();
        let mut holds: Vec<Hold> = arbiter.holds().filter(|hold| hold.until > now).cloned().collect();
        holds.sort_by(|a, b| (a.device, &a.target).cmp(&(b.device, &b.target)));
        holds
    }

    /// Ends a hold, so that triggers and schedules may act again.
    pub fn release(&self, device: DeviceId, target: &str) -> bool {
        let released = self.shared.arbiter().release(device, target).is_some();
        self.shared.store.remove(HOLD, format!("{device}/{target}"));
        if released {
            self.hold_ended(device, target);
        }
        released
    }

    /// A trigger changed its mind or is gone: what it wanted of held targets is not asked again.
    pub fn forget_wishes(&self, trigger: TriggerId) {
        self.shared.waiting().forget(trigger);
    }

    /// Gives the command again that a trigger wanted meanwhile. False when there is none.
    fn hold_ended(&self, device: DeviceId, target: &str) -> bool {
        let now = self.shared.clock.now();
        let wish = self.shared.waiting().take(device, target, self.id(), now);
        wish.map(|request| self.give(request)).is_some()
    }

    /// What is held stays held for as long as it was meant to be.
    fn clock_was_set(&self, by: i64, now: Time) {
        let seconds = by / 1_000_000;
        tracing::warn!(seconds, "the clock was set; holds and leases last as long as they were meant to");
        let text =
            format!("the clock was set by {seconds} s; records before and after have times of two clocks");
        let line = LogLine { device: None, level: LogLevel::Warn, text };
        (self.shared.record)(Class::Log, now, &Body::Log(line));
        let mut arbiter = self.shared.arbiter();
        arbiter.shift(by);
        for hold in arbiter.holds() {
            self.shared.store.put(HOLD, format!("{}/{}", hold.device, hold.target), hold);
        }
    }

    async fn watch_leases(&self) {
        let mut every = tokio::time::interval(LEASES_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut clock = ClockWatch::new(self.shared.clock.now().0, Instant::now());
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.shared.shutdown.signalled() => return,
            }
            let now = self.shared.clock.now();
            if let Some(by) = clock.look(now.0, Instant::now()) {
                self.clock_was_set(by, now);
            }
            self.shared
                .progress
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .prune(now, &self.shared.store);
            let ended = self.shared.arbiter().expire(now);
            for hold in ended {
                self.shared.store.remove(HOLD, format!("{}/{}", hold.device, hold.target));
                // What a trigger wants now goes before the safe value of somebody who let go.
                if self.hold_ended(hold.device, &hold.target) {
                    continue;
                }
                let Some((command, params)) = hold.then else { continue };
                self.give(CommandRequest {
                    id: self.id(),
                    device: hold.device,
                    command,
                    params,
                    actor: Actor::System,
                    priority: hold.priority.min(Priority::Trigger),
                    deadline: now.after(SAFE_VALUE_WITHIN),
                    lease: None,
                    reason: Some(format!("the lease of command {} has ended", hold.command)),
                });
            }
        }
    }
}

impl Shared {
    fn arbiter(&self) -> std::sync::MutexGuard<'_, Arbiter> {
        self.arbiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a link of the evidence chain and shows it to whoever waits.
    fn step(&self, command: CommandId, stage: Stage, at: Time) {
        self.steps(command, &[], stage, at);
    }

    /// Writes a link together with those it `passed` at the same moment.
    fn steps(&self, command: CommandId, passed: &'static [Stage], stage: Stage, at: Time) {
        let body = Body::Step { step: Step { command, stage, at }, passed: passed.into() };
        (self.record)(Class::Command, at, &body);
        if let Body::Step { step, .. } = body {
            self.progress.lock().unwrap_or_else(PoisonError::into_inner).advance(command, step.stage);
        }
    }

    fn finish(&self, command: CommandId, stage: Stage, durable: bool, at: Time) {
        self.finish_after(command, &[], stage, durable, at);
    }

    fn finish_after(
        &self,
        command: CommandId,
        passed: &'static [Stage],
        stage: Stage,
        durable: bool,
        at: Time,
    ) {
        if durable {
            self.store.put(
                progress::KIND,
                command.to_string(),
                &progress::Kept { at, last: Some(stage.clone()) },
            );
        }
        self.steps(command, passed, stage, at);
        if !durable {
            self.progress.lock().unwrap_or_else(PoisonError::into_inner).forget(command);
        }
    }
}

#[cfg(test)]
mod tests;
