//! One conversation with an endpoint, without the socket: bytes in, replies out. Pure.
//!
//! Envelopes: MBAP ("Modbus Messaging on TCP/IP V1.0b" §3.1.3) and RTU with its checksum ("Modbus over
//! Serial Line V1.02" §2.5.1). A late reply to a request that was given up is recognised by its transaction
//! number and dropped. RTU has no such number: there a reply is what has the right unit, function and length
//! and a correct checksum, wherever in the noise it starts.

use crate::pdu::{self, Decoded, Expect, IdentifyFrom};
use bo_link::{LinkError, ModbusOp};
use std::sync::Arc;

/// Late replies dropped while waiting for one; more means that the numbering is broken.
const MAX_LATE: u32 = 16;
/// Bytes kept while looking for a reply; twice the longest frame of either envelope.
const MAX_PENDING: usize = 520;
const MBAP: usize = 7;

/// How requests are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Modbus TCP.
    Mbap,
    /// RTU, on a serial line or over TCP.
    Rtu,
}

/// What the bytes received so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Not enough yet.
    Wait,
    /// Something arrived that is no reply; if nothing better follows soon, none will.
    Doubtful,
    /// The device answered, or what it sent is broken within its frame.
    Reply(Result<Decoded, LinkError>),
    /// Frames can no longer be told apart: make a new connection.
    Lost(Arc<str>),
}

/// State of the conversation.
#[derive(Debug)]
pub struct Session {
    envelope: Envelope,
    transaction: u16,
    late: u32,
    overdue: u32,
    received: Vec<u8>,
    request: Vec<u8>,
}

impl Session {
    /// A fresh conversation.
    pub fn new(envelope: Envelope) -> Session {
        // Room for whole frames from the start: a short buffer would read one frame in many pieces.
        let (received, request) = (Vec::with_capacity(MAX_PENDING), Vec::with_capacity(MAX_PENDING));
        Session { envelope, transaction: 0, late: 0, overdue: 0, received, request }
    }

    /// The bytes of the next request. Whatever was received before is forgotten; of a frame that began, the rest may still come.
    pub fn request(&mut self, op: &ModbusOp, from: IdentifyFrom) -> &[u8] {
        self.late = 0;
        self.request.clear();
        match self.envelope {
            Envelope::Mbap => {
                while let Some((transaction, end)) = self.whole_frame() {
                    self.drop_late(transaction, end);
                }
                self.transaction = self.transaction.wrapping_add(1);
                self.request.extend_from_slice(&self.transaction.to_be_bytes());
                self.request.extend_from_slice(&[0, 0, 0, 0, op.unit()]);
                pdu::encode(op, from, &mut self.request);
                let length = (self.request.len() - 6) as u16;
                self.request[4..6].copy_from_slice(&length.to_be_bytes());
            }
            Envelope::Rtu => {
                self.received.clear();
                self.request.push(op.unit());
                pdu::encode(op, from, &mut self.request);
                let sum = crc(&self.request);
                self.request.extend_from_slice(&sum.to_le_bytes());
            }
        }
        &self.request
    }

    /// Replies that came after they were given up, since this was last asked.
    pub fn overdue(&mut self) -> u32 {
        std::mem::take(&mut self.overdue)
    }

    /// The frame at the start of what was received: its number and where it ends.
    fn whole_frame(&self) -> Option<(u16, usize)> {
        let word =
            |at: usize| Some(u16::from_be_bytes([*self.received.get(at)?, *self.received.get(at + 1)?]));
        let (transaction, end) = (word(0)?, 6 + usize::from(word(4)?));
        (word(2) == Some(0) && end > MBAP && self.received.len() >= end).then_some((transaction, end))
    }

    fn drop_late(&mut self, transaction: u16, end: usize) {
        self.received.drain(..end);
        // A number of the recent past; others were never ours.
        if self.transaction.wrapping_sub(transaction) < u16::MAX / 2 {
            self.overdue += 1;
        }
    }

    /// Where received bytes are appended.
    pub fn received(&mut self) -> &mut Vec<u8> {
        &mut self.received
    }

    /// Length of the longest reply to `op` on the wire, in characters.
    pub fn longest_reply(op: &ModbusOp) -> usize {
        match op {
            ModbusOp::Read { count, .. } => 5 + 2 * usize::from(*count).min(125),
            ModbusOp::WriteRead { read_count, .. } => 5 + 2 * usize::from(*read_count).min(125),
            ModbusOp::MaskWrite { .. } => 10,
            ModbusOp::Identify { .. } => 256,
            _ => 8,
        }
    }

