//! What the gate lets in and what it does not, with a client of another make at the other end.

mod support;

use bo_model::{EdgeId, Time};
use bo_runtime::Shutdown;
use bo_uplink::{ExternalBroker, SendError, Uplink, UplinkConfig};
use bo_wire::{
    Ack, Backfill, Body, Class, Cursor, Direction, Down, Hello, LogLevel, LogLine, MAX_PAYLOAD, Record,
    Records, Topic, Up,
};
use futures_util::{SinkExt, StreamExt};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Codec, Connect, Packet, PubAck, Publish, Subscribe, SubscribeReasonCode};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use support::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::Framed;

/// An edge made of bare packets, so that it can break every rule.
struct Raw(Framed<TlsStream<TcpStream>, Codec>);

impl Raw {
    async fn shake(uplink: &Uplink, tls: Arc<rustls::ClientConfig>) -> std::io::Result<Raw> {
        let socket = TcpStream::connect(uplink.gate_address().unwrap()).await?;
        let name = ServerName::try_from(bo_wire::GATE_NAME).unwrap();
        let stream = TlsConnector::from(tls).connect(name, socket).await?;
        let codec = Codec { max_incoming_size: 1 << 21, max_outgoing_size: 1 << 21 };
        Ok(Raw(Framed::new(stream, codec)))
    }

    /// In, greeted, subscribed.
    async fn enter(uplink: &Uplink, memory: &Memory, edge: EdgeId) -> Raw {
        let tls = tls(&memory.authority, Some(certificate(&memory.authority, edge)));
        let mut raw = Raw::shake(uplink, tls).await.unwrap();
        raw.send(Packet::Connect(Connect::new("any name"))).await;
        assert!(matches!(raw.next().await, Some(Packet::ConnAck(_))));
        raw
    }

    async fn send(&mut self, packet: Packet) {
        let _ = self.0.send(packet).await;
    }

