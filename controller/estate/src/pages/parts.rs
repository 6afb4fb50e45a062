//! What several pages of the estate show alike: live values, health, alarms, places.

use crate::http::Health;
use crate::live::view::LiveValue;
use crate::registry::Registry;
use bo_model::command::Actor;
use bo_model::value::Source;
use bo_model::{DeviceId, EdgeId, Quality, Reason, SystemId, Time, ZoneId};
use bo_web::Page;
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use maud::{Markup, html};

/// A card with a heading, and something at its end.
pub fn card(title: &str, end: Markup, body: Markup) -> Markup {
    html! { section.card { div.card__head { h2 { (title) } (end) } (body) } }
}

/// A card around a table or list that reaches its borders.
pub fn flush(title: &str, end: Markup, body: Markup) -> Markup {
    html! { section.card.card--flush { div.card__head { h2 { (title) } (end) } (body) } }
}

/// Nothing beside a heading.
pub fn none() -> Markup {
    html! {}
}

/// A small link at the end of a heading.
pub fn more(title: &str, href: &str) -> Markup {
    html! { a.btn.btn--small.btn--quiet href=(href) { (title) } }
}

/// A button that leads to where something is made.
pub fn new(title: &str, href: &str) -> Markup {
    html! { a.btn href=(href) { (icon("plus")) (title) } }
}

/// A status variable's value, which the page keeps true.
pub fn live(device: DeviceId, name: &str, value: Option<&LiveValue>) -> Markup {
    let class = match value.map(|live| tone_of(&live.value.quality)) {
        Some(Tone::Good) => "value",
        Some(Tone::Warn) => "value value--uncertain",
        Some(Tone::Bad) => "value value--bad",
        _ => "value value--none",
    };
    let why = value.and_then(|live| why(&live.value.quality));
    html! {
        span class=(class) data-live={ (device) "/" (name) } title=[why] {
            @match value { Some(live) => (live.shown), None => "–" }
        }
    }
}

/// How bad it is: a value that can't be there now (a display that is off has no input) is nothing to worry about.
fn tone_of(quality: &Quality) -> Tone {
    match quality {
        Quality::Good => Tone::Good,
        Quality::Uncertain(_) => Tone::Warn,
        Quality::Bad(Reason::Driver(_) | Reason::Unimplemented | Reason::Disabled | Reason::NeverRead) => {
            Tone::Idle
        }
        Quality::Bad(_) => Tone::Bad,
    }
}

/// Why a value is not good: `uncertain: stale`, `no value: no reply in time`, `not available: the display is not on`.
pub fn why(quality: &Quality) -> Option<String> {
    let word = match tone_of(quality) {
        Tone::Bad => "no value",
        Tone::Idle => "not available",
        _ => quality.word(),
    };
    quality.reason().map(|reason| format!("{word}: {reason}"))
}

/// A value's quality in a word, with the reason.
pub fn quality(device: DeviceId, name: &str, quality: &Quality) -> Markup {
    html! {
        span class={ "badge badge--" (tone_of(quality).word()) } data-live-quality={ (device) "/" (name) } {
            (why(quality).unwrap_or_else(|| quality.word().to_owned()))
        }
    }
}

/// When a value was observed, kept true.
pub fn age(device: DeviceId, name: &str, at: Time, now: Time) -> Markup {
    html! {
        time.age datetime=(at.rfc3339()) title=(at.rfc3339()) data-age data-live-age={ (device) "/" (name) } {
            (parts::ago(at, now))
        }
    }
}

/// Who said so, in a word.
pub fn source(source: &Source) -> &'static str {
    match source {
        Source::Device => "device",
        Source::Derived => "computation",
        Source::Manual => "person",
        Source::Agent => "gateway",
    }
}

/// An instant to be read exactly; the browser writes it in the reader's own time.
pub fn exact(at: Time) -> Markup {
    let text: String = at.rfc3339().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect();
    html! { time data-exact="" datetime=(at.rfc3339()) { (text) " UTC" } }
}

/// A stretch of time whose ends need no time of day.
const LONG: std::time::Duration = std::time::Duration::from_secs(3 * 86_400);

