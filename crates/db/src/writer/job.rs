//! What is queued: one transaction, with whoever waits for what comes of it.

use crate::error::DbError;
use crate::tx::Tx;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::oneshot;

/// One queued transaction, its type hidden.
pub(super) trait Job: Send {
    /// Runs it; false when it failed and must be undone.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Its own result was good, but what follows (audit, commit) failed.
    fn spoil(&mut self, error: DbError);
    /// Answers the caller.
    fn settle(self: Box<Self>);
}

pub(super) struct Typed<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Typed<T, E, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Typed { work, outcome: None, reply }
    }
}

impl<T, E, F> Job for Typed<T, E, F>
where
    T: Send,
    E: From<DbError> + Send,
    F: Fn(&mut Tx) -> Result<T, E> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(tx))).unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".into());
            Err(DbError::Panicked { message }.into())
        });
        let good = outcome.is_ok();
        self.outcome = Some(outcome);
        good
    }

    fn spoil(&mut self, error: DbError) {
        // A job that failed by itself knows more about why.
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error.into()));
        }
    }

    fn settle(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // The caller may have given up waiting; the work is done all the same.
            let _ = self.reply.send(outcome);
        }
    }
}
