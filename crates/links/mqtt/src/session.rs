//! One session's state, apart from the socket: what is to be written, what waits for an acknowledgement. Pure.
//!
//! Publishes are encoded where they are made and written together: a rule that commands ten devices costs one write.

use crate::aliases::Aliases;
use crate::packets::{Broken, MAX_PACKET, acknowledge, packet, said, write};
use crate::plain;
use crate::terms::Terms;
use bo_link::{Asker, LinkError, MqttMessage};
use bo_model::release::MqttVersion;
use bytes::{BufMut, Bytes, BytesMut};
use mqtt5::packet::publish::PublishPacket;
use mqtt5::packet::suback::SubAckPacket;
use mqtt5::packet::subscribe::SubscribePacket;
use mqtt5::packet::unsubscribe::UnsubscribePacket;
use mqtt5::packet::{FixedHeader, MqttPacket, Packet, PacketType};
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use mqtt5::{Properties, QoS};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Publishes that wait for their turn behind those in flight.
const WAITING: usize = 1024;
/// Bytes that wait to be written; more is refused.
const MAX_UNWRITTEN: usize = 4 * MAX_PACKET;
/// First bytes of acknowledgements without a reason.
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;

pub(crate) type Waiting = Asker<()>;

/// A session while it is connected.
#[derive(Debug, Default)]
pub(crate) struct Session {
    version: MqttVersion,
    terms: Terms,
    out: BytesMut,
    /// With QoS 0, answered when they are written.
    unwritten: Vec<Waiting>,
    /// With QoS 1 and 2, by packet id.
    unacknowledged: BTreeMap<u16, Waiting>,
    waiting: VecDeque<(Waiting, MqttMessage)>,
    /// Filters the broker has not answered, by packet id.
    asked: BTreeMap<u16, Vec<String>>,
    aliases: Aliases,
    last_id: u16,
}

/// What came in and concerns others.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Message(MqttMessage),
    /// The broker refused subscriptions: the filters, and why.
    Refused(Vec<(String, Arc<str>)>),
    /// A sign of life.
    Proof,
}

impl Session {
    /// Under a broker's terms.
    pub(crate) fn new(version: MqttVersion, terms: Terms) -> Session {
        Session { version, terms, ..Session::default() }
    }

    /// Sends a message, or lets it wait its turn.
    pub(crate) fn publish(&mut self, job: Waiting, mut message: MqttMessage) {
        if let Err(why) = self.terms.admit(&message) {
            return job.answer(Err(LinkError::Invalid(why)));
        }
        if self.out.len() > MAX_UNWRITTEN || self.waiting.len() >= WAITING {
            return job.answer(Err(LinkError::Busy));
        }
        message.qos = message.qos.min(self.terms.qos);
        let full = self.unacknowledged.len() >= self.terms.in_flight;
        if message.qos > 0 && (full || !self.waiting.is_empty()) {
            return self.waiting.push_back((job, message));
        }
        self.send(job, message);
    }

    fn send(&mut self, job: Waiting, message: MqttMessage) {
        let id = (message.qos > 0).then(|| self.next_id());
        let written = match self.version {
            MqttVersion::V3 => {
                plain::publish(&message, id, &mut self.out);
                Ok(())
            }
            MqttVersion::V5 => self.write(message, id, &job),
        };
        match (written, id) {
            (Err(error), _) => job.answer(Err(LinkError::Invalid(error.to_string().into()))),
            (Ok(()), None) => self.unwritten.push(job),
            (Ok(()), Some(id)) => drop(self.unacknowledged.insert(id, job)),
        }
    }

    /// Writes a PUBLISH of MQTT 5.
    fn write(&mut self, message: MqttMessage, id: Option<u16>, job: &Waiting) -> mqtt5::Result<()> {
        let packet = self.packet(message, id, job);
        let header = FixedHeader::new(PacketType::Publish, packet.flags(), packet.body_encoded_size() as u32);
        header.encode(&mut self.out).and_then(|()| packet.encode_body_direct(&mut self.out))
    }

