//! The end of a transaction: its events become numbered records and leaves of the tree.
//!
//! Only one transaction at a time may be here. SQLite has one writer anyway; on PostgreSQL an advisory lock
//! ([`crate::engine::postgres::LOG_LOCK`]) is held from here to the commit, by all controllers alike.

use super::event::{Record, actor_key};
use super::merkle::{Frontier, Hash, leaf};
use crate::error::DbError;
use crate::param::Param;
use crate::params;
use crate::tx::Tx;

/// Tables of the log. `body` is the record's exact JSON; the other columns repeat parts of it to search by.
pub(crate) const SCHEMA: &str = "
CREATE TABLE audit_record (
  seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, workspace TEXT, actor TEXT NOT NULL, verb TEXT NOT NULL,
  object TEXT NOT NULL, outcome TEXT NOT NULL, body TEXT NOT NULL, leaf BLOB NOT NULL);
CREATE INDEX audit_record_object ON audit_record (object, seq);
CREATE INDEX audit_record_actor ON audit_record (actor, seq);
CREATE INDEX audit_record_at ON audit_record (at);
CREATE TABLE audit_head (id BIGINT PRIMARY KEY, size BIGINT NOT NULL, frontier BLOB NOT NULL, last BLOB NOT NULL);
CREATE TABLE audit_checkpoint (size BIGINT PRIMARY KEY, at BIGINT NOT NULL, note TEXT NOT NULL);
";

/// The log's end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub frontier: Frontier,
    pub last: Option<Hash>,
}

/// Reads the log's end.
pub(crate) fn head(tx: &mut Tx) -> Result<Head, DbError> {
    let row = tx.query_opt("SELECT size, frontier, last FROM audit_head WHERE id = 1", &[], |row| {
        Ok((row.get::<u64>(0)?, row.get::<Vec<u8>>(1)?, row.get::<Vec<u8>>(2)?))
    })?;
    let Some((size, frontier, last)) = row else { return Ok(Head::default()) };
    let damaged =
        || DbError::AuditDamaged { why: format!("the stored head for {size} records does not fit") };
    let frontier = Frontier::from_parts(size, &frontier).ok_or_else(damaged)?;
    let last = if size == 0 { None } else { Some(last.try_into().map_err(|_| damaged())?) };
    Ok(Head { frontier, last })
}

/// Appends `records` behind `head`, which moves on.
pub(crate) fn append(tx: &mut Tx, head: &mut Head, records: Vec<Record>) -> Result<(), DbError> {
    let mut rows = Vec::with_capacity(records.len());
    for mut record in records {
        record.seq = head.frontier.size();
        record.prev = head.last.map(hex::encode).unwrap_or_default();
        let body = serde_json::to_string(&record)
            .map_err(|source| DbError::Json { what: "an audit record", source })?;
        let hash = leaf(body.as_bytes());
        head.frontier.push(hash);
        head.last = Some(hash);
        rows.push(vec![
            Param::from(record.seq),
            Param::from(record.at),
            Param::from(record.workspace),
            Param::from(actor_key(&record.actor)),
            Param::from(record.verb),
            Param::from(record.object),
            Param::from(record.outcome.word()),
            Param::from(body),
            Param::from(hash.to_vec()),
        ]);
    }
    let columns = ["seq", "at", "workspace", "actor", "verb", "object", "outcome", "body", "leaf"];
    tx.insert_many("audit_record", &columns, &rows)
}

/// Stores the log's end.
pub(crate) fn store_head(tx: &mut Tx, head: &Head) -> Result<(), DbError> {
    let last = head.last.map(|hash| hash.to_vec()).unwrap_or_default();
    tx.execute(
        "INSERT INTO audit_head (id, size, frontier, last) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET size = excluded.size, frontier = excluded.frontier, last = excluded.last",
        params![head.frontier.size(), head.frontier.bytes(), last],
    )?;
    Ok(())
}
