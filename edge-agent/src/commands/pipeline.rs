//! One command from request to its final stage.

use super::effect::Wanted;
use super::progress::{KIND, Kept};
use super::{Commands, HOLD, Shared};
use crate::devices::{Carried, CommandError, Device};
use bo_model::Time;
use bo_model::command::{Actor, CommandRequest, Stage};
use bo_model::driver::Command;
use bo_model::settings::{Values, check_all};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Changes of the watched status that may wait; more can only be a device gone wild.
const ROOM: usize = 64;
/// How often a value that is confirmed without a change is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs a command and returns its final stage; the steps before are written on the way.
pub(super) async fn run(shared: &Arc<Shared>, request: CommandRequest, durable: bool) -> Stage {
    let id = request.id;
    let (device, params) = match check(shared, &request) {
        Ok(checked) => checked,
        Err(stage) => return stage,
    };
    let Some(command) = device.manifest.commands.get(&request.command) else {
        return Stage::Refused { why: format!("its driver has no command `{}`", request.command) };
    };
    shared.step(id, Stage::Authorised);

    let target = command.target.clone().unwrap_or_else(|| request.command.clone());
    let claim = match shared.arbiter().claim(&request, &target, shared.clock.now()) {
        Ok(claim) => claim,
        Err(why) => {
            let waits = shared.waiting().add(&request, &target, shared.clock.now());
            let then = if waits { "; it is asked again when that ends" } else { "" };
            return Stage::Refused { why: format!("{why}{then}") };
        }
    };
    if matches!(request.actor, Actor::Trigger { .. }) {
        shared.waiting().overtaken(request.device, &target);
    }
    shared.step(id, Stage::Arbitrated { displaced: claim.displaced.clone() });
    let key = format!("{}/{target}", request.device);
    match &claim.hold {
        Some(hold) => shared.store.put(HOLD, key.clone(), hold),
        None if claim.before.is_some() => shared.store.remove(HOLD, key.clone()),
        None => {}
    }
    if durable {
        shared.store.put(KIND, id.to_string(), &Kept { at: shared.clock.now(), last: None });
        if let Err(error) = shared.store.flush().await {
            tracing::error!(%error, command = %id, "the command is carried out without being remembered across a restart");
        }
    }

    let last = write_and_watch(shared, &request, &device, command, params).await;
    if matches!(last, Stage::Refused { .. } | Stage::Failed { .. }) {
        let is_held = {
            let mut arbiter = shared.arbiter();
            arbiter.give_back(request.device, &target, id, claim.before);
            let holder = arbiter.holder(request.device, &target, shared.clock.now());
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
    last
}

fn check(shared: &Shared, request: &CommandRequest) -> Result<(Arc<Device>, Values), Stage> {
    let refused = |why: String| Stage::Refused { why };
    let now = shared.clock.now();
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
    let params = check_all(&command.params, &request.params).map_err(|errors| {
        let sentences: Vec<_> = errors.into_iter().map(|(key, why)| format!("`{key}` {why}")).collect();
        refused(sentences.join("; "))
    })?;
    Ok((device, params))
}

async fn write_and_watch(
    shared: &Arc<Shared>,
    request: &CommandRequest,
    device: &Device,
    command: &Command,
    params: Values,
) -> Stage {
    let id = request.id;
    let deadline = Instant::now() + request.deadline.since(shared.clock.now());
    let wanted = command.effect.as_ref().and_then(|effect| {
        let wanted = Wanted::new(effect, &params)?;
        let slot = device.slots.slot(&wanted.status)?;
        Some((wanted, slot, effect.within))
    });
    // Watching begins before writing: a device may show the effect before it confirms the write.
    let mut feed = wanted.as_ref().map(|(_, slot, _)| shared.board.watch(&[*slot], ROOM));
    let shown_before = wanted.as_ref().is_some_and(|(wanted, slot, _)| {
        shared.board.get(*slot).is_some_and(|value| wanted.is_seen_in(&value))
    });

    match device.carry_out(&request.command, params, deadline).await {
        Ok(Carried::Written) => shared.step(id, Stage::Written),
        Ok(Carried::ReadBack) => {
            shared.step(id, Stage::Written);
            shared.step(id, Stage::ReadBack);
        }
        Err(CommandError::Refused(why)) => return Stage::Refused { why },
        Err(CommandError::Failed(why)) => return Stage::Failed { why },
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
