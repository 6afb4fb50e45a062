//! The task that owns one endpoint: connects, sends, frames what comes and gives it to whom it belongs.

use crate::codec::Framer;
use crate::error::ConfigError;
use crate::events::{EVENTS, Later, Listeners, listeners};
use bo_link::mailbox::Receiver;
use bo_link::{BytesOp, BytesReply, Handle, Job, LinkError};
use bo_link_stream::{Connection, Endpoint, Line};
use bo_model::clock::SharedClock;
use bo_model::driver::Framing;
use bo_model::release::LinkConfig;
use bo_runtime::shutdown::Shutdown;
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout};

/// Waiting requests per lane.
const ROOM: usize = 256;
/// Bytes taken from the socket at once; devices that speak in lines send few.
const READ: usize = 4 * 1024;
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
    pub events: Receiver<Event>,
    /// For further users.
    pub later: Later,
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
    let framer = Framer::new(framing)?;
    let (handle, line) = Line::new(endpoint(config, port)?, ROOM, clock, moot);
    let (tell, later) = listeners();
    let events = later.subscribe();
    let mut task = Task { line, framer, tell };
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = task.run() => {}
            () = ended.signalled() => {}
        }
    });
    Ok(ByteLink { handle, events, later })
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
    line: Line<BytesOp, BytesReply>,
    framer: Framer,
    tell: Listeners,
}

impl Task {
    async fn run(&mut self) {
        while let Some((connection, _)) = self.line.connect().await {
            self.framer.reset();
            self.tell.send(Event::Connected);
            let why = match self.serve(connection).await {
                Ended::Unused => return,
                Ended::Asked => {
                    self.tell.send(Event::Disconnected("a new connection was asked for".into()));
                    continue;
                }
                Ended::Broken { why, alive } => {
                    if alive {
                        self.line.worked();
                    }
                    why
                }
            };
            self.tell.send(Event::Disconnected(why.clone()));
            if self.line.pause(why).await.is_none() {
                return;
            }
        }
    }

    async fn serve(&mut self, mut connection: Connection) -> Ended {
        let mut talk = Talk::default();
        let ended = loop {
            let ended = match self.turn(&mut connection, &mut talk).await {
                Turn::Quiet => None,
                Turn::Request(job) => self.request(&mut connection, &mut talk, job).await,
                Turn::Ended(ended) => Some(ended),
            };
            if let Some(ended) = ended {
                break ended;
            }
        };
        if let (Some(job), Ended::Broken { why, .. }) = (talk.exchange, &ended) {
            self.line.report.failed();
            job.answer(Err(LinkError::Offline(why.clone())));
        }
        ended
    }

    /// Waits for the next thing to happen: bytes, a pause, a reply that is overdue, or a request. No request is
    /// taken while another waits for its reply.
    async fn turn(&mut self, connection: &mut Connection, talk: &mut Talk) -> Turn {
        if talk.exchange.is_none()
            && let Some(job) = self.line.pending.take()
        {
            return Turn::Request(job);
        }
        let far = Instant::now() + Duration::from_secs(3600);
        let overdue = talk.exchange.as_ref().map_or(far, |job| job.deadline());
        tokio::select! {
            read = receive(connection, &mut self.framer) => match read {
                Ok(0) if !connection.is_datagrams() => Turn::Ended(broken("closed by the peer", talk.alive)),
                Ok(_) => {
                    talk.alive = true;
                    self.line.report.proved();
                    if let Err(why) = self.deliver(connection.is_datagrams(), &mut talk.exchange).await {
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
                    self.line.report.failed();
                    job.answer(Err(LinkError::Timeout));
                }
                Turn::Quiet
            }
            job = self.line.inbox.next(), if talk.exchange.is_none() => {
                job.map_or(Turn::Ended(Ended::Unused), Turn::Request)
            }
        }
    }

    /// Sends one request. Gives the end of the connection if it was one.
    async fn request(
        &mut self,
        connection: &mut Connection,
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
        let left = if wants_reply { self.leftovers(connection).await } else { Ok(false) };
        talk.alive |= matches!(left, Ok(true));
        self.line.report.sent();
        let sent = match left {
            Err(why) => Err(why),
            Ok(_) => match timeout(SEND, send(connection, &wire)).await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(_) => Err("the peer takes no more bytes".into()),
            },
        };
        match sent {
            Ok(()) if wants_reply => talk.exchange = Some(job),
            Ok(()) => job.answer(Ok(BytesReply::Sent)),
            Err(why) => {
                self.line.report.failed();
                job.answer(Err(LinkError::Offline(why.as_str().into())));
                return Some(broken(&why, talk.alive));
            }
        }
        None
    }

    /// Hands out the whole frames received so far. After some of them their readers get a turn, so that a burst is not lost on
    /// them.
    async fn deliver(
        &mut self,
        datagram: bool,
        exchange: &mut Option<Job<BytesOp, BytesReply>>,
    ) -> Result<(), String> {
        for count in 1usize.. {
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    self.hand_out(frame, exchange);
                    if count.is_multiple_of(EVENTS / 2) {
                        tokio::task::yield_now().await;
                    }
                }
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
                self.tell.send(Event::Frame(frame));
            }
        }
    }

    /// Takes what has arrived already, without waiting. `true` when there was something.
    async fn leftovers(&mut self, connection: &mut Connection) -> Result<bool, String> {
        for round in 0..LEFTOVERS {
            let read = tokio::select! {
                biased;
                read = receive(connection, &mut self.framer) => read,
                () = std::future::ready(()) => {
                    if self.framer.silence().is_some() && let Some(frame) = self.framer.flush() {
                        self.hand_out(frame, &mut None);
                    }
                    return Ok(round > 0);
                }
            };
            match read {
                Ok(0) if !connection.is_datagrams() => return Err("closed by the peer".into()),
                Ok(_) => {
                    self.deliver(connection.is_datagrams(), &mut None).await?;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(true)
    }
}

/// Asking for a new connection while there is none.
fn moot(op: &BytesOp) -> Option<BytesReply> {
    (*op == BytesOp::Reconnect).then_some(BytesReply::Sent)
}

/// Where a byte link leads; `port` is the driver's, for links that name none.
fn endpoint(config: &LinkConfig, port: Option<u16>) -> Result<Endpoint, ConfigError> {
    let need =
        |own: Option<u16>, host: &str| own.or(port).ok_or_else(|| ConfigError::NoPort(host.to_owned()));
    match config {
        LinkConfig::Tcp { host, port: own, tls } => Ok(Endpoint::tcp(host, need(*own, host)?, tls.as_ref())?),
        LinkConfig::Udp { host, port: own } => Ok(Endpoint::Udp(host.clone(), need(*own, host)?)),
        LinkConfig::Serial { line } => Ok(Endpoint::serial(line)?),
        _ => Err(ConfigError::NotBytes),
    }
}

/// Reads what has come into `framer`; says how much it was. The room for it lies on the thread's stack while it is looked: none is kept
/// while nothing comes. Cancel safe.
async fn receive(connection: &mut Connection, framer: &mut Framer) -> io::Result<usize> {
    poll_fn(|context| {
        let mut room = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *connection).poll_read(context, &mut buffer))?;
        framer.push(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

/// Sends all of `bytes`.
async fn send(connection: &mut Connection, bytes: &[u8]) -> io::Result<()> {
    connection.write_all(bytes).await?;
    connection.flush().await
}

fn broken(why: &str, alive: bool) -> Ended {
    Ended::Broken { why: why.into(), alive }
}
