//! Tasks and the words for how far they are.

use super::{Result, belong, present, touch};
use crate::model::{AreaId, CollaboratorId, EventId, State, Status, StatusId, TASK, Task, TaskId};
use crate::queries;
use bo_content::ModuleError;
use bo_db::{Event as Record, Tx, params};
use bo_model::Object;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

/// Tasks of an event at most, and words for how far they are.
const MOST_TASKS: i64 = 5000;
const MOST_STATUSES: usize = 40;

/// What is said of a task.
#[derive(Clone, Debug, Serialize)]
pub struct TaskFacts {
    /// What.
    pub title: String,
    /// More about it.
    pub about: String,
    /// In which area.
    pub area: Option<AreaId>,
    /// How far; the first of to do when absent.
    pub status: Option<StatusId>,
    /// By when.
    pub due_on: Option<Date>,
    /// Who.
    pub assignee: Option<CollaboratorId>,
    /// What holds it up.
    pub waiting_for: String,
}

impl TaskFacts {
    /// What is said of a task already.
    pub fn of(task: &Task) -> TaskFacts {
        TaskFacts {
            title: task.title.clone(),
            about: task.about.clone(),
            area: task.area,
            status: Some(task.status),
            due_on: task.due_on,
            assignee: task.assignee,
            waiting_for: task.waiting_for.clone(),
        }
    }
}

fn due(facts: &TaskFacts) -> String {
    facts.due_on.map(|date| date.to_string()).unwrap_or_default()
}

/// The status of an event that was named, or the first of a state.
fn status_of(tx: &mut Tx, event: EventId, named: Option<StatusId>, state: State) -> Result<Status> {
    let known = queries::statuses(tx, event)?;
    let found = match named {
        Some(id) => known.into_iter().find(|status| status.id == id),
        None => known.into_iter().find(|status| status.state == state),
    };
    found.ok_or_else(|| ModuleError::field("status", "is no status of this event any more"))
}

fn object(id: TaskId) -> Object {
    Object::new(TASK, id)
}

/// Adds a task.
pub fn add_task(tx: &mut Tx, event: EventId, id: TaskId, facts: &TaskFacts) -> Result<()> {
    present(tx, event)?;
    belong(tx, event, facts.area, facts.assignee.as_slice())?;
    let status = status_of(tx, event, facts.status, State::ToDo)?;
    let count: i64 =
        tx.query_one("SELECT COUNT(*) FROM event_task WHERE event = ?1", params![event], |row| row.get(0))?;
    if count >= MOST_TASKS {
        return Err(ModuleError::Conflict(format!("An event has at most {MOST_TASKS} tasks.")));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO event_task (id, event, area, title, about, status, due_on, assignee, waiting_for, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            id, event, facts.area, &facts.title, &facts.about, status.id, due(facts), facts.assignee,
            &facts.waiting_for, now
        ],
    )?;
    touch(tx, event)?;
    tx.audit(
        Record::new("event-task.add", object(id))
            .name(&facts.title)
            .after(json!({"event": event, "facts": facts})),
    );
    Ok(())
}

/// Changes a task.
pub fn change_task(tx: &mut Tx, before: &Task, facts: &TaskFacts) -> Result<()> {
    belong(tx, before.event, facts.area, facts.assignee.as_slice())?;
    let status = status_of(tx, before.event, facts.status, before.state)?;
    let now = tx.now();
    tx.execute(
        "UPDATE event_task SET area = ?2, title = ?3, about = ?4, status = ?5, due_on = ?6, assignee = ?7, waiting_for = ?8,
           updated_at = ?9 WHERE id = ?1",
        params![
            before.id, facts.area, &facts.title, &facts.about, status.id, due(facts), facts.assignee,
            &facts.waiting_for, now
        ],
    )?;
    touch(tx, before.event)?;
    let record = Record::new("event-task.change", object(before.id)).name(&facts.title);
    tx.audit(record.change(json!(TaskFacts::of(before)), json!(facts)));
    Ok(())
}

