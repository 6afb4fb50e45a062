//! The SQL of events. Nothing here checks permission.

use crate::model::{
    Area, AreaId, Calendar, Collaborator, Event, EventId, Item, ItemId, Stage, State, Status, Task, TaskId,
};
use crate::{when, when::today};
use bo_db::{DbError, Row, Tx, params};
use bo_model::{AccountId, Time, WorkspaceId};
use jiff::civil::Date;
use std::collections::HashMap;

/// Which events' rows.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// One event's.
    Event(EventId),
    /// Those of all events of a workspace that were not removed or cancelled.
    Workspace(WorkspaceId),
    /// Those of cancelled events too: calendars say that they are off.
    Calendars(WorkspaceId),
}

impl Of {
    fn condition(self) -> (&'static str, String) {
        match self {
            Of::Event(id) => ("e.id = ?1", id.to_string()),
            Of::Workspace(id) => {
                ("e.workspace = ?1 AND e.removed_at IS NULL AND e.stage <> 'cancelled'", id.to_string())
            }
            Of::Calendars(id) => ("e.workspace = ?1 AND e.removed_at IS NULL", id.to_string()),
        }
    }
}

/// Rows of one kind that are looked at together at most.
pub const MOST: usize = 20_000;

const EVENT: &str = "SELECT id, workspace, name, place, about, zone, starts_on, ends_on, stage, revision, updated_at, removed_at FROM event";

fn day(row: &Row<'_>, column: usize) -> Result<Option<Date>, DbError> {
    Ok(when::date(row.str(column)?))
}

fn read_event(row: &Row<'_>) -> Result<Event, DbError> {
    let starts_on = day(row, 6)?.unwrap_or(Date::ZERO);
    Ok(Event {
        id: row.get(0)?,
        workspace: row.get(1)?,
        name: row.get(2)?,
        place: row.get(3)?,
        about: row.get(4)?,
        zone: row.get(5)?,
        starts_on,
        ends_on: day(row, 7)?.unwrap_or(starts_on),
        stage: Stage::from_word(row.str(8)?).unwrap_or(Stage::Planned),
        revision: row.get(9)?,
        updated_at: row.get(10)?,
        removed_at: row.get(11)?,
    })
}

/// One event, removed or not.
pub fn event(tx: &mut Tx, id: EventId) -> Result<Option<Event>, DbError> {
    tx.query_opt(&format!("{EVENT} WHERE id = ?1"), params![id], read_event)
}

/// The events of a workspace, the next first; those in the bin or the others.
pub fn events(tx: &mut Tx, workspace: WorkspaceId, removed: bool) -> Result<Vec<Event>, DbError> {
    let bin = if removed { "IS NOT NULL" } else { "IS NULL" };
    let sql = format!(
        "{EVENT} WHERE workspace = ?1 AND removed_at {bin} ORDER BY starts_on, lower(name), id LIMIT ?2"
    );
    tx.query(&sql, params![workspace, MOST], read_event)
}

/// The words for how far an event's tasks are, in their order.
pub fn statuses(tx: &mut Tx, event: EventId) -> Result<Vec<Status>, DbError> {
    let mut found = tx.query(
        "SELECT id, state, name FROM event_status WHERE event = ?1 ORDER BY rank, id",
        params![event],
        |row| {
            let state = State::from_word(row.str(1)?).unwrap_or(State::ToDo);
            Ok(Status { id: row.get(0)?, state, name: row.get(2)? })
        },
    )?;
    found.sort_by_key(|status| status.state);
    Ok(found)
}

fn read_area(row: &Row<'_>) -> Result<Area, DbError> {
    Ok(Area { id: row.get(0)?, event: row.get(1)?, name: row.get(2)?, place: row.get(3)? })
}

/// The areas of events.
pub fn areas(tx: &mut Tx, of: Of) -> Result<Vec<Area>, DbError> {
    let (condition, id) = of.condition();
    let sql = format!(
        "SELECT a.id, a.event, a.name, a.place FROM event_area a JOIN event e ON e.id = a.event
         WHERE {condition} ORDER BY a.event, a.rank, a.id LIMIT ?2"
    );
    tx.query(&sql, params![id, MOST], read_area)
}

