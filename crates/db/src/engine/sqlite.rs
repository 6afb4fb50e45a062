//! SQLite: one writing connection, a pool of reading ones, write-ahead log, synced at each commit.

use crate::error::{DbError, EngineError};
use crate::param::Param;
use crate::row::Row;
use crate::sql::short;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Opens a connection. A reading one can't write: SQLite itself refuses.
pub fn open(path: &Path, read_only: bool) -> Result<Connection, DbError> {
    let failed = |source: rusqlite::Error| {
        let homeless = path.parent().is_some_and(|dir| !dir.as_os_str().is_empty() && !dir.exists());
        let source = EngineError::Sqlite(source);
        let why = match source.unwritable() {
            _ if homeless => "its folder does not exist".to_owned(),
            // The memory that connections share is a file too: not even reading begins without room for it.
            Some(why) => format!("{why}; make room there (df shows how full it is) and start again"),
            None => source.to_string(),
        };
        DbError::Open { url: format!("sqlite:{}", path.display()), why }
    };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
    conn.set_prepared_statement_cache_capacity(256);
    // FULL: a commit that was answered survives a power cut, which is what the edges' watermarks rest on.
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
        PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA mmap_size = 268435456;
        PRAGMA journal_size_limit = 67108864;";
    conn.execute_batch(pragmas).map_err(failed)?;
    if read_only {
        conn.execute_batch("PRAGMA query_only = ON").map_err(failed)?;
    }
    Ok(conn)
}

fn failed(sql: &str) -> impl Fn(rusqlite::Error) -> DbError + '_ {
    move |source| DbError::Statement { sql: short(sql), source: EngineError::Sqlite(source) }
}

pub fn for_each(
    conn: &Connection,
    sql: &str,
    params: &[Param<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let mut statement = conn.prepare_cached(sql).map_err(failed(sql))?;
    let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(failed(sql))?;
    while let Some(row) = rows.next().map_err(failed(sql))? {
        each(&Row::Sqlite(row))?;
    }
    Ok(())
}

pub fn execute(conn: &Connection, sql: &str, params: &[Param<'_>]) -> Result<usize, DbError> {
    let mut statement = conn.prepare_cached(sql).map_err(failed(sql))?;
    statement.execute(rusqlite::params_from_iter(params)).map_err(failed(sql))
}

pub fn batch(conn: &Connection, sql: &str) -> Result<(), DbError> {
    conn.execute_batch(sql).map_err(failed(sql))
}
