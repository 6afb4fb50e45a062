//! The journal's file: tables, appending a group, acknowledging, beginning a new epoch. Synchronous; owned by the writer's thread.

use super::block::{Block, Line, lines, text};
use super::inbox::Latest;
use super::{Entry, JournalState, Kept, Limits};
use bo_model::Time;
use bo_wire::{AuditEntry, Body, Class, Cursor, Gap};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::{Path, PathBuf};

pub(super) const PAGE: u64 = 4096;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (class INTEGER PRIMARY KEY, written INTEGER NOT NULL, acknowledged INTEGER NOT NULL);
-- a run of records (block.rs): first and upto are the numbers it accounts for. Finding the place of a row among rows WITHOUT
-- ROWID means reading some of them whole, 16 KiB each, so it has rows; files of earlier versions have not, and serve as they are
CREATE TABLE IF NOT EXISTS block (
    class INTEGER NOT NULL, upto INTEGER NOT NULL, first INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (class, upto));
CREATE TABLE IF NOT EXISTS latest (
    device TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (device, name)) WITHOUT ROWID;
";

/// The open file and the numbers in it.
pub(super) struct Store {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) epoch: u64,
    pub(super) written: [u64; 6],
    pub(super) acknowledged: [u64; 6],
    /// Hash of the last audit entry.
    audit: String,
    /// Changed since they were last stored.
    latest: Latest,
    /// Blocks in the making, kept for their memory.
    blocks: [Block; 6],
}

pub(super) fn pragmas(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;
         PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;",
    )
}

