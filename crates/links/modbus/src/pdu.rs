//! Modbus requests and replies as bytes, without the envelope of a transport. Pure.
//!
//! Function codes after "Modbus Application Protocol V1.1b3" §6: 1–6, 15, 16, 22, 23 and 43/14.

use bo_link::{LinkError, ModbusOp, ModbusReply};
use bo_model::points::Table;

/// Registers in one read (§6.3).
pub const MAX_READ_REGISTERS: u16 = 125;
/// Coils or discrete inputs in one read (§6.1).
pub const MAX_READ_BITS: u16 = 2000;
/// Registers in one write (§6.12).
pub const MAX_WRITE_REGISTERS: usize = 123;
/// Registers written by a read/write (§6.17).
pub const MAX_WRITE_READ_REGISTERS: usize = 121;
/// Coils in one write (§6.11).
pub const MAX_WRITE_BITS: usize = 1968;

const READ_COILS: u8 = 1;
const READ_DISCRETE: u8 = 2;
const READ_HOLDING: u8 = 3;
const READ_INPUT: u8 = 4;
const WRITE_COIL: u8 = 5;
const WRITE_REGISTER: u8 = 6;
const WRITE_COILS: u8 = 15;
const WRITE_REGISTERS: u8 = 16;
const MASK_WRITE: u8 = 22;
const WRITE_READ: u8 = 23;
const ENCAPSULATED: u8 = 43;
const DEVICE_IDENTIFICATION: u8 = 14;
/// Set in the function code of an exception reply (§7).
const EXCEPTION: u8 = 0x80;

/// Where an identification that comes in several replies goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentifyFrom {
    /// 1 basic, 2 regular, 3 extended: how much is asked for.
    pub level: u8,
    /// First object asked for.
    pub object: u8,
}

impl IdentifyFrom {
    /// Everything the device has to say.
    pub const START: IdentifyFrom = IdentifyFrom { level: 3, object: 0 };
}

/// What one reply brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The whole answer.
    Done(ModbusReply),
    /// Part of an identification; ask again from this object.
    More(Vec<(u8, String)>, u8),
}

/// How long the reply at hand will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Can't be known from so few bytes.
    More,
    /// This many bytes, function code included.
    Length(usize),
    /// This is no reply to that request.
    Foreign,
}

/// The function code a request goes out with.
pub fn function(op: &ModbusOp) -> u8 {
    match op {
        ModbusOp::Read { table, .. } => match table {
            Table::Coil => READ_COILS,
            Table::Discrete => READ_DISCRETE,
            Table::Holding => READ_HOLDING,
            Table::Input => READ_INPUT,
        },
        ModbusOp::WriteRegisters { values, multiple, .. } => {
            if values.len() == 1 && !multiple {
                WRITE_REGISTER
            } else {
                WRITE_REGISTERS
            }
        }
        ModbusOp::WriteCoils { values, multiple, .. } => {
            if values.len() == 1 && !multiple {
                WRITE_COIL
            } else {
                WRITE_COILS
            }
        }
        ModbusOp::MaskWrite { .. } => MASK_WRITE,
        ModbusOp::WriteRead { .. } => WRITE_READ,
        ModbusOp::Identify { .. } => ENCAPSULATED,
    }
}

/// True when asking twice does no harm.
pub fn is_read(op: &ModbusOp) -> bool {
    matches!(op, ModbusOp::Read { .. } | ModbusOp::Identify { .. })
}

/// True when its reply says nothing but that the device took it.
pub fn is_write(op: &ModbusOp) -> bool {
    matches!(op, ModbusOp::WriteRegisters { .. } | ModbusOp::WriteCoils { .. } | ModbusOp::MaskWrite { .. })
}

