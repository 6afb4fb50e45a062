//! The journal's file: tables, appending a group, acknowledging, beginning a new epoch. Synchronous; owned by the writer's thread.

use super::{Entry, JournalState, Limits};
use bo_model::{DeviceId, Time, Value};
use bo_wire::{AuditEntry, Body, Class, Cursor, Gap, Record};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;
use std::path::Path;

pub(super) const PAGE: u64 = 4096;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (class INTEGER PRIMARY KEY, written INTEGER NOT NULL, acknowledged INTEGER NOT NULL);
-- gap_from, gap_count: set on gap records alone, so that neighbours merge without being parsed
CREATE TABLE IF NOT EXISTS record (
    class INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
    gap_from INTEGER, gap_count INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (class, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
    device TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (device, name)) WITHOUT ROWID;
";

/// The open file and the numbers in it.
pub(super) struct Store {
    pub(super) db: Connection,
    pub(super) epoch: u64,
    pub(super) written: [u64; 6],
    pub(super) acknowledged: [u64; 6],
    /// Hash of the last audit entry.
    audit: String,
    /// Changed since they were last stored.
    latest: HashMap<(DeviceId, String), Value>,
}

pub(super) fn pragmas(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;
         PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
    )
}

impl Store {
    /// Opens or makes the file. `epoch` is what a new journal gets.
    pub(super) fn open(path: &Path, limits: &Limits, epoch: u64) -> rusqlite::Result<Store> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "page_size", PAGE)?;
        pragmas(&db)?;
        let hard = (limits.max_bytes + (limits.max_bytes / 4).max(1 << 20)) / PAGE;
        db.query_row(&format!("PRAGMA max_page_count = {hard}"), [], |_| Ok(()))?;
        db.execute_batch(TABLES)?;
        db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?1)", [epoch.to_string()])?;
        let mut store = Store {
            epoch: meta(&db, "epoch")?.and_then(|text| text.parse().ok()).unwrap_or(epoch),
            audit: meta(&db, "audit")?.unwrap_or_default(),
            db,
            written: [0; 6],
            acknowledged: [0; 6],
            latest: HashMap::new(),
        };
        for class in Class::ALL {
            let row = store
                .db
                .query_row(
                    "SELECT written, acknowledged FROM cursor WHERE class = ?1",
                    [class as i64],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            (store.written[class as usize], store.acknowledged[class as usize]) = row.unwrap_or((0, 0));
            // Touches both ends of the class, so that a damaged file shows now and not in the middle of the night.
            let last: Option<u64> = store.db.query_row(
                "SELECT max(seq) FROM record WHERE class = ?1 AND length(body) > 0",
                [class as i64],
                |row| row.get(0),
            )?;
            if last.is_some_and(|last| last != store.written[class as usize]) {
                return Err(damaged());
            }
        }
        Ok(store)
    }

    /// Writes a group in one transaction: first the losses owed per class, then the entries. Returns each entry's number.
    pub(super) fn append(
        &mut self,
        entries: &[Entry],
        owed: &[u64; 6],
        now: Time,
        why: &str,
    ) -> rusqlite::Result<Vec<u64>> {
        let (mut written, mut audit) = (self.written, self.audit.clone());
        let mut numbers = Vec::with_capacity(entries.len());
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut insert =
                tx.prepare_cached("INSERT INTO record (class, seq, at, body) VALUES (?1, ?2, ?3, ?4)")?;
            for class in Class::ALL {
                let lost = owed[class as usize];
                if lost > 0 {
                    let from = written[class as usize] + 1;
                    let to = written[class as usize] + lost;
                    insert_gap(&tx, class, now, &Gap { from, to, count: lost, why: why.to_owned() })?;
                    written[class as usize] = to;
                }
            }
            for entry in entries {
                let slot = &mut written[entry.class as usize];
                *slot += 1;
                let text = match &entry.body {
                    Body::Audit(body) => {
                        let chained = AuditEntry { previous: audit, ..body.clone() };
                        audit = chained.hash();
                        json(&Body::Audit(chained))
                    }
                    body => json(body),
                };
                insert.execute(params![entry.class as i64, *slot, entry.at.0, text])?;
                numbers.push(*slot);
            }
        }
        store_cursors(&tx, &written, &self.acknowledged)?;
        if audit != self.audit {
            set_meta(&tx, "audit", &audit)?;
        }
        tx.commit()?;
        (self.written, self.audit) = (written, audit);
        for entry in entries {
            if let Body::Status(change) = &entry.body {
                self.latest.insert((change.device, change.name.clone()), change.value.clone());
            }
        }
        Ok(numbers)
    }

    /// Stores the last values that changed.
    pub(super) fn store_latest(&mut self) -> rusqlite::Result<()> {
        if self.latest.is_empty() {
            return Ok(());
        }
        let tx = self.db.transaction()?;
        {
            let mut put = tx.prepare_cached("INSERT OR REPLACE INTO latest VALUES (?1, ?2, ?3)")?;
            for ((device, name), value) in &self.latest {
                put.execute(params![device.to_string(), name, json(value)])?;
            }
        }
        tx.commit()?;
        self.latest.clear();
        Ok(())
    }

    /// Moves the watermarks; what no backfill can want is deleted. Nonsense is ignored.
    pub(super) fn acknowledge(&mut self, cursors: &[Cursor]) -> rusqlite::Result<()> {
        let mut acknowledged = self.acknowledged;
        for cursor in cursors {
            let slot = &mut acknowledged[cursor.class as usize];
            if cursor.epoch == self.epoch && cursor.seq <= self.written[cursor.class as usize] {
                *slot = cursor.seq.max(*slot);
            }
        }
        if acknowledged == self.acknowledged {
            return Ok(());
        }
        let tx = self.db.transaction()?;
        store_cursors(&tx, &self.written, &acknowledged)?;
        for class in Class::ALL {
            let upto = acknowledged[class as usize];
            let retained = matches!(class, Class::Status | Class::History);
            if !retained && upto > self.acknowledged[class as usize] {
                tx.prepare_cached("DELETE FROM record WHERE class = ?1 AND seq <= ?2")?
                    .execute(params![class as i64, upto])?;
            }
        }
        tx.commit()?;
        self.acknowledged = acknowledged;
        Ok(())
    }

    /// A new epoch: unacknowledged records are numbered from 1 again, in their order.
    pub(super) fn renew(&mut self, epoch: u64) -> rusqlite::Result<()> {
        let mut written = self.written;
        let tx = self.db.transaction()?;
        for class in Class::ALL {
            let base = self.acknowledged[class as usize];
            let id = class as i64;
            tx.execute("DELETE FROM record WHERE class = ?1 AND seq <= ?2", params![id, base])?;
            // Over the negative numbers, so that no step meets a number that is still taken.
            tx.execute("UPDATE record SET seq = ?2 - seq WHERE class = ?1", params![id, base])?;
            tx.execute("UPDATE record SET seq = -seq WHERE class = ?1", params![id])?;
            let gaps: Vec<(i64, String)> = tx
                .prepare("SELECT at, body FROM record WHERE class = ?1 AND gap_from IS NOT NULL")?
                .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (at, body) in gaps {
                if let Ok(Body::Gap(mut gap)) = serde_json::from_str(&body) {
                    gap.from = gap.from.saturating_sub(base).max(1);
                    gap.to = gap.to.saturating_sub(base).max(1);
                    insert_gap(&tx, class, Time(at), &gap)?;
                }
            }
            written[class as usize] -= base;
        }
        store_cursors(&tx, &written, &[0; 6])?;
        set_meta(&tx, "epoch", &epoch.to_string())?;
        set_meta(&tx, "thinned", "0")?;
        tx.commit()?;
        (self.epoch, self.written, self.acknowledged) = (epoch, written, [0; 6]);
        Ok(())
    }

    /// Bytes in use: pages that hold something, not the file's length, which does not shrink.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        let pragma =
            |name: &str| self.db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u64>(0));
        Ok(pragma("page_count")?.saturating_sub(pragma("freelist_count")?) * PAGE)
    }

    pub(super) fn state(&self, bytes: u64) -> JournalState {
        JournalState {
            epoch: self.epoch,
            written: self.written,
            acknowledged: self.acknowledged,
            bytes,
            stuck: None,
        }
    }
}

