//! The writer's threads: transactions are queued, and those that wait together are committed together, so that
//! a thousand concurrent small writes are a few syncs of the disk and not a thousand.
//!
//! Each queued job runs inside a savepoint of the shared transaction: one that fails is undone alone. If the
//! whole transaction is lost (deadlock, connection, full disk), every job of it is run again by itself.

use crate::audit::append::{self, Head};
use crate::engine::postgres::{LOG_LOCK, PgConn, outside_async};
use crate::error::DbError;
use crate::outbox;
use crate::params;
use crate::tx::{AfterCommit, Conn, Tx};
use crate::unwritable::Unwritable;
use crate::vault::Vault;
use bo_model::clock::SharedClock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot};

/// Jobs committed together at most, and how long a batch may go on collecting.
const BATCH_JOBS: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(10);
/// Jobs that may wait; more wait at the caller until [`QUEUE_DEADLINE`].
const QUEUE: usize = 1024;
const QUEUE_DEADLINE: Duration = Duration::from_secs(10);
/// How often a job is run again after its transaction was lost.
const ATTEMPTS: usize = 4;

/// One queued transaction, its type hidden.
trait Job: Send {
    /// Runs it; false when it failed and must be undone.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Its own result was good, but what follows (audit, commit) failed.
    fn spoil(&mut self, error: DbError);
    /// Answers the caller.
    fn settle(self: Box<Self>);
}

struct Typed<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
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
        let job = Box::new(Typed { work, outcome: None, reply });
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
        let job = Box::new(Typed { work, outcome: None, reply });
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

struct Worker {
    conn: Connection,
    lane: Lane,
    clock: SharedClock,
    shared: Arc<Shared>,
}

