//! The one permission check and the one list, both over the relation graph: what the widest path gives, lowered by
//! ceilings.
//!
//! `level` walks up from the object, `list` walks down from the viewer; that both agree is a property test.

use crate::ceiling::{self, Ceiling};
use crate::relation::{self, Relation};
use bo_db::{DbError, Tx, params};
use bo_model::{Kind, Level, Object, Time};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Walks up from the object, carrying what a level must be (`floor`) and can be at most (`cap`) to get down again.
/// Rows that start at an account are left to what follows. `CROSS JOIN` keeps SQLite from turning
/// the join around, or putting a filter over the whole table in front of it, once it has statistics.
const WALK: &str = "
WITH RECURSIVE up (node, floor, cap) AS (
  SELECT CAST(?1 AS TEXT), CAST(0 AS BIGINT), CAST(4 AS BIGINT)
  UNION
  SELECT r.subject, CASE WHEN r.floor > u.floor THEN r.floor ELSE u.floor END, CASE WHEN r.cap < u.cap THEN r.cap ELSE u.cap END
  FROM up u CROSS JOIN relation r
  WHERE r.object = u.node AND r.leaf = 0 AND r.cap >= u.floor AND r.cap > 0 AND r.valid_from <= ?2 AND r.valid_to > ?2
)";

/// Only the rows of the one account that asks.
const ONE: &str = "
SELECT MAX(level) FROM (
  SELECT CASE WHEN r.cap < u.cap THEN r.cap ELSE u.cap END AS level
  FROM up u CROSS JOIN relation r
  WHERE r.object = u.node AND r.leaf = 1 AND r.subject = ?3 AND r.cap >= u.floor AND r.cap > 0 AND r.valid_from <= ?2 AND r.valid_to > ?2
  UNION ALL
  SELECT cap AS level FROM up WHERE node IN (?3, 'everyone:') AND node <> ?1
) AS found";

/// Everybody who reaches the object, groups and the public among them.
const EACH: &str = "
SELECT node, MAX(level) FROM (
  SELECT r.subject AS node, CASE WHEN r.cap < u.cap THEN r.cap ELSE u.cap END AS level
  FROM up u CROSS JOIN relation r
  WHERE r.object = u.node AND r.leaf = 1 AND r.cap >= u.floor AND r.cap > 0 AND r.valid_from <= ?2 AND r.valid_to > ?2
  UNION ALL
  SELECT node, cap AS level FROM up WHERE node <> ?1
) AS found GROUP BY node";

/// The level a subject (account or group) has on an object at that time: the widest path's, lowered by ceilings. The
/// public's counts for everyone.
///
/// # Errors
/// When the database fails.
pub fn level(tx: &mut Tx, subject: &Object, object: &Object, now: Time) -> Result<Level, DbError> {
    let mut level = granted(tx, subject, object, now)?;
    if level > Level::None {
        for ceiling in ceiling::over(tx, subject, object, now)? {
            level = level.min(ceiling::leaves(tx, subject, &ceiling, now)?);
        }
    }
    Ok(level)
}

/// What the widest path gives, whatever ceilings there are.
///
/// # Errors
/// When the database fails.
pub fn granted(tx: &mut Tx, subject: &Object, object: &Object, now: Time) -> Result<Level, DbError> {
    let sql = format!("{WALK}{ONE}");
    let level = tx.query_opt(&sql, params![object, now, subject], |row| row.get::<Option<Level>>(0))?;
    Ok(level.flatten().unwrap_or(Level::None))
}

/// [`level`] of each of many people on one object, in their order: as many statements as for one of them.
///
/// # Errors
/// When the database fails.
pub fn level_of_each(
    tx: &mut Tx,
    people: &[Object],
    object: &Object,
    now: Time,
) -> Result<Vec<Level>, DbError> {
    let mut reached: HashMap<Object, HashMap<Object, Level>> = HashMap::new();
    let mut granted = |tx: &mut Tx, subject: &Object, object: &Object| -> Result<Level, DbError> {
        if !reached.contains_key(object) {
            let rows = tx.query(&format!("{WALK}{EACH}"), params![object, now], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            reached.insert(object.clone(), rows.into_iter().collect());
        }
        let of = |subject: &Object| reached.get(object).and_then(|all| all.get(subject)).copied();
        Ok(of(subject).max(of(&Object::everyone())).unwrap_or(Level::None))
    };
    let over = ceiling::over(tx, object, object, now)?;
    let own = ceiling::of_accounts(tx)?;
    let mut found = Vec::with_capacity(people.len());
    for subject in people {
        let mut level = granted(tx, subject, object)?;
        for ceiling in over.iter().chain(own.get(subject).into_iter().flatten()) {
            if level > ceiling.cap {
                let lifted = ceiling.lifted_by.as_ref().map(|by| granted(tx, subject, by)).transpose()?;
                level = level.min(ceiling.cap.max(lifted.unwrap_or(Level::None)));
            }
        }
        found.push(level);
    }
    Ok(found)
}

/// The workspaces an object lies in: one, or none for what is not part of any.
///
/// # Errors
/// When the database fails.
pub fn workspaces_of(tx: &mut Tx, object: &Object) -> Result<Vec<Object>, DbError> {
    let now = tx.now();
    let sql = "WITH RECURSIVE chain (node) AS (
        SELECT CAST(?1 AS TEXT) UNION
        SELECT r.subject FROM chain c CROSS JOIN relation r
        WHERE r.object = c.node AND r.leaf = 0 AND r.kind = 'contain' AND r.valid_from <= ?2 AND r.valid_to > ?2)
        SELECT node FROM chain WHERE node LIKE 'workspace:%' ORDER BY node LIMIT 2";
    tx.query(sql, params![object, now], |row| row.get(0))
}

