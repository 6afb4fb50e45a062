//! Modbus as a device answers it: one request, one reply, no sockets. Frames of TCP (MBAP) and of a serial line (RTU).

use crate::fake::{Fake, Fault};
use crate::registers::{ILLEGAL_FUNCTION, ILLEGAL_VALUE, RegisterMap};
use bo_model::points::Table;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The devices behind one endpoint, by unit.
pub struct Bus {
    units: BTreeMap<u8, (Fake, RegisterMap)>,
}

/// What goes back on the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The unit that says it is answering.
    pub unit: u8,
    /// Function code and data.
    pub pdu: Vec<u8>,
    /// How much later than usual.
    pub delay: Duration,
    /// The frame around it is broken: wrong checksum, wrong protocol.
    pub broken: bool,
}

impl Bus {
    /// Puts devices on one bus. The error is a sentence.
    pub fn new(fakes: &[Fake]) -> Result<Bus, String> {
        let mut units = BTreeMap::new();
        for fake in fakes {
            let map = RegisterMap::of(fake)?;
            if let Some((other, _)) = units.insert(fake.unit(), (fake.clone(), map)) {
                return Err(format!(
                    "{} and {} both have unit {} on one endpoint",
                    other.name(),
                    fake.name(),
                    fake.unit()
                ));
            }
        }
        Ok(Bus { units })
    }

    /// The only device, where there is only one: its connection dies with it.
    pub fn only(&self) -> Option<&Fake> {
        let mut fakes = self.units.values().map(|(fake, _)| fake);
        fakes.next().filter(|_| self.units.len() == 1)
    }

    /// Answers one request; None is silence, as from a unit that is not there.
    pub fn answer(&self, unit: u8, pdu: &[u8]) -> Option<Answer> {
        let (fake, map) = self.units.get(&unit)?;
        let mut answer = Answer { unit, pdu: Vec::new(), delay: Duration::ZERO, broken: false };
        let function = *pdu.first()?;
        match fake.fault() {
            Fault::Offline => return None,
            Fault::Exception(code) => {
                answer.pdu = vec![function | 0x80, code];
                return Some(answer);
            }
            Fault::Slow(delay) => answer.delay = delay,
            Fault::WrongUnit => answer.unit = unit.wrapping_add(1),
            Fault::Garbage => answer.broken = true,
            Fault::None | Fault::Stuck => {}
        }
        answer.pdu = carry_out(fake, map, pdu).unwrap_or_else(|exception| vec![function | 0x80, exception]);
        if answer.broken {
            answer.pdu.iter_mut().for_each(|byte| *byte ^= 0x5A);
        }
        Some(answer)
    }
}

/// One request on one device. The error is an exception code.
fn carry_out(fake: &Fake, map: &RegisterMap, pdu: &[u8]) -> Result<Vec<u8>, u8> {
    let word = |at: usize| pdu.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or(ILLEGAL_VALUE);
    let function = pdu[0];
    match function {
        1 | 2 => {
            let table = if function == 1 { Table::Coil } else { Table::Discrete };
            let count = within(word(3)?, 2000)?;
            let bits = map.read_bits(&fake.vars(), table, word(1)?, count)?;
            Ok(counted(function, pack_bits(&bits)))
        }
        3 | 4 => {
            let table = if function == 3 { Table::Holding } else { Table::Input };
            let count = within(word(3)?, 125)?;
            let registers = map.read_registers(&fake.vars(), table, word(1)?, count)?;
            Ok(counted(function, registers.into_iter().flat_map(u16::to_be_bytes).collect()))
        }
        5 => {
            let on = match word(3)? {
                0xFF00 => true,
                0 => false,
                _ => return Err(ILLEGAL_VALUE),
            };
            apply(fake, map.write_bits(&fake.vars(), word(1)?, &[on])?);
            Ok(pdu[..5].to_vec())
        }
        6 => {
            apply(fake, map.write_registers(&fake.vars(), word(1)?, &[word(3)?])?);
            Ok(pdu[..5].to_vec())
        }
        15 => {
            let count = usize::from(within(word(3)?, 1968)?);
            let bytes = body(pdu, count.div_ceil(8))?;
            let bits: Vec<bool> = (0..count).map(|at| bytes[at / 8] >> (at % 8) & 1 == 1).collect();
            apply(fake, map.write_bits(&fake.vars(), word(1)?, &bits)?);
            Ok(pdu[..5].to_vec())
        }
        16 => {
            let count = usize::from(within(word(3)?, 123)?);
            let bytes = body(pdu, count * 2)?;
            apply(fake, map.write_registers(&fake.vars(), word(1)?, &words(bytes))?);
            Ok(pdu[..5].to_vec())
        }
        22 => {
            let (address, and, or) = (word(1)?, word(3)?, word(5)?);
            let before = map.read_registers(&fake.vars(), Table::Holding, address, 1)?;
            let before = before.first().copied().ok_or(ILLEGAL_VALUE)?;
            apply(fake, map.write_registers(&fake.vars(), address, &[(before & and) | (or & !and)])?);
            Ok(pdu[..7].to_vec())
        }
        23 => {
            let (count, written) = (within(word(3)?, 125)?, usize::from(within(word(7)?, 121)?));
            let data = pdu.get(10..).filter(|data| data.len() == written * 2).ok_or(ILLEGAL_VALUE)?;
            apply(fake, map.write_registers(&fake.vars(), word(5)?, &words(data))?);
            let registers = map.read_registers(&fake.vars(), Table::Holding, word(1)?, count)?;
            Ok(counted(function, registers.into_iter().flat_map(u16::to_be_bytes).collect()))
        }
        0x2B if pdu.get(1) == Some(&0x0E) => Ok(identity(fake)),
        _ => Err(ILLEGAL_FUNCTION),
    }
}

