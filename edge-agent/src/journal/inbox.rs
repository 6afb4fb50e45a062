//! What waits for the writer's thread. A record is written down as text where it is made, into one buffer: nothing of it has to
//! be allocated here and freed there, and the thread only copies. It is woken for the first record of a group and for one that
//! can't wait as long as those before it, never for each.

use super::{Ask, Entry, Kept};
use bo_model::{DeviceId, Time, Value};
use bo_wire::{Body, Class};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// Asks taken into one group.
const GROUP: usize = 8_192;
/// Text that may wait, in bytes, however few records it is.
const TEXT: usize = 32 << 20;
/// A buffer that grew beyond this is not kept for the next group.
const BUFFER: usize = 1 << 20;
/// How long unhurried records gather before they are committed: spares the flash, costs nobody.
const LINGER: Duration = Duration::from_millis(50);
/// How long a command's evidence does: a power cut costs at most its last steps.
const LINGER_SHORTLY: Duration = Duration::from_millis(20);

/// Last values by device and variable.
pub(super) type Latest = HashMap<DeviceId, HashMap<String, Value>>;

/// A group of asks, and the text of its records.
#[derive(Default)]
pub(super) struct Group {
    pub(super) asks: Vec<Ask>,
    pub(super) text: Vec<u8>,
}

/// The queue.
pub(super) struct Inbox {
    now: Mutex<Waiting>,
    wake: Condvar,
    room: Notify,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    group: Group,
    latest: Latest,
    /// How long the group may gather yet, by its least patient member.
    patience: Duration,
    /// The thread sleeps and is to be woken for the first ask, or earlier than it planned to get up.
    asleep: bool,
    /// Nothing is taken any more.
    closed: bool,
}

/// Why an ask was not taken.
pub(super) enum Refused {
    /// There is no room for it now.
    Full,
    /// There will never be.
    Closed,
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Inbox {
        Inbox { now: Mutex::default(), wake: Condvar::new(), room: Notify::new(), limit: limit.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record if there is room.
    pub(super) fn append(
        &self,
        class: Class,
        at: Time,
        body: &Body,
        done: Option<oneshot::Sender<Result<u64, super::JournalError>>>,
    ) -> Result<(), (Refused, Option<oneshot::Sender<Result<u64, super::JournalError>>>)> {
        let mut now = self.lock();
        if now.closed {
            return Err((Refused::Closed, done));
        }
        if now.group.asks.len() >= self.limit || now.group.text.len() > TEXT {
            return Err((Refused::Full, done));
        }
        let patience = match class {
            _ if done.is_some() || class.is_protected() => Duration::ZERO,
            Class::Command => LINGER_SHORTLY,
            _ => LINGER,
        };
        if let Body::Status(change) = body {
            let device = now.latest.entry(change.device).or_default();
            match device.get_mut(&change.name) {
                Some(value) => value.clone_from(&change.value),
                None => drop(device.insert(change.name.clone(), change.value.clone())),
            }
        }
        let body = kept(body, &mut now.group.text);
        self.put(now, Ask::Append(Entry { class, at, body, done }), patience);
        Ok(())
    }

    /// Waits for room and asks for something that is no record.
    pub(super) async fn ask(&self, ask: Ask) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let now = self.lock();
                if now.closed {
                    return;
                }
                if now.group.asks.len() < self.limit {
                    return self.put(now, ask, Duration::ZERO);
                }
            }
            room.await;
        }
    }

    /// Resolves when a group was taken away. Cancel safe.
    pub(super) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    fn put(&self, mut now: MutexGuard<'_, Waiting>, ask: Ask, patience: Duration) {
        let first = now.group.asks.is_empty();
        let sooner = first || patience < now.patience;
        if sooner {
            now.patience = patience;
        }
        now.group.asks.push(ask);
        let wake = (sooner || now.group.asks.len() == GROUP) && std::mem::take(&mut now.asleep);
        drop(now);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Waits up to `idle` for something, lets it gather, and takes it all; `group` is empty, its memory is used again.
    /// False when the inbox was closed and everything was taken.
    pub(super) fn take(&self, idle: Duration, group: &mut Group) -> bool {
        let until = Instant::now() + idle;
        let mut now = self.lock();
        while now.group.asks.is_empty() && !now.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            now = self.sleep(now, left);
        }
        let began = Instant::now();
        while now.group.asks.len() < GROUP && !now.closed {
            let left = now.patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            now = self.sleep(now, left);
        }
        if group.text.capacity() > BUFFER {
            group.text = Vec::new();
        }
        std::mem::swap(&mut now.group, group);
        let open = !now.closed;
        drop(now);
        self.room.notify_waiters();
        open || !group.asks.is_empty()
    }

    fn sleep<'a>(&'a self, mut now: MutexGuard<'a, Waiting>, left: Duration) -> MutexGuard<'a, Waiting> {
        now.asleep = true;
        let mut now = self.wake.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0;
        now.asleep = false;
        now
    }

    /// The values that changed since this was called last.
    pub(super) fn take_latest(&self) -> Latest {
        std::mem::take(&mut self.lock().latest)
    }

    /// Takes nothing any more; what is there is still written.
    pub(super) fn close(&self) {
        let mut now = self.lock();
        now.closed = true;
        now.asleep = false;
        drop(now);
        self.wake.notify_one();
        self.room.notify_waiters();
    }

    /// The thread has ended, whyever: who still waits for it is told.
    pub(super) fn abandon(&self) {
        self.close();
        let group = std::mem::take(&mut self.lock().group);
        drop(group);
    }
}

/// Audit entries get their place in the chain where they are numbered; everything else is text at once.
fn kept(body: &Body, text: &mut Vec<u8>) -> Kept {
    let from = text.len();
    if !matches!(body, Body::Audit(_)) && body.write(text).is_ok() {
        return Kept::Text { from, to: text.len() };
    }
    text.truncate(from);
    Kept::Body(Box::new(body.clone()))
}
