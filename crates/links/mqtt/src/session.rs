//! One session's state, apart from the socket: what is to be written, what waits for an acknowledgement. Pure.
//!
//! Publishes are encoded where they are made and written together: a rule that commands ten devices costs one write.

use bo_link::{Job, LinkError, MqttMessage, MqttOp};
use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4::{
    Packet, PingReq, PubAck, PubComp, PubRec, PubRel, Publish, Subscribe, Unsubscribe,
};
use rumqttc::mqttbytes::{self, QoS};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Largest message in or out.
pub(crate) const MAX_PACKET: usize = 1024 * 1024;
/// Publishes the broker has not acknowledged.
const IN_FLIGHT: usize = 256;
/// Publishes that wait for their turn behind those.
const WAITING: usize = 1024;
/// Bytes that wait to be written; more is refused.
const MAX_UNWRITTEN: usize = 4 * MAX_PACKET;

pub(crate) type Waiting = Job<MqttOp, ()>;

/// A session while it is connected.
#[derive(Debug, Default)]
pub(crate) struct Session {
    out: BytesMut,
    /// With QoS 0, answered when they are written.
    unwritten: Vec<Waiting>,
    /// With QoS 1 and 2, by packet id.
    unacknowledged: HashMap<u16, Waiting>,
    waiting: VecDeque<(Waiting, MqttMessage)>,
    last_id: u16,
}

/// What came in and concerns others.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Message(MqttMessage),
    /// The broker refused a subscription.
    Refused,
    /// A sign of life.
    Proof,
}

impl Session {
    /// Sends a message, or lets it wait its turn.
    pub(crate) fn publish(&mut self, job: Waiting, message: MqttMessage) {
        if self.out.len() > MAX_UNWRITTEN || self.waiting.len() >= WAITING {
            return job.answer(Err(LinkError::Busy));
        }
        if message.qos > 0 && (self.unacknowledged.len() >= IN_FLIGHT || !self.waiting.is_empty()) {
            return self.waiting.push_back((job, message));
        }
        self.send(job, message);
    }

    fn send(&mut self, job: Waiting, message: MqttMessage) {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(message.qos.min(2))];
        let pkid = if message.qos > 0 { self.next_id() } else { 0 };
        let MqttMessage { topic, payload, retain, .. } = message;
        let packet = Publish { dup: false, qos, retain, topic, pkid, payload };
        if let Err(error) = packet.write(&mut self.out) {
            return job.answer(Err(LinkError::Invalid(error.to_string().into())));
        }
        if pkid == 0 {
            self.unwritten.push(job);
        } else {
            self.unacknowledged.insert(pkid, job);
        }
    }

    /// Not 0, and not of a publish that is still under way (MQTT 3.1.1 §2.3.1).
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id != 0 && !self.unacknowledged.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Asks for filters.
    pub(crate) fn subscribe(&mut self, filters: &[String]) -> Result<(), mqttbytes::Error> {
        for some in filters.chunks(64) {
            let mut packet = Subscribe::new_many(
                some.iter()
                    .map(|path| rumqttc::SubscribeFilter { path: path.clone(), qos: QoS::AtLeastOnce }),
            );
            packet.pkid = self.next_id();
            packet.write(&mut self.out)?;
        }
        Ok(())
    }

    /// Gives filters back.
    pub(crate) fn unsubscribe(&mut self, filters: Vec<String>) -> Result<(), mqttbytes::Error> {
        if filters.is_empty() {
            return Ok(());
        }
        let packet = Unsubscribe { pkid: self.next_id(), topics: filters };
        packet.write(&mut self.out).map(drop)
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) -> Result<(), mqttbytes::Error> {
        PingReq.write(&mut self.out).map(drop)
    }

    /// Takes a packet of the broker.
    pub(crate) fn take(&mut self, packet: Packet) -> Result<Heard, mqttbytes::Error> {
        match packet {
            Packet::Publish(publish) => {
                match publish.qos {
                    QoS::AtMostOnce => {}
                    QoS::AtLeastOnce => {
                        PubAck::new(publish.pkid).write(&mut self.out)?;
                    }
                    QoS::ExactlyOnce => {
                        PubRec::new(publish.pkid).write(&mut self.out)?;
                    }
                }
                let Publish { topic, payload, qos, retain, .. } = publish;
                return Ok(Heard::Message(MqttMessage { topic, payload, qos: qos as u8, retain }));
            }
            Packet::PubAck(PubAck { pkid }) | Packet::PubComp(PubComp { pkid }) => {
                if let Some(job) = self.unacknowledged.remove(&pkid) {
                    job.answer(Ok(()));
                }
                while self.unacknowledged.len() < IN_FLIGHT
                    && let Some((job, message)) = self.waiting.pop_front()
                {
                    if !job.is_abandoned() {
                        self.send(job, message);
                    }
                }
            }
            Packet::PubRec(PubRec { pkid }) => {
                PubRel::new(pkid).write(&mut self.out)?;
            }
            Packet::PubRel(PubRel { pkid }) => {
                PubComp::new(pkid).write(&mut self.out)?;
            }
            Packet::SubAck(ack) if ack.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure) => {
                return Ok(Heard::Refused);
            }
            _ => {}
        }
        Ok(Heard::Proof)
    }

    /// What is to be written now, and who is to be told when it is.
    pub(crate) fn unwritten(&mut self) -> Option<(Bytes, Vec<Waiting>)> {
        if self.out.is_empty() {
            return None;
        }
        let bytes = self.out.split().freeze();
        self.out.reserve(bytes.len().min(64 * 1024));
        Some((bytes, std::mem::take(&mut self.unwritten)))
    }

    /// The connection is gone: everybody who waits is told.
    pub(crate) fn end(self, why: &Arc<str>) {
        let waiting = self.waiting.into_iter().map(|(job, _)| job);
        for job in self.unwritten.into_iter().chain(self.unacknowledged.into_values()).chain(waiting) {
            job.answer(Err(LinkError::Offline(why.clone())));
        }
    }
}