fn apply(fake: &Fake, changes: Vec<(String, String, Json)>) {
    for (point, variable, value) in changes {
        fake.put([(variable, value.clone())]);
        if let Some(reaction) = fake.simulate().writes.get(&point) {
            // `later` must not fall back to what a write just switched off again.
            let off = value.as_bool() == Some(false) || value.as_f64() == Some(0.0);
            let written = |_: &str, name: &str| (name == "value").then(|| crate::fake::plain(&value));
            if off {
                fake.react(&point, &crate::spec::Reaction::default(), &written);
            } else {
                fake.react(&point, reaction, &written);
            }
        }
    }
}

/// FC43/14, basic identification (Modbus Application Protocol V1.1b3 §6.21).
fn identity(fake: &Fake) -> Vec<u8> {
    let driver = &fake.manifest().driver;
    let vendor = if driver.vendor.is_empty() { "unknown" } else { &driver.vendor };
    let mut reply = vec![0x2B, 0x0E, 0x01, 0x01, 0x00, 0x00, 3];
    for (object, text) in [vendor, &driver.name, &driver.version].into_iter().enumerate() {
        let text: String = text.chars().take(60).filter(char::is_ascii).collect();
        reply.extend([object as u8, text.len() as u8]);
        reply.extend(text.as_bytes());
    }
    reply
}

fn within(count: u16, most: u16) -> Result<u16, u8> {
    if (1..=most).contains(&count) { Ok(count) } else { Err(ILLEGAL_VALUE) }
}

/// The data of FC15 and FC16, whose length the request states twice.
fn body(pdu: &[u8], length: usize) -> Result<&[u8], u8> {
    let stated = pdu.get(5).map(|stated| usize::from(*stated));
    pdu.get(6..6 + length).filter(|_| stated == Some(length)).ok_or(ILLEGAL_VALUE)
}

fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

fn counted(function: u8, data: Vec<u8>) -> Vec<u8> {
    let mut reply = vec![function, data.len() as u8];
    reply.extend(data);
    reply
}

fn pack_bits(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8)
        .map(|eight| eight.iter().enumerate().fold(0, |byte, (at, on)| byte | u8::from(*on) << at))
        .collect()
}

/// A reply in an MBAP frame.
pub fn tcp_frame(transaction: [u8; 2], answer: &Answer) -> Vec<u8> {
    let protocol = if answer.broken { [0xDE, 0xAD] } else { [0, 0] };
    let length = (answer.pdu.len() as u16 + 1).to_be_bytes();
    [&transaction[..], &protocol[..], &length[..], &[answer.unit][..], &answer.pdu[..]].concat()
}

/// A reply in an RTU frame.
pub fn rtu_frame(answer: &Answer) -> Vec<u8> {
    let mut frame = [&[answer.unit][..], &answer.pdu[..]].concat();
    let sum = if answer.broken { !crc(&frame) } else { crc(&frame) };
    frame.extend(sum.to_le_bytes());
    frame
}

/// What a serial line's bytes hold so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Rtu {
    /// Too little to tell.
    Incomplete,
    /// Not a request; whatever has come is to be thrown away.
    Nonsense,
    /// A request: unit, function and data, and how many bytes it took.
    Request(u8, Vec<u8>, usize),
}

/// Finds a request at the start of `bytes`. Its length follows from the function (Modbus over Serial Line V1.02 §2.5).
pub fn rtu_request(bytes: &[u8]) -> Rtu {
    let Some(function) = bytes.get(1) else { return Rtu::Incomplete };
    let length = match function {
        1..=6 => 8,
        15 | 16 => match bytes.get(6) {
            Some(count) => 9 + usize::from(*count),
            None => return Rtu::Incomplete,
        },
        22 => 10,
        23 => match bytes.get(10) {
            Some(count) => 13 + usize::from(*count),
            None => return Rtu::Incomplete,
        },
        0x2B => 7,
        _ => return Rtu::Nonsense,
    };
    if bytes.len() < length {
        return Rtu::Incomplete;
    }
    let (frame, sum) = bytes[..length].split_at(length - 2);
    if crc(frame).to_le_bytes() != sum {
        return Rtu::Nonsense;
    }
    Rtu::Request(frame[0], frame[1..].to_vec(), length)
}

/// CRC-16/MODBUS (Modbus over Serial Line V1.02 §2.5.1.2).
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |mut sum, byte| {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xA001 } else { sum >> 1 };
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        // The worked example of the standard: slave 2, function 7.
        assert_eq!(crc(&[0x02, 0x07]), 0x1241);
    }

    #[test]
    fn a_request_is_found_once_it_is_complete() {
        let mut frame = vec![1, 3, 0, 0, 0, 2];
        frame.extend(crc(&frame).to_le_bytes());
        assert_eq!(rtu_request(&frame[..7]), Rtu::Incomplete);
        assert_eq!(rtu_request(&frame), Rtu::Request(1, vec![3, 0, 0, 0, 2], 8));
        frame[7] ^= 1;
        assert_eq!(rtu_request(&frame), Rtu::Nonsense);
    }
}
