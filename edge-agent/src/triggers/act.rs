//! What follows from an evaluation: commands, alarms, and the record of the run.

use super::Parts;
use super::host::Instance;
use bo_model::Time;
use bo_model::command::{Actor, CommandRequest};
use bo_rules::{Act, Compiled, Outcome, Severity, Trace, Transition};
use bo_wire::{AlarmEvent, Body, Class, Raw, TriggerRun};
use serde_json::json;

/// A trace written down: once, for the journal and for whoever looks at the trigger.
pub(super) fn written(trace: &Trace) -> Raw {
    let mut json = Vec::with_capacity(512);
    let whole = trace.write(&mut json).is_ok();
    std::str::from_utf8(&json).ok().filter(|_| whole).map(Raw::written).unwrap_or_default()
}

pub(super) fn carry_out(parts: &Parts, instance: &Instance, outcome: Outcome, trace: Raw, now: Time) {
    let mut notify = Vec::new();
    let verdict = match outcome.transition {
        Some(Transition::Activated) => "activated",
        Some(Transition::Cleared) => "cleared",
        None => "held-back",
    };
    if outcome.transition.is_some() {
        parts.commands.forget_wishes(instance.site.id);
    }
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
    let run = TriggerRun { trigger: instance.site.id, outcome: verdict.into(), trace, notify };
    (parts.record)(Class::Status, now, &Body::Trigger(run));
}

/// What ends with a trigger that is taken out of service, or replaced by `next`, while it is active: the alarms the next
/// one does not have, and what it still wanted. Its `on_clear` is not carried out, because its condition did not end.
pub(super) fn retire(parts: &Parts, instance: &Instance, next: Option<&Compiled>, now: Time) {
    let id = instance.site.id;
    if next.is_none() {
        parts.commands.forget_wishes(id);
    }
    let keys = |compiled| {
        let acts = bo_rules::retire(compiled, &instance.state).into_iter();
        acts.filter_map(|act| if let Act::ClearAlarm { key, .. } = act { Some(key) } else { None })
    };
    let stay: Vec<String> = next.into_iter().flat_map(keys).collect();
    for key in keys(&instance.compiled).filter(|key| !stay.contains(key)) {
        parts.alarms.clear(&alarm_key(instance, &key));
    }
    if next.is_none() && instance.state.active {
        let why = "Taken out of service while it was active: what it had switched stays as it is.";
        let trace = Raw::of(&json!({"at": now, "why": why}));
        let run = TriggerRun { trigger: id, outcome: "cleared".into(), trace, notify: Vec::new() };
        (parts.record)(Class::Status, now, &Body::Trigger(run));
    }
}

fn command(parts: &Parts, instance: &Instance, action: Act) {
    let Act::Command { device, command, params, priority, deadline, lease } = action else { return };
    let Some(target) = parts.devices.at(instance.site.system, &device) else {
        tracing::warn!(trigger = %instance.site.name, %device, %command, "the trigger's command has no device in service");
        return;
    };
    parts.commands.give(CommandRequest {
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
