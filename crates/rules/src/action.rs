//! Actions as the host carries them out: templates filled in, patterns resolved to devices.

use crate::compiled::{Compiled, Feed};
use crate::context::{ContextDevice, matches};
use crate::definition::{Action, Severity};
use crate::reader::Reader;
use crate::target::{Target, whole_name};
use bo_model::Time;
use bo_model::command::{Lease, Priority};
use bo_model::settings::{Values, complete};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Something the host has to do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Act {
    /// Give a command.
    Command {
        /// Address of the device in the trigger's system.
        device: String,
        /// The command.
        command: String,
        /// Its parameters.
        params: Values,
        /// Its priority.
        priority: Priority,
        /// Not after this.
        deadline: Time,
        /// A claim on the target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease: Option<Lease>,
    },
    /// Begin an alarm condition, `key` being unique within the trigger.
    RaiseAlarm {
        /// Which of the trigger's alarms; empty for the first.
        key: String,
        /// How urgent.
        severity: Severity,
        /// For people.
        text: String,
    },
    /// End it.
    ClearAlarm {
        /// Which of the trigger's alarms; empty for the first.
        key: String,
        /// How urgent it was.
        severity: Severity,
    },
    /// Tell somebody.
    Notify {
        /// Groups or people.
        to: Vec<String>,
        /// Short.
        subject: String,
        /// The message.
        text: String,
    },
    /// Publish an event to the controller.
    Emit {
        /// Its dotted name.
        event: String,
        /// What goes with it.
        data: Values,
    },
}

/// Templates' own names besides inputs and params.
pub(crate) const BUILT_IN: [&str; 3] = ["system", "trigger", "offline"];

/// Names in braces, in order. The error is a sentence.
pub(crate) fn names_in(text: &str) -> Result<Vec<&str>, String> {
    pieces(text).map(|all| all.into_iter().filter_map(|piece| piece.err()).collect())
}

/// Text (`Ok`) and names (`Err`) of a template; `{{` and `}}` stand for braces.
fn pieces(text: &str) -> Result<Vec<Result<&str, &str>>, String> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        all.push(Ok(&rest[..at]));
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            all.push(Ok(brace));
            rest = after;
        } else if brace == "{" {
            let end = rest.find('}').ok_or_else(|| format!("`{text}` has a `{{` without `}}`"))?;
            all.push(Err(rest[..end].trim()));
            rest = &rest[end + 1..];
        } else {
            return Err(format!("`{text}` has a `}}` without `{{`"));
        }
    }
    all.push(Ok(rest));
    Ok(all)
}

/// Carries out one action of a transition. `key` tells alarms of the same trigger apart; `target` is who gets its command, where
/// that was resolved already (a script's is resolved now). What may not be done is a sentence in `withheld`.
pub(crate) fn carry_out(
    action: &Action,
    key: &str,
    target: Option<&Target>,
    reader: &Reader<'_>,
    acts: &mut Vec<Act>,
    withheld: &mut Vec<String>,
) {
    let compiled = reader.compiled;
    let definition = &compiled.definition;
    if let Some(written) = &action.command {
        command(action, written, target, reader, acts, withheld);
    }
    if let Some(alarm) = &action.alarm {
        acts.push(Act::RaiseAlarm {
            key: key.to_owned(),
            severity: alarm.severity,
            text: fill(&alarm.text, reader),
        });
    }
    if let Some(notice) = &action.notify {
        let subject = if notice.subject.is_empty() { &definition.title } else { &notice.subject };
        acts.push(Act::Notify {
            to: notice.to.iter().map(|to| fill(to, reader)).collect(),
            subject: fill(subject, reader),
            text: fill(&notice.text, reader),
        });
    }
    if let Some(event) = &action.emit {
        match typed_all(&event.data, reader, false) {
            Ok(data) => acts.push(Act::Emit { event: event.event.clone(), data }),
            Err(why) => withheld.push(format!("event {}: {why}", event.event)),
        }
    }
}

