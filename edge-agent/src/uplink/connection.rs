//! One MQTT connection to the controller's gate: TLS with our certificate, subscribed to what is ours. The only file of the
//! uplink that touches the socket (through `rumqttc`); nothing of it outlives the connection.

use crate::enroll::Identity;
use bo_runtime::Shutdown;
use bo_wire::{Direction, MAX_PAYLOAD, Topic, Up, edge_filter};
use bytes::Bytes;
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeReasonCode, TlsConfiguration, Transport,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Messages on their way out; the window keeps far below it.
const REQUESTS: usize = 64;
/// Messages from the controller waiting for the session.
const INCOMING: usize = 64;

/// What the connection tells the session.
pub(super) enum Incoming {
    /// Connected and subscribed.
    Ready,
    /// A message: kind and payload.
    Message(String, Bytes),
    /// The end, and why.
    Lost(Arc<str>),
}

/// A connection under way. Dropping it ends it.
pub(super) struct Connection {
    client: AsyncClient,
    edge: bo_model::EdgeId,
    incoming: mpsc::Receiver<Incoming>,
    end: Shutdown,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end.signal();
    }
}

impl Connection {
    pub(super) fn open(identity: &Identity, shutdown: &Shutdown) -> Result<Connection, Arc<str>> {
        let edge = identity.edge;
        let tls = identity.client_tls().map_err(|error| Arc::from(error.to_string()))?;
        let mut options = MqttOptions::new(edge.to_string(), &identity.uplink_host, identity.uplink_port);
        options.set_max_packet_size(MAX_PAYLOAD + 512, MAX_PAYLOAD + 512);
        options.set_keep_alive(KEEP_ALIVE).set_clean_session(true);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        events.network_options.set_tcp_nodelay(true);
        let (sender, incoming) = mpsc::channel(INCOMING);
        let end = shutdown.child();
        let (poll, ended) = (poll(events, client.clone(), edge, sender), end.clone());
        shutdown.spawn(async move {
            tokio::select! {
                () = poll => {}
                () = ended.signalled() => {}
            }
        });
        Ok(Connection { client, edge, incoming, end })
    }

    /// The next thing that happened. Cancel safe.
    pub(super) async fn next(&mut self) -> Incoming {
        self.incoming.recv().await.unwrap_or_else(|| Incoming::Lost("the connection ended".into()))
    }

    /// Sends, unless too much is on its way.
    pub(super) fn send(&self, up: &Up) -> bool {
        let (kind, payload) = up.encode();
        self.send_encoded(kind, payload)
    }

    pub(super) fn send_encoded(&self, kind: &str, payload: Vec<u8>) -> bool {
        let topic = Topic::new(self.edge, Direction::Up, kind).to_string();
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).is_ok()
    }
}

async fn poll(
    mut events: EventLoop,
    client: AsyncClient,
    edge: bo_model::EdgeId,
    sender: mpsc::Sender<Incoming>,
) {
    loop {
        let told = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                match client.try_subscribe(edge_filter(edge, Direction::Down), QoS::AtLeastOnce) {
                    Ok(()) => continue,
                    Err(error) => Incoming::Lost(error.to_string().into()),
                }
            }
            Ok(Event::Incoming(Packet::SubAck(ack))) => {
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                    Incoming::Lost("the broker does not let this edge read its own messages".into())
                } else {
                    Incoming::Ready
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => match Topic::parse(&publish.topic) {
                Ok(topic) if topic.edge == edge && topic.direction == Direction::Down && !publish.retain => {
                    Incoming::Message(topic.kind, publish.payload)
                }
                _ => {
                    tracing::warn!(topic = %publish.topic, "ignored a message that is not for this edge");
                    continue;
                }
            },
            Ok(_) => continue,
            Err(error) => Incoming::Lost(error.to_string().into()),
        };
        let lost = matches!(told, Incoming::Lost(_));
        if sender.send(told).await.is_err() || lost {
            return;
        }
    }
}
