//! The page's documents.

use super::{Visitor, is_switch};
use crate::status::{DeviceStatus, HoldStatus, Shown, Status};
use crate::triggers::Shown as Trigger;
use bo_model::driver::{Command, Manifest};
use bo_model::settings::{Field, FieldKind};
use bo_model::{Quality, Time};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 60%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 0 1rem 3rem; }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; border-bottom: 1px solid var(--line); padding: 1rem 0; }
header nav { margin-left: auto; display: flex; gap: 1rem; align-items: baseline; }
h1 { font-size: 1.25rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; color: var(--soft); }
td, th { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.soft, .uncertain, .bad { color: var(--soft); } .uncertain, .bad { font-style: italic; }
.ill { color: light-dark(#b00020, #ff8a80); } .said { border-left: 4px solid; padding: .5rem 1rem; margin: 1rem 0; }
form.command { border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; margin: .75rem 0; display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; }
form.command p { flex-basis: 100%; margin: 0; } label { display: block; }
input, select, button { font: inherit; padding: .4rem .6rem; min-height: 2.75rem; } form.plain { display: inline; }
";

fn frame(
    title: &str,
    status: Option<&Status>,
    visitor: Option<&Visitor>,
    refresh: bool,
    body: Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if refresh { meta http-equiv="refresh" content="5"; }
                title { (title) " · BackOffice edge" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some(status) = status { span .soft { (controller(status)) } }
                    nav {
                        a href="/" { "Devices" }
                        a href="/triggers" { "Triggers" }
                        @match visitor {
                            Some(Visitor { form: Some(form), .. }) => {
                                form .plain method="post" action="/sign-out" {
                                    input type="hidden" name="form" value=(form);
                                    button { "Sign out" }
                                }
                            }
                            Some(Visitor { can_sign_in: true, .. }) => { a href="/sign-in" { "Sign in" } }
                            _ => {}
                        }
                    }
                }
                main { (body) }
            }
        }
    }
}

fn controller(status: &Status) -> String {
    match &status.controller {
        None => "runs without a controller".into(),
        Some(state) if state.connected => "connected to the controller".into(),
        Some(state) => format!(
            "the controller is away since {}; {} records wait for it",
            state.since, status.journal.backlog
        ),
    }
}

pub fn home(status: &Status, visitor: &Visitor) -> Markup {
    let mut systems: Vec<&str> = status.devices.iter().map(|device| device.system.as_str()).collect();
    systems.sort_unstable();
    systems.dedup();
    let body = html! {
        @if let Some(why) = &status.journal.stuck { p .said .ill { "Nothing can be written to disk: " (why) } }
        @if !status.alarms.is_empty() {
            h2 { "Alarms" }
            ul { @for alarm in &status.alarms { li { (alarm.severity) ": " (alarm.text) } } }
        }
        @if status.devices.is_empty() {
            p { "No devices run on this edge yet. The controller sends what to run as a release; "
                code { "backoffice-edge run --site" } " runs a site file." }
        }
        @for system in systems {
            h2 { @if system.is_empty() { "Devices" } @else { (system) } }
            table {
                tr { th { "Device" } th { "State" } th { "Values" } }
                @for device in status.devices.iter().filter(|device| device.system == system) {
                    tr {
                        td { a href={ "/device/" (device.id) } { (title(device)) } }
                        td { (state(device, status.at)) }
                        td { @for shown in device.values.iter().filter(|shown| shown.name != "online").take(4) {
                            span { (shown.title) " " (value(shown)) "  " }
                        } }
                    }
                }
            }
        }
        h2 { "Links" }
        @if status.links.is_empty() { p .soft { "None is open." } } @else {
            table {
                tr { th { "Link" } th { "State" } th { "Last proved" } th { "Requests" } th { "Failures" } }
                @for link in &status.links {
                    tr {
                        td { (link.name) }
                        td { (link.state) @if let Some(why) = &link.why { ": " (why) } }
                        td { (link.last_proved.map_or("never".into(), |at| age(at, status.at))) }
                        td { (link.requests) } td { (link.failures) }
                    }
                }
            }
        }
    };
    frame("This building", Some(status), Some(visitor), true, body)
}

fn title(device: &DeviceStatus) -> &str {
    if device.name.is_empty() { &device.address } else { &device.name }
}

fn state(device: &DeviceStatus, now: Time) -> Markup {
    match &device.unwell {
        Some(why) => html! { span .ill { (why) } },
        None => html! { "answers, " (device.last_proved.map_or("never".into(), |at| age(at, now))) },
    }
}

fn value(shown: &Shown) -> Markup {
    match &shown.value.quality {
        Quality::Good => html! { b { (shown.text) } },
        Quality::Uncertain(why) => html! { span .uncertain { (shown.text) " (" (why.to_string()) ")" } },
        Quality::Bad(why) => html! { span .bad { (shown.text) " (" (why.to_string()) ")" } },
    }
}