/// The day of an instant; the browser writes that of the reader's own time.
fn day(at: Time) -> Markup {
    html! { time data-exact="day" datetime=(at.rfc3339()) { (parts::date(at)) } }
}

/// Colour and words of a device's state.
pub fn health_words(state: &str) -> (Tone, &'static str) {
    match state {
        "ok" => (Tone::Good, "Online"),
        "offline" => (Tone::Bad, "Not answering"),
        "faulted" => (Tone::Bad, "Faulted"),
        "gateway-offline" => (Tone::Warn, "Gateway away"),
        "not-set-up" => (Tone::Idle, "Not set up yet"),
        "disabled" => (Tone::Idle, "Disabled"),
        _ => (Tone::Idle, "Nothing heard yet"),
    }
}

/// A device's state.
pub fn health(health: &Health) -> Markup {
    let (tone, words) = health_words(health.state);
    html! { span class={ "badge badge--" (tone.word()) } title=[(!health.why.is_empty()).then_some(&health.why)] { (words) } }
}

/// A device's state with reason and since when.
pub fn health_line(of: &Health, now: Time) -> Markup {
    html! {
        span.row {
            (health(of))
            @if !of.why.is_empty() || of.since.is_some() {
                span.muted {
                    (of.why)
                    @if let Some(since) = of.since { @if !of.why.is_empty() { ", " } "first seen so " (parts::time(since, now)) }
                }
            }
        }
    }
}

/// An alarm's severity.
pub fn severity(word: &str) -> Markup {
    match word {
        "critical" => badge(Tone::Bad, "Critical"),
        "warning" => badge(Tone::Warn, "Warning"),
        _ => badge(Tone::Info, "Info"),
    }
}

/// The way to a zone, without itself when `own` is false.
pub fn crumbs(page: Page, registry: &Registry, zone: ZoneId, own: bool) -> Page {
    let mut path = registry.path(zone);
    if !own {
        path.pop();
    }
    path.iter().fold(page, |page, zone| page.crumb(zone.name.clone(), format!("/zones/{}", zone.id)))
}

/// `Cedar Court · First floor`: where a zone is, without the organisation's root.
pub fn place(registry: &Registry, zone: ZoneId) -> String {
    let path = registry.path(zone);
    let mut names: Vec<&str> =
        path.iter().filter(|zone| zone.parent.is_some()).map(|zone| zone.name.as_str()).collect();
    if names.is_empty() {
        names = path.iter().map(|zone| zone.name.as_str()).collect();
    }
    let from = names.len().saturating_sub(2);
    names.split_off(from).join(" · ")
}

/// What a thing of the estate is called now; nothing when it is not there.
pub fn name_of(registry: &Registry, kind: &str, id: &str) -> Option<String> {
    match kind {
        "zone" => registry.zones.get(&id.parse().ok()?).map(|zone| zone.name.clone()),
        "system" => registry.systems.get(&id.parse().ok()?).map(|system| system.name.clone()),
        "device" => registry.devices.get(&id.parse().ok()?).map(|entry| entry.device.name.clone()),
        "edge" => registry.edges.get(&id.parse().ok()?).map(|edge| edge.name.clone()),
        "trigger" => {
            let instance = registry.triggers.get(&id.parse().ok()?)?;
            let held = registry.definitions.get(&(instance.workspace, instance.name.clone()))?;
            Some(held.title.clone())
        }
        _ => None,
    }
}

/// A link to a system.
pub fn system_link(registry: &Registry, id: SystemId) -> Markup {
    let name = registry.systems.get(&id).map_or("a removed system", |system| system.name.as_str());
    html! { a href={ "/systems/" (id) } { (name) } }
}

/// A link to a device, with its system.
pub fn device_link(registry: &Registry, id: DeviceId) -> Markup {
    match registry.devices.get(&id) {
        None => html! { span.muted { "a removed device" } },
        Some(entry) => html! {
            a href={ "/devices/" (id) } { (entry.device.name) }
            span.muted { " in " (registry.systems.get(&entry.device.system).map_or("", |system| system.name.as_str())) }
        },
    }
}