impl Store {
    /// Opens or makes the file. `epoch` is what a new journal gets.
    pub(super) fn open(path: &Path, limits: &Limits, epoch: u64) -> rusqlite::Result<Store> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "page_size", PAGE)?;
        // Before the first table: later it would take a rewrite of the whole file.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        pragmas(&db)?;
        let hard = (limits.max_bytes + (limits.max_bytes / 4).max(1 << 20)) / PAGE;
        db.query_row(&format!("PRAGMA max_page_count = {hard}"), [], |_| Ok(()))?;
        db.execute_batch(TABLES)?;
        if db.prepare("SELECT 1 FROM record").is_ok() {
            return Err(damaged("it was written by an earlier version, a row for each record"));
        }
        db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?1)", [epoch.to_string()])?;
        let mut store = Store {
            epoch: meta(&db, "epoch")?.and_then(|text| text.parse().ok()).unwrap_or(epoch),
            audit: meta(&db, "audit")?.unwrap_or_default(),
            db,
            path: path.to_owned(),
            written: [0; 6],
            acknowledged: [0; 6],
            latest: Latest::new(),
            blocks: Default::default(),
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
                "SELECT max(upto) FROM block WHERE class = ?1 AND length(body) > 0",
                [class as i64],
                |row| row.get(0),
            )?;
            if last.is_some_and(|last| last != store.written[class as usize]) {
                return Err(damaged("records do not match their cursor"));
            }
        }
        Ok(store)
    }

    /// Writes a group in one transaction: first the losses owed per class, then the entries, whose bodies are in `text`. Returns
    /// each entry's number.
    pub(super) fn append(
        &mut self,
        entries: &[Entry],
        text: &[u8],
        owed: &[u64; 6],
        now: Time,
        why: &str,
    ) -> rusqlite::Result<Vec<u64>> {
        let (mut written, mut audit) = (self.written, self.audit.clone());
        let mut numbers = Vec::with_capacity(entries.len());
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        self.blocks.iter_mut().for_each(Block::clear);
        for class in Class::ALL {
            let lost = owed[class as usize];
            if lost > 0 {
                let (from, to) = (written[class as usize] + 1, written[class as usize] + lost);
                let gap = Body::Gap(Gap { from, to, count: lost, why: why.to_owned() });
                push(&mut self.blocks[class as usize], to, now, &gap);
                written[class as usize] = to;
            }
        }
        for entry in entries {
            let seq = &mut written[entry.class as usize];
            *seq += 1;
            numbers.push(*seq);
            let block = &mut self.blocks[entry.class as usize];
            match &entry.body {
                Kept::Text { from, to } => {
                    block.push_line(&Line { seq: *seq, at: entry.at, text: &text[*from..*to] });
                }
                Kept::Body(body) => match &**body {
                    Body::Audit(body) => {
                        let chained = AuditEntry { previous: audit, ..body.clone() };
                        audit = chained.hash();
                        push(block, *seq, entry.at, &Body::Audit(chained));
                    }
                    body => push(block, *seq, entry.at, body),
                },
            }
            if block.is_full() {
                insert(&tx, entry.class, block)?;
                block.clear();
            }
        }
        for class in Class::ALL {
            insert(&tx, class, &mut self.blocks[class as usize])?;
        }
        store_cursors(&tx, &written, &self.acknowledged)?;
        if audit != self.audit {
            set_meta(&tx, "audit", &audit)?;
        }
        tx.commit()?;
        (self.written, self.audit) = (written, audit);
        Ok(numbers)
    }

    /// Stores the last values that changed, these and those that could not be stored before.
    pub(super) fn store_latest(&mut self, changed: Latest) -> rusqlite::Result<()> {
        for (device, values) in changed {
            self.latest.entry(device).or_default().extend(values);
        }
        if self.latest.is_empty() {
            return Ok(());
        }
        let tx = self.db.transaction()?;
        {
            let mut put = tx.prepare_cached("INSERT OR REPLACE INTO latest VALUES (?1, ?2, ?3)")?;
            for (device, values) in &self.latest {
                let device = device.to_string();
                for (name, value) in values {
                    put.execute(params![device, name, json(value)])?;
                }
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
                tx.prepare_cached("DELETE FROM block WHERE class = ?1 AND upto <= ?2")?
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
            tx.execute("DELETE FROM block WHERE class = ?1 AND upto <= ?2", params![id, base])?;
            let all: Vec<u64> = tx
                .prepare("SELECT upto FROM block WHERE class = ?1 ORDER BY upto")?
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            // Upwards, so that a block's new number is never one that is still taken.
            for upto in all {
                renumber(&tx, class, upto, base)?;
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
        Ok(self.pragma("page_count")?.saturating_sub(self.pragma("freelist_count")?) * PAGE)
    }

    /// Bytes the file takes, holes included.
    pub(super) fn file_bytes(&self) -> rusqlite::Result<u64> {
        Ok(self.pragma("page_count")? * PAGE)
    }

    fn pragma(&self, name: &str) -> rusqlite::Result<u64> {
        self.db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
    }

    pub(super) fn state(&self, bytes: u64) -> JournalState {
        JournalState {
            epoch: self.epoch,
            written: self.written,
            acknowledged: self.acknowledged,
            bytes,
            squeezed: None,
            stuck: None,
        }
    }
}

/// Stands for "this file can't be what we wrote".
fn damaged(why: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(why.to_owned()),
    )
}

/// Writes a finished block.
pub(super) fn insert(tx: &Transaction<'_>, class: Class, block: &mut Block) -> rusqlite::Result<()> {
    if block.is_empty() {
        return Ok(());
    }
    let (first, upto) = (block.first, block.upto);
    tx.prepare_cached("INSERT INTO block (class, upto, first, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![class as i64, upto, first, block.body()])
        .map(drop)
}

/// Adds a record; one that has no JSON is owned up to.
pub(super) fn push(block: &mut Block, seq: u64, at: Time, body: &Body) {
    if let Err(error) = block.push(seq, at, body) {
        let why = format!("the record could not be written: {error}");
        let _ = block.push(seq, at, &Body::Gap(Gap { from: seq, to: seq, count: 1, why }));
    }
}

/// Takes `base` from every number of a block; what had a number up to it goes.
fn renumber(tx: &Transaction<'_>, class: Class, upto: u64, base: u64) -> rusqlite::Result<()> {
    let (first, body): (u64, Vec<u8>) = tx
        .prepare_cached("SELECT first, body FROM block WHERE class = ?1 AND upto = ?2")?
        .query_row(params![class as i64, upto], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut block = Block::default();
    for line in lines(&text(&body, first, upto)).filter(|line| line.seq > base) {
        let mut record = line.record();
        if let Body::Gap(gap) = &mut record.body {
            gap.from = gap.from.saturating_sub(base).max(1);
            gap.to = gap.to.saturating_sub(base).max(1);
        }
        push(&mut block, record.seq - base, record.at, &record.body);
    }
    tx.prepare_cached("DELETE FROM block WHERE class = ?1 AND upto = ?2")?
        .execute(params![class as i64, upto])?;
    insert(tx, class, &mut block)
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
