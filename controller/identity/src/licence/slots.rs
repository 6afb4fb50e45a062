//! Slots: as many on every event as the organisation has Event Pro, for whoever works on it at the moment.

use super::{LICENCE, Licence, hold, of_event, pro, stand};
use crate::ceiling::{self, Ceiling, CeilingKind};
use crate::error::IdentityError;
use crate::relation::{self, Containment, RelationKind, Validity};
use crate::workspace;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use serde_json::json;

/// Slots of an event that are in use and not paused.
pub(super) fn taken(tx: &mut Tx, event: &Object) -> Result<i64, DbError> {
    tx.query_one("SELECT COUNT(*) FROM slot WHERE event = ?1 AND paused = 0", params![event], |row| {
        row.get(0)
    })
}

/// Who has a slot of an event, the first given first; paused ones included.
///
/// # Errors
/// When the database fails.
pub fn slots_of(tx: &mut Tx, event: &Object) -> Result<Vec<AccountId>, DbError> {
    let sql = "SELECT account FROM slot WHERE event = ?1 ORDER BY given_at, account";
    tx.query(sql, params![event], |row| row.get(0))
}

/// Puts an event of an organisation under its licences: nobody has anything on it without a seat or a slot. Its areas are
/// put under them by [`hang`]. In a personal workspace nothing is needed.
///
/// # Errors
/// [`IdentityError::Exists`] when the organisation has no Event Pro at all.
pub fn cover(tx: &mut Tx, workspace: WorkspaceId, event: &Object) -> Result<(), IdentityError> {
    if workspace::is_personal(tx, workspace)? {
        return Ok(());
    }
    if hold(tx, workspace, Licence::EventPro)? < 1 {
        let text = "An organisation needs at least one Event Pro before it can have events. Its owner gets one under Licences.";
        return Err(IdentityError::Exists(text.into()));
    }
    let org = Object::new(Kind::WORKSPACE, workspace);
    relation::contain(tx, &org, &pro(workspace), Containment::Gated)?;
    relation::contain(tx, &pro(workspace), &of_event(event), Containment::Open)?;
    bound(tx, event, of_event(event), false)?;
    for row in relation::from_subject(tx, event, RelationKind::Contain)? {
        bound_part(tx, event, &row.object)?;
    }
    Ok(())
}

fn bound(tx: &mut Tx, object: &Object, lifted_by: Object, deep: bool) -> Result<(), DbError> {
    let reason = "The event takes an Org Pro seat or one of its slots.".to_owned();
    let (object, kind, cap) = (object.clone(), CeilingKind::Licence, Level::None);
    ceiling::put(tx, &Ceiling { object, kind, cap, lifted_by: Some(lifted_by), deep, reason })
}

fn bound_part(tx: &mut Tx, event: &Object, part: &Object) -> Result<(), DbError> {
    relation::contain(tx, &of_event(event), &slice(part), Containment::Open)?;
    bound(tx, part, slice(part), true)
}

/// The object on which those stand who work on one part of an event.
fn slice(part: &Object) -> Object {
    Object::new(LICENCE, part)
}

fn is_covered(tx: &mut Tx, event: &Object) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM ceiling WHERE object = ?1 AND kind = ?2";
    Ok(tx.query_opt(sql, params![event, CeilingKind::Licence.word()], |_| Ok(()))?.is_some())
}

/// Puts a part (an area, the schedule) into an event, under a ceiling of its own: whoever has the event's licence has it for
/// the part and all it contains, and a free collaborator can have it for the part alone.
///
/// # Errors
/// When the database fails.
pub fn hang(tx: &mut Tx, event: &Object, part: &Object, how: Containment) -> Result<(), DbError> {
    relation::contain(tx, event, part, how)?;
    if is_covered(tx, event)? { bound_part(tx, event, part) } else { Ok(()) }
}

/// Takes an event out from under the licences of its workspace, because it is removed or moves: slots and slices end.
///
/// # Errors
/// When the database fails.
pub fn uncover(tx: &mut Tx, workspace: WorkspaceId, event: &Object) -> Result<(), IdentityError> {
    hold(tx, workspace, Licence::EventPro)?;
    tx.execute("DELETE FROM slot WHERE event = ?1", params![event])?;
    for row in relation::from_subject(tx, event, RelationKind::Contain)? {
        relation::forget(tx, &slice(&row.object))?;
        ceiling::lift(tx, &row.object, CeilingKind::Licence)?;
    }
    relation::forget(tx, &of_event(event))?;
    ceiling::lift(tx, event, CeilingKind::Licence)?;
    Ok(())
}

