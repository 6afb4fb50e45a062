//! Asking for a command. Permission is checked by the caller's `level`; parameters are checked here, the row, its
//! first steps and the audit record are one transaction, and only then the edge is told.

use super::{Command, queries};
use crate::Estate;
use crate::error::EstateError;
use crate::registry::{DeviceEntry, Registry};
use bo_db::audit::redact;
use bo_db::{DbError, Event, Tx};
use bo_model::command::{Actor, CommandRequest, Priority, Stage, Step};
use bo_model::driver::Safety;
use bo_model::settings::{Values, check_all};
use bo_model::{CommandId, DeviceId, Kind, Level, Object, Time};
use bo_wire::{CommandMessage, Down};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a command may take when nobody says otherwise.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest deadline that can be asked for.
const MAX_DEADLINE: Duration = Duration::from_secs(600);

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Name in the driver's `[command]`.
    pub command: String,
    /// Parameters.
    #[serde(default)]
    pub params: Values,
    /// The same key twice is done once: an id of the asker's choosing.
    #[serde(default)]
    pub id: Option<CommandId>,
    /// How long it may take: `30s`.
    #[serde(default, with = "bo_model::span::option")]
    pub within: Option<Duration>,
    /// Why, in the asker's words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The level a command asks for on its device. What can hurt asks for more than what it says itself.
pub fn needed(registry: &Registry, device: DeviceId, command: &str) -> Result<Level, EstateError> {
    let (_, declared) = declared(registry, device, command)?;
    Ok(match declared.safety {
        Safety::Normal | Safety::Access => declared.needs,
        Safety::LifeSafety => declared.needs.max(Level::Own),
    })
}

fn declared(
    registry: &Registry,
    device: DeviceId,
    command: &str,
) -> Result<(Arc<DeviceEntry>, bo_model::driver::Command), EstateError> {
    let entry = registry.devices.get(&device).ok_or_else(|| EstateError::missing("device", device))?;
    let declared = entry.driver.as_ref().and_then(|driver| driver.manifest.commands.get(command));
    let declared = declared.ok_or_else(|| EstateError::missing("command", command))?;
    Ok((entry.clone(), declared.clone()))
}

/// Checks, keeps, sends. The caller has made sure that the actor has [`needed`] on the device.
pub async fn execute(
    estate: &Arc<Estate>,
    author: bo_db::audit::Author,
    device: DeviceId,
    ask: Ask,
) -> Result<Command, EstateError> {
    let registry = estate.registry();
    let (entry, declared) = declared(&registry, device, &ask.command)?;
    let params =
        check_all(&declared.params, &ask.params).map_err(|fields| EstateError::Invalid { fields })?;
    if !entry.device.enabled {
        return Err(EstateError::Conflict(format!("{} is disabled; enable it first", entry.device.name)));
    }
    let now = estate.clock.now();
    let request = CommandRequest {
        id: ask.id.unwrap_or_else(|| estate.ids.make()),
        device,
        command: ask.command,
        params,
        actor: author.actor.clone(),
        priority: Priority::Manual,
        deadline: now.after(ask.within.unwrap_or(DEADLINE).min(MAX_DEADLINE)),
        lease: None,
        reason: ask.reason.filter(|reason| !reason.trim().is_empty()),
    };
    let command = Command {
        workspace: entry.device.workspace,
        edge: entry.edge,
        asked_at: now,
        stage: Stage::Requested.word().into(),
        is_final: false,
        steps: Vec::new(),
        request,
    };
    let (is_new, command) = keep(estate, author, &entry, &declared, command).await?;
    estate.show_command(&command);
    if !is_new {
        return Ok(command);
    }
    let message = Down::Command(CommandMessage { request: command.request.clone() });
    match estate.uplink.send(command.edge, &message) {
        Ok(()) => Ok(command),
        Err(error) => {
            let why = format!("{error}; it is tried again only when you ask again");
            finish(estate, &command, Stage::Failed { why }).await
        }
    }
}

/// One transaction: the command, its first steps, its audit record. The same id again returns what is there.
async fn keep(
    estate: &Arc<Estate>,
    author: bo_db::audit::Author,
    entry: &Arc<DeviceEntry>,
    declared: &bo_model::driver::Command,
    command: Command,
) -> Result<(bool, Command), EstateError> {
    let shown = json!({ "command": command.request.command, "params": redact(&declared.params, &command.request.params) });
    let name = entry.device.name.clone();
    estate
        .db
        .write(move |tx| {
            tx.attribute(author.clone());
            let id = command.request.id;
            let is_new = queries::insert(tx, &command)?;
            let kept = match is_new {
                true => {
                    for stage in [Stage::Requested, Stage::Authorised] {
                        let step = Step { command: id, stage, at: command.asked_at };
                        queries::add_step(tx, command.workspace, &step)?;
                    }
                    let mut event =
                        Event::new("command.request", Object::new(Kind::DEVICE, command.request.device))
                            .name(&name)
                            .workspace(command.workspace)
                            .after(shown.clone());
                    event.reason = command.request.reason.clone().unwrap_or_default();
                    tx.audit(event);
                    queries::find(tx, id)?
                }
                false => queries::find(tx, id)?,
            };
            let kept = kept.ok_or_else(|| EstateError::missing("command", id))?;
            if kept.request.device != command.request.device
                || kept.request.command != command.request.command
            {
                return Err(EstateError::Conflict("this id was used for another command".into()));
            }
            Ok((is_new, kept))
        })
        .await
}

/// Closes a command from this side.
async fn finish(estate: &Arc<Estate>, command: &Command, stage: Stage) -> Result<Command, EstateError> {
    let step = Step { command: command.request.id, stage, at: estate.clock.now() };
    let (workspace, id) = (command.workspace, command.request.id);
    let actor = Actor::System;
    let device = command.request.device;
    let name = command.request.command.clone();
    let finished = estate
        .db
        .write(move |tx| {
            tx.act_as(actor.clone());
            if queries::add_step(tx, workspace, &step)? {
                tx.audit(
                    Event::new("command.finish", Object::new(Kind::DEVICE, device))
                        .workspace(workspace)
                        .after(json!({ "command": name, "id": id, "outcome": step.stage.word() })),
                );
            }
            queries::find(tx, id)?.ok_or_else(|| EstateError::missing("command", id))
        })
        .await?;
    estate.show_command(&finished);
    Ok(finished)
}

/// Commands nothing was heard of until well after their deadline are timed out here: the edge is gone, and it
/// will not carry them out any more.
pub async fn time_out(estate: &Arc<Estate>, now: Time) -> Result<usize, EstateError> {
    const GRACE: i64 = 15_000_000;
    let overdue =
        estate.db.read(|tx: &mut Tx| -> Result<_, DbError> { queries::overdue(tx, Time(now.0 - GRACE)) })?;
    let count = overdue.len();
    for command in overdue {
        let waiting_for = "the gateway's answer".to_owned();
        finish(estate, &command, Stage::TimedOut { waiting_for }).await?;
    }
    Ok(count)
}