/// One area.
pub fn area(tx: &mut Tx, id: AreaId) -> Result<Option<Area>, DbError> {
    tx.query_opt("SELECT id, event, name, place FROM event_area WHERE id = ?1", params![id], read_area)
}

fn read_collaborator(row: &Row<'_>, first: usize) -> Result<Collaborator, DbError> {
    Ok(Collaborator {
        id: row.get(first)?,
        event: row.get(first + 1)?,
        name: row.get(first + 2)?,
        email: row.get(first + 3)?,
        phone: row.get(first + 4)?,
        job: row.get(first + 5)?,
        account: row.get(first + 6)?,
    })
}

/// The people of events, by name.
pub fn people(tx: &mut Tx, of: Of) -> Result<Vec<Collaborator>, DbError> {
    let (condition, id) = of.condition();
    let sql = format!(
        "SELECT c.id, c.event, c.name, c.email, c.phone, c.job, c.account FROM event_collaborator c
         JOIN event e ON e.id = c.event WHERE {condition} ORDER BY lower(c.name), c.id LIMIT ?2"
    );
    tx.query(&sql, params![id, MOST], |row| read_collaborator(row, 0))
}

const TASK: &str =
    "SELECT t.id, t.event, e.name, t.area, COALESCE(a.name, ''), t.title, t.about, t.status, s.name, s.state,
    t.due_on, t.assignee, COALESCE(c.name, ''), t.waiting_for, t.updated_at, e.zone
  FROM event_task t JOIN event e ON e.id = t.event JOIN event_status s ON s.id = t.status
  LEFT JOIN event_area a ON a.id = t.area LEFT JOIN event_collaborator c ON c.id = t.assignee";

fn read_task(row: &Row<'_>, now: Time) -> Result<Task, DbError> {
    let (state, due_on) = (State::from_word(row.str(9)?).unwrap_or(State::ToDo), day(row, 10)?);
    let tz = || when::zone(row.str(15).unwrap_or("UTC")).unwrap_or(jiff::tz::TimeZone::UTC);
    Ok(Task {
        id: row.get(0)?,
        event: row.get(1)?,
        event_name: row.get(2)?,
        area: row.get(3)?,
        area_name: row.get(4)?,
        title: row.get(5)?,
        about: row.get(6)?,
        status: row.get(7)?,
        status_name: row.get(8)?,
        state,
        overdue: !state.is_over() && due_on.is_some_and(|due| due < today(now, &tz())),
        due_on,
        assignee: row.get(11)?,
        assignee_name: row.get(12)?,
        waiting_for: row.get(13)?,
        updated_at: row.get(14)?,
    })
}

/// The tasks of events, what is due first on top.
pub fn tasks(tx: &mut Tx, of: Of) -> Result<Vec<Task>, DbError> {
    let (condition, id) = of.condition();
    let now = tx.now();
    let sql = format!(
        "{TASK} WHERE {condition} ORDER BY CASE WHEN t.due_on = '' THEN 1 ELSE 0 END, t.due_on, lower(t.title), t.id LIMIT ?2"
    );
    tx.query(&sql, params![id, MOST], |row| read_task(row, now))
}

/// One task.
pub fn task(tx: &mut Tx, id: TaskId) -> Result<Option<Task>, DbError> {
    let now = tx.now();
    tx.query_opt(&format!("{TASK} WHERE t.id = ?1"), params![id], |row| read_task(row, now))
}

const ITEM: &str = "SELECT i.id, i.event, e.name, e.zone, e.stage, i.area, COALESCE(a.name, ''),
    COALESCE(a.place, ''), e.place, i.title, i.about, i.starts_at, i.ends_at, i.revision, i.updated_at
  FROM event_item i JOIN event e ON e.id = i.event LEFT JOIN event_area a ON a.id = i.area";

