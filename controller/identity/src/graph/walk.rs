//! Walking the graph in memory. The rule is [`crate::level`]'s; that all agree on any graph is a property test.
//!
//! Up from an object there are few nodes: that is the check, and needs nothing prepared. Down from a subject there may be
//! all of them, in one pass, after which every check is a look-up: worth it for whoever asks about thousands. A level never
//! grows on its way, so both walk the widest way first, and the first time a node is left it is left with its final level.

use super::names::EVERYONE;
use super::rows::Row;
use super::{Bound, Graph};
use std::collections::BTreeSet;

const OWN: u8 = 4;

/// Lies in no workspace.
const NOWHERE: u32 = u32::MAX;
/// Lies in more than one; every smaller number is that of the one workspace.
pub(super) const SHARED: u32 = u32::MAX - 1;

/// Nodes to look at, by the level that is left: widest first.
#[derive(Default)]
struct Open([Vec<(u32, u8)>; OWN as usize]);

impl Open {
    fn push(&mut self, node: u32, floor: u8, level: u8) {
        if level > 0 {
            self.0[usize::from(level) - 1].push((node, floor));
        }
    }

    /// The next one, with the level that is left there.
    fn pop(&mut self) -> Option<(u32, u8, u8)> {
        let (place, open) = self.0.iter_mut().enumerate().rev().find(|(_, open)| !open.is_empty())?;
        open.pop().map(|(node, floor)| (node, floor, place as u8 + 1))
    }
}

impl Graph {
    /// What ceilings leave of what the widest path gives.
    pub(super) fn check(&self, subject: u32, object: u32) -> u8 {
        let level = self.granted(subject, object);
        if level == 0 || self.ceilings.is_empty() {
            return level;
        }
        let leaves = |level: u8, bound: &Bound| {
            let lifted = bound.lifted_by.filter(|_| bound.cap < level);
            level.min(bound.cap.max(lifted.map_or(0, |object| self.granted(subject, object))))
        };
        let mut left = self.bounds(subject).iter().fold(level, leaves);
        self.around(object, |node| {
            let over = self.bounds(node).iter().filter(|bound| bound.deep || node == object);
            left = over.fold(left, leaves);
            left > 0
        });
        left
    }

    /// Walks up from the object with what a level must be to get down again; the cap is the place in `open`.
    fn granted(&self, subject: u32, object: u32) -> u8 {
        let mine = |node: u32| if subject == object { &[] } else { self.down.between(subject, node) };
        let (mut open, mut seen, mut best) = (Open::default(), Vec::<(u32, u8)>::new(), 0);
        open.push(object, 0, OWN);
        while let Some((node, floor, cap)) = open.pop() {
            if cap <= best {
                return best;
            }
            // Whoever was here before had at least this cap; only with a lower floor is there anything new.
            match seen.binary_search_by_key(&node, |(node, _)| *node) {
                Ok(place) if seen[place].1 <= floor => continue,
                Ok(place) => seen[place].1 = floor,
                Err(place) => seen.insert(place, (node, floor)),
            }
            let passes = |row: &&Row| row.cap >= floor;
            best = mine(node).iter().filter(passes).map(|row| row.cap.min(cap)).fold(best, u8::max);
            for row in self.up.of(node).iter().filter(passes) {
                if row.node == EVERYONE && object != EVERYONE {
                    best = best.max(row.cap.min(cap));
                }
                open.push(row.node, floor.max(row.floor), row.cap.min(cap));
            }
        }
        best
    }

    /// Visits a node and everything it lies in, however it does, until `visit` has seen enough.
    pub(super) fn around(&self, node: u32, mut visit: impl FnMut(u32) -> bool) {
        let (mut open, mut seen) = (vec![node], Vec::<u32>::new());
        while let Some(node) = open.pop() {
            let Err(place) = seen.binary_search(&node) else { continue };
            seen.insert(place, node);
            if !visit(node) {
                return;
            }
            open.extend(self.up.of(node).iter().filter(|row| row.contain).map(|row| row.node));
        }
    }

    /// The level of a subject on every node.
    pub(super) fn reach(&self, subject: u32, nodes: usize) -> Vec<u8> {
        let (mut levels, mut open) = (vec![0u8; nodes], Open::default());
        let pass = |node: u32, start: bool, level: u8, levels: &mut [u8], open: &mut Open| {
            let passes = |row: &&Row| level >= row.floor && (start || !row.leaf);
            for row in self.down.of(node).iter().filter(passes) {
                let next = level.min(row.cap);
                if next > levels[row.node as usize] {
                    levels[row.node as usize] = next;
                    open.push(row.node, 0, next);
                }
            }
        };
        for start in [subject, EVERYONE] {
            pass(start, true, OWN, &mut levels, &mut open);
        }
        while let Some((node, _, level)) = open.pop() {
            if levels[node as usize] == level {
                pass(node, false, level, &mut levels, &mut open);
            }
        }
        self.lower(subject, &mut levels);
        levels
    }

    /// The workspace each node lies in, by walking down from every one of them.
    pub(super) fn homes(&self, nodes: usize) -> Vec<u32> {
        let mut homes = vec![NOWHERE; nodes];
        for home in self.names.read().workspaces() {
            let mut open = vec![home];
            while let Some(node) = open.pop() {
                let fresh = |known: &&mut u32| **known != home && **known != SHARED;
                let Some(known) = homes.get_mut(node as usize).filter(fresh) else { continue };
                *known = if *known == NOWHERE { home } else { SHARED };
                open.extend(
                    self.down.of(node).iter().filter(|row| row.contain && !row.leaf).map(|row| row.node),
                );
            }
        }
        homes
    }

    /// Puts every ceiling over what was granted.
    fn lower(&self, subject: u32, levels: &mut [u8]) {
        let lifted = |object: u32| match object == subject {
            true => self.granted(subject, object),
            false => levels[object as usize],
        };
        let leaves = |bound: &Bound| bound.cap.max(bound.lifted_by.map_or(0, lifted));
        let all = self.ceilings.iter().flat_map(|(node, some)| some.iter().map(move |bound| (*node, bound)));
        let all: Vec<(u32, &Bound, u8)> = all.map(|(node, bound)| (node, bound, leaves(bound))).collect();
        for (node, bound, most) in all {
            if node == subject {
                levels.iter_mut().for_each(|level| *level = most.min(*level));
            }
            let (mut under, mut open) = (BTreeSet::from([node]), vec![node]);
            while let Some(node) = open.pop() {
                levels[node as usize] = most.min(levels[node as usize]);
                let contained =
                    self.down.of(node).iter().filter(|row| bound.deep && row.contain && !row.leaf);
                open.extend(contained.map(|row| row.node).filter(|child| under.insert(*child)));
            }
        }
    }
}
