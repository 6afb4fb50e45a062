//! One subscription: what it may see, what it has seen, what is new for it.

use super::protocol::{AlarmLine, Change, EdgeLine, To};
use super::view;
use crate::state::LogOf;
use crate::{Estate, commands};
use bo_db::{DbError, Tx};
use bo_model::{CommandId, DeviceId, EdgeId, Kind, Level, Object, WorkspaceId};
use std::collections::HashMap;
use std::sync::Arc;

/// Answers "which level has the viewer on this object?".
pub type Check = Arc<dyn Fn(&mut Tx, &Object) -> Result<Level, DbError> + Send + Sync>;

/// A subscription in force.
pub struct Subscription {
    pub number: u64,
    pub to: To,
    workspace: WorkspaceId,
    /// Number of the last change that was delivered.
    seen: u64,
    scope: Scope,
    /// Levels on the objects alarms and edges belong to; emptied when rights change.
    levels: HashMap<Object, bool>,
}

enum Scope {
    Devices(Vec<DeviceId>),
    Alarms,
    Log(DeviceId),
    Command { id: CommandId, steps: usize },
    Trigger(bo_model::TriggerId),
    Edges(Vec<EdgeId>),
}

impl Subscription {
    /// Checks what may be seen. `None`: there is nothing of that kind for this viewer.
    pub fn open(
        estate: &Estate,
        tx: &mut Tx,
        check: &Check,
        workspace: WorkspaceId,
        number: u64,
        to: To,
        resume: Option<&str>,
    ) -> Result<Option<Subscription>, DbError> {
        let Some(scope) = scope(estate, tx, check, workspace, &to)? else { return Ok(None) };
        let seen = resume.and_then(|token| parse_token(estate, token)).unwrap_or(0);
        Ok(Some(Subscription { number, to, workspace, seen, scope, levels: HashMap::new() }))
    }

    /// Rights or the estate changed: false when nothing is left to see.
    pub fn recheck(&mut self, estate: &Estate, tx: &mut Tx, check: &Check) -> Result<bool, DbError> {
        self.levels.clear();
        let Some(fresh) = scope(estate, tx, check, self.workspace, &self.to)? else { return Ok(false) };
        match (&mut self.scope, fresh) {
            (Scope::Command { .. }, Scope::Command { .. }) => {}
            (held @ Scope::Devices(_), Scope::Devices(new)) => {
                // A device that came in is told whole.
                if let Scope::Devices(old) = held
                    && new.iter().any(|device| !old.contains(device))
                {
                    self.seen = 0;
                }
                *held = Scope::Devices(new);
            }
            (held, new) => *held = new,
        }
        Ok(true)
    }

    /// What is new since the last time; `None` when nothing is.
    pub fn next(&mut self, estate: &Estate, tx: &mut Tx, check: &Check) -> Result<Option<Change>, DbError> {
        // Taken first: what changes while we look is told next time too, which is harmless.
        let reached = estate.pulse.now();
        if reached == self.seen {
            return Ok(None);
        }
        let registry = estate.registry();
        let mut change = Change { subscription: self.number, ..Change::default() };
        match &mut self.scope {
            Scope::Devices(devices) => {
                for device in devices {
                    change.values.extend(view::changes(estate, &registry, *device, self.seen));
                }
            }
            Scope::Alarms => {
                for alarm in estate.alarms.changes(self.seen) {
                    let first = self.seen == 0;
                    if alarm.workspace != self.workspace || (first && !alarm.is_open()) {
                        continue;
                    }
                    if may_view(&mut self.levels, tx, check, alarm.subject())? {
                        change.alarms.push(AlarmLine { since: alarm.raised_at, alarm });
                    }
                }
            }
            Scope::Log(device) => change.log = estate.logs.changes(&LogOf::Device(*device), self.seen),
            Scope::Trigger(trigger) => change.runs = estate.runs.changes(trigger, self.seen),
            Scope::Command { id, steps } => {
                let command = match estate.commands.get(id) {
                    Some(command) => Some(command),
                    None => commands::queries::find(tx, *id)?,
                };
                if let Some(command) = command.filter(|command| command.steps.len() > *steps) {
                    change.steps = command.steps[*steps..].to_vec();
                    *steps = command.steps.len();
                    change.is_final = Some(command.is_final);
                }
            }
            Scope::Edges(edges) => {
                let told = self.seen;
                for edge in edges.iter().filter(|edge| told == 0 || estate.presence_changes.newer(edge, told))
                {
                    let known = estate.presence.of(*edge);
                    change.edges.push(EdgeLine {
                        id: *edge,
                        online: known.online,
                        proved_at: known.proved_at,
                        since: known.since,
                        backlog: known.backlog,
                        unwell: known.unwell.len(),
                    });
                }
            }
        }
        let first = self.seen == 0;
        self.seen = reached;
        if change.is_empty() && !first {
            return Ok(None);
        }
        change.token = Some(format!("{}-{reached}", estate.pulse.era));
        Ok(Some(change))
    }
}

