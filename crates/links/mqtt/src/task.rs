//! The session with a broker: the only file here that touches a socket.
//!
//! Each user of the link gets a handle and a listener of its own. A publish with QoS 1 is answered when the broker has it, one
//! with QoS 0 when it is written. Nothing is kept over a disconnect: a command that could not be sent is refused at once and
//! never replayed.

use crate::config::MqttConfig;
use crate::listeners::{Change, Listener, Listeners};
use crate::session::{Heard, MAX_PACKET, Session, Waiting, next_packet};
use crate::topic::{is_filter, is_topic};
use bo_link::{Handle, Health, Inbox, LinkError, MqttMessage, MqttOp, Reporter, queue};
use bo_link_stream::{Connection, Endpoint};
use bo_model::clock::SharedClock;
use bo_runtime::{Backoff, Shutdown, backoff};
use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{Connect, ConnectReturnCode, Login, Packet};
use rustls::pki_types::ServerName;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long connecting, TLS and the broker's greeting may take, together.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long the broker may take to accept bytes.
const WRITE_WITHIN: Duration = Duration::from_secs(15);

/// A link to a broker. Cheap to clone; ends with the `Shutdown` it was spawned with.
#[derive(Clone)]
pub struct MqttLink {
    shared: Arc<Shared>,
    listeners: Arc<Listeners>,
    health: watch::Receiver<Health>,
    clock: SharedClock,
    shutdown: Shutdown,
    room: usize,
}

/// What the users' tasks and the connection's task share.
struct Shared {
    now: Mutex<Result<Session, Arc<str>>>,
    /// There is something to write.
    write: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Result<Session, Arc<str>>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn down(&self, why: &Arc<str>) {
        let before = std::mem::replace(&mut *self.lock(), Err(why.clone()));
        if let Ok(session) = before {
            session.end(why);
        }
    }

    fn publish(&self, job: Waiting, message: MqttMessage) {
        if !is_topic(&message.topic) {
            return job.answer(Err(LinkError::Invalid(format!("`{}` is not a topic", message.topic).into())));
        }
        if message.payload.len() + message.topic.len() + 16 > MAX_PACKET {
            let why =
                format!("a message of {} bytes is over the limit of {MAX_PACKET}", message.payload.len());
            return job.answer(Err(LinkError::Invalid(why.into())));
        }
        match &mut *self.lock() {
            Err(why) => return job.answer(Err(LinkError::Offline(why.clone()))),
            Ok(session) => session.publish(job, message),
        }
        self.write.notify_one();
    }

    fn change(&self, change: Change) -> Result<(), LinkError> {
        let mut now = self.lock();
        let Ok(session) = &mut *now else { return Ok(()) }; // asked for on connecting
        let done =
            session.subscribe(&change.subscribe).and_then(|()| session.unsubscribe(change.unsubscribe));
        self.write.notify_one();
        done.map_err(|error| LinkError::Invalid(error.to_string().into()))
    }
}

/// Connects, and stays connected with back-off, until `shutdown`.
pub fn spawn(config: MqttConfig, clock: SharedClock, shutdown: &Shutdown) -> MqttLink {
    let (publish, health) = watch::channel(Health::default());
    let shared = Arc::new(Shared { now: Mutex::new(Err("not connected yet".into())), write: Notify::new() });
    let listeners = Arc::new(Listeners::default());
    let link = MqttLink {
        shared: shared.clone(),
        listeners: listeners.clone(),
        health,
        clock: clock.clone(),
        shutdown: shutdown.clone(),
        room: config.room,
    };
    let reporter = Reporter::new(publish, clock);
    shutdown.spawn(run(config, shared, listeners, reporter, shutdown.clone()));
    link
}

