//! What MQTT 5 adds: brokers say why they refuse and what they grant, and the link keeps to it.

mod support;

use bo_link::{LinkState, Urgency};
use bo_link_mqtt::MqttConfig;
use bo_link_mqtt::broker::{Credentials, DeviceLogin};
use bo_runtime::Shutdown;
use support::*;

#[tokio::test]
async fn mosquitto_says_in_mqtt_5_why_it_refuses_a_message_and_is_told_when_a_link_ends() {
    let shutdown = Shutdown::new();
    let folder = tempfile::tempdir().unwrap();
    let port = bo_testkit::free_port().unwrap();
    std::fs::write(folder.path().join("acl"), "topic read #\ntopic write open/#\n").unwrap();
    let acl = folder.path().join("acl").display().to_string();
    let log = folder.path().join("log");
    let settings = format!("allow_anonymous true\nacl_file {acl}\nlog_dest file {}\n", log.display());
    let _broker = mosquitto_with(port, folder.path(), &settings).await;
    let link = link(newer(port, "edge"), &shutdown);
    up(&link).await;
    let (handle, _listener) = link.user(&[], 16).unwrap();
    handle.call(publish("open/x", "1", 1, false), Urgency::Command, PATIENCE).await.unwrap();
    for qos in [1, 2] {
        let refused = handle.call(publish("closed/x", "1", qos, false), Urgency::Command, PATIENCE).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("did not take the message: not allowed for this user"), "{refused}");
    }
    assert!(shutdown.drain(PATIENCE).await);
    // Mosquitto writes of one whose socket was just closed that it "closed its connection".
    bo_testkit::wait_for("the goodbye", PATIENCE, || {
        Ok(std::fs::read_to_string(&log)?.contains("Client edge disconnected").then_some(()))
    })
    .unwrap();
}

#[tokio::test]
async fn a_session_that_our_broker_ends_is_down_with_its_reason() {
    let shutdown = Shutdown::new();
    let broker = embedded(Credentials::default(), &shutdown).await;
    let port = broker.address().port();
    let link = link(newer(port, "edge"), &shutdown);
    up(&link).await;
    let mut health = link.health();
    let down = health.wait_for(|health| matches!(health.state, LinkState::Down(_)));
    let (_, health) =
        tokio::join!(client("mosquitto_pub", port, &["-i", "edge", "-t", "x", "-m", "1"]), down);
    let state = format!("{:?}", health.unwrap().state);
    assert!(state.contains("another client connected with our client id"), "{state}");
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_in_words_in_both_versions() {
    let shutdown = Shutdown::new();
    let folder = tempfile::tempdir().unwrap();
    let port = bo_testkit::free_port().unwrap();
    let _broker = mosquitto_with(port, folder.path(), "allow_anonymous false\n").await;
    for number in [3, 5] {
        let login = Some(("edge".to_owned(), "guess".to_owned()));
        let config = MqttConfig { version: version(number), login, ..newer(port, "edge") };
        let why = down(&link(config, &shutdown)).await;
        assert!(why.contains("did not let us in: not allowed for this user"), "{why}");
    }
    let broker = embedded(
        Credentials([("plug1".into(), DeviceLogin { password: "p".into(), topics: None })].into()),
        &shutdown,
    )
    .await;
    for number in [3, 5] {
        let config = MqttConfig { version: version(number), ..newer(broker.address().port(), "edge") };
        let why = down(&link(config, &shutdown)).await;
        assert!(why.contains("did not let us in: wrong user name or password"), "{why}");
    }
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn what_mosquitto_does_not_grant_is_refused_here_and_not_lost_there() {
    let shutdown = Shutdown::new();
    let folder = tempfile::tempdir().unwrap();
    let port = bo_testkit::free_port().unwrap();
    let limits = "max_qos 0\nretain_available false\nmax_packet_size 4096\n";
    let _broker = mosquitto_with(port, folder.path(), &format!("allow_anonymous true\n{limits}")).await;
    let link = link(newer(port, "edge"), &shutdown);
    up(&link).await;
    let (handle, mut listener) = link.user(&["a/#".to_owned()], 16).unwrap();
    let kept = handle.call(publish("a/b", "x", 0, true), Urgency::Command, PATIENCE).await;
    assert!(kept.unwrap_err().to_string().contains("keeps no retained messages"));
    let large = handle.call(publish("a/b", &"x".repeat(5_000), 0, false), Urgency::Command, PATIENCE).await;
    assert!(large.unwrap_err().to_string().contains("takes 4096 at most"));
    // With the quality of service it has; a 3.1.1 link would be thrown out for asking for more.
    handle.call(publish("a/b", "y", 1, false), Urgency::Command, PATIENCE).await.unwrap();
    assert_eq!(&next(&mut listener).await.payload[..], b"y");
    shutdown.drain(PATIENCE).await;
}

#[tokio::test]
async fn more_messages_than_a_broker_takes_at_once_all_arrive_under_their_topics() {
    let shutdown = Shutdown::new();
    let folder = tempfile::tempdir().unwrap();
    let port = bo_testkit::free_port().unwrap();
    let settings = "allow_anonymous true\nmax_inflight_messages 3\n";
    let _broker = mosquitto_with(port, folder.path(), settings).await;
    let (sender, receiver) = (link(newer(port, "edge"), &shutdown), link(newer(port, "other"), &shutdown));
    up(&sender).await;
    up(&receiver).await;
    let (_keep, mut listener) = receiver.user(&["many/#".to_owned()], 1_000).unwrap();
    let (probe, _) = receiver.user(&[], 1).unwrap();
    // What the receiver publishes behind its subscription proves that it is in place.
    probe.call(publish("many/first", "go", 1, false), Urgency::Poll, PATIENCE).await.unwrap();
    assert_eq!(next(&mut listener).await.topic, "many/first");
    let (handle, _) = sender.user(&[], 1).unwrap();
    let sent: Vec<_> = (0..200)
        .map(|n| {
            let (handle, op) =
                (handle.clone(), publish(&format!("many/{}", n % 20), &n.to_string(), 1, false));
            tokio::spawn(async move { handle.call(op, Urgency::Command, PATIENCE).await })
        })
        .collect();
    for one in sent {
        one.await.unwrap().unwrap();
    }
    let mut heard = Vec::new();
    for _ in 0..200 {
        let message = next(&mut listener).await;
        let number: u32 = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
        assert_eq!(message.topic, format!("many/{}", number % 20), "a short name means its own topic");
        heard.push(number);
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..200).collect::<Vec<_>>());
    shutdown.drain(PATIENCE).await;
}
