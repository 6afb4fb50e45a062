//! Ceilings: what bounds a level whatever path gives it. A licence that is missing, an account that is suspended, a
//! project that is closed, a device that matters for safety.
//!
//! A ceiling has no list of exceptions. It names another object of the same graph: nobody has more on the bound object than the
//! higher of `cap` and what they were granted on `lifted_by`. A seat, the right to read history, the clearance for locks
//! are ordinary grants on such an object, explained and reviewed like all others.

use crate::level;
use bo_db::{DbError, Row, Tx, params};
use bo_model::{Kind, Level, Object, Time};
use serde::Serialize;
use std::collections::HashMap;

/// Why there is a ceiling; an object has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CeilingKind {
    /// A licence or slot is needed.
    Licence,
    /// The account is suspended.
    Account,
    /// The object is closed, not published, archived.
    State,
    /// The device can hurt somebody.
    Safety,
}

impl CeilingKind {
    const ALL: [CeilingKind; 4] =
        [CeilingKind::Licence, CeilingKind::Account, CeilingKind::State, CeilingKind::Safety];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            CeilingKind::Licence => "licence",
            CeilingKind::Account => "account",
            CeilingKind::State => "state",
            CeilingKind::Safety => "safety",
        }
    }
}

/// A stored ceiling.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ceiling {
    /// What it bounds; an account is bound everywhere.
    pub object: Object,
    /// Why.
    pub kind: CeilingKind,
    /// What everybody keeps.
    pub cap: Level,
    /// Whose level lifts it; nothing does when it is missing.
    pub lifted_by: Option<Object>,
    /// Whether it holds for everything the object contains.
    pub deep: bool,
    /// For people: a sentence.
    pub reason: String,
}

/// Puts a ceiling in place of one of the same kind. The record of it is that of whatever caused it.
///
/// # Errors
/// When the database fails.
pub fn put(tx: &mut Tx, ceiling: &Ceiling) -> Result<(), DbError> {
    let now = tx.now();
    let lifted_by = ceiling.lifted_by.as_ref().map_or("", Object::as_str);
    tx.execute(
        "INSERT INTO ceiling (object, kind, cap, lifted_by, deep, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (object, kind) DO UPDATE
         SET cap = excluded.cap, lifted_by = excluded.lifted_by, deep = excluded.deep, reason = excluded.reason, at = excluded.at",
        params![&ceiling.object, ceiling.kind.word(), ceiling.cap, lifted_by, ceiling.deep, &ceiling.reason, now],
    )?;
    Ok(())
}

/// Takes a ceiling away. True when there was one.
///
/// # Errors
/// When the database fails.
pub fn lift(tx: &mut Tx, object: &Object, kind: CeilingKind) -> Result<bool, DbError> {
    let gone =
        tx.execute("DELETE FROM ceiling WHERE object = ?1 AND kind = ?2", params![object, kind.word()])?;
    Ok(gone > 0)
}

const COLUMNS: &str = "k.object, k.kind, k.cap, k.lifted_by, k.deep, k.reason";

fn read(row: &Row<'_>, first: usize) -> Result<Ceiling, DbError> {
    let word = row.str(first + 1)?;
    Ok(Ceiling {
        object: row.get(first)?,
        kind: CeilingKind::ALL.into_iter().find(|kind| kind.word() == word).unwrap_or(CeilingKind::State),
        cap: row.get(first + 2)?,
        lifted_by: Some(row.str(first + 3)?).filter(|text| !text.is_empty()).and_then(Object::parse),
        deep: row.get::<i64>(first + 4)? != 0,
        reason: row.get(first + 5)?,
    })
}