impl MqttLink {
    /// A handle and a listener for one user (a device). `filters` are subscribed at once and again after each reconnect;
    /// `MqttOp::Subscribe` on the handle adds to them. `room` messages may wait; beyond that the newest are dropped and counted.
    pub fn user(&self, filters: &[String], room: usize) -> Result<(Handle<MqttOp, ()>, Listener), LinkError> {
        let listener = self.listeners.join(room);
        for filter in filters {
            self.subscribe(listener.who(), filter)?;
        }
        let (handle, inbox, publish) = queue(self.room);
        let reporter = Reporter::new(publish.clone(), self.clock.clone());
        self.shutdown.spawn(self.clone().serve(listener.who(), inbox, publish, reporter));
        Ok((handle, listener))
    }

    /// The link's health as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    fn subscribe(&self, who: u32, filter: &str) -> Result<(), LinkError> {
        if !is_filter(filter) {
            return Err(LinkError::Invalid(format!("`{filter}` is not a topic filter").into()));
        }
        let change = self.listeners.add(who, filter);
        self.shared.change(change)?;
        let unsubscribe = self.listeners.given_back();
        self.shared.change(Change { subscribe: Vec::new(), unsubscribe })
    }

    /// Takes one user's requests until it is gone.
    async fn serve(
        self,
        who: u32,
        mut inbox: Inbox<MqttOp, ()>,
        publish: watch::Sender<Health>,
        mut reporter: Reporter,
    ) {
        let mut health = self.health.clone();
        publish.send_replace(health.borrow_and_update().clone());
        loop {
            let job = tokio::select! {
                job = inbox.next() => job,
                changed = health.changed() => {
                    if changed.is_ok() {
                        publish.send_replace(health.borrow_and_update().clone());
                        continue;
                    }
                    None
                }
                () = self.shutdown.signalled() => None,
            };
            let Some(job) = job else { return };
            reporter.sent();
            match job.op.clone() {
                MqttOp::Publish(message) => self.shared.publish(job, message),
                MqttOp::Subscribe(filter) => {
                    let done = self.subscribe(who, &filter);
                    job.answer(done);
                }
            }
        }
    }
}

async fn run(
    config: MqttConfig,
    shared: Arc<Shared>,
    listeners: Arc<Listeners>,
    mut reporter: Reporter,
    shutdown: Shutdown,
) {
    let mut pause = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
    let mut stamp = 0;
    loop {
        let session = async {
            let mut connection = match timeout(CONNECT_WITHIN, connect(&config)).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(why)) => return why,
                Err(_) => return format!("no connection within {} s", CONNECT_WITHIN.as_secs()).into(),
            };
            let mut session = Session::default();
            if let Err(error) = session.subscribe(&listeners.reconnected()) {
                return error.to_string().into();
            }
            *shared.lock() = Ok(session);
            pause.succeeded();
            reporter.up();
            match converse(&mut connection, &shared, &listeners, &mut reporter, &mut stamp).await {
                Ok(never) => match never {},
                Err(why) => why,
            }
        };
        let why = tokio::select! {
            why = session => why,
            () = shutdown.signalled() => {
                shared.down(&"the link was closed".into());
                return;
            }
        };
        reporter.down(&why);
        shared.down(&why);
        tracing::warn!(host = %config.host, port = config.port, %why, "MQTT link down");
        tokio::select! {
            () = tokio::time::sleep(pause.failed(backoff::jitter())) => {}
            () = shutdown.signalled() => return,
        }
    }
}

