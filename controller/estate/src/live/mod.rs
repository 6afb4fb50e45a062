//! What is true now, in memory: the last value of every point, with one running number over all changes.
//!
//! A subscriber keeps the number of the last change it has seen and asks for what is newer. So a slow one gets
//! the latest values and never a queue, and one that comes back with its number goes on where it was.

pub mod board;
mod protocol;
mod routes;
mod session;
mod subscription;
pub mod table;
pub mod view;

pub use routes::routes;

use tokio::sync::watch;

/// Counts changes of all kinds and wakes whoever waits for one.
pub struct Pulse {
    /// Sets this process's numbers apart from those of the one before: a number from there means nothing here.
    pub era: u64,
    last: std::sync::atomic::AtomicU64,
    wake: watch::Sender<u64>,
}

impl Pulse {
    /// Starts at 1; `era` differs each time a controller starts.
    pub fn new(era: u64) -> Pulse {
        Pulse { era, last: std::sync::atomic::AtomicU64::new(1), wake: watch::Sender::new(1) }
    }

    /// A number for one change.
    pub fn next(&self) -> u64 {
        self.last.fetch_add(1, std::sync::atomic::Ordering::AcqRel) + 1
    }

    /// The newest number.
    pub fn now(&self) -> u64 {
        self.last.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Tells everybody that waits; call it once after a batch of changes.
    pub fn ring(&self) {
        self.wake.send_replace(self.now());
    }

    /// Wakes after each [`Pulse::ring`].
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }
}
