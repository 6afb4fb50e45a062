//! A bounded queue that takes memory for what waits in it and not for what could: a large site has thousands of them, and nearly
//! all are empty nearly always.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use tokio::task::coop::cooperative;

/// Room that an empty queue keeps after a burst.
const KEPT: usize = 8;

/// Why something was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// So much waits already.
    Full,
    /// Nobody will take it any more.
    Closed,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    room: usize,
    senders: AtomicUsize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    lost: u64,
    reader: Option<Waker>,
    closed: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts in. When the last is dropped, the reader comes to the end.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Takes out, in order.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

/// A queue where `room` items may wait.
pub fn mailbox<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { waiting: VecDeque::new(), lost: 0, reader: None, closed: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), room, senders: AtomicUsize::new(1) });
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Sender<T> {
    /// Puts `item` at the end, unless the queue is full or its reader is gone.
    pub fn try_send(&self, item: T) -> Result<(), Refused> {
        let mut state = self.0.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.0.room {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        wake(state);
        Ok(())
    }

    /// Puts `item` at the end; in a full queue the oldest makes room and is counted. False when the reader is gone.
    pub fn push(&self, item: T) -> bool {
        let mut state = self.0.lock();
        if state.closed {
            return false;
        }
        let is_full = state.waiting.len() >= self.0.room;
        let oldest = if is_full { state.waiting.pop_front() } else { None };
        state.lost += u64::from(is_full);
        state.waiting.push_back(item);
        wake(state);
        drop(oldest);
        true
    }

    /// How many more may wait.
    pub fn free(&self) -> usize {
        self.0.room.saturating_sub(self.0.lock().waiting.len())
    }
}

/// Tells the reader, who may go on at once.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        let item = self.waiting.pop_front();
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        item
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            wake(self.0.lock());
        }
    }
}

impl<T> Receiver<T> {
    /// The next item; `None` when nothing waits and all senders are gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<T> {
        let next = poll_fn(|context| {
            let mut state = self.0.lock();
            if let Some(item) = state.take() {
                return Poll::Ready(Some(item));
            }
            if self.0.senders.load(Ordering::Acquire) == 0 {
                return Poll::Ready(None);
            }
            match &mut state.reader {
                Some(known) => known.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        });
        cooperative(next).await
    }

    /// The next item if one waits.
    pub fn try_recv(&mut self) -> Option<T> {
        self.0.lock().take()
    }

    /// How many were pushed out since this was last asked.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.0.lock().lost)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.reader = None;
        let left = std::mem::take(&mut state.waiting);
        // What waited may wake somebody as it goes.
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_put_in_comes_out_in_order_and_the_end_is_seen() {
        let (sender, mut receiver) = mailbox(3);
        let other = sender.clone();
        let reader = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(item) = receiver.recv().await {
                seen.push(item);
            }
            seen
        });
        tokio::task::yield_now().await;
        sender.try_send(1).unwrap();
        other.try_send(2).unwrap();
        drop(sender);
        tokio::task::yield_now().await;
        other.try_send(3).unwrap();
        drop(other);
        assert_eq!(reader.await.unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_full_queue_refuses_or_loses_its_oldest_as_wanted() {
        let (sender, mut receiver) = mailbox(2);
        assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Ok(())));
        assert_eq!((sender.try_send(3), sender.free()), (Err(Refused::Full), 0));
        assert!(sender.push(4));
        assert_eq!((receiver.take_lost(), receiver.take_lost()), (1, 0));
        assert_eq!([receiver.try_recv(), receiver.try_recv(), receiver.try_recv()], [Some(2), Some(4), None]);
        drop(receiver);
        assert_eq!((sender.try_send(5), sender.push(6)), (Err(Refused::Closed), false));
    }

    #[test]
    fn a_burst_leaves_no_memory_behind() {
        let (sender, mut receiver) = mailbox(1000);
        for item in 0..1000 {
            sender.try_send(item).unwrap();
        }
        while receiver.try_recv().is_some() {}
        assert!(sender.0.lock().waiting.capacity() <= KEPT);
    }

    #[tokio::test]
    async fn a_flood_from_another_thread_leaves_the_readers_neighbours_their_turn() {
        let (sender, mut receiver) = mailbox(1000);
        for item in 0..1000 {
            sender.try_send(item).unwrap();
        }
        let mut taken = 0;
        tokio::select! {
            biased;
            () = async {
                while receiver.recv().await.is_some() {
                    taken += 1;
                }
            } => {}
            () = std::future::ready(()) => {}
        }
        assert!(taken < 1000, "{taken} in one turn");
    }
}
