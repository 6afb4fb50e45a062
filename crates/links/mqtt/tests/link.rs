//! The link against Mosquitto and against our own broker, and our own broker against Mosquitto's clients.
//! Without Mosquitto installed the tests fail and say so: an independent peer is what they are for.

mod support;

use bo_link::{LinkError, MqttOp, Urgency};
use bo_link_mqtt::broker::{Credentials, DeviceLogin};
use bo_link_mqtt::{BrokerConfig, BrokerTls, EmbeddedBroker, MqttConfig, spawn};
use bo_link_stream::testing::Authority;
use bo_model::SystemClock;
use bo_runtime::Shutdown;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use support::*;
use tokio::io::AsyncBufReadExt;
use tokio::process::Command;

/// What every broker has to do for a link, with clients of another make at the other end, in both versions.
async fn converse(config: MqttConfig) {
    for (ours, theirs) in [(3, "mqttv311"), (5, "mqttv311"), (5, "mqttv5"), (3, "mqttv5")] {
        let config = MqttConfig { version: version(ours), ..config.clone() };
        let shutdown = Shutdown::new();
        converse_in(config, theirs, &shutdown).await;
        assert!(shutdown.drain(PATIENCE).await);
    }
}

async fn converse_in(config: MqttConfig, theirs: &'static str, shutdown: &Shutdown) {
    let port = config.port;
    let client =
        async |name, port, args: &[&str]| client(name, port, &[&["-V", theirs], args].concat()).await;
    client("mosquitto_pub", port, &["-t", "site/kept", "-m", "old", "-r"]).await;
    let link = link(config, shutdown);
    up(&link).await;
    let (handle, mut listener) = link.user(&["site/#".to_owned()], 16).unwrap();
    let kept = next(&mut listener).await;
    assert_eq!((kept.topic.as_str(), &kept.payload[..], kept.retain), ("site/kept", &b"old"[..], true));

    client("mosquitto_pub", port, &["-t", "site/kept", "-m", "new", "-q", "1"]).await;
    let live = next(&mut listener).await;
    assert_eq!((&live.payload[..], live.retain), (&b"new"[..], false));

    let other = tokio::spawn(async move {
        self::client("mosquitto_sub", port, &["-V", theirs, "-t", "cmnd/#", "-C", "2", "-v"]).await
    });
    let mut done = false;
    while !done {
        // Until the other side has subscribed.
        for qos in [0, 1] {
            handle.call(publish("cmnd/plug", "ON", qos, false), Urgency::Command, PATIENCE).await.unwrap();
        }
        tokio::task::yield_now().await;
        done = other.is_finished();
    }
    let heard = String::from_utf8(other.await.unwrap().stdout).unwrap();
    assert_eq!(heard, "cmnd/plug ON\ncmnd/plug ON\n");

    handle.call(MqttOp::Subscribe("more/+".into()), Urgency::Poll, PATIENCE).await.unwrap();
    handle.call(publish("more/1", "x", 1, false), Urgency::Poll, PATIENCE).await.unwrap();
    assert_eq!(next(&mut listener).await.topic, "more/1");

    let wrong = handle.call(publish("a/+", "x", 0, false), Urgency::Command, PATIENCE).await;
    assert!(matches!(wrong, Err(LinkError::Invalid(_))), "{wrong:?}");
}

#[tokio::test]
async fn the_link_works_with_mosquitto() {
    let port = bo_testkit::free_port().unwrap();
    let _broker = mosquitto(port).await;
    converse(MqttConfig::new("127.0.0.1", port, "edge")).await;
}

#[tokio::test]
async fn the_link_works_with_the_brokers_of_our_own() {
    let shutdown = Shutdown::new();
    let broker = embedded(Credentials::default(), &shutdown).await;
    converse(broker.agent()).await;
    assert!(shutdown.drain(PATIENCE).await);
}