fn parse_token(estate: &Estate, token: &str) -> Option<u64> {
    let (era, seq) = token.split_once('-')?;
    let seq: u64 = seq.parse().ok()?;
    (era.parse() == Ok(estate.pulse.era) && seq <= estate.pulse.now()).then_some(seq)
}

fn may_view(
    levels: &mut HashMap<Object, bool>,
    tx: &mut Tx,
    check: &Check,
    object: Object,
) -> Result<bool, DbError> {
    if let Some(known) = levels.get(&object) {
        return Ok(*known);
    }
    let may = check(tx, &object)? >= Level::View;
    levels.insert(object, may);
    Ok(may)
}

fn scope(
    estate: &Estate,
    tx: &mut Tx,
    check: &Check,
    workspace: WorkspaceId,
    to: &To,
) -> Result<Option<Scope>, DbError> {
    let registry = estate.registry();
    let mut view = |object: Object| -> Result<bool, DbError> { Ok(check(tx, &object)? >= Level::View) };
    let device = |id: &DeviceId| Object::new(Kind::DEVICE, id);
    Ok(match to {
        To::Devices(devices) => {
            for id in devices {
                if !registry.devices.contains_key(id) || !view(device(id))? {
                    return Ok(None);
                }
            }
            Some(Scope::Devices(devices.clone()))
        }
        To::System(_) | To::Zone(_) => {
            let (object, systems) = match to {
                To::Zone(zone) => (Object::new(Kind::ZONE, zone), registry.systems_below(*zone)),
                To::System(system) => (Object::new(Kind::SYSTEM, system), vec![*system]),
                _ => return Ok(None),
            };
            if !view(object)? {
                return Ok(None);
            }
            let mut seen = Vec::new();
            for id in systems.iter().flat_map(|system| registry.devices_in(*system)) {
                if view(device(id))? {
                    seen.push(*id);
                }
            }
            Some(Scope::Devices(seen))
        }
        // Each alarm is checked by itself: who may see none gets none.
        To::Alarms(true) => Some(Scope::Alarms),
        To::Alarms(false) | To::Edges(false) => None,
        To::Log(id) => view(device(id))?.then_some(Scope::Log(*id)),
        To::Trigger(id) => view(Object::new(Kind::TRIGGER, id))?.then_some(Scope::Trigger(*id)),
        To::Command(id) => {
            let command = match estate.commands.get(id) {
                Some(command) => Some(command),
                None => commands::queries::find(tx, *id)?,
            };
            let Some(command) = command.filter(|command| command.workspace == workspace) else {
                return Ok(None);
            };
            let may = check(tx, &device(&command.request.device))? >= Level::View;
            may.then_some(Scope::Command { id: *id, steps: 0 })
        }
        To::Edges(true) => {
            let mut seen = Vec::new();
            for edge in registry.edges.values().filter(|edge| edge.workspace == workspace) {
                if view(Object::new(Kind::EDGE, edge.id))? {
                    seen.push(edge.id);
                }
            }
            Some(Scope::Edges(seen))
        }
    })
}
