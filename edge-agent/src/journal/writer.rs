//! The writer's thread: gathers what is asked, commits it as one group, answers, keeps the bound. When the disk does not take
//! it, records wait in memory, within a limit, and everybody can see why.

use super::error::JournalError;
use super::inbox::{Group, Inbox};
use super::read::Reader;
use super::store::Store;
use super::{Ask, Entry, JournalState, Kept, Limits, aside};
use bo_model::clock::SharedClock;
use bo_model::command::Actor;
use bo_wire::{AuditEntry, Body, Class};
use rusqlite::ErrorCode;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// How often a stuck disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the bound is looked at, and the last values stored.
const TIDY: Duration = Duration::from_secs(2);
/// Groups between two looks at the bound under load.
const TIDY_GROUPS: u32 = 16;
/// Text of held records from which on what nobody needs is taken out of it.
const COMPACT: usize = 4 << 20;

struct Writer {
    path: PathBuf,
    limits: Limits,
    clock: SharedClock,
    store: Store,
    lost: Arc<[AtomicU64; 6]>,
    owed: [u64; 6],
    held: Vec<Entry>,
    /// Their text.
    text: Vec<u8>,
    inbox: Arc<Inbox>,
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
    inbox: Arc<Inbox>,
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
        text: Vec::new(),
        inbox,
        publish,
        generation,
        stuck: None,
        bytes,
        squeezed: None,
        groups: 0,
        tidied: Instant::now(),
    };
    std::thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            let _end = Abandon(writer.inbox.clone());
            let closing = writer.run();
            drop(writer); // the file is closed before anybody is told so
            if let Some(done) = closing {
                let _ = done.send(());
            }
        })
        .map_err(|error| open(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
    Ok((state, reader))
}

/// Whatever ends the thread, nobody waits for it any more.
struct Abandon(Arc<Inbox>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
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
        body: Kept::Body(Box::new(Body::Audit(AuditEntry {
            actor: Actor::System,
            origin: "journal".into(),
            verb: "journal.restart".into(),
            object: "journal".into(),
            detail: serde_json::json!({ "why": why, "moved_to": file,
                "lost": "what was in it and not yet acknowledged by the controller" }),
            outcome: moved.map_or_else(|error| format!("failed: {error}"), |()| "done".into()),
            previous: String::new(),
        }))),
        done: None,
    }
}

impl Writer {
    /// Until it is told to close; returns whom to tell that it is.
    fn run(&mut self) -> Option<oneshot::Sender<()>> {
        let (inbox, mut group, mut closing) = (self.inbox.clone(), Group::default(), None);
        while closing.is_none() {
            let idle = if self.stuck.is_some() { RETRY } else { TIDY };
            if !inbox.take(idle, &mut group) {
                break; // every handle is gone
            }
            self.work(&mut group, &mut closing);
        }
        self.commit();
        if let Ok((bytes, _)) = self.store.keep_bound(&self.limits, self.clock.now()) {
            self.bytes = bytes;
        }
        let _ = self.store.store_latest(inbox.take_latest());
        self.show();
        closing
    }

    fn work(&mut self, group: &mut Group, closing: &mut Option<oneshot::Sender<()>>) {
        let base = self.text.len();
        if base == 0 {
            std::mem::swap(&mut self.text, &mut group.text);
        } else {
            self.text.append(&mut group.text);
        }
        for ask in group.asks.drain(..) {
            match ask {
                Ask::Append(mut entry) => {
                    if let Kept::Text { from, to } = &mut entry.body {
                        (*from, *to) = (*from + base, *to + base);
                    }
                    self.hold(entry);
                }
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
        if self.held.is_empty() {
            self.text.clear();
            std::mem::swap(&mut self.text, &mut group.text);
        } else if self.text.len() > COMPACT {
            self.compact();
        }
        self.tidy();
        self.show();
    }

    /// Takes the text of records that were given up out of that of those which are held.
    fn compact(&mut self) {
        let mut text = Vec::new();
        for entry in &mut self.held {
            if let Kept::Text { from, to } = &mut entry.body {
                let start = text.len();
                text.extend_from_slice(&self.text[*from..*to]);
                (*from, *to) = (start, text.len());
            }
        }
        self.text = text;
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
        let mut result = self.store.append(&self.held, &self.text, &self.owed, now, why);
        if let Err(error) = &result
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
            && self.store.keep_bound(&self.limits, now).is_ok()
        {
            result = self.store.append(&self.held, &self.text, &self.owed, now, why);
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
        let body = Kept::Body(Box::new(body));
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
        let kept = kept.and_then(|kept| {
            if due { self.store.store_latest(self.inbox.take_latest()).map(|()| kept) } else { Ok(kept) }
        });
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
