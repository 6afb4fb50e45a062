//! What is kept of passkeys, and of questions that wait for an answer.

use super::ceremony::Key;
use crate::error::IdentityError;
use crate::second_factor;
use crate::session::digest;
use bo_db::{DbError, Event, Row, Tx, params};
use bo_model::{AccountId, Kind, Object, Time};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

bo_model::ids! {
    /// A passkey.
    PasskeyId,
}
bo_db::id_columns!(PasskeyId);

/// A question must be answered within this: as long as browsers wait.
const UNDER_WAY: Duration = Duration::from_secs(5 * 60);
/// Passkeys of one person at most.
const MOST: usize = 20;
/// Characters of a passkey's name at most.
const LONGEST_NAME: usize = 60;

/// A passkey as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// Whose.
    #[serde(skip)]
    pub account: AccountId,
    /// What they call it.
    pub name: String,
    /// The host name it works at.
    pub site: String,
    /// What it is recognised by.
    #[serde(skip)]
    pub key: Key,
    /// When it was made.
    pub created_at: Time,
    /// When it last signed in.
    pub used_at: Option<Time>,
    /// It signs nobody in any more: there may be a copy.
    pub stopped: bool,
}

const COLUMNS: &str =
    "id, account, name, site, credential, public_key, state, transports, created_at, used_at, stopped";

fn read(row: &Row<'_>) -> Result<Passkey, DbError> {
    Ok(Passkey {
        id: row.get(0)?,
        account: row.get(1)?,
        name: row.get(2)?,
        site: row.get(3)?,
        key: Key {
            credential: row.get(4)?,
            public_key: row.get(5)?,
            state: row.get(6)?,
            transports: u8::try_from(row.get::<i64>(7)?).unwrap_or(0),
        },
        created_at: row.get(8)?,
        used_at: row.get(9)?,
        stopped: row.get::<i64>(10)? != 0,
    })
}

fn object(id: PasskeyId) -> Object {
    Object::new(Kind("passkey"), id)
}

/// Somebody's passkeys, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_account(tx: &mut Tx, account: AccountId) -> Result<Vec<Passkey>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM passkey WHERE account = ?1 ORDER BY created_at, id LIMIT {MOST}");
    tx.query(&sql, params![account], read)
}

/// Whether somebody has a passkey that works at a site.
///
/// # Errors
/// When the database fails.
pub fn has_at(tx: &mut Tx, account: AccountId, site: &str) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM passkey WHERE account = ?1 AND site = ?2 AND stopped = 0 LIMIT 1";
    Ok(tx.query_opt(sql, params![account, site], |_| Ok(()))?.is_some())
}

/// A passkey of somebody by the authenticator's name for it.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, account: AccountId, credential: &str) -> Result<Option<Passkey>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM passkey WHERE account = ?1 AND credential = ?2");
    tx.query_opt(&sql, params![account, credential], read)
}

fn check_name(name: &str) -> Result<&str, IdentityError> {
    let name = name.trim();
    let wrong = name.is_empty() || name.chars().count() > LONGEST_NAME;
    let text = format!("is required, at most {LONGEST_NAME} characters");
    if wrong { Err(IdentityError::BadInput(vec![("name".into(), text)])) } else { Ok(name) }
}

/// Whether another passkey may be asked for.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn check_new(tx: &mut Tx, account: AccountId, name: &str) -> Result<(), IdentityError> {
    check_name(name)?;
    match of_account(tx, account)?.len() < MOST {
        true => Ok(()),
        false => Err(IdentityError::Exists(format!(
            "You have {MOST} passkeys, which is the most. Remove one first."
        ))),
    }
}

/// Stores a new passkey.
///
/// # Errors
/// [`IdentityError::BadInput`], [`IdentityError::Exists`].
pub fn add(
    tx: &mut Tx,
    (id, account): (PasskeyId, AccountId),
    (name, site): (&str, &str),
    key: &Key,
) -> Result<(), IdentityError> {
    check_new(tx, account, name)?;
    let taken =
        tx.query_opt("SELECT 1 FROM passkey WHERE credential = ?1", params![&key.credential], |_| Ok(()))?;
    if taken.is_some() {
        return Err(IdentityError::Exists("This passkey is known already.".into()));
    }
    let (name, now, transports) = (check_name(name)?, tx.now(), i64::from(key.transports));
    tx.execute(
        "INSERT INTO passkey (id, account, site, credential, public_key, state, transports, name, created_at, stopped)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)",
        params![id, account, site, &key.credential, &key.public_key, &key.state, transports, name, now],
    )?;
    tx.audit(
        Event::new("passkey.add", object(id)).name(name).after(json!({"account": account, "site": site})),
    );
    Ok(())
}