/// The ceilings over an object for a subject: its own, the deep ones of what contains it, and the subject's.
///
/// # Errors
/// When the database fails.
pub fn over(tx: &mut Tx, subject: &Object, object: &Object, now: Time) -> Result<Vec<Ceiling>, DbError> {
    let sql = format!(
        "WITH RECURSIVE chain (node) AS (
           SELECT CAST(?1 AS TEXT) WHERE EXISTS (SELECT 1 FROM ceiling)
           UNION
           SELECT r.subject FROM chain c CROSS JOIN relation r
           WHERE r.object = c.node AND r.leaf = 0 AND r.kind = 'contain' AND r.valid_from <= ?3 AND r.valid_to > ?3
         )
         SELECT {COLUMNS} FROM chain c CROSS JOIN ceiling k WHERE k.object = c.node AND (k.deep = 1 OR c.node = ?1)
         UNION
         SELECT {COLUMNS} FROM ceiling k WHERE k.object = ?2"
    );
    tx.query(&sql, params![object, subject, now], |row| read(row, 0))
}

/// The ceilings on accounts themselves, by account.
pub(crate) fn of_accounts(tx: &mut Tx) -> Result<HashMap<Object, Vec<Ceiling>>, DbError> {
    let mut found: HashMap<Object, Vec<Ceiling>> = HashMap::new();
    let sql = format!("SELECT {COLUMNS} FROM ceiling k WHERE k.object LIKE 'account:%'");
    for ceiling in tx.query(&sql, &[], |row| read(row, 0))? {
        found.entry(ceiling.object.clone()).or_default().push(ceiling);
    }
    Ok(found)
}

/// What a ceiling leaves of `own` for a subject.
///
/// # Errors
/// When the database fails.
pub fn leaves(tx: &mut Tx, subject: &Object, ceiling: &Ceiling, now: Time) -> Result<Level, DbError> {
    match &ceiling.lifted_by {
        Some(object) => Ok(ceiling.cap.max(level::granted(tx, subject, object, now)?)),
        None => Ok(ceiling.cap),
    }
}

/// Lowers a list of one kind of objects to what the ceilings leave.
pub(crate) fn lower(
    tx: &mut Tx,
    subject: &Object,
    kind: Kind,
    found: Vec<(Object, Level)>,
    now: Time,
) -> Result<Vec<(Object, Level)>, DbError> {
    let sql = format!(
        "WITH RECURSIVE covered (node, id, deep) AS (
           SELECT object, id, deep FROM ceiling
           UNION
           SELECT r.object, c.id, c.deep FROM covered c CROSS JOIN relation r
           WHERE r.subject = c.node AND c.deep = 1 AND r.kind = 'contain' AND r.valid_from <= ?3 AND r.valid_to > ?3
         )
         SELECT c.node, {COLUMNS} FROM covered c CROSS JOIN ceiling k
         WHERE k.id = c.id AND (c.node LIKE ?1 OR c.node = ?2)"
    );
    let rows = tx.query(&sql, params![format!("{kind}:%"), subject, now], |row| {
        Ok((row.get::<Object>(0)?, read(row, 1)?))
    })?;
    if rows.is_empty() {
        return Ok(found);
    }
    let mut lifted: HashMap<Option<Object>, Level> = HashMap::new();
    let mut bounds: HashMap<Object, Level> = HashMap::new();
    for (node, ceiling) in rows {
        let lift = match lifted.get(&ceiling.lifted_by) {
            Some(level) => *level,
            None => {
                let bare = Ceiling { cap: Level::None, ..ceiling.clone() };
                let level = leaves(tx, subject, &bare, now)?;
                lifted.insert(ceiling.lifted_by.clone(), level);
                level
            }
        };
        let bound = bounds.entry(node).or_insert(Level::Own);
        *bound = (*bound).min(ceiling.cap.max(lift));
    }
    let everywhere = bounds.get(subject).copied().unwrap_or(Level::Own);
    let lower = |(object, level): (Object, Level)| {
        let bound = bounds.get(&object).copied().unwrap_or(Level::Own).min(everywhere);
        (object, level.min(bound))
    };
    Ok(found.into_iter().map(lower).collect())
}
