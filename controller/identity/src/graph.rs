//! The relation graph in memory, as of one version: a check is two look-ups, a list one pass.
//!
//! The rule is [`crate::level`]'s; that both agree on any graph is a property test. What a subject reaches is worked
//! out once, by walking down from it the widest way first: a level never grows on its way, so the first time
//! a node is left it is left with its final level. Ceilings lower what came out.

use bo_db::{DbError, Tx, params};
use bo_model::{Level, Object, Time};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of remembered levels (one per subject and node); beyond, they start over.
const REACH_BYTES: usize = 64 * 1024 * 1024;

/// Lies in no workspace.
const NOWHERE: u32 = u32::MAX;
/// Lies in more than one.
const SHARED: u32 = u32::MAX - 1;

/// All rows that count in a window of time.
pub(crate) struct Graph {
    version: i64,
    from: Time,
    to: Time,
    nodes: HashMap<Box<str>, u32>,
    /// Where a node's rows begin; one more than there are nodes.
    starts: Vec<u32>,
    rows: Vec<Row>,
    ceilings: Vec<Bound>,
    everyone: Option<u32>,
    /// The workspace each node lies in: its number, [`NOWHERE`] or [`SHARED`].
    homes: Vec<u32>,
    reached: Mutex<HashMap<u32, Arc<[u8]>>>,
}

#[derive(Clone, Copy)]
struct Row {
    to: u32,
    cap: u8,
    floor: u8,
    /// Starts at an account: only counts for that account itself.
    leaf: bool,
    /// Deep ceilings follow it.
    contain: bool,
}

/// A ceiling: nobody keeps more on `node` than the higher of `cap` and what they were granted on `lifted_by`.
#[derive(Clone, Copy)]
struct Bound {
    node: u32,
    cap: u8,
    lifted_by: Option<u32>,
    deep: bool,
}

