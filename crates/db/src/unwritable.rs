//! What is known of a disk that does not take what is written to it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the disk counts as full after it was.
const UNWRITABLE_FOR: Duration = Duration::from_secs(3);

/// Whether the disk takes what is written. It counts as well again when a commit succeeds and the last failure is a while
/// ago: on a full disk something small fits in now and then.
#[derive(Default)]
pub(crate) struct Unwritable(Mutex<Option<(&'static str, Instant)>>);

impl Unwritable {
    /// Why not; `None` when it does.
    pub(crate) fn why(&self) -> Option<&'static str> {
        self.lock().map(|(why, _)| why)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(&'static str, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write failed for this reason; said in the log once.
    pub(crate) fn failed(&self, why: &'static str) {
        if self.lock().replace((why, Instant::now())).is_none() {
            tracing::error!(
                "nothing can be saved: {why}; make room there, everything goes on by itself then"
            );
        }
    }

    /// A commit succeeded.
    pub(crate) fn committed(&self) {
        let mut held = self.lock();
        if held.is_some_and(|(_, last)| last.elapsed() > UNWRITABLE_FOR) {
            *held = None;
            tracing::info!("the database can be written again");
        }
    }
}
