use super::*;
use crate::packets::next_packet;
use bo_link::{Handle, Inbox, MqttOp, Urgency, queue};
use bo_model::release::MqttVersion::{V3, V5};
use mqtt5::packet::MqttPacket;
use mqtt5::packet::connack::ConnAckPacket;
use mqtt5::packet::disconnect::DisconnectPacket;
use mqtt5::packet::puback::PubAckPacket;
use mqtt5::packet::suback::SubAckReasonCode;
use std::time::Duration;
use tokio::task::JoinHandle;

type Asker = JoinHandle<Result<(), LinkError>>;

fn message(qos: u8) -> MqttMessage {
    MqttMessage { topic: "a/b".into(), payload: Bytes::from_static(b"x"), qos, retain: false }
}

/// A request as a session gets it, and its asker's answer.
async fn ask(handle: &Handle<MqttOp, ()>, inbox: &mut Inbox<MqttOp, ()>) -> (Waiting, Asker) {
    let handle = handle.clone();
    let asker = tokio::spawn(async move {
        handle.call(MqttOp::Publish(message(1)), Urgency::Command, Duration::from_secs(5)).await
    });
    (inbox.next().await.unwrap().split().1, asker)
}

/// A session under the terms of this greeting, and one message given to it.
async fn published(greeting: ConnAckPacket, message: MqttMessage) -> (Session, Asker) {
    let mut session = Session::new(V5, Terms::of(&greeting, V5).unwrap());
    let (handle, mut inbox, _health) = queue(8);
    let (job, asker) = ask(&handle, &mut inbox).await;
    session.publish(job, message);
    (session, asker)
}

fn packets(bytes: &[u8], version: MqttVersion) -> Vec<Packet> {
    let (mut read, mut packets) = (BytesMut::from(bytes), Vec::new());
    while let Some(packet) = next_packet(&mut read, version).unwrap() {
        packets.push(packet);
    }
    packets
}

fn publishes(bytes: &[u8], version: MqttVersion) -> Vec<PublishPacket> {
    let all = packets(bytes, version).into_iter();
    all.map(|packet| match packet {
        Packet::Publish(publish) => publish,
        other => panic!("{other:?}"),
    })
    .collect()
}

fn wire(packet: &impl MqttPacket) -> BytesMut {
    let mut bytes = BytesMut::new();
    packet.encode(&mut bytes).unwrap();
    bytes
}

fn welcome() -> ConnAckPacket {
    ConnAckPacket::new(false, ReasonCode::Success)
}

#[tokio::test]
async fn publishes_are_written_together_and_the_surplus_waits_for_acknowledgements() {
    for (version, in_flight) in [(V3, crate::terms::IN_FLIGHT), (V5, 3)] {
        let (handle, mut inbox, _health) = queue(1024);
        let greeting = welcome().with_receive_maximum(3);
        let terms = if version == V5 { Terms::of(&greeting, version).unwrap() } else { Terms::default() };
        let mut session = Session::new(version, terms);
        let mut askers = Vec::new();
        for _ in 0..in_flight + 2 {
            let (job, asker) = ask(&handle, &mut inbox).await;
            session.publish(job, message(1));
            askers.push(asker);
        }
        let (bytes, _) = session.unwritten().unwrap();
        let ids: Vec<_> = publishes(&bytes, version).into_iter().filter_map(|sent| sent.packet_id).collect();
        assert_eq!(ids, (1..=in_flight as u16).collect::<Vec<_>>());
        assert!(session.unwritten().is_none());
        session.take(Packet::PubAck(PubAckPacket::new(2))).unwrap();
        assert_eq!(askers.remove(1).await.unwrap(), Ok(()));
        let (bytes, _) = session.unwritten().unwrap();
        assert_eq!(publishes(&bytes, version).len(), 1, "one acknowledged, one more sent");
        session.end(&"cut".into());
        for asker in askers {
            assert_eq!(asker.await.unwrap(), Err(LinkError::Offline("cut".into())));
        }
    }
}

#[test]
fn a_message_with_qos_1_is_acknowledged_and_half_a_packet_waits_for_its_rest() {
    for (version, new) in [(V3, PublishPacket::new_v311 as fn(_, _, _) -> _), (V5, PublishPacket::new)] {
        let whole = wire(&PublishPacket { packet_id: Some(9), ..new("t", "body", QoS::AtLeastOnce) });
        let mut read = BytesMut::from(&whole[..4]);
        assert!(next_packet(&mut read, version).unwrap().is_none());
        read.extend_from_slice(&whole[4..]);
        let mut session = Session::new(version, Terms::default());
        let packet = next_packet(&mut read, version).unwrap().unwrap();
        assert!(matches!(session.take(packet), Ok(Heard::Message(message)) if message.topic == "t"));
        assert_eq!(&session.unwritten().unwrap().0[..], [0x40, 2, 0, 9]);
    }
}

#[test]
fn what_is_not_mqtt_ends_the_session_and_the_broker_is_told_why() {
    let say = |bytes: &[u8]| next_packet(&mut BytesMut::from(bytes), V5).unwrap_err().say;
    assert_eq!(say(&[0x00, 0x02, 0x41, 0x42]), Some(ReasonCode::MalformedPacket), "no such packet");
    assert_eq!(
        say(&[0x30, 0xff, 0xff, 0xff, 0x7f]),
        Some(ReasonCode::PacketTooLarge),
        "larger than any may be"
    );
    assert_eq!(
        say(&[0x30, 0xff, 0xff, 0xff, 0xff]),
        Some(ReasonCode::MalformedPacket),
        "a length without end"
    );
    assert_eq!(say(&[0xd0, 0x01, 0x00]), Some(ReasonCode::MalformedPacket), "more than the packet has");
}

