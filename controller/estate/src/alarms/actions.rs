//! The life of an alarm.

use super::{Alarm, Raise, queries};
use crate::error::EstateError;
use bo_db::{DbError, Event, Tx};
use bo_model::{AlarmId, IdGen, Kind, Object, Time, WorkspaceId};
use serde_json::json;

/// A condition begins. One that is active already gets the newer words and stays one alarm.
pub fn raise(tx: &mut Tx, ids: &IdGen, raise: &Raise) -> Result<Alarm, DbError> {
    let alarm = match queries::active(tx, raise.workspace, &raise.key)? {
        Some(held) => Alarm { severity: raise.severity.clone(), text: raise.text.clone(), ..held },
        None => Alarm {
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
        },
    };
    queries::save(tx, &alarm)?;
    Ok(alarm)
}

/// A condition ends. `None` when it was not active.
pub fn clear(tx: &mut Tx, workspace: WorkspaceId, key: &str, at: Time) -> Result<Option<Alarm>, DbError> {
    let Some(held) = queries::active(tx, workspace, key)? else { return Ok(None) };
    let alarm = Alarm { active: false, cleared_at: Some(at.max(held.raised_at)), ..held };
    queries::save(tx, &alarm)?;
    Ok(Some(alarm))
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
    let held = queries::find(tx, id)?
        .filter(|alarm| alarm.workspace == workspace)
        .ok_or_else(|| EstateError::missing("alarm", id))?;
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
