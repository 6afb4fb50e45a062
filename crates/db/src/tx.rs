//! A transaction: one type for both engines, for reading and for writing.

use crate::audit::{Author, Event, Record};
use crate::engine::postgres::PgConn;
use crate::engine::{postgres, sqlite};
use crate::error::DbError;
use crate::outbox::Emitted;
use crate::param::Param;
use crate::row::Row;
use crate::sql::{changes_data, places, short};
use crate::vault::Vault;
use bo_model::command::Actor;
use bo_model::{Object, Time};
use std::any::Any;
use std::sync::Arc;

pub(crate) enum Conn<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c mut PgConn),
}

/// Runs once the transaction is on disk.
pub(crate) type AfterCommit = Box<dyn FnOnce() + Send>;

/// A transaction in progress. SQL is written once, with `?1` placeholders, in the subset both engines share
/// (see the crate's front page).
pub struct Tx<'c> {
    pub(crate) conn: Conn<'c>,
    now: Time,
    read_only: bool,
    author: Author,
    pub(crate) records: Vec<Record>,
    pub(crate) emitted: Vec<Emitted>,
    first_change: Option<String>,
    unaudited: Option<&'static str>,
    pub(crate) after_commit: Vec<AfterCommit>,
    pub(crate) has_emitted: bool,
    /// What [`Tx::keep`] was given.
    kept: Option<Box<dyn Any + Send>>,
    /// A statement failed in a way that says: run the whole transaction again.
    pub(crate) lost: bool,
    /// A statement failed because the disk takes no more.
    pub(crate) unwritable: Option<&'static str>,
    vault: Option<Arc<Vault>>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: Conn<'c>, now: Time, read_only: bool, vault: Option<Arc<Vault>>) -> Tx<'c> {
        Tx {
            conn,
            now,
            read_only,
            author: Author::default(),
            records: Vec::new(),
            emitted: Vec::new(),
            first_change: None,
            unaudited: None,
            after_commit: Vec::new(),
            has_emitted: false,
            kept: None,
            lost: false,
            unwritable: None,
            vault,
        }
    }

    /// Seals and opens the secrets that are kept.
    ///
    /// # Errors
    /// [`DbError::Sealed`] when the database was opened without keys.
    pub fn vault(&self) -> Result<Arc<Vault>, DbError> {
        self.vault
            .clone()
            .ok_or_else(|| DbError::Sealed { why: "the database was opened without its keys".into() })
    }

    /// When this transaction began, by the clock the database was opened with.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Whether this transaction can only read.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether this runs on PostgreSQL: for the few places (full text) where one statement can't serve both.
    pub fn is_postgres(&self) -> bool {
        matches!(self.conn, Conn::Postgres(_))
    }

    /// All rows, each through `map`.
    ///
    /// # Errors
    /// [`DbError::Statement`], or what `map` returns.
    pub fn query<T>(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let mut found = Vec::new();
        self.for_each(sql, params, |row| {
            found.push(map(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` with every row, without collecting them.
    ///
    /// # Errors
    /// [`DbError::Statement`], or what `each` returns, which ends the reading.
    pub fn for_each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.note_change(sql, 1);
        let read = match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::for_each(conn, sql, params, each),
            Conn::Postgres(conn) => postgres::for_each(conn, sql, params, each),
        };
        self.note_failure(read.as_ref().err());
        read
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// [`DbError::Statement`], or what `map` returns.
    pub fn query_opt<T>(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.query(sql, params, map)?.into_iter().next())
    }

    /// The first row, which must be there.
    ///
    /// # Errors
    /// [`DbError::Missing`] when it is not, [`DbError::Statement`], or what `map` returns.
    pub fn query_one<T>(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.query_opt(sql, params, map)?.ok_or_else(|| DbError::Missing { sql: short(sql) })
    }

    /// What was worked out from this snapshot before: a reading transaction sees the same from begin to end.
    pub fn kept<T: Any>(&self) -> Option<&T> {
        self.kept.as_ref()?.downcast_ref()
    }

    /// Holds on to something that was worked out from this snapshot, for [`Tx::kept`]; one thing at a time, and only
    /// while reading.
    pub fn keep<T: Any + Send>(&mut self, value: T) {
        self.kept = self.read_only.then(|| Box::new(value) as Box<dyn Any + Send>);
    }

    /// Runs a statement; returns how many rows it changed.
    ///
    /// # Errors
    /// [`DbError::Statement`].
    pub fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<usize, DbError> {
        let ran = match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::execute(conn, sql, params),
            Conn::Postgres(conn) => postgres::execute(conn, sql, params),
        };
        self.note_failure(ran.as_ref().err());
        let changed = ran?;
        self.note_change(sql, changed);
        Ok(changed)
    }

    /// Inserts rows, many per statement. Each row has one value per column.
    ///
    /// # Errors
    /// [`DbError::Statement`].
    pub fn insert_many(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: &[Vec<Param<'_>>],
    ) -> Result<(), DbError> {
        self.insert_many_with(table, columns, rows, "")
    }

    /// Like [`Tx::insert_many`], with a clause behind the values: `ON CONFLICT DO NOTHING`.
    ///
    /// # Errors
    /// [`DbError::Statement`].
    pub fn insert_many_with(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: &[Vec<Param<'_>>],
        clause: &str,
    ) -> Result<(), DbError> {
        // Few different lengths, so that few statements are prepared.
        let mut rest = rows;
        for length in [256, 32, 4, 1] {
            let sql =
                if rest.len() >= length { insert_sql(table, columns, length, clause) } else { continue };
            while let Some((some, more)) = rest.split_at_checked(length) {
                let flat: Vec<Param<'_>> = some.iter().flatten().cloned().collect();
                self.execute(&sql, &flat)?;
                rest = more;
            }
        }
        Ok(())
    }

    /// Sets who acts, for all records of this transaction that don't say otherwise.
    pub fn attribute(&mut self, author: Author) {
        self.author = author;
    }

    /// Who acts.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Who acts, when only the actor matters.
    pub fn act_as(&mut self, actor: Actor) {
        self.author.actor = actor;
    }

    /// Adds a record to the audit log; it is numbered and chained when the transaction commits.
    pub fn audit(&mut self, event: Event) {
        let record = event.record(&self.author, self.now);
        self.records.push(record);
    }

    /// Says why this transaction changes data with no record: telemetry, bookkeeping. Sign-in state is not.
    pub fn unaudited(&mut self, reason: &'static str) {
        self.unaudited = Some(reason);
    }

    /// Hands an event to the outbox: handlers see it after the commit, at least once, in order.
    pub fn emit(&mut self, topic: &'static str, reference: &Object, payload: serde_json::Value) {
        self.emitted.push(Emitted { topic, reference: reference.clone(), payload });
    }

    /// Runs `hook` on the writer's thread once this transaction is on disk; never when it is undone. For
    /// waking whoever waits; it must be short.
    pub fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(hook));
    }

    /// A change that has neither a record nor a reason for having none.
    pub(crate) fn missing_record(&self) -> Option<&str> {
        match (&self.first_change, self.unaudited) {
            (Some(sql), None) if self.records.is_empty() => Some(sql),
            _ => None,
        }
    }

    /// What a failure means for the whole transaction.
    fn note_failure(&mut self, error: Option<&DbError>) {
        self.lost |= error.is_some_and(DbError::is_retryable);
        self.unwritable = self.unwritable.or_else(|| error.and_then(DbError::unwritable));
    }

    fn note_change(&mut self, sql: &str, changed: usize) {
        if changed > 0 && self.first_change.is_none() && !self.read_only && changes_data(sql) {
            self.first_change = Some(short(sql));
        }
    }

    /// Several statements at once, without values: schemas, savepoints.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::batch(conn, sql),
            Conn::Postgres(conn) => postgres::batch(conn, sql),
        }
    }
}

fn insert_sql(table: &str, columns: &[&str], rows: usize, clause: &str) -> String {
    let width = columns.len();
    let tuples: Vec<String> = (0..rows).map(|row| format!("({})", places(row * width + 1, width))).collect();
    format!("INSERT INTO {table} ({}) VALUES {} {clause}", columns.join(", "), tuples.join(", "))
}
