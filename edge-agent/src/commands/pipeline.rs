//! One command from request to its final stage.

use super::effect::Wanted;
use super::progress::{KIND, Kept};
use super::{Commands, HOLD, Hold, Shared};
use crate::devices::{Carried, CommandError, Device};
use bo_model::command::{Actor, CommandRequest, Stage};
use bo_model::driver::Command;
use bo_model::settings::{Values, complete};
use bo_model::{CommandId, Time};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Changes of the watched status that may wait; more can only be a device gone wild.
const ROOM: usize = 64;
/// How often a value that is confirmed without a change is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A command that may be written.
pub(super) struct Begun {
    pub request: CommandRequest,
    pub device: Arc<Device>,
    pub deadline: Instant,
    /// Its parameters with defaults filled in, where that made a difference.
    completed: Option<Values>,
    target: String,
    /// Who held the target before.
    before: Option<Hold>,
}

impl Begun {
    fn command(&self) -> Option<&Command> {
        self.device.manifest.commands.get(&self.request.command)
    }

    /// Its effect is to be seen.
    pub fn is_watched(&self) -> bool {
        self.command().is_some_and(|command| command.effect.is_some())
    }

    /// Its parameters, checked, defaults filled in.
    pub fn params(&self) -> &Values {
        self.completed.as_ref().unwrap_or(&self.request.params)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.request.device, self.target)
    }
}

/// Checks a command and claims its target; the steps are written. The error is its final stage.
pub(super) fn begin(
    shared: &Shared,
    request: CommandRequest,
    durable: bool,
    now: Time,
) -> Result<Begun, (CommandId, Stage)> {
    let id = request.id;
    let (device, completed) = check(shared, &request, now).map_err(|last| (id, last))?;
    let described = device.manifest.commands.get(&request.command);
    let target = described.and_then(|command| command.target.clone());
    let target = target.unwrap_or_else(|| request.command.clone());
    let claim = shared.arbiter().claim(&request, &target, now);
    let claim = claim.map_err(|why| {
        shared.step(id, Stage::Authorised, now);
        let waits = shared.waiting().add(&request, &target, now);
        let then = if waits { "; it is asked again when that ends" } else { "" };
        (id, Stage::Refused { why: format!("{why}{then}") })
    })?;
    if matches!(request.actor, Actor::Trigger { .. }) {
        shared.waiting().overtaken(request.device, &target);
    }
    shared.steps(id, &[Stage::Authorised], Stage::Arbitrated { displaced: claim.displaced }, now);
    let deadline = Instant::now() + request.deadline.since(now);
    let begun = Begun { request, device, deadline, completed, target, before: claim.before };
    match &claim.hold {
        Some(hold) => shared.store.put(HOLD, begun.key(), hold),
        None if begun.before.is_some() => shared.store.remove(HOLD, begun.key()),
        None => {}
    }
    if durable {
        shared.store.put(KIND, id.to_string(), &Kept { at: now, last: None });
    }
    Ok(begun)
}

/// Writes it and watches for its effect; returns the final stage. The steps before are written on the way.
pub(super) async fn carry_out(shared: &Arc<Shared>, begun: &Begun, durable: bool) -> Stage {
    if durable && let Err(error) = shared.store.flush().await {
        tracing::error!(%error, command = %begun.request.id, "the command is carried out without being remembered across a restart");
    }
    match begun.command() {
        Some(command) => write_and_watch(shared, begun, command).await,
        None => Stage::Refused { why: format!("its driver has no command `{}`", begun.request.command) },
    }
}

/// The last of it, and what it `passed` on the way at the same moment: a target that was not written is given back.
pub(super) fn end(
    shared: &Arc<Shared>,
    begun: Begun,
    passed: &'static [Stage],
    last: Stage,
    durable: bool,
    now: Time,
) {
    let id = begun.request.id;
    if matches!(last, Stage::Refused { .. } | Stage::Failed { .. }) {
        let key = begun.key();
        let Begun { request, target, before, .. } = begun;
        let is_held = {
            let mut arbiter = shared.arbiter();
            arbiter.give_back(request.device, &target, id, before);
            let holder = arbiter.holder(request.device, &target, now);
            match holder {
                Some(hold) => shared.store.put(HOLD, key, hold),
                None => shared.store.remove(HOLD, key),
            }
            holder.is_some()
        };
        if !is_held {
            Commands { shared: shared.clone() }.hold_ended(request.device, &target);
        }
    }
    shared.finish_after(id, passed, last, durable, now);
}