    async fn publish(&mut self, topic: &str, payload: Vec<u8>) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = 7;
        self.send(Packet::Publish(publish)).await;
    }

    async fn up(&mut self, edge: EdgeId, up: Up) {
        let (kind, payload) = up.encode();
        self.publish(&Topic::new(edge, Direction::Up, kind).to_string(), payload).await;
    }

    /// The next packet; `None` when the gate ended the connection.
    async fn next(&mut self) -> Option<Packet> {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("an answer or an end");
        next.and_then(Result::ok)
    }

    /// The next message, whatever acknowledgements come before it.
    async fn message(&mut self) -> Option<Down> {
        loop {
            match self.next().await? {
                Packet::Publish(publish) => {
                    let topic = Topic::parse(&publish.topic).unwrap();
                    return Some(Down::decode(&topic.kind, &publish.payload).unwrap());
                }
                Packet::PubAck(PubAck { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

fn line(seq: u64) -> Record {
    let text = format!("line {seq}");
    Record { seq, at: Time(0), body: Body::Log(LogLine { device: None, level: LogLevel::Info, text }) }
}

fn batch(seqs: std::ops::RangeInclusive<u64>) -> Up {
    Up::Records(Records { class: Class::Log, epoch: 1, backfill: false, records: seqs.map(line).collect() })
}

fn ack(seq: u64, resend: bool) -> Down {
    Down::Ack(Ack { cursors: vec![Cursor { class: Class::Log, epoch: 1, seq }], resend })
}

#[tokio::test]
async fn records_are_acknowledged_after_they_are_kept_and_a_hole_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let uplink = open(&memory, &shutdown).await;
    let mut raw = Raw::enter(&uplink, &memory, edge(1)).await;
    let cursors = vec![Cursor { class: Class::Log, epoch: 1, seq: 9 }];
    raw.up(edge(1), Up::Hello(Hello { agent: "x".into(), release: String::new(), cursors, at: Time(0) }))
        .await;
    assert_eq!(raw.message().await, Some(ack(0, false)));
    raw.up(edge(1), batch(1..=3)).await;
    assert_eq!(raw.message().await, Some(ack(3, false)));
    raw.up(edge(1), batch(5..=6)).await;
    assert_eq!(raw.message().await, Some(ack(3, true)));
    raw.up(edge(1), batch(2..=6)).await;
    assert_eq!(raw.message().await, Some(ack(6, false)));
    let seqs: Vec<u64> = memory.records(edge(1), Class::Log).iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    drop(raw);
    assert!(shutdown.drain(PATIENCE).await);
}

#[tokio::test]
async fn a_silent_stranger_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let uplink = open(&memory, &shutdown).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(uplink.gate_address().unwrap()).await.unwrap());
    }
    let mut half = TcpStream::connect(uplink.gate_address().unwrap()).await.unwrap();
    half.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    let quick = tokio::time::timeout(Duration::from_millis(1_900), Raw::enter(&uplink, &memory, edge(1)));
    quick.await.expect("an edge gets in long before the strangers' deadline");
    // And the strangers are shown out at theirs.
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(&mut silent[0], &mut byte);
    assert_eq!(tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap_or(0), 0);
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn nobody_gets_in_without_a_certificate_of_this_authority() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (memory, shutdown) = (Memory::new(ours.path()), Shutdown::new());
    let stranger = Memory::new(theirs.path());
    let uplink = open(&memory, &shutdown).await;
    let foreign = certificate(&stranger.authority, edge(1));
    for presented in [None, Some(foreign)] {
        let raw = Raw::shake(&uplink, tls(&memory.authority, presented)).await;
        if let Ok(mut raw) = raw {
            // With TLS 1.3 the client is through before the server has judged.
            raw.send(Packet::Connect(Connect::new("x"))).await;
            assert_eq!(raw.next().await, None);
        }
    }
    assert!(uplink.connected().is_empty());
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_revoked_edge_is_out_at_once_and_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let uplink = open(&memory, &shutdown).await;
    let mut bad = Raw::enter(&uplink, &memory, edge(1)).await;
    let mut good = Raw::enter(&uplink, &memory, edge(2)).await;
    memory.revoked.lock().unwrap().insert(edge(1));
    assert!(uplink.kick(edge(1)));
    assert_eq!(bad.next().await, None);
    let presented = Some(certificate(&memory.authority, edge(1)));
    if let Ok(mut again) = Raw::shake(&uplink, tls(&memory.authority, presented)).await {
        again.send(Packet::Connect(Connect::new("x"))).await;
        assert_eq!(again.next().await, None);
    }
    good.up(edge(2), batch(1..=1)).await;
    assert_eq!(good.message().await, Some(ack(1, false)), "its neighbours notice nothing");
    assert_eq!(uplink.connected(), [edge(2)]);
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn what_is_not_an_edges_own_ends_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let uplink = open(&memory, &shutdown).await;
    let (_, payload) = batch(1..=1).encode();
    let own = Topic::new(edge(1), Direction::Up, "records").to_string();
    let foreign = Topic::new(edge(2), Direction::Up, "records").to_string();
    let down = Topic::new(edge(1), Direction::Down, "command").to_string();
    for topic in [foreign.as_str(), &down, "$SYS/x", "anything", ""] {
        let mut raw = Raw::enter(&uplink, &memory, edge(1)).await;
        raw.publish(topic, payload.clone()).await;
        assert_eq!(raw.next().await, None, "published to `{topic}`");
    }
    let mut raw = Raw::enter(&uplink, &memory, edge(1)).await;
    raw.publish(&own, vec![b' '; MAX_PAYLOAD + 1024]).await;
    assert_eq!(raw.next().await, None, "too large");
    let mut raw = Raw::enter(&uplink, &memory, edge(1)).await;
    raw.send(Packet::PingResp).await;
    assert_eq!(raw.next().await, None, "a server's packet");
    assert!(memory.records(edge(2), Class::Log).is_empty());
    assert!(memory.records(edge(1), Class::Log).is_empty());

    let mut raw = Raw::enter(&uplink, &memory, edge(1)).await;
    let mut wish = Subscribe::new(format!("bo/1/{}/down/#", edge(2)), QoS::AtMostOnce);
    wish.add(format!("bo/1/{}/down/#", edge(1)), QoS::AtMostOnce).add("#".into(), QoS::AtMostOnce);
    wish.pkid = 1;
    raw.send(Packet::Subscribe(wish)).await;
    let Some(Packet::SubAck(answer)) = raw.next().await else { panic!("no answer") };
    let failure = SubscribeReasonCode::Failure;
    assert_eq!(answer.return_codes, [failure, SubscribeReasonCode::Success(QoS::AtMostOnce), failure]);
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn nonsense_in_a_payload_is_ignored_and_the_connection_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let uplink = open(&memory, &shutdown).await;
    let mut raw = Raw::enter(&uplink, &memory, edge(1)).await;
    for kind in ["records", "hello", "dance"] {
        raw.publish(&Topic::new(edge(1), Direction::Up, kind).to_string(), b"{nonsense".to_vec()).await;
        assert!(matches!(raw.next().await, Some(Packet::PubAck(_))));
    }
    raw.up(edge(1), batch(1..=2)).await;
    assert_eq!(raw.message().await, Some(ack(2, false)));
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn the_newer_of_two_connections_of_one_edge_stays_and_gets_the_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let uplink = open(&memory, &shutdown).await;
    let asked = Down::Backfill(Backfill { class: Class::Log, epoch: 1, from: 1, to: 2 });
    assert_eq!(uplink.send(edge(1), &asked), Err(SendError::NotConnected));
    let mut older = Raw::enter(&uplink, &memory, edge(1)).await;
    let mut newer = Raw::enter(&uplink, &memory, edge(1)).await;
    assert_eq!(older.next().await, None);
    uplink.send(edge(1), &asked).unwrap();
    assert_eq!(newer.message().await, Some(asked));
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn an_external_broker_carries_edges_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
    let port = bo_testkit::free_port().unwrap();
    let inside = bo_testkit::free_port().unwrap();
    // Mosquitto as the documentation tells people to set it up.
    let (cert, key) = memory.authority.server(&[bo_wire::GATE_NAME.to_owned()]).unwrap();
    for (name, text) in [
        ("server.pem", cert.as_str()),
        ("server.key", &key),
        ("ca.pem", memory.authority.pem()),
        (
            "acl",
            "pattern write bo/1/%u/up/#\npattern read bo/1/%u/down/#\nuser controller\ntopic readwrite bo/1/#\n",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let password = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c", &path("passwords"), "controller", "secret"])
        .status();
    assert!(password.expect("mosquitto is installed").success());
    let config = format!(
        "per_listener_settings true\nuser root\n\
         listener {port} 127.0.0.1\nprotocol mqtt\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
         use_identity_as_username true\nacl_file {}\n\
         listener {inside} 127.0.0.1\nallow_anonymous false\npassword_file {}\nacl_file {}\n",
        path("ca.pem"),
        path("server.pem"),
        path("server.key"),
        path("acl"),
        path("passwords"),
        path("acl"),
    );
    std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
    let _broker = tokio::process::Command::new("mosquitto")
        .args(["-c", &path("mosquitto.conf")])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto is installed");
    let up = async {
        while TcpStream::connect(loopback(port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.expect("mosquitto listens");

    let uplink = Uplink::new();
    let broker = ExternalBroker {
        host: "127.0.0.1".into(),
        port: inside,
        tls: None,
        login: Some(("controller".into(), "secret".into())),
        client_id: "controller-1".into(),
    };
    let config = UplinkConfig { broker: Some(broker), ..UplinkConfig::default() };
    uplink.start(config, &memory.authority, memory.clone(), &shutdown).await.unwrap();

    let socket = TcpStream::connect(loopback(port)).await.unwrap();
    let name = ServerName::try_from(bo_wire::GATE_NAME).unwrap();
    let client = tls(&memory.authority, Some(certificate(&memory.authority, edge(1))));
    let stream = TlsConnector::from(client).connect(name, socket).await.unwrap();
    let codec = Codec { max_incoming_size: 1 << 21, max_outgoing_size: 1 << 21 };
    let mut raw = Raw(Framed::new(stream, codec));
    raw.send(Packet::Connect(Connect::new(edge(1).to_string()))).await;
    assert!(matches!(raw.next().await, Some(Packet::ConnAck(_))));
    let mut filter = Subscribe::new(bo_wire::edge_filter(edge(1), Direction::Down), QoS::AtMostOnce);
    filter.pkid = 1;
    raw.send(Packet::Subscribe(filter)).await;
    assert!(matches!(raw.next().await, Some(Packet::SubAck(_))));
    // The controller may still be on its way in: say it until it is heard, as an edge does.
    let heard = async {
        loop {
            raw.up(edge(1), batch(1..=3)).await;
            if let Ok(answer) = tokio::time::timeout(Duration::from_millis(300), raw.message()).await {
                return answer;
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, heard).await.unwrap(), Some(ack(3, false)));
    memory.revoked.lock().unwrap().insert(edge(2));
    raw.up(edge(1), batch(4..=4)).await;
    while raw.message().await != Some(ack(4, false)) {}
    let seqs: Vec<u64> = memory.records(edge(1), Class::Log).iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);

    let asked = Down::Backfill(Backfill { class: Class::Log, epoch: 1, from: 1, to: 2 });
    assert_eq!(uplink.send(edge(2), &asked), Err(SendError::NotConnected), "it never came in");
    uplink.send(edge(1), &asked).unwrap();
    assert_eq!(raw.message().await, Some(asked.clone()));
    memory.revoked.lock().unwrap().insert(edge(1));
    assert!(uplink.kick(edge(1)), "put out, though the broker goes on carrying it");
    assert_eq!(uplink.send(edge(1), &asked), Err(SendError::NotConnected));
    raw.up(edge(1), batch(5..=5)).await;
    raw.up(edge(1), batch(6..=6)).await;
    // The next thing it hears is the answer to what it says when it may again; nothing came between.
    let again = async {
        while memory.refused.load(std::sync::atomic::Ordering::Acquire) < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it is refused twice");
    assert_eq!(uplink.send(edge(1), &asked), Err(SendError::NotConnected), "what it says opens no way back");
    memory.revoked.lock().unwrap().remove(&edge(1));
    raw.up(edge(1), batch(5..=5)).await;
    assert_eq!(raw.message().await, Some(ack(5, false)));
    shutdown.drain(PATIENCE).await;
}
