//! The rule that makes at-least-once delivery count once: which records of a batch are new, pure.
//!
//! Per edge, class and epoch the controller keeps one number, the watermark: all sequence numbers up to it are
//! committed. A gap record stands for a run of numbers (`from ..= to`, its own `seq` being `to`), so the run up to a
//! watermark has no holes, only owned-up losses.

use bo_wire::{Body, Record};

/// What a batch is worth against a watermark.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// `fresh` is new and follows on; `watermark` is to be stored with it in the same transaction. `resend` is set when the
    /// batch had a hole further on: what lies beyond it was not taken.
    Accepted {
        /// The new records, oldest first; a gap record that reaches back over the watermark is cut to what is new.
        fresh: Vec<Record>,
        /// The watermark afterwards.
        watermark: u64,
        /// Ask for the rest again.
        resend: bool,
    },
    /// The batch begins beyond the watermark: take nothing, ask for it again from the watermark.
    Resend,
}

/// Judges `records`, oldest first, against `watermark` (0 = nothing yet).
pub fn accept(watermark: u64, records: Vec<Record>) -> Verdict {
    let mut reached = watermark;
    let mut fresh = Vec::with_capacity(records.len());
    for mut record in records {
        if record.seq <= reached {
            continue; // known, or a batch out of order: never twice
        }
        if first_covered(&record) > reached + 1 {
            return if fresh.is_empty() && reached == watermark {
                Verdict::Resend
            } else {
                Verdict::Accepted { fresh, watermark: reached, resend: true }
            };
        }
        if let Body::Gap(gap) = &mut record.body {
            gap.from = reached + 1;
            gap.to = record.seq;
            gap.count = gap.count.min(record.seq - reached);
        }
        reached = record.seq;
        fresh.push(record);
    }
    Verdict::Accepted { fresh, watermark: reached, resend: false }
}

/// The first sequence number a record accounts for: its own, or the start of the loss it reports.
fn first_covered(record: &Record) -> u64 {
    match &record.body {
        Body::Gap(gap) => gap.from.min(record.seq),
        _ => record.seq,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::Time;
    use bo_wire::{Gap, LogLevel, LogLine};
    use proptest::prelude::*;

    fn line(seq: u64) -> Record {
        let text = format!("line {seq}");
        Record {
            seq,
            at: Time(seq as i64),
            body: Body::Log(LogLine { device: None, level: LogLevel::Info, text }),
        }
    }

    fn gap(from: u64, to: u64) -> Record {
        let body = Body::Gap(Gap { from, to, count: to - from + 1, why: "disk bound reached".into() });
        Record { seq: to, at: Time(0), body }
    }

    #[test]
    fn a_batch_that_follows_on_is_taken_whole() {
        let batch: Vec<_> = (1..=5).map(line).collect();
        let verdict = accept(0, batch.clone());
        assert_eq!(verdict, Verdict::Accepted { fresh: batch, watermark: 5, resend: false });
    }

    #[test]
    fn what_was_sent_twice_counts_once() {
        let Verdict::Accepted { fresh, watermark, resend } = accept(3, (1..=5).map(line).collect()) else {
            panic!("a batch that overlaps is not refused");
        };
        assert_eq!(fresh.iter().map(|r| r.seq).collect::<Vec<_>>(), [4, 5]);
        assert_eq!((watermark, resend), (5, false));
    }

    #[test]
    fn a_hole_is_never_skipped() {
        assert_eq!(accept(3, vec![line(5)]), Verdict::Resend);
        let Verdict::Accepted { fresh, watermark, resend } = accept(3, vec![line(4), line(6)]) else {
            panic!("the part before the hole is taken");
        };
        assert_eq!((fresh.len(), watermark, resend), (1, 4, true));
    }

    #[test]
    fn a_gap_record_closes_its_hole_and_is_cut_to_what_is_new() {
        let Verdict::Accepted { fresh, watermark, .. } = accept(3, vec![gap(2, 8), line(9)]) else {
            panic!("a gap record accounts for its range");
        };
        assert_eq!(watermark, 9);
        assert!(matches!(&fresh[0].body, Body::Gap(gap) if (gap.from, gap.to, gap.count) == (4, 8, 5)));
    }

    /// A journal of `n` numbers, some runs of which were lost and own up to it.
    fn journal() -> impl Strategy<Value = Vec<Record>> {
        prop::collection::vec((1u64..6, any::<bool>()), 1..40).prop_map(|runs| {
            let mut next = 1;
            let mut records = Vec::new();
            for (length, lost) in runs {
                if lost {
                    records.push(gap(next, next + length - 1));
                } else {
                    records.extend((next..next + length).map(line));
                }
                next += length;
            }
            records
        })
    }

    proptest! {
        /// Batches arrive cut anywhere, repeated, out of order, some lost; the sender repeats from the watermark until
        /// all is in. Every record is then stored exactly once and in order.
        #[test]
        fn whatever_the_network_does_each_record_is_stored_once_and_in_order(
            journal in journal(),
            chaos in prop::collection::vec((0usize..200, 1usize..30), 0..60),
        ) {
            let mut watermark = 0;
            let mut stored: Vec<Record> = Vec::new();
            let mut take = |batch: Vec<Record>, watermark: &mut u64| {
                if let Verdict::Accepted { fresh, watermark: reached, .. } = accept(*watermark, batch) {
                    prop_assert!(reached >= *watermark, "a watermark never goes back");
                    *watermark = reached;
                    stored.extend(fresh);
                }
                Ok(())
            };
            for (start, length) in chaos {
                let start = start % journal.len();
                let end = (start + length).min(journal.len());
                take(journal[start..end].to_vec(), &mut watermark)?;
            }
            let rest = journal.iter().filter(|r| r.seq > watermark).cloned().collect();
            take(rest, &mut watermark)?;
            prop_assert_eq!(stored, journal);
        }

        #[test]
        fn no_batch_makes_it_store_a_number_twice(seqs in prop::collection::vec(1u64..20, 0..40), start in 0u64..20) {
            if let Verdict::Accepted { fresh, watermark, .. } = accept(start, seqs.into_iter().map(line).collect()) {
                let numbers: Vec<_> = fresh.iter().map(|r| r.seq).collect();
                prop_assert_eq!(&numbers, &((start + 1)..=watermark).collect::<Vec<_>>());
            }
        }
    }
}
