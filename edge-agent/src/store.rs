//! The agent's own memory across restarts: holds and leases, trigger states, commands seen, learned
//! addresses, write budgets. Small JSON documents by kind and key in one SQLite file.
//!
//! Writes go to a thread that commits them in groups. A later write of the same key replaces one still
//! waiting, so the queue is bounded by the number of keys. [`Store::flush`] waits until all is on disk.

use crate::error::EdgeError;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is at least from one commit of writes nobody waits for to the next: spares the flash. The first after a quiet
/// time is committed at once: what a rule did, it remembers after a power cut a moment later.
const LINGER: Duration = Duration::from_millis(50);
/// What belongs together is put within this time.
const TOGETHER: Duration = Duration::from_millis(2);

/// The memory. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits to be written.
    wake: Condvar,
    /// Somebody waits until it is.
    hurry: Condvar,
    committed: tokio::sync::watch::Sender<Committed>,
}

#[derive(Default)]
struct Waiting {
    /// (kind, key) → text, or `None` to remove.
    writes: BTreeMap<(&'static str, String), Option<String>>,
    /// Counts every write taken.
    taken: u64,
    /// Somebody waits.
    hurried: bool,
    closed: bool,
}

#[derive(Clone, Debug, Default)]
struct Committed {
    upto: u64,
    failure: Option<String>,
}

impl Store {
    /// Opens or creates the file. A file that is damaged is moved aside: the agent starts without memory
    /// rather than not at all.
    pub fn open(path: &Path) -> Result<Store, EdgeError> {
        let failed = |source| EdgeError::OpenStore { path: path.to_owned(), source };
        let connection = match connect(path) {
            Ok(connection) => connection,
            Err(error) if is_damaged(&error) => {
                let aside = path.with_extension("damaged");
                tracing::error!(path = %path.display(), aside = %aside.display(), %error, "the agent's state is damaged and was moved aside; holds and leases are forgotten");
                std::fs::rename(path, &aside)
                    .map_err(|source| EdgeError::DataDir { path: path.to_owned(), source })?;
                connect(path).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            hurry: Condvar::new(),
            committed: tokio::sync::watch::channel(Committed::default()).0,
        });
        let writer = shared.clone();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(connection))
            .map_err(|source| EdgeError::DataDir { path: path.to_owned(), source })?;
        Ok(Store { shared })
    }

