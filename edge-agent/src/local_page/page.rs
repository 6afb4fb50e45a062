//! The frame of all pages, the overview, the triggers, signing in.

use super::visitor::{STALE, Visitor};
use crate::status::{DeviceStatus, Shown, Status};
use crate::triggers::Shown as Trigger;
use bo_model::{Level, Quality, Reason, Time};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// How the classes of floor maps look, the same as on the controller.
const MAP_STYLE: &str = include_str!("../../../zone-maps/map.css");
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
.plan { overflow-x: auto; } .plan svg { width: 100%; min-width: 46rem; } .plan a { color: inherit; } .warn { color: var(--soft); }
nav { flex-wrap: wrap; } .scroll { overflow-x: auto; }
input, select, button { font: inherit; padding: .4rem .6rem; min-height: 2.75rem; } form.plain { display: inline; }
";

/// A whole page. `refresh`: it shows what changes and nobody is typing on it.
pub fn frame(title: &str, status: Option<&Status>, visitor: &Visitor, refresh: bool, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if refresh { meta http-equiv="refresh" content="5"; }
                title { (title) " · BackOffice edge" }
                style { (PreEscaped(STYLE)) (PreEscaped(MAP_STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some(status) = status { span .soft { (controller(status)) } }
                    nav aria-label="Pages" {
                        a href="/" { "Devices" }
                        @for (id, name) in super::map_page::plans(visitor) { a href={ "/map/" (id) } { (name) } }
                        a href="/triggers" { "Triggers" }
                        @match (&visitor.form, visitor.name()) {
                            (Some(form), name) => {
                                form .plain method="post" action="/sign-out" {
                                    input type="hidden" name="form" value=(form);
                                    button { "Sign out" @if let Some(name) = name { " " (name) } }
                                }
                            }
                            (None, _) if visitor.can_sign_in => { a href="/sign-in" { "Sign in" } }
                            _ => {}
                        }
                    }
                }
                main {
                    @if visitor.stale && visitor.who.is_some() { p .said .ill { (STALE) } }
                    (body)
                }
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
    let body = html! {
        @if !visitor.is_known() { (closed(visitor)) }
        @if let Some(why) = &status.journal.stuck { p .said .ill { "Nothing can be written to disk: " (why) } }
        @if let Some(why) = status.site_file.as_ref().and_then(|file| file.trouble.as_ref()) {
            p .said .ill { "The site file can't be run as it is now; the last good one goes on. " (why) }
        }
        @if let Some(bound) = status.journal.squeezed {
            p .said .ill { "The disk is nearly full: at most " (bound >> 20) " MiB are kept for the controller, and older history is thinned. Make room on this machine." }
        }
        @if !status.alarms.is_empty() {
            h2 { "Alarms" }
            ul { @for alarm in &status.alarms { li { (alarm.severity) ": " (alarm.text) } } }
        }
        @if visitor.is_known() {
            @if status.devices.is_empty() && visitor.desired.site.devices.is_empty() {
                p { "No devices run on this edge yet. The controller sends what to run as a release; "
                    code { "backoffice-edge run --site" } " runs a site file." }
            } @else if status.devices.is_empty() {
                p { "None of this building's devices is shared with you. Whoever administers it can grant you a zone or a device in the controller." }
            }
            (devices(status))
            (links(status))
        }
    };
    frame("This building", Some(status), visitor, true, body)
}

/// What somebody sees to whom nothing is shown.
fn closed(visitor: &Visitor) -> Markup {
    html! {
        @if visitor.can_sign_in { p { a href="/sign-in" { "Sign in" } " to see this building and to operate it." } }
        @else {
            p { "Nothing of this building is shown to whoever reaches this page, and nobody can sign in yet. Give people a PIN for gateways in the controller, or set "
                code { "local_page.operator_password_hash" } " (and " code { "local_page.open" } " to show values to everybody) in " code { "edge.toml" } "." }
        }
    }
}

/// Devices in a table per system.
pub fn devices(status: &Status) -> Markup {
    let mut systems: Vec<&str> = status.devices.iter().map(|device| device.system.as_str()).collect();
    systems.sort_unstable();
    systems.dedup();
    html! {
        @for system in systems {
            h2 { @if system.is_empty() { "Devices" } @else { (system) } }
            div .scroll { table {
                tr { th { "Device" } th { "State" } th { "Values" } }
                @for device in status.devices.iter().filter(|device| device.system == system) {
                    tr {
                        td { a href={ "/device/" (device.id) } { (title(device)) } }
                        td { (state(device, status.at)) }
                        td { @for shown in device.values.iter().filter(|shown| is_worth_showing(shown)).take(4) {
                            span { (shown.title) " " (value(shown)) "  " }
                        } }
                    }
                }
            } }
        }
    }
}

fn links(status: &Status) -> Markup {
    html! {
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
        @for plan in &status.lines { p .soft { (plan.link) ": " (plan.problem.clone().unwrap_or_else(|| plan.sentence())) } }
        @for share in &status.shares { p .soft {
            "Other Modbus masters may " @if share.writes { "read and write" } @else { "read" } " through " (share.link) " at " (share.listen) "."
        } }
    }
}

/// What tells something at a glance: not that nothing was read yet, and not what the state says already.
fn is_worth_showing(shown: &Shown) -> bool {
    shown.name != "online" && shown.value.quality != Quality::Bad(Reason::NeverRead)
}

/// A device's name.
pub fn title(device: &DeviceStatus) -> &str {
    if device.name.is_empty() { &device.address } else { &device.name }
}

/// Whether it answers.
pub fn state(device: &DeviceStatus, now: Time) -> Markup {
    match &device.unwell {
        Some(why) => html! { span .ill { (why) } },
        None if device.values.is_empty() => html! { span .soft { "not shown to you" } },
        None => html! { "answers, " (device.last_proved.map_or("never".into(), |at| age(at, now))) },
    }
}

/// A value with what is to be said about it.
pub fn value(shown: &Shown) -> Markup {
    match &shown.value.quality {
        Quality::Good => html! { b { (shown.text) } },
        Quality::Uncertain(why) => html! { span .uncertain { (shown.text) " (" (why.to_string()) ")" } },
        Quality::Bad(why) => html! { span .bad { (shown.text) " (" (why.to_string()) ")" } },
    }
}

/// How long ago.
pub fn age(at: Time, now: Time) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..=1 => "just now".into(),
        2..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// The triggers of systems the visitor may look at.
pub fn triggers(status: &Status, visitor: &Visitor, triggers: &[Trigger]) -> Markup {
    let triggers: Vec<_> =
        triggers.iter().filter(|trigger| visitor.system(trigger.system) >= Level::View).collect();
    let body = html! {
        @if !visitor.is_known() { (closed(visitor)) }
        @else if triggers.is_empty() { p .soft { "No triggers run here that are shared with you." } }
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
    frame("Triggers", Some(status), visitor, true, body)
}

/// Signing in: by name where the release has people, and as the operator where there is a password.
pub fn sign_in(visitor: &Visitor, operator: bool, said: Option<&str>) -> Markup {
    let people = !visitor.desired.site.people.is_empty();
    let body = html! {
        @if let Some(said) = said { p .said .ill role="alert" { (said) } }
        @if people {
            form .command method="post" action="/sign-in" {
                p .soft { "With the PIN for gateways that you made or were given in the controller. It is not your password." }
                label { "Name or address" br; input name="login" required autofocus autocomplete="username" autocapitalize="none"; }
                label { "PIN" br; input type="password" name="secret" required autocapitalize="none" autocomplete="current-password"; }
                button { "Sign in" }
            }
        }
        @if operator {
            form .command method="post" action="/sign-in" {
                @if people { p .soft { "Or as the operator of this machine." } }
                label { "Operator's password" br; input type="password" name="secret" required autofocus[!people] autocomplete="current-password"; }
                button { "Sign in" }
            }
        }
        @if !people && !operator { (closed(visitor)) }
    };
    frame("Sign in", None, visitor, false, body)
}

/// No such thing, or none that this visitor may know of.
pub fn not_found(status: &Status, visitor: &Visitor, what: &str) -> Markup {
    let body = html! {
        p { "There is no " b { (what) } " here that you may see." }
        @if visitor.who.is_none() && visitor.can_sign_in { p { a href="/sign-in" { "Sign in" } " to see what is yours." } }
    };
    frame("Not found", Some(status), visitor, false, body)
}