#[tokio::test]
async fn a_broker_that_refuses_says_why_in_words() {
    let refusing = |code| Terms::of(&ConnAckPacket::new(false, code), V5).unwrap_err().why;
    assert!(refusing(ReasonCode::BadUsernameOrPassword).contains("wrong user name or password"));
    assert!(refusing(ReasonCode::UnsupportedProtocolVersion).contains("take `version = 5` out"));
    let moved = ConnAckPacket::new(false, ReasonCode::ServerMoved)
        .with_server_reference("other.example:1883".into())
        .with_reason_string("since\nMonday".into());
    let why = Terms::of(&moved, V5).unwrap_err().why;
    assert!(why.contains("moved for good (“sinceMonday”); it names other.example:1883"), "{why}");

    let (mut session, asker) = published(welcome(), message(1)).await;
    let no =
        PubAckPacket::new_with_reason(1, ReasonCode::NotAuthorized).with_reason_string("read only".into());
    session.take(Packet::PubAck(no)).unwrap();
    let refused = asker.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("not allowed for this user (“read only”)"), "{refused}");

    session.subscribe(&["a/#".into(), "b".into()]).unwrap();
    let ack = SubAckPacket::new(2)
        .add_reason_code(SubAckReasonCode::NotAuthorized)
        .add_reason_code(SubAckReasonCode::GrantedQoS1);
    let Ok(Heard::Refused(refused)) = session.take(Packet::SubAck(ack)) else { panic!("not told") };
    assert_eq!(refused, [("a/#".to_owned(), "not allowed for this user".into())]);

    let end =
        session.take(Packet::Disconnect(DisconnectPacket::new(ReasonCode::SessionTakenOver))).unwrap_err();
    assert!(end.why.contains("another client connected with our client id") && end.say.is_none());
}

#[tokio::test]
async fn what_a_broker_does_not_grant_is_not_asked_of_it() {
    let mean = welcome()
        .with_maximum_qos(0)
        .with_retain_available(false)
        .with_maximum_packet_size(100)
        .with_wildcard_subscription_available(false)
        .with_server_keep_alive(4);
    assert_eq!(Terms::of(&mean, V5).unwrap().keep_alive, Duration::from_secs(4));
    let (mut session, _asker) = published(mean.clone(), message(2)).await;
    let sent = publishes(&session.unwritten().unwrap().0, V5).remove(0);
    assert_eq!(sent.qos, QoS::AtMostOnce);
    let (_, asker) = published(mean.clone(), MqttMessage { retain: true, ..message(0) }).await;
    assert!(asker.await.unwrap().unwrap_err().to_string().contains("keeps no retained messages"));
    let (_, asker) = published(mean, MqttMessage { payload: vec![0; 200].into(), ..message(0) }).await;
    assert!(asker.await.unwrap().unwrap_err().to_string().contains("takes 100 at most"));
    let refused = session.subscribe(&["plain".into(), "wild/+".into()]).unwrap();
    assert_eq!(refused.len(), 1);
    assert!(matches!(&packets(&session.unwritten().unwrap().0, V5)[..],
        [Packet::Subscribe(asked)] if asked.filters.len() == 1 && asked.filters[0].filter == "plain"));
}

#[tokio::test]
async fn a_command_expires_at_the_broker_with_its_deadline_and_a_retained_message_does_not() {
    let (mut session, _asker) = published(welcome(), message(1)).await;
    let sent = publishes(&session.unwritten().unwrap().0, V5).remove(0);
    assert!(matches!(sent.message_expiry_interval(), Some(4..=5)), "{sent:?}");
    let (mut session, _asker) = published(welcome(), MqttMessage { retain: true, ..message(1) }).await;
    let sent = publishes(&session.unwritten().unwrap().0, V5).remove(0);
    assert_eq!(sent.message_expiry_interval(), None);
}

#[tokio::test]
async fn topics_have_short_names_in_both_directions_and_one_that_was_not_explained_ends_the_session() {
    let (mut session, _first) = published(welcome().with_topic_alias_maximum(1), message(0)).await;
    let (handle, mut inbox, _health) = queue(8);
    let (job, _second) = ask(&handle, &mut inbox).await;
    session.publish(job, message(0));
    let (job, _third) = ask(&handle, &mut inbox).await;
    session.publish(job, MqttMessage { topic: "other".into(), ..message(0) });
    let sent = publishes(&session.unwritten().unwrap().0, V5);
    let short: Vec<_> = sent.iter().map(|sent| (sent.topic_name.as_str(), sent.topic_alias())).collect();
    assert_eq!(short, [("a/b", Some(1)), ("", Some(1)), ("other", None)]);

    let named = |topic: &str| PublishPacket::new(topic, "1", QoS::AtMostOnce).with_topic_alias(7);
    for (topic, heard) in [("x", "x"), ("", "x"), ("y", "y"), ("", "y")] {
        let message = session.take(Packet::Publish(named(topic)));
        assert!(matches!(message, Ok(Heard::Message(message)) if message.topic == heard));
    }
    for wrong in [
        PublishPacket::new("", "1", QoS::AtMostOnce).with_topic_alias(8),
        PublishPacket::new("x", "1", QoS::AtMostOnce).with_topic_alias(0),
    ] {
        let broken = session.take(Packet::Publish(wrong)).unwrap_err();
        assert_eq!(broken.say, Some(ReasonCode::TopicAliasInvalid));
    }
    let nameless = session.take(Packet::Publish(PublishPacket::new("", "1", QoS::AtMostOnce)));
    assert_eq!(nameless.unwrap_err().say, Some(ReasonCode::ProtocolError));
}