/// What a command went through that its device took. The error is its final stage.
pub(super) fn written(outcome: Result<Carried, CommandError>) -> Result<&'static [Stage], Stage> {
    match outcome {
        Ok(Carried::Written) => Ok(&[Stage::Written]),
        Ok(Carried::ReadBack) => Ok(&[Stage::Written, Stage::ReadBack]),
        Err(CommandError::Refused(why)) => Err(Stage::Refused { why }),
        Err(CommandError::Failed(why)) => Err(Stage::Failed { why }),
    }
}

fn check(
    shared: &Shared,
    request: &CommandRequest,
    now: Time,
) -> Result<(Arc<Device>, Option<Values>), Stage> {
    let refused = |why: String| Stage::Refused { why };
    if request.deadline <= now {
        let late = bo_model::span::format(Duration::from_secs(now.since(request.deadline).as_secs().max(1)));
        return Err(refused(format!("its deadline had passed {late} before it arrived")));
    }
    let device = shared
        .devices
        .get(request.device)
        .ok_or_else(|| refused("this edge has no such device in service".into()))?;
    let command = device.manifest.commands.get(&request.command).ok_or_else(|| {
        let known: Vec<_> = device.manifest.commands.keys().cloned().collect();
        refused(format!("its driver has no command `{}`, only {}", request.command, known.join(", ")))
    })?;
    let completed = complete(&command.params, &request.params).map_err(|errors| {
        let sentences: Vec<_> = errors.into_iter().map(|(key, why)| format!("`{key}` {why}")).collect();
        refused(sentences.join("; "))
    })?;
    Ok((device, completed))
}

async fn write_and_watch(shared: &Arc<Shared>, begun: &Begun, command: &Command) -> Stage {
    let (Begun { request, device, deadline, .. }, params) = (begun, begun.params());
    let wanted = command.effect.as_ref().and_then(|effect| {
        let wanted = Wanted::new(effect, params)?;
        let slot = device.slots.slot(&wanted.status)?;
        Some((wanted, slot, effect.within))
    });
    // Watching begins before writing: a device may show the effect before it confirms the write.
    let mut feed = wanted.as_ref().map(|(_, slot, _)| shared.board.watch(&[*slot], ROOM));
    let shown_before = wanted.as_ref().is_some_and(|(wanted, slot, _)| {
        shared.board.get(*slot).is_some_and(|value| wanted.is_seen_in(&value))
    });

    let outcome = device.carry_out(&request.command, params.clone(), *deadline).await;
    match written(outcome) {
        Ok([passed @ .., stage]) => shared.steps(request.id, passed, stage.clone(), shared.clock.now()),
        Ok([]) => {}
        Err(last) => return last,
    }
    let (Some((wanted, slot, within)), Some(feed)) = (wanted, feed.as_mut()) else { return Stage::Done };
    let written_at = shared.clock.now();
    let confirmed = |since: Time| {
        let value = shared.board.get(slot);
        value.is_some_and(|value| wanted.is_seen_in(&value) && (shown_before || value.observed_at >= since))
    };
    let mut changes = Vec::new();
    let seen = tokio::time::timeout(within, async {
        loop {
            if confirmed(written_at) {
                return;
            }
            tokio::select! {
                _ = feed.recv(&mut changes) => {
                    if changes.drain(..).any(|change| wanted.is_seen_in(&change.value)) {
                        return;
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    })
    .await;
    match seen {
        Ok(()) => Stage::Observed,
        Err(_) => Stage::TimedOut { waiting_for: wanted.to_string() },
    }
}