/// Says how far a task is.
pub fn set_status(tx: &mut Tx, task: &Task, status: StatusId) -> Result<()> {
    let status = status_of(tx, task.event, Some(status), task.state)?;
    let now = tx.now();
    tx.execute(
        "UPDATE event_task SET status = ?2, updated_at = ?3 WHERE id = ?1",
        params![task.id, status.id, now],
    )?;
    touch(tx, task.event)?;
    let record = Record::new("event-task.status", object(task.id)).name(&task.title);
    tx.audit(record.change(
        json!({"state": task.state, "status": task.status_name}),
        json!({"state": status.state, "status": status.name}),
    ));
    Ok(())
}

/// Says how far a task is by one of the five states: its event's first status of it.
pub fn set_state(tx: &mut Tx, task: &Task, state: State) -> Result<()> {
    if task.state == state {
        return Ok(());
    }
    let status = status_of(tx, task.event, None, state)?;
    set_status(tx, task, status.id)
}

/// Removes a task for ever; the audit log keeps what it was.
pub fn remove_task(tx: &mut Tx, task: &Task) -> Result<()> {
    tx.execute("DELETE FROM event_task WHERE id = ?1", params![task.id])?;
    touch(tx, task.event)?;
    let before = json!({"event": task.event, "facts": TaskFacts::of(task)});
    tx.audit(Record::new("event-task.remove", object(task.id)).name(&task.title).before(before));
    Ok(())
}

fn free_status_name(known: &[Status], id: Option<StatusId>, name: &str) -> Result<()> {
    let same = |status: &&Status| Some(status.id) != id && status.name.to_lowercase() == name.to_lowercase();
    match known.iter().find(same) {
        Some(status) => {
            Err(ModuleError::field("name", format!("is a status of “{}” already", status.state.title())))
        }
        None => Ok(()),
    }
}

/// Adds a word within a state.
pub fn add_status(tx: &mut Tx, event: EventId, id: StatusId, state: State, name: &str) -> Result<()> {
    present(tx, event)?;
    let known = queries::statuses(tx, event)?;
    free_status_name(&known, None, name)?;
    if known.len() >= MOST_STATUSES {
        return Err(ModuleError::field(
            "name",
            format!("can't be added: an event has at most {MOST_STATUSES}"),
        ));
    }
    tx.execute(
        "INSERT INTO event_status (id, event, state, name, rank)
         SELECT ?1, ?2, ?3, ?4, COALESCE(MAX(rank), 0) + 1 FROM event_status WHERE event = ?2",
        params![id, event, state.word(), name],
    )?;
    touch(tx, event)?;
    let record = Record::new("event-status.add", Object::new(crate::EVENT, event)).name(name);
    tx.audit(record.after(json!({"state": state, "name": name})));
    Ok(())
}

/// Renames a word; its state stays, or tasks would change theirs without anybody saying so.
pub fn rename_status(tx: &mut Tx, event: EventId, id: StatusId, name: &str) -> Result<()> {
    let known = queries::statuses(tx, event)?;
    let before = known.iter().find(|status| status.id == id).ok_or(ModuleError::NotFound)?;
    free_status_name(&known, Some(id), name)?;
    tx.execute("UPDATE event_status SET name = ?2 WHERE id = ?1", params![id, name])?;
    touch(tx, event)?;
    let record = Record::new("event-status.rename", Object::new(crate::EVENT, event)).name(name);
    tx.audit(record.change(json!({"name": before.name}), json!({"name": name})));
    Ok(())
}

/// Removes a word; tasks in it get another of the same state, and each state keeps one.
pub fn remove_status(tx: &mut Tx, event: EventId, id: StatusId) -> Result<()> {
    let known = queries::statuses(tx, event)?;
    let gone = known.iter().find(|status| status.id == id).ok_or(ModuleError::NotFound)?;
    let other = known.iter().find(|status| status.id != id && status.state == gone.state);
    let Some(other) = other else {
        let text =
            format!("“{}” is the only status of “{}”; add another first.", gone.name, gone.state.title());
        return Err(ModuleError::Conflict(text));
    };
    tx.execute("UPDATE event_task SET status = ?2 WHERE status = ?1", params![id, other.id])?;
    tx.execute("DELETE FROM event_status WHERE id = ?1", params![id])?;
    touch(tx, event)?;
    let record = Record::new("event-status.remove", Object::new(crate::EVENT, event)).name(&gone.name);
    tx.audit(record.change(json!({"status": gone.name}), json!({"status": other.name})));
    Ok(())
}