/// Refuses what no device could answer.
pub fn check(op: &ModbusOp) -> Result<(), LinkError> {
    match op {
        ModbusOp::Read { table: Table::Coil | Table::Discrete, address, count, .. } => {
            span(*address, usize::from(*count), usize::from(MAX_READ_BITS), "bits in one read")
        }
        ModbusOp::Read { address, count, .. } => {
            span(*address, usize::from(*count), usize::from(MAX_READ_REGISTERS), "registers in one read")
        }
        ModbusOp::WriteRegisters { address, values, .. } => {
            span(*address, values.len(), MAX_WRITE_REGISTERS, "registers in one write")
        }
        ModbusOp::WriteCoils { address, values, .. } => {
            span(*address, values.len(), MAX_WRITE_BITS, "coils in one write")
        }
        ModbusOp::WriteRead { write_address, values, read_address, read_count, .. } => {
            let (read, max) = (usize::from(*read_count), usize::from(MAX_READ_REGISTERS));
            span(*write_address, values.len(), MAX_WRITE_READ_REGISTERS, "registers in one write")?;
            span(*read_address, read, max, "registers in one read")
        }
        ModbusOp::MaskWrite { .. } | ModbusOp::Identify { .. } => Ok(()),
    }
}

fn span(address: u16, count: usize, max: usize, what: &str) -> Result<(), LinkError> {
    if count == 0 || count > max {
        return Err(LinkError::Invalid(format!("{count} {what}; Modbus allows 1 to {max}").into()));
    }
    if usize::from(address) + count > 0x1_0000 {
        return Err(LinkError::Invalid(
            format!("{count} from address {address} reach beyond the last address, 65535").into(),
        ));
    }
    Ok(())
}

/// Appends the request. `from` matters to identifications only. Call [`check`] first.
pub fn encode(op: &ModbusOp, from: IdentifyFrom, out: &mut Vec<u8>) {
    let function = function(op);
    out.push(function);
    match op {
        ModbusOp::Read { address, count, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            out.extend_from_slice(&count.to_be_bytes());
        }
        ModbusOp::WriteRegisters { address, values, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            if function == WRITE_REGISTERS {
                out.extend_from_slice(&(values.len() as u16).to_be_bytes());
                out.push((values.len() * 2) as u8);
            }
            out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        }
        ModbusOp::WriteCoils { address, values, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            if function == WRITE_COIL {
                let on = values.first().copied().unwrap_or_default();
                out.extend_from_slice(if on { &[0xFF, 0x00] } else { &[0x00, 0x00] });
            } else {
                out.extend_from_slice(&(values.len() as u16).to_be_bytes());
                out.push(values.len().div_ceil(8) as u8);
                for eight in values.chunks(8) {
                    out.push(
                        eight.iter().enumerate().fold(0, |byte, (bit, on)| byte | (u8::from(*on) << bit)),
                    );
                }
            }
        }
        ModbusOp::MaskWrite { address, and, or, .. } => {
            out.extend([*address, *and, *or].into_iter().flat_map(u16::to_be_bytes));
        }
        ModbusOp::WriteRead { write_address, values, read_address, read_count, .. } => {
            let head = [*read_address, *read_count, *write_address, values.len() as u16];
            out.extend(head.into_iter().flat_map(u16::to_be_bytes));
            out.push((values.len() * 2) as u8);
            out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        }
        ModbusOp::Identify { .. } => {
            out.extend_from_slice(&[DEVICE_IDENTIFICATION, from.level, from.object]);
        }
    }
}

/// Bytes of data a read's reply must announce.
fn read_bytes(op: &ModbusOp) -> Option<usize> {
    match op {
        ModbusOp::Read { table: Table::Coil | Table::Discrete, count, .. } => {
            Some(usize::from(*count).div_ceil(8))
        }
        ModbusOp::Read { count, .. } | ModbusOp::WriteRead { read_count: count, .. } => {
            Some(usize::from(*count) * 2)
        }
        _ => None,
    }
}

