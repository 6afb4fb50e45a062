//! The audit log in words: what was done, to what, and what differs between before and after.

use super::super::parts as own;
use crate::registry::Registry;
use bo_db::audit::Record;
use maud::{Markup, html};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What was done, in words.
pub fn verb(verb: &str) -> String {
    let known = match verb {
        "command.request" => "Gave a command",
        "command.finish" => "A command ended",
        "session.open" => "Signed in",
        "session.close" => "Signed out",
        "session.refuse" => "Failed to sign in",
        "edge.enrol" => "Let a gateway in",
        "edge.code" => "Made a one-time code",
        "edge.record" => "Gateway reported",
        "release.access" => "Brought changed permissions to a gateway",
        "release.publish" => "Deployed a release",
        "relation.grant" => "Gave a right",
        "relation.revoke" | "relation.withdraw" => "Took a right away",
        "access.denied" => "Was refused",
        "alarm.assign" => "Assigned an alarm",
        "alarm.note" => "Wrote a note",
        "maintenance.plan" => "Began maintenance",
        "maintenance.end" => "Ended maintenance",
        "channel.try" => "Tried a channel out",
        "delivery.retry" => "Tried a message again",
        "metadata-field.save" => "Said which details are kept",
        "metadata-field.remove" => "Said a detail is kept no longer",
        "map.change" => "Changed what a floor map shows",
        "rollout.propose" => "Proposed a rollout",
        "rollout.approve" => "Approved a rollout",
        "rollout.ring" => "Released a ring of a rollout",
        "rollout.advance" => "A rollout went on",
        "rollout.done" => "A rollout is everywhere",
        "rollout.stop" => "Stopped a rollout",
        "rollout.revert" => "Took a rollout back",
        "rollout.pause" => "Paused a rollout",
        "rollout.resume" => "Resumed a rollout",
        "account.password" => "Changed a password",
        "account.invite" => "Invited somebody",
        "session.switch" => "Went to another workspace",
        "member.join" => "Joined the organisation",
        "member.leave" => "Left the organisation",
        "invitation.send" => "Invited somebody to the organisation",
        "workspace.create" => "Made an organisation",
        "audit.chain-broken" => "A gateway's log did not fit together",
        "edge.backfill" => "Asked a gateway for old records again",
        "account.gateway-pin" => "Set a number for gateways",
        "account.gateway-pin-remove" => "Removed a number for gateways",
        "wiki-space.empty-bin" => "Emptied the bin of a wiki space",
        "event.arrive" | "event.stage" => "Changed an event",
        "account.update" => "Changed an account",
        "group.join" => "Added to a group",
        "group.one-of" => "Said which groups exclude each other",
        "group.leave" => "Took out of a group",
        "estate.import" => "Imported files",
        "estate.export" => "Exported files",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let (noun, what) = verb.split_once('.').unwrap_or((verb, ""));
    let noun = match noun {
        "edge" => "gateway".to_owned(),
        noun => own::humane(noun).to_lowercase(),
    };
    let did = match what {
        "create" => "Made",
        "change" | "save" => "Changed",
        "move" => "Moved",
        "remove" | "delete" => "Removed",
        "acknowledge" => "Acknowledged",
        "revoke" => "Revoked",
        "enable" => "Enabled",
        "disable" => "Disabled",
        "add" => "Added",
        "make" => "Made",
        "update" | "edit" | "status" | "set" => "Changed",
        "rename" => "Renamed",
        "recover" | "restore" => "Brought back",
        "give" => "Gave",
        "take" => "Took away",
        "send" => "Sent",
        "resend" => "Sent again",
        "accept" => "Accepted",
        "decline" => "Declined",
        "withdraw" => "Withdrew",
        "offer" => "Offered",
        "approve" => "Approved",
        "refuse" => "Refused",
        "pause" => "Paused",
        "close" => "Closed",
        "reopen" => "Reopened",
        "stop" => "Ended",
        "rotate" | "renew" => "Renewed",
        "restrict" => "Changed who may see",
        "export" => "Exported",
        "moderate" => "Moderated",
        "switch" => "Switched",
        "use" => "Chose",
        "" => return own::humane(&noun),
        other => return format!("{} of {} {noun}", own::humane(other), article(&noun)),
    };
    format!("{did} {} {noun}", article(&noun))
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) && !noun.starts_with("user") { "an" } else { "a" }
}

