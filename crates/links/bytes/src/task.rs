//! The task that owns one endpoint: connects, sends, frames what comes and gives it to whom it belongs.

use crate::codec::Framer;
use crate::endpoint::{Connection, Endpoint};
use crate::error::ConfigError;
use bo_link::{BytesOp, BytesReply, Handle, Inbox, Job, LinkError, Reporter, Urgency, queue};
use bo_model::clock::SharedClock;
use bo_model::driver::Framing;
use bo_model::release::LinkConfig;
use bo_runtime::backoff::{Backoff, jitter};
use bo_runtime::shutdown::Shutdown;
use bytes::Bytes;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until, timeout};

/// Waiting requests per lane.
const ROOM: usize = 256;
/// Events a slow subscriber may be behind before it loses the oldest.
const EVENTS: usize = 1024;
/// How long making a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// First and longest pause between two tries to connect.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A waiting command may cut the pause short, but tries are never closer than this.
const IMPATIENCE: Duration = Duration::from_secs(1);
/// A peer that takes no bytes for this long is gone.
const SEND: Duration = Duration::from_secs(5);
/// Reads of what already lies there before a request is sent; a chatty device must not keep it from being sent.
const LEFTOVERS: usize = 32;

/// What happens on a link without being asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection was made; many devices greet now.
    Connected,
    /// A frame that answers no request.
    Frame(Bytes),
    /// The connection was lost, and why.
    Disconnected(Arc<str>),
}

/// A running byte link.
#[derive(Debug)]
pub struct ByteLink {
    /// Takes requests.
    pub handle: Handle<BytesOp, BytesReply>,
    /// Everything that happens from the start on: the first greeting is in here.
    pub events: broadcast::Receiver<Event>,
}

impl ByteLink {
    /// Events from now on, for a further user. Whoever needs a greeting that is over asks for
    /// [`BytesOp::Reconnect`].
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.resubscribe()
    }
}

/// Starts the task of one endpoint. It ends when the last handle is gone or `shutdown` is signalled, and makes and
/// re-makes its connection by itself. `framing` and `port` are the driver's; without framing a silence of
/// 50 ms ends a frame.
pub fn spawn(
    config: &LinkConfig,
    framing: Option<&Framing>,
    port: Option<u16>,
    clock: SharedClock,
    shutdown: &Shutdown,
) -> Result<ByteLink, ConfigError> {
    let endpoint = Endpoint::new(config, port)?;
    let framer = Framer::new(framing)?;
    let (handle, inbox, health) = queue(ROOM);
    let (tell, events) = broadcast::channel(EVENTS);
    let report = Reporter::new(health, clock);
    let task = Task { endpoint, framer, inbox, report, tell, pending: None };
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = task.run() => {}
            () = ended.signalled() => {}
        }
    });
    Ok(ByteLink { handle, events })
}

/// How a connection ended.
enum Ended {
    /// All handles are gone.
    Unused,
    /// Somebody wants a new one.
    Asked,
    /// It broke; `alive` tells whether anything was ever received over it.
    Broken { why: Arc<str>, alive: bool },
}

/// What goes on over one connection.
#[derive(Default)]
struct Talk {
    /// A request that waits for its reply.
    exchange: Option<Job<BytesOp, BytesReply>>,
    /// When silence ends the frame that is open.
    silent_at: Option<Instant>,
    /// Something was received.
    alive: bool,
}

/// What happened next.
enum Turn {
    /// Nothing that needs an answer here.
    Quiet,
    /// Somebody wants something.
    Request(Job<BytesOp, BytesReply>),
    /// The connection is over.
    Ended(Ended),
}

