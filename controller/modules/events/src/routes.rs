//! Every address of events, with what it needs.

mod api;
mod areas;
mod calendars;
mod events;
mod files;
pub mod forms;
mod people;
mod rollup;
mod schedule;
mod settings;
mod tasks;

pub use events::Seen as EventSeen;
pub use files::Shelf;
pub use people::Slots;
pub use rollup::{Clash, Counts, Row};
pub use settings::{Known, NEW_STATUS, status_field};

use crate::actions;
use crate::model::{EVENT, Event, Task};
use crate::queries;
use crate::sight::Sight;
use bo_content::ModuleError;
use bo_db::Tx;
use bo_identity::workspace;
use bo_model::{Level, Object};
use bo_web::list::ListSpec;
use bo_web::{Ctx, Need, Result, Routes, WebError};
use serde_json::json;

/// Lists of events, and of tasks across events.
pub const EVENTS: ListSpec = ListSpec {
    sorts: &["starts", "name", "place", "changed"],
    sort: "starts",
    desc: false,
    filters: &["stage", "when"],
};
pub const TASKS: ListSpec = ListSpec {
    sorts: &["due", "title", "event", "state", "person"],
    sort: "due",
    desc: false,
    filters: &["state", "event", "person", "need"],
};

/// An event in the path, as its viewer sees it.
pub struct Here {
    pub event: Event,
    pub level: Level,
    /// In a personal workspace: nobody else works on it.
    pub personal: bool,
}

/// The event in the path, if it is of the workspace one looks at and was not removed.
pub fn here(ctx: &Ctx, tx: &mut Tx) -> Result<Here> {
    let mut event = actions::present(tx, ctx.param("id")?)?;
    if event.workspace != ctx.workspace()? {
        return Err(WebError::NotFound);
    }
    let level = ctx.level(tx, &event.object())?;
    if level < Level::View {
        // To see that it is there is to know what, where and when.
        event.about.clear();
    }
    let personal = workspace::is_personal(tx, event.workspace)?;
    Ok(Here { event, level, personal })
}

