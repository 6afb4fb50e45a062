//! PostgreSQL through the synchronous client. A connection is only ever touched outside an async context
//! (writer threads, or [`outside_async`]), because the client runs a small runtime of its own inside.

use crate::error::{DbError, EngineError};
use crate::param::Param;
use crate::row::Row;
use crate::sql::{placeholders, short};
use postgres::types::ToSql;
use postgres::{Client, NoTls, Statement, fallible_iterator::FallibleIterator};
use std::collections::HashMap;

/// Held by whoever appends to the log or the outbox, to the end of the transaction: numbers are given in the
/// order of commits. (The number is "backoff" in ASCII.)
pub const LOG_LOCK: i64 = 0x0062_6163_6b6f_6666;

/// One connection with its prepared statements.
pub struct PgConn {
    client: Client,
    prepared: HashMap<String, Statement>,
}

/// More prepared statements than this and the cache starts over.
const PREPARED_LIMIT: usize = 512;

impl PgConn {
    /// Connects. The password in the url never reaches an error.
    pub fn open(url: &str) -> Result<PgConn, DbError> {
        let failed = |error: postgres::Error| DbError::Open {
            url: hide_password(url),
            why: EngineError::from(error).to_string(),
        };
        let mut config: postgres::Config = url.parse().map_err(failed)?;
        config.connect_timeout(std::time::Duration::from_secs(10)).application_name("backoffice");
        let mut client = match super::tls::connector(&mut config, url)? {
            Some(tls) => config.connect(tls),
            None => config.connect(NoTls),
        }
        .map_err(failed)?;
        client
            .batch_execute("SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '20s'")
            .map_err(failed)?;
        Ok(PgConn { client, prepared: HashMap::new() })
    }

    /// False when the server is gone.
    pub fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, DbError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&placeholders(sql)).map_err(failed(sql))?;
        if self.prepared.len() >= PREPARED_LIMIT {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn failed(sql: &str) -> impl Fn(postgres::Error) -> DbError + '_ {
    move |source| DbError::Statement { sql: short(sql), source: EngineError::Postgres(source) }
}

pub fn for_each(
    conn: &mut PgConn,
    sql: &str,
    params: &[Param<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let statement = conn.statement(sql)?;
    let values = params.iter().map(|param| param as &(dyn ToSql + Sync));
    let mut rows = conn.client.query_raw(&statement, values).map_err(failed(sql))?;
    while let Some(row) = rows.next().map_err(failed(sql))? {
        each(&Row::Postgres(&row))?;
    }
    Ok(())
}

pub fn execute(conn: &mut PgConn, sql: &str, params: &[Param<'_>]) -> Result<usize, DbError> {
    let statement = conn.statement(sql)?;
    let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
    conn.client.execute(&statement, &values).map(|changed| changed as usize).map_err(failed(sql))
}

pub fn batch(conn: &mut PgConn, sql: &str) -> Result<(), DbError> {
    conn.client.batch_execute(sql).map_err(failed(sql))
}

/// Runs `work` where blocking is allowed and the client may start its own runtime: in place on a multi-thread
/// runtime's worker, on a scoped thread under a single-threaded one (tests).
pub fn outside_async<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::CurrentThread) => std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }),
        Ok(_) => tokio::task::block_in_place(work),
        Err(_) => work(),
    }
}

/// `postgres://user:***@host/db`.
pub fn hide_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "postgres (key=value form)".into() };
    match rest.split_once('@') {
        Some((user, host)) => format!("{scheme}://{}:***@{host}", user.split(':').next().unwrap_or("")),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(hide_password("postgres://bo:s3cret@db/bo"), "postgres://bo:***@db/bo");
        assert_eq!(hide_password("postgres://db/bo"), "postgres://db/bo");
        assert!(!hide_password("host=db password=s3cret").contains("s3cret"));
    }
}
