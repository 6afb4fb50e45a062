//! The packets of every message, read and written by hand: PUBLISH of MQTT 3.1.1, and acknowledgements that give no reason. The
//! general codec allocates several times for each. Whatever looks unusual is left to it, with its words for what is wrong. Pure.

use bo_link::MqttMessage;
use bytes::{BufMut, Bytes, BytesMut};

/// Writes a PUBLISH; `id` with QoS 1 and 2 (MQTT 3.1.1 §3.3).
pub(crate) fn publish(message: &MqttMessage, id: Option<u16>, out: &mut BytesMut) {
    let MqttMessage { topic, payload, qos, retain } = message;
    let length = 2 + topic.len() + if id.is_some() { 2 } else { 0 } + payload.len();
    out.reserve(5 + length);
    out.put_u8(0x30 | (*qos).min(2) << 1 | u8::from(*retain));
    let mut rest = length;
    while rest > 0x7f {
        out.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
    out.put_u16(topic.len() as u16);
    out.put_slice(topic.as_bytes());
    if let Some(id) = id {
        out.put_u16(id);
    }
    out.put_slice(payload);
}

/// The message of a whole, well-formed PUBLISH, and its packet id.
pub(crate) fn published(frame: &Bytes) -> Option<(MqttMessage, Option<u16>)> {
    let (first, body) = split(frame)?;
    let (dup, qos) = (first & 8 != 0, (first >> 1) & 3);
    if first >> 4 != 3 || qos == 3 || (dup && qos == 0) {
        return None;
    }
    let (length, rest) = body.split_first_chunk::<2>()?;
    let (topic, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let topic = std::str::from_utf8(topic).ok().filter(|topic| !topic.is_empty() && !topic.contains('\0'))?;
    let (id, payload) = match qos {
        0 => (None, rest),
        _ => rest.split_first_chunk::<2>().map(|(id, rest)| (Some(u16::from_be_bytes(*id)), rest))?,
    };
    let payload = frame.slice(frame.len() - payload.len()..);
    Some((MqttMessage { topic: topic.to_owned(), payload, qos, retain: first & 1 != 0 }, id))
}

/// The packet id of a PUBACK or PUBCOMP that gives no reason: all went well, in either version.
pub(crate) fn acknowledged(frame: &[u8]) -> Option<u16> {
    match *frame {
        [0x40 | 0x70, 2, high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

/// First byte and body of a whole packet.
fn split(frame: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = frame.split_first()?;
    let length = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    Some((*first, &rest[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::{next_frame, packet};
    use bo_model::release::MqttVersion::V3;
    use mqtt5::packet::Packet;
    use proptest::prelude::*;

    /// What the general codec reads of these bytes.
    fn general(frame: &Bytes) -> Option<(MqttMessage, Option<u16>)> {
        match packet(frame.clone(), V3).ok()? {
            Packet::Publish(publish) => {
                let message = MqttMessage {
                    topic: publish.topic_name,
                    payload: publish.payload,
                    qos: publish.qos as u8,
                    retain: publish.retain,
                };
                Some((message, publish.packet_id))
            }
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn a_message_is_written_so_that_the_general_codec_reads_it(
            topic in "[a-zé/]{1,12}",
            payload in prop::collection::vec(any::<u8>(), 0..300),
            qos in 0u8..3,
            retain in any::<bool>(),
            id in 1u16..,
        ) {
            let message = MqttMessage { topic, payload: payload.into(), qos, retain };
            let id = (qos > 0).then_some(id);
            let mut out = BytesMut::new();
            publish(&message, id, &mut out);
            let frame = next_frame(&mut out).unwrap().unwrap();
            prop_assert!(out.is_empty());
            prop_assert_eq!(general(&frame), Some((message.clone(), id)));
            prop_assert_eq!(published(&frame), Some((message, id)));
        }

        #[test]
        fn what_is_read_by_hand_the_general_codec_reads_alike(
            first in 0x30u8..0x40,
            body in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(b'a'), any::<u8>()], 0..12),
        ) {
            let frame = Bytes::from([&[first, body.len() as u8][..], &body].concat());
            if let Some(read) = published(&frame) {
                prop_assert_eq!(Some(read), general(&frame));
            }
        }
    }

    #[test]
    fn only_acknowledgements_without_a_reason_are_read_by_hand() {
        assert_eq!(acknowledged(&[0x40, 2, 1, 2]), Some(0x102));
        assert_eq!(acknowledged(&[0x70, 2, 0, 7]), Some(7));
        assert_eq!(acknowledged(&[0x40, 3, 0, 7, 0x87]), None);
        assert_eq!(acknowledged(&[0x50, 2, 0, 7]), None, "has an answer of its own");
    }
}