/// Gives somebody a slot of an event. Whoever has an Org Pro seat needs none, and takes none.
///
/// # Errors
/// [`IdentityError::Exists`] when none is free, [`IdentityError::NotAllowed`] in a personal workspace.
pub fn give_slot(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    account: AccountId,
) -> Result<(), IdentityError> {
    if workspace::is_personal(tx, workspace)? {
        let text = "A personal workspace is for one person. Move the event into an organisation to work on it together.";
        return Err(IdentityError::NotAllowed(text.into()));
    }
    let quantity = hold(tx, workspace, Licence::EventPro)?;
    // A paused seat is no seat here: its holder takes a slot to go on working.
    let sql = "SELECT 1 FROM seat WHERE workspace = ?1 AND kind = ?2 AND account = ?3 AND paused = 0";
    let exempt = tx.query_opt(sql, params![workspace, Licence::OrgPro.word(), account], |_| Ok(()))?;
    if exempt.is_some() {
        return Ok(());
    }
    let now = tx.now();
    let given = tx.execute(
        "INSERT INTO slot (workspace, event, account, given_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![workspace, event, account, now],
    )?;
    if given == 0 {
        return Ok(());
    }
    if taken(tx, event)? > quantity {
        return Err(IdentityError::Exists(
            "All slots of this event are taken. Release one, or get more.".into(),
        ));
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    stand(tx, &subject, &of_event(event), false, "slot")?;
    tx.audit(
        Event::new("slot.give", event.clone())
            .workspace(workspace)
            .after(json!({"subject": subject.as_str()})),
    );
    Ok(())
}

/// Takes a slot back, for somebody else. Whoever was paused longest gets it.
///
/// # Errors
/// When the database fails.
pub fn take_slot(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    account: AccountId,
) -> Result<(), IdentityError> {
    let quantity = hold(tx, workspace, Licence::EventPro)?;
    if tx.execute("DELETE FROM slot WHERE event = ?1 AND account = ?2", params![event, account])? == 0 {
        return Ok(());
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    relation::leave(tx, &subject, &of_event(event))?;
    tx.audit(
        Event::new("slot.take", event.clone())
            .workspace(workspace)
            .before(json!({"subject": subject.as_str()})),
    );
    restore(tx, workspace, event, quantity)
}

/// Gives paused slots of an event back while there is room.
pub(super) fn restore(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    quantity: i64,
) -> Result<(), IdentityError> {
    let free = quantity - taken(tx, event)?;
    let sql = "SELECT account FROM slot WHERE event = ?1 AND paused = 1 ORDER BY given_at, account LIMIT ?2";
    let waiting: Vec<AccountId> = tx.query(sql, params![event, free.max(0)], |row| row.get(0))?;
    for account in waiting {
        pause(tx, workspace, event, account, false)?;
    }
    Ok(())
}

/// Pauses a slot, or gives it back to its holder.
pub(super) fn pause(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    account: AccountId,
    paused: bool,
) -> Result<(), IdentityError> {
    let sql = "UPDATE slot SET paused = ?3 WHERE event = ?1 AND account = ?2";
    tx.execute(sql, params![event, account, paused])?;
    let subject = Object::new(Kind::ACCOUNT, account);
    stand(tx, &subject, &of_event(event), paused, "slot")?;
    let verb = if paused { "slot.pause" } else { "slot.restore" };
    let about = json!({"subject": subject.as_str()});
    tx.audit(Event::new(verb, event.clone()).workspace(workspace).after(about));
    Ok(())
}

/// Lets a free collaborator work on one part of an event, without a slot. What they may do there is given to them as to
/// anybody; on the rest of the event they have nothing.
///
/// # Errors
/// When the database fails.
pub fn give_slice(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    part: &Object,
    account: AccountId,
) -> Result<(), IdentityError> {
    let subject = Object::new(Kind::ACCOUNT, account);
    relation::join(tx, &subject, &slice(part), Validity::ALWAYS, "free collaborator")?;
    let about = json!({"subject": subject.as_str(), "part": part.as_str()});
    tx.audit(Event::new("slice.give", event.clone()).workspace(workspace).after(about));
    Ok(())
}

/// Ends it.
///
/// # Errors
/// When the database fails.
pub fn take_slice(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    part: &Object,
    account: AccountId,
) -> Result<(), IdentityError> {
    let subject = Object::new(Kind::ACCOUNT, account);
    if relation::leave(tx, &subject, &slice(part))? {
        let about = json!({"subject": subject.as_str(), "part": part.as_str()});
        tx.audit(Event::new("slice.take", event.clone()).workspace(workspace).before(about));
    }
    Ok(())
}
