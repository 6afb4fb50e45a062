//! People an organisation has added who have not been here yet. Their account is the organisation's own until whoever reads the mail
//! of its address comes: with a first password it becomes theirs; when they have an account already, that one takes its place. Whoever
//! adds somebody sees no difference before.

use crate::account::{self, Account, State};
use crate::error::IdentityError;
use crate::{group, member, relation, session, workspace};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, WorkspaceId};
use bo_web::Viewer;
use serde_json::json;

/// Event of the outbox: one account has taken the place of another, `{from, to}`.
pub const ABSORBED: &str = "account.absorbed";

/// An activation link as whoever holds it sees it.
pub struct Link {
    /// Whose account waits.
    pub account: Account,
    /// Whether another account signs in with the address: that one takes its place.
    pub has_other: bool,
}

/// What an activation link leads to, while it works.
///
/// # Errors
/// When the database fails.
pub fn by_link(tx: &mut Tx, secret: &str) -> Result<Option<Link>, DbError> {
    let Some(id) = session::activation(tx, secret)? else { return Ok(None) };
    let Some(account) = account::find(tx, id)? else { return Ok(None) };
    let has_other = account::by_email(tx, &account.email)?.is_some_and(|(other, _)| other.id != id);
    Ok(Some(Link { account, has_other }))
}

/// Refuses accounts whose address nobody has proved: they live in the organisation that added them, whose provider may sign in
/// as them, and in no other.
///
/// # Errors
/// [`IdentityError::NotAllowed`].
pub fn proved(tx: &mut Tx, id: AccountId) -> Result<(), IdentityError> {
    if account::is_proved(tx, id)? {
        return Ok(());
    }
    let text = "This account belongs to the organisation whose provider signs it in. Sign out and open the link again to join with an account of your own.";
    Err(IdentityError::NotAllowed(text.into()))
}

/// Joins the organisation that added somebody with the account they have already. The link ends.
///
/// # Errors
/// [`IdentityError::NotFound`] for a link that does not work, [`IdentityError::NotAllowed`] for another address.
pub fn accept(tx: &mut Tx, secret: &str, viewer: &Viewer) -> Result<WorkspaceId, IdentityError> {
    let link = by_link(tx, secret)?.filter(|link| link.has_other).ok_or(IdentityError::NotFound)?;
    if link.account.email != viewer.email {
        return Err(IdentityError::NotAllowed(format!("This link is for {}.", link.account.email)));
    }
    proved(tx, viewer.account)?;
    let workspace = member::home(tx, link.account.id)?.ok_or(IdentityError::NotFound)?;
    account::join(tx, workspace, viewer.account)?;
    absorb(tx, &link.account, workspace, viewer.account)?;
    Ok(workspace)
}

/// Puts an account in the place of one that waits: what that was given is the other's, and it is gone.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for groups that exclude each other; when the database fails.
pub fn absorb(
    tx: &mut Tx,
    waiting: &Account,
    workspace: WorkspaceId,
    into: AccountId,
) -> Result<(), IdentityError> {
    let (from, to) = (Object::new(Kind::ACCOUNT, waiting.id), Object::new(Kind::ACCOUNT, into));
    let own = Object::new(Kind::WORKSPACE, workspace::personal(waiting.id));
    tx.execute(
        "INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
         SELECT CAST(?2 AS TEXT), object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at FROM relation
         WHERE subject = ?1 AND object <> ?3 ON CONFLICT DO NOTHING",
        params![&from, &to, own],
    )?;
    for table in ["seat", "slot"] {
        let sql = format!("UPDATE {table} SET account = ?2 WHERE account = ?1 AND workspace = ?3");
        tx.execute(&sql, params![waiting.id, into, workspace])?;
    }
    discard(tx, waiting.id)?;
    group::only_one(tx, &to)?;
    let event = Event::new("member.join", to.clone()).workspace(workspace);
    tx.audit(event.after(json!({"instead_of": from.as_str(), "added_as": waiting.name})));
    tx.emit(ABSORBED, &to, json!({"from": waiting.id, "to": into, "workspace": workspace}));
    Ok(())
}

/// Forgets an account that nobody has used, if it is one.
///
/// # Errors
/// When the database fails.
pub fn discard_unused(tx: &mut Tx, account: &Account) -> Result<(), DbError> {
    match account.state == State::Invited && !account::is_proved(tx, account.id)? {
        true => discard(tx, account.id),
        false => Ok(()),
    }
}

fn discard(tx: &mut Tx, id: AccountId) -> Result<(), DbError> {
    let own = workspace::personal(id);
    for object in relation::contents(tx, &Object::new(Kind::WORKSPACE, own))? {
        relation::forget(tx, &object)?;
    }
    relation::forget(tx, &Object::new(Kind::ACCOUNT, id))?;
    tx.execute("DELETE FROM activation WHERE account = ?1", params![id])?;
    tx.execute("DELETE FROM member WHERE account = ?1", params![id])?;
    tx.execute("DELETE FROM workspace WHERE id = ?1", params![own])?;
    tx.execute("DELETE FROM account WHERE id = ?1", params![id])?;
    Ok(())
}
