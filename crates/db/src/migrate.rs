//! Schema changes: each module lists its own, in its `migrations/` folder; applied ones are recorded by hash.

use crate::db::Db;
use crate::error::DbError;
use crate::params;
use crate::tx::Tx;
use crate::{audit, outbox, sql};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One step of a module's schema. `sql` is written for SQLite in the shared subset; the few words that differ
/// (`INTEGER PRIMARY KEY AUTOINCREMENT`, ` BLOB`, `WITHOUT ROWID`) are put into PostgreSQL's for it.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The module's folder name.
    pub module: &'static str,
    /// 1, 2, 3, … within the module.
    pub number: i64,
    /// What it does.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// `migration!("estate", 1, "zones", "../migrations/0001_zones.sql")`: a [`Migration`] from a file.
#[macro_export]
macro_rules! migration {
    ($module:literal, $number:literal, $name:literal, $file:literal) => {
        $crate::Migration { module: $module, number: $number, name: $name, sql: include_str!($file) }
    };
}

/// A small key and value kept per installation: see [`Tx::kv`].
const KV: &str = "CREATE TABLE kv (name TEXT PRIMARY KEY, value BLOB NOT NULL);";

const OWN: [Migration; 3] = [
    Migration { module: "db", number: 1, name: "audit log", sql: audit::append::SCHEMA },
    Migration { module: "db", number: 2, name: "outbox", sql: outbox::SCHEMA },
    Migration { module: "db", number: 3, name: "installation values", sql: KV },
];

impl Db {
    /// Applies what is missing, in the order given, each in its own transaction. This crate's own come first.
    ///
    /// # Errors
    /// [`DbError::Migration`] when an applied one was edited or a number is missing.
    pub fn migrate(&self, migrations: &[Migration]) -> Result<(), DbError> {
        let all: Vec<Migration> = OWN.iter().chain(migrations).copied().collect();
        check_numbers(&all)?;
        self.write_blocking(|tx: &mut Tx| -> Result<(), DbError> {
            tx.unaudited("schema bookkeeping");
            tx.batch(
                "CREATE TABLE IF NOT EXISTS migration (module TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL,
                 hash TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (module, number))",
            )
        })?;
        for migration in all {
            self.write_blocking(move |tx| apply(tx, &migration))?;
        }
        Ok(())
    }
}

fn check_numbers(migrations: &[Migration]) -> Result<(), DbError> {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for migration in migrations {
        let expected = last.get(migration.module).copied().unwrap_or(0) + 1;
        if migration.number != expected {
            return Err(refused(migration, format!("expected number {expected} here")));
        }
        last.insert(migration.module, migration.number);
    }
    Ok(())
}

fn apply(tx: &mut Tx, migration: &Migration) -> Result<(), DbError> {
    tx.unaudited("schema bookkeeping");
    let hash = hex::encode(Sha256::digest(migration.sql.as_bytes()));
    let applied = tx.query_opt(
        "SELECT hash FROM migration WHERE module = ?1 AND number = ?2",
        params![migration.module, migration.number],
        |row| row.get::<String>(0),
    )?;
    match applied {
        Some(applied) if applied == hash => return Ok(()),
        Some(_) => {
            let why = "was applied with another text; restore that text and add a new migration instead";
            return Err(refused(migration, why.into()));
        }
        None => {}
    }
    let text = if tx.is_postgres() {
        sql::postgres_schema(migration.sql)
    } else {
        sql::sqlite_schema(migration.sql)
    };
    tx.batch(&text).map_err(|error| refused(migration, error.to_string()))?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO migration (module, number, name, hash, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![migration.module, migration.number, migration.name, hash, now],
    )?;
    Ok(())
}

fn refused(migration: &Migration, why: String) -> DbError {
    DbError::Migration {
        module: migration.module.into(),
        number: migration.number,
        name: migration.name.into(),
        why,
    }
}

impl Tx<'_> {
    /// A value of the installation (keys, switches). Audit its change like any other.
    ///
    /// # Errors
    /// [`DbError::Statement`].
    pub fn kv(&mut self, name: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.query_opt("SELECT value FROM kv WHERE name = ?1", params![name], |row| row.get(0))
    }

    /// Sets a value of the installation.
    ///
    /// # Errors
    /// [`DbError::Statement`].
    pub fn set_kv(&mut self, name: &str, value: &[u8]) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO kv (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![name, value],
        )?;
        Ok(())
    }
}
