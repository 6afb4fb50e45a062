//! Packets of MQTT 3.1.1 and 5: taken from what was read, and a broker's reasons in words. Pure.

use bo_model::release::MqttVersion;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use mqtt5::Properties;
use mqtt5::packet::{FixedHeader, MqttPacket, Packet};
use mqtt5::protocol::v5::properties::{PropertyId, PropertyValue};
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use std::sync::Arc;

/// Largest message in or out.
pub(crate) const MAX_PACKET: usize = 1024 * 1024;
/// Longest text of a broker that is shown.
const MAX_SAID: usize = 200;

/// Why a session can't go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// For people.
    pub why: Arc<str>,
    /// What the broker is told before the connection is closed; nothing when it was the broker that ended the session.
    pub say: Option<ReasonCode>,
}

impl Broken {
    /// Our doing: the broker is told `code`.
    pub(crate) fn with(code: ReasonCode, why: impl Into<Arc<str>>) -> Broken {
        Broken { why: why.into(), say: Some(code) }
    }

    /// The broker's doing, or the network's.
    pub(crate) fn off(why: impl std::fmt::Display) -> Broken {
        Broken { why: why.to_string().into(), say: None }
    }
}

/// The version as packets carry it: 3.1.1 is protocol level 4.
pub(crate) fn level(version: MqttVersion) -> u8 {
    match version {
        MqttVersion::V3 => 4,
        MqttVersion::V5 => 5,
    }
}

/// The next whole packet of what was read.
pub(crate) fn next_packet(read: &mut BytesMut, version: MqttVersion) -> Result<Option<Packet>, Broken> {
    next_frame(read)?.map(|frame| packet(frame, version)).transpose()
}

/// The bytes of the next whole packet of what was read.
pub(crate) fn next_frame(read: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
    let Some(length) = whole(read)? else { return Ok(None) };
    if read.len() < length {
        read.reserve(length - read.len());
        return Ok(None);
    }
    Ok(Some(read.split_to(length).freeze()))
}

/// A packet from its bytes.
pub(crate) fn packet(mut frame: Bytes, version: MqttVersion) -> Result<Packet, Broken> {
    let header = FixedHeader::decode(&mut frame).map_err(malformed)?;
    let packet =
        Packet::decode_from_body_with_version(header.packet_type, &header, &mut frame, level(version))
            .map_err(malformed)?;
    match frame.has_remaining() {
        true => Err(malformed("bytes are left over behind a packet")),
        false => Ok(packet),
    }
}

/// How many bytes the packet at the front has, its header included (MQTT 5 §1.5.5); not known yet when `None`.
fn whole(read: &BytesMut) -> Result<Option<usize>, Broken> {
    let mut length = 0;
    for (at, byte) in read.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let too_large =
                || format!("the broker sent a packet of {length} bytes; {MAX_PACKET} are the most");
            return match length {
                0..=MAX_PACKET => Ok(Some(at + 2 + length)),
                _ => Err(Broken::with(ReasonCode::PacketTooLarge, too_large())),
            };
        }
    }
    if read.len() > 4 { Err(malformed("a packet's length has no end")) } else { Ok(None) }
}

fn malformed(error: impl std::fmt::Display) -> Broken {
    Broken::with(ReasonCode::MalformedPacket, format!("the broker sent what is not MQTT: {error}"))
}

/// Writes a packet.
pub(crate) fn write(packet: &impl MqttPacket, out: &mut BytesMut) -> Result<(), String> {
    packet.encode(out).map_err(|error| error.to_string())
}

/// Writes an acknowledgement of kind `kind` (its first byte) without a reason, which both versions read alike.
pub(crate) fn acknowledge(kind: u8, id: u16, out: &mut BytesMut) {
    out.put_slice(&[kind, 2]);
    out.put_u16(id);
}

/// What the broker says with `code`: our words, and its own when it has some.
pub(crate) fn said(code: ReasonCode, properties: &Properties) -> String {
    let text = |id| match properties.get(id) {
        Some(PropertyValue::Utf8String(text)) if !text.is_empty() => {
            let plain = text.chars().filter(|char| !char.is_control());
            Some(plain.take(MAX_SAID).collect::<String>())
        }
        _ => None,
    };
    let mut said = words(code).to_owned();
    if let Some(reason) = text(PropertyId::ReasonString) {
        said.push_str(&format!(" (“{reason}”)"));
    }
    if let Some(other) = text(PropertyId::ServerReference) {
        said.push_str(&format!("; it names {other} instead"));
    }
    said
}

/// A reason code in words (MQTT 5 §2.4).
fn words(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::Success => "no fault",
        ReasonCode::MalformedPacket => "it could not read what we sent",
        ReasonCode::ProtocolError => "we broke a rule of the protocol",
        ReasonCode::UnsupportedProtocolVersion => "it does not speak this version of MQTT",
        ReasonCode::ClientIdentifierNotValid => "it does not accept our client id",
        ReasonCode::BadUsernameOrPassword => "wrong user name or password",
        ReasonCode::NotAuthorized => "not allowed for this user",
        ReasonCode::ServerUnavailable => "it is not available at present",
        ReasonCode::ServerBusy => "it is busy; later again",
        ReasonCode::Banned => "it has banned this client",
        ReasonCode::ServerShuttingDown => "it is shutting down",
        ReasonCode::BadAuthenticationMethod => "it wants another way of signing in",
        ReasonCode::KeepAliveTimeout => "it heard nothing of us for too long",
        ReasonCode::SessionTakenOver => "another client connected with our client id",
        ReasonCode::TopicFilterInvalid => "it does not accept this topic filter",
        ReasonCode::TopicNameInvalid => "it does not accept this topic",
        ReasonCode::PacketIdentifierInUse | ReasonCode::PacketIdentifierNotFound => {
            "its packet ids and ours differ"
        }
        ReasonCode::ReceiveMaximumExceeded => "more messages at once than it takes",
        ReasonCode::TopicAliasInvalid => "it does not know a topic alias we used",
        ReasonCode::PacketTooLarge => "the message is larger than it takes",
        ReasonCode::MessageRateTooHigh => "too many messages in too short a time",
        ReasonCode::QuotaExceeded => "a quota is used up",
        ReasonCode::AdministrativeAction => "its administrator ended it",
        ReasonCode::PayloadFormatInvalid => "the content is not of the announced format",
        ReasonCode::RetainNotSupported => "it keeps no retained messages",
        ReasonCode::QoSNotSupported => "it does not offer this quality of service",
        ReasonCode::UseAnotherServer => "another broker is to be used for now",
        ReasonCode::ServerMoved => "the broker has moved for good",
        ReasonCode::SharedSubscriptionsNotSupported => "it has no shared subscriptions",
        ReasonCode::ConnectionRateExceeded => "too many connections in too short a time",
        ReasonCode::MaximumConnectTime => "the longest time of a connection is over",
        ReasonCode::SubscriptionIdentifiersNotSupported => "it has no subscription identifiers",
        ReasonCode::WildcardSubscriptionsNotSupported => "it takes no filters with wildcards",
        ReasonCode::ImplementationSpecificError => "for a reason of its own",
        _ => "it gives no reason",
    }
}
