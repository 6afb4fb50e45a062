//! Rows by the node they start at, in pages that versions of the graph share: changing a node copies its page, not the
//! graph.

use std::sync::Arc;

/// Nodes of one page.
const NODES: usize = 256;

/// A row, seen from one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// The other end.
    pub node: u32,
    pub cap: u8,
    pub floor: u8,
    /// Starts at an account: only counts for that account itself.
    pub leaf: bool,
    /// Deep ceilings follow it.
    pub contain: bool,
}

/// Rows of every node, sorted by their other end.
#[derive(Clone, Default)]
pub(super) struct Rows(Vec<Arc<Page>>);

#[derive(Clone)]
struct Page {
    /// Where the rows of each node begin, and where those of the last one end.
    starts: [u32; NODES + 1],
    rows: Vec<Row>,
}

impl Page {
    fn empty() -> Arc<Page> {
        Arc::new(Page { starts: [0; NODES + 1], rows: Vec::new() })
    }

    fn range(&self, place: usize) -> std::ops::Range<usize> {
        self.starts[place] as usize..self.starts[place + 1] as usize
    }
}

impl Rows {
    /// Of rows with the node each starts at.
    pub fn new(mut all: Vec<(u32, Row)>) -> Rows {
        all.sort_unstable();
        let mut pages = Vec::new();
        for some in all.chunk_by(|(a, _), (b, _)| *a as usize / NODES == *b as usize / NODES) {
            let mut page = Page { starts: [0; NODES + 1], rows: Vec::with_capacity(some.len()) };
            for (node, row) in some {
                page.rows.push(*row);
                page.starts[*node as usize % NODES + 1] += 1;
            }
            for place in 1..=NODES {
                page.starts[place] += page.starts[place - 1];
            }
            let number = some.first().map_or(0, |(node, _)| *node as usize / NODES);
            pages.resize_with(number, Page::empty);
            pages.push(Arc::new(page));
        }
        Rows(pages)
    }

    /// The rows of a node.
    pub fn of(&self, node: u32) -> &[Row] {
        let page = self.0.get(node as usize / NODES);
        page.map_or(&[], |page| &page.rows[page.range(node as usize % NODES)])
    }

    /// Those of them that lead to one other node.
    pub fn between(&self, node: u32, other: u32) -> &[Row] {
        let rows = self.of(node);
        let first = rows.partition_point(|row| row.node < other);
        &rows[first..first + rows[first..].partition_point(|row| row.node == other)]
    }

    /// Puts rows in place of all that lead from a node to one other node.
    pub fn replace(&mut self, node: u32, other: u32, with: impl Iterator<Item = Row>) {
        let mut fresh: Vec<Row> = with.collect();
        fresh.sort_unstable();
        if self.between(node, other) == fresh {
            return;
        }
        let (number, place) = (node as usize / NODES, node as usize % NODES);
        if number >= self.0.len() {
            self.0.resize_with(number + 1, Page::empty);
        }
        let page = Arc::make_mut(&mut self.0[number]);
        let old = page.range(place);
        let rows = &page.rows[old.clone()];
        let first = old.start + rows.partition_point(|row| row.node < other);
        let last = old.start + rows.partition_point(|row| row.node <= other);
        let (more, fewer) = (fresh.len() as u32, (last - first) as u32);
        page.rows.splice(first..last, fresh);
        page.starts[place + 1..].iter_mut().for_each(|start| *start = *start + more - fewer);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|page| page.rows.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(node: u32, cap: u8) -> Row {
        Row { node, cap, floor: 0, leaf: false, contain: false }
    }

    proptest! {
        #[test]
        fn replaced_rows_read_like_rows_put_together_at_once(
            first in prop::collection::vec((0..600u32, 0..8u32, 0..5u8), 0..60),
            then in prop::collection::vec((0..1500u32, 0..8u32, prop::collection::vec(0..5u8, 0..3)), 0..40),
        ) {
            let all: Vec<(u32, Row)> = first.iter().map(|(node, other, cap)| (*node, row(*other, *cap))).collect();
            let before = Rows::new(all.clone());
            let mut expected: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
            all.iter().for_each(|(node, row)| expected.entry(*node).or_default().push(*row));
            let untouched = expected.clone();
            let mut after = before.clone();
            for (node, other, caps) in &then {
                after.replace(*node, *other, caps.iter().map(|cap| row(*other, *cap)));
                let rows = expected.entry(*node).or_default();
                rows.retain(|row| row.node != *other);
                rows.extend(caps.iter().map(|cap| row(*other, *cap)));
            }
            for (rows, expected) in [(&before, untouched), (&after, expected)] {
                prop_assert_eq!(rows.len(), expected.values().map(Vec::len).sum::<usize>());
                for node in 0..1600 {
                    let mut wanted = expected.get(&node).cloned().unwrap_or_default();
                    wanted.sort_unstable();
                    prop_assert_eq!(rows.of(node), &wanted[..]);
                    for other in 0..8 {
                        let between: Vec<Row> = wanted.iter().filter(|row| row.node == other).copied().collect();
                        prop_assert_eq!(rows.between(node, other), &between[..]);
                    }
                }
            }
        }
    }
}
