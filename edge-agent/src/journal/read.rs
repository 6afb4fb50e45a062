//! Reading the journal beside its writer: a second connection sees what is committed, and nothing else.

use super::JournalError;
use super::block::{lines, text};
use bo_model::Time;
use bo_wire::{Body, Class, Gap, Record, SnapshotValue};
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The readers' side. `generation` changes when the writer puts a new file in the old one's place.
#[derive(Clone)]
pub(super) struct Reader {
    path: PathBuf,
    generation: Arc<AtomicU64>,
    open: Arc<Mutex<Option<(u64, Connection)>>>,
}

impl Reader {
    pub(super) fn new(path: &Path, generation: Arc<AtomicU64>) -> Reader {
        Reader { path: path.to_owned(), generation, open: Arc::default() }
    }

    pub(super) fn after(
        &self,
        class: Class,
        seq: u64,
        written: u64,
        max_bytes: usize,
    ) -> Result<Vec<Record>, JournalError> {
        let mut records = self.read(class, seq + 1, i64::MAX as u64, max_bytes)?;
        let first = records.first().map_or(written + 1, |record| match &record.body {
            Body::Gap(gap) => gap.from.min(record.seq),
            _ => record.seq,
        });
        if first > seq + 1 {
            let (from, to) = (seq + 1, first - 1);
            let why = "no longer kept: it had been acknowledged before".to_owned();
            let at = records.first().map_or(Time::default(), |record| record.at);
            let body = Body::Gap(Gap { from, to, count: to - seq, why });
            records.insert(0, Record { seq: to, at, body });
        }
        Ok(records)
    }

    pub(super) fn range(
        &self,
        class: Class,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> Result<Vec<Record>, JournalError> {
        self.read(class, from, to.min(i64::MAX as u64), max_bytes)
    }

    fn read(&self, class: Class, from: u64, to: u64, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        self.with(|db| {
            let mut query = db.prepare_cached(
                "SELECT first, upto, body FROM block WHERE class = ?1 AND upto >= ?2 AND first <= ?3 ORDER BY upto",
            )?;
            let mut rows = query.query(params![class as i64, from, to])?;
            let (mut records, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let text = text(row.get_ref(2)?.as_blob()?, row.get(0)?, row.get(1)?);
                for line in lines(&text).filter(|line| (from..=to).contains(&line.seq)) {
                    bytes += line.text.len() + 48;
                    if bytes > max_bytes && !records.is_empty() {
                        return Ok(records);
                    }
                    records.push(line.record());
                }
            }
            Ok(records)
        })
    }

    pub(super) fn latest(&self) -> Result<Vec<SnapshotValue>, JournalError> {
        self.with(|db| {
            let mut query = db.prepare("SELECT device, name, value FROM latest")?;
            let mut rows = query.query([])?;
            let mut values = Vec::new();
            while let Some(row) = rows.next()? {
                let device = row.get_ref(0)?.as_str()?.parse();
                let value = serde_json::from_str(row.get_ref(2)?.as_str()?);
                if let (Ok(device), Ok(value)) = (device, value) {
                    values.push(SnapshotValue { device, name: row.get(1)?, value });
                }
            }
            Ok(values)
        })
    }

    pub(super) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire);
        let read = |source| JournalError::Read { source: Arc::new(source) };
        if open.as_ref().is_none_or(|(of, _)| *of != generation) {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(&self.path, flags).map_err(read)?;
            db.busy_timeout(std::time::Duration::from_secs(10)).map_err(read)?;
            *open = Some((generation, db));
        }
        match open.as_ref() {
            Some((_, db)) => work(db).map_err(read),
            None => Err(JournalError::Closed),
        }
    }
}
