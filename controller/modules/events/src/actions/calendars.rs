//! Calendars: secret addresses that other programs read.

use super::Result;
use crate::model::{CALENDAR, Calendar, CalendarId, EventId};
use crate::queries;
use bo_content::ModuleError;
use bo_db::{Event as Record, Tx, params};
use bo_model::{AccountId, Object, WorkspaceId};
use serde_json::json;
use std::time::Duration;

/// Calendars of one person in a workspace at most.
const MOST: usize = 20;
/// How exactly it is noted that a calendar was read.
const READ_EVERY: Duration = Duration::from_secs(3600);

/// Makes a calendar; whoever has its address sees what its owner sees at that moment.
pub fn make_calendar(
    tx: &mut Tx,
    (id, account, workspace): (CalendarId, AccountId, WorkspaceId),
    event: Option<EventId>,
    name: &str,
    secret_hash: &str,
) -> Result<()> {
    if queries::calendars(tx, account, workspace)?.len() >= MOST {
        return Err(ModuleError::Conflict(format!("You have {MOST} calendars already. Revoke one first.")));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO event_calendar (id, workspace, account, event, name, secret_hash, created_at, read_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
        params![id, workspace, account, event, name, secret_hash, now],
    )?;
    tx.audit(
        Record::new("event-calendar.make", Object::new(CALENDAR, id))
            .name(name)
            .after(json!({"event": event})),
    );
    Ok(())
}

/// Makes a calendar's address answer nothing any more.
pub fn revoke_calendar(
    tx: &mut Tx,
    account: AccountId,
    workspace: WorkspaceId,
    id: CalendarId,
) -> Result<()> {
    let own = queries::calendars(tx, account, workspace)?;
    let calendar = own.into_iter().find(|calendar| calendar.id == id).ok_or(ModuleError::NotFound)?;
    tx.execute("DELETE FROM event_calendar WHERE id = ?1", params![id])?;
    tx.audit(Record::new("event-calendar.revoke", Object::new(CALENDAR, id)).name(calendar.name));
    Ok(())
}

/// Whether it is time to note that a calendar was read: its owner sees which are of use.
pub fn is_stale(calendar: &Calendar, now: bo_model::Time) -> bool {
    calendar.read_at.is_none_or(|at| now.since(at) >= READ_EVERY)
}

/// Notes that a calendar was read just now.
pub fn note_read(tx: &mut Tx, id: CalendarId) -> Result<()> {
    let now = tx.now();
    tx.execute("UPDATE event_calendar SET read_at = ?2 WHERE id = ?1", params![id, now])?;
    tx.unaudited("that a program read a calendar, for its owner");
    Ok(())
}
