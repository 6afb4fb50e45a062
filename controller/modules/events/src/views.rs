//! What people see of events.

pub mod calendars;
pub mod event;
pub mod list;
pub mod people;
pub mod rollup;
pub mod schedule;
pub mod settings;
pub mod tasks;

use crate::model::{Area, Collaborator, Event, Item, Stage, State, Task};
use crate::routes::Here;
use crate::when;
use bo_model::Level;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Page};
use maud::{Markup, html};

/// Their entry in the navigation.
const NAV: &str = "/events";

/// A page across events: the tabs, and what is on the open one.
fn across(title: &str, current: &str, body: Markup) -> Page {
    let tabs = [
        ("Events", "/events"),
        ("Tasks", "/events/tasks"),
        ("Schedule", "/events/schedule"),
        ("Overview", "/events/overview"),
        ("Calendars", "/events/calendars"),
    ];
    let tabs: Vec<(&str, String)> = tabs.map(|(title, href)| (title, href.to_owned())).into();
    Page::new(title, NAV, html! { (parts::tabs(&tabs, current)) div.stack { (body) } })
}

/// A page of an event; `tab` is the end of its address.
fn within(here: &Here, tab: &str, body: Markup) -> Page {
    let at = href(&here.event);
    let mut tabs =
        vec![("Event", at.clone()), ("Tasks", format!("{at}/tasks")), ("Schedule", format!("{at}/schedule"))];
    tabs.push(("Areas", format!("{at}/areas")));
    tabs.push(("People", format!("{at}/people")));
    tabs.push(("Files", format!("{at}/files")));
    if here.level >= Level::Edit {
        tabs.push(("Settings", format!("{at}/settings")));
    }
    Page::new(
        here.event.name.clone(),
        NAV,
        html! { (parts::tabs(&tabs, &format!("{at}{tab}"))) div.stack { (body) } },
    )
    .crumb("Events", NAV)
    .lead(lead(&here.event))
    .state(stage(here.event.stage))
}

/// A page of something in an event.
fn inside(here: &Here, title: &str, tab: (&str, &str), body: Markup) -> Page {
    let at = href(&here.event);
    Page::new(title, NAV, body)
        .crumb("Events", NAV)
        .crumb(here.event.name.clone(), at.clone())
        .crumb(tab.0, format!("{at}{}", tab.1))
}

fn href(event: &Event) -> String {
    format!("/events/{}", event.id)
}

fn lead(event: &Event) -> String {
    let days = when::days(event.starts_on, event.ends_on);
    let place = if event.place.is_empty() { String::new() } else { format!(" · {}", event.place) };
    format!("{days}{place} · times in {}", event.zone)
}

fn stage(stage: Stage) -> Markup {
    match stage {
        Stage::Planned => parts::badge(Tone::Info, "planned"),
        Stage::Confirmed => parts::badge(Tone::Good, "confirmed"),
        Stage::Cancelled => parts::badge(Tone::Bad, "cancelled"),
    }
}

/// A task's state in its own words: the status, and the state when it is another word.
fn state(task: &Task) -> Markup {
    let tone = match task.state {
        State::ToDo | State::Archived => Tone::Idle,
        State::Active => Tone::Info,
        State::InReview => Tone::Warn,
        State::Done => Tone::Good,
    };
    html! {
        (parts::badge(tone, &task.status_name))
        @if task.status_name.to_lowercase() != task.state.title().to_lowercase() { " " span.muted { (task.state.title()) } }
    }
}

/// By when, and whether that is over.
fn due(task: &Task) -> Markup {
    html! {
        @if let Some(due) = task.due_on {
            @if task.overdue { (parts::badge(Tone::Bad, &format!("overdue: {}", when::day(due)))) } @else { (when::day(due)) }
        }
    }
}

/// `10:00 – 12:30`, with the days when it ends on another.
fn span(item: &Item) -> String {
    let tz = item.tz();
    let (from, to) = (when::wall(item.starts_at, &tz), when::wall(item.ends_at, &tz));
    let clock = |at| when::clock(at, &tz);
    if from.date() == to.date() {
        return format!("{} – {}", clock(item.starts_at), clock(item.ends_at));
    }
    format!("{} – {} {}", clock(item.starts_at), to.strftime("%a %-d %b"), clock(item.ends_at))
}

/// Where an item is, as far as it is said.
fn place(item: &Item) -> String {
    let parts = [item.area_name.as_str(), item.area_place.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn names(people: &[Collaborator]) -> String {
    people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The areas to choose from, and none of them.
fn area_choices(areas: &[(Area, Level)], whole: bool) -> Vec<(String, String)> {
    let none = whole.then(|| (String::new(), "The whole event".to_owned()));
    let own = areas.iter().filter(|(_, level)| *level >= Level::Edit);
    none.into_iter().chain(own.map(|(area, _)| (area.id.to_string(), area.name.clone()))).collect()
}

/// A button that takes a form to its end, and the way back.
fn actions(label: &str, back: &str) -> Markup {
    html! { div.form__actions { button.btn.btn--primary type="submit" { (label) } a.btn.btn--quiet href=(back) { "Cancel" } } }
}

/// A form that is open when something in it was refused.
fn fold(ctx: &Ctx, title: &str, action: &str, input: &Input, fields: Markup) -> Markup {
    let refused = input.errors().next().is_some();
    html! {
        details.card.fold open[refused] {
            summary { (title) }
            form.form.stack action=(action) method="post" {
                (ctx.csrf()) (bo_web::layout::form::problems(input)) (fields)
                div.form__actions { button.btn.btn--primary type="submit" { (title) } }
            }
        }
    }
}
