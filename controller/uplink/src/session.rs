//! One edge's connection: just enough of an MQTT 3.1.1 server for a star with one centre. An edge publishes below its own
//! `up` and is sent what is below its own `down`; everything else ends the connection. There is no broker behind it: a
//! message is acknowledged after it was handled, so a slow database slows the edge down instead of filling a log.

use crate::dispatch::dispatch;
use crate::gate::Gate;
use crate::handler::Handler;
use crate::pace::Pace;
use crate::registry::Outgoing;
use bo_model::EdgeId;
use bo_runtime::Shutdown;
use bo_wire::{Direction, MAX_PAYLOAD, Topic, edge_filter};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use rumqttc::mqttbytes::v4::{
    Codec, ConnAck, ConnectReturnCode, Packet, PubAck, Publish, SubAck, Subscribe, SubscribeReasonCode,
    UnsubAck,
};
use rumqttc::mqttbytes::{Protocol, QoS};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::codec::Framed;

/// Room for topic and head on top of the payload.
const MAX_PACKET: usize = MAX_PAYLOAD + 512;
/// An edge that names no keep-alive, or a longer one, is held to this.
const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(120);
/// How long a write may take before the edge counts as gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// Control packets waiting for the writer.
const REPLIES: usize = 64;

/// Serves one admitted edge until it leaves, breaks a rule, is silent, or is put out.
pub(crate) async fn run<H: Handler, S>(
    gate: &Gate<H>,
    stream: S,
    edge: EdgeId,
    greeting_deadline: Instant,
    end: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let codec = Codec { max_incoming_size: MAX_PACKET, max_outgoing_size: MAX_PACKET };
    let (mut sink, mut packets) = Framed::new(stream, codec).split();

    let greeting = tokio::time::timeout_at(greeting_deadline, packets.next()).await;
    let keep_alive = match greeting {
        Ok(Some(Ok(Packet::Connect(connect)))) if connect.protocol == Protocol::V4 => connect.keep_alive,
        Ok(Some(Ok(_))) => return tracing::warn!(%edge, "the first packet was not an MQTT 3.1.1 CONNECT"),
        Ok(Some(Err(error))) => return tracing::warn!(%edge, %error, "broken MQTT greeting"),
        Ok(None) => return,
        Err(_) => return tracing::warn!(%edge, "no MQTT greeting in time"),
    };
    let welcome = Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false));
    if sink.send(welcome).await.is_err() {
        return;
    }

    let seat = gate.shared.registry.enter(edge, end.clone());
    tracing::info!(%edge, "edge connected");
    gate.handler.connected(edge, true).await;

    let (replies, reply_inbox) = mpsc::channel(REPLIES);
    let writer = end.spawn(write(sink, edge, reply_inbox, seat.outgoing, end.clone()));
    let silence = match u64::from(keep_alive) {
        0 => LONGEST_KEEP_ALIVE,
        seconds => Duration::from_millis(seconds * 1500).min(LONGEST_KEEP_ALIVE),
    };
    let mut pace = Pace::new(gate.pace());
    let mut last = Instant::now();
    let why = loop {
        let packet = tokio::select! {
            biased;
            () = end.signalled() => break "put out, or a newer connection took its place".to_owned(),
            packet = tokio::time::timeout(silence, packets.next()) => packet,
        };
        let packet = match packet {
            Ok(Some(Ok(packet))) => packet,
            Ok(Some(Err(error))) => break format!("broken packet: {error}"),
            Ok(None) => break "connection closed".to_owned(),
            Err(_) => break format!("silent for {silence:?}"),
        };
        let reply = match packet {
            Packet::Publish(publish) => {
                let size = publish.payload.len();
                let turn = seat.turn.lock().await;
                let handled = handle(gate, edge, &publish, &seat.sender).await;
                drop(turn);
                if let Err(why) = handled {
                    break why;
                }
                let wait = pace.take(last.elapsed(), size);
                last = Instant::now();
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                match publish.qos {
                    QoS::AtLeastOnce => Some(Packet::PubAck(PubAck::new(publish.pkid))),
                    _ => None,
                }
            }
            Packet::Subscribe(subscribe) => Some(Packet::SubAck(subscribed(edge, &subscribe))),
            Packet::Unsubscribe(unsubscribe) => Some(Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid))),
            Packet::PingReq => Some(Packet::PingResp),
            Packet::PubAck(_) => None,
            Packet::Disconnect => break "said good-bye".to_owned(),
            other => break format!("a packet that has no place here: {}", name(&other)),
        };
        if let Some(reply) = reply
            && replies.send(reply).await.is_err()
        {
            break "does not take its messages".to_owned();
        }
    };
    end.signal();
    let _ = writer.await;
    if gate.shared.registry.leave(edge, seat.generation) {
        gate.handler.connected(edge, false).await;
    }
    tracing::info!(%edge, why, "edge disconnected");
}

