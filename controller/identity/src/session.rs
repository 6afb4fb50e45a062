//! Sessions and activation links: secrets of 256 random bits, stored as their SHA-256; and who shows one of them, or a token.

use crate::account::State;
use crate::error::IdentityError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, SessionId, Time, WorkspaceId};
use bo_web::{Credential, Via, Viewer};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long people stay signed in.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// A session unused for this long ends.
    pub idle: Duration,
    /// A session ends after this whatever happens.
    pub absolute: Duration,
}

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes { idle: Duration::from_secs(12 * 3600), absolute: Duration::from_secs(7 * 86_400) }
    }
}

/// How long an activation link works.
pub const ACTIVATION: Duration = Duration::from_secs(72 * 3600);
/// How long a link for a forgotten password works.
pub const RESET: Duration = Duration::from_secs(3600);

/// A fresh secret.
pub fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// As it is stored.
pub fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When they signed in.
    pub created_at: Time,
    /// When it was last used, within a minute.
    pub seen_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// From where.
    pub address: String,
    /// With which browser.
    pub agent: String,
    /// Opened at a provider of one organisation, and reaches that alone.
    pub confined: bool,
}

/// What a new session is made of.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// In which workspace it starts.
    pub workspace: WorkspaceId,
    /// [`digest`] of its secret.
    pub secret_hash: String,
    /// From where.
    pub address: String,
    /// With which browser.
    pub agent: String,
    /// Whether it reaches that workspace alone.
    pub confined: bool,
}

/// Stores a new session. The record of signing in is the caller's.
///
/// # Errors
/// When the database fails.
pub fn open(tx: &mut Tx, new: &NewSession, lifetimes: Lifetimes) -> Result<(), DbError> {
    let now = tx.now();
    let agent: String = new.agent.chars().take(200).collect();
    let only_in = if new.confined { new.workspace.to_string() } else { String::new() };
    tx.execute(
        "INSERT INTO session (id, account, workspace, secret_hash, created_at, seen_at, expires_at, address, agent, only_in)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9)",
        params![new.id, new.account, new.workspace, &new.secret_hash, now, now.after(lifetimes.absolute), &new.address, agent, only_in],
    )?;
    // What is over is of no use to anybody.
    tx.execute("DELETE FROM session WHERE expires_at < ?1", params![now])?;
    Ok(())
}

/// Ends a session. True when there was one of that account.
///
/// # Errors
/// When the database fails.
pub fn close(tx: &mut Tx, id: SessionId, account: AccountId) -> Result<bool, DbError> {
    let gone = tx.execute("DELETE FROM session WHERE id = ?1 AND account = ?2", params![id, account])?;
    if gone > 0 {
        tx.audit(Event::new("session.close", Object::new(Kind::SESSION, id)));
    }
    Ok(gone > 0)
}

/// Ends all sessions of an account but one; how many there were.
///
/// # Errors
/// When the database fails.
pub fn close_others(tx: &mut Tx, account: AccountId, keep: SessionId) -> Result<usize, DbError> {
    let gone = tx.execute("DELETE FROM session WHERE account = ?1 AND id <> ?2", params![account, keep])?;
    let event = Event::new("session.close_others", Object::new(Kind::ACCOUNT, account));
    tx.audit(event.after(json!({"ended": gone})));
    Ok(gone)
}

/// Who shows this credential, if it is still good.
///
/// # Errors
/// When the database fails.
pub fn authenticate(
    tx: &mut Tx,
    credential: Credential<'_>,
    lifetimes: Lifetimes,
) -> Result<Option<Viewer>, DbError> {
    let now = tx.now();
    // Cap, through whose eyes, scopes, and the one workspace it reaches.
    let (table, bounds, hash, via) = match credential {
        Credential::Cookie(secret) => {
            ("session", "4, s.view_as, '[]', s.only_in", digest(secret), Via::Session)
        }
        Credential::Bearer(token) => ("api_token", "s.cap, '', s.scopes, ''", digest(token), Via::Token),
    };
    let sql = format!(
        "SELECT s.id, s.account, a.name, a.address, s.workspace, w.name, s.seen_at, {bounds} FROM {table} s
         JOIN account a ON a.id = s.account JOIN workspace w ON w.id = s.workspace
         JOIN member m ON m.workspace = s.workspace AND m.account = s.account
         WHERE s.secret_hash = ?1 AND s.expires_at > ?2 AND a.state = ?3"
    );
    let viewer = tx.query_opt(&sql, params![&hash, now, State::Active.word()], |row| {
        let viewer = Viewer {
            session: row.get(0)?,
            account: row.get(1)?,
            name: row.get(2)?,
            email: row.get(3)?,
            workspace: row.get(4)?,
            workspace_name: row.get(5)?,
            seen: row.get(6)?,
            cap: row.get(7)?,
            via,
            behind: None,
            scopes: row.json(9)?,
            confined: !row.str(10)?.is_empty(),
        };
        let in_its_place = !viewer.confined || row.str(10)? == viewer.workspace.to_string();
        Ok((viewer, row.get::<String>(8)?, in_its_place))
    })?;
    let good = |viewer: &Viewer| via == Via::Token || now.since(viewer.seen) < lifetimes.idle;
    let found = viewer.filter(|(viewer, _, in_its_place)| *in_its_place && good(viewer));
    match found.map(|(viewer, other, _)| (viewer, other)) {
        Some((viewer, other)) if !other.is_empty() => crate::view_as::through(tx, viewer, &other).map(Some),
        found => Ok(found.map(|(viewer, _)| viewer)),
    }
}