/// A connection over which the broker has let us in.
async fn connect(config: &MqttConfig) -> Result<Connection, Arc<str>> {
    let host = config.host.clone();
    let endpoint = match &config.tls {
        None => Endpoint::Tcp(host, config.port),
        Some(tls) => {
            let name = ServerName::try_from(host.clone()).map_err(|error| Arc::from(error.to_string()))?;
            Endpoint::Tls(host, config.port, TlsConnector::from(tls.clone()), name)
        }
    };
    let mut connection = endpoint.connect().await?;
    let mut greeting = Connect::new(&config.client_id);
    greeting.keep_alive = KEEP_ALIVE.as_secs() as u16;
    greeting.login = config
        .login
        .as_ref()
        .map(|(username, password)| Login { username: username.clone(), password: password.clone() });
    let mut bytes = BytesMut::new();
    greeting.write(&mut bytes).map_err(why)?;
    connection.write_all(&bytes).await.map_err(why)?;
    connection.flush().await.map_err(why)?;
    // Read no further than the answer, which has four bytes: what follows belongs to the session.
    let mut answer = [0; 4];
    connection.read_exact(&mut answer).await.map_err(why)?;
    match next_packet(&mut BytesMut::from(&answer[..])) {
        Ok(Some(Packet::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => Ok(connection),
        Ok(Some(Packet::ConnAck(ack))) => Err(format!("the broker refused: {:?}", ack.code).into()),
        Ok(_) => Err("the broker does not speak MQTT 3.1.1".into()),
        Err(error) => Err(error.to_string().into()),
    }
}

/// One connection, until it ends. Returns why.
async fn converse(
    connection: &mut Connection,
    shared: &Shared,
    listeners: &Listeners,
    reporter: &mut Reporter,
    stamp: &mut u64,
) -> Result<std::convert::Infallible, Arc<str>> {
    let (mut read, mut messages) = (BytesMut::with_capacity(16 * 1024), Vec::new());
    let quiet = tokio::time::sleep(KEEP_ALIVE / 2);
    tokio::pin!(quiet);
    let (mut heard, mut wrote, mut asked) = (Instant::now(), Instant::now(), false);
    loop {
        while let Some((bytes, written)) = unwritten(shared) {
            timeout(WRITE_WITHIN, async {
                connection.write_all(&bytes).await?;
                connection.flush().await
            })
            .await
            .map_err(|_| Arc::<str>::from("the broker takes no more bytes"))?
            .map_err(why)?;
            written.into_iter().for_each(|job| job.answer(Ok(())));
            wrote = Instant::now();
        }
        tokio::select! {
            count = connection.read_buf(&mut read) => {
                if count.map_err(why)? == 0 {
                    return Err("closed by the broker".into());
                }
                (heard, asked) = (Instant::now(), false);
                reporter.proved();
                for _ in 0..take(&mut read, shared, &mut messages)? {
                    reporter.failed();
                }
                for message in messages.drain(..) {
                    *stamp += 1;
                    for _ in 0..listeners.deliver(&message, *stamp) {
                        reporter.failed();
                    }
                }
                read.reserve(16 * 1024);
            }
            () = shared.write.notified() => {}
            () = quiet.as_mut() => {
                // Moved only when it is over: most of the time something came meanwhile.
                let quiet_until = heard.min(wrote) + KEEP_ALIVE / if asked { 1 } else { 2 };
                if quiet_until > Instant::now() {
                    quiet.as_mut().reset(quiet_until);
                    continue;
                }
                if asked {
                    return Err("the broker does not answer any more".into());
                }
                asked = true;
                quiet.as_mut().reset(Instant::now() + KEEP_ALIVE / 2);
                if let Ok(session) = &mut *shared.lock() {
                    session.ping().map_err(why)?;
                }
            }
        }
    }
}

fn unwritten(shared: &Shared) -> Option<(bytes::Bytes, Vec<Waiting>)> {
    shared.lock().as_mut().ok()?.unwritten()
}

/// Takes every whole packet that was read. Returns how many subscriptions were refused.
fn take(read: &mut BytesMut, shared: &Shared, messages: &mut Vec<MqttMessage>) -> Result<u32, Arc<str>> {
    let mut refused = 0;
    match &mut *shared.lock() {
        Err(why) => return Err(why.clone()),
        Ok(session) => {
            while let Some(packet) = next_packet(read).map_err(why)? {
                match session.take(packet).map_err(why)? {
                    Heard::Message(message) => messages.push(message),
                    Heard::Refused => refused += 1,
                    Heard::Proof => {}
                }
            }
        }
    }
    if refused > 0 {
        tracing::warn!(refused, "the broker refused subscriptions");
    }
    Ok(refused)
}

fn why(error: impl std::fmt::Display) -> Arc<str> {
    error.to_string().into()
}
