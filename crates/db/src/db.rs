//! The database as the rest of the controller holds it.

use crate::engine::postgres::PgConn;
use crate::engine::{postgres, sqlite};
use crate::error::DbError;
use crate::pool::Pool;
use crate::tx::{Conn, Tx};
use crate::vault::Vault;
use crate::writer::{Connection, Lane, Shared, Writer};
use bo_model::clock::SharedClock;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// Writers beside the serial one, on PostgreSQL.
const INGEST_LANES: usize = 4;
/// Connections that read at the same time.
const READERS: usize = 16;

/// A handle on the database; cheap to clone. The last one dropped finishes the queued writes.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    readers: Readers,
    serial: Writer,
    ingest: Vec<Writer>,
    shared: Arc<Shared>,
}

enum Readers {
    Sqlite { path: PathBuf, pool: Pool<rusqlite::Connection> },
    Postgres { url: String, pool: Pool<PgConn> },
}

impl Db {
    /// Opens `sqlite:PATH` or `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// [`DbError::Open`] says what is wrong with it.
    pub fn open(url: &str, clock: SharedClock) -> Result<Db, DbError> {
        let shared = Arc::new(Shared::default());
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = PathBuf::from(path);
            let conn = sqlite::open(&path, false)?;
            let start =
                |conn| Writer::start("db-write".into(), conn, Lane::Serial, clock.clone(), shared.clone());
            let serial = start(Connection::Sqlite(conn))?;
            let readers = Readers::Sqlite { path, pool: Pool::new(READERS) };
            return Ok(Db(Arc::new(Inner { clock, readers, serial, ingest: Vec::new(), shared })));
        }
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            let why = "write `sqlite:<file>` or `postgres://user:password@host/database`".into();
            return Err(DbError::Open { url: postgres::hide_password(url), why });
        }
        let start = |name: String, lane| {
            let conn = Box::new(postgres::outside_async(|| PgConn::open(url))?);
            let conn = Connection::Postgres { url: url.to_owned(), conn };
            Writer::start(name, conn, lane, clock.clone(), shared.clone())
        };
        let serial = start("db-write".into(), Lane::Serial)?;
        let ingest: Result<Vec<_>, _> =
            (0..INGEST_LANES).map(|n| start(format!("db-ingest-{n}"), Lane::Parallel)).collect();
        let readers = Readers::Postgres { url: url.to_owned(), pool: Pool::new(READERS) };
        Ok(Db(Arc::new(Inner { clock, readers, serial, ingest: ingest?, shared })))
    }

    /// Gives it the keys that secrets are sealed with, once, before any is stored or read.
    pub fn keep_secrets(&self, vault: Vault) {
        if self.0.shared.vault.set(Arc::new(vault)).is_err() {
            tracing::error!("the keys of stored secrets were given twice; the first stay");
        }
    }

    /// Reads, in place, in one consistent snapshot. Writing inside is an error.
    ///
    /// # Errors
    /// What `work` returns, or why there was no connection.
    pub fn read<T, E>(&self, work: impl FnOnce(&mut Tx) -> Result<T, E> + Send) -> Result<T, E>
    where
        T: Send,
        E: From<DbError> + Send,
    {
        let (now, vault) = (self.0.clock.now(), self.0.shared.vault.get().cloned());
        match &self.0.readers {
            Readers::Sqlite { path, pool } => {
                let conn = pool.take(|| sqlite::open(path, true))?;
                conn.execute_batch("BEGIN").map_err(begin_failed)?;
                let _end = EndRead(&conn);
                work(&mut Tx::new(Conn::Sqlite(&conn), now, true, vault))
            }
            Readers::Postgres { url, pool } => postgres::outside_async(|| {
                let mut conn = pool.take(|| PgConn::open(url))?;
                if !conn.is_open() {
                    *conn = PgConn::open(url)?;
                }
                postgres::batch(&mut conn, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
                let outcome = work(&mut Tx::new(Conn::Postgres(&mut conn), now, true, vault));
                postgres::batch(&mut conn, "ROLLBACK")?;
                outcome
            }),
        }
    }

    /// Writes. Transactions run one after the other (on PostgreSQL across all controllers), so what was read
    /// inside still holds at the commit. `work` may run again when the engine asks for it: everything it does
    /// must go through `tx`. After a failed statement return its error; PostgreSQL refuses all that follow.
    ///
    /// # Errors
    /// What `work` returns, [`DbError::Unaudited`] (in debug builds), or why it could not be committed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    {
        self.0.serial.submit(work).await
    }

    /// Writes beside other writers where the engine can (PostgreSQL): for telemetry. Work with the same `key`
    /// stays in order. Only rows that belong to that key may be touched.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn ingest<T, E, F>(&self, key: u64, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    {
        let lanes = self.0.ingest.len().max(1) as u64;
        self.0.ingest.get((key % lanes) as usize).unwrap_or(&self.0.serial).submit(work).await
    }

    /// [`Db::write`] for code that is not async: start-up and the command line.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    {
        self.0.serial.submit_blocking(work)
    }

    /// Writes tables anew, so that what was deleted from them or overwritten is not in the database's files any more. Takes as
    /// long and as much room as the tables (on SQLite: the whole file) are large. Outside of transactions; at start.
    ///
    /// # Errors
    /// When the database can't: the disk is full, somebody else holds it.
    pub fn rewrite(&self, tables: &[&str]) -> Result<(), DbError> {
        match &self.0.readers {
            Readers::Sqlite { path, .. } => {
                let conn = sqlite::open(path, false)?;
                sqlite::batch(&conn, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            }
            Readers::Postgres { url, .. } => postgres::outside_async(|| {
                let mut conn = PgConn::open(url)?;
                postgres::batch(&mut conn, "SET statement_timeout = 0")?;
                tables
                    .iter()
                    .try_for_each(|table| postgres::batch(&mut conn, &format!("VACUUM (FULL) {table}")))
            }),
        }
    }

    /// The clock it was opened with.
    pub fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    /// Transactions committed so far: many writes that wait together are one.
    pub fn commits(&self) -> u64 {
        self.0.shared.commits.load(Ordering::Relaxed)
    }

    /// Why nothing can be written at present, when the disk does not take it; reading goes on. Known from the last attempt.
    pub fn unwritable(&self) -> Option<&'static str> {
        self.0.shared.unwritable.why()
    }

    /// Woken after each commit that put something into the outbox.
    pub(crate) fn emitted(&self) -> &Notify {
        &self.0.shared.emitted
    }
}

fn begin_failed(error: rusqlite::Error) -> DbError {
    DbError::Commit { why: error.to_string() }
}

/// Ends a reading transaction whatever happens inside it.
struct EndRead<'c>(&'c rusqlite::Connection);

impl Drop for EndRead<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.execute_batch("ROLLBACK") {
            tracing::warn!(%error, "a reading transaction did not end");
        }
    }
}
