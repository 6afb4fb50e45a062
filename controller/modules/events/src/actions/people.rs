//! Areas and collaborators: the parts of an event that permission knows.

use super::{Result, present, touch};
use crate::model::{Area, AreaId, Collaborator, CollaboratorId, EventId};
use crate::queries::{self, Of};
use bo_content::ModuleError;
use bo_db::{Event as Record, Tx, params};
use bo_identity::account::fold_email;
use bo_identity::licence;
use bo_identity::profile::check_email;
use bo_identity::relation::{self, Containment};
use bo_model::{Level, Object};
use serde::Serialize;
use serde_json::json;

/// Areas, or people, of an event at most.
const MOST: usize = 500;

/// What is said of an area.
#[derive(Clone, Debug, Serialize)]
pub struct AreaFacts {
    /// For people.
    pub name: String,
    /// The hall or room; may be empty.
    pub place: String,
}

/// Puts a new part into the graph: below the event, and under its licences when the event is.
fn hang(tx: &mut Tx, event: EventId, part: &Object, how: Containment) -> Result<()> {
    let event = present(tx, event)?.object();
    Ok(licence::hang(tx, &event, part, how)?)
}

/// Takes a part out of the graph, with what was given on it and what lifted its ceiling.
fn take_down(tx: &mut Tx, part: &Object) -> Result<()> {
    relation::forget(tx, &licence::of_event(part))?;
    Ok(relation::forget(tx, part)?)
}

fn free_area_name(tx: &mut Tx, event: EventId, id: AreaId, name: &str) -> Result<()> {
    let areas = queries::areas(tx, Of::Event(event))?;
    if areas.iter().any(|area| area.id != id && area.name.to_lowercase() == name.to_lowercase()) {
        return Err(ModuleError::field("name", "is the name of another area of this event"));
    }
    if areas.len() >= MOST {
        return Err(ModuleError::Conflict(format!("An event has at most {MOST} areas.")));
    }
    Ok(())
}

/// Adds an area.
pub fn add_area(tx: &mut Tx, event: EventId, id: AreaId, facts: &AreaFacts) -> Result<()> {
    free_area_name(tx, event, id, &facts.name)?;
    tx.execute(
        "INSERT INTO event_area (id, event, name, place, rank)
         SELECT ?1, ?2, ?3, ?4, COALESCE(MAX(rank), 0) + 1 FROM event_area WHERE event = ?2",
        params![id, event, &facts.name, &facts.place],
    )?;
    let area = Area { id, event, name: facts.name.clone(), place: facts.place.clone() };
    hang(tx, event, &area.object(), Containment::Open)?;
    touch(tx, event)?;
    tx.audit(
        Record::new("event-area.add", area.object())
            .name(&area.name)
            .after(json!({"event": event, "facts": facts})),
    );
    Ok(())
}

/// Changes an area.
pub fn change_area(tx: &mut Tx, area: &Area, facts: &AreaFacts) -> Result<()> {
    free_area_name(tx, area.event, area.id, &facts.name)?;
    tx.execute(
        "UPDATE event_area SET name = ?2, place = ?3 WHERE id = ?1",
        params![area.id, &facts.name, &facts.place],
    )?;
    // Calendars show where an item is.
    tx.execute("UPDATE event_item SET revision = revision + 1 WHERE area = ?1", params![area.id])?;
    touch(tx, area.event)?;
    let before = AreaFacts { name: area.name.clone(), place: area.place.clone() };
    tx.audit(
        Record::new("event-area.change", area.object()).name(&facts.name).change(json!(before), json!(facts)),
    );
    Ok(())
}

/// Removes an area that nothing is in any more.
pub fn remove_area(tx: &mut Tx, area: &Area) -> Result<()> {
    let left = tx.query_one(
        "SELECT (SELECT COUNT(*) FROM event_task WHERE area = ?1), (SELECT COUNT(*) FROM event_item WHERE area = ?1),
                (SELECT COUNT(*) FROM content_attachment WHERE object = ?2)",
        params![area.id, area.object()],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?)),
    )?;
    if left != (0, 0, 0) {
        let text = format!(
            "“{}” still has {} tasks, {} schedule items and {} files. Move or remove them first.",
            area.name, left.0, left.1, left.2
        );
        return Err(ModuleError::Conflict(text));
    }
    tx.execute("DELETE FROM event_area WHERE id = ?1", params![area.id])?;
    take_down(tx, &area.object())?;
    touch(tx, area.event)?;
    tx.audit(Record::new("event-area.remove", area.object()).name(&area.name).before(json!(area)));
    Ok(())
}

