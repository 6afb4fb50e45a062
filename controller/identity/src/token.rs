//! API tokens: a program acts in somebody's name with no more than they have, and no more than the token says: a highest
//! level, and, if its owner wants, only some areas and modules. The secret is 256 random bits, stored as its SHA-256.

use crate::error::IdentityError;
use crate::level;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, SessionId, Time, WorkspaceId};
use bo_web::Viewer;
pub use bo_web::access::Scope;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// What a token starts with, so that scanners find a leaked one.
pub const PREFIX: &str = "bo_";

/// A token as its owner sees it; its secret is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Token {
    /// Its id.
    pub id: SessionId,
    /// What it is for.
    pub name: String,
    /// At most this level, whatever its owner has.
    pub cap: Level,
    /// Only these places; empty for all.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last used, within a minute.
    pub seen_at: Time,
    /// When it ends.
    pub expires_at: Time,
}

/// What a new token is made of.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// What it is for.
    pub name: String,
    /// [`crate::session::digest`] of its secret.
    pub secret_hash: String,
    /// At most this level.
    pub cap: Level,
    /// Only these places; empty for all.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires_at: Time,
}

/// Stores a token.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn add(tx: &mut Tx, new: &NewToken) -> Result<(), IdentityError> {
    let (now, mut errors) = (tx.now(), Vec::new());
    if new.name.trim().is_empty() || new.name.chars().count() > 100 {
        errors.push(("name".to_owned(), "is required, at most 100 characters".to_owned()));
    }
    if new.cap < Level::View {
        errors.push(("level".to_owned(), "must be view, edit or own".to_owned()));
    }
    if new.expires_at <= now || new.expires_at > now.after(Duration::from_secs(366 * 86_400)) {
        errors.push(("days".to_owned(), "must be from 1 to 366".to_owned()));
    }
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let scopes = json!(new.scopes);
    tx.execute(
        "INSERT INTO api_token (id, account, workspace, name, secret_hash, cap, scopes, created_at, seen_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)",
        params![
            new.id, new.account, new.workspace, new.name.trim(), &new.secret_hash, new.cap, scopes.to_string(), now, new.expires_at
        ],
    )?;
    tx.audit(
        Event::new("token.create", Object::new(Kind::TOKEN, new.id))
            .name(new.name.trim())
            .after(json!({"level": new.cap, "scopes": scopes, "expires_at": new.expires_at.rfc3339()})),
    );
    Ok(())
}

/// Ends a token of that account.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn remove(tx: &mut Tx, id: SessionId, account: AccountId) -> Result<(), IdentityError> {
    if tx.execute("DELETE FROM api_token WHERE id = ?1 AND account = ?2", params![id, account])? == 0 {
        return Err(IdentityError::NotFound);
    }
    tx.audit(Event::new("token.revoke", Object::new(Kind::TOKEN, id)));
    Ok(())
}

/// Somebody's tokens, newest first.
///
/// # Errors
/// When the database fails.
pub fn of_account(tx: &mut Tx, account: AccountId) -> Result<Vec<Token>, DbError> {
    tx.query(
        "SELECT id, name, cap, scopes, created_at, seen_at, expires_at FROM api_token WHERE account = ?1
         ORDER BY created_at DESC, id LIMIT 100",
        params![account],
        |row| {
            Ok(Token {
                id: row.get(0)?,
                name: row.get(1)?,
                cap: row.get(2)?,
                scopes: row.json(3)?,
                created_at: row.get(4)?,
                seen_at: row.get(5)?,
                expires_at: row.get(6)?,
            })
        },
    )
}

/// The most that a viewer may on an object by what they came with, whatever they have: the token's highest level, and that of
/// the widest place it reaches the object from. `reach` is the level that a place gives on what lies in it.
///
/// # Errors
/// When the database fails.
pub(crate) fn most(
    tx: &mut Tx,
    viewer: &Viewer,
    object: &Object,
    reach: impl Fn(&mut Tx, &Object, &Object) -> Result<Level, DbError>,
) -> Result<Level, DbError> {
    if viewer.scopes.is_empty() {
        return Ok(viewer.cap);
    }
    let mut most = Level::None;
    for scope in viewer.scopes.iter() {
        let within = if scope.on == *object { Level::Own } else { reach(tx, &scope.on, object)? };
        most = most.max(within.min(scope.level));
    }
    Ok(most.min(viewer.cap))
}

/// What a viewer may on an object, inside a transaction: what they have, and no more than what they came with lets through.
///
/// # Errors
/// When the database fails.
pub fn level_of(tx: &mut Tx, viewer: &Viewer, object: &Object) -> Result<Level, DbError> {
    let now = tx.now();
    let has = level::level(tx, &viewer.subject(), object, now)?;
    Ok(has.min(most(tx, viewer, object, |tx, from, to| level::level(tx, from, to, now))?))
}

/// [`level::list`] for a viewer, no more than what they came with lets through.
///
/// # Errors
/// When the database fails.
pub fn list_of(
    tx: &mut Tx,
    viewer: &Viewer,
    kind: Kind,
    at_least: Level,
) -> Result<Vec<(Object, Level)>, DbError> {
    let now = tx.now();
    let mut found = Vec::new();
    for (object, level) in level::list(tx, &viewer.subject(), kind, at_least, now)? {
        let most = most(tx, viewer, &object, |tx, from, to| level::level(tx, from, to, now))?;
        if level.min(most) >= at_least.max(Level::See) {
            found.push((object, level.min(most)));
        }
    }
    Ok(found)
}
