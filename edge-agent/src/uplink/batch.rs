//! What goes into one message: a batch of records below the size limit, a part of the snapshot. Pure.

use bo_wire::{Body, Class, Gap, MAX_PAYLOAD, Record, Records, Snapshot, SnapshotValue, Up};
use std::collections::VecDeque;

/// Values in one part of a snapshot.
const SNAPSHOT: usize = 500;

/// All values as messages; the last one says that it is.
pub(super) fn parts(values: Vec<SnapshotValue>) -> VecDeque<Up> {
    let count = values.len().div_ceil(SNAPSHOT).max(1) as u32;
    let mut values = values.into_iter();
    (0..count)
        .map(|part| {
            let values = values.by_ref().take(SNAPSHOT).collect();
            Up::Snapshot(Snapshot { part, last: part + 1 == count, values })
        })
        .collect()
}

/// The payload of a batch and its last number; cut until it is below the limit. A record too large by itself is owned up to.
pub(super) fn encode(
    class: Class,
    epoch: u64,
    backfill: bool,
    mut records: Vec<Record>,
) -> Option<(u64, Vec<u8>)> {
    loop {
        let upto = records.last()?.seq;
        let message = Records { class, epoch, backfill, records };
        let (_, payload) = Up::Records(message.clone()).encode();
        if payload.len() <= MAX_PAYLOAD {
            return Some((upto, payload));
        }
        records = message.records;
        if let [single] = records.as_mut_slice() {
            let why = format!("a record of {} bytes is too large to send", payload.len());
            single.body = Body::Gap(Gap { from: single.seq, to: single.seq, count: 1, why });
        } else {
            records.truncate(records.len() / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::Time;
    use bo_wire::{LogLevel, LogLine};

    fn line(seq: u64, length: usize) -> Record {
        let body = Body::Log(LogLine { device: None, level: LogLevel::Info, text: "\u{1}".repeat(length) });
        Record { seq, at: Time(0), body }
    }

    #[test]
    fn a_batch_is_cut_below_the_limit_and_a_giant_record_becomes_a_gap() {
        // A control character takes six bytes in JSON: bodies can grow on the wire.
        let (upto, payload) =
            encode(Class::Log, 1, false, (1..=8).map(|n| line(n, 20_000)).collect()).unwrap();
        assert!(upto < 8 && payload.len() <= MAX_PAYLOAD);
        let (upto, payload) = encode(Class::Log, 1, false, vec![line(9, 200_000)]).unwrap();
        let Ok(Up::Records(records)) = Up::decode("records", &payload) else { panic!("does not read") };
        assert!(
            upto == 9 && matches!(&records.records[0].body, Body::Gap(gap) if gap.why.contains("too large"))
        );
    }

    #[test]
    fn a_snapshot_comes_in_parts_and_the_last_one_says_so() {
        let value = SnapshotValue {
            device: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
            name: "x".into(),
            value: bo_model::Value::good(1, Time(0)),
        };
        let sizes: Vec<(usize, bool)> = parts(vec![value; SNAPSHOT * 2 + 1])
            .into_iter()
            .map(|up| match up {
                Up::Snapshot(part) => (part.values.len(), part.last),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sizes, [(SNAPSHOT, false), (SNAPSHOT, false), (1, true)]);
        assert_eq!(parts(Vec::new()).len(), 1, "no values is news too");
    }
}