#[tokio::test]
async fn a_link_comes_back_by_itself_subscribes_again_and_replays_no_command() {
    let shutdown = Shutdown::new();
    let port = bo_testkit::free_port().unwrap();
    let mut broker = mosquitto(port).await;
    let link = link(MqttConfig::new("127.0.0.1", port, "edge"), &shutdown);
    up(&link).await;
    let (handle, mut listener) = link.user(&["a/#".to_owned()], 16).unwrap();
    broker.kill().await.unwrap();
    down(&link).await;
    let refused = handle.call(publish("a/late", "x", 1, false), Urgency::Command, PATIENCE).await;
    assert!(matches!(refused, Err(LinkError::Offline(_))), "{refused:?}");

    let _broker = mosquitto(port).await;
    up(&link).await;
    loop {
        // The subscription is in place when the broker has answered; a publish behind it proves that.
        let sent = handle.call(publish("a/now", "y", 1, false), Urgency::Command, PATIENCE).await;
        if sent.is_ok() {
            break;
        }
    }
    assert_eq!(next(&mut listener).await.topic, "a/now", "and never a/late");
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn our_broker_delivers_all_of_a_thousand_retained_topics() {
    let shutdown = Shutdown::new();
    let broker = embedded(Credentials::default(), &shutdown).await;
    let writer = link(broker.agent(), &shutdown);
    up(&writer).await;
    let (handle, _) = writer.user(&[], 1).unwrap();
    for n in 0..1_000 {
        handle.call(publish(&format!("many/{n}"), "1", 1, true), Urgency::Poll, PATIENCE).await.unwrap();
    }
    // An empty message that is not retained is no deletion.
    handle.call(publish("many/7", "", 1, false), Urgency::Poll, PATIENCE).await.unwrap();
    let port = broker.address().port();
    for qos in ["0", "1"] {
        let heard =
            client("mosquitto_sub", port, &["-t", "many/#", "-q", qos, "-C", "1000", "-W", "15"]).await;
        assert_eq!(heard.stdout.iter().filter(|byte| **byte == b'\n').count(), 1_000, "QoS {qos}");
    }
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn our_broker_keeps_messages_for_a_session_that_is_away() {
    let shutdown = Shutdown::new();
    let broker = embedded(Credentials::default(), &shutdown).await;
    let port = broker.address().port();
    let session = ["-i", "sleeper", "-c", "-q", "1", "-t", "mail/#"];
    let (first, then) =
        ([&session[..], &["-E"]].concat(), [&session[..], &["-C", "50", "-W", "15"]].concat());
    client("mosquitto_sub", port, &first).await;
    let writer = link(broker.agent(), &shutdown);
    up(&writer).await;
    let (handle, _) = writer.user(&[], 1).unwrap();
    for n in 0..50 {
        handle.call(publish("mail/x", &n.to_string(), 1, false), Urgency::Poll, PATIENCE).await.unwrap();
    }
    let heard = String::from_utf8(client("mosquitto_sub", port, &then).await.stdout).unwrap();
    let expected: String = (0..50).map(|n| format!("{n}\n")).collect();
    assert_eq!(heard, expected);
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn our_broker_publishes_the_will_of_a_device_that_vanishes_and_lets_the_newer_of_two_ids_win() {
    let shutdown = Shutdown::new();
    let broker = embedded(Credentials::default(), &shutdown).await;
    let watcher = link(broker.agent(), &shutdown);
    up(&watcher).await;
    let (handle, mut listener) = watcher.user(&["#".to_owned()], 4_096).unwrap();
    let port = broker.address().port();
    let mut device = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-i", "twin", "-t", "x"])
        .args(["--will-topic", "gone", "--will-payload", "bye"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut heard = tokio::io::BufReader::new(device.stdout.take().unwrap()).lines();
    let there = async {
        loop {
            handle.call(publish("x", "hello", 1, false), Urgency::Poll, PATIENCE).await.unwrap();
            tokio::select! {
                line = heard.next_line() => return line,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("the device hears us").unwrap();
    let newer = client("mosquitto_pub", port, &["-i", "twin", "-t", "newer", "-m", "1", "-q", "1"]).await;
    assert!(newer.status.success(), "the newer of two clients with one id gets in");
    device.kill().await.unwrap();
    let wills = async {
        loop {
            let message = listener.recv().await.unwrap();
            if message.topic == "gone" {
                return message;
            }
        }
    };
    let will = tokio::time::timeout(PATIENCE, wills).await.expect("the will is published");
    assert_eq!((will.topic.as_str(), &will.payload[..]), ("gone", &b"bye"[..]));
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_device_is_held_to_its_password_and_topics() {
    let shutdown = Shutdown::new();
    let login = |password: &str| DeviceLogin { password: password.into(), topics: None };
    let devices = [("plug1".to_owned(), login("right")), ("plug2".to_owned(), login("other"))].into();
    let broker = embedded(Credentials(devices), &shutdown).await;
    let port = broker.address().port();
    let agent = link(broker.agent(), &shutdown);
    up(&agent).await;
    let (_handle, mut listener) = agent.user(&["tele/#".to_owned()], 16).unwrap();

    let wrong =
        client("mosquitto_pub", port, &["-u", "plug1", "-P", "guess", "-t", "tele/plug1/x", "-m", "0"]).await;
    assert!(!wrong.status.success());
    let posing = ["-u", "plug1", "-P", "right", "-i", "backoffice-edge-0", "-t", "tele/plug1/x", "-m", "0"];
    assert!(
        !client("mosquitto_pub", port, &posing).await.status.success(),
        "nobody takes the agent's session over"
    );
    let nobody = client("mosquitto_pub", port, &["-t", "tele/plug1/x", "-m", "0"]).await;
    assert!(!nobody.status.success());
    let foreign = ["-u", "plug2", "-P", "other", "-q", "1", "-t", "tele/plug1/x", "-m", "1"];
    client("mosquitto_pub", port, &foreign).await;
    let own = ["-u", "plug1", "-P", "right", "-q", "1", "-t", "tele/plug1/x", "-m", "2"];
    assert!(client("mosquitto_pub", port, &own).await.status.success());
    assert_eq!(&next(&mut listener).await.payload[..], b"2", "only the device's own message came through");

    let spy = ["-u", "plug2", "-P", "other", "-t", "#", "-C", "1", "-W", "1"];
    assert!(client("mosquitto_sub", port, &spy).await.stdout.is_empty());
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_broker_open_to_the_network_without_credentials_does_not_start() {
    let shutdown = Shutdown::new();
    let listen = (Ipv4Addr::UNSPECIFIED, 0).into();
    let config = BrokerConfig {
        listen,
        anonymous: false,
        credentials: Credentials::default(),
        tls: None,
        storage: None,
    };
    let error = EmbeddedBroker::start(config, &shutdown).await.err().unwrap().to_string();
    assert!(error.contains("open to the network"), "{error}");
}

#[tokio::test]
async fn devices_reach_the_on_site_broker_over_tls_and_one_that_does_not_shake_hands_holds_up_nobody() {
    let shutdown = Shutdown::new();
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let (cert_file, key_file) = ours.server(folder.path(), "localhost");
    let plug = DeviceLogin { password: "p".into(), topics: None };
    let config = BrokerConfig {
        listen: loopback(0),
        anonymous: false,
        credentials: Credentials([("plug1".to_owned(), plug)].into()),
        tls: Some(BrokerTls { listen: loopback(0), cert_file, key_file, client_ca_file: None }),
        storage: None,
    };
    let broker = EmbeddedBroker::start(config, &shutdown).await.unwrap();
    let port = broker.tls_address().unwrap().port();
    let _silent = tokio::net::TcpStream::connect(loopback(port)).await.unwrap();

    let link = spawn(broker.agent(), Arc::new(SystemClock), &shutdown);
    let (_handle, mut listener) = link.user(&["tele/#".to_owned()], 16).unwrap();
    up(&link).await;
    let publish = async |ca: std::path::PathBuf| {
        let ca = ca.display().to_string();
        let port = port.to_string();
        let args = ["-h", "localhost", "-p", &port, "--cafile", &ca, "-u", "plug1", "-P", "p", "-q", "1"];
        let run =
            Command::new("mosquitto_pub").args(args).args(["-t", "tele/plug1/STATE", "-m", "on"]).output();
        tokio::time::timeout(PATIENCE, run)
            .await
            .expect("a client ends")
            .expect("mosquitto-clients is installed")
    };
    let trusted = publish(ours.file(folder.path())).await;
    assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stderr));
    let message = tokio::time::timeout(PATIENCE, listener.recv()).await.expect("the message comes").unwrap();
    assert_eq!((message.topic.as_str(), &message.payload[..]), ("tele/plug1/STATE", &b"on"[..]));
    assert!(!publish(other.file(folder.path())).await.status.success(), "the broker proves who it is");
    shutdown.signal();
}

#[tokio::test]
async fn a_refused_subscription_is_a_part_of_the_links_state_until_it_is_wanted_no_more() {
    let shutdown = Shutdown::new();
    let login = DeviceLogin { password: "p".into(), topics: Some(vec!["mine/#".to_owned()]) };
    let broker = embedded(Credentials([("edge".to_owned(), login)].into()), &shutdown).await;
    let mut config = MqttConfig::new("127.0.0.1", broker.address().port(), "edge");
    config.login = Some(("edge".to_owned(), "p".to_owned()));
    let link = link(config, &shutdown);
    up(&link).await;
    let mut health = link.health();
    let (_mine, mut listener) = link.user(&["mine/#".to_owned()], 4).unwrap();
    let theirs = link.user(&["theirs/#".to_owned()], 4).unwrap();
    let limited = async |health: &mut tokio::sync::watch::Receiver<bo_link::Health>, wanted: bool| {
        let found =
            tokio::time::timeout(PATIENCE, health.wait_for(|health| health.limited.is_some() == wanted));
        found.await.unwrap().unwrap().clone()
    };
    let told = limited(&mut health, true).await;
    let what = told.limited.unwrap();
    assert!(what.contains("`theirs/#`") && what.contains("allow the user of this link"), "{what}");
    assert_eq!(told.state, bo_link::LinkState::Up, "what is allowed goes on");
    let (probe, _) = link.user(&[], 1).unwrap();
    probe.call(publish("mine/1", "x", 1, false), Urgency::Poll, PATIENCE).await.unwrap();
    assert_eq!(next(&mut listener).await.topic, "mine/1");

    // The device that wanted it goes: what is left is well.
    drop(theirs);
    link.user(&["mine/2".to_owned()], 1)
        .unwrap()
        .0
        .call(publish("mine/1", "y", 1, false), Urgency::Poll, PATIENCE)
        .await
        .unwrap();
    assert_eq!(limited(&mut health, false).await.limited, None);
    shutdown.drain(PATIENCE).await;
}
