//! The writer's thread: gathers what is asked, commits it as one group, answers, keeps the bound. When the disk does not take
//! it, records wait in memory, within a limit, and everybody can see why.

use super::error::JournalError;
use super::read::Reader;
use super::store::Store;
use super::{Ask, Entry, JournalState, Limits, aside};
use bo_model::clock::SharedClock;
use bo_model::command::Actor;
use bo_wire::{AuditEntry, Body, Class};
use rusqlite::ErrorCode;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Asks taken into one group.
const GROUP: usize = 8_192;
/// How long unhurried records gather before they are committed: spares the flash, costs nobody.
const LINGER: Duration = Duration::from_millis(50);
/// How long a command's evidence does: a power cut costs at most its last steps.
const LINGER_SHORTLY: Duration = Duration::from_millis(5);
/// How often a stuck disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the bound is looked at, and the last values stored.
const TIDY: Duration = Duration::from_secs(2);
/// Groups between two looks at the bound under load.
const TIDY_GROUPS: u32 = 16;

struct Writer {
    path: PathBuf,
    limits: Limits,
    clock: SharedClock,
    store: Store,
    lost: Arc<[AtomicU64; 6]>,
    owed: [u64; 6],
    held: Vec<Entry>,
    publish: watch::Sender<JournalState>,
    generation: Arc<AtomicU64>,
    stuck: Option<Arc<str>>,
    bytes: u64,
    squeezed: Option<u64>,
    groups: u32,
    tidied: Instant,
}

