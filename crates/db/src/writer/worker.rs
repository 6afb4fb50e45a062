//! The thread behind a queue: what waits together is run and committed together.

use super::job::Job;
use super::{Connection, Lane, Shared};
use crate::audit::append::{self, Head};
use crate::engine::postgres::{LOG_LOCK, PgConn};
use crate::error::DbError;
use crate::outbox;
use crate::params;
use crate::tx::{AfterCommit, Conn, Tx};
use bo_model::clock::SharedClock;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Jobs committed together at most, and how long a batch may go on collecting.
const BATCH_JOBS: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(10);
/// How often a job is run again after its transaction was lost.
const ATTEMPTS: usize = 4;

pub(super) struct Worker {
    pub(super) conn: Connection,
    pub(super) lane: Lane,
    pub(super) clock: SharedClock,
    pub(super) shared: Arc<Shared>,
}

/// What a batch leaves behind.
enum End {
    Settled,
    /// The transaction is gone through no fault of a single job.
    Lost(Option<DbError>),
}

impl Worker {
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
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
