//! One batch in one transaction: what is new by the watermark, each record by its kind, the watermark.

use crate::Estate;
use crate::alarms::{self, Alarm, Raise};
use crate::commands::{self, Command};
use crate::fleet::queries::{self as fleet, GapLine};
use crate::history::points::{self, Point};
use crate::history::{History, journal};
use crate::registry::{DeviceEntry, Registry};
use bo_db::audit::redact;
use bo_db::{DbError, Event, Tx, params};
use bo_model::command::{CommandRequest, Stage, Step};
use bo_model::driver::Status;
use bo_model::settings::FieldKind;
use bo_model::{CommandId, Data, DeviceId, EdgeId, Kind, Object, Time, Value, WorkspaceId};
use bo_uplink::Receipt;
use bo_uplink::watermark::{Verdict, accept};
use bo_wire::{AlarmEvent, Body, Class, Cursor, LogLine, Record, Records, StatusChange, TriggerRun};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A batch and what it is judged by.
pub(super) struct Batch {
    pub(super) estate: Arc<Estate>,
    pub(super) registry: Arc<Registry>,
    pub(super) workspace: WorkspaceId,
    pub(super) edge: EdgeId,
    pub(super) records: Records,
}

/// A value that was taken.
pub(super) struct Taken {
    pub(super) point: Arc<Point>,
    pub(super) keep: bool,
    pub(super) value: Value,
}

/// What a batch came to: for memory, after the commit.
pub(super) struct Applied {
    pub(super) receipt: Receipt,
    pub(super) values: Vec<Taken>,
    pub(super) journal_row: Option<i64>,
    pub(super) alarms: Vec<Alarm>,
    pub(super) commands: Vec<Command>,
    pub(super) logs: Vec<(Time, LogLine)>,
    pub(super) runs: Vec<(Time, TriggerRun)>,
    pub(super) gaps: Vec<GapLine>,
}

/// Applies a batch. May run more than once: it changes nothing but the database.
pub(super) fn apply(tx: &mut Tx, batch: &Batch) -> Result<Applied, DbError> {
    tx.unaudited("telemetry; commands and audit entries bring records of their own");
    let Records { class, epoch, backfill, records } = &batch.records;
    let (held, since, head) = fleet::watermark(tx, batch.edge, *class, *epoch)?;
    let cursor = |seq| Cursor { class: *class, epoch: *epoch, seq };
    let mut work = Work::new(batch, since, head, cursor(held));
    if *backfill {
        work.values(tx, records)?;
        let came = records.iter().filter(|record| matches!(record.body, Body::Status(_)));
        let seqs: Vec<u64> = came.map(|record| record.seq).collect();
        fleet::recovered(tx, batch.edge, *class, *epoch, &seqs)?;
        return work.finish(tx);
    }
    let (fresh, watermark, resend) = match accept(held, records.clone()) {
        Verdict::Accepted { fresh, watermark, resend } => (fresh, watermark, resend),
        Verdict::Resend => {
            work.applied.receipt.resend = true;
            return Ok(work.applied);
        }
    };
    work.applied.receipt = Receipt { cursor: cursor(watermark), resend };
    if fresh.is_empty() {
        return Ok(work.applied);
    }
    work.values(tx, &fresh)?;
    for record in &fresh {
        work.record(tx, record)?;
    }
    let last = fresh.last().map_or(since, |record| record.at);
    fleet::set_watermark(tx, batch.workspace, batch.edge, &cursor(watermark), last, &work.head)?;
    work.finish(tx)
}

struct Work<'a> {
    batch: &'a Batch,
    /// Time of the record before.
    since: Time,
    /// Hash of the last entry of the edge's own audit chain.
    head: String,
    entries: Vec<journal::Entry>,
    touched: BTreeSet<CommandId>,
    applied: Applied,
}

