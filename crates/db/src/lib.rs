//! The database: SQL written once for SQLite and PostgreSQL, migrations, the audit log, the outbox.
//!
//! ```ignore
//! let db = Db::open("sqlite:backoffice.db", clock)?;
//! db.migrate(&[migration!("estate", 1, "zones", "../migrations/0001_zones.sql")])?;
//!
//! let names = db.read(|tx| tx.query("SELECT name FROM zone WHERE parent = ?1", params![parent], |row| row.get::<String>(0)))?;
//!
//! db.write(move |tx| -> Result<(), DbError> {
//!     tx.execute("UPDATE zone SET name = ?1 WHERE id = ?2", params![&name, id])?;
//!     tx.audit(Event::new("zone.rename", Object::new(Kind::ZONE, id)).change(json!({"name": old}), json!({"name": name})));
//!     Ok(())
//! }).await?;
//! ```
//!
//! # The SQL both engines share
//! - placeholders `?1`, `?2`, …; names in lower case, not quoted
//! - `BIGINT` for whole numbers, booleans (0 and 1) and times (microseconds, UTC); `DOUBLE PRECISION`; `TEXT` for text,
//!   ids (`0190…`), objects (`zone:0190…`) and JSON; `BLOB` for bytes; `INTEGER PRIMARY KEY AUTOINCREMENT` for counters
//! - `INSERT … ON CONFLICT (…) DO UPDATE SET a = excluded.a`, `RETURNING`, `WITH RECURSIVE`, partial indexes, window functions
//! - `CASE WHEN a < b THEN a ELSE b END` instead of two-argument `min`/`LEAST`; `COALESCE`; `lower(a) LIKE lower(?1)`
//! - every selected column that is not aggregated is in `GROUP BY`; `CAST(?1 AS BIGINT)` where nothing else tells a placeholder's type
//! - what only one engine knows (full text) stands in a migration behind a line `-- [sqlite]` or `-- [postgres]`, up to `-- [both]`
//! - after a failed statement return the error: PostgreSQL refuses what follows in that transaction
//!
//! # Rules
//! - `write` runs on the writer's thread, one transaction after the other; its closure may run more than once
//! - a transaction that changes data and has no audit record fails in debug builds, unless it says [`Tx::unaudited`] why

pub mod audit;
mod db;
mod engine;
mod error;
mod ids;
mod migrate;
pub mod outbox;
mod param;
pub mod part;
mod pool;
mod row;
mod sealed;
mod sql;
pub mod testing;
mod tx;
mod unwritable;
mod vault;
mod writer;

pub use audit::Event;
pub use db::Db;
pub use error::{DbError, EngineError};
pub use migrate::Migration;
pub use param::Param;
pub use part::{Owned, Part};
pub use row::{Cell, Column, Row};
pub use sealed::{SealedColumn, reseal};
pub use sql::places;
pub use tx::Tx;
pub use vault::Vault;