/// The next whole packet of what was read.
pub(crate) fn next_packet(read: &mut BytesMut) -> Result<Option<Packet>, mqttbytes::Error> {
    if read.is_empty() {
        return Ok(None);
    }
    match Packet::read(read, MAX_PACKET) {
        Ok(packet) => Ok(Some(packet)),
        Err(mqttbytes::Error::InsufficientBytes(more)) => {
            read.reserve(more);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_link::{Handle, Inbox, Urgency, queue};
    use std::time::Duration;

    fn message(qos: u8) -> MqttMessage {
        MqttMessage { topic: "a/b".into(), payload: Bytes::from_static(b"x"), qos, retain: false }
    }

    /// A request as a session gets it, and its asker's answer.
    async fn ask(
        handle: &Handle<MqttOp, ()>,
        inbox: &mut Inbox<MqttOp, ()>,
    ) -> (Waiting, tokio::task::JoinHandle<Result<(), LinkError>>) {
        let handle = handle.clone();
        let asker = tokio::spawn(async move {
            handle.call(MqttOp::Publish(message(1)), Urgency::Command, Duration::from_secs(5)).await
        });
        (inbox.next().await.unwrap(), asker)
    }

    fn ids(bytes: &Bytes) -> Vec<u16> {
        let (mut read, mut ids) = (BytesMut::from(&bytes[..]), Vec::new());
        while let Some(packet) = next_packet(&mut read).unwrap() {
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            ids.push(publish.pkid);
        }
        ids
    }

    #[tokio::test]
    async fn publishes_are_written_together_and_the_surplus_waits_for_acknowledgements() {
        let (handle, mut inbox, _health) = queue(1024);
        let mut session = Session::default();
        let mut askers = Vec::new();
        for _ in 0..IN_FLIGHT + 2 {
            let (job, asker) = ask(&handle, &mut inbox).await;
            session.publish(job, message(1));
            askers.push(asker);
        }
        let (bytes, _) = session.unwritten().unwrap();
        assert_eq!(ids(&bytes), (1..=IN_FLIGHT as u16).collect::<Vec<_>>());
        assert!(session.unwritten().is_none());
        session.take(Packet::PubAck(PubAck::new(7))).unwrap();
        assert_eq!(askers.remove(6).await.unwrap(), Ok(()));
        let (bytes, _) = session.unwritten().unwrap();
        assert_eq!(ids(&bytes).len(), 1, "one acknowledged, one more sent");
        session.end(&"cut".into());
        for asker in askers {
            assert_eq!(asker.await.unwrap(), Err(LinkError::Offline("cut".into())));
        }
    }

    #[test]
    fn a_message_with_qos_1_is_acknowledged_and_half_a_packet_waits_for_its_rest() {
        let mut wire = BytesMut::new();
        let publish = Publish { pkid: 9, ..Publish::new("t", QoS::AtLeastOnce, "body") };
        publish.write(&mut wire).unwrap();
        let mut read = BytesMut::from(&wire[..4]);
        assert!(next_packet(&mut read).unwrap().is_none());
        read.extend_from_slice(&wire[4..]);
        let mut session = Session::default();
        let packet = next_packet(&mut read).unwrap().unwrap();
        assert!(matches!(session.take(packet), Ok(Heard::Message(message)) if message.topic == "t"));
        assert_eq!(&session.unwritten().unwrap().0[..], [0x40, 2, 0, 9]);
    }

    #[test]
    fn what_is_not_mqtt_ends_the_session() {
        assert!(next_packet(&mut BytesMut::from(&[0x00, 0x02, 0x41, 0x42][..])).is_err(), "no such packet");
        let giant = [0x30, 0xff, 0xff, 0xff, 0x7f];
        assert!(next_packet(&mut BytesMut::from(&giant[..])).is_err(), "larger than any message may be");
    }
}
