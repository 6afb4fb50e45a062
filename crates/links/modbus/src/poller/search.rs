//! The search for an address a device refuses: blocks are halved, and a boundary over which only the whole
//! was refused, never a half, is worth remembering.

use crate::plan::Learned;
use bo_model::points::Table;

#[derive(Debug)]
struct Node {
    boundary: (Table, u16),
    open: u8,
    clean: bool,
}

/// Halvings under way.
#[derive(Debug, Default)]
pub struct Splits {
    nodes: Vec<Node>,
}

impl Splits {
    /// A block of the search at `parent` was refused and halved at `boundary`. Gives the node of both halves.
    pub fn split(&mut self, parent: Option<usize>, boundary: (Table, u16)) -> usize {
        self.failed(parent);
        self.nodes.push(Node { boundary, open: 2, clean: true });
        self.nodes.len() - 1
    }

    /// A half was refused.
    pub fn failed(&mut self, node: Option<usize>) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.open = node.open.saturating_sub(1);
            node.clean = false;
        }
    }

    /// A half was read. When the other was too, their boundary is what the device minds.
    pub fn succeeded(&mut self, node: Option<usize>, learned: &mut Learned) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.open = node.open.saturating_sub(1);
            if node.open == 0 && node.clean {
                learned.breaks.insert(node.boundary);
            }
        }
    }

    /// True when no half waits for its result.
    pub fn settled(&self) -> bool {
        self.nodes.iter().all(|node| node.open == 0)
    }
}
