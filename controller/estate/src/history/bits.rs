//! Bits and variable-length numbers, most significant bit first.

/// Writes bits into bytes.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    free: u32,
}

impl BitWriter {
    /// Writes the low `count` bits of `value`, at most 64.
    pub fn put(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let part = (value >> (left - take)) & ((1u64 << take) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part as u8) << (self.free - take);
            }
            self.free -= take;
            left -= take;
        }
    }

    /// A signed number in as few bits as its size asks for. Prefixes and widths: `0` zero, `10` 4 bits,
    /// `110` 8 bits, `1110` 14 bits, `11110` 24 bits, `11111` 64 bits, of the zigzag form.
    pub fn put_signed(&mut self, value: i64) {
        let folded = zigzag(value);
        if folded == 0 {
            return self.put(0, 1);
        }
        for (ones, width) in [(1u32, 4u32), (2, 8), (3, 14), (4, 24)] {
            if folded < 1 << width {
                self.put(((1 << ones) - 1) << 1, ones + 1);
                return self.put(folded, width);
            }
        }
        self.put(0b11111, 5);
        self.put(folded, 64);
    }

    /// The bytes; unused bits of the last are 0.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what [`BitWriter`] wrote. Past the end it reads `None`.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// From the first bit.
    pub fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, at: 0 }
    }

    /// Reads `count` bits, at most 64.
    pub fn get(&mut self, count: u32) -> Option<u64> {
        let mut value = 0u64;
        let mut left = count;
        while left > 0 {
            let byte = *self.bytes.get(self.at / 8)?;
            let used = (self.at % 8) as u32;
            let take = left.min(8 - used);
            let part = (byte >> (8 - used - take)) & (((1u16 << take) - 1) as u8);
            value = value << take | u64::from(part);
            self.at += take as usize;
            left -= take;
        }
        Some(value)
    }

    /// Reads what [`BitWriter::put_signed`] wrote.
    pub fn get_signed(&mut self) -> Option<i64> {
        for width in [0u32, 4, 8, 14, 24] {
            if self.get(1)? == 0 {
                return Some(if width == 0 { 0 } else { unzigzag(self.get(width)?) });
            }
        }
        self.get(64).map(unzigzag)
    }
}

/// Small magnitudes to small numbers: 0, -1, 1, -2 … to 0, 1, 2, 3 ….
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The way back.
pub fn unzigzag(folded: u64) -> i64 {
    ((folded >> 1) as i64) ^ -((folded & 1) as i64)
}

/// Seven bits a byte, low ones first, the high bit says that more follow.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads a varint off the front.
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes `count` bytes off the front.
pub fn take_bytes<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_read_back(values: Vec<i64>, widths in prop::collection::vec((any::<u64>(), 1u32..=64), 0..50)) {
            let mut writer = BitWriter::default();
            for value in &values {
                writer.put_signed(*value);
            }
            for (value, width) in &widths {
                writer.put(*value, *width);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for value in &values {
                prop_assert_eq!(reader.get_signed(), Some(*value));
            }
            for (value, width) in &widths {
                prop_assert_eq!(reader.get(*width), Some(value & (u64::MAX >> (64 - width))));
            }
            let mut varints = Vec::new();
            for value in &values {
                put_varint(&mut varints, zigzag(*value));
            }
            let mut rest = varints.as_slice();
            for value in &values {
                prop_assert_eq!(take_varint(&mut rest).map(unzigzag), Some(*value));
            }
        }
    }
}
