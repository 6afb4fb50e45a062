//! The permission check as the web asks it: thousands of times for one page.
//!
//! The graph is held in memory ([`Graph`]). After a change what changed is read, so the next request has it. Only when too
//! much changed, or nobody knows any more what, is all of it read again; that costs as much as some hundred single checks
//! in the database, so these are made first, and the graph is read once as many were asked: a busy graph
//! costs no more than twice what either way alone would.
//!
//! A reading transaction has one graph from begin to end, that of its own snapshot. A writing one may see rows that are never
//! committed, so it makes no graph for others; it uses one that is held while it changed nothing of it itself.

use crate::graph::{Eyes, Graph};
use crate::{level, relation};
use bo_db::{DbError, Tx};
use bo_model::{Level, Object, Time};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows that are read in the time of one check in the database, as measured on both engines.
const ROWS_PER_CHECK: usize = 50;
/// Graphs that are held: the newest, and a few that transactions which began earlier may still ask for.
const HELD: usize = 3;

/// What a reading transaction holds on to: its graph, and the eyes of who asked last.
struct Kept {
    graph: Arc<Graph>,
    eyes: Option<Eyes>,
}

/// What one process remembers of the permission graph.
#[derive(Default)]
pub struct LevelCache {
    state: Mutex<State>,
    renewing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// By version, the newest last.
    graphs: Vec<Arc<Graph>>,
    /// Checks made in the database since the newest was no longer right.
    asked: usize,
    /// How often all of it was read.
    loads: usize,
}

impl LevelCache {
    /// [`level::level`], from memory where that is allowed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn level(&self, tx: &mut Tx, subject: &Object, object: &Object) -> Result<Level, DbError> {
        let now = tx.now();
        match self.graph(tx)? {
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
        let eyes = tx.kept::<Kept>().and_then(|kept| kept.eyes.as_ref());
        if let Some(level) = eyes.and_then(|eyes| eyes.level(workspace, subject, object)) {
            return Ok(level);
        }
        if let Some(graph) = self.graph(tx)? {
            let level = graph.level_in(Some(workspace), subject, object);
            if let Some(eyes) = graph.eyes(workspace, subject) {
                tx.keep(Kept { graph, eyes: Some(eyes) });
            }
            return Ok(level);
        }
        let (homes, public) = (level::workspaces_of(tx, object)?, Object::everyone());
        let (outside, now) = (homes.len() == 1 && homes.first() != Some(workspace), tx.now());
        level::level(tx, if outside { &public } else { subject }, object, now)
    }

    /// How often the whole graph was read.
    pub fn loads(&self) -> usize {
        self.lock().loads
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The graph of this transaction; `None` while asking the database is cheaper.
    fn graph(&self, tx: &mut Tx) -> Result<Option<Arc<Graph>>, DbError> {
        if !tx.is_read_only() {
            // What it changed itself has a number that no graph can have before it is committed.
            let version = relation::version(tx)?;
            return Ok(self.held(version, tx.now()));
        }
        if let Some(kept) = tx.kept::<Kept>() {
            return Ok(Some(kept.graph.clone()));
        }
        let (version, now) = (relation::version(tx)?, tx.now());
        let graph = match self.held(version, now) {
            Some(graph) => Some(graph),
            None => self.renew(tx, version, now)?,
        };
        if let Some(graph) = &graph {
            tx.keep(Kept { graph: graph.clone(), eyes: None });
        }
        Ok(graph)
    }

    fn held(&self, version: i64, now: Time) -> Option<Arc<Graph>> {
        self.lock().graphs.iter().rev().find(|graph| graph.holds(version, now)).cloned()
    }

    fn renew(&self, tx: &mut Tx, version: i64, now: Time) -> Result<Option<Arc<Graph>>, DbError> {
        let _turn = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(graph) = self.held(version, now) {
            return Ok(Some(graph));
        }
        let (newest, base) = {
            let state = self.lock();
            let base = state.graphs.iter().rev().find(|graph| graph.version() <= version);
            (state.graphs.last().cloned(), base.cloned())
        };
        let renewed = match base {
            Some(base) => base.renewed(tx, version, now)?,
            None => None,
        };
        let graph = match (renewed, newest) {
            (Some(graph), _) => graph,
            (None, Some(newest)) if newest.version() > version || self.is_patient(newest.len()) => {
                return Ok(None);
            }
            (None, _) => {
                self.lock().loads += 1;
                Graph::load(tx, version, now)?
            }
        };
        Ok(Some(self.put(Arc::new(graph))))
    }

    /// Whether so few checks were asked that reading all of a graph is not worth it yet.
    fn is_patient(&self, rows: usize) -> bool {
        let mut state = self.lock();
        state.asked += 1;
        state.asked <= rows / ROWS_PER_CHECK
    }

    fn put(&self, graph: Arc<Graph>) -> Arc<Graph> {
        let mut state = self.lock();
        state.graphs.retain(|held| held.version() != graph.version());
        let place = state.graphs.partition_point(|held| held.version() < graph.version());
        state.graphs.insert(place, graph.clone());
        if state.graphs.len() > HELD {
            state.graphs.remove(0);
        }
        let older = state.graphs.len() - 1;
        state.graphs[..older].iter().for_each(|graph| graph.rest());
        state.asked = 0;
        graph
    }
}