    /// Everything of one kind, by key. What no longer reads is left out, with a warning.
    pub fn load<T: DeserializeOwned>(
        path: &Path,
        kind: &'static str,
    ) -> Result<BTreeMap<String, T>, EdgeError> {
        let failed = |source| EdgeError::OpenStore { path: path.to_owned(), source };
        let connection = connect(path).map_err(failed)?;
        let mut query = connection.prepare("SELECT key, value FROM kept WHERE kind = ?1").map_err(failed)?;
        let rows = query
            .query_map([kind], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .map_err(failed)?;
        let mut kept = BTreeMap::new();
        for row in rows {
            let (key, text) = row.map_err(failed)?;
            match serde_json::from_str(&text) {
                Ok(value) => drop(kept.insert(key, value)),
                Err(error) => {
                    tracing::warn!(kind, key, %error, "a kept state does not read and is forgotten")
                }
            }
        }
        Ok(kept)
    }

    /// Keeps a value; on disk a moment later.
    pub fn put<T: Serialize>(&self, kind: &'static str, key: impl Into<String>, value: &T) {
        match serde_json::to_string(value) {
            Ok(text) => self.write(kind, key.into(), Some(text)),
            Err(error) => tracing::error!(kind, %error, "a state can't be kept"),
        }
    }

    /// Forgets a value.
    pub fn remove(&self, kind: &'static str, key: impl Into<String>) {
        self.write(kind, key.into(), None);
    }

    fn write(&self, kind: &'static str, key: String, text: Option<String>) {
        let mut waiting = self.shared.lock();
        waiting.writes.insert((kind, key), text);
        waiting.taken += 1;
        if waiting.writes.len() == 1 {
            self.shared.wake.notify_one();
        }
    }

    /// Waits until everything put so far is on disk.
    pub async fn flush(&self) -> Result<(), EdgeError> {
        let upto = {
            let mut waiting = self.shared.lock();
            waiting.hurried = true;
            self.shared.hurry.notify_one();
            waiting.taken
        };
        let mut committed = self.shared.committed.subscribe();
        let seen = committed.wait_for(|now| now.upto >= upto || now.failure.is_some()).await;
        match seen {
            Ok(now) if now.upto >= upto => Ok(()),
            Ok(now) => Err(EdgeError::WriteStore { why: now.failure.clone().unwrap_or_default() }),
            Err(_) => Err(EdgeError::WriteStore { why: "the writer has ended".into() }),
        }
    }

    /// Writes what waits and ends the writer. Later writes are lost.
    pub async fn close(&self) -> Result<(), EdgeError> {
        let flushed = self.flush().await;
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        self.shared.hurry.notify_one();
        flushed
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut connection: Connection) {
        let mut last: Option<Instant> = None;
        loop {
            let (writes, upto) = {
                let mut waiting = self.lock();
                while waiting.writes.is_empty() && !waiting.closed {
                    waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
                if waiting.writes.is_empty() {
                    return;
                }
                let in_no_hurry = |waiting: &mut Waiting| !waiting.hurried && !waiting.closed;
                let rest = last.map_or(TOGETHER, |last| LINGER.saturating_sub(last.elapsed()).max(TOGETHER));
                waiting = self
                    .hurry
                    .wait_timeout_while(waiting, rest, in_no_hurry)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(waiting, _)| waiting);
                waiting.hurried = false;
                (std::mem::take(&mut waiting.writes), waiting.taken)
            };
            let done = commit(&mut connection, &writes);
            last = Some(Instant::now());
            match done {
                Ok(()) => drop(self.committed.send_replace(Committed { upto, failure: None })),
                Err(error) => {
                    tracing::error!(%error, "the agent's state can't be written; trying again");
                    self.committed.send_modify(|now| now.failure = Some(error.to_string()));
                    let mut waiting = self.lock();
                    for (key, text) in writes {
                        waiting.writes.entry(key).or_insert(text);
                    }
                    if waiting.closed {
                        return;
                    }
                    drop(waiting);
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -512;
         CREATE TABLE IF NOT EXISTS kept (
             kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
         ) WITHOUT ROWID;",
    )?;
    Ok(connection)
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
    )
}

fn commit(
    connection: &mut Connection,
    writes: &BTreeMap<(&'static str, String), Option<String>>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for ((kind, key), text) in writes {
        match text {
            Some(text) => transaction
                .prepare_cached("INSERT OR REPLACE INTO kept (kind, key, value) VALUES (?1, ?2, ?3)")?
                .execute(params![kind, key, text])?,
            None => transaction
                .prepare_cached("DELETE FROM kept WHERE kind = ?1 AND key = ?2")?
                .execute(params![kind, key])?,
        };
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_flushed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let store = Store::open(&path).unwrap();
        store.put("hold", "a", &1);
        store.put("hold", "a", &2);
        store.put("hold", "b", &3);
        store.remove("hold", "b");
        store.put("trigger", "a", &"on");
        store.flush().await.unwrap();
        let kept: BTreeMap<String, i64> = Store::load(&path, "hold").unwrap();
        assert_eq!(kept, BTreeMap::from([("a".to_owned(), 2)]));
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_damaged_file_is_moved_aside_and_the_agent_starts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        let store = Store::open(&path).unwrap();
        store.put("hold", "a", &1);
        store.flush().await.unwrap();
        assert!(path.with_extension("damaged").exists());
    }
}