/// Opens the file and starts the thread.
pub(super) fn start(
    path: PathBuf,
    limits: Limits,
    clock: SharedClock,
    inbox: mpsc::Receiver<Ask>,
    lost: Arc<[AtomicU64; 6]>,
) -> Result<(watch::Receiver<JournalState>, Reader), JournalError> {
    let open = |source| JournalError::Open { path: path.clone(), source: Arc::new(source) };
    let (store, notice) = match Store::open(&path, &limits, new_epoch(&clock)) {
        Ok(store) => (store, None),
        Err(error) if is_damage(&error) => {
            let notice = move_aside(&path, &clock, &error.to_string());
            (Store::open(&path, &limits, new_epoch(&clock)).map_err(open)?, Some(notice))
        }
        Err(error) => return Err(open(error)),
    };
    let bytes = store.bytes().map_err(open)?;
    let (publish, state) = watch::channel(store.state(bytes));
    let generation = Arc::new(AtomicU64::new(0));
    let reader = Reader::new(&path, generation.clone());
    let mut writer = Writer {
        path: path.clone(),
        limits,
        clock,
        store,
        lost,
        owed: [0; 6],
        held: notice.into_iter().collect(),
        publish,
        generation,
        stuck: None,
        bytes,
        squeezed: None,
        groups: 0,
        tidied: Instant::now(),
    };
    let thread = std::thread::Builder::new().name("journal".into());
    thread
        .spawn(move || {
            // Only a timer is needed, and it must not depend on how busy the agent's own runtime is.
            match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => {
                    let closing = runtime.block_on(writer.run(inbox));
                    drop(writer); // the file is closed before anybody is told so
                    if let Some(done) = closing {
                        let _ = done.send(());
                    }
                }
                Err(error) => tracing::error!(%error, "the journal has no timer and cannot run"),
            }
        })
        .map_err(|error| open(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
    Ok((state, reader))
}

/// Milliseconds in 43 bits (until 2248) and 20 random bits: fits SQLite's integers, differs even when the clock was set back.
fn new_epoch(clock: &SharedClock) -> u64 {
    let millis = (clock.now().0.max(0) / 1000) as u64;
    let random = (bo_runtime::backoff::jitter() * f64::from(1u32 << 20)) as u64;
    ((millis << 20) | random.min((1 << 20) - 1)) & i64::MAX as u64
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Moves a damaged file out of the way; the record that says so is the first of the new journal.
fn move_aside(path: &std::path::Path, clock: &SharedClock, why: &str) -> Entry {
    let now = clock.now();
    let target = aside(path, now);
    let moved = std::fs::rename(path, &target);
    for suffix in ["-wal", "-shm"] {
        let side = |base: &std::path::Path| {
            let mut name = base.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let _ = std::fs::rename(side(path), side(&target));
    }
    tracing::error!(why, to = %target.display(), "the journal's file is damaged; a new one begins");
    let file = target.file_name().map(|name| name.to_string_lossy().into_owned());
    Entry {
        class: Class::Audit,
        at: now,
        body: Body::Audit(AuditEntry {
            actor: Actor::System,
            origin: "journal".into(),
            verb: "journal.restart".into(),
            object: "journal".into(),
            detail: serde_json::json!({ "why": why, "moved_to": file,
                "lost": "what was in it and not yet acknowledged by the controller" }),
            outcome: moved.map_or_else(|error| format!("failed: {error}"), |()| "done".into()),
            previous: String::new(),
        }),
        done: None,
    }
}

impl Writer {
    /// Until it is told to close; returns whom to tell that it is.
    async fn run(&mut self, mut inbox: mpsc::Receiver<Ask>) -> Option<oneshot::Sender<()>> {
        let mut asks = Vec::with_capacity(GROUP);
        let mut closing = None;
        while closing.is_none() {
            let idle = if self.stuck.is_some() { RETRY } else { TIDY };
            let taken = tokio::time::timeout(idle, inbox.recv_many(&mut asks, GROUP)).await;
            if matches!(taken, Ok(0)) {
                break; // every handle is gone
            }
            // Slept through and not waited for, so that nobody who appends has to wake this thread.
            let mut lingered = Duration::ZERO;
            while lingered < asks.iter().map(patience).min().unwrap_or_default() && asks.len() < GROUP {
                tokio::time::sleep(LINGER_SHORTLY).await;
                lingered += LINGER_SHORTLY;
                while let (true, Ok(ask)) = (asks.len() < GROUP, inbox.try_recv()) {
                    asks.push(ask);
                }
            }
            while asks.len() < GROUP {
                match inbox.try_recv() {
                    Ok(ask) => asks.push(ask),
                    Err(_) => break,
                }
            }
            self.work(&mut asks, &mut closing);
        }
        self.commit();
        if let Ok((bytes, _)) = self.store.keep_bound(&self.limits, self.clock.now()) {
            self.bytes = bytes;
        }
        let _ = self.store.store_latest();
        self.show();
        closing
    }

    fn work(&mut self, asks: &mut Vec<Ask>, closing: &mut Option<oneshot::Sender<()>>) {
        for ask in asks.drain(..) {
            match ask {
                Ask::Append(entry) => self.hold(entry),
                Ask::Acknowledge(cursors) => {
                    self.commit();
                    if let Err(error) = self.store.acknowledge(&cursors) {
                        self.trouble(&error);
                    }
                }
                Ask::Renew { why, done } => {
                    self.commit();
                    self.renew(&why);
                    self.show(); // whoever asked looks at the state next
                    let _ = done.send(());
                }
                Ask::Close(done) => *closing = Some(done),
            }
        }
        self.commit();
        self.tidy();
        self.show();
    }

    /// Into the group, or refused when memory is full too.
    fn hold(&mut self, mut entry: Entry) {
        if self.held.len() >= self.limits.held {
            self.shed();
        }
        if self.held.len() < self.limits.held {
            self.held.push(entry);
        } else if let Some(done) = entry.done.take() {
            let _ = done.send(Err(JournalError::Full));
        } else {
            self.owed[entry.class as usize] += 1;
        }
    }

    /// Memory is full because the disk takes nothing: the least important class makes room and is owed a gap.
    fn shed(&mut self) {
        for class in [Class::Log, Class::History, Class::Status, Class::Command] {
            let before = self.held.len();
            self.held.retain(|entry| entry.class != class);
            let gone = before - self.held.len();
            if gone > 0 {
                self.owed[class as usize] += gone as u64;
                return;
            }
        }
    }

    /// Writes what is held; answers those who wait.
    fn commit(&mut self) {
        for (owed, lost) in self.owed.iter_mut().zip(self.lost.iter()) {
            *owed += lost.swap(0, Ordering::Relaxed);
        }
        if self.held.is_empty() && self.owed == [0; 6] {
            return;
        }
        let now = self.clock.now();
        let why = if self.stuck.is_some() {
            "disk could not be written"
        } else {
            "more records than the disk takes"
        };
        let mut result = self.store.append(&self.held, &self.owed, now, why);
        if let Err(error) = &result
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
            && self.store.keep_bound(&self.limits, now).is_ok()
        {
            result = self.store.append(&self.held, &self.owed, now, why);
        }
        match result {
            Ok(numbers) => {
                if self.stuck.take().is_some() {
                    tracing::info!("the journal can be written again");
                }
                self.owed = [0; 6];
                for (entry, number) in self.held.drain(..).zip(numbers) {
                    if let Some(done) = entry.done {
                        let _ = done.send(Ok(number));
                    }
                }
            }
            Err(error) => self.trouble(&error),
        }
    }

    /// The disk refused. A damaged file is replaced; anything else is tried again.
    fn trouble(&mut self, error: &rusqlite::Error) {
        if is_damage(error) {
            let notice = move_aside(&self.path, &self.clock, &error.to_string());
            match Store::open(&self.path, &self.limits, new_epoch(&self.clock)) {
                Ok(store) => {
                    self.store = store;
                    self.generation.fetch_add(1, Ordering::Release);
                    self.held.insert(0, notice);
                    self.show();
                    return; // the next round writes what is held
                }
                Err(error) => tracing::error!(%error, "a new journal cannot be begun"),
            }
        }
        let why: Arc<str> = error.to_string().into();
        if self.stuck.is_none() {
            tracing::error!(%why, "the journal cannot be written; records are held in memory");
        }
        for entry in &mut self.held {
            if let Some(done) = entry.done.take() {
                let _ = done.send(Err(JournalError::NotDurable { why: why.clone() }));
            }
        }
        self.stuck = Some(why);
    }

    fn renew(&mut self, why: &str) {
        let old = self.store.epoch;
        if let Err(error) = self.store.renew(new_epoch(&self.clock)) {
            return self.trouble(&error);
        }
        tracing::warn!(why, "the journal begins a new epoch");
        let body = Body::Audit(AuditEntry {
            actor: Actor::System,
            origin: "journal".into(),
            verb: "journal.renew".into(),
            object: "journal".into(),
            detail: serde_json::json!({ "why": why, "old_epoch": old }),
            outcome: "done".into(),
            previous: String::new(),
        });
        self.hold(Entry { class: Class::Audit, at: self.clock.now(), body, done: None });
        self.commit();
    }

    fn tidy(&mut self) {
        self.groups += 1;
        if self.groups < TIDY_GROUPS && self.tidied.elapsed() < TIDY {
            return;
        }
        let due = self.tidied.elapsed() >= TIDY;
        self.groups = 0;
        let kept = self.store.keep_bound(&self.limits, self.clock.now());
        let kept =
            kept.and_then(|kept| if due { self.store.store_latest().map(|()| kept) } else { Ok(kept) });
        if due {
            self.tidied = Instant::now();
        }
        match kept {
            Ok((bytes, squeezed)) => (self.bytes, self.squeezed) = (bytes, squeezed),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {}
            Err(error) => self.trouble(&error),
        }
    }

    fn show(&self) {
        let state = JournalState {
            stuck: self.stuck.clone(),
            squeezed: self.squeezed,
            ..self.store.state(self.bytes)
        };
        self.publish.send_if_modified(|shown| {
            let changed = *shown != state;
            *shown = state;
            changed
        });
    }
}

/// How long it may gather with others: not at all when somebody waits for it or it must not be lost to a power cut.
fn patience(ask: &Ask) -> Duration {
    match ask {
        Ask::Append(entry) if entry.done.is_some() || entry.class.is_protected() => Duration::ZERO,
        Ask::Append(entry) if entry.class == Class::Command => LINGER_SHORTLY,
        Ask::Append(_) => LINGER,
        _ => Duration::ZERO,
    }
}
