//! Columns that hold sealed text, as data: so that one function brings all of them under the newest key, what was stored
//! before they were sealed included.

use crate::db::Db;
use crate::error::DbError;
use crate::params;
use crate::tx::Tx;
use crate::vault::Vault;

/// A column whose texts are sealed with [`crate::Vault`], each for its own place. Empty texts, and `{}`, lie open.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column that names a row, as an expression that gives text.
    pub key: &'static str,
    /// The column that is sealed.
    pub column: &'static str,
    /// Where texts are sealed for: behind a colon at its end stands the row's key, otherwise all rows are one place.
    pub place: &'static str,
}

impl SealedColumn {
    /// The place of the text in the row of this key.
    pub fn place(&self, key: impl std::fmt::Display) -> String {
        match self.place.ends_with(':') {
            true => format!("{}{key}", self.place),
            false => self.place.to_owned(),
        }
    }

    /// The text to store in the row of this key.
    ///
    /// # Errors
    /// [`DbError::Sealed`] when there is no key to seal with.
    pub fn seal(&self, tx: &Tx, key: impl std::fmt::Display, text: &str) -> Result<String, DbError> {
        if is_nothing(text) { Ok(text.to_owned()) } else { tx.vault()?.seal(&self.place(key), text) }
    }

    /// The text of what is stored in the row of this key.
    ///
    /// # Errors
    /// As [`crate::Vault::open`].
    pub fn open(&self, vault: &Vault, key: impl std::fmt::Display, stored: &str) -> Result<String, DbError> {
        vault.open(&self.place(key), stored)
    }

    /// Seals every text of the column that is not sealed under the newest key yet. How many there were.
    ///
    /// # Errors
    /// When a key is missing from the key file, or the database fails.
    pub fn reseal(&self, tx: &mut Tx) -> Result<usize, DbError> {
        let SealedColumn { table, key, column, .. } = self;
        let vault = tx.vault()?;
        // Keys first, and the texts one by one: releases are large.
        let sql =
            format!("SELECT {key} FROM {table} WHERE {column} NOT LIKE ?1 AND {column} NOT IN ('', '{{}}')");
        let stale = tx.query(&sql, params![vault.current()? + "%"], |row| row.get::<String>(0))?;
        for name in &stale {
            let sql = format!("SELECT {column} FROM {table} WHERE {key} = ?1");
            let stored = tx.query_one(&sql, params![name], |row| row.get::<String>(0))?;
            let place = self.place(name);
            let fresh = vault.seal(&place, &vault.open(&place, &stored)?)?;
            tx.execute(&format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1"), params![name, fresh])?;
        }
        Ok(stale.len())
    }
}

/// Seals everything in these columns that is not sealed under the newest key yet, and then writes their tables anew, so that
/// nothing of what lay there before is left in the database's files. How many texts there were. At start, before anything else.
///
/// # Errors
/// When a key is missing from the key file, or the database fails. That tables could not be written anew is only told.
pub fn reseal(db: &Db, columns: &[SealedColumn]) -> Result<usize, DbError> {
    let wanted = columns.to_vec();
    let sealed = db.write_blocking(move |tx: &mut Tx| {
        tx.unaudited("the same secrets under another key");
        wanted.iter().map(|column| column.reseal(tx)).sum::<Result<usize, DbError>>()
    })?;
    if sealed > 0 {
        tracing::info!(
            sealed,
            "stored secrets are sealed under the newest key; their tables are written anew"
        );
        let tables: Vec<&str> = columns.iter().map(|column| column.table).collect();
        if let Err(error) = db.rewrite(&tables) {
            tracing::warn!(%error, "tables could not be written anew: what was there before may still be in the database's files");
        }
    }
    Ok(sealed)
}

fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "{}")
}
