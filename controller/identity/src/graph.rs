//! The relation graph in memory, as of one version. A later version is made of it by reading what changed since;
//! what did not change they share.

mod names;
mod read;
mod rows;
mod walk;

#[cfg(test)]
mod tests;

use bo_db::{DbError, Tx};
use bo_model::{Level, Object, Time};
use names::{EVERYONE, Names};
use rows::Rows;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of remembered levels (one per subject and node); beyond, they start over.
const REACH_BYTES: usize = 64 * 1024 * 1024;
/// Walking down to this many nodes costs as much as one check that walks up.
const NODES_PER_CHECK: usize = 64;
/// A subject that nothing is known of: no node has this number.
const NOBODY: u32 = u32::MAX;

/// All rows that count in a window of time.
pub(crate) struct Graph {
    version: i64,
    /// When the rows were read.
    at: Time,
    /// No row begins or ends to count from here (inclusive) to there (exclusive).
    window: (Time, Time),
    names: Arc<Names>,
    down: Rows,
    /// The same rows by where they end, but for those that start at an account.
    up: Rows,
    ceilings: Arc<HashMap<u32, Vec<Bound>>>,
    /// By workspace and subject.
    reached: Mutex<HashMap<(Option<u32>, u32), Reach>>,
}

/// A ceiling: nobody keeps more than the higher of `cap` and what they were granted on `lifted_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    cap: u8,
    lifted_by: Option<u32>,
    deep: bool,
}

/// What is remembered of a subject.
enum Reach {
    /// Checks made so far.
    Asked(usize),
    /// The level on every node.
    Known(Arc<[u8]>),
}

/// All levels of one subject in one workspace, at hand for whoever asks for thousands of them.
pub(crate) struct Eyes {
    workspace: Object,
    subject: Object,
    names: Arc<Names>,
    from: u32,
    levels: Arc<[u8]>,
}

impl Eyes {
    /// What [`Graph::level_in`] says; `None` when these are somebody else's, or the object is the subject itself.
    pub(crate) fn level(&self, workspace: &Object, subject: &Object, object: &Object) -> Option<Level> {
        if self.subject != *subject || self.workspace != *workspace {
            return None;
        }
        match self.names.read().find(object.as_str()) {
            None => Some(Level::None),
            Some(to) if to == self.from => None,
            Some(to) => Some(Level::from_number(self.levels.get(to as usize).copied().unwrap_or(0).into())),
        }
    }
}

impl Graph {
    /// Reads all rows that count now.
    pub(crate) fn load(tx: &mut Tx, version: i64, now: Time) -> Result<Graph, DbError> {
        read::all(tx, version, now)
    }

    /// The graph of a later version or another time, by reading what changed. `None` when it is not known what did, or it
    /// is so much that reading everything is quicker.
    pub(crate) fn renewed(&self, tx: &mut Tx, version: i64, now: Time) -> Result<Option<Graph>, DbError> {
        read::changes(self, tx, version, now)
    }

    /// Whether it is right for that version at that time.
    pub(crate) fn holds(&self, version: i64, now: Time) -> bool {
        self.version == version && self.window.0 <= now && now < self.window.1
    }

    /// The version it was read at.
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.down.len()
    }

    /// Forgets what was worked out, once it is only held for those who still read an older snapshot.
    pub(crate) fn rest(&self) {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The widest level of a subject on an object.
    pub(crate) fn level(&self, subject: &Object, object: &Object) -> Level {
        self.level_in(None, subject, object)
    }

    /// The same for somebody who is in that workspace: what lies in another is to them as to the public.
    pub(crate) fn level_in(&self, workspace: Option<&Object>, subject: &Object, object: &Object) -> Level {
        let names = self.names.read();
        let number = |name: &Object| names.find(name.as_str()).unwrap_or(NOBODY);
        let (home, from, to) = (workspace.map(number), number(subject), number(object));
        let nodes = names.len();
        drop(names);
        if to == NOBODY {
            return Level::None;
        }
        let known = if from == to { None } else { self.known((home, from), nodes) };
        let level = match known {
            Some(levels) => levels.get(to as usize).copied().unwrap_or(0),
            None => match self.check(from, to) {
                // Only whoever is bounded themselves can have less than the public.
                0 if self.bounds(from).is_empty() => 0,
                _ if home.is_some_and(|home| self.is_outside(home, to)) => self.check(EVERYONE, to),
                level => level,
            },
        };
        Level::from_number(level.into())
    }

    /// The eyes of a subject who asked so often that all their levels were worked out.
    pub(crate) fn eyes(&self, workspace: &Object, subject: &Object) -> Option<Eyes> {
        let names = self.names.read();
        let number = |name: &Object| names.find(name.as_str()).unwrap_or(NOBODY);
        let (home, from) = (number(workspace), number(subject));
        drop(names);
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Reach::Known(levels)) = reached.get(&(Some(home), from)) else { return None };
        let (levels, names) = (levels.clone(), self.names.clone());
        Some(Eyes { workspace: workspace.clone(), subject: subject.clone(), names, from, levels })
    }

    /// Whether a node lies in one workspace, and that is another one than this.
    fn is_outside(&self, workspace: u32, node: u32) -> bool {
        let (names, mut homes) = (self.names.read(), [None; 2]);
        self.around(node, |node| {
            if names.is_workspace(node) {
                homes = [Some(node), homes[0]];
            }
            homes[1].is_none()
        });
        homes[1].is_none() && homes[0].is_some_and(|home| home != workspace)
    }

    /// Levels of a subject, in a workspace or not, who asked so often that knowing all is cheaper.
    fn known(&self, who: (Option<u32>, u32), nodes: usize) -> Option<Arc<[u8]>> {
        let lock = || self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        match lock().entry(who).or_insert(Reach::Asked(0)) {
            Reach::Known(levels) => return Some(levels.clone()),
            Reach::Asked(times) if *times <= nodes / NODES_PER_CHECK => {
                *times += 1;
                return None;
            }
            Reach::Asked(_) => {}
        }
        let mut levels = self.reach(who.1, nodes);
        if let Some(workspace) = who.0 {
            let (homes, public) = (self.homes(nodes), self.reach(EVERYONE, nodes));
            let outside = |node: usize| homes[node] < walk::SHARED && homes[node] != workspace;
            (0..nodes).filter(|node| outside(*node)).for_each(|node| levels[node] = public[node]);
        }
        let fresh: Arc<[u8]> = levels.into();
        let mut reached = lock();
        let known = reached.values().filter(|reach| matches!(reach, Reach::Known(_))).count();
        if (known + 1) * nodes > REACH_BYTES {
            reached.clear();
        }
        reached.insert(who, Reach::Known(fresh.clone()));
        Some(fresh)
    }

    fn bounds(&self, node: u32) -> &[Bound] {
        self.ceilings.get(&node).map_or(&[], Vec::as_slice)
    }
}
