//! The running estate: everything handlers, ingest and background units share.

use crate::alarms::Alarm;
use crate::commands::Command;
use crate::error::EstateError;
use crate::fleet::Presence;
use crate::history::{History, last};
use crate::live::Pulse;
use crate::live::board::{Board, Rings};
use crate::live::table::Table;
use crate::registry::Registry;
use crate::triggers::replay;
use crate::{alarms, edges, releases};
use arc_swap::{ArcSwap, ArcSwapOption};
use bo_db::{Db, DbError, Tx};
use bo_model::clock::SharedClock;
use bo_model::{AlarmId, CommandId, DeviceId, EdgeId, IdGen, TriggerId, Value};
use bo_uplink::{Authority, Uplink};
use bo_wire::{Announce, Down, LogLine, TriggerRun};
use ed25519_dalek::SigningKey;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// Open alarms and commands kept in memory; older ones are in the database.
const BOARD: usize = 2000;
/// Pages of last values stored in one transaction: other writers get their turn in between.
const PAGES_PER_WRITE: usize = 32;
/// Log lines kept per device, and trigger runs per trigger.
const RING: usize = 500;

/// A log line and when it was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogEntry {
    /// When, by the edge's clock.
    pub at: bo_model::Time,
    /// The line.
    #[serde(flatten)]
    pub line: LogLine,
}

/// A trigger run and when it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunEntry {
    /// When, by the edge's clock.
    pub at: bo_model::Time,
    /// The run.
    #[serde(flatten)]
    pub run: TriggerRun,
}

/// Whose log: a device's, or the agent's of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogOf {
    /// A device's driver.
    Device(DeviceId),
    /// An edge's agent.
    Edge(EdgeId),
}

/// What an estate is started with.
pub struct Setup {
    /// The database, migrated.
    pub db: Db,
    /// Where time comes from.
    pub clock: SharedClock,
    /// Where ids come from.
    pub ids: Arc<IdGen>,
    /// Signs releases.
    pub release_key: SigningKey,
    /// The way to the edges.
    pub uplink: Uplink,
    /// Issues edges' certificates.
    pub authority: Arc<Authority>,
}

/// The running estate. Shared behind an `Arc`.
pub struct Estate {
    /// The database.
    pub db: Db,
    /// Where time comes from.
    pub clock: SharedClock,
    /// Where ids come from.
    pub ids: Arc<IdGen>,
    /// Signs releases.
    pub release_key: SigningKey,
    /// The way to the edges.
    pub uplink: Uplink,
    /// Issues edges' certificates.
    pub authority: Arc<Authority>,
    /// Numbers and announces changes.
    pub pulse: Pulse,
    /// Last values.
    pub table: Table,
    /// What values were.
    pub history: History,
    /// Alarms that need somebody, and some that no longer do.
    pub alarms: Board<AlarmId, Alarm>,
    /// Commands of late, with their evidence.
    pub commands: Board<CommandId, Command>,
    /// Presence of edges, links and devices.
    pub presence: Presence,
    /// Changes of presence, for who looks on.
    pub presence_changes: Board<EdgeId, EdgeId>,
    /// Log lines.
    pub logs: Rings<LogOf, LogEntry>,
    /// Trigger runs.
    pub runs: Rings<TriggerId, RunEntry>,
    /// Turns of those who replay triggers over history.
    pub replays: Arc<Semaphore>,
    /// Values taken in since the start.
    pub values_in: AtomicU64,
    checkpointed: AtomicU64,
    access_seen: ArcSwapOption<String>,
    registry: ArcSwap<Registry>,
}

impl Estate {
    /// Reads what the database has and is ready for edges.
    pub fn open(setup: Setup) -> Result<Arc<Estate>, EstateError> {
        let now = setup.clock.now();
        let registry = Registry::load(&setup.db)?;
        let estate = Estate {
            db: setup.db,
            clock: setup.clock,
            ids: setup.ids,
            release_key: setup.release_key,
            uplink: setup.uplink,
            authority: setup.authority,
            pulse: Pulse::new(now.0 as u64),
            table: Table::default(),
            history: History::default(),
            alarms: Board::new(BOARD),
            commands: Board::new(BOARD),
            presence: Presence::default(),
            presence_changes: Board::new(BOARD),
            logs: Rings::new(RING),
            runs: Rings::new(RING),
            replays: Arc::new(Semaphore::new(replay::AT_ONCE)),
            values_in: AtomicU64::new(0),
            checkpointed: AtomicU64::new(0),
            access_seen: ArcSwapOption::empty(),
            registry: ArcSwap::from_pointee(registry),
        };
        estate.db.read(|tx| estate.restore(tx))?;
        Ok(Arc::new(estate))
    }