fn read_item(row: &Row<'_>) -> Result<Item, DbError> {
    Ok(Item {
        id: row.get(0)?,
        event: row.get(1)?,
        event_name: row.get(2)?,
        zone: row.get(3)?,
        stage: Stage::from_word(row.str(4)?).unwrap_or(Stage::Planned),
        area: row.get(5)?,
        area_name: row.get(6)?,
        area_place: row.get(7)?,
        place: row.get(8)?,
        title: row.get(9)?,
        about: row.get(10)?,
        starts_at: row.get(11)?,
        ends_at: row.get(12)?,
        people: Vec::new(),
        revision: row.get(13)?,
        updated_at: row.get(14)?,
    })
}

/// The schedule items of events that touch a time, in order, with their people.
pub fn items(tx: &mut Tx, of: Of, (from, to): (Time, Time)) -> Result<Vec<Item>, DbError> {
    let (condition, id) = of.condition();
    let sql = format!(
        "{ITEM} WHERE {condition} AND i.ends_at > ?3 AND i.starts_at < ?4 ORDER BY i.starts_at, lower(i.title), i.id LIMIT ?2"
    );
    let mut found = tx.query(&sql, params![&id, MOST, from, to], read_item)?;
    let sql = format!(
        "SELECT p.item, c.id, c.event, c.name, c.email, c.phone, c.job, c.account FROM event_item_person p
         JOIN event_item i ON i.id = p.item JOIN event_collaborator c ON c.id = p.collaborator JOIN event e ON e.id = i.event
         WHERE {condition} AND i.ends_at > ?2 AND i.starts_at < ?3 ORDER BY lower(c.name), c.id"
    );
    let people =
        tx.query(&sql, params![id, from, to], |row| Ok((row.get::<ItemId>(0)?, read_collaborator(row, 1)?)))?;
    let places: HashMap<ItemId, usize> =
        found.iter().enumerate().map(|(place, item)| (item.id, place)).collect();
    for (item, person) in people {
        if let Some(place) = places.get(&item) {
            found[*place].people.push(person);
        }
    }
    Ok(found)
}

/// All time.
pub const EVER: (Time, Time) = (Time(i64::MIN), Time(i64::MAX));

/// One schedule item.
pub fn item(tx: &mut Tx, id: ItemId) -> Result<Option<Item>, DbError> {
    let Some(mut item) = tx.query_opt(&format!("{ITEM} WHERE i.id = ?1"), params![id], read_item)? else {
        return Ok(None);
    };
    item.people = tx.query(
        "SELECT c.id, c.event, c.name, c.email, c.phone, c.job, c.account FROM event_item_person p
         JOIN event_collaborator c ON c.id = p.collaborator WHERE p.item = ?1 ORDER BY lower(c.name), c.id",
        params![id],
        |row| read_collaborator(row, 0),
    )?;
    Ok(Some(item))
}

fn read_calendar(row: &Row<'_>) -> Result<Calendar, DbError> {
    Ok(Calendar {
        id: row.get(0)?,
        workspace: row.get(1)?,
        account: row.get(2)?,
        event: row.get(3)?,
        name: row.get(4)?,
        created_at: row.get(5)?,
        read_at: row.get(6)?,
    })
}

const CALENDAR: &str =
    "SELECT k.id, k.workspace, k.account, k.event, k.name, k.created_at, k.read_at FROM event_calendar k";

/// Somebody's calendars in a workspace.
pub fn calendars(tx: &mut Tx, account: AccountId, workspace: WorkspaceId) -> Result<Vec<Calendar>, DbError> {
    let sql = format!("{CALENDAR} WHERE k.account = ?1 AND k.workspace = ?2 ORDER BY k.created_at, k.id");
    tx.query(&sql, params![account, workspace], read_calendar)
}

/// The calendar at a secret address, while its owner can sign in and is a member there.
pub fn calendar_at(tx: &mut Tx, secret_hash: &str) -> Result<Option<Calendar>, DbError> {
    let sql = format!(
        "{CALENDAR} JOIN account a ON a.id = k.account JOIN member m ON m.account = k.account AND m.workspace = k.workspace
         WHERE k.secret_hash = ?1 AND a.state = 'active'"
    );
    tx.query_opt(&sql, params![secret_hash], read_calendar)
}