struct Task {
    endpoint: Endpoint,
    framer: Framer,
    inbox: Inbox<BytesOp, BytesReply>,
    report: Reporter,
    tell: broadcast::Sender<Event>,
    /// A command to carry out first once there is a connection.
    pending: Option<Job<BytesOp, BytesReply>>,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(RECONNECT.0, RECONNECT.1);
        let mut down: Option<Arc<str>> = None;
        loop {
            let started = Instant::now();
            let Some(connected) = self.connect(down.as_ref()).await else { return };
            let why = match connected {
                Ok(connection) => {
                    down = None;
                    self.framer.reset();
                    self.report.up();
                    let _ = self.tell.send(Event::Connected);
                    match self.serve(connection).await {
                        Ended::Unused => return,
                        Ended::Asked => {
                            let _ =
                                self.tell.send(Event::Disconnected("a new connection was asked for".into()));
                            continue;
                        }
                        Ended::Broken { why, alive } => {
                            if alive {
                                backoff.succeeded();
                            }
                            let _ = self.tell.send(Event::Disconnected(why.clone()));
                            why
                        }
                    }
                }
                Err(why) => why,
            };
            if down.as_ref() != Some(&why) {
                tracing::warn!(link = %self.endpoint, %why, "not connected");
            }
            self.report.down(&why);
            down = Some(why.clone());
            let until = Instant::now() + backoff.failed(jitter());
            if !self.wait(&why, started, until).await {
                return;
            }
        }
    }

    /// One try to connect. While the endpoint is known to be down, users are told so meanwhile.
    /// `None` when nobody needs the link any more.
    async fn connect(&mut self, down: Option<&Arc<str>>) -> Option<Result<Connection, Arc<str>>> {
        let mut attempt = pin!(timeout(CONNECT, self.endpoint.connect()));
        loop {
            let job = tokio::select! {
                connected = &mut attempt => {
                    return Some(connected.unwrap_or_else(|_| Err("no answer to the connection request".into())));
                }
                job = self.inbox.next(), if down.is_some() => job?,
            };
            refuse_or_keep(&mut self.pending, job, down);
        }
    }

    /// The pause between two tries. `false` when nobody needs the link any more.
    async fn wait(&mut self, why: &Arc<str>, started: Instant, mut until: Instant) -> bool {
        if let Some(job) = self.pending.take() {
            job.answer(Err(LinkError::Offline(why.clone())));
        }
        loop {
            let job = tokio::select! {
                () = sleep_until(until) => return true,
                job = self.inbox.next() => job,
            };
            let Some(job) = job else { return false };
            if job.urgency == Urgency::Command || job.op == BytesOp::Reconnect {
                until = until.min(started + IMPATIENCE).max(Instant::now());
            }
            refuse_or_keep(&mut self.pending, job, Some(why));
        }
    }

    async fn serve(&mut self, mut connection: Connection) -> Ended {
        let mut talk = Talk::default();
        let mut buffer = vec![0u8; 16 * 1024];
        let ended = loop {
            let ended = match self.turn(&mut connection, &mut buffer, &mut talk).await {
                Turn::Quiet => None,
                Turn::Request(job) => self.request(&mut connection, &mut buffer, &mut talk, job).await,
                Turn::Ended(ended) => Some(ended),
            };
            if let Some(ended) = ended {
                break ended;
            }
        };
        if let (Some(job), Ended::Broken { why, .. }) = (talk.exchange, &ended) {
            self.report.failed();
            job.answer(Err(LinkError::Offline(why.clone())));
        }
        ended
    }

    /// Waits for the next thing to happen: bytes, a pause, a reply that is overdue, or a request. No request is
    /// taken while another waits for its reply.
    async fn turn(&mut self, connection: &mut Connection, buffer: &mut [u8], talk: &mut Talk) -> Turn {
        if talk.exchange.is_none()
            && let Some(job) = self.pending.take()
        {
            return Turn::Request(job);
        }
        let far = Instant::now() + Duration::from_secs(3600);
        let overdue = talk.exchange.as_ref().map_or(far, |job| job.deadline);
        tokio::select! {
            read = connection.read(buffer) => match read {
                Ok(0) if !connection.is_datagrams() => Turn::Ended(broken("closed by the peer", talk.alive)),
                Ok(count) => {
                    talk.alive = true;
                    self.report.proved();
                    self.framer.push(&buffer[..count]);
                    if let Err(why) = self.deliver(connection.is_datagrams(), &mut talk.exchange) {
                        return Turn::Ended(broken(&why, talk.alive));
                    }
                    let open = self.framer.is_open();
                    talk.silent_at = self.framer.silence().filter(|_| open).map(|silence| Instant::now() + silence);
                    Turn::Quiet
                }
                Err(error) => Turn::Ended(broken(&error.to_string(), talk.alive)),
            },
            () = sleep_until(talk.silent_at.unwrap_or(far)), if talk.silent_at.is_some() => {
                talk.silent_at = None;
                if let Some(frame) = self.framer.flush() {
                    self.hand_out(frame, &mut talk.exchange);
                }
                Turn::Quiet
            }
            () = sleep_until(overdue), if talk.exchange.is_some() => {
                if let Some(job) = talk.exchange.take() {
                    self.report.failed();
                    job.answer(Err(LinkError::Timeout));
                }
                Turn::Quiet
            }
            job = self.inbox.next(), if talk.exchange.is_none() => {
                job.map_or(Turn::Ended(Ended::Unused), Turn::Request)
            }
        }
    }

    /// Sends one request. Gives the end of the connection if it was one.
    async fn request(
        &mut self,
        connection: &mut Connection,
        buffer: &mut [u8],
        talk: &mut Talk,
        job: Job<BytesOp, BytesReply>,
    ) -> Option<Ended> {
        if job.is_abandoned() {
            return None;
        }
        let (frame, wants_reply) = match &job.op {
            BytesOp::Send(frame) => (frame, false),
            BytesOp::Exchange(frame) => (frame, true),
            BytesOp::Reconnect => {
                job.answer(Ok(BytesReply::Sent));
                return Some(Ended::Asked);
            }
        };
        let wire = match self.framer.encode(frame) {
            Ok(wire) => wire,
            Err(what) => {
                job.answer(Err(LinkError::Invalid(what.into())));
                return None;
            }
        };
        // What lies there already answers something else.
        let left = if wants_reply { self.leftovers(connection, buffer).await } else { Ok(false) };
        talk.alive |= matches!(left, Ok(true));
        self.report.sent();
        let sent = match left {
            Err(why) => Err(why),
            Ok(_) => match timeout(SEND, connection.write(&wire)).await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(_) => Err("the peer takes no more bytes".into()),
            },
        };
        match sent {
            Ok(()) if wants_reply => talk.exchange = Some(job),
            Ok(()) => job.answer(Ok(BytesReply::Sent)),
            Err(why) => {
                self.report.failed();
                job.answer(Err(LinkError::Offline(why.as_str().into())));
                return Some(broken(&why, talk.alive));
            }
        }
        None
    }

    /// Hands out the whole frames received so far.
    fn deliver(
        &mut self,
        datagram: bool,
        exchange: &mut Option<Job<BytesOp, BytesReply>>,
    ) -> Result<(), String> {
        loop {
            match self.framer.next_frame() {
                Ok(Some(frame)) => self.hand_out(frame, exchange),
                Ok(None) => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        if datagram && let Some(frame) = self.framer.flush() {
            self.hand_out(frame, exchange);
        }
        Ok(())
    }

    fn hand_out(&mut self, frame: Bytes, exchange: &mut Option<Job<BytesOp, BytesReply>>) {
        match exchange.take() {
            Some(job) => job.answer(Ok(BytesReply::Frame(frame))),
            None => {
                let _ = self.tell.send(Event::Frame(frame));
            }
        }
    }

    /// Takes what has arrived already, without waiting. `true` when there was something.
    async fn leftovers(&mut self, connection: &mut Connection, buffer: &mut [u8]) -> Result<bool, String> {
        for round in 0..LEFTOVERS {
            let read = tokio::select! {
                biased;
                read = connection.read(buffer) => read,
                () = std::future::ready(()) => {
                    if self.framer.silence().is_some() && let Some(frame) = self.framer.flush() {
                        self.hand_out(frame, &mut None);
                    }
                    return Ok(round > 0);
                }
            };
            match read {
                Ok(0) if !connection.is_datagrams() => return Err("closed by the peer".into()),
                Ok(count) => {
                    self.framer.push(&buffer[..count]);
                    self.deliver(connection.is_datagrams(), &mut None)?;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(true)
    }
}

/// Users of an endpoint known to be down are told so; one command is kept for the next connection.
fn refuse_or_keep(
    pending: &mut Option<Job<BytesOp, BytesReply>>,
    job: Job<BytesOp, BytesReply>,
    down: Option<&Arc<str>>,
) {
    if job.op == BytesOp::Reconnect {
        job.answer(Ok(BytesReply::Sent));
    } else if job.urgency == Urgency::Command && pending.is_none() {
        *pending = Some(job);
    } else {
        job.answer(Err(LinkError::Offline(down.cloned().unwrap_or_else(|| "connecting".into()))));
    }
}

fn broken(why: &str, alive: bool) -> Ended {
    Ended::Broken { why: why.into(), alive }
}