    fn restore(&self, tx: &mut Tx) -> Result<(), EstateError> {
        let now = tx.now();
        let mut journal = Vec::new();
        self.history.load(tx, |entry| journal.push((entry.point, entry.value.clone())))?;
        last::load(tx, |entry| self.restore_value(entry.point, &entry.value, now))?;
        self.checkpointed.store(self.pulse.now(), Ordering::Release);
        for (point, value) in &journal {
            self.restore_value(*point, value, now);
        }
        for alarm in alarms::queries::open(tx, BOARD)? {
            self.alarms.put(alarm.id, alarm, &self.pulse);
        }
        for (edge, proved_at, agent, running) in edges::queries::presence(tx)? {
            self.presence.restore(edge, proved_at, agent, running);
        }
        Ok(())
    }

    fn restore_value(&self, point: i64, value: &Value, now: bo_model::Time) {
        let found = self.history.points.number(point);
        // What was removed from the estate has history, and no present.
        if let Some(point) = found.filter(|point| self.registry.load().devices.contains_key(&point.device)) {
            self.table.put(point.device, point.id, &point.name, value, now, &self.pulse);
        }
    }

    /// The configuration as it is now.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// Reads the configuration again if it changed; true when it did. Call it after changing it; a background
    /// unit calls it for changes made by other processes.
    pub fn refresh(&self) -> Result<bool, EstateError> {
        let held = self.registry.load().version;
        let stored = self.db.read(crate::registry::version)?;
        if stored == held {
            return Ok(false);
        }
        let fresh = Registry::load(&self.db)?;
        for gone in self.registry.load().devices.keys().filter(|id| !fresh.devices.contains_key(id)) {
            self.table.forget(*gone);
        }
        self.registry.store(Arc::new(fresh));
        self.pulse.next();
        self.pulse.ring();
        Ok(true)
    }

    /// What permissions at gateways followed from when they were last looked at.
    pub(crate) fn access_seen(&self) -> Option<String> {
        self.access_seen.load().as_deref().cloned()
    }

    pub(crate) fn set_access_seen(&self, seen: String) {
        self.access_seen.store(Some(Arc::new(seen)));
    }

    /// Shows a command's state to whoever looks on.
    pub fn show_command(&self, command: &Command) {
        self.commands.put(command.request.id, command.clone(), &self.pulse);
        self.pulse.ring();
    }

    /// Shows an alarm's state to whoever looks on.
    pub fn show_alarm(&self, alarm: &Alarm) {
        self.alarms.put(alarm.id, alarm.clone(), &self.pulse);
        self.pulse.ring();
    }

    /// Tells an edge of its newest release, if it does not run it. A no is no harm: it is told at its next hello.
    pub fn announce(&self, edge: EdgeId, running: &str) -> Result<bool, EstateError> {
        let Some(release) = self.db.read(|tx| releases::queries::latest(tx, edge))? else { return Ok(false) };
        if release.hash == running {
            return Ok(false);
        }
        match self.uplink.send(edge, &Down::Announce(Announce { release })) {
            Ok(()) => Ok(true),
            Err(error) => {
                tracing::info!(%edge, %error, "a release waits for its gateway");
                Ok(false)
            }
        }
    }

    /// Stores last values that changed since the last time, and presence. Returns how many pages of values it took.
    pub async fn checkpoint(&self) -> Result<usize, EstateError> {
        let reached = self.pulse.now();
        let changed = last::changed_pages(&self.table, self.checkpointed.load(Ordering::Acquire));
        for some in changed.chunks(PAGES_PER_WRITE) {
            let pages = last::pages(&self.table, &self.history.points, some);
            self.db.write(move |tx| last::save(tx, &pages)).await?;
        }
        let presence = self.presence.all();
        self.db
            .write(move |tx| {
                tx.unaudited("presence");
                for (edge, known) in &presence {
                    if let Some(at) = known.proved_at {
                        edges::queries::save_presence(tx, *edge, at, &known.agent, &known.running)?;
                    }
                }
                Ok::<_, DbError>(())
            })
            .await?;
        self.checkpointed.store(reached, Ordering::Release);
        Ok(changed.len())
    }
}