const DOWN: &str = "
WITH RECURSIVE down (node, level) AS (
  SELECT object, cap FROM relation
  WHERE subject IN (?1, 'everyone:') AND cap > 0 AND valid_from <= ?2 AND valid_to > ?2
  UNION
  SELECT r.object, CASE WHEN r.cap < d.level THEN r.cap ELSE d.level END
  FROM down d CROSS JOIN relation r
  WHERE r.subject = d.node AND d.level >= r.floor AND r.cap > 0 AND r.valid_from <= ?2 AND r.valid_to > ?2
)
SELECT node, MAX(level) FROM down WHERE node LIKE ?3 GROUP BY node HAVING MAX(level) >= ?4 ORDER BY node";

/// The statements of the checks and the list, so that a test can look at how a database runs them.
pub fn statements() -> [String; 3] {
    [format!("{WALK}{ONE}"), format!("{WALK}{EACH}"), DOWN.to_owned()]
}

/// Every object of a kind on which a subject has at least that level, with the level.
///
/// # Errors
/// When the database fails.
pub fn list(
    tx: &mut Tx,
    subject: &Object,
    kind: Kind,
    at_least: Level,
    now: Time,
) -> Result<Vec<(Object, Level)>, DbError> {
    let at_least = at_least.max(Level::See);
    let found = tx.query(DOWN, params![subject, now, format!("{kind}:%"), at_least], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let mut found = ceiling::lower(tx, subject, kind, found, now)?;
    found.retain(|(_, level)| *level >= at_least);
    Ok(found)
}

/// Candidates that [`page`] asks for at a time, per row that is wanted.
const AHEAD: usize = 2;

/// The next rows on which a subject has at least that level, in the order of `candidates`: for whoever may see far more
/// than a page, where [`list`] would be long. `candidates(tx, after, count)` gives the next rows behind one.
///
/// # Errors
/// When the database fails.
pub fn page<T: Clone>(
    tx: &mut Tx,
    subject: &Object,
    (at_least, limit): (Level, usize),
    object: impl Fn(&T) -> Object,
    mut candidates: impl FnMut(&mut Tx, Option<&T>, usize) -> Result<Vec<T>, DbError>,
) -> Result<Vec<(T, Level)>, DbError> {
    let (now, ahead) = (tx.now(), limit.max(1) * AHEAD);
    let mut found: Vec<(T, Level)> = Vec::new();
    let mut last: Option<T> = None;
    loop {
        let rows = candidates(tx, last.as_ref(), ahead)?;
        let more = rows.len() == ahead;
        last = rows.last().cloned();
        for row in rows {
            let level = level(tx, subject, &object(&row), now)?;
            if level >= at_least.max(Level::See) {
                found.push((row, level));
            }
            if found.len() == limit {
                return Ok(found);
            }
        }
        if !more {
            return Ok(found);
        }
    }
}

/// One step of an explanation: this row, and the level that is left behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The row.
    pub relation: Relation,
    /// The level after walking along it.
    pub level: Level,
}

/// The ceilings over an object for a subject, with what each leaves: the other half of an explanation.
///
/// # Errors
/// When the database fails.
pub fn bounds(
    tx: &mut Tx,
    subject: &Object,
    object: &Object,
    now: Time,
) -> Result<Vec<(Ceiling, Level)>, DbError> {
    let mut bounds = Vec::new();
    for ceiling in ceiling::over(tx, subject, object, now)? {
        let leaves = ceiling::leaves(tx, subject, &ceiling, now)?;
        bounds.push((ceiling, leaves));
    }
    Ok(bounds)
}

/// Why a subject has its level on an object, before ceilings: the widest path, from the subject to the object. Empty when there is none.
/// Of two paths that are equally wide, the shorter.
///
/// # Errors
/// When the database fails.
pub fn why(tx: &mut Tx, subject: &Object, object: &Object, now: Time) -> Result<Vec<Step>, DbError> {
    // All rows that can lead to the object, found by walking up; then levels are carried down until nothing grows.
    let mut rows: Vec<Relation> = Vec::new();
    let mut seen: BTreeMap<Object, ()> = BTreeMap::new();
    let mut open = vec![object.clone()];
    while let Some(node) = open.pop() {
        if seen.insert(node.clone(), ()).is_some() {
            continue;
        }
        for row in relation::leading_to(tx, &node, subject, now)? {
            open.push(row.subject.clone());
            rows.push(row);
        }
    }
    let start = [subject.clone(), Object::everyone()];
    let mut best: HashMap<Object, (Level, Vec<Step>)> =
        start.into_iter().map(|node| (node, (Level::Own, Vec::new()))).collect();
    let mut grew = true;
    while grew {
        grew = false;
        for row in &rows {
            let Some((level, path)) = best.get(&row.subject).cloned() else { continue };
            let next = level.min(row.cap);
            if level < row.floor || next == Level::None {
                continue;
            }
            let better = best
                .get(&row.object)
                .is_none_or(|(had, steps)| next > *had || (next == *had && path.len() + 1 < steps.len()));
            if better {
                let mut path = path;
                path.push(Step { relation: row.clone(), level: next });
                best.insert(row.object.clone(), (next, path));
                grew = true;
            }
        }
    }
    Ok(best.remove(object).map(|(_, path)| path).unwrap_or_default())
}
