//! Schedule items.

use super::{Result, belong, present, touch};
use crate::model::{AreaId, CollaboratorId, EventId, ITEM, Item, ItemId};
use bo_content::ModuleError;
use bo_db::{Event as Record, Tx, params};
use bo_model::{Object, Time};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// Schedule items of an event at most, and people in one.
const MOST_ITEMS: i64 = 5000;
const MOST_PEOPLE: usize = 100;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// What is said of a schedule item.
#[derive(Clone, Debug, Serialize)]
pub struct ItemFacts {
    /// What.
    pub title: String,
    /// More about it.
    pub about: String,
    /// In which area.
    pub area: Option<AreaId>,
    /// From.
    pub starts_at: Time,
    /// To.
    pub ends_at: Time,
    /// Who is needed.
    pub people: Vec<CollaboratorId>,
}

impl ItemFacts {
    /// What is said of an item already.
    pub fn of(item: &Item) -> ItemFacts {
        ItemFacts {
            title: item.title.clone(),
            about: item.about.clone(),
            area: item.area,
            starts_at: item.starts_at,
            ends_at: item.ends_at,
            people: item.people.iter().map(|person| person.id).collect(),
        }
    }

    fn check(&self) -> Result<()> {
        if self.ends_at <= self.starts_at {
            return Err(ModuleError::field("ends_at", "must be after it begins"));
        }
        if self.ends_at.since(self.starts_at) > LONGEST {
            return Err(ModuleError::field("ends_at", "must be within a month of its beginning"));
        }
        if self.people.len() > MOST_PEOPLE {
            return Err(ModuleError::field("people", format!("are at most {MOST_PEOPLE}")));
        }
        Ok(())
    }
}

fn object(id: ItemId) -> Object {
    Object::new(ITEM, id)
}

fn set_people(tx: &mut Tx, id: ItemId, people: &[CollaboratorId]) -> Result<()> {
    tx.execute("DELETE FROM event_item_person WHERE item = ?1", params![id])?;
    for person in people {
        tx.execute(
            "INSERT INTO event_item_person (item, collaborator) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![id, person],
        )?;
    }
    Ok(())
}

/// Adds an item. What collides is said, not refused: the plan may be about to change.
pub fn add_item(tx: &mut Tx, event: EventId, id: ItemId, facts: &ItemFacts) -> Result<()> {
    present(tx, event)?;
    facts.check()?;
    belong(tx, event, facts.area, &facts.people)?;
    let count: i64 =
        tx.query_one("SELECT COUNT(*) FROM event_item WHERE event = ?1", params![event], |row| row.get(0))?;
    if count >= MOST_ITEMS {
        return Err(ModuleError::Conflict(format!("An event has at most {MOST_ITEMS} schedule items.")));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO event_item (id, event, area, title, about, starts_at, ends_at, revision, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)",
        params![id, event, facts.area, &facts.title, &facts.about, facts.starts_at, facts.ends_at, now],
    )?;
    set_people(tx, id, &facts.people)?;
    touch(tx, event)?;
    tx.audit(
        Record::new("event-item.add", object(id))
            .name(&facts.title)
            .after(json!({"event": event, "facts": facts})),
    );
    Ok(())
}

/// Changes an item; calendars see by its revision that it changed.
pub fn change_item(tx: &mut Tx, before: &Item, facts: &ItemFacts) -> Result<()> {
    facts.check()?;
    belong(tx, before.event, facts.area, &facts.people)?;
    let now = tx.now();
    tx.execute(
        "UPDATE event_item SET area = ?2, title = ?3, about = ?4, starts_at = ?5, ends_at = ?6, revision = revision + 1,
           updated_at = ?7 WHERE id = ?1",
        params![before.id, facts.area, &facts.title, &facts.about, facts.starts_at, facts.ends_at, now],
    )?;
    set_people(tx, before.id, &facts.people)?;
    touch(tx, before.event)?;
    let record = Record::new("event-item.change", object(before.id)).name(&facts.title);
    tx.audit(record.change(json!(ItemFacts::of(before)), json!(facts)));
    Ok(())
}

/// Removes an item; the audit log keeps what it was.
pub fn remove_item(tx: &mut Tx, item: &Item) -> Result<()> {
    tx.execute("DELETE FROM event_item_person WHERE item = ?1", params![item.id])?;
    tx.execute("DELETE FROM event_item WHERE id = ?1", params![item.id])?;
    touch(tx, item.event)?;
    let before = json!({"event": item.event, "facts": ItemFacts::of(item)});
    tx.audit(Record::new("event-item.remove", object(item.id)).name(&item.title).before(before));
    Ok(())
}
