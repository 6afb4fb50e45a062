//! What forms and programs send, read alike: fields that are missing keep what is known.

use crate::actions::{AreaFacts, Facts, ItemFacts, PersonFacts, TaskFacts};
use crate::when;
use bo_model::Time;
use bo_web::{FieldErrors, Input, Result, WebError};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::str::FromStr;

/// Fields of an event, a task, a schedule item.
pub const EVENT: [&str; 6] = ["name", "place", "about", "zone", "starts_on", "ends_on"];
pub const TASK: [&str; 7] = ["title", "about", "area", "status", "due_on", "assignee", "waiting_for"];
pub const ITEM: [&str; 6] = ["title", "about", "area", "starts_at", "ends_at", "people"];

/// Characters of a name or title, and of a text, at most.
const LONG: usize = 200;
const LONGEST: usize = 5000;

fn done<T>(facts: T, errors: FieldErrors) -> Result<T> {
    if errors.is_empty() { Ok(facts) } else { Err(WebError::BadInput(errors)) }
}

fn line(input: &Input, name: &str, required: bool, errors: &mut FieldErrors) -> String {
    let text = if required { input.required(name, LONG, errors) } else { input.optional(name, LONG, errors) };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(input: &Input, name: &str, errors: &mut FieldErrors) -> String {
    input.optional(name, LONGEST, errors).replace("\r\n", "\n").replace('\0', "")
}

fn date(input: &Input, name: &str, errors: &mut FieldErrors) -> Option<Date> {
    let typed = input.text(name);
    let date = when::date(typed);
    if date.is_none() && !typed.is_empty() {
        errors.push((name.into(), "must be a day, like 2026-05-14".into()));
    }
    date
}

fn id<T: FromStr>(input: &Input, name: &str, errors: &mut FieldErrors) -> Option<T> {
    let typed = input.text(name);
    let id = typed.parse().ok();
    if id.is_none() && !typed.is_empty() {
        errors.push((name.into(), "must be one of the choices".into()));
    }
    id
}

/// An event. Without a last day it is one day long.
pub fn event(input: &Input) -> Result<Facts> {
    let mut errors = FieldErrors::new();
    let name = line(input, "name", true, &mut errors);
    let place = line(input, "place", false, &mut errors);
    let about = text(input, "about", &mut errors);
    let zone = input.required("zone", 80, &mut errors);
    let starts_on = date(input, "starts_on", &mut errors);
    let ends_on = date(input, "ends_on", &mut errors);
    if input.text("starts_on").is_empty() {
        errors.push(("starts_on".into(), "is required".into()));
    }
    let starts_on = starts_on.unwrap_or(Date::ZERO);
    done(Facts { name, place, about, zone, starts_on, ends_on: ends_on.unwrap_or(starts_on) }, errors)
}

/// The same, to be shown in a form.
pub fn of_event(event: &crate::model::Event) -> Input {
    Input::filled([
        ("name", event.name.clone()),
        ("place", event.place.clone()),
        ("about", event.about.clone()),
        ("zone", event.zone.clone()),
        ("starts_on", event.starts_on.to_string()),
        ("ends_on", event.ends_on.to_string()),
    ])
}

/// A task; what is not sent stays as it is known.
pub fn task(input: &Input, known: Option<&TaskFacts>) -> Result<TaskFacts> {
    let mut errors = FieldErrors::new();
    let sent = |name: &str| known.is_none() || input.has(name);
    let keep = |name: &str, of: fn(&TaskFacts) -> &String| known.filter(|_| !sent(name)).map(of).cloned();
    let facts = TaskFacts {
        title: keep("title", |known| &known.title).unwrap_or_else(|| line(input, "title", true, &mut errors)),
        about: keep("about", |known| &known.about).unwrap_or_else(|| text(input, "about", &mut errors)),
        waiting_for: keep("waiting_for", |known| &known.waiting_for)
            .unwrap_or_else(|| line(input, "waiting_for", false, &mut errors)),
        area: if sent("area") { id(input, "area", &mut errors) } else { known.and_then(|known| known.area) },
        status: if input.has("status") {
            id(input, "status", &mut errors)
        } else {
            known.and_then(|known| known.status)
        },
        due_on: if sent("due_on") {
            date(input, "due_on", &mut errors)
        } else {
            known.and_then(|known| known.due_on)
        },
        assignee: if sent("assignee") {
            id(input, "assignee", &mut errors)
        } else {
            known.and_then(|known| known.assignee)
        },
    };
    done(facts, errors)
}

/// The same, to be shown in a form.
pub fn of_task(task: &crate::model::Task) -> Input {
    let id = |id: Option<String>| id.unwrap_or_default();
    Input::filled([
        ("title", task.title.clone()),
        ("about", task.about.clone()),
        ("area", id(task.area.map(|area| area.to_string()))),
        ("status", task.status.to_string()),
        ("due_on", id(task.due_on.map(|date| date.to_string()))),
        ("assignee", id(task.assignee.map(|person| person.to_string()))),
        ("waiting_for", task.waiting_for.clone()),
    ])
}

/// A schedule item. Times are with an offset, or the wall clock of the event.
pub fn item(input: &Input, tz: &TimeZone) -> Result<ItemFacts> {
    let mut errors = FieldErrors::new();
    let mut time = |name: &str| match input.text(name) {
        "" => {
            errors.push((name.into(), "is required".into()));
            Time(0)
        }
        typed => match typed.parse::<jiff::Timestamp>() {
            Ok(at) => Time(at.as_microsecond()),
            Err(_) => when::instant(typed, tz).unwrap_or_else(|sentence| {
                errors.push((name.into(), sentence));
                Time(0)
            }),
        },
    };
    let (starts_at, ends_at) = (time("starts_at"), time("ends_at"));
    let title = line(input, "title", true, &mut errors);
    let about = text(input, "about", &mut errors);
    let area = id(input, "area", &mut errors);
    let mut people = Vec::new();
    for typed in input.all("people").iter().filter(|typed| !typed.is_empty()) {
        match typed.parse() {
            Ok(id) => people.push(id),
            Err(_) => errors.push(("people".into(), "must be of the choices".into())),
        }
    }
    done(ItemFacts { title, about, area, starts_at, ends_at, people }, errors)
}

/// The same, to be shown in a form.
pub fn of_item(item: &crate::model::Item) -> Input {
    let tz = item.tz();
    let mut pairs = vec![
        ("title".to_owned(), item.title.clone()),
        ("about".to_owned(), item.about.clone()),
        ("area".to_owned(), item.area.map(|area| area.to_string()).unwrap_or_default()),
        ("starts_at".to_owned(), when::typed(item.starts_at, &tz)),
        ("ends_at".to_owned(), when::typed(item.ends_at, &tz)),
    ];
    pairs.extend(item.people.iter().map(|person| ("people".to_owned(), person.id.to_string())));
    Input::from_pairs(pairs)
}

/// An area.
pub fn area(input: &Input) -> Result<AreaFacts> {
    let mut errors = FieldErrors::new();
    let (name, place) = (line(input, "name", true, &mut errors), line(input, "place", false, &mut errors));
    done(AreaFacts { name, place }, errors)
}

/// Somebody on an event.
pub fn person(input: &Input) -> Result<PersonFacts> {
    let mut errors = FieldErrors::new();
    let name = line(input, "name", true, &mut errors);
    let email = line(input, "email", false, &mut errors);
    let phone = line(input, "phone", false, &mut errors);
    let job = line(input, "job", false, &mut errors);
    done(PersonFacts { name, email, phone, job }, errors)
}

/// The same, to be shown in a form.
pub fn of_person(person: &crate::model::Collaborator) -> Input {
    Input::filled([
        ("name", person.name.clone()),
        ("email", person.email.clone()),
        ("phone", person.phone.clone()),
        ("job", person.job.clone()),
    ])
}

/// One word or name.
pub fn name(input: &Input) -> Result<String> {
    let mut errors = FieldErrors::new();
    let name = line(input, "name", true, &mut errors);
    done(name, errors)
}