/// Stands for "this file can't be what we wrote".
fn damaged() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some("records do not match their cursor".to_owned()),
    )
}

pub(super) fn insert_gap(tx: &Transaction<'_>, class: Class, at: Time, gap: &Gap) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO record (class, seq, at, gap_from, gap_count, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![class as i64, gap.to, at.0, gap.from, gap.count, json(&Body::Gap(gap.clone()))])?;
    Ok(())
}

fn store_cursors(tx: &Transaction<'_>, written: &[u64; 6], acknowledged: &[u64; 6]) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached("INSERT OR REPLACE INTO cursor VALUES (?1, ?2, ?3)")?;
    for class in 0..6 {
        put.execute(params![class as i64, written[class], acknowledged[class]])?;
    }
    Ok(())
}

pub(super) fn meta(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

pub(super) fn set_meta(tx: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    tx.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", [key, value]).map(|_| ())
}

fn json<T: serde::Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// A row `(seq, at, body)` as a record; a body of a newer version that does not read becomes a gap of one.
pub(super) fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let (seq, at): (u64, i64) = (row.get(0)?, row.get(1)?);
    let body = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_else(|error| {
        Body::Gap(Gap { from: seq, to: seq, count: 1, why: format!("record does not read: {error}") })
    });
    Ok(Record { seq, at: Time(at), body })
}