/// Does something with the viewer's sight, in a transaction that writes. The event in the path must be one of the workspace.
async fn with_sight<T, F>(ctx: &Ctx, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx, &mut Sight<'_>, &Event) -> std::result::Result<T, ModuleError> + Send + 'static,
{
    let (level_of, workspace, id) = (ctx.checker(), ctx.workspace()?, ctx.param("id")?);
    ctx.write(move |tx| -> std::result::Result<T, ModuleError> {
        let event = actions::present(tx, id)?;
        if event.workspace != workspace {
            return Err(ModuleError::NotFound);
        }
        work(tx, &mut Sight::new(&level_of), &event)
    })
    .await
    .map_err(WebError::from)
}

/// A task of an event, if the viewer may do that much with it.
fn task_of(
    tx: &mut Tx,
    sight: &mut Sight<'_>,
    event: &Event,
    id: crate::model::TaskId,
    level: Level,
) -> std::result::Result<Task, ModuleError> {
    let task = queries::task(tx, id)?.filter(|task| task.event == event.id).ok_or(ModuleError::NotFound)?;
    sight.need(tx, &task.parts(), level)?;
    Ok(task)
}

/// The people and places a task or item would be put to must be the viewer's to plan with.
fn may_put(
    tx: &mut Tx,
    sight: &mut Sight<'_>,
    home: Object,
    people: impl Iterator<Item = Object>,
) -> std::result::Result<(), ModuleError> {
    let mut parts: Vec<Object> = people.collect();
    for person in &parts {
        sight.need(tx, std::slice::from_ref(person), Level::View)?;
    }
    parts.push(home);
    sight.need(tx, &parts, Level::Edit)
}

/// Pages and API.
pub fn routes() -> Routes {
    let at_least = |level| Need::object(EVENT, "id", level);
    let see = at_least(Level::See);
    let (edit, own) = (at_least(Level::Edit), at_least(Level::Own));
    let make = Need::module("events", Level::Edit);
    let people = Routes::new("events")
        // Somebody can be given a slice of one event and nothing else: these show what there is for them.
        .get("/events", Need::signed_in(), events::index)
        .about("The events one may see")
        .get("/events/new", make, events::new)
        .about("The form of a new event")
        .post("/events", make, events::create)
        .about("Make an event")
        .get("/events/tasks", Need::signed_in(), rollup::tasks)
        .about("The tasks of all events, by the five states")
        .post("/events/tasks/state", Need::signed_in(), rollup::set_state)
        .about("Say how far several tasks are; each is checked by itself")
        .get("/events/schedule", Need::signed_in(), rollup::schedule)
        .about("The schedules of all events, with what collides")
        .get("/events/overview", Need::signed_in(), rollup::overview)
        .about("How all events are")
        .get("/events/calendars", Need::signed_in(), calendars::index)
        .about("One's calendar addresses")
        .post("/events/calendars", Need::signed_in(), calendars::create)
        .about("Make a calendar address; it is shown once")
        .post("/events/calendars/{calendar}/revoke", Need::signed_in(), calendars::revoke)
        .about("Make a calendar address answer nothing any more")
        .get(
            "/calendars/{secret}",
            Need::anyone("the address is the secret; it shows what its owner may see"),
            calendars::read,
        )
        .about("A calendar for other programs, as iCalendar")
        .get("/events/{id}", see, events::show)
        .about("An event")
        .get("/events/{id}/settings", edit, settings::show)
        .about("What is said of an event, its statuses, who has access, where it lives")
        .post("/events/{id}/change", edit, settings::change)
        .about("Change what is said of an event")
        .post("/events/{id}/stage", edit, settings::stage)
        .about("Confirm or cancel an event, or take that back")
        .post("/events/{id}/restrict", own, settings::restrict)
        .about("Close an event to all but those who were given access, or open it")
        .post("/events/{id}/statuses", edit, settings::add_status)
        .about("Add a status within one of the five states")
        .post("/events/{id}/statuses/{status}/rename", edit, settings::rename_status)
        .about("Rename a status")
        .post("/events/{id}/statuses/{status}/remove", edit, settings::remove_status)
        .about("Remove a status; its tasks get another of the same state")
        .post("/events/{id}/move", own, settings::r#move)
        .about("Move an event with everything in it into another workspace")
        .post("/events/{id}/remove", own, settings::remove)
        .about("Put an event into the bin")
        .post("/events/{id}/recover", own, settings::recover)
        .about("Take an event out of the bin");
    people.and(parts()).and(programs())
}

/// What is in an event. Its parts have levels of their own, which the handlers ask for.
fn parts() -> Routes {
    let at_least = |level| Need::object(EVENT, "id", level);
    let (see, edit, own) = (at_least(Level::See), at_least(Level::Edit), at_least(Level::Own));
    Routes::new("events")
        .get("/events/{id}/tasks", see, tasks::index)
        .about("The tasks of an event, by the five states")
        .post("/events/{id}/tasks", see, tasks::create)
        .about("Add a task")
        .get("/events/{id}/tasks/{task}", see, tasks::show)
        .about("A task")
        .post("/events/{id}/tasks/{task}/change", see, tasks::change)
        .about("Change a task")
        .post("/events/{id}/tasks/{task}/status", see, tasks::status)
        .about("Say how far a task is")
        .post("/events/{id}/tasks/{task}/remove", see, tasks::remove)
        .about("Remove a task")
        .get("/events/{id}/schedule", see, schedule::index)
        .about("The schedule of an event, with what collides")
        .post("/events/{id}/schedule", see, schedule::create)
        .about("Add a schedule item")
        .get("/events/{id}/schedule/{item}", see, schedule::show)
        .about("A schedule item")
        .post("/events/{id}/schedule/{item}/change", see, schedule::change)
        .about("Change a schedule item")
        .post("/events/{id}/schedule/{item}/remove", see, schedule::remove)
        .about("Remove a schedule item")
        .get("/events/{id}/areas", see, areas::index)
        .about("The areas of an event")
        .post("/events/{id}/areas", edit, areas::create)
        .about("Add an area")
        .post("/events/{id}/areas/{area}/change", edit, areas::change)
        .about("Change an area")
        .post("/events/{id}/areas/{area}/remove", edit, areas::remove)
        .about("Remove an area that nothing is in")
        .get("/events/{id}/people", see, people::index)
        .about("Who works on an event")
        .post("/events/{id}/people", edit, people::create)
        .about("Add somebody")
        .get("/events/{id}/people/{person}", edit, people::show)
        .about("Somebody on an event, and what they have access to")
        .post("/events/{id}/people/{person}/change", edit, people::change)
        .about("Change what is said of somebody")
        .post("/events/{id}/people/{person}/access", own, people::access)
        .about("Give somebody the event, their slice of it, or nothing")
        .post("/events/{id}/people/{person}/remove", own, people::remove)
        .about("Take somebody off an event")
        .get("/events/{id}/files", see, files::index)
        .about("The files of an event and its areas")
        .post("/events/{id}/files", edit, files::add)
        .about("Attach files to an event")
        .body_limit(bo_content::files::UPLOAD)
        .get("/events/{id}/files/{file}", at_least(Level::View), files::show)
        .about("A file of an event")
        .post("/events/{id}/files/{file}/remove", edit, files::remove)
        .about("Remove a file of an event")
        .post("/events/{id}/areas/{area}/files", see, files::add_in_area)
        .about("Attach files to an area")
        .body_limit(bo_content::files::UPLOAD)
        .get("/events/{id}/areas/{area}/files/{file}", see, files::show_in_area)
        .about("A file of an area")
        .post("/events/{id}/areas/{area}/files/{file}/remove", see, files::remove_in_area)
        .about("Remove a file of an area")
}

fn programs() -> Routes {
    let at_least = |level| Need::object(EVENT, "id", level);
    let see = at_least(Level::See);
    let (text, date) = (json!({"type": "string"}), json!({"type": "string", "format": "date"}));
    let event = json!({"type": "object", "required": ["name", "zone", "starts_on"], "properties": {
        "name": text, "place": text, "about": text, "zone": text, "starts_on": date, "ends_on": date}});
    let id = json!({"type": ["string", "null"], "format": "uuid"});
    let task = json!({"type": "object", "properties": {
        "title": text, "about": text, "area": id, "status": id, "due_on": date, "assignee": id, "waiting_for": text}});
    let time = json!({"type": "string", "description": "With an offset, or the wall clock of the event's time zone."});
    let item = json!({"type": "object", "required": ["title", "starts_at", "ends_at"], "properties": {
        "title": text, "about": text, "area": id, "starts_at": time, "ends_at": time, "people": {"type": "array", "items": id}}});
    let range = json!({"type": "object", "properties": {"from": date, "to": date}});
    Routes::new("events")
        .get("/api/v1/events", Need::signed_in(), api::events)
        .about("The events one may see")
        .lists(&EVENTS)
        .post("/api/v1/events", Need::module("events", Level::Edit), api::create)
        .about("Make an event")
        .accepts(event.clone())
        .get("/api/v1/events/tasks", Need::signed_in(), api::all_tasks)
        .about("The tasks of all events that one may see")
        .lists(&TASKS)
        .get("/api/v1/events/schedule", Need::signed_in(), api::all_items)
        .about("The schedules of all events, with what collides")
        .query(range.clone())
        .get("/api/v1/events/overview", Need::signed_in(), api::overview)
        .about("How all events are, in numbers")
        .get("/api/v1/events/{id}", see, api::event)
        .about("An event with what of it one may see")
        .put("/api/v1/events/{id}", at_least(Level::Edit), api::change)
        .about("Change what is said of an event")
        .accepts(event)
        .post("/api/v1/events/{id}/tasks", see, api::create_task)
        .about("Add a task")
        .accepts(task.clone())
        .patch("/api/v1/events/{id}/tasks/{task}", see, api::change_task)
        .about("Change parts of a task")
        .accepts(task)
        .post("/api/v1/events/{id}/schedule", see, api::create_item)
        .about("Add a schedule item")
        .accepts(item)
        .post("/api/v1/events/{id}/areas", at_least(Level::Edit), api::create_area)
        .about("Add an area")
        .accepts(json!({"type": "object", "required": ["name"], "properties": {"name": text, "place": text}}))
        .post("/api/v1/events/{id}/people", at_least(Level::Edit), api::create_person)
        .about("Add somebody; they have no access by it")
        .accepts(json!({"type": "object", "required": ["name"], "properties": {"name": text, "email": text, "phone": text, "job": text}}))
        .post("/api/v1/events/{id}/move", at_least(Level::Own), api::r#move)
        .about("Move an event with everything in it into another workspace")
        .accepts(json!({"type": "object", "required": ["workspace"], "properties": {"workspace": {"type": "string", "format": "uuid"}}}))
}
