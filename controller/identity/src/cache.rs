//! Answers of the permission check, remembered until the graph changes or a row's time begins or ends.
//!
//! Only used in reading transactions: a writing one may see rows that are never committed.

use crate::level;
use bo_db::{DbError, Tx, params};
use bo_model::{Level, Object, Time};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Answers kept at most; then it starts over.
const LIMIT: usize = 200_000;

/// The remembered answers of one process.
#[derive(Default)]
pub struct LevelCache(Mutex<State>);

#[derive(Default)]
struct State {
    version: i64,
    /// The answers hold for times in this window.
    from: Time,
    to: Time,
    answers: HashMap<Object, HashMap<Object, Level>>,
    count: usize,
}

impl LevelCache {
    /// [`level::level`], from memory where that is allowed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn level(&self, tx: &mut Tx, subject: &Object, object: &Object) -> Result<Level, DbError> {
        let now = tx.now();
        if !tx.is_read_only() {
            return level::level(tx, subject, object, now);
        }
        let version =
            tx.query_one("SELECT version FROM relation_version WHERE id = 1", &[], |row| row.get::<i64>(0))?;
        if let Some(known) = self.known(version, now, subject, object) {
            return Ok(known);
        }
        let level = level::level(tx, subject, object, now)?;
        let window = window(tx, now)?;
        self.remember(version, now, window, subject, object, level);
        Ok(level)
    }

    fn known(&self, version: i64, now: Time, subject: &Object, object: &Object) -> Option<Level> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.version != version || now < state.from || now >= state.to {
            return None;
        }
        state.answers.get(subject)?.get(object).copied()
    }

    fn remember(&self, version: i64, now: Time, to: Time, subject: &Object, object: &Object, level: Level) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if version < state.version {
            // An older snapshot than what others have seen since.
            return;
        }
        let valid = state.version == version && now >= state.from && now < state.to;
        if !valid || state.count >= LIMIT {
            *state = State { version, from: now, to, answers: HashMap::new(), count: 0 };
        }
        let old = state.answers.entry(subject.clone()).or_default().insert(object.clone(), level);
        if old.is_none() {
            state.count += 1;
        }
    }
}

/// The next moment at which a row begins or ends to count.
fn window(tx: &mut Tx, now: Time) -> Result<Time, DbError> {
    let next = tx.query_one(
        "SELECT (SELECT MIN(valid_from) FROM relation WHERE valid_from > 0 AND valid_from > ?1),
                (SELECT MIN(valid_to) FROM relation WHERE valid_to < 9223372036854775807 AND valid_to > ?1)",
        params![now],
        |row| Ok((row.get::<Option<Time>>(0)?, row.get::<Option<Time>>(1)?)),
    )?;
    let never = Time(i64::MAX);
    Ok(next.0.unwrap_or(never).min(next.1.unwrap_or(never)))
}
