//! Looking through somebody's eyes: what an administrator does when a person says "I can't see it". Read-only, marked on
//! every page, and in the log.

use crate::account::{self, State};
use crate::delegate;
use crate::error::IdentityError;
use crate::member;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, SessionId};
use bo_web::Viewer;
use serde_json::json;

/// Starts it, for a session.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for somebody one may not administer, or who has what one has not: looking as them would
/// show more than one may see.
pub fn start(tx: &mut Tx, viewer: &Viewer, target: AccountId) -> Result<(), IdentityError> {
    may(tx, viewer, target)?;
    let name = account::find(tx, target)?.map(|account| account.name).unwrap_or_default();
    tx.execute("UPDATE session SET view_as = ?2 WHERE id = ?1", params![viewer.session, target.to_string()])?;
    let event = Event::new("session.view_as", Object::new(Kind::ACCOUNT, target)).name(name);
    tx.audit(event.after(json!({"session": viewer.session})));
    Ok(())
}

fn may(tx: &mut Tx, viewer: &Viewer, target: AccountId) -> Result<(), IdentityError> {
    member::look_after(tx, viewer, target)?;
    delegate::covers(tx, viewer, target)
}

/// Ends it.
///
/// # Errors
/// When the database fails.
pub fn end(tx: &mut Tx, session: SessionId) -> Result<(), DbError> {
    if tx.execute("UPDATE session SET view_as = '' WHERE id = ?1 AND view_as <> ''", params![session])? > 0 {
        tx.audit(Event::new("session.view_as_end", Object::new(Kind::SESSION, session)));
    }
    Ok(())
}

/// The other's eyes, while that is still allowed; otherwise one's own.
pub(crate) fn through(tx: &mut Tx, viewer: Viewer, other: &str) -> Result<Viewer, DbError> {
    let Ok(target) = other.parse::<AccountId>() else { return Ok(viewer) };
    match may(tx, &viewer, target) {
        Ok(()) => {}
        Err(IdentityError::Db(error)) => return Err(error),
        Err(_) => return Ok(viewer),
    }
    let found = account::find(tx, target)?.filter(|account| account.state == State::Active);
    let Some(account) = found else { return Ok(viewer) };
    Ok(Viewer {
        behind: Some((viewer.account, viewer.name)),
        account: target,
        name: account.name,
        email: account.email,
        // Whatever they may do, whoever looks through their eyes reads.
        cap: Level::View,
        ..viewer
    })
}
