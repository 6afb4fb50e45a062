//! Every version of a text that was ever saved. None is changed or removed as long as the object is there.

use bo_db::{DbError, Tx, params};
use bo_model::{Object, Time};
use serde::Serialize;

/// A saved version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Revision {
    /// 1, 2, 3, … of its object.
    pub number: i64,
    /// When it was saved.
    pub at: Time,
    /// Who saved it, by name; empty when nobody is known by that id any more.
    pub author: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// What its author said about the change.
    pub note: String,
}

const COLUMNS: &str = "SELECT r.number, r.at, COALESCE(a.name, ''), r.title, r.body, r.note
    FROM content_revision r LEFT JOIN account a ON r.author = 'account:' || a.id";

fn read(row: &bo_db::Row<'_>) -> Result<Revision, DbError> {
    Ok(Revision {
        number: row.get(0)?,
        at: row.get(1)?,
        author: row.get(2)?,
        title: row.get(3)?,
        body: row.get(4)?,
        note: row.get(5)?,
    })
}

/// Saves the next version, by the transaction's author; returns its number.
///
/// # Errors
/// When the database fails; two that save the same number at once are told apart by the database.
pub fn add(tx: &mut Tx, object: &Object, title: &str, body: &str, note: &str) -> Result<i64, DbError> {
    let number = newest(tx, object)? + 1;
    let (now, author) = (tx.now(), bo_db::audit::event::actor_key(&tx.author().actor));
    tx.execute(
        "INSERT INTO content_revision (object, number, at, author, title, body, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![object, number, now, author, title, body, note],
    )?;
    Ok(number)
}

/// The newest number; 0 when nothing was saved yet.
///
/// # Errors
/// When the database fails.
pub fn newest(tx: &mut Tx, object: &Object) -> Result<i64, DbError> {
    let newest =
        tx.query_one("SELECT MAX(number) FROM content_revision WHERE object = ?1", params![object], |row| {
            row.get::<Option<i64>>(0)
        })?;
    Ok(newest.unwrap_or(0))
}

/// One version.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, object: &Object, number: i64) -> Result<Option<Revision>, DbError> {
    tx.query_opt(&format!("{COLUMNS} WHERE r.object = ?1 AND r.number = ?2"), params![object, number], read)
}

/// Versions older than `before`, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(tx: &mut Tx, object: &Object, before: i64, limit: usize) -> Result<Vec<Revision>, DbError> {
    tx.query(
        &format!("{COLUMNS} WHERE r.object = ?1 AND r.number < ?2 ORDER BY r.number DESC LIMIT ?3"),
        params![object, before, limit],
        read,
    )
}
