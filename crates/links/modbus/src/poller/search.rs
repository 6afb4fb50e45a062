//! The search for an address a device refuses: blocks are halved, and a boundary over which only the whole
//! was refused, never a half, is worth remembering.

use crate::plan::Learned;
use bo_model::points::Table;
use std::time::Duration;
use tokio::time::Instant;

/// Longest pause between two tries over boundaries that a device went on to mind.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

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

/// When boundaries are forgotten, so that the device is asked across them once more: it may have been replaced, or got other
/// firmware. Whoever minds them still shows it with one refused read each time, so the pauses double.
#[derive(Debug)]
pub struct Forgetting {
    at: Instant,
    first: Duration,
    pause: Duration,
}

impl Forgetting {
    /// The first time is after `first`.
    pub fn new(first: Duration, now: Instant) -> Forgetting {
        Forgetting { at: now + first, first, pause: first }
    }

    /// True when what is in `learned` was forgotten: reads have to be planned anew.
    pub fn is_due(&mut self, now: Instant, learned: &mut Learned) -> bool {
        if now < self.at {
            return false;
        }
        let minded = !learned.breaks.is_empty();
        self.pause = if minded { (self.pause * 2).min(LONGEST) } else { self.first };
        self.at = now + self.pause;
        learned.breaks.clear();
        minded
    }
}
