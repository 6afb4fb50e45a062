//! A feed: the changes of some slots, in order, for one reader. Bounded: a reader that falls behind loses the
//! oldest changes and is told so, and then reads the board afresh.

use super::{Board, SlotIx};
use bo_model::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// A slot has a new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which.
    pub slot: SlotIx,
    /// Its new value.
    pub value: Value,
}

pub(super) struct FeedShared {
    queue: Mutex<Queue>,
    room: usize,
    notify: Notify,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<Change>,
    lost: u64,
}

impl FeedShared {
    pub fn new(room: usize) -> Arc<FeedShared> {
        Arc::new(FeedShared { queue: Mutex::default(), room: room.max(1), notify: Notify::new() })
    }

    pub fn push(&self, change: Change) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.changes.len() >= self.room {
            queue.changes.pop_front();
            queue.lost += 1;
        }
        queue.changes.push_back(change);
    }

    pub fn wake(&self) {
        self.notify.notify_one();
    }
}

/// The reader's side. Dropping it ends the subscription.
pub struct Feed {
    board: Arc<Board>,
    id: u32,
    slots: Vec<SlotIx>,
    shared: Arc<FeedShared>,
}

impl Feed {
    pub(super) fn new(board: Arc<Board>, id: u32, slots: Vec<SlotIx>, shared: Arc<FeedShared>) -> Feed {
        Feed { board, id, slots, shared }
    }

    /// Waits until there is something, moves all of it into `into`, and returns how many changes were lost
    /// before them. Cancel safe.
    pub async fn recv(&mut self, into: &mut Vec<Change>) -> u64 {
        loop {
            {
                let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if !queue.changes.is_empty() {
                    into.extend(queue.changes.drain(..));
                    return std::mem::take(&mut queue.lost);
                }
            }
            self.shared.notify.notified().await;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.board.unwatch(self.id, &self.slots);
    }
}