    /// Looks at what was received for the reply to `op`, the last request.
    pub fn step(&mut self, op: &ModbusOp) -> Step {
        match self.envelope {
            Envelope::Mbap => self.step_mbap(op),
            Envelope::Rtu => self.step_rtu(op),
        }
    }

    fn step_mbap(&mut self, op: &ModbusOp) -> Step {
        loop {
            let bytes = &self.received;
            if bytes.len() < MBAP {
                return Step::Wait;
            }
            let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            let (transaction, protocol, length, unit) = (word(0), word(2), usize::from(word(4)), bytes[6]);
            if protocol != 0 || !(3..=254).contains(&length) {
                return Step::Lost("the peer does not speak Modbus TCP".into());
            }
            let end = 6 + length;
            if bytes.len() < end {
                return Step::Wait;
            }
            if transaction != self.transaction {
                self.drop_late(transaction, end);
                self.late += 1;
                if self.late > MAX_LATE {
                    return Step::Lost("replies carry numbers that were never sent".into());
                }
                continue;
            }
            let reply = if unit == op.unit() {
                pdu::decode(op, &bytes[MBAP..end])
            } else {
                Err(wrong_unit(unit, op.unit()))
            };
            self.received.drain(..end);
            return Step::Reply(reply);
        }
    }

    fn step_rtu(&mut self, op: &ModbusOp) -> Step {
        let excess = self.received.len().saturating_sub(MAX_PENDING);
        self.received.drain(..excess);
        let mut open = self.received.is_empty();
        for at in 0..self.received.len() {
            if self.received[at] != op.unit() {
                continue;
            }
            match pdu::expect(op, &self.received[at + 1..]) {
                Expect::Foreign => {}
                Expect::More => open = true,
                Expect::Length(length) => match self.received.get(at..at + 1 + length + 2) {
                    None => open = true,
                    Some(frame) if crc(frame) == 0 => {
                        let reply = pdu::decode(op, &frame[1..=length]);
                        self.received.clear();
                        return Step::Reply(reply);
                    }
                    Some(_) => {}
                },
            }
        }
        if open { Step::Wait } else { Step::Doubtful }
    }

    /// Why there was no reply, in the light of what did arrive.
    pub fn gave_up(&mut self, op: &ModbusOp) -> LinkError {
        let mut received = std::mem::take(&mut self.received);
        let error = match (self.envelope, received.as_slice()) {
            (_, []) => LinkError::Timeout,
            (Envelope::Mbap, bytes) => {
                LinkError::Protocol(format!("the reply ended after {} bytes", bytes.len()).into())
            }
            (Envelope::Rtu, [unit, ..]) if *unit != op.unit() && crc(&received) == 0 => {
                wrong_unit(*unit, op.unit())
            }
            (Envelope::Rtu, bytes) => LinkError::Protocol(
                format!(
                    "{} bytes without a correct checksum: noise, two masters, or wrong line settings",
                    bytes.len()
                )
                .into(),
            ),
        };
        if self.envelope == Envelope::Rtu {
            received.clear();
        }
        // With MBAP the rest of a half frame may still come: kept, so that frames stay aligned.
        self.received = received;
        error
    }
}

fn wrong_unit(said: u8, asked: u8) -> LinkError {
    LinkError::Protocol(format!("unit {said} answered instead of unit {asked}").into())
}