    fn packet(&mut self, message: MqttMessage, id: Option<u16>, job: &Waiting) -> PublishPacket {
        let MqttMessage { topic, payload, qos, retain } = message;
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos.min(2))];
        let mut packet = PublishPacket { packet_id: id, retain, ..PublishPacket::new(topic, payload, qos) };
        if !retain {
            // Whoever asked gives up at the deadline: a broker that keeps it for a device that is away must, too.
            let left = job.deadline.saturating_duration_since(Instant::now());
            packet.properties.set_message_expiry_interval(left.as_secs() as u32 + 1);
        }
        if let Some((alias, known)) = self.aliases.ours(&packet.topic_name, self.terms.aliases) {
            packet.properties.set_topic_alias(alias);
            if known {
                packet.topic_name.clear();
            }
        }
        packet
    }

    /// Not 0, and not of a packet that is still under way (MQTT 3.1.1 §2.3.1).
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            let taken =
                self.unacknowledged.contains_key(&self.last_id) || self.asked.contains_key(&self.last_id);
            if self.last_id != 0 && !taken {
                return self.last_id;
            }
        }
    }

    /// Asks for filters. Returns those this broker is known not to take.
    pub(crate) fn subscribe(&mut self, filters: &[String]) -> Result<Vec<(String, Arc<str>)>, String> {
        let impossible = |filter: &&String| !self.terms.wildcards && filter.contains(['+', '#']);
        let (refused, wanted): (Vec<_>, Vec<_>) = filters.iter().partition(impossible);
        for some in wanted.chunks(64) {
            let id = self.next_id();
            let mut packet = SubscribePacket::new(id);
            packet.protocol_version = crate::packets::level(self.version);
            for filter in some {
                packet = packet.add_filter(filter.as_str(), QoS::AtLeastOnce);
            }
            write(&packet, &mut self.out)?;
            self.asked.insert(id, some.iter().map(|filter| (*filter).clone()).collect());
        }
        let why = said(ReasonCode::WildcardSubscriptionsNotSupported, &Properties::default());
        Ok(refused.into_iter().map(|filter| (filter.clone(), why.as_str().into())).collect())
    }

    /// Gives filters back.
    pub(crate) fn unsubscribe(&mut self, filters: Vec<String>) -> Result<(), String> {
        if filters.is_empty() {
            return Ok(());
        }
        let mut packet = UnsubscribePacket::new(self.next_id());
        packet.protocol_version = crate::packets::level(self.version);
        packet.filters = filters;
        write(&packet, &mut self.out)
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) {
        self.out.put_slice(&[0xc0, 0]);
    }

    /// Takes the bytes of a packet of the broker.
    pub(crate) fn hear(&mut self, frame: Bytes) -> Result<Heard, Broken> {
        if let Some(id) = plain::acknowledged(&frame) {
            self.ended(id, Ok(()));
            return Ok(Heard::Proof);
        }
        if self.version == MqttVersion::V3
            && let Some((message, id)) = plain::published(&frame)
        {
            return Ok(self.came(message, id));
        }
        self.take(packet(frame, self.version)?)
    }

    /// Takes a packet of the broker.
    pub(crate) fn take(&mut self, packet: Packet) -> Result<Heard, Broken> {
        match packet {
            Packet::Publish(publish) => return self.message(publish),
            Packet::PubAck(ack) => self.acknowledged(ack.packet_id, ack.reason_code, &ack.properties),
            Packet::PubComp(ack) => self.acknowledged(ack.packet_id, ack.reason_code, &ack.properties),
            Packet::PubRec(ack) if ack.reason_code.is_error() => {
                self.acknowledged(ack.packet_id, ack.reason_code, &ack.properties);
            }
            Packet::PubRec(ack) => acknowledge(PUBREL, ack.packet_id, &mut self.out),
            Packet::PubRel(release) => acknowledge(PUBCOMP, release.packet_id, &mut self.out),
            Packet::SubAck(ack) => {
                let refused = self.refused(&ack);
                if !refused.is_empty() {
                    return Ok(Heard::Refused(refused));
                }
            }
            Packet::Disconnect(end) => {
                let why = said(end.reason_code, &end.properties);
                return Err(Broken::off(format!("the broker ended the session: {why}")));
            }
            Packet::Auth(_) => {
                let why = "the broker wants to exchange authentication data, which this link does not do";
                return Err(Broken::with(ReasonCode::ProtocolError, why));
            }
            _ => {}
        }
        Ok(Heard::Proof)
    }

    fn message(&mut self, publish: PublishPacket) -> Result<Heard, Broken> {
        let alias = publish.topic_alias();
        let PublishPacket { mut topic_name, payload, qos, retain, packet_id, .. } = publish;
        if let Some(alias) = alias {
            topic_name = self.aliases.theirs(alias, topic_name)?;
        } else if topic_name.is_empty() {
            return Err(Broken::with(ReasonCode::ProtocolError, "the broker sent a message without a topic"));
        }
        Ok(self.came(MqttMessage { topic: topic_name, payload, qos: qos as u8, retain }, packet_id))
    }

    fn came(&mut self, message: MqttMessage, id: Option<u16>) -> Heard {
        match (message.qos, id) {
            (1, Some(id)) => acknowledge(PUBACK, id, &mut self.out),
            (2, Some(id)) => acknowledge(PUBREC, id, &mut self.out),
            _ => {}
        }
        Heard::Message(message)
    }

    fn acknowledged(&mut self, id: u16, code: ReasonCode, properties: &Properties) {
        let refused = || format!("the broker did not take the message: {}", said(code, properties));
        self.ended(id, if code.is_error() { Err(LinkError::Invalid(refused().into())) } else { Ok(()) });
    }

    /// A publish has come to its end: the next ones have their turn.
    fn ended(&mut self, id: u16, result: Result<(), LinkError>) {
        if let Some(job) = self.unacknowledged.remove(&id) {
            job.answer(result);
        }
        while self.unacknowledged.len() < self.terms.in_flight
            && let Some((job, message)) = self.waiting.pop_front()
        {
            if !job.is_abandoned() {
                self.send(job, message);
            }
        }
    }

    fn refused(&mut self, ack: &SubAckPacket) -> Vec<(String, Arc<str>)> {
        let asked = self.asked.remove(&ack.packet_id).unwrap_or_default();
        let answers = asked.into_iter().zip(&ack.reason_codes).filter(|(_, code)| !code.is_success());
        answers
            .map(|(filter, code)| {
                let code = ReasonCode::from_u8(*code as u8).unwrap_or(ReasonCode::UnspecifiedError);
                (filter, said(code, &ack.properties).into())
            })
            .collect()
    }

    /// Whether there is something to write.
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.out.is_empty()
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
