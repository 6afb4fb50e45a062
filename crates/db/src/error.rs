//! What can go wrong with the database, named for the operation that failed.

use std::path::PathBuf;

/// A failure of one of the two engines, as that engine words it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// From SQLite.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// From PostgreSQL, with the server's own message: the driver's text says only "db error".
    #[error("{}", postgres_message(.0))]
    Postgres(#[from] postgres::Error),
}

fn postgres_message(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}

impl EngineError {
    /// A unique or primary key was violated.
    pub fn is_unique(&self) -> bool {
        match self {
            EngineError::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => matches!(
                error.extended_code,
                rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            ),
            EngineError::Sqlite(_) => false,
            EngineError::Postgres(error) => {
                error.code() == Some(&postgres::error::SqlState::UNIQUE_VIOLATION)
            }
        }
    }

    /// Why nothing can be written, when the disk is the reason.
    pub fn unwritable(&self) -> Option<&'static str> {
        use postgres::error::SqlState;
        use rusqlite::ffi;
        match self {
            EngineError::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => match error.extended_code {
                ffi::SQLITE_FULL => Some(DISK_FULL),
                ffi::SQLITE_IOERR_WRITE
                | ffi::SQLITE_IOERR_FSYNC
                | ffi::SQLITE_IOERR_TRUNCATE
                | ffi::SQLITE_IOERR_SHMSIZE
                | ffi::SQLITE_IOERR_SHMMAP => Some(DISK_FAILS),
                _ => None,
            },
            EngineError::Sqlite(_) => None,
            EngineError::Postgres(error) => match error.code() {
                Some(code) if *code == SqlState::DISK_FULL => Some(DISK_FULL),
                Some(code) if *code == SqlState::IO_ERROR => Some(DISK_FAILS),
                _ => None,
            },
        }
    }

    /// The transaction lost to another one and may be run again.
    pub fn is_retryable(&self) -> bool {
        use postgres::error::SqlState;
        match self {
            EngineError::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy))
            }
            EngineError::Postgres(error) => {
                error.is_closed()
                    || error.code().is_some_and(|code| {
                        *code == SqlState::T_R_SERIALIZATION_FAILURE
                            || *code == SqlState::T_R_DEADLOCK_DETECTED
                    })
            }
        }
    }
}

const DISK_FULL: &str = "the disk of the controller's database is full";
const DISK_FAILS: &str = "the disk of the controller's database does not take what is written to it";

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The database named in the configuration can't be used.
    #[error("can't open the database `{url}`: {why}")]
    Open {
        /// Where, without a password.
        url: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A statement failed.
    #[error("database statement failed: {source} (in `{sql}`)")]
    Statement {
        /// The statement, without values.
        sql: String,
        /// What the engine says.
        #[source]
        source: EngineError,
    },
    /// A transaction could not be begun or committed; nothing of it was kept.
    #[error("database transaction failed and was undone: {why}")]
    Commit {
        /// What the engine says.
        why: String,
    },
    /// The disk does not take any more; what is there can be read. Nothing of the transaction was kept.
    #[error("nothing can be saved: {why}")]
    Unwritable {
        /// What is the matter.
        why: &'static str,
    },
    /// A column does not hold what the query expects.
    #[error("column {column} holds {found}, expected {expected}")]
    Column {
        /// Position, from 0.
        column: usize,
        /// What is there.
        found: &'static str,
        /// What was asked for.
        expected: &'static str,
    },
    /// A query that must find exactly one row found none.
    #[error("no row found (in `{sql}`)")]
    Missing {
        /// The statement.
        sql: String,
    },
    /// The queue of writes stayed full, or no connection became free, until the deadline.
    #[error("the database is too busy: {what}")]
    Busy {
        /// What was waited for.
        what: &'static str,
    },
    /// The writer has stopped.
    #[error("the database is shut down")]
    Closed,
    /// The code inside a transaction panicked; the transaction was undone.
    #[error("a transaction failed unexpectedly and was undone: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A transaction changed data and wrote no audit record.
    #[error(
        "a transaction changed data with no audit record: call `tx.audit` or say why not with `tx.unaudited` (first change: `{sql}`)"
    )]
    Unaudited {
        /// The first statement that changed something.
        sql: String,
    },
    /// A migration differs from the one that was applied, or is out of order.
    #[error("migration {module}/{number} ({name}): {why}")]
    Migration {
        /// Folder of the module.
        module: String,
        /// Its number there.
        number: i64,
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A value kept as JSON can't be written or read.
    #[error("{what} is not valid JSON")]
    Json {
        /// What was read or written.
        what: &'static str,
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The audit log's own bookkeeping is damaged.
    #[error("the audit log is damaged: {why}")]
    AuditDamaged {
        /// What was found.
        why: String,
    },
    /// A stored secret can't be sealed or opened.
    #[error("a stored secret can't be read: {why}")]
    Sealed {
        /// What is wrong, and what to do.
        why: String,
    },
    /// A key, of checkpoints or of stored secrets, can't be read or made.
    #[error("key {path}: {why}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl DbError {
    /// A unique or primary key was violated: the thing exists already.
    pub fn is_unique(&self) -> bool {
        matches!(self, DbError::Statement { source, .. } if source.is_unique())
    }

    /// Why nothing can be written at all at present, when that is the reason of this failure.
    pub fn unwritable(&self) -> Option<&'static str> {
        match self {
            DbError::Unwritable { why } => Some(why),
            DbError::Statement { source, .. } => source.unwritable(),
            _ => None,
        }
    }

    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, DbError::Statement { source, .. } if source.is_retryable())
    }
}