/// Checks topic and size, hands over, queues the answer.
async fn handle<H: Handler>(
    gate: &Gate<H>,
    edge: EdgeId,
    publish: &Publish,
    answers: &mpsc::Sender<Outgoing>,
) -> Result<(), String> {
    let topic = Topic::parse(&publish.topic).map_err(|error| error.to_string())?;
    if topic.edge != edge || topic.direction != Direction::Up {
        return Err(format!("published to `{topic}`, which is not its own"));
    }
    if publish.retain || publish.qos == QoS::ExactlyOnce {
        return Err("published retained or with QoS 2, which the uplink never uses".to_owned());
    }
    let deadline = gate.handler_deadline;
    match dispatch(gate.handler.as_ref(), edge, &topic.kind, &publish.payload, deadline).await {
        Some(answer) => answers.send(answer).await.map_err(|_| "its writer ended".to_owned()),
        None => Ok(()),
    }
}

/// Grants what lies below the edge's own `down`, refuses the rest.
fn subscribed(edge: EdgeId, subscribe: &Subscribe) -> SubAck {
    let own = edge_filter(edge, Direction::Down);
    let codes = subscribe
        .filters
        .iter()
        .map(|filter| {
            if filter.path == own {
                SubscribeReasonCode::Success(QoS::AtMostOnce)
            } else {
                tracing::warn!(%edge, filter = %filter.path, "may not read that");
                SubscribeReasonCode::Failure
            }
        })
        .collect();
    SubAck::new(subscribe.pkid, codes)
}

async fn write<S>(
    mut sink: SplitSink<Framed<S, Codec>, Packet>,
    edge: EdgeId,
    mut replies: mpsc::Receiver<Packet>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    end: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let down = |(kind, payload): Outgoing| {
        let topic = Topic::new(edge, Direction::Down, kind).to_string();
        // QoS 0: TCP delivers it or the connection ends, and every message has an answer of its own kind.
        Packet::Publish(Publish::new(topic, QoS::AtMostOnce, payload))
    };
    loop {
        let first = tokio::select! {
            () = end.signalled() => break,
            Some(reply) = replies.recv() => reply,
            Some(message) = outgoing.recv() => down(message),
        };
        let written = async {
            sink.feed(first).await?;
            loop {
                if let Ok(reply) = replies.try_recv() {
                    sink.feed(reply).await?;
                } else if let Ok(message) = outgoing.try_recv() {
                    sink.feed(down(message)).await?;
                } else {
                    return sink.flush().await;
                }
            }
        };
        match tokio::time::timeout(WRITE_DEADLINE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%edge, %error, "write failed");
                break;
            }
            Err(_) => {
                tracing::warn!(%edge, "does not read what it is sent");
                break;
            }
        }
    }
    end.signal();
    let _ = tokio::time::timeout(Duration::from_secs(1), sink.close()).await;
}

fn name(packet: &Packet) -> &'static str {
    match packet {
        Packet::Connect(_) => "second CONNECT",
        Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => "QoS 2 handshake",
        _ => "server packet",
    }
}
