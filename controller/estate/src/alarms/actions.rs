//! The life of an alarm.

use super::{Alarm, Note, Raise, queries};
use crate::error::EstateError;
use crate::notify;
use bo_db::{DbError, Event, Tx};
use bo_model::{AccountId, AlarmId, IdGen, Kind, Object, Time, WorkspaceId};
use serde_json::{Value as Json, json};

/// A condition begins. One that is active already gets the newer words and stays one alarm. Whoever has to know is told of a
/// new one, unless its place is under maintenance.
pub fn raise(tx: &mut Tx, ids: &IdGen, raise: &Raise) -> Result<Alarm, DbError> {
    if let Some(held) = queries::active(tx, raise.workspace, &raise.key)? {
        let alarm = Alarm { severity: raise.severity.clone(), text: raise.text.clone(), ..held };
        queries::save(tx, &alarm)?;
        return Ok(alarm);
    }
    let mut alarm = Alarm {
        id: ids.make(),
        workspace: raise.workspace,
        key: raise.key.clone(),
        edge: raise.edge,
        system: raise.system,
        device: raise.device,
        severity: raise.severity.clone(),
        text: raise.text.clone(),
        active: true,
        acknowledged: false,
        raised_at: raise.at,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        comment: String::new(),
        assignee: None,
        assignee_name: None,
        muted: false,
    };
    alarm.muted = notify::queries::is_muted(tx, &alarm.subject())?;
    queries::save(tx, &alarm)?;
    tx.emit("alarm.raised", &Object::new(Kind::ALARM, alarm.id), Json::Null);
    Ok(alarm)
}

/// A condition ends. `None` when it was not active.
pub fn clear(tx: &mut Tx, workspace: WorkspaceId, key: &str, at: Time) -> Result<Option<Alarm>, DbError> {
    let Some(held) = queries::active(tx, workspace, key)? else { return Ok(None) };
    let alarm = Alarm { active: false, cleared_at: Some(at.max(held.raised_at)), ..held };
    queries::save(tx, &alarm)?;
    tx.emit("alarm.cleared", &Object::new(Kind::ALARM, alarm.id), Json::Null);
    Ok(Some(alarm))
}

/// Somebody is to see to it, or nobody any more.
pub fn assign(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: AlarmId,
    to: Option<(AccountId, String)>,
) -> Result<Alarm, EstateError> {
    let held = held(tx, workspace, id)?;
    let (assignee, assignee_name) = to.unzip();
    let alarm = Alarm { assignee, assignee_name, ..held.clone() };
    queries::save(tx, &alarm)?;
    tx.audit(
        Event::new("alarm.assign", Object::new(Kind::ALARM, id))
            .name(&alarm.text)
            .change(json!({ "assignee": held.assignee_name }), json!({ "assignee": alarm.assignee_name })),
    );
    Ok(alarm)
}

/// Somebody writes something beside it.
pub fn note(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: AlarmId,
    by: &str,
    text: &str,
) -> Result<Note, EstateError> {
    let alarm = held(tx, workspace, id)?;
    let note = queries::add_note(tx, &alarm, by, text)?;
    tx.audit(
        Event::new("alarm.note", Object::new(Kind::ALARM, id))
            .name(&alarm.text)
            .after(json!({ "text": text })),
    );
    Ok(note)
}

fn held(tx: &mut Tx, workspace: WorkspaceId, id: AlarmId) -> Result<Alarm, EstateError> {
    let held = queries::find(tx, id)?.filter(|alarm| alarm.workspace == workspace);
    held.ok_or_else(|| EstateError::missing("alarm", id))
}

/// What an alarm is about was removed: it ends, and stays visible to whoever sees what is left of its place.
pub fn orphan(tx: &mut Tx, object: &Object) -> Result<Vec<Alarm>, DbError> {
    let now = tx.now();
    let mut ended = Vec::new();
    for alarm in queries::about(tx, object)? {
        let (active, cleared_at) = (false, alarm.cleared_at.or(Some(now.max(alarm.raised_at))));
        let mut alarm = Alarm { active, cleared_at, ..alarm };
        match object.kind() {
            "device" => alarm.device = None,
            "system" => alarm.system = None,
            _ => alarm.edge = None,
        }
        queries::save(tx, &alarm)?;
        ended.push(alarm);
    }
    Ok(ended)
}

/// Somebody sees to it. Doing it again changes only the comment.
pub fn acknowledge(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: AlarmId,
    by: &str,
    comment: &str,
) -> Result<Alarm, EstateError> {
    let held = held(tx, workspace, id)?;
    let now = tx.now();
    let first = !held.acknowledged;
    let comment = if comment.is_empty() { held.comment.clone() } else { comment.to_owned() };
    let alarm = Alarm {
        acknowledged: true,
        acknowledged_at: if first { Some(now) } else { held.acknowledged_at },
        acknowledged_by: if first { Some(by.to_owned()) } else { held.acknowledged_by.clone() },
        comment,
        ..held
    };
    queries::save(tx, &alarm)?;
    tx.audit(
        Event::new("alarm.acknowledge", Object::new(Kind::ALARM, id))
            .name(&alarm.text)
            .after(json!({ "comment": alarm.comment, "active": alarm.active })),
    );
    Ok(alarm)
}