/// Calls it something else.
///
/// # Errors
/// [`IdentityError::BadInput`], [`IdentityError::NotFound`].
pub fn rename(tx: &mut Tx, id: PasskeyId, account: AccountId, name: &str) -> Result<(), IdentityError> {
    let name = check_name(name)?;
    let sql = "UPDATE passkey SET name = ?3 WHERE id = ?1 AND account = ?2";
    if tx.execute(sql, params![id, account, name])? == 0 {
        return Err(IdentityError::NotFound);
    }
    tx.audit(Event::new("passkey.rename", object(id)).name(name));
    Ok(())
}

/// Removes one.
///
/// # Errors
/// [`IdentityError::NotFound`]; [`IdentityError::NotAllowed`] for the last one while it is asked for after the password.
pub fn remove(tx: &mut Tx, id: PasskeyId, account: AccountId) -> Result<(), IdentityError> {
    if tx.execute("DELETE FROM passkey WHERE id = ?1 AND account = ?2", params![id, account])? == 0 {
        return Err(IdentityError::NotFound);
    }
    let left = of_account(tx, account)?.iter().any(|passkey| !passkey.stopped);
    if !left && second_factor::asks_for_passkey(tx, account)? {
        let text =
            "This is your last passkey, and one is asked for after your password. Stop asking for it first.";
        return Err(IdentityError::NotAllowed(text.into()));
    }
    tx.audit(Event::new("passkey.remove", object(id)).after(json!({"account": account})));
    Ok(())
}

/// Removes all of somebody who lost what keeps them.
///
/// # Errors
/// When the database fails.
pub fn remove_all(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    if tx.execute("DELETE FROM passkey WHERE account = ?1", params![account])? > 0 {
        tx.audit(Event::new("passkey.remove_all", Object::new(Kind::ACCOUNT, account)));
    }
    Ok(())
}

/// Notes that one signed in, with its counter.
///
/// # Errors
/// When the database fails.
pub fn used(tx: &mut Tx, id: PasskeyId, state: &str) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute("UPDATE passkey SET state = ?2, used_at = ?3 WHERE id = ?1", params![id, state, now])?;
    Ok(())
}

/// Stops one that may have been copied.
///
/// # Errors
/// When the database fails.
pub fn stop(tx: &mut Tx, passkey: &Passkey) -> Result<(), DbError> {
    tx.execute("UPDATE passkey SET stopped = 1 WHERE id = ?1", params![passkey.id])?;
    let event = Event::new("passkey.stop", object(passkey.id)).name(&passkey.name);
    tx.audit(
        event.after(json!({"account": passkey.account})).reason("its counter went back: there may be a copy"),
    );
    Ok(())
}

/// Keeps a question for whoever holds `secret`; one before it is forgotten.
///
/// # Errors
/// When the database fails.
pub fn ask(tx: &mut Tx, secret: &str, site: &str, state: &str) -> Result<(), DbError> {
    tx.unaudited("a question to a browser; what it ends with is in the log");
    let now = tx.now();
    tx.execute("DELETE FROM passkey_challenge WHERE expires_at < ?1", params![now])?;
    tx.execute(
        "INSERT INTO passkey_challenge (binding, site, state, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (binding) DO UPDATE SET site = excluded.site, state = excluded.state, expires_at = excluded.expires_at",
        params![digest(secret), site, state, now.after(UNDER_WAY)],
    )?;
    Ok(())
}

/// Takes the question back, to judge the answer with: once.
///
/// # Errors
/// [`IdentityError::BadInput`] when there is none, or it is too old, or of another site.
pub fn take(tx: &mut Tx, secret: &str, site: &str) -> Result<String, IdentityError> {
    tx.unaudited("a question to a browser; what it ends with is in the log");
    let (now, binding) = (tx.now(), digest(secret));
    let found = tx.query_opt(
        "SELECT state FROM passkey_challenge WHERE binding = ?1 AND site = ?2 AND expires_at > ?3",
        params![&binding, site, now],
        |row| row.get::<String>(0),
    )?;
    tx.execute("DELETE FROM passkey_challenge WHERE binding = ?1", params![&binding])?;
    found.ok_or_else(|| {
        let text = "That took too long, or was answered already. Try again.";
        IdentityError::BadInput(vec![(String::new(), text.into())])
    })
}