/// What is said of a collaborator.
#[derive(Clone, Debug, Serialize)]
pub struct PersonFacts {
    /// Name.
    pub name: String,
    /// Mail address; may be empty.
    pub email: String,
    /// Telephone; may be empty.
    pub phone: String,
    /// What they do there.
    pub job: String,
}

fn check_person(tx: &mut Tx, event: EventId, id: CollaboratorId, facts: &PersonFacts) -> Result<()> {
    if facts.email.is_empty() {
        return Ok(());
    }
    if let Some(wrong) = check_email(&facts.email) {
        return Err(ModuleError::Fields(vec![wrong]));
    }
    let people = queries::people(tx, Of::Event(event))?;
    let wanted = fold_email(&facts.email);
    if people.iter().any(|other| other.id != id && fold_email(&other.email) == wanted) {
        return Err(ModuleError::field("email", "is that of somebody else on this event"));
    }
    Ok(())
}

/// Adds somebody. They see nothing of the event until they are given access.
pub fn add_person(tx: &mut Tx, event: EventId, id: CollaboratorId, facts: &PersonFacts) -> Result<()> {
    check_person(tx, event, id, facts)?;
    if queries::people(tx, Of::Event(event))?.len() >= MOST {
        return Err(ModuleError::Conflict(format!("An event has at most {MOST} people.")));
    }
    tx.execute(
        "INSERT INTO event_collaborator (id, event, name, email, phone, job, account) VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)",
        params![id, event, &facts.name, &facts.email, &facts.phone, &facts.job],
    )?;
    // Names of people are for those who read the event, not for those who see that there is one.
    hang(tx, event, &crate::model::own_part(id), Containment::AtLeast(Level::View))?;
    touch(tx, event)?;
    let object = crate::model::own_part(id);
    tx.audit(
        Record::new("event-collaborator.add", object)
            .name(&facts.name)
            .after(json!({"event": event, "facts": facts})),
    );
    Ok(())
}

/// Changes what is said of somebody. Who has access keeps their mail address: it is what they were found by.
pub fn change_person(tx: &mut Tx, person: &Collaborator, facts: &PersonFacts) -> Result<()> {
    check_person(tx, person.event, person.id, facts)?;
    if person.account.is_some() && fold_email(&person.email) != fold_email(&facts.email) {
        return Err(ModuleError::field("email", "stays while they have access; take the access first"));
    }
    tx.execute(
        "UPDATE event_collaborator SET name = ?2, email = ?3, phone = ?4, job = ?5 WHERE id = ?1",
        params![person.id, &facts.name, &facts.email, &facts.phone, &facts.job],
    )?;
    touch(tx, person.event)?;
    let before = PersonFacts {
        name: person.name.clone(),
        email: person.email.clone(),
        phone: person.phone.clone(),
        job: person.job.clone(),
    };
    let record = Record::new("event-collaborator.change", person.object()).name(&facts.name);
    tx.audit(record.change(json!(before), json!(facts)));
    Ok(())
}

/// Takes somebody off the event, with their access: what was assigned to them is nobody's then.
pub fn remove_person(tx: &mut Tx, viewer: &bo_web::Viewer, person: &Collaborator) -> Result<()> {
    super::set_access(tx, viewer, person, &super::Access::None)?;
    tx.execute("UPDATE event_task SET assignee = NULL WHERE assignee = ?1", params![person.id])?;
    tx.execute("DELETE FROM event_item_person WHERE collaborator = ?1", params![person.id])?;
    tx.execute("DELETE FROM event_collaborator WHERE id = ?1", params![person.id])?;
    take_down(tx, &person.object())?;
    touch(tx, person.event)?;
    tx.audit(
        Record::new("event-collaborator.remove", person.object()).name(&person.name).before(json!(person)),
    );
    Ok(())
}
