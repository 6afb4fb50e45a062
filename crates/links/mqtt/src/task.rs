//! The session with a broker: the only file here that touches a socket.
//!
//! Each user of the link gets a handle and a listener of its own. A publish with QoS 1 is answered when the broker has it, one
//! with QoS 0 when it is written. Nothing is kept over a disconnect: a command that could not be sent is refused at once and
//! never replayed.

use crate::config::MqttConfig;
use crate::converse::converse;
use crate::listeners::{Change, Listener, Listeners};
use crate::packets::{Broken, next_packet, write};
use crate::session::Session;
use crate::shared::Shared;
use crate::terms::{Terms, greeting};
use crate::topic::is_filter;
use bo_link::{Asker, Handle, Health, Inbox, LinkError, MqttMessage, MqttOp, Reporter, queue};
use bo_link_stream::{Connection, Endpoint};
use bo_model::clock::SharedClock;
use bo_model::release::MqttVersion;
use bo_runtime::{Backoff, Shutdown, backoff};
use bytes::BytesMut;
use mqtt5::packet::Packet;
use mqtt5::packet::disconnect::DisconnectPacket;
use mqtt5::protocol::v5::reason_codes::{NORMAL_DISCONNECTION, ReasonCode};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long connecting, TLS and the broker's greeting may take, together.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long the broker may take to accept bytes.
pub(crate) const WRITE_WITHIN: Duration = Duration::from_secs(15);
/// How long saying goodbye may take.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// Why a link is down that nobody wants any more.
const CLOSED: &str = "the link was closed";

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

/// Connects, and stays connected with back-off, until `shutdown`.
pub fn spawn(config: MqttConfig, clock: SharedClock, shutdown: &Shutdown) -> MqttLink {
    let (publish, health) = watch::channel(Health::default());
    let shared = Arc::new(Shared::default());
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

    /// Calls `sink` with each message of these filters, in the link's own task. It must not block, nor use the link; one that
    /// panics is dropped, and its [`Listener`] ends.
    pub fn listen(
        &self,
        filters: &[String],
        sink: impl FnMut(&MqttMessage) + Send + 'static,
    ) -> Result<Listener, LinkError> {
        let listener = self.listeners.call(Box::new(sink));
        for filter in filters {
            self.subscribe(listener.who(), filter)?;
        }
        Ok(listener)
    }

    /// Publishes with no queue in between: the message is ready to be written when this returns.
    pub fn publish(&self, message: MqttMessage, asker: Asker<()>) {
        self.shared.publish(asker, message);
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
            match job.split() {
                (MqttOp::Publish(message), asker) => self.shared.publish(asker, message),
                (MqttOp::Subscribe(filter), asker) => asker.answer(self.subscribe(who, &filter)),
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
        let connected = tokio::select! {
            connected = timeout(CONNECT_WITHIN, connect(&config)) => connected.unwrap_or_else(|_| {
                Err(Broken::off(format!("no connection within {} s", CONNECT_WITHIN.as_secs())))
            }),
            () = shutdown.signalled() => Err(Broken::off(CLOSED)),
        };
        let why = match connected {
            Err(broken) => broken.why,
            Ok(mut line) => {
                let session = async {
                    let mut session = Session::new(config.version, line.terms.clone());
                    shared.refusals.begin();
                    let refused = session.subscribe(&listeners.reconnected()).map_err(Broken::off)?;
                    (0..shared.refusals.note(refused)).for_each(|_| reporter.failed());
                    *shared.lock() = Ok(session);
                    pause.succeeded();
                    reporter.up();
                    converse(&mut line, &shared, &listeners, &mut reporter, &mut stamp).await
                };
                let ended = tokio::select! {
                    ended = session => ended,
                    () = shutdown.signalled() => Err(Broken::with(NORMAL_DISCONNECTION, CLOSED)),
                };
                let Err(broken) = ended;
                if let Some(code) = broken.say {
                    line.farewell(code).await;
                }
                broken.why
            }
        };
        shared.down(&why);
        if shutdown.is_signalled() {
            return;
        }
        reporter.down(&why);
        tracing::warn!(host = %config.host, port = config.port, %why, "MQTT link down");
        tokio::select! {
            () = tokio::time::sleep(pause.failed(backoff::jitter())) => {}
            () = shutdown.signalled() => return,
        }
    }
}

/// A connection over which the broker has let us in.
pub(crate) struct Line {
    pub(crate) connection: Connection,
    /// What was read and is not taken yet.
    pub(crate) read: BytesMut,
    version: MqttVersion,
    pub(crate) terms: Terms,
}

impl Line {
    /// Says goodbye, and why; an MQTT 3.1.1 broker can be told of an orderly end alone.
    async fn farewell(&mut self, code: ReasonCode) {
        let mut bytes = BytesMut::new();
        let worded = match self.version {
            MqttVersion::V5 => write(&DisconnectPacket::new(code), &mut bytes).is_ok(),
            MqttVersion::V3 if code == NORMAL_DISCONNECTION => {
                bytes.extend_from_slice(&[0xe0, 0]);
                true
            }
            MqttVersion::V3 => false,
        };
        if worded {
            // The connection ends either way.
            let _ = timeout(FAREWELL_WITHIN, send(&mut self.connection, &bytes)).await;
        }
    }
}

async fn connect(config: &MqttConfig) -> Result<Line, Broken> {
    let host = config.host.clone();
    let endpoint = match &config.tls {
        None => Endpoint::Tcp(host, config.port),
        Some(tls) => {
            let name = ServerName::try_from(host.clone()).map_err(Broken::off)?;
            Endpoint::Tls(host, config.port, TlsConnector::from(tls.clone()), name)
        }
    };
    let mut connection = endpoint.connect().await.map_err(Broken::off)?;
    let mut bytes = BytesMut::new();
    write(&greeting(config), &mut bytes).map_err(Broken::off)?;
    send(&mut connection, &bytes).await.map_err(Broken::off)?;
    let mut read = BytesMut::with_capacity(16 * 1024);
    loop {
        match next_packet(&mut read, config.version)? {
            Some(Packet::ConnAck(ack)) => {
                let terms = Terms::of(&ack, config.version)?;
                return Ok(Line { connection, read, version: config.version, terms });
            }
            Some(_) => return Err(Broken::off("the broker answers something else than MQTT")),
            None => {}
        }
        if connection.read_buf(&mut read).await.map_err(Broken::off)? == 0 {
            let hint = match config.version {
                MqttVersion::V3 => "",
                MqttVersion::V5 => "; brokers that speak 3.1.1 only may do so",
            };
            return Err(Broken::off(format!("closed by the broker before it let us in{hint}")));
        }
    }
}

pub(crate) async fn send(connection: &mut Connection, bytes: &[u8]) -> std::io::Result<()> {
    connection.write_all(bytes).await?;
    connection.flush().await
}