/// Notes that a session or token was used.
///
/// # Errors
/// When the database fails.
pub fn touch(tx: &mut Tx, id: SessionId) -> Result<(), DbError> {
    let now = tx.now();
    if tx.execute("UPDATE session SET seen_at = ?2 WHERE id = ?1", params![id, now])? == 0 {
        tx.execute("UPDATE api_token SET seen_at = ?2 WHERE id = ?1", params![id, now])?;
    }
    Ok(())
}

/// Somebody's sessions, last used first.
///
/// # Errors
/// When the database fails.
pub fn of_account(tx: &mut Tx, account: AccountId) -> Result<Vec<Session>, DbError> {
    let now = tx.now();
    tx.query(
        "SELECT id, created_at, seen_at, expires_at, address, agent, only_in FROM session
         WHERE account = ?1 AND expires_at > ?2 ORDER BY seen_at DESC, id LIMIT 100",
        params![account, now],
        |row| {
            Ok(Session {
                id: row.get(0)?,
                created_at: row.get(1)?,
                seen_at: row.get(2)?,
                expires_at: row.get(3)?,
                address: row.get(4)?,
                agent: row.get(5)?,
                confined: !row.str(6)?.is_empty(),
            })
        },
    )
}

/// Looks at another of one's workspaces.
///
/// # Errors
/// [`IdentityError::NotFound`] when one is no member of it, or the session reaches another alone.
pub fn switch(
    tx: &mut Tx,
    session: SessionId,
    account: AccountId,
    workspace: WorkspaceId,
) -> Result<(), IdentityError> {
    let sql = "UPDATE session SET workspace = ?3 WHERE id = ?1 AND account = ?2 AND only_in IN ('', ?3)
               AND EXISTS (SELECT 1 FROM member WHERE workspace = ?3 AND account = ?2)";
    if tx.execute(sql, params![session, account, workspace])? == 0 {
        return Err(IdentityError::NotFound);
    }
    crate::workspace::used(tx, workspace, account)?;
    tx.audit(Event::new("session.switch", Object::new(Kind::WORKSPACE, workspace)));
    Ok(())
}

/// Makes a link that lets somebody choose their password; earlier ones end.
///
/// # Errors
/// When the database fails.
pub fn add_activation(tx: &mut Tx, account: AccountId, secret_hash: &str) -> Result<(), DbError> {
    add_link(tx, account, secret_hash, ACTIVATION)
}

/// The same, for as long as is said.
///
/// # Errors
/// When the database fails.
pub fn add_link(
    tx: &mut Tx,
    account: AccountId,
    secret_hash: &str,
    lifetime: Duration,
) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute("DELETE FROM activation WHERE account = ?1 OR expires_at < ?2", params![account, now])?;
    tx.execute(
        "INSERT INTO activation (secret_hash, account, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
        params![secret_hash, account, now, now.after(lifetime)],
    )?;
    tx.audit(Event::new("account.invite", Object::new(Kind::ACCOUNT, account)));
    Ok(())
}

/// Whose link this is, while it works.
///
/// # Errors
/// When the database fails.
pub fn activation(tx: &mut Tx, secret: &str) -> Result<Option<AccountId>, DbError> {
    let now = tx.now();
    tx.query_opt(
        "SELECT v.account FROM activation v JOIN account a ON a.id = v.account
         WHERE v.secret_hash = ?1 AND v.expires_at > ?2 AND a.state <> 'disabled'",
        params![digest(secret), now],
        |row| row.get(0),
    )
}