fn command(
    action: &Action,
    written: &str,
    known: Option<&Target>,
    reader: &Reader<'_>,
    acts: &mut Vec<Act>,
    withheld: &mut Vec<String>,
) {
    let compiled = reader.compiled;
    let made;
    let target = match known {
        Some(target) => Ok(target),
        None => {
            made = Target::of(action, written, &compiled.context, &compiled.params);
            made.as_ref().map_err(Clone::clone)
        }
    };
    let ready = target.and_then(|target| {
        let fixed = target.is_fixed.then(|| action.params.clone());
        let params = fixed.map_or_else(|| typed_all(&action.params, reader, true), Ok)?;
        let then = action.lease.as_ref().and_then(|lease| lease.then.as_ref());
        Ok((target, params, then.map(|values| typed_all(values, reader, true)).transpose()?))
    });
    let (target, mut params, then) = match ready {
        Ok(ready) => ready,
        Err(why) => return withheld.push(format!("{written}: {why}")),
    };
    let mut devices = target.devices.iter().map(|place| &compiled.context.devices[*place]).peekable();
    while let Some(device) = devices.next() {
        let params = if devices.peek().is_some() { params.clone() } else { std::mem::take(&mut params) };
        match checked(device, &target.command, &params) {
            Ok(completed) => acts.push(Act::Command {
                device: device.address.clone(),
                command: target.command.clone(),
                params: completed.unwrap_or(params),
                priority: compiled.definition.priority,
                deadline: reader.now.after(target.within),
                lease: target.lasts.map(|lasts| Lease { until: reader.now.after(lasts), then: then.clone() }),
            }),
            Err(why) => withheld.push(format!("{}.{}: {why}", device.address, target.command)),
        }
    }
}

/// Parameters with defaults filled in, where there are any. The error is a sentence.
fn checked(device: &ContextDevice, command: &str, params: &Values) -> Result<Option<Values>, String> {
    let Some(manifest) = &device.manifest else { return Ok(None) };
    let known = manifest
        .commands
        .get(command)
        .ok_or_else(|| format!("driver {} has no command `{command}`", manifest.driver.name))?;
    complete(&known.params, params)
        .map_err(|all| all.iter().map(|(key, why)| format!("{key} {why}")).collect::<Vec<_>>().join(", "))
}

/// Whether a script may give this command: the same text, or a pattern that covers it.
pub(crate) fn is_permitted(compiled: &Compiled, target: &str) -> bool {
    compiled.permitted().any(|permitted| permitted == target || matches(permitted, target))
}

fn typed_all(values: &Values, reader: &Reader<'_>, strict: bool) -> Result<Values, String> {
    values.iter().map(|(key, value)| Ok((key.clone(), typed(value, reader, strict)?))).collect()
}

/// A literal, a filled in text, or what `"{name}"` names. `strict`: an input that may not be acted on is an error.
fn typed(value: &Json, reader: &Reader<'_>, strict: bool) -> Result<Json, String> {
    let Json::String(text) = value else { return Ok(value.clone()) };
    let input = |name: &str| reader.compiled.inputs.iter().position(|slot| *slot.name == *name);
    if let Some(name) = whole_name(text) {
        if let Some(value) = reader.compiled.params.get(name) {
            return Ok(value.clone());
        }
        if let Some(index) = input(name) {
            return match reader.read(index as u32) {
                Some(data) => Ok(data.to_json()),
                None if strict => Err(reader.why_refused(index as u32)),
                None => Ok(Json::Null),
            };
        }
    }
    if strict {
        for name in names_in(text)? {
            if let Some(index) = input(name)
                && reader.read(index as u32).is_none()
            {
                return Err(reader.why_refused(index as u32));
            }
        }
    }
    Ok(Json::String(fill(text, reader)))
}

/// Fills in a text for people. Inputs show label and unit where the driver names them.
pub(crate) fn fill(text: &str, reader: &Reader<'_>) -> String {
    let Ok(pieces) = pieces(text) else { return text.to_owned() };
    pieces.into_iter().map(|piece| piece.map_or_else(|name| named(name, reader), str::to_owned)).collect()
}

fn named(name: &str, reader: &Reader<'_>) -> String {
    let compiled = reader.compiled;
    if let Some(value) = compiled.params.get(name) {
        let unit = compiled.definition.params.get(name).map_or("", |field| field.unit.as_str());
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return if unit.is_empty() { text } else { format!("{text} {unit}") };
    }
    if let Some(index) = compiled.inputs.iter().position(|slot| *slot.name == *name) {
        let Some(data) = reader.read(index as u32) else { return "unknown".into() };
        let field = match compiled.inputs[index].feed {
            Feed::One(source) => reader.field(source),
            _ => None,
        };
        return field.map_or_else(|| data.to_string(), |field| field.show(&data));
    }
    match name {
        "system" => compiled.context.system.clone(),
        "trigger" => compiled.definition.title.clone(),
        "offline" => some(&reader.offline()),
        _ => format!("{{{name}}}"),
    }
}

/// A list that stays readable: the first ten, and how many more.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let more = names.len().saturating_sub(SHOWN);
    let first = names[..names.len() - more].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_braces_and_doubled_braces_are_braces() {
        assert_eq!(names_in("CO2 is {co2}, limit { limit }"), Ok(vec!["co2", "limit"]));
        assert_eq!(names_in("{{co2}}"), Ok(vec![]));
        assert!(names_in("{co2").is_err());
        assert!(names_in("co2}").is_err());
        assert_eq!(whole_name("{co2}"), Some("co2"));
        assert_eq!(whole_name("{co2} ppm"), None);
    }
}
