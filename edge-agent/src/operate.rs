//! What a person on site does, from the command line or the local page: found by the names people use, carried
//! out like everybody's commands, and audited with who and from where.

use crate::agent::Agent;
use crate::devices::Device;
use bo_model::command::{Actor, CommandRequest, Priority, Stage};
use bo_model::settings::Values;
use bo_wire::{AuditEntry, Body, Class};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a person waits.
const WITHIN: Duration = Duration::from_secs(30);

/// Finds a device by its id, by `Display_1` where that is unique, or by `system/Display_1`. The error is a
/// sentence that lists what there is.
pub fn find(agent: &Agent, name: &str) -> Result<Arc<Device>, String> {
    let desired = agent.desired().borrow().clone();
    let system_of = |device: &Device| {
        let system = desired.site.systems.iter().find(|system| system.id == device.site.system);
        system.map(|system| system.name.clone()).unwrap_or_default()
    };
    let (system, address) = match name.rsplit_once('/') {
        Some((system, address)) => (Some(system), address),
        None => (None, name),
    };
    let all = agent.devices.all();
    let fits = |device: &&Arc<Device>| {
        device.site.id.to_string() == name
            || (device.site.address == address && system.is_none_or(|system| system_of(device) == system))
    };
    let found: Vec<_> = all.iter().filter(fits).cloned().collect();
    match found.as_slice() {
        [device] => Ok(device.clone()),
        [] => {
            let full = |device: &Arc<Device>| format!("{}/{}", system_of(device), device.site.address);
            // Those that may have been meant come first: of the system that was named, or with that address elsewhere.
            let (near, far): (Vec<_>, Vec<_>) = all.iter().partition(|device| {
                device.site.address.eq_ignore_ascii_case(address)
                    || system.is_some_and(|system| system_of(device).eq_ignore_ascii_case(system))
            });
            let some: Vec<_> = near.into_iter().chain(far).take(12).map(full).collect();
            let more = if all.len() > some.len() { ", …" } else { "" };
            Err(format!("there is no device `{name}`; this edge has {}{more}", some.join(", ")))
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|device| format!("{}/{}", system_of(device), device.site.address))
                .collect();
            Err(format!("`{name}` is in several systems; say which: {}", names.join(", ")))
        }
    }
}

/// Commands a device in the name of somebody on site, and waits for the outcome.
pub async fn command(
    agent: &Agent,
    actor: Actor,
    origin: &str,
    device: &Device,
    name: &str,
    params: Values,
) -> Stage {
    let request = CommandRequest {
        id: agent.commands.id(),
        device: device.site.id,
        command: name.to_owned(),
        params: params.clone(),
        actor: actor.clone(),
        priority: Priority::Manual,
        deadline: agent.clock.now().after(WITHIN),
        lease: None,
        reason: None,
    };
    let id = request.id;
    let stage = agent.commands.execute(request).await;
    let outcome = match &stage {
        Stage::Refused { why } => format!("refused: {why}"),
        Stage::Failed { why } => format!("failed: {why}"),
        Stage::TimedOut { waiting_for } => format!("failed: timed out waiting for {waiting_for}"),
        _ => "done".to_owned(),
    };
    let secret = |key: &String| {
        let command = device.manifest.commands.get(name);
        command.and_then(|command| command.params.get(key)).is_some_and(|field| field.secret)
    };
    let shown: Values = params
        .into_iter()
        .map(|(key, value)| if secret(&key) { (key, json!("•••")) } else { (key, value) })
        .collect();
    let detail = json!({"command": name, "params": shown, "id": id});
    audit(agent, actor, origin, "command.execute", &format!("device:{}", device.site.id), detail, outcome);
    stage
}

/// Ends a hold, so that triggers and schedules act again.
pub fn release(agent: &Agent, actor: Actor, origin: &str, device: &Device, target: &str) -> bool {
    let released = agent.commands.release(device.site.id, target);
    let outcome = if released { "done" } else { "refused: nothing was held" };
    let object = format!("device:{}", device.site.id);
    audit(agent, actor, origin, "hold.release", &object, json!({"target": target}), outcome.into());
    released
}

/// Writes an audit record for what somebody on site did.
pub fn audit(
    agent: &Agent,
    actor: Actor,
    origin: &str,
    verb: &str,
    object: &str,
    detail: serde_json::Value,
    outcome: String,
) {
    let entry = AuditEntry {
        actor,
        origin: origin.into(),
        verb: verb.into(),
        object: object.into(),
        detail,
        outcome,
        previous: String::new(),
    };
    (agent.record)(Class::Audit, agent.clock.now(), &Body::Audit(entry));
}

/// The outcome in a sentence.
pub fn sentence(stage: &Stage) -> String {
    match stage {
        Stage::Observed => "done, and the device shows it".into(),
        Stage::Done => "done; this command has no effect that could be observed".into(),
        Stage::Refused { why } => format!("refused: {why}"),
        Stage::Failed { why } => format!("failed: {why}"),
        Stage::TimedOut { waiting_for } => format!("written, but not seen in time: waited for {waiting_for}"),
        other => other.word().into(),
    }
}
