//! Samples that are durable in the journal and not yet in chunks. Charts read them here.

use super::sample::Sample;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one flush takes: samples by point, and the journal's rows they came from.
#[derive(Debug, Default)]
pub struct Batch {
    /// Samples by point, as they arrived.
    pub samples: HashMap<i64, Vec<Sample>>,
    /// Rows of `history_journal`.
    pub rows: Vec<i64>,
    /// How many samples.
    pub count: usize,
}

/// What waits, and what is being flushed right now.
#[derive(Default)]
pub struct Pending(Mutex<Two>);

#[derive(Default)]
struct Two {
    waiting: Batch,
    flushing: Option<Arc<Batch>>,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Two> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the samples of one row of the journal.
    pub fn add(&self, row: i64, samples: impl Iterator<Item = (i64, Sample)>) {
        let mut two = self.lock();
        two.waiting.rows.push(row);
        for (point, sample) in samples {
            two.waiting.samples.entry(point).or_default().push(sample);
            two.waiting.count += 1;
        }
    }

    /// How many samples wait.
    pub fn len(&self) -> usize {
        self.lock().waiting.count
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().waiting.rows.is_empty()
    }

    /// Takes what waits for a flush. `None` when nothing does; the same batch again when the last flush failed.
    pub fn take(&self) -> Option<Arc<Batch>> {
        let mut two = self.lock();
        if let Some(batch) = &two.flushing {
            return Some(batch.clone());
        }
        if two.waiting.rows.is_empty() {
            return None;
        }
        let batch = Arc::new(std::mem::take(&mut two.waiting));
        two.flushing = Some(batch.clone());
        Some(batch)
    }

    /// The batch taken last is in chunks.
    pub fn done(&self) {
        self.lock().flushing = None;
    }

    /// Samples of a point that are not in chunks, in no order.
    pub fn of(&self, point: i64) -> Vec<Sample> {
        let two = self.lock();
        let flushing = two.flushing.as_ref().and_then(|batch| batch.samples.get(&point));
        flushing.into_iter().chain(two.waiting.samples.get(&point)).flatten().cloned().collect()
    }
}
