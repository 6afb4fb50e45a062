//! The device's side of a PDU: requests from bytes, replies to bytes. Pure.

use crate::pdu;
use bo_link::{LinkError, ModbusOp, ModbusReply};
use bo_model::points::Table;

const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_VALUE: u8 = 3;
/// Bytes left for objects in one identification.
const IDENTITY_ROOM: usize = 253 - 7;

/// What a master asked for, and the bytes a reply to it repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request for the link.
    pub op: ModbusOp,
    function: u8,
    /// What the reply to a write repeats, as it came.
    echo: Vec<u8>,
    /// First object of an identification.
    object: u8,
}

/// Reads a request. The error is the exception code it gets.
pub fn request(unit: u8, bytes: &[u8]) -> Result<Asked, u8> {
    let asked = |op, function, echo: &[u8]| Asked { op, function, echo: echo.to_vec(), object: 0 };
    let parsed = match *bytes {
        [function @ 1..=4, a, b, c, d] => {
            let table =
                [Table::Coil, Table::Discrete, Table::Holding, Table::Input][usize::from(function) - 1];
            let (address, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            asked(ModbusOp::Read { unit, table, address, count }, function, &[a, b, c, d])
        }
        [5, a, b, on @ (0 | 0xFF), 0] => {
            let op = ModbusOp::WriteCoils {
                unit,
                address: u16::from_be_bytes([a, b]),
                values: vec![on == 0xFF],
                multiple: false,
            };
            asked(op, 5, &[a, b, on, 0])
        }
        [6, a, b, c, d] => {
            let op = ModbusOp::WriteRegisters {
                unit,
                address: u16::from_be_bytes([a, b]),
                values: vec![u16::from_be_bytes([c, d])],
                multiple: false,
            };
            asked(op, 6, &[a, b, c, d])
        }
        [15, a, b, c, d, length, ref data @ ..] => {
            let count = usize::from(u16::from_be_bytes([c, d]));
            if data.len() != usize::from(length) || data.len() != count.div_ceil(8) {
                return Err(ILLEGAL_VALUE);
            }
            let values = (0..count).map(|at| data[at / 8] >> (at % 8) & 1 == 1).collect();
            let address = u16::from_be_bytes([a, b]);
            asked(ModbusOp::WriteCoils { unit, address, values, multiple: true }, 15, &[a, b, c, d])
        }
        [16, a, b, c, d, length, ref data @ ..] => {
            let count = usize::from(u16::from_be_bytes([c, d]));
            if data.len() != usize::from(length) || data.len() != count * 2 {
                return Err(ILLEGAL_VALUE);
            }
            let values = words(data);
            let address = u16::from_be_bytes([a, b]);
            asked(ModbusOp::WriteRegisters { unit, address, values, multiple: true }, 16, &[a, b, c, d])
        }
        [22, ref echo @ ..] if echo.len() == 6 => {
            let word = |at: usize| u16::from_be_bytes([echo[at], echo[at + 1]]);
            asked(ModbusOp::MaskWrite { unit, address: word(0), and: word(2), or: word(4) }, 22, echo)
        }
        [23, a, b, c, d, e, f, g, h, length, ref data @ ..] => {
            let count = usize::from(u16::from_be_bytes([g, h]));
            if data.len() != usize::from(length) || data.len() != count * 2 {
                return Err(ILLEGAL_VALUE);
            }
            let op = ModbusOp::WriteRead {
                unit,
                write_address: u16::from_be_bytes([e, f]),
                values: words(data),
                read_address: u16::from_be_bytes([a, b]),
                read_count: u16::from_be_bytes([c, d]),
            };
            asked(op, 23, &[])
        }
        [43, 14, level, object] => {
            Asked { op: ModbusOp::Identify { unit }, function: 43, echo: vec![14, level], object }
        }
        [1..=6 | 15 | 16 | 22 | 23, ..] => return Err(ILLEGAL_VALUE),
        _ => return Err(ILLEGAL_FUNCTION),
    };
    pdu::check(&parsed.op).map_err(|_| ILLEGAL_VALUE)?;
    Ok(parsed)
}

fn words(data: &[u8]) -> Vec<u16> {
    data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// An exception reply.
pub fn exception(function: u8, code: u8) -> Vec<u8> {
    vec![function | 0x80, code]
}

/// The reply a master gets.
pub fn reply(asked: &Asked, reply: &ModbusReply) -> Result<Vec<u8>, LinkError> {
    let mut out = vec![asked.function];
    match reply {
        ModbusReply::Registers(words) => {
            out.push((words.len() * 2) as u8);
            out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        ModbusReply::Bits(bits) => {
            out.push(bits.len().div_ceil(8) as u8);
            for eight in bits.chunks(8) {
                out.push(eight.iter().enumerate().fold(0, |byte, (at, on)| byte | (u8::from(*on) << at)));
            }
        }
        ModbusReply::Written => out.extend_from_slice(&asked.echo),
        ModbusReply::Identity(objects) => identity(asked, objects, &mut out),
    }
    if out.len() > 253 { Err(LinkError::Protocol("the reply is too long".into())) } else { Ok(out) }
}

/// As many objects from the one asked for as fit, and where to go on.
fn identity(asked: &Asked, objects: &[(u8, String)], out: &mut Vec<u8>) {
    let wanted: Vec<_> = objects.iter().filter(|(id, _)| *id >= asked.object).collect();
    let mut room = IDENTITY_ROOM;
    let mut sent = Vec::new();
    for (id, text) in &wanted {
        let text = &text.as_bytes()[..text.len().min(IDENTITY_ROOM - 2)];
        if 2 + text.len() > room {
            break;
        }
        room -= 2 + text.len();
        sent.push((*id, text));
    }
    let next = wanted.get(sent.len()).map(|(id, _)| *id);
    let more = if next.is_some() { 0xFF } else { 0 };
    out.extend_from_slice(&[14, asked.echo[1], 0x83, more, next.unwrap_or(0), sent.len() as u8]);
    for (id, text) in sent {
        out.extend_from_slice(&[id, text.len() as u8]);
        out.extend_from_slice(text);
    }
}
