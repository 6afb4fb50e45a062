//! Seats: a licence with somebody's name on it.

use super::{Licence, hold, pro, stand};
use crate::error::IdentityError;
use crate::{account, relation};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, WorkspaceId};

/// Seats that are in use and not paused.
pub(super) fn taken(tx: &mut Tx, workspace: WorkspaceId, licence: Licence) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) FROM seat WHERE workspace = ?1 AND kind = ?2 AND paused = 0";
    tx.query_one(sql, params![workspace, licence.word()], |row| row.get(0))
}

/// Whether somebody has a seat of that kind, paused or not.
///
/// # Errors
/// When the database fails.
pub fn has_seat(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    account: AccountId,
) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM seat WHERE workspace = ?1 AND kind = ?2 AND account = ?3";
    Ok(tx.query_opt(sql, params![workspace, licence.word(), account], |_| Ok(()))?.is_some())
}

/// Gives somebody a seat.
///
/// # Errors
/// [`IdentityError::Exists`] when none is free, [`IdentityError::NotFound`] for somebody who is no member.
pub fn give_seat(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    account: AccountId,
) -> Result<(), IdentityError> {
    let quantity = hold(tx, workspace, licence)?;
    let member = account::find_member(tx, workspace, account)?.ok_or(IdentityError::NotFound)?;
    let now = tx.now();
    let given = tx.execute(
        "INSERT INTO seat (workspace, kind, account, given_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![workspace, licence.word(), account, now],
    )?;
    if given == 0 {
        return Ok(());
    }
    if !licence.is_seat() || taken(tx, workspace, licence)? > quantity {
        let text = format!("No seat of {} is free. Release one, or get more.", licence.title());
        return Err(IdentityError::Exists(text));
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    if licence == Licence::OrgPro {
        stand(tx, &subject, &pro(workspace), false, "Org Pro seat")?;
    }
    let about = serde_json::json!({"licence": licence, "name": member.name});
    tx.audit(Event::new("seat.give", subject).name(licence.title()).workspace(workspace).after(about));
    Ok(())
}

/// Takes a seat back. What its holder was given stays; the ceiling is over it again. Whoever was paused longest gets it.
///
/// # Errors
/// When the database fails.
pub fn take_seat(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    account: AccountId,
) -> Result<(), IdentityError> {
    let quantity = hold(tx, workspace, licence)?;
    let sql = "DELETE FROM seat WHERE workspace = ?1 AND kind = ?2 AND account = ?3";
    if tx.execute(sql, params![workspace, licence.word(), account])? == 0 {
        return Ok(());
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    if licence == Licence::OrgPro {
        relation::leave(tx, &subject, &pro(workspace))?;
    }
    tx.audit(Event::new("seat.take", subject).name(licence.title()).workspace(workspace));
    restore(tx, workspace, licence, quantity)
}

/// Gives paused seats back while there is room, the one given first before the others.
pub(super) fn restore(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    quantity: i64,
) -> Result<(), IdentityError> {
    let free = quantity - taken(tx, workspace, licence)?;
    let sql = "SELECT account FROM seat WHERE workspace = ?1 AND kind = ?2 AND paused = 1 ORDER BY given_at, account LIMIT ?3";
    let waiting: Vec<AccountId> =
        tx.query(sql, params![workspace, licence.word(), free.max(0)], |row| row.get(0))?;
    for account in waiting {
        pause(tx, workspace, licence, account, false)?;
    }
    Ok(())
}

/// Pauses a seat, or gives it back to its holder.
pub(super) fn pause(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    account: AccountId,
    paused: bool,
) -> Result<(), IdentityError> {
    tx.execute(
        "UPDATE seat SET paused = ?4 WHERE workspace = ?1 AND kind = ?2 AND account = ?3",
        params![workspace, licence.word(), account, paused],
    )?;
    let subject = Object::new(Kind::ACCOUNT, account);
    if licence == Licence::OrgPro {
        stand(tx, &subject, &pro(workspace), paused, "Org Pro seat")?;
    }
    let verb = if paused { "seat.pause" } else { "seat.restore" };
    tx.audit(Event::new(verb, subject).name(licence.title()).workspace(workspace));
    Ok(())
}