fn age(at: Time, now: Time) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..=1 => "just now".into(),
        2..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

pub fn device(
    status: &Status,
    device: &DeviceStatus,
    manifest: &Manifest,
    holds: &[&HoldStatus],
    visitor: &Visitor,
    said: Option<&str>,
) -> Markup {
    let body = html! {
        p .soft { (device.system) " · " (device.address) " · " (manifest.driver.title) " · " (state(device, status.at)) }
        @if let Some(said) = said { p .said role="status" { (said) } }
        table {
            tr { th { "Value" } th { "" } th { "Age" } }
            @for shown in &device.values {
                tr { td { (shown.title) } td { (value(shown)) } td .soft { (age(shown.value.observed_at, status.at)) } }
            }
        }
        @for hold in holds {
            p .said {
                (hold.who) " holds " b { (hold.target) } " until " (hold.until) " (" (hold.priority) "). "
                @if let Some(form) = &visitor.form {
                    form .plain method="post" action={ "/device/" (device.id) "/release/" (hold.target) } {
                        input type="hidden" name="form" value=(form);
                        button { "Let triggers act again" }
                    }
                }
            }
        }
        h2 { "Operate" }
        @if manifest.commands.is_empty() { p .soft { "This device only tells; it takes no commands." } }
        @else { @match &visitor.form {
            Some(form) => { @for (name, command) in &manifest.commands { (command_form(device, name, command, form)) } }
            None if visitor.can_sign_in => { p { a href="/sign-in" { "Sign in" } " to operate it." } }
            None => { p .soft { "Operating is switched off: no operator password is configured on this edge." } }
        } }
    };
    frame(title(device), Some(status), Some(visitor), said.is_none() && visitor.form.is_none(), body)
}

fn command_form(device: &DeviceStatus, name: &str, command: &Command, form: &str) -> Markup {
    let title = if command.title.is_empty() { name } else { &command.title };
    html! {
        form .command method="post" action={ "/device/" (device.id) "/command/" (name) } {
            input type="hidden" name="form" value=(form);
            @if !command.about.is_empty() { p .soft { (command.about) } }
            @for (key, field) in &command.params { (input(key, field)) }
            button { (title) }
        }
    }
}

fn input(key: &str, field: &Field) -> Markup {
    let label = if field.title.is_empty() { key } else { &field.title };
    let default =
        field.default.as_ref().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let default = default.unwrap_or_default();
    let step = field.step.map_or("any".to_owned(), |step| step.to_string());
    html! {
        label {
            (label) @if !field.unit.is_empty() { " (" (field.unit) ")" } br;
            @if is_switch(field) {
                select name=(key) { option value="true" { "on" } option value="false" selected[default == "false"] { "off" } }
            } @else if !field.choices.is_empty() {
                select name=(key) { @for (raw, text) in &field.choices { option value=(raw) selected[*raw == default] { (text) } } }
            } @else if matches!(field.kind, FieldKind::Number | FieldKind::Integer) {
                input type="number" name=(key) value=(default) step=(step) required[field.required]
                    min=[field.min.map(|min| min.to_string())] max=[field.max.map(|max| max.to_string())];
            } @else {
                input type=(if field.secret { "password" } else { "text" }) name=(key) value=(default) required[field.required];
            }
        }
    }
}

pub fn triggers(status: &Status, triggers: &[Trigger]) -> Markup {
    let body = html! {
        @if triggers.is_empty() { p .soft { "No triggers run on this edge." } }
        @for trigger in triggers {
            h2 { (trigger.title) }
            p {
                @if trigger.active { b { "active" } } @else { "not active" }
                @if let Some(since) = trigger.since { " since " (since) }
                ". " (trigger.now.why)
            }
            @if !trigger.traces.is_empty() {
                table {
                    tr { th { "When" } th { "What" } th { "Why" } }
                    @for trace in &trigger.traces {
                        tr { td .soft { (age(trace.at, status.at)) } td { (trace.verdict.word()) } td { (trace.why) } }
                    }
                }
            }
        }
    };
    frame("Triggers", Some(status), None, true, body)
}

pub fn sign_in(possible: bool, said: Option<&str>) -> Markup {
    let body = html! {
        @if let Some(said) = said { p .said .ill role="alert" { (said) } }
        @if possible {
            form .command method="post" action="/sign-in" {
                label { "Operator's password" br; input type="password" name="password" required autofocus autocomplete="current-password"; }
                button { "Sign in" }
            }
        } @else {
            p { "No operator password is configured. Make a hash with " code { "backoffice-edge hash-password" }
                " and put it into " code { "edge.toml" } " as " code { "local_page.operator_password_hash" } "." }
        }
    };
    frame("Sign in", None, None, false, body)
}

pub fn not_found(status: &Status, name: &str) -> Markup {
    frame(
        "Not found",
        Some(status),
        None,
        false,
        html! { p { "This edge has no device " b { (name) } " in service." } },
    )
}