/// How long the reply that starts with `pdu` is, if it is one to `op`. Serial frames carry no length.
pub fn expect(op: &ModbusOp, pdu: &[u8]) -> Expect {
    let Some(&first) = pdu.first() else { return Expect::More };
    let function = function(op);
    if first == function | EXCEPTION {
        return Expect::Length(2);
    }
    if first != function {
        return Expect::Foreign;
    }
    if let Some(bytes) = read_bytes(op) {
        return match pdu.get(1) {
            None => Expect::More,
            Some(&said) if usize::from(said) == bytes => Expect::Length(2 + bytes),
            Some(_) => Expect::Foreign,
        };
    }
    match function {
        ENCAPSULATED => {}
        MASK_WRITE => return Expect::Length(7),
        _ => return Expect::Length(5),
    }
    let Some(&objects) = pdu.get(6) else { return Expect::More };
    let mut at = 7;
    for _ in 0..objects {
        match pdu.get(at + 1) {
            None => return Expect::More,
            Some(&length) => at += 2 + usize::from(length),
        }
    }
    Expect::Length(at)
}

/// Reads a whole reply to `op`. Everything that is not exactly one is an error, never a guess.
pub fn decode(op: &ModbusOp, pdu: &[u8]) -> Result<Decoded, LinkError> {
    let wrong = |what: String| LinkError::Protocol(what.into());
    let function = function(op);
    match pdu {
        [] => return Err(wrong("an empty reply".into())),
        [first, code] if *first == function | EXCEPTION => return Err(LinkError::Exception(*code)),
        [first, ..] if *first != function => {
            return Err(wrong(format!("function {first} answered a request of function {function}")));
        }
        _ => {}
    }
    match expect(op, pdu) {
        Expect::Length(length) if length == pdu.len() => {}
        Expect::Foreign => {
            return Err(wrong(format!(
                "{} bytes announced where {} were asked for",
                pdu.get(1).copied().unwrap_or_default(),
                read_bytes(op).unwrap_or_default()
            )));
        }
        _ => return Err(wrong(format!("{} bytes, which is not the length of this reply", pdu.len()))),
    }
    let done = |reply| Ok(Decoded::Done(reply));
    match op {
        ModbusOp::Read { table: Table::Coil | Table::Discrete, count, .. } => {
            let bit = |at: usize| pdu[2 + at / 8] >> (at % 8) & 1 == 1;
            done(ModbusReply::Bits((0..usize::from(*count)).map(bit).collect()))
        }
        ModbusOp::Read { .. } | ModbusOp::WriteRead { .. } => done(ModbusReply::Registers(
            pdu[2..].chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
        )),
        // The value in the echo is not compared: a device that clamps echoes what it took, and the
        // read-back is what tells the truth.
        ModbusOp::WriteRegisters { address, .. }
        | ModbusOp::WriteCoils { address, .. }
        | ModbusOp::MaskWrite { address, .. } => {
            let said = u16::from_be_bytes([pdu[1], pdu[2]]);
            if said == *address {
                done(ModbusReply::Written)
            } else {
                Err(wrong(format!("a write to {address} was confirmed for {said}")))
            }
        }
        ModbusOp::Identify { .. } => {
            let (more, next) = (pdu[4] == 0xFF, pdu[5]);
            let mut objects = Vec::new();
            let mut rest = &pdu[7..];
            while let [id, length, tail @ ..] = rest {
                let (text, tail) = tail.split_at(usize::from(*length).min(tail.len()));
                objects.push((*id, String::from_utf8_lossy(text).trim_end_matches(['\0', ' ']).to_owned()));
                rest = tail;
            }
            if more { Ok(Decoded::More(objects, next)) } else { done(ModbusReply::Identity(objects)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(count: u16) -> ModbusOp {
        ModbusOp::Read { unit: 1, table: Table::Holding, address: 107, count }
    }

    #[test]
    fn the_examples_of_the_specification_encode_to_its_bytes() {
        let mut out = Vec::new();
        encode(&read(3), IdentifyFrom::START, &mut out);
        assert_eq!(out, [0x03, 0x00, 0x6B, 0x00, 0x03]);
        out.clear();
        let coils: Vec<bool> = [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(|bit| bit == 1).to_vec();
        let write = ModbusOp::WriteCoils { unit: 1, address: 19, values: coils, multiple: false };
        encode(&write, IdentifyFrom::START, &mut out);
        assert_eq!(out, [0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01]);
        out.clear();
        let mask = ModbusOp::MaskWrite { unit: 1, address: 4, and: 0xF2, or: 0x25 };
        encode(&mask, IdentifyFrom::START, &mut out);
        assert_eq!(out, [0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25]);
        assert_eq!(decode(&mask, &out), Ok(Decoded::Done(ModbusReply::Written)), "the reply is an echo");
        out.clear();
        let values = vec![0xFF; 3];
        let both = ModbusOp::WriteRead { unit: 1, write_address: 14, values, read_address: 3, read_count: 6 };
        encode(&both, IdentifyFrom::START, &mut out);
        assert_eq!(out[..10], [0x17, 0x00, 0x03, 0x00, 0x06, 0x00, 0x0E, 0x00, 0x03, 0x06]);
        assert_eq!(out[10..], [0x00, 0xFF, 0x00, 0xFF, 0x00, 0xFF]);
        let reply = [0x17, 0x0C, 0x00, 0xFE, 0x0A, 0xCD, 0x00, 0x01, 0x00, 0x03, 0x00, 0x0D, 0x00, 0xFF];
        let words = vec![0xFE, 0x0ACD, 1, 3, 0x0D, 0xFF];
        assert_eq!(decode(&both, &reply), Ok(Decoded::Done(ModbusReply::Registers(words))));
    }

    #[test]
    fn a_reply_of_another_length_or_function_is_named_and_not_guessed_at() {
        let short = decode(&read(3), &[3, 4, 0, 1, 0, 2]).unwrap_err();
        assert!(short.to_string().contains("4 bytes announced where 6 were asked for"), "{short}");
        let cut = decode(&read(3), &[3, 6, 0, 1]).unwrap_err();
        assert!(matches!(cut, LinkError::Protocol(_)), "{cut}");
        let other = decode(&read(3), &[4, 6, 0, 1, 0, 2, 0, 3]).unwrap_err();
        assert!(other.to_string().contains("function 4 answered"), "{other}");
        assert_eq!(decode(&read(3), &[0x83, 2]), Err(LinkError::Exception(2)));
    }

    #[test]
    fn an_identification_in_two_parts_is_asked_on() {
        let op = ModbusOp::Identify { unit: 1 };
        let part = [43, 14, 3, 0x83, 0xFF, 2, 1, 0, 4, b'A', b'c', b'm', b'e'];
        assert_eq!(decode(&op, &part), Ok(Decoded::More(vec![(0, "Acme".into())], 2)));
    }

    #[test]
    fn requests_no_device_could_answer_are_refused() {
        assert!(check(&read(0)).is_err());
        assert!(check(&read(126)).is_err());
        let end = ModbusOp::Read { unit: 1, table: Table::Input, address: 65535, count: 2 };
        assert!(check(&end).unwrap_err().to_string().contains("65535"));
        let long = ModbusOp::WriteRead {
            unit: 1,
            write_address: 0,
            values: vec![0; MAX_WRITE_READ_REGISTERS + 1],
            read_address: 0,
            read_count: 1,
        };
        assert!(check(&long).unwrap_err().to_string().contains("122 registers in one write"));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_a_reply_of_the_right_size_or_an_error(
            pdu in prop::collection::vec(any::<u8>(), 0..260), count in 1u16..125, function in 1u8..5,
        ) {
            let table = [Table::Coil, Table::Discrete, Table::Holding, Table::Input][usize::from(function) - 1];
            let op = ModbusOp::Read { unit: 1, table, address: 0, count };
            let mut pdu = pdu;
            if let Some(first) = pdu.first_mut() { *first = function; }
            match decode(&op, &pdu) {
                Ok(Decoded::Done(ModbusReply::Registers(got))) => prop_assert_eq!(got.len(), usize::from(count)),
                Ok(Decoded::Done(ModbusReply::Bits(got))) => prop_assert_eq!(got.len(), usize::from(count)),
                Ok(other) => prop_assert!(false, "{:?}", other),
                Err(_) => {}
            }
            let _ = decode(&ModbusOp::Identify { unit: 1 }, &pdu);
            let _ = expect(&ModbusOp::Identify { unit: 1 }, &pdu);
        }
    }
}