impl<'a> Work<'a> {
    fn new(batch: &'a Batch, since: Time, head: String, cursor: Cursor) -> Self {
        let applied = Applied {
            receipt: Receipt { cursor, resend: false },
            values: Vec::new(),
            journal_row: None,
            alarms: Vec::new(),
            commands: Vec::new(),
            logs: Vec::new(),
            runs: Vec::new(),
            gaps: Vec::new(),
        };
        Work { batch, since, head, entries: Vec::new(), touched: BTreeSet::new(), applied }
    }

    /// The device, if it is this edge's. What an edge says of others' devices is not heard.
    fn device(&self, device: DeviceId) -> Option<&'a Arc<DeviceEntry>> {
        self.batch.registry.devices.get(&device).filter(|entry| entry.edge == self.batch.edge)
    }

    fn values(&mut self, tx: &mut Tx, records: &[Record]) -> Result<(), DbError> {
        for record in records {
            let Body::Status(StatusChange { device, name, value }) = &record.body else { continue };
            let Some(entry) = self.device(*device) else { continue };
            let points = &self.batch.estate.history.points;
            let Some(point) = points.resolve(entry.device.workspace, *device, name) else { continue };
            let declared = entry.driver.as_ref().and_then(|driver| driver.manifest.status.get(name));
            let keep = keeps_history(declared, &value.data);
            self.entries.push(journal::Entry { point: point.id, keep, value: value.clone() });
            self.applied.values.push(Taken { point, keep, value: value.clone() });
        }
        points::store(tx, self.applied.values.iter().map(|taken| &taken.point))
    }

    fn record(&mut self, tx: &mut Tx, record: &Record) -> Result<(), DbError> {
        match &record.body {
            Body::Status(_) => {}
            Body::Command { request } => self.command(tx, record, request)?,
            Body::Step { step, passed } => {
                for stage in passed.iter().cloned() {
                    self.step(tx, &Step { stage, ..step.clone() })?;
                }
                self.step(tx, step)?;
            }
            Body::Alarm(event) => self.alarm(tx, record.at, event)?,
            Body::Trigger(run) => self.run(tx, record.at, run)?,
            Body::Audit(entry) => {
                let batch = self.batch;
                self.head = super::audit::fold(tx, batch.workspace, batch.edge, record, entry, &self.head)?;
            }
            Body::Log(line) => self.applied.logs.push((record.at, line.clone())),
            Body::Gap(gap) => {
                let cursor = &self.applied.receipt.cursor;
                let line = GapLine {
                    edge: self.batch.edge,
                    class: cursor.class.word().into(),
                    epoch: cursor.epoch,
                    first: gap.from,
                    last: gap.to,
                    lost: gap.count,
                    recovered: 0,
                    why: gap.why.clone(),
                    since: self.since,
                    at: record.at,
                };
                fleet::add_gap(tx, self.batch.workspace, &line)?;
                self.applied.gaps.push(line);
                if cursor.class == Class::Audit {
                    // The chain can't be followed over a loss; it is checked again from here.
                    self.head.clear();
                }
            }
        }
        self.since = record.at;
        Ok(())
    }

    /// A command asked for on site, or one of ours that comes back as taken.
    fn command(&mut self, tx: &mut Tx, record: &Record, request: &CommandRequest) -> Result<(), DbError> {
        let Some(entry) = self.device(request.device) else { return Ok(()) };
        let command = Command {
            request: request.clone(),
            workspace: entry.device.workspace,
            edge: self.batch.edge,
            asked_at: record.at,
            stage: Stage::Requested.word().into(),
            is_final: false,
            steps: Vec::new(),
        };
        if commands::queries::insert(tx, &command)? {
            let declared =
                entry.driver.as_ref().and_then(|driver| driver.manifest.commands.get(&request.command));
            let params =
                declared.map_or_else(|| json!({}), |declared| redact(&declared.params, &request.params));
            let mut event = Event::new("command.request", Object::new(Kind::DEVICE, request.device))
                .name(&entry.device.name)
                .workspace(entry.device.workspace)
                .by(request.actor.clone())
                .from(super::audit::origin(self.batch.edge, record, String::new()))
                .after(json!({ "command": request.command, "params": params }));
            event.reason = request.reason.clone().unwrap_or_default();
            tx.audit(event);
        }
        self.touched.insert(request.id);
        Ok(())
    }

    fn step(&mut self, tx: &mut Tx, step: &Step) -> Result<(), DbError> {
        let Some(command) = commands::queries::find(tx, step.command)? else { return Ok(()) };
        if command.edge != self.batch.edge {
            return Ok(());
        }
        if commands::queries::add_step(tx, command.workspace, step)?
            && step.stage.is_final()
            && !command.is_final
        {
            tx.audit(
                Event::new("command.finish", Object::new(Kind::DEVICE, command.request.device))
                    .workspace(command.workspace)
                    .by(bo_model::command::Actor::Edge { id: self.batch.edge })
                    .after(json!({
                        "command": command.request.command, "id": command.request.id, "outcome": &step.stage
                    })),
            );
        }
        self.touched.insert(step.command);
        Ok(())
    }

    fn alarm(&mut self, tx: &mut Tx, at: Time, event: &AlarmEvent) -> Result<(), DbError> {
        let Batch { estate, workspace, edge, registry, .. } = self.batch;
        // The edge's own words may only point at what is its own.
        let device = event.device.filter(|device| self.device(*device).is_some());
        let system =
            event.system.filter(|id| registry.systems.get(id).is_some_and(|system| system.edge == *edge));
        // A device's presence is seen by the edge and, from heartbeats, by the controller: one condition, one key.
        let presence = device.is_some_and(|device| event.key == format!("device:{device}:offline"));
        let key = if presence { event.key.clone() } else { format!("{edge}/{}", event.key) };
        let changed = if event.active {
            let raise = Raise {
                workspace: *workspace,
                key,
                edge: Some(*edge),
                system,
                device,
                severity: match event.severity.as_str() {
                    known @ ("info" | "warning" | "critical") => known.to_owned(),
                    _ => "warning".to_owned(),
                },
                text: event.text.chars().take(1000).collect(),
                at,
            };
            Some(alarms::actions::raise(tx, &estate.ids, &raise)?)
        } else {
            alarms::actions::clear(tx, *workspace, &key, at)?
        };
        self.applied.alarms.extend(changed);
        Ok(())
    }

    fn run(&mut self, tx: &mut Tx, at: Time, run: &TriggerRun) -> Result<(), DbError> {
        let registry = &self.batch.registry;
        let ours = registry.triggers.get(&run.trigger).is_some_and(|instance| {
            registry.systems.get(&instance.system).is_some_and(|system| system.edge == self.batch.edge)
        });
        if !ours {
            return Ok(());
        }
        let new = tx.execute(
            "INSERT INTO trigger_run (trigger_id, at, outcome, workspace, trace) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (trigger_id, at, outcome) DO NOTHING",
            params![run.trigger, at, &run.outcome, self.batch.workspace, crate::json(run)],
        )?;
        if new == 1
            && let Some(instance) = registry.triggers.get(&run.trigger)
        {
            let system = Object::new(Kind::SYSTEM, instance.system);
            crate::notify::notices(tx, run.trigger, self.batch.workspace, &system, &run.notify);
        }
        self.applied.runs.push((at, run.clone()));
        Ok(())
    }

    fn finish(mut self, tx: &mut Tx) -> Result<Applied, DbError> {
        if !self.entries.is_empty() {
            let row = History::journal(tx, self.batch.workspace, self.batch.edge, &self.entries)?;
            self.applied.journal_row = Some(row);
        }
        for id in self.touched {
            self.applied.commands.extend(commands::queries::find(tx, id)?);
        }
        Ok(self.applied)
    }
}

/// History is kept where the driver says so; where it says nothing, of numbers and booleans.
fn keeps_history(declared: Option<&Status>, data: &Data) -> bool {
    match declared {
        Some(status) => status.history.unwrap_or(matches!(
            status.field.kind,
            FieldKind::Boolean | FieldKind::Integer | FieldKind::Number
        )),
        None => matches!(data, Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::None),
    }
}