/// A link to a gateway.
pub fn edge_link(registry: &Registry, id: EdgeId) -> Markup {
    let name = registry.edges.get(&id).map_or("a removed gateway", |edge| edge.name.as_str());
    html! { a href={ "/edges/" (id) } { (name) } }
}

/// Who acted, in words.
pub fn actor(registry: &Registry, actor: &Actor) -> Markup {
    match actor {
        Actor::Account { id, name } => html! { a href={ "/users/" (id) } { (name) } },
        Actor::Trigger { id, name } => html! { "trigger " a href={ "/triggers/" (id) } { (name) } },
        Actor::Driver { device } => html! { "driver of " (device_link(registry, *device)) },
        Actor::Operator => html! { "somebody at the machine itself" },
        Actor::Edge { id } => html! { (edge_link(registry, *id)) },
        Actor::Anonymous => html! { "somebody not signed in" },
        Actor::System => html! { "BackOffice itself" },
    }
}

/// Free words of a place.
pub fn tags(tags: &[String]) -> Markup {
    html! { @if !tags.is_empty() { span.row { @for tag in tags { span.badge.badge--plain { (tag) } } } } }
}

/// Stretches of a period as a strip: (from, to, class), drawn in order over a plain ground. `about` says what it shows, for
/// who can't see it.
pub fn strip(
    from: Time,
    to: Time,
    parts: impl Iterator<Item = (Time, Time, &'static str)>,
    about: &str,
) -> Markup {
    let whole = to.0.saturating_sub(from.0).max(1) as f64;
    let place = |at: Time| (at.0.clamp(from.0, to.0) - from.0) as f64 / whole * 1000.0;
    html! {
        figure.strip {
            svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label=(about) {
                rect.strip__ground width="1000" height="20" {}
                @for (begin, end, class) in parts {
                    // A short stretch is still seen.
                    rect class={ "strip__part strip__part--" (class) } x=(format!("{:.2}", place(begin))) height="20" width=(format!("{:.2}", (place(end) - place(begin)).max(1.5))) {}
                }
            }
            figcaption {
                @if to.since(from) > LONG { span { (day(from)) } span { (day(to)) } } @else { span { (exact(from)) } span { (exact(to)) } }
            }
        }
    }
}

/// `4.1 MB`: bytes as people read them.
pub fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c < 1e3 => format!("{c} B"),
        c if c < 1e6 => format!("{:.0} kB", c / 1e3),
        c if c < 1e9 => format!("{:.1} MB", c / 1e6),
        c => format!("{:.1} GB", c / 1e9),
    }
}

/// `1 device`, `3 devices`.
pub fn count(number: usize, one: &str) -> String {
    format!("{number} {}", plural(one, number))
}

/// `device` or `devices`.
pub fn plural(one: &str, number: usize) -> String {
    if number == 1 { one.to_owned() } else { format!("{one}s") }
}

/// `90` is `1 h 30 min`: minutes as people read them.
pub fn minutes(count: i64) -> String {
    let parts = [(count / 1440, "d"), (count % 1440 / 60, "h"), (count % 60, "min")];
    let said: Vec<String> =
        parts.iter().filter(|(many, _)| *many > 0).map(|(many, unit)| format!("{many} {unit}")).collect();
    if said.is_empty() { "0 min".to_owned() } else { said.join(" ") }
}

/// A program's words as a sentence: with a capital and a full stop.
pub fn sentence(words: &str) -> String {
    let mut letters = words.trim_end_matches('.').chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

/// A name made of a machine's word: `operating_state` is `Operating state`.
pub fn humane(word: &str) -> String {
    let text = word.replace(['_', '-'], " ");
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_read_as_people_write_them() {
        assert_eq!(humane("operating_state"), "Operating state");
        assert_eq!((bytes(900), bytes(4_140_000)), ("900 B".into(), "4.1 MB".into()));
        assert_eq!(
            (minutes(90), minutes(1440), minutes(0)),
            ("1 h 30 min".into(), "1 d".into(), "0 min".into())
        );
        assert_eq!(sentence("the receiver answered 500"), "The receiver answered 500.");
        assert_eq!((count(1, "device"), count(3, "device")), ("1 device".into(), "3 devices".into()));
    }
}