/// What it was done to, in words: its name as it was then, else as it is now.
pub fn object_name(registry: &Registry, record: &Record) -> String {
    let (kind, id) = (record.object.kind(), record.object.id());
    let name =
        if record.name.is_empty() { own::name_of(registry, kind, id) } else { Some(record.name.clone()) };
    // A device's address is one of many; its room tells which.
    if kind == "device"
        && let Some(entry) = id.parse().ok().and_then(|id| registry.devices.get(&id))
        && let Some(system) = registry.systems.get(&entry.device.system)
    {
        return format!("{} in {}", name.unwrap_or_else(|| entry.device.name.clone()), system.name);
    }
    let kind = match kind {
        "edge" => "Gateway".to_owned(),
        kind => own::humane(kind),
    };
    name.map_or(kind.clone(), |name| format!("{kind} {name}"))
}

/// Every value by its place: `settings.poll`, `links.bus.host`.
fn flat(registry: &Registry, value: Option<&Json>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting: Vec<(String, &Json)> = value.map(|value| (String::new(), value)).into_iter().collect();
    while let Some((place, value)) = waiting.pop() {
        match value {
            Json::Object(fields) => waiting.extend(fields.iter().map(|(key, value)| {
                (if place.is_empty() { key.clone() } else { format!("{place}.{key}") }, value)
            })),
            Json::Array(items) if items.iter().all(|item| item.is_string()) => {
                let items: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
                found.insert(place, items.join(", "));
            }
            Json::String(text) => drop(found.insert(place.clone(), told(registry, &place, text))),
            Json::Bool(on) => drop(found.insert(place, if *on { "yes" } else { "no" }.into())),
            other => drop(found.insert(place, other.to_string())),
        }
    }
    found.retain(|place, _| place != "id");
    found
}

/// A text as people read it: the name of what an id stands for.
fn told(registry: &Registry, place: &str, text: &str) -> String {
    let kind = match place.rsplit('.').next().unwrap_or(place) {
        "parent" => "zone",
        kind => kind,
    };
    own::name_of(registry, kind, text).unwrap_or_else(|| text.to_owned())
}

/// A place of a record in words: `settings.poll` is `Settings: poll`.
fn place(place: &str) -> String {
    if place.is_empty() { "Value".into() } else { own::humane(&place.replace('.', ": ")) }
}

/// What a record changed: before and after of what differs, the rest folded away.
pub fn changes(registry: &Registry, record: &Record) -> Markup {
    let (before, after) = (flat(registry, record.before.as_ref()), flat(registry, record.after.as_ref()));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let both = record.before.is_some() && record.after.is_some();
    let (changed, same): (Vec<&String>, Vec<&String>) =
        keys.into_iter().partition(|key| !both || before.get(*key) != after.get(*key));
    let cell = |value: Option<&String>, class: &str| html! { @match value { Some(value) if value.contains('\n') => pre tabindex="0" class=(class) { (value) }, Some(value) => span class=(class) { (value) }, None => span.muted { "–" } } };
    html! {
        @if changed.is_empty() && same.is_empty() { p.card__lead { "This record carries no values." } }
        @else { div.table-wrap tabindex="0" role="region" aria-label="What changed" { table.table.table--cards {
            thead { tr { th scope="col" { "What" }
                @if record.before.is_some() { th scope="col" { "Before" } }
                @if record.after.is_some() { th scope="col" { @if both { "After" } @else { "Value" } } }
            } }
            tbody { @for key in &changed { tr {
                td data-label="What" { (place(key)) }
                @if record.before.is_some() { td data-label="Before" { (cell(before.get(*key), "diff--old")) } }
                @if record.after.is_some() { td data-label="After" { (cell(after.get(*key), "diff--new")) } }
            } } }
        } }
        @if both && !same.is_empty() { details.fold { summary { (same.len()) " more that stayed as they were" } dl.kv { @for key in &same { dt { (place(key)) } dd { (cell(after.get(*key), "")) } } } } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_done_reads_as_people_say_it() {
        assert_eq!(verb("device.change"), "Changed a device");
        assert_eq!(verb("edge.create"), "Made a gateway");
        assert_eq!(verb("account.create"), "Made an account");
        assert_eq!(verb("trigger-definition.save"), "Changed a trigger definition");
        assert_eq!(verb("token.rotate"), "Renewed a token");
        assert_eq!(verb("role.give"), "Gave a role");
        assert_eq!(verb("event-task.add"), "Added an event task");
        assert_eq!(verb("lamp.dim"), "Dim of a lamp");
    }

    #[test]
    fn values_are_told_by_their_place() {
        let value =
            json!({ "name": "Lab", "enabled": true, "settings": { "poll": "5s" }, "tags": ["a", "b"] });
        let told = flat(&Registry::default(), Some(&value));
        let told: Vec<(&str, &str)> =
            told.iter().map(|(place, text)| (place.as_str(), text.as_str())).collect();
        assert_eq!(told, [("enabled", "yes"), ("name", "Lab"), ("settings.poll", "5s"), ("tags", "a, b")]);
        assert_eq!(place("settings.poll"), "Settings: poll");
    }
}
