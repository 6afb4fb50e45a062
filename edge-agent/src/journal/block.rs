//! Records as they lie in the file: a block is a run of records of one class, a line each. A row for each record would
//! cost several times what making its text costs; a group of hundreds takes a handful of rows this way. The file has them packed:
//! writing a page costs more than not having to.

use bo_model::Time;
use bo_wire::{Body, Gap, Record};
use lz4_flex::block::{compress_into, decompress, get_maximum_output_size};
use std::borrow::Cow;

/// Length of text from which on a block is closed: as far back as LZ4 looks for what repeats.
const FULL: usize = 64 * 1024;
/// Text shorter than this is stored as it is: a page of the file holds it either way.
const SHORT: usize = 256;
/// First byte of a packed body; text begins with a digit. The length of the text follows as four bytes, little end first,
/// then an LZ4 block (github.com/lz4/lz4, `doc/lz4_Block_format.md`).
const PACKED: u8 = 1;
const HEAD: usize = 5;
/// Longest text that is unpacked: a damaged length must not ask for all memory.
const LONGEST: usize = 64 << 20;

/// A block in the making.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// First number it accounts for; a gap's first lost one.
    pub(super) first: u64,
    /// Last number.
    pub(super) upto: u64,
    /// `<number> <microseconds> <JSON>` and a line feed each.
    text: Vec<u8>,
    packed: Vec<u8>,
}

impl Block {
    /// Adds the next record.
    pub(super) fn push(&mut self, seq: u64, at: Time, body: &Body) -> serde_json::Result<()> {
        let length = self.text.len();
        self.begin(seq, at);
        if let Err(error) = body.write(&mut self.text) {
            self.text.truncate(length);
            return Err(error);
        }
        self.text.push(b'\n');
        self.took(seq, if let Body::Gap(gap) = body { gap.from } else { seq });
        Ok(())
    }

    /// Adds a line as it is.
    pub(super) fn push_line(&mut self, line: &Line<'_>) {
        self.begin(line.seq, line.at);
        self.text.extend_from_slice(line.text);
        self.text.push(b'\n');
        self.took(line.seq, line.seq);
    }

    fn begin(&mut self, seq: u64, at: Time) {
        bo_model::json::whole(seq as i64, &mut self.text);
        self.text.push(b' ');
        bo_model::json::whole(at.0, &mut self.text);
        self.text.push(b' ');
    }

    fn took(&mut self, seq: u64, first: u64) {
        if self.first == 0 {
            self.first = first;
        }
        self.upto = seq;
    }

    /// Takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// Has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What the file keeps of it: records resemble each other, so a sixth of their text.
    pub(super) fn body(&mut self) -> &[u8] {
        if self.text.len() < SHORT {
            return &self.text;
        }
        self.packed.resize(HEAD + get_maximum_output_size(self.text.len()), 0);
        match compress_into(&self.text, &mut self.packed[HEAD..]) {
            Ok(length) if HEAD + length < self.text.len() => {
                self.packed[0] = PACKED;
                self.packed[1..HEAD].copy_from_slice(&(self.text.len() as u32).to_le_bytes());
                &self.packed[..HEAD + length]
            }
            _ => &self.text,
        }
    }

    /// Ready for the next run.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.first = 0;
    }
}

/// One record of a block, its text not looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its number.
    pub(super) seq: u64,
    /// When it happened.
    pub(super) at: Time,
    /// Its body as JSON.
    pub(super) text: &'a [u8],
}

impl Line<'_> {
    /// The record. What a newer version wrote and this one can't read becomes a gap of one.
    pub(super) fn record(&self) -> Record {
        let body = serde_json::from_slice(self.text).unwrap_or_else(|error| {
            let why = format!("record does not read: {error}");
            Body::Gap(Gap { from: self.seq, to: self.seq, count: 1, why })
        });
        Record { seq: self.seq, at: self.at, body }
    }
}

