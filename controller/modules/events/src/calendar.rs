//! Events and schedule items as iCalendar (RFC 5545). Times are in UTC, which needs no definition of time zones; an event itself
//! lasts whole days.

use crate::model::{Event, Item, Stage};
use bo_model::Time;
use icalendar::{Calendar, Component as _, Event as Entry, Property, ValueType};

/// How long a program should wait before it reads again (RFC 7986 §5.7).
const REFRESH: &str = "PT1H";

/// What is in a calendar.
pub struct Contents {
    /// For people.
    pub name: String,
    /// Shown as whole days.
    pub events: Vec<Event>,
    /// Shown with their times.
    pub items: Vec<Item>,
    /// What addresses of this installation begin with, for links back.
    pub base: String,
}

/// The calendar's text.
pub fn text(contents: &Contents) -> String {
    let mut calendar = Calendar::new();
    calendar.append_property(Property::new("PRODID", "-//BackOffice//Events//EN"));
    calendar.append_property(Property::new("METHOD", "PUBLISH"));
    // Extensions have no type that the writer knows, so what would end the line must not be in them.
    calendar.append_property(Property::new("NAME", one_line(&contents.name)));
    calendar.append_property(Property::new("X-WR-CALNAME", one_line(&contents.name)));
    calendar.append_property(
        Property::new("REFRESH-INTERVAL", REFRESH).append_parameter(ValueType::Duration).done(),
    );
    calendar.append_property(Property::new("X-PUBLISHED-TTL", REFRESH));
    for event in &contents.events {
        calendar.push(whole_days(event, &contents.base));
    }
    for item in &contents.items {
        calendar.push(timed(item, &contents.base));
    }
    calendar.to_string()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Line ends of one kind, and nothing that iCalendar has no way to write (RFC 5545 §3.1).
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

fn utc(at: Time) -> String {
    at.timestamp().strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn status(stage: Stage) -> &'static str {
    match stage {
        Stage::Planned => "TENTATIVE",
        Stage::Confirmed => "CONFIRMED",
        Stage::Cancelled => "CANCELLED",
    }
}

fn entry(
    uid: &str,
    (revision, updated_at): (i64, Time),
    stage: Stage,
    texts: [(&str, &str); 3],
    url: String,
) -> Entry {
    let mut entry = Entry::with_uid(uid);
    entry.add_property("DTSTAMP", utc(updated_at));
    entry.add_property("LAST-MODIFIED", utc(updated_at));
    entry.add_property("SEQUENCE", revision.to_string());
    entry.add_property("STATUS", status(stage));
    entry.add_property("URL", url);
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        entry.add_property(name, plain(text));
    }
    entry
}

fn whole_days(event: &Event, base: &str) -> Entry {
    let texts = [
        ("SUMMARY", event.name.as_str()),
        ("LOCATION", event.place.as_str()),
        ("DESCRIPTION", event.about.as_str()),
    ];
    let url = format!("{base}/events/{}", event.id);
    let uid = format!("{}@event.backoffice", event.id);
    let mut entry = entry(&uid, (event.revision, event.updated_at), event.stage, texts, url);
    // The last day is not part of it (RFC 5545 §3.6.1).
    let end = event.ends_on.tomorrow().unwrap_or(event.ends_on);
    for (name, day) in [("DTSTART", event.starts_on), ("DTEND", end)] {
        let day = day.strftime("%Y%m%d").to_string();
        entry.append_property(Property::new(name, day).append_parameter(ValueType::Date).done());
    }
    entry.add_property("TRANSP", "TRANSPARENT");
    entry.done()
}

fn timed(item: &Item, base: &str) -> Entry {
    let place = if item.area_place.is_empty() { &item.place } else { &item.area_place };
    let place = [item.area_name.as_str(), place].into_iter().filter(|part| !part.is_empty());
    let place = place.collect::<Vec<_>>().join(", ");
    let people: Vec<&str> = item.people.iter().map(|person| person.name.as_str()).collect();
    let mut about = item.about.clone();
    if !people.is_empty() {
        let gap = if about.is_empty() { "" } else { "\n\n" };
        about = format!("{about}{gap}With {}", people.join(", "));
    }
    let summary = format!("{} · {}", item.title, item.event_name);
    let texts =
        [("SUMMARY", summary.as_str()), ("LOCATION", place.as_str()), ("DESCRIPTION", about.as_str())];
    let url = format!("{base}/events/{}/schedule", item.event);
    let uid = format!("{}@item.backoffice", item.id);
    let mut entry = entry(&uid, (item.revision, item.updated_at), item.stage, texts, url);
    entry.add_property("DTSTART", utc(item.starts_at));
    entry.add_property("DTEND", utc(item.ends_at));
    entry.done()
}