/// What a batch leaves behind.
enum End {
    Settled,
    /// The transaction is gone through no fault of a single job.
    Lost(Option<DbError>),
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = queue.blocking_recv() {
            let mut jobs = vec![first];
            if let End::Lost(error) = self.batch(&mut jobs, Some(&mut queue)) {
                if error.as_ref().and_then(DbError::unwritable).is_none() {
                    tracing::warn!(jobs = jobs.len(), error = ?error, "a write transaction was lost; its jobs run again");
                }
                for job in jobs.drain(..) {
                    self.alone(job);
                }
            }
            jobs.into_iter().for_each(Job::settle);
        }
    }

    /// Runs one job by itself until it is settled or the attempts are used up.
    fn alone(&mut self, job: Box<dyn Job>) {
        let mut jobs = vec![job];
        for attempt in 1..=ATTEMPTS {
            self.reconnect();
            match self.batch(&mut jobs, None) {
                End::Settled => break,
                // Trying again at once makes no room.
                End::Lost(Some(error)) if error.unwritable().is_some() => {
                    let why = error.unwritable().unwrap_or_default();
                    jobs.iter_mut().for_each(|job| job.spoil(DbError::Unwritable { why }));
                    break;
                }
                End::Lost(error) if attempt == ATTEMPTS => {
                    let why = error.map_or("the connection was lost".into(), |error| error.to_string());
                    jobs.iter_mut().for_each(|job| job.spoil(DbError::Commit { why: why.clone() }));
                }
                End::Lost(_) => std::thread::sleep(Duration::from_millis(10 << attempt)),
            }
        }
        jobs.into_iter().for_each(Job::settle);
    }

    fn reconnect(&mut self) {
        if let Connection::Postgres { url, conn } = &mut self.conn
            && !conn.is_open()
        {
            match PgConn::open(url) {
                Ok(fresh) => **conn = fresh,
                Err(error) => tracing::warn!(%error, "no connection to the database"),
            }
        }
    }

    fn batch(
        &mut self,
        jobs: &mut Vec<Box<dyn Job>>,
        queue: Option<&mut mpsc::Receiver<Box<dyn Job>>>,
    ) -> End {
        // A job with nobody behind it needs no savepoint; it has the transaction to itself.
        let mut queue = queue.filter(|queue| !queue.is_empty());
        let shared = queue.is_some();
        if let Err(error) = self.begin() {
            return End::Lost(Some(error));
        }
        let started = Instant::now();
        let mut head: Option<Head> = None;
        let mut kept = 0usize;
        let mut after: Vec<AfterCommit> = Vec::new();
        let mut emitted = false;
        let mut next = 0;
        loop {
            while next < jobs.len() {
                match self.one(&mut *jobs[next], shared, &mut head) {
                    Ran::Kept { after: mut more, emitted: some } => {
                        kept += 1;
                        after.append(&mut more);
                        emitted |= some;
                    }
                    Ran::Undone => {}
                    Ran::Lost(error) => {
                        let _ = self.statement("ROLLBACK");
                        return End::Lost(error);
                    }
                }
                next += 1;
            }
            let more = jobs.len() < BATCH_JOBS && started.elapsed() < BATCH_TIME;
            match queue.as_mut().filter(|_| more).and_then(|queue| queue.try_recv().ok()) {
                Some(job) => jobs.push(job),
                None => break,
            }
        }
        if kept == 0 {
            let _ = self.statement("ROLLBACK");
            return End::Settled;
        }
        let stored = match &head {
            Some(head) => append::store_head(&mut self.tx(), head),
            None => Ok(()),
        };
        match stored.and_then(|()| self.statement("COMMIT")) {
            Ok(()) => {
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.unwritable.committed();
                if emitted {
                    self.shared.emitted.notify_waiters();
                }
                after.into_iter().for_each(|hook| hook());
                End::Settled
            }
            Err(error) => {
                let _ = self.statement("ROLLBACK");
                if let Some(why) = error.unwritable() {
                    self.shared.unwritable.failed(why);
                }
                End::Lost(Some(error))
            }
        }
    }

    /// One job inside the open transaction.
    fn one(&mut self, job: &mut dyn Job, shared: bool, head: &mut Option<Head>) -> Ran {
        if shared && let Err(error) = self.statement("SAVEPOINT job") {
            return Ran::Lost(Some(error));
        }
        let lane = self.lane;
        let mut tx = self.tx();
        let ran = job.run(&mut tx);
        let mut lost = tx.lost;
        let before = head.clone();
        let mut keep = false;
        if ran {
            match finish(&mut tx, lane, head) {
                Ok(()) => keep = true,
                Err(error) => {
                    lost |= error.is_retryable();
                    *head = before;
                    job.spoil(error);
                }
            }
        }
        let after = std::mem::take(&mut tx.after_commit);
        let (emitted, unwritable) = (tx.has_emitted, tx.unwritable);
        drop(tx);
        if let Some(why) = unwritable {
            self.shared.unwritable.failed(why);
            return Ran::Lost(Some(DbError::Unwritable { why }));
        }
        if lost || self.is_gone() {
            return Ran::Lost(None);
        }
        let end = match (shared, keep) {
            (true, true) => self.statement("RELEASE SAVEPOINT job"),
            (true, false) => self.statement("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job"),
            (false, _) => Ok(()),
        };
        match (end, keep) {
            (Err(error), _) => Ran::Lost(Some(error)),
            (Ok(()), true) => Ran::Kept { after, emitted },
            (Ok(()), false) => Ran::Undone,
        }
    }

    fn begin(&mut self) -> Result<(), DbError> {
        match (&self.conn, self.lane) {
            (Connection::Sqlite(_), _) => self.statement("BEGIN IMMEDIATE"),
            (Connection::Postgres { .. }, Lane::Parallel) => self.statement("BEGIN"),
            (Connection::Postgres { .. }, Lane::Serial) => {
                self.statement(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOG_LOCK})"))
            }
        }
    }

    fn statement(&mut self, sql: &str) -> Result<(), DbError> {
        self.tx().batch(sql)
    }

    fn tx(&mut self) -> Tx<'_> {
        let (now, vault) = (self.clock.now(), self.shared.vault.get().cloned());
        match &mut self.conn {
            Connection::Sqlite(conn) => Tx::new(Conn::Sqlite(conn), now, false, vault),
            Connection::Postgres { conn, .. } => Tx::new(Conn::Postgres(conn), now, false, vault),
        }
    }

    /// SQLite ends a transaction by itself on a full disk and the like; PostgreSQL with its connection.
    fn is_gone(&self) -> bool {
        match &self.conn {
            Connection::Sqlite(conn) => conn.is_autocommit(),
            Connection::Postgres { conn, .. } => !conn.is_open(),
        }
    }
}

enum Ran {
    Kept { after: Vec<AfterCommit>, emitted: bool },
    Undone,
    Lost(Option<DbError>),
}

/// What every transaction ends with: its records and outbox events get their places.
fn finish(tx: &mut Tx, lane: Lane, head: &mut Option<Head>) -> Result<(), DbError> {
    if let Some(sql) = tx.missing_record() {
        let error = DbError::Unaudited { sql: sql.to_owned() };
        if cfg!(debug_assertions) {
            return Err(error);
        }
        tracing::error!(%error, "a change has no audit record");
    }
    let records = std::mem::take(&mut tx.records);
    let emitted = std::mem::take(&mut tx.emitted);
    if records.is_empty() && emitted.is_empty() {
        return Ok(());
    }
    tx.has_emitted = !emitted.is_empty();
    if lane == Lane::Parallel && tx.is_postgres() && head.is_none() {
        tx.query("SELECT CAST(pg_advisory_xact_lock(?1) AS TEXT)", params![LOG_LOCK], |_| Ok(()))?;
    }
    outbox::store(tx, emitted)?;
    if records.is_empty() {
        return Ok(());
    }
    let mut end = match head.take() {
        Some(end) => end,
        None => append::head(tx)?,
    };
    append::append(tx, &mut end, records)?;
    *head = Some(end);
    Ok(())
}
