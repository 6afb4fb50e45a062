//! Records as they lie in the file: a block is a run of records of one class, a line each. A row for each record would
//! cost several times what making its text costs; a group of hundreds takes a handful of rows this way.

use bo_model::Time;
use bo_wire::{Body, Gap, Record};

/// Length from which on a block is closed. Short enough that reading a few records does not read much.
const FULL: usize = 16 * 1024;

/// A block in the making.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// First number it accounts for; a gap's first lost one.
    pub(super) first: u64,
    /// Last number.
    pub(super) upto: u64,
    /// `<number> <microseconds> <JSON>` and a line feed each.
    pub(super) body: Vec<u8>,
}

impl Block {
    /// Adds the next record.
    pub(super) fn push(&mut self, seq: u64, at: Time, body: &Body) -> serde_json::Result<()> {
        let length = self.body.len();
        self.begin(seq, at);
        if let Err(error) = body.write(&mut self.body) {
            self.body.truncate(length);
            return Err(error);
        }
        self.body.push(b'\n');
        self.took(seq, if let Body::Gap(gap) = body { gap.from } else { seq });
        Ok(())
    }

    /// Adds a line as it is.
    pub(super) fn push_line(&mut self, line: &Line<'_>) {
        self.begin(line.seq, line.at);
        self.body.extend_from_slice(line.text);
        self.body.push(b'\n');
        self.took(line.seq, line.seq);
    }

    fn begin(&mut self, seq: u64, at: Time) {
        bo_model::json::whole(seq as i64, &mut self.body);
        self.body.push(b' ');
        bo_model::json::whole(at.0, &mut self.body);
        self.body.push(b' ');
    }

    fn took(&mut self, seq: u64, first: u64) {
        if self.first == 0 {
            self.first = first;
        }
        self.upto = seq;
    }

    /// Takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.body.len() >= FULL
    }

    /// Has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Ready for the next run.
    pub(super) fn clear(&mut self) {
        self.body.clear();
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

/// The lines of a block.
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
        let records: Vec<Record> = lines(&block.body).map(|line| line.record()).collect();
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
}
