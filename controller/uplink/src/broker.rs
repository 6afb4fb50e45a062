//! The other way in: edges connect to a broker (Mosquitto, EMQX, HiveMQ, NATS …) and this process joins it as a client.
//!
//! The broker must verify client certificates of our authority, take the common name as user name, and confine each user:
//! write `bo/1/%u/up/#`, read `bo/1/%u/down/#` (`backoffice broker` writes all of that down for Mosquitto). A revoked edge is
//! to be put out there too; here it is sent nothing from that moment on, and what it says is ignored (decision 9). Nothing relies
//! on the broker keeping anything.

use crate::dispatch::dispatch;
use crate::handler::{Admission, Handler};
use crate::seats::Seats;
use crate::uplink::SendError;
use bo_model::EdgeId;
use bo_runtime::{Backoff, Shutdown, backoff};
use bo_wire::{Ack, Direction, Down, MAX_PAYLOAD, Topic};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, TlsConfiguration, Transport,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How to reach the broker.
#[derive(Clone)]
pub struct ExternalBroker {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS towards the broker; plain TCP only makes sense on loopback.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// Client id; give each controller its own.
    pub client_id: String,
}

impl std::fmt::Debug for ExternalBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalBroker")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Messages of one edge waiting to be handled; the rest is asked for again.
const ROOM: usize = 32;
/// Requests waiting for the client.
const REQUESTS: usize = 256;
/// A revocation counts after this at the latest.
const ADMITTED_FOR: Duration = Duration::from_secs(1);
/// An edge unheard of for this long gives its worker back.
const IDLE: Duration = Duration::from_secs(600);

/// The broker as messages on their way down see it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct External {
    client: AsyncClient,
    seats: Arc<Seats>,
    joined: Arc<AtomicBool>,
}

impl External {
    /// Sends now or not at all: what waits for a broker that is away would reach an edge that was put out meanwhile.
    pub(crate) fn send(&self, edge: EdgeId, down: &Down) -> Result<(), SendError> {
        if !self.joined.load(Ordering::Acquire) || !self.seats.is_taken(edge) {
            return Err(SendError::NotConnected);
        }
        let (kind, payload) = down.encode();
        self.client
            .try_publish(down_topic(edge, kind), QoS::AtLeastOnce, false, payload)
            .map_err(|_| SendError::Busy)
    }

    /// Puts an edge out; true when it was in.
    pub(crate) fn kick(&self, edge: EdgeId) -> bool {
        self.seats.put_out(edge)
    }
}

fn down_topic(edge: EdgeId, kind: &'static str) -> String {
    Topic::new(edge, Direction::Down, kind).to_string()
}

/// Joins and stays joined; returns what to publish with.
pub(crate) fn join<H: Handler>(
    config: ExternalBroker,
    handler: Arc<H>,
    deadline: Duration,
    shutdown: &Shutdown,
) -> External {
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    options.set_max_packet_size(MAX_PAYLOAD + 512, MAX_PAYLOAD + 512).set_keep_alive(Duration::from_secs(20));
    options.set_clean_session(true);
    if let Some(tls) = config.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    }
    if let Some((user, password)) = config.login {
        options.set_credentials(user, password);
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    events.network_options.set_tcp_nodelay(true);
    let external = External { client, seats: Arc::default(), joined: Arc::default() };
    let workers = Workers {
        handler,
        external: external.clone(),
        deadline,
        shutdown: shutdown.clone(),
        edges: HashMap::new(),
    };
    shutdown.spawn(run(events, workers, shutdown.clone()));
    external
}

async fn run<H: Handler>(mut events: EventLoop, mut workers: Workers<H>, shutdown: Shutdown) {
    let mut pause = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let event = tokio::select! {
            event = events.poll() => event,
            () = shutdown.signalled() => return,
        };
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                pause.succeeded();
                tracing::info!("joined the broker");
                workers.external.joined.store(true, Ordering::Release);
                if workers.external.client.try_subscribe("bo/1/+/up/#", QoS::AtLeastOnce).is_err() {
                    tracing::error!("could not subscribe at the broker");
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => workers.take(publish),
            Ok(_) => {}
            Err(error) => {
                workers.external.joined.store(false, Ordering::Release);
                tracing::warn!(%error, "the broker is not reachable");
                tokio::select! {
                    () = tokio::time::sleep(pause.failed(backoff::jitter())) => {}
                    () = shutdown.signalled() => return,
                }
            }
        }
    }
}

/// One worker per edge: their order holds, and a slow one keeps nobody else waiting.
struct Workers<H> {
    handler: Arc<H>,
    external: External,
    deadline: Duration,
    shutdown: Shutdown,
    edges: HashMap<EdgeId, mpsc::Sender<(String, bytes::Bytes)>>,
}

impl<H: Handler> Workers<H> {
    fn take(&mut self, publish: Publish) {
        let topic = match Topic::parse(&publish.topic) {
            Ok(topic) if topic.direction == Direction::Up && !publish.retain => topic,
            _ => return tracing::warn!(topic = %publish.topic, "ignored a message outside the grammar"),
        };
        let edge = topic.edge;
        if self.edges.get(&edge).is_none_or(mpsc::Sender::is_closed) {
            self.edges.retain(|_, sender| !sender.is_closed());
            let (sender, inbox) = mpsc::channel(ROOM);
            self.edges.insert(edge, sender);
            let (handler, external) = (self.handler.clone(), self.external.clone());
            self.shutdown.spawn(work(handler, external, edge, inbox, self.deadline, self.shutdown.clone()));
        }
        let Some(sender) = self.edges.get(&edge) else { return };
        if sender.try_send((topic.kind, publish.payload)).is_err() {
            let _ = self.external.send(edge, &Down::Ack(Ack { cursors: Vec::new(), resend: true }));
        }
    }
}

async fn work<H: Handler>(
    handler: Arc<H>,
    external: External,
    edge: EdgeId,
    mut inbox: mpsc::Receiver<(String, bytes::Bytes)>,
    deadline: Duration,
    shutdown: Shutdown,
) {
    let External { client, seats, .. } = &external;
    let mut connected = false;
    let mut asked = Instant::now();
    loop {
        let message = tokio::select! {
            message = tokio::time::timeout(IDLE, inbox.recv()) => message,
            () = shutdown.signalled() => return,
        };
        let Ok(Some((kind, payload))) = message else { break };
        if kind == "hello" || !seats.is_taken(edge) || asked.elapsed() > ADMITTED_FOR {
            asked = Instant::now();
            let before = seats.put_out_so_far(edge);
            // The broker proved the certificate; the serial number is its business.
            let refused = match handler.admit(edge, "").await {
                Admission::Welcome if seats.enter(edge, before) => None,
                Admission::Welcome => Some("it was put out just now".to_owned()),
                Admission::Refused(why) => Some(why),
            };
            if connected != refused.is_none() {
                connected = !connected;
                handler.connected(edge, connected).await;
            }
            if let Some(why) = refused {
                seats.put_out(edge);
                tracing::warn!(%edge, why, "message ignored");
                continue;
            }
        }
        if let Some((kind, payload)) = dispatch(handler.as_ref(), edge, &kind, &payload, deadline).await
            && seats.is_taken(edge)
            && client.publish(down_topic(edge, kind), QoS::AtLeastOnce, false, payload).await.is_err()
        {
            break;
        }
    }
    seats.put_out(edge);
    if connected {
        handler.connected(edge, false).await;
    }
}
