//! The conversation on a connection: hello, watermarks, snapshot, then batches and heartbeats until it breaks.

use super::batch::{encode, parts};
use super::connection::{Connection, Incoming};
use super::fetch::Fetch;
use super::renewal::Renewal;
use super::window::Window;
use super::{Report, UplinkEvent, UplinkState};
use crate::enroll::Identity;
use crate::journal::Journal;
use bo_model::clock::SharedClock;
use bo_model::command::{CommandRequest, Stage, Step};
use bo_runtime::{Backoff, Shutdown, backoff};
use bo_wire::{Ack, Backfill, BlobChunk, Body, Class, Cursor, Down, Heartbeat, Hello, Up};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// Connecting, subscribing and being answered, together.
const GREETING: Duration = Duration::from_secs(40);
/// Bodies in a batch; numbers and times come on top, and it must stay below [`bo_wire::MAX_PAYLOAD`].
const BATCH: usize = 192 * 1024;
/// How long to leave a controller alone that could not take a batch.
const RESEND_PAUSE: Duration = Duration::from_secs(1);
/// Backfills waiting; the controller can ask again.
const BACKFILLS: usize = 16;
/// Messages kept while the greeting is not answered yet.
const EARLY: usize = 32;
/// How often overdue batches, fetches and backfills are looked at.
const TICK: Duration = Duration::from_millis(250);

pub(super) struct Session {
    identity: Identity,
    journal: Journal,
    report: Report,
    clock: SharedClock,
    events: mpsc::Sender<UplinkEvent>,
    publish: watch::Sender<UplinkState>,
    beats: u64,
    fetches: VecDeque<Fetch>,
    renewal: Renewal,
}

/// Why the conversation ended.
type End = Arc<str>;
/// A message that came before the greeting was answered: kind and payload.
type Early = (String, bytes::Bytes);

impl Session {
    pub(super) fn new(
        identity: Identity,
        journal: Journal,
        report: Report,
        clock: SharedClock,
        events: mpsc::Sender<UplinkEvent>,
        publish: watch::Sender<UplinkState>,
    ) -> Session {
        let (beats, fetches, renewal) = (0, VecDeque::new(), Renewal::default());
        Session { identity, journal, report, clock, events, publish, beats, fetches, renewal }
    }