impl Graph {
    /// Reads all rows that count now; they hold until the next one begins or ends to count.
    pub(crate) fn load(tx: &mut Tx, version: i64, now: Time) -> Result<Graph, DbError> {
        let mut nodes: HashMap<Box<str>, u32> = HashMap::new();
        let mut found: Vec<(u32, Row)> = Vec::new();
        let mut number = |name: &str| match nodes.get(name) {
            Some(number) => *number,
            None => {
                let number = nodes.len() as u32;
                nodes.insert(name.into(), number);
                number
            }
        };
        tx.for_each(
            "SELECT subject, object, cap, floor, leaf, kind FROM relation
             WHERE (cap > 0 OR kind = 'contain') AND valid_from <= ?1 AND valid_to > ?1",
            params![now],
            |row| {
                let (subject, to) = (number(row.str(0)?), number(row.str(1)?));
                let (cap, floor) = (row.get::<Level>(2)? as u8, row.get::<Level>(3)? as u8);
                let (leaf, contain) = (row.get::<bool>(4)?, row.str(5)? == "contain");
                found.push((subject, Row { to, cap, floor, leaf, contain }));
                Ok(())
            },
        )?;
        let ceilings = tx.query("SELECT object, cap, lifted_by, deep FROM ceiling", &[], |row| {
            let lifted_by = Some(row.str(2)?).filter(|object| !object.is_empty()).map(&mut number);
            let cap = row.get::<Level>(1)? as u8;
            Ok(Bound { node: number(row.str(0)?), cap, lifted_by, deep: row.get(3)? })
        })?;
        found.sort_unstable_by_key(|(subject, _)| *subject);
        let mut starts = vec![0u32; nodes.len() + 1];
        for (subject, _) in &found {
            starts[*subject as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let rows = found.into_iter().map(|(_, row)| row).collect();
        let to = next_change(tx, now)?;
        let everyone = nodes.get(Object::everyone().as_str()).copied();
        let (homes, reached) = (Vec::new(), Mutex::default());
        let mut graph =
            Graph { version, from: now, to, nodes, starts, rows, ceilings, everyone, homes, reached };
        graph.homes = graph.settle();
        Ok(graph)
    }

    /// Whether it is right for that version at that time.
    pub(crate) fn holds(&self, version: i64, now: Time) -> bool {
        self.version == version && self.from <= now && now < self.to
    }

    /// The version it was read at.
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The widest level of a subject on an object.
    pub(crate) fn level(&self, subject: &Object, object: &Object) -> Level {
        if subject == object {
            return Level::None;
        }
        let Some(to) = self.nodes.get(object.as_str()) else { return Level::None };
        let from = self.nodes.get(subject.as_str()).copied().or(self.everyone);
        let Some(from) = from else { return Level::None };
        let reached = self.reach(from);
        Level::from_number(reached.get(*to as usize).copied().map_or(0, i64::from))
    }

    /// Whether an object lies in a workspace, and in another than this one.
    pub(crate) fn outside(&self, workspace: &Object, object: &Object) -> bool {
        let number = |name: &Object| self.nodes.get(name.as_str()).copied();
        let home = number(object).map_or(NOWHERE, |node| self.homes[node as usize]);
        home < SHARED && number(workspace) != Some(home)
    }

    /// Walks down from every workspace along what it contains, however it does.
    fn settle(&self) -> Vec<u32> {
        let mut homes = vec![NOWHERE; self.nodes.len()];
        let workspaces = self.nodes.iter().filter(|(name, _)| name.starts_with("workspace:"));
        for (_, home) in workspaces {
            let mut open = vec![*home];
            while let Some(node) = open.pop() {
                let known = &mut homes[node as usize];
                if *known == *home || *known == SHARED {
                    continue;
                }
                *known = if *known == NOWHERE { *home } else { SHARED };
                open.extend(self.rows_of(node).iter().filter(|row| row.contain).map(|row| row.to));
            }
        }
        homes
    }

    fn reach(&self, subject: u32) -> Arc<[u8]> {
        let lock = || self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&subject) {
            return known.clone();
        }
        let mut levels = self.walk(subject);
        self.lower(subject, &mut levels);
        let fresh: Arc<[u8]> = levels.into();
        let mut reached = lock();
        if (reached.len() + 1) * self.nodes.len() > REACH_BYTES {
            reached.clear();
        }
        reached.insert(subject, fresh.clone());
        fresh
    }

    fn walk(&self, subject: u32) -> Vec<u8> {
        let mut levels = vec![0u8; self.nodes.len()];
        let mut open: [Vec<u32>; 5] = Default::default();
        let own = Level::Own as u8;
        for start in [Some(subject), self.everyone].into_iter().flatten() {
            self.pass(start, own, true, &mut levels, &mut open);
        }
        for level in (1..=own).rev() {
            while let Some(node) = open[usize::from(level)].pop() {
                if levels[node as usize] == level {
                    self.pass(node, level, false, &mut levels, &mut open);
                }
            }
        }
        levels
    }

    /// Puts every ceiling over what was granted.
    fn lower(&self, subject: u32, levels: &mut [u8]) {
        let leaves = |bound: &Bound| {
            let lifted = bound.lifted_by.filter(|object| *object != subject);
            bound.cap.max(lifted.map_or(0, |object| levels[object as usize]))
        };
        let leaves: Vec<u8> = self.ceilings.iter().map(leaves).collect();
        for (bound, most) in self.ceilings.iter().zip(leaves) {
            if bound.node == subject {
                levels.iter_mut().for_each(|level| *level = most.min(*level));
            }
            let mut under = BTreeSet::from([bound.node]);
            let mut open = vec![bound.node];
            while let Some(node) = open.pop() {
                levels[node as usize] = most.min(levels[node as usize]);
                let contained =
                    self.rows_of(node).iter().filter(|row| bound.deep && row.contain && !row.leaf);
                open.extend(contained.map(|row| row.to).filter(|child| under.insert(*child)));
            }
        }
    }

    fn rows_of(&self, node: u32) -> &[Row] {
        &self.rows[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    /// Along all rows of a node.
    fn pass(&self, node: u32, level: u8, start: bool, levels: &mut [u8], open: &mut [Vec<u32>; 5]) {
        for row in self.rows_of(node) {
            let next = level.min(row.cap);
            if level >= row.floor && (start || !row.leaf) && next > levels[row.to as usize] {
                levels[row.to as usize] = next;
                open[usize::from(next)].push(row.to);
            }
        }
    }
}

/// The next moment at which a row begins or ends to count.
fn next_change(tx: &mut Tx, now: Time) -> Result<Time, DbError> {
    let next = tx.query_one(
        "SELECT (SELECT MIN(valid_from) FROM relation WHERE valid_from > 0 AND valid_from > ?1),
                (SELECT MIN(valid_to) FROM relation WHERE valid_to < 9223372036854775807 AND valid_to > ?1)",
        params![now],
        |row| Ok((row.get::<Option<Time>>(0)?, row.get::<Option<Time>>(1)?)),
    )?;
    let never = Time(i64::MAX);
    Ok(next.0.unwrap_or(never).min(next.1.unwrap_or(never)))
}
