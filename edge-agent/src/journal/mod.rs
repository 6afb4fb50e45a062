//! The journal: what the edge was told to keep until the controller has it.
//!
//! One SQLite file (WAL, fsync per commit), written by one thread that commits whatever has gathered. Each class counts its own
//! records without holes; a journal that begins anew begins a new epoch. The file is bounded ([`Limits`]):
//! what had to go leaves a gap record in its place. Audit and alarm records never go.

mod block;
mod bound;
mod disk;
#[cfg(test)]
mod disk_tests;
mod error;
mod inbox;
mod read;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use disk::FreeSpace;
pub use error::JournalError;

use bo_model::Time;
use bo_model::clock::SharedClock;
use bo_wire::{Body, Class, Cursor, Record, SnapshotValue};
use inbox::{Inbox, Refused};
use read::Reader;
use std::borrow::Borrow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{oneshot, watch};

/// Its file in the data directory.
pub const FILE: &str = "journal.sqlite";

/// Records of `class` in a journal's file, oldest first, up to about `max_bytes`: for the command line, beside an agent that
/// may be writing to it.
pub fn peek(path: &Path, class: Class, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
    Reader::new(path, Arc::default()).range(class, 1, u64::MAX, max_bytes)
}

/// Bounds.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes on disk to stay below by thinning and dropping. A quarter more is the hard end, which only protected
    /// classes can reach.
    pub max_bytes: u64,
    /// Bytes to leave free on the disk for others: when there is less, the journal makes itself smaller.
    pub keep_free: u64,
    /// Asks the disk.
    pub free: FreeSpace,
    /// Bytes of acknowledged status and history kept for a backfill.
    pub retain_bytes: u64,
    /// Records waiting for the writer.
    pub queue: usize,
    /// Records held in memory while the disk does not take them.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_bytes: 512 << 20,
            keep_free: 0,
            free: FreeSpace::default(),
            retain_bytes: 64 << 20,
            queue: 65_536,
            held: 50_000,
        }
    }
}

/// How the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalState {
    /// Changes when the journal begins anew.
    pub epoch: u64,
    /// Last sequence number on disk, by `Class as usize`.
    pub written: [u64; 6],
    /// Last one the controller has, by `Class as usize`.
    pub acknowledged: [u64; 6],
    /// Bytes in use on disk.
    pub bytes: u64,
    /// Bytes it may use at present, when that is less than configured because the disk is nearly full.
    pub squeezed: Option<u64>,
    /// Why nothing can be written at present.
    pub stuck: Option<Arc<str>>,
}

impl JournalState {
    /// Records the controller does not have yet.
    pub fn backlog(&self) -> u64 {
        self.written.iter().zip(&self.acknowledged).map(|(written, have)| written.saturating_sub(*have)).sum()
    }

    /// Where each class stands, for `Hello`.
    pub fn cursors(&self) -> Vec<Cursor> {
        Class::ALL
            .map(|class| Cursor { class, epoch: self.epoch, seq: self.written[class as usize] })
            .to_vec()
    }
}

/// The journal. Cheap to clone; the file is closed when the last clone is gone and [`Journal::close`] returned.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    inbox: Arc<Inbox>,
    state: watch::Receiver<JournalState>,
    lost: Arc<[AtomicU64; 6]>,
    reader: Reader,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// What the writer's thread is asked to do.
enum Ask {
    Append(Entry),
    Acknowledge(Vec<Cursor>),
    Renew { why: String, done: oneshot::Sender<()> },
    Close(oneshot::Sender<()>),
}

/// A record without its number.
struct Entry {
    class: Class,
    at: Time,
    body: Kept,
    done: Option<oneshot::Sender<Result<u64, JournalError>>>,
}

/// What a record says, on its way to the disk.
enum Kept {
    /// JSON, in the text that goes with the entries.
    Text { from: usize, to: usize },
    /// What is yet to be written down.
    Body(Box<Body>),
}

impl Journal {
    /// Opens the journal at `path`, or begins one. A damaged file is moved aside (its name gets `.damaged-<time>`)
    /// and the new journal's first audit record says so.
    pub fn open(path: &Path, limits: Limits, clock: SharedClock) -> Result<Journal, JournalError> {
        let inbox = Arc::new(Inbox::new(limits.queue));
        let lost: Arc<[AtomicU64; 6]> = Arc::default();
        let (state, reader) = writer::start(path.to_owned(), limits, clock, inbox.clone(), lost.clone())?;
        Ok(Journal(Arc::new(Inner { inbox, state, lost, reader })))
    }

    /// Takes a record without waiting; it is on disk a moment later. False when the queue is full: the loss of an
    /// unprotected record is counted and will show as a gap, a protected one the caller must not go on without.
    pub fn append(&self, class: Class, at: Time, body: impl Borrow<Body>) -> bool {
        let taken = self.0.inbox.append(class, at, body.borrow(), None).is_ok();
        if !taken && !class.is_protected() {
            self.0.lost[class as usize].fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Takes a record and returns its number once it is on disk. `NotDurable` means it was taken and is held in memory only.
    pub async fn append_durable(&self, class: Class, at: Time, body: Body) -> Result<u64, JournalError> {
        let (done, answer) = oneshot::channel();
        let mut done = Some(done);
        loop {
            let room = self.0.inbox.room();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.0.inbox.append(class, at, &body, done.take()) {
                Ok(()) => break,
                Err((Refused::Closed, _)) => return Err(JournalError::Closed),
                Err((Refused::Full, back)) => done = back,
            }
            room.await;
        }
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Records of `class` after `seq`, oldest first, up to about `max_bytes` of bodies and at least one if there is one. Where the
    /// journal has nothing any more, a gap record says so, so that what follows is always complete.
    /// A short read of a local file.
    pub fn read_after(&self, class: Class, seq: u64, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let written = self.state().written[class as usize];
        self.0.reader.after(class, seq, written, max_bytes)
    }

    /// What is still there of `from ..= to`, for a backfill.
    pub fn read_range(
        &self,
        class: Class,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> Result<Vec<Record>, JournalError> {
        self.0.reader.range(class, from, to, max_bytes)
    }

    /// The last value of every status variable, at most a few seconds older than the end of the journal.
    pub fn latest(&self) -> Result<Vec<SnapshotValue>, JournalError> {
        self.0.reader.latest()
    }

    /// The controller has these. Cursors of another epoch, or beyond what was written, are ignored.
    pub async fn acknowledge(&self, cursors: Vec<Cursor>) {
        self.0.inbox.ask(Ask::Acknowledge(cursors)).await;
    }

    /// Begins a new epoch that keeps every unacknowledged record under new numbers. For when the controller has numbers this journal
    /// never gave: the disk was put back to an earlier state, and going on would repeat numbers.
    pub async fn renew(&self, why: String) {
        let (done, answer) = oneshot::channel();
        self.0.inbox.ask(Ask::Renew { why, done }).await;
        let _ = answer.await;
    }

    /// How it is now.
    pub fn state(&self) -> JournalState {
        self.0.state.borrow().clone()
    }

    /// How it is, as it changes.
    pub fn watch(&self) -> watch::Receiver<JournalState> {
        self.0.state.clone()
    }

    /// Writes what is waiting and closes the file.
    pub async fn close(&self) {
        self.0.reader.close();
        let (done, answer) = oneshot::channel();
        self.0.inbox.ask(Ask::Close(done)).await;
        let _ = answer.await;
    }
}

/// Where a damaged journal is moved to.
pub(crate) fn aside(path: &Path, now: Time) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".damaged-{}", now.0));
    name.into()
}
