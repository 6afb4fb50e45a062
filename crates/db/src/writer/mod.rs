//! The writer's threads: transactions are queued, and those that wait together are committed together, so that
//! a thousand concurrent small writes are a few syncs of the disk and not a thousand.
//!
//! Each queued job runs inside a savepoint of the shared transaction: one that fails is undone alone. If the
//! whole transaction is lost (deadlock, connection, full disk), every job of it is run again by itself.

mod job;
mod worker;

use crate::engine::postgres::{PgConn, outside_async};
use crate::error::DbError;
use crate::tx::Tx;
use crate::unwritable::Unwritable;
use crate::vault::Vault;
use bo_model::clock::SharedClock;
use job::{Job, Typed};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use worker::Worker;

/// Jobs that may wait; more wait at the caller until [`QUEUE_DEADLINE`].
const QUEUE: usize = 1024;
const QUEUE_DEADLINE: Duration = Duration::from_secs(10);

/// A connection a writer owns for its life.
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres { url: String, conn: Box<PgConn> },
}

/// What the writers of one database share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Woken after each commit that put something into the outbox.
    pub emitted: Notify,
    /// Commits so far.
    pub commits: AtomicU64,
    /// Why nothing can be written at present.
    pub unwritable: Unwritable,
    /// Seals secrets; set once, after opening.
    pub vault: OnceLock<Arc<Vault>>,
}

/// What a lane is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// One transaction after the other, across all controllers of a PostgreSQL.
    Serial,
    /// Beside others; only the log's end is serial.
    Parallel,
}

/// A writer thread and its queue.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        name: String,
        conn: Connection,
        lane: Lane,
        clock: SharedClock,
        shared: Arc<Shared>,
    ) -> Result<Writer, DbError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let run = move || Worker { conn, lane, clock, shared }.run(jobs);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(run)
            .map_err(|error| DbError::Open { url: "writer thread".into(), why: error.to_string() })?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    pub(crate) async fn submit<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    {
        let queue = self.queue.as_ref().ok_or(DbError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Typed::new(work, reply));
        queue.send_timeout(job, QUEUE_DEADLINE).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => {
                DbError::Busy { what: "the queue of writes is full" }
            }
            mpsc::error::SendTimeoutError::Closed(_) => DbError::Closed,
        })?;
        answer.await.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }

    pub(crate) fn submit_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    {
        let queue = self.queue.as_ref().ok_or(DbError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Typed::new(work, reply));
        outside_async(move || {
            if queue.blocking_send(job).is_err() {
                return Err(DbError::Closed.into());
            }
            answer.blocking_recv().unwrap_or_else(|_| Err(DbError::Closed.into()))
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
