//! The permission check as the web asks it: thousands of times for one page.
//!
//! The graph is held in memory ([`Graph`]) until it changes. Reading it again costs as much as some hundred
//! single checks in the database, so after a change these are made first, and the graph is read once as many were
//! asked: a busy graph costs no more than twice what either way alone would.
//!
//! Only used in reading transactions: a writing one may see rows that are never committed.

use crate::graph::Graph;
use crate::level;
use bo_db::{DbError, Tx};
use bo_model::{Level, Object, Time};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows that are read in the time of one check in the database, as measured on both engines.
const ROWS_PER_CHECK: usize = 50;

/// What one process remembers of the permission graph.
#[derive(Default)]
pub struct LevelCache {
    state: Mutex<State>,
    loading: Mutex<()>,
}

#[derive(Default)]
struct State {
    graph: Option<Arc<Graph>>,
    /// Checks made in the database since the graph in memory was no longer right.
    asked: usize,
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
        let version = tx.once("SELECT version FROM relation_version WHERE id = 1")?;
        match self.graph(tx, version, now)? {
            Some(graph) => Ok(graph.level(subject, object)),
            None => level::level(tx, subject, object, now),
        }
    }

    /// The same for somebody who is in that workspace: what lies in another is to them as to the public.
    ///
    /// # Errors
    /// When the database fails.
    pub fn level_in(
        &self,
        tx: &mut Tx,
        workspace: &Object,
        subject: &Object,
        object: &Object,
    ) -> Result<Level, DbError> {
        match self.outside(tx, workspace, object)? {
            true => self.level(tx, &Object::everyone(), object),
            false => self.level(tx, subject, object),
        }
    }

    fn outside(&self, tx: &mut Tx, workspace: &Object, object: &Object) -> Result<bool, DbError> {
        let now = tx.now();
        if tx.is_read_only() {
            let version = tx.once("SELECT version FROM relation_version WHERE id = 1")?;
            if let Some(graph) = self.graph(tx, version, now)? {
                return Ok(graph.outside(workspace, object));
            }
        }
        let homes = level::workspaces_of(tx, object)?;
        Ok(homes.len() == 1 && homes.first() != Some(workspace))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The graph of that version; `None` while asking the database is cheaper.
    fn graph(&self, tx: &mut Tx, version: i64, now: Time) -> Result<Option<Arc<Graph>>, DbError> {
        let mut state = self.lock();
        if let Some(graph) = state.graph.clone() {
            if graph.holds(version, now) {
                return Ok(Some(graph));
            }
            // An older snapshot than what others have seen since must not put theirs out.
            if graph.version() > version || state.asked < graph.len() / ROWS_PER_CHECK {
                state.asked += 1;
                return Ok(None);
            }
        }
        drop(state);
        let _turn = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(graph) = self.lock().graph.clone().filter(|graph| graph.holds(version, now)) {
            return Ok(Some(graph));
        }
        let graph = Arc::new(Graph::load(tx, version, now)?);
        let mut state = self.lock();
        if state.graph.as_ref().is_none_or(|held| held.version() <= version) {
            *state = State { graph: Some(graph.clone()), asked: 0 };
        }
        Ok(Some(graph))
    }
}
