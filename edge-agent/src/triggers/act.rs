//! What follows from an evaluation: commands, alarms, and the record of the run.

use super::Parts;
use super::host::Instance;
use bo_model::Time;
use bo_model::command::{Actor, CommandRequest};
use bo_rules::{Act, Outcome, Severity, Transition};
use bo_wire::{AlarmEvent, Body, Class, TriggerRun};

pub(super) fn carry_out(parts: &Parts, instance: &Instance, outcome: Outcome, now: Time) {
    let mut notify = Vec::new();
    let verdict = match outcome.transition {
        Some(Transition::Activated) => "activated",
        Some(Transition::Cleared) => "cleared",
        None => "held-back",
    };
    for action in outcome.actions {
        match action {
            Act::Command { .. } => command(parts, instance, action),
            Act::RaiseAlarm { key, severity, text } => parts.alarms.raise(AlarmEvent {
                key: alarm_key(instance, &key),
                active: true,
                severity: word(severity),
                text,
                system: Some(instance.site.system),
                device: None,
            }),
            Act::ClearAlarm { key, .. } => parts.alarms.clear(&alarm_key(instance, &key)),
            Act::Notify { .. } | Act::Emit { .. } => notify.extend(serde_json::to_value(&action).ok()),
        }
    }
    let run = TriggerRun {
        trigger: instance.site.id,
        outcome: verdict.into(),
        trace: serde_json::to_value(&outcome.trace).unwrap_or_default(),
        notify,
    };
    (parts.record)(Class::Status, now, Body::Trigger(run));
}

fn command(parts: &Parts, instance: &Instance, action: Act) {
    let Act::Command { device, command, params, priority, deadline, lease } = action else { return };
    let Some(target) = parts.devices.at(instance.site.system, &device) else {
        tracing::warn!(trigger = %instance.site.name, %device, %command, "the trigger's command has no device in service");
        return;
    };
    parts.commands.submit(CommandRequest {
        id: parts.commands.id(),
        device: target.site.id,
        command,
        params,
        actor: Actor::Trigger { id: instance.site.id, name: instance.compiled.definition().title.clone() },
        priority,
        deadline,
        lease,
        reason: None,
    });
}

/// `trigger:<id>` as the grammar names it, with the trigger's own key where it has several.
fn alarm_key(instance: &Instance, key: &str) -> String {
    let id = instance.site.id;
    if key.is_empty() { format!("trigger:{id}") } else { format!("trigger:{id}:{key}") }
}

fn word(severity: Severity) -> String {
    serde_json::to_value(severity).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