/// The text of a stored body, whose row accounts for the numbers `first ..= upto`. One that can't be unpacked is owned up to: a gap
/// in place of all of it.
pub(super) fn text(body: &[u8], first: u64, upto: u64) -> Cow<'_, [u8]> {
    if body.first() != Some(&PACKED) {
        return Cow::Borrowed(body);
    }
    match unpack(body) {
        Ok(text) => Cow::Owned(text),
        Err(error) => {
            let why = format!("records do not read: {error}");
            let count = (upto + 1).saturating_sub(first);
            let mut block = Block::default();
            let _ = block.push(upto, Time::default(), &Body::Gap(Gap { from: first, to: upto, count, why }));
            Cow::Owned(block.text)
        }
    }
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, String> {
    let (head, rest) = body.split_at_checked(HEAD).ok_or("cut off")?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > LONGEST {
        return Err(format!("{length} bytes are more than a block has"));
    }
    let text = decompress(rest, length).map_err(|error| error.to_string())?;
    if text.len() == length { Ok(text) } else { Err("shorter than it says".to_owned()) }
}

/// The lines of a block's text.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = Line<'_>> {
    body.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (seq, at, text) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
        Some(Line { seq: u64::try_from(number(seq)?).ok()?, at: Time(number(at)?), text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_wire::{LogLevel, LogLine};

    #[test]
    fn what_goes_into_a_block_comes_out_of_it() {
        let texts = ["plain", "two\nlines", "", "spaces and \u{1} and ünï"];
        let body = |text: &str| Body::Log(LogLine { device: None, level: LogLevel::Info, text: text.into() });
        let mut block = Block::default();
        block.push(4, Time(-5), &Body::Gap(Gap { from: 2, to: 4, count: 3, why: "x".into() })).unwrap();
        for (at, text) in texts.iter().enumerate() {
            block.push(5 + at as u64, Time(at as i64), &body(text)).unwrap();
        }
        assert_eq!((block.first, block.upto), (2, 8));
        let (first, upto) = (block.first, block.upto);
        let stored = text(block.body(), first, upto).into_owned();
        let records: Vec<Record> = lines(&stored).map(|line| line.record()).collect();
        assert_eq!(records.len(), 5);
        assert_eq!((records[0].seq, records[0].at), (4, Time(-5)));
        for (record, text) in records[1..].iter().zip(texts) {
            assert_eq!(record.body, body(text));
        }
    }

    #[test]
    fn a_record_of_a_newer_version_is_a_gap_of_one_and_its_neighbours_are_read() {
        let found: Vec<Record> = lines(b"7 1 {\"t\":\"dream\"}\n").map(|line| line.record()).collect();
        assert!(matches!(&found[0].body, Body::Gap(gap) if (gap.from, gap.to, gap.count) == (7, 7, 1)));
    }

    fn full() -> Block {
        let mut block = Block::default();
        for seq in 3.. {
            let text = format!("the pump answered number {seq} late");
            block
                .push(seq, Time(7), &Body::Log(LogLine { device: None, level: LogLevel::Warn, text }))
                .unwrap();
            if block.is_full() {
                return block;
            }
        }
        unreachable!()
    }

    #[test]
    fn a_full_block_takes_a_fraction_of_its_text_and_loses_nothing() {
        let mut block = full();
        let (first, upto, plain) = (block.first, block.upto, block.text.clone());
        let stored = block.body();
        assert!(stored.len() * 5 < plain.len(), "{} of {}", stored.len(), plain.len());
        assert_eq!(text(stored, first, upto), plain);
    }

    #[test]
    fn what_cannot_be_packed_is_kept_as_it_is() {
        let mut block = Block::default();
        let text = (0..2_000u32).map(|at| char::from_u32(0x4e00 + at * 7_919 % 20_000).unwrap()).collect();
        block.push(1, Time(1), &Body::Log(LogLine { device: None, level: LogLevel::Info, text })).unwrap();
        let plain = block.text.clone();
        assert_eq!(super::text(block.body(), 1, 1), plain);
    }

    #[test]
    fn a_damaged_block_is_a_gap_over_all_its_numbers() {
        let mut block = full();
        let (first, upto) = (block.first, block.upto);
        let stored = block.body().to_vec();
        let mut huge = stored.clone();
        huge[1..HEAD].copy_from_slice(&[0xff; 4]);
        let mut odd = stored.clone();
        odd[1] ^= 1;
        for damaged in [&stored[..stored.len() / 2], &stored[..1], &stored[..HEAD], &huge, &odd] {
            let found = text(damaged, first, upto);
            let found: Vec<Record> = lines(&found).map(|line| line.record()).collect();
            assert!(matches!(&found[..], [Record { seq, body: Body::Gap(gap), .. }]
                if *seq == upto && (gap.from, gap.to, gap.count) == (first, upto, upto + 1 - first)));
        }
    }
}
