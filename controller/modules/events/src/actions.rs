//! What people do with events. Each function is a part of one transaction; what of the event it takes is checked where it
//! stands, by whoever is given the viewer's sight.

mod access;
mod calendars;
mod events;
mod moving;
mod people;
mod schedule;
mod tasks;

pub use access::{Access, access_of, set_access};
pub use calendars::{is_stale, make_calendar, note_read, revoke_calendar};
pub use events::{
    Facts, change_event, create_event, is_restricted, recover_event, remove_event, set_restricted, set_stage,
};
pub use moving::move_event;
pub use people::{
    AreaFacts, PersonFacts, add_area, add_person, change_area, change_person, remove_area, remove_person,
};
pub use schedule::{ItemFacts, add_item, change_item, remove_item};
pub use tasks::{
    TaskFacts, add_status, add_task, change_task, remove_status, remove_task, rename_status, set_state,
    set_status,
};

use crate::model::{AreaId, CollaboratorId, Event, EventId};
use crate::queries::{self, Of};
use bo_content::ModuleError;
use bo_db::{Tx, params};
use bo_model::{Object, WorkspaceId};
use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, ModuleError>;

/// Where the module stands in the permission graph.
pub fn module(workspace: WorkspaceId) -> Object {
    Object::module(workspace, "events")
}

/// An event that was not removed.
pub fn present(tx: &mut Tx, id: EventId) -> Result<Event> {
    queries::event(tx, id)?.filter(|event| event.removed_at.is_none()).ok_or(ModuleError::NotFound)
}

/// Notes that an event, or something in it, changed.
fn touch(tx: &mut Tx, event: EventId) -> Result<()> {
    let now = tx.now();
    tx.execute(
        "UPDATE event SET revision = revision + 1, updated_at = ?2 WHERE id = ?1",
        params![event, now],
    )?;
    Ok(())
}

/// What the outbox says of an event.
fn payload(event: &Event) -> Json {
    json!({"workspace": event.workspace, "name": event.name, "place": event.place, "zone": event.zone,
        "starts_on": event.starts_on, "ends_on": event.ends_on, "stage": event.stage})
}

/// An area and people that were named must be the event's.
fn belong(tx: &mut Tx, event: EventId, area: Option<AreaId>, people: &[CollaboratorId]) -> Result<()> {
    if let Some(area) = area {
        let known = queries::area(tx, area)?.is_some_and(|area| area.event == event);
        if !known {
            return Err(ModuleError::field("area", "is no area of this event any more"));
        }
    }
    let known = queries::people(tx, Of::Event(event))?;
    if people.iter().any(|person| known.iter().all(|other| other.id != *person)) {
        return Err(ModuleError::field("people", "names somebody who is not on this event any more"));
    }
    Ok(())
}