    /// Connects and talks, over and over, until `shutdown`.
    pub(super) async fn run(mut self, mut fetches: mpsc::Receiver<Fetch>, shutdown: Shutdown) {
        let mut pause = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            let started = Instant::now();
            let ended = tokio::select! {
                ended = self.converse(&mut fetches, &shutdown) => ended,
                () = shutdown.signalled() => return,
            };
            if self.publish.borrow().connected && started.elapsed() > HEARTBEAT {
                pause.succeeded();
            }
            let now = self.clock.now();
            tracing::warn!(why = %ended, "no connection to the controller");
            self.publish.send_modify(|state| {
                if std::mem::replace(&mut state.connected, false) || state.why.is_none() {
                    state.since = now;
                }
                state.why = Some(ended);
            });
            tokio::select! {
                () = tokio::time::sleep(pause.failed(backoff::jitter())) => {}
                () = shutdown.signalled() => return,
            }
        }
    }

    /// One connection from greeting to end.
    async fn converse(&mut self, fetches: &mut mpsc::Receiver<Fetch>, shutdown: &Shutdown) -> End {
        let mut connection = match Connection::open(&self.identity, shutdown) {
            Ok(connection) => connection,
            Err(why) => return why,
        };
        let greeted = tokio::time::timeout(GREETING, self.greet(&mut connection)).await;
        let (window, early) = match greeted {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(why)) => return why,
            Err(_) => return "the controller did not answer in time".into(),
        };
        let now = self.clock.now();
        self.publish.send_replace(UplinkState {
            connected: true,
            since: now,
            last_proved: Some(now),
            why: None,
        });
        tracing::info!(backlog = self.journal.state().backlog(), "connected to the controller");
        self.fetches.iter_mut().for_each(Fetch::reconnected);
        let mut talk = Talk { window, pause_until: None, backfills: VecDeque::new() };
        let mut journal = self.journal.watch();
        let mut beat = tokio::time::interval(HEARTBEAT);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for (kind, payload) in early {
            if let Err(end) = self.take(&kind, &payload, &mut talk).await {
                return end;
            }
        }
        // Before the backlog, so that the console is right at once.
        let mut snapshot = parts((self.report.snapshot)());
        send_parts(&connection, &mut snapshot);
        loop {
            if let Err(end) = self.send_what_is_due(&connection, &mut talk).await {
                return end;
            }
            tokio::select! {
                incoming = connection.next() => match incoming {
                    Incoming::Message(kind, payload) => {
                        if let Err(end) = self.take(&kind, &payload, &mut talk).await {
                            return end;
                        }
                    }
                    Incoming::Ready => {}
                    Incoming::Lost(why) => return why,
                },
                changed = journal.changed() => if changed.is_err() { return "the journal was closed".into() },
                _ = beat.tick() => self.beat(&connection),
                _ = tick.tick() => {
                    if talk.window.is_overdue(Instant::now()) {
                        return "the controller does not acknowledge".into();
                    }
                    send_parts(&connection, &mut snapshot);
                    self.fetch(&connection);
                    self.backfill(&connection, &mut talk).await;
                    if let Some(request) = self.renewal.due(&self.identity, self.clock.now()) {
                        connection.send(&Up::Renew(request));
                    }
                }
                Some(fetch) = fetches.recv() => self.fetches.push_back(fetch),
            }
        }
    }

    /// Hello and its answer: where the controller stands. What it sends before that is kept for afterwards.
    async fn greet(&mut self, connection: &mut Connection) -> Result<(Window, Vec<Early>), End> {
        let mut early = Vec::new();
        loop {
            match connection.next().await {
                Incoming::Ready => {
                    let hello = Hello {
                        agent: env!("CARGO_PKG_VERSION").to_owned(),
                        release: (self.report.vitals)().release,
                        cursors: self.journal.state().cursors(),
                        at: self.clock.now(),
                    };
                    connection.send(&Up::Hello(hello));
                }
                Incoming::Message(kind, payload) if kind == "ack" => match Down::decode(&kind, &payload) {
                    Ok(Down::Ack(ack)) if !ack.resend => return Ok((self.begin(ack).await?, early)),
                    _ => continue,
                },
                Incoming::Message(kind, payload) if early.len() < EARLY => early.push((kind, payload)),
                Incoming::Message(kind, _) => {
                    tracing::warn!(kind, "too much before the greeting was answered")
                }
                Incoming::Lost(why) => return Err(why),
            }
        }
    }

    async fn begin(&mut self, ack: Ack) -> Result<Window, End> {
        let state = self.journal.state();
        let mut have = [0; 6];
        for cursor in ack.cursors.iter().filter(|cursor| cursor.epoch == state.epoch) {
            have[cursor.class as usize] = cursor.seq;
        }
        if let Some(class) = Class::ALL.into_iter().find(|c| have[*c as usize] > state.written[*c as usize]) {
            let why = format!(
                "the controller has {} record {} and this journal ends at {}: it was put back to an earlier state",
                class.word(),
                have[class as usize],
                state.written[class as usize],
            );
            self.journal.renew(why).await;
            return Err("the journal begins a new epoch".into());
        }
        self.journal.acknowledge(ack.cursors).await;
        Ok(Window::new(have))
    }

    /// Reads and sends batches while the window has room.
    async fn send_what_is_due(&mut self, connection: &Connection, talk: &mut Talk) -> Result<(), End> {
        if talk.pause_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        talk.pause_until = None;
        let state = self.journal.state();
        while let Some((class, after)) = talk.window.next(&state.written) {
            let (journal, epoch) = (self.journal.clone(), state.epoch);
            let read = tokio::task::spawn_blocking(move || {
                let records = journal.read_after(class, after, BATCH)?;
                Ok(encode(class, epoch, false, records))
            });
            let batch = match read.await {
                Ok(Ok(batch)) => batch,
                Ok(Err(error)) => return Err(crate::journal::JournalError::to_string(&error).into()),
                Err(error) => return Err(error.to_string().into()),
            };
            // Dropped between looking and reading; the journal's state is about to say so.
            let Some((upto, payload)) = batch else { return Ok(()) };
            if !connection.send_encoded("records", payload) {
                return Ok(());
            }
            talk.window.sent(class, upto, Instant::now());
        }
        Ok(())
    }

    async fn take(&mut self, kind: &str, payload: &[u8], talk: &mut Talk) -> Result<(), End> {
        let now = self.clock.now();
        self.publish.send_if_modified(|state| {
            let stale = state.last_proved.is_none_or(|proved| now.since(proved) > Duration::from_secs(1));
            if stale {
                state.last_proved = Some(now);
            }
            stale
        });
        if kind == "blob" {
            match BlobChunk::decode(payload) {
                Ok(part) => {
                    if let Some(fetch) = self.fetches.pop_front().and_then(|fetch| fetch.take(part)) {
                        self.fetches.push_front(fetch);
                    }
                }
                Err(error) => tracing::warn!(%error, "ignored a broken blob part"),
            }
            return Ok(());
        }
        match Down::decode(kind, payload) {
            Ok(Down::Ack(ack)) => self.acknowledged(ack, talk).await,
            Ok(Down::Command(message)) => self.command(message.request),
            Ok(Down::Announce(message)) => {
                if self.events.try_send(UplinkEvent::Announce(message.release)).is_err() {
                    tracing::warn!(
                        "a release was announced and the agent is busy; it will be announced again"
                    );
                }
            }
            Ok(Down::Backfill(asked)) => {
                if talk.backfills.len() < BACKFILLS {
                    talk.backfills.push_back(asked);
                }
            }
            Ok(Down::Renewed(renewed)) => match self.renewal.take(&mut self.identity, &renewed.certificate) {
                Ok(()) => return Err("connecting again with the new certificate".into()),
                Err(why) => tracing::error!(why, "the new certificate was not accepted"),
            },
            Err(why) => tracing::warn!(kind, why, "ignored a message that is not understood"),
        }
        Ok(())
    }

    async fn acknowledged(&mut self, ack: Ack, talk: &mut Talk) {
        let state = self.journal.state();
        let known = |cursor: &&Cursor| {
            cursor.epoch == state.epoch && cursor.seq <= state.written[cursor.class as usize]
        };
        for cursor in ack.cursors.iter().filter(known) {
            talk.window.acknowledged(cursor.class, cursor.seq);
        }
        if ack.resend {
            talk.window.rewind();
            talk.pause_until = Some(Instant::now() + RESEND_PAUSE);
        }
        if !ack.cursors.is_empty() {
            self.journal.acknowledge(ack.cursors).await;
        }
    }

    /// Hands a command on while it is in time; otherwise the evidence says what became of it.
    fn command(&self, request: CommandRequest) {
        let (now, id) = (self.clock.now(), request.id);
        let stage = if request.deadline < now {
            Stage::TimedOut { waiting_for: "delivery to the gateway".into() }
        } else if self.events.try_send(UplinkEvent::Command(request)).is_err() {
            Stage::Refused { why: "the gateway is busy with other commands".into() }
        } else {
            return;
        };
        self.journal.append(
            Class::Command,
            now,
            Body::Step { step: Step { command: id, stage, at: now }, passed: Default::default() },
        );
    }

    fn beat(&mut self, connection: &Connection) {
        self.beats += 1;
        let (vitals, state) = ((self.report.vitals)(), self.journal.state());
        connection.send(&Up::Heartbeat(Heartbeat {
            at: self.clock.now(),
            count: self.beats,
            release: vitals.release,
            backlog: state.backlog(),
            journal_bytes: state.bytes,
            links: vitals.links,
            unwell: vitals.unwell,
            memory: vitals.memory,
        }));
    }

    fn fetch(&mut self, connection: &Connection) {
        let now = Instant::now();
        self.fetches.retain(|fetch| !fetch.is_over(now));
        if let Some(request) = self.fetches.front_mut().and_then(|fetch| fetch.ask(now)) {
            connection.send(&Up::BlobRequest(request));
        }
    }

    /// One batch of the oldest backfill, when nothing new is on its way.
    async fn backfill(&mut self, connection: &Connection, talk: &mut Talk) {
        if !talk.window.is_idle() {
            return;
        }
        let Some(asked) = talk.backfills.front_mut() else { return };
        let (journal, wanted) = (self.journal.clone(), asked.clone());
        let batch = tokio::task::spawn_blocking(move || {
            if journal.state().epoch != wanted.epoch {
                return None;
            }
            let records = journal.read_range(wanted.class, wanted.from, wanted.to, BATCH).ok()?;
            encode(wanted.class, wanted.epoch, true, records)
        });
        let sent = batch.await.ok().flatten();
        if let Some((upto, payload)) = sent {
            if !connection.send_encoded("records", payload) {
                return;
            }
            if upto < asked.to {
                asked.from = upto + 1;
                return;
            }
        }
        talk.backfills.pop_front();
    }
}

/// What belongs to one connection.
struct Talk {
    window: Window,
    pause_until: Option<Instant>,
    backfills: VecDeque<Backfill>,
}

/// A few at a time: a large estate's values must not fill the way for what else is to be said.
fn send_parts(connection: &Connection, parts: &mut VecDeque<Up>) {
    for _ in 0..8 {
        match parts.front() {
            Some(part) if connection.send(part) => drop(parts.pop_front()),
            _ => return,
        }
    }
}