const CRC_TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xA001 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// CRC-16/MODBUS; goes on the wire low byte first, and is 0 over a frame that includes it.
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| (sum >> 8) ^ CRC_TABLE[usize::from(sum as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_link::ModbusReply;
    use bo_model::points::Table;
    use proptest::prelude::*;

    fn read(unit: u8, count: u16) -> ModbusOp {
        ModbusOp::Read { unit, table: Table::Holding, address: 0, count }
    }

    fn rtu_reply(unit: u8, values: &[u16]) -> Vec<u8> {
        let mut frame = vec![unit, 3, (values.len() * 2) as u8];
        frame.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        let sum = crc(&frame);
        frame.extend_from_slice(&sum.to_le_bytes());
        frame
    }

    fn mbap_reply(transaction: u16, unit: u8, values: &[u16]) -> Vec<u8> {
        let mut frame = transaction.to_be_bytes().to_vec();
        frame.extend_from_slice(&[0, 0, 0, (3 + values.len() * 2) as u8, unit, 3, (values.len() * 2) as u8]);
        frame.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        frame
    }

    fn registers(values: &[u16]) -> Step {
        Step::Reply(Ok(Decoded::Done(ModbusReply::Registers(values.to_vec()))))
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // The check value of CRC-16/MODBUS in the catalogue of parametrised CRC algorithms.
        assert_eq!(crc(b"123456789"), 0x4B37);
    }

    #[test]
    fn a_late_reply_is_not_taken_for_the_one_asked_for() {
        let mut session = Session::new(Envelope::Mbap);
        session.request(&read(1, 1), IdentifyFrom::START);
        assert_eq!(session.step(&read(1, 1)), Step::Wait);
        session.request(&read(1, 1), IdentifyFrom::START);
        session.received().extend(mbap_reply(1, 1, &[111]));
        assert_eq!(session.step(&read(1, 1)), Step::Wait);
        session.received().extend(mbap_reply(2, 1, &[222]));
        assert_eq!(session.step(&read(1, 1)), registers(&[222]));
    }

    #[test]
    fn a_reply_that_came_when_nobody_waited_is_counted_and_does_not_make_silence_look_like_a_broken_reply() {
        let mut session = Session::new(Envelope::Mbap);
        session.request(&read(1, 1), IdentifyFrom::START);
        assert_eq!(session.gave_up(&read(1, 1)), LinkError::Timeout);
        session.received().extend(mbap_reply(1, 1, &[111]));
        session.request(&read(1, 1), IdentifyFrom::START);
        assert_eq!(session.gave_up(&read(1, 1)), LinkError::Timeout);
        assert_eq!((session.overdue(), session.overdue()), (1, 0));
        session.request(&read(1, 1), IdentifyFrom::START);
        session.received().extend(mbap_reply(2, 1, &[222]));
        session.received().extend(mbap_reply(10, 1, &[0]));
        assert_eq!(session.step(&read(1, 1)), Step::Wait);
        assert_eq!(session.overdue(), 1, "what was never asked for is not late");
    }

    #[test]
    fn a_reply_of_another_unit_is_named() {
        let mut session = Session::new(Envelope::Mbap);
        session.request(&read(3, 1), IdentifyFrom::START);
        session.received().extend(mbap_reply(1, 5, &[7]));
        let Step::Reply(Err(error)) = session.step(&read(3, 1)) else { panic!() };
        assert!(error.to_string().contains("unit 5 answered instead of unit 3"), "{error}");

        let mut serial = Session::new(Envelope::Rtu);
        serial.request(&read(3, 1), IdentifyFrom::START);
        serial.received().extend(rtu_reply(5, &[7]));
        assert_eq!(serial.step(&read(3, 1)), Step::Doubtful);
        assert!(serial.gave_up(&read(3, 1)).to_string().contains("unit 5 answered instead of unit 3"));
    }

    #[test]
    fn a_peer_that_does_not_speak_modbus_is_left() {
        let mut session = Session::new(Envelope::Mbap);
        session.request(&read(1, 1), IdentifyFrom::START);
        session.received().extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n");
        assert!(matches!(session.step(&read(1, 1)), Step::Lost(_)));
    }

    #[test]
    fn a_corrupt_serial_reply_is_an_error_and_never_a_value() {
        let mut session = Session::new(Envelope::Rtu);
        session.request(&read(1, 2), IdentifyFrom::START);
        let mut frame = rtu_reply(1, &[1, 2]);
        frame[4] ^= 0x10;
        session.received().extend(frame);
        assert_eq!(session.step(&read(1, 2)), Step::Doubtful);
        assert!(session.gave_up(&read(1, 2)).to_string().contains("checksum"));
    }

    proptest! {
        #[test]
        fn a_serial_reply_is_found_after_noise_and_in_any_pieces(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            values in prop::collection::vec(any::<u16>(), 1..125),
            cut in 1usize..20,
        ) {
            let op = read(17, values.len() as u16);
            let mut session = Session::new(Envelope::Rtu);
            session.request(&op, IdentifyFrom::START);
            let bytes: Vec<u8> = noise.into_iter().chain(rtu_reply(17, &values)).collect();
            let mut found = None;
            for piece in bytes.chunks(cut) {
                session.received().extend_from_slice(piece);
                if let Step::Reply(reply) = session.step(&op) {
                    found = Some(reply);
                }
            }
            // Noise may look like an exception with a correct checksum once in millions: then it is an error.
            prop_assert_eq!(found, Some(Ok(Decoded::Done(ModbusReply::Registers(values)))));
        }

        #[test]
        fn nothing_that_arrives_can_break_the_session(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), rtu in any::<bool>(),
        ) {
            let mut session = Session::new(if rtu { Envelope::Rtu } else { Envelope::Mbap });
            session.request(&read(1, 10), IdentifyFrom::START);
            for piece in pieces {
                session.received().extend(piece);
                if let Step::Reply(Ok(Decoded::Done(ModbusReply::Registers(got)))) = session.step(&read(1, 10)) {
                    prop_assert_eq!(got.len(), 10);
                }
            }
            session.gave_up(&read(1, 10));
        }
    }
}
