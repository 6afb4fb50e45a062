//! Brokers, clients of another make, and links between them.
#![allow(dead_code, reason = "not every test uses every part")]

use bo_link::{LinkState, MqttMessage, MqttOp};
use bo_link_mqtt::broker::Credentials;
use bo_link_mqtt::{BrokerConfig, EmbeddedBroker, MqttConfig, MqttLink, spawn};
use bo_model::SystemClock;
use bo_model::release::MqttVersion;
use bo_runtime::Shutdown;
use bytes::Bytes;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};

pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub async fn embedded(credentials: Credentials, shutdown: &Shutdown) -> EmbeddedBroker {
    let config = BrokerConfig {
        listen: loopback(0),
        anonymous: credentials.0.is_empty(),
        credentials,
        tls: None,
        storage: None,
    };
    EmbeddedBroker::start(config, shutdown).await.unwrap()
}

/// A Mosquitto of our own, killed when dropped.
pub async fn mosquitto(port: u16) -> Child {
    broker(port, &["-p", &port.to_string()]).await
}

/// A Mosquitto with settings of its own.
pub async fn mosquitto_with(port: u16, folder: &Path, settings: &str) -> Child {
    let path = folder.join("mosquitto.conf");
    // Started by root it would become another user, who may not read what is ours.
    std::fs::write(&path, format!("listener {port} 127.0.0.1\nuser root\n{settings}")).unwrap();
    broker(port, &["-c", &path.display().to_string()]).await
}

pub async fn broker(port: u16, args: &[&str]) -> Child {
    let child = Command::new("mosquitto")
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto is installed");
    tokio::time::timeout(PATIENCE, async {
        while tokio::net::TcpStream::connect(loopback(port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("mosquitto starts");
    child
}

pub async fn client(name: &str, port: u16, args: &[&str]) -> std::process::Output {
    let run = Command::new(name).args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(args).output();
    tokio::time::timeout(PATIENCE, run).await.expect("a client ends").expect("mosquitto-clients is installed")
}

pub async fn up(link: &MqttLink) {
    let mut health = link.health();
    let ready = health.wait_for(|health| health.state == LinkState::Up);
    tokio::time::timeout(PATIENCE, ready).await.expect("the link comes up").unwrap();
}

pub fn link(config: MqttConfig, shutdown: &Shutdown) -> MqttLink {
    spawn(config, Arc::new(SystemClock), shutdown)
}

pub fn publish(topic: &str, payload: &str, qos: u8, retain: bool) -> MqttOp {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    MqttOp::Publish(MqttMessage { topic: topic.into(), payload, qos, retain })
}

pub async fn next(listener: &mut bo_link_mqtt::Listener) -> MqttMessage {
    tokio::time::timeout(PATIENCE, listener.recv()).await.expect("a message comes").expect("the link lives")
}

pub fn version(number: u8) -> MqttVersion {
    MqttVersion::try_from(number).unwrap()
}

/// A link in MQTT 5.
pub fn newer(port: u16, id: &str) -> MqttConfig {
    MqttConfig { version: version(5), ..MqttConfig::new("127.0.0.1", port, id) }
}

/// Waits until the link is down; says why.
pub async fn down(link: &MqttLink) -> String {
    let mut health = link.health();
    let down = health.wait_for(|health| matches!(health.state, LinkState::Down(_)));
    let health = tokio::time::timeout(PATIENCE, down).await.expect("the link goes down").unwrap();
    match &health.state {
        LinkState::Down(why) => why.to_string(),
        other => panic!("{other:?}"),
    }
}
