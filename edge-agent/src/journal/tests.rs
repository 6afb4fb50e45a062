//! What a journal promises, and the ways a disk breaks promises.

use super::*;
use bo_model::{ManualClock, SystemClock, Value};
use bo_wire::{AuditEntry, Gap, LogLevel, LogLine, StatusChange};
use proptest::prelude::*;
use std::time::Duration;

fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

fn log(text: &str) -> Body {
    Body::Log(LogLine { device: None, level: LogLevel::Info, text: text.into() })
}

/// Text in which nothing repeats, so that it takes its length in the file, too.
pub(super) fn noise(seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + (state >> 58) as u8)
    };
    (0..length).map(|_| letter()).filter(|letter| *letter != '\\').collect()
}

fn sample(name: &str, at: Time, value: f64) -> Body {
    let device = bo_model::DeviceId(uuid::Uuid::from_u128(7));
    Body::Status(StatusChange { device, name: name.into(), value: Value::good(value, at) })
}

fn audit(verb: &str) -> Body {
    Body::Audit(AuditEntry {
        actor: bo_model::command::Actor::Operator,
        origin: "test".into(),
        verb: verb.into(),
        object: "x".into(),
        detail: serde_json::Value::Null,
        outcome: "done".into(),
        previous: String::new(),
    })
}

/// Every number from 1 to `written` is there once, as itself or within a gap. Returns how many were lost.
fn complete(records: &[Record], written: u64) -> Result<u64, String> {
    let (mut next, mut lost) = (1, 0);
    for record in records {
        let from = match &record.body {
            Body::Gap(gap) => {
                lost += gap.count;
                gap.from
            }
            _ => record.seq,
        };
        if from != next {
            return Err(format!("expected {next}, found {from}..={}", record.seq));
        }
        next = record.seq + 1;
    }
    if next == written + 1 { Ok(lost) } else { Err(format!("ends at {}, not at {written}", next - 1)) }
}

fn all(journal: &Journal, class: Class) -> Vec<Record> {
    journal.read_after(class, 0, usize::MAX).unwrap()
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_in_order_and_numbered_per_class() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    for n in 1..=5 {
        assert_eq!(journal.append_durable(Class::Log, Time(n), log(&n.to_string())).await.unwrap(), n as u64);
    }
    assert_eq!(journal.append_durable(Class::Audit, Time(9), audit("a")).await.unwrap(), 1);
    let epoch = journal.state().epoch;
    journal.close().await;

    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    let state = journal.state();
    assert_eq!((state.epoch, state.written[Class::Log as usize], state.backlog()), (epoch, 5, 6));
    let texts: Vec<_> = all(&journal, Class::Log).into_iter().map(|record| record.body).collect();
    assert_eq!(texts, (1..=5).map(|n| log(&n.to_string())).collect::<Vec<_>>());
    assert_eq!(journal.append_durable(Class::Log, Time(10), log("on")).await.unwrap(), 6);
}

#[tokio::test]
async fn a_file_with_the_table_of_earlier_versions_is_read_and_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    for n in 1..=3 {
        journal.append_durable(Class::Log, Time(n), log(&n.to_string())).await.unwrap();
    }
    journal.close().await;
    let earlier =
        "CREATE TABLE earlier (class INTEGER NOT NULL, upto INTEGER NOT NULL, first INTEGER NOT NULL,
            body BLOB NOT NULL, PRIMARY KEY (class, upto)) WITHOUT ROWID;
        INSERT INTO earlier SELECT class, upto, first, body FROM block;
        DROP TABLE block; ALTER TABLE earlier RENAME TO block;";
    rusqlite::Connection::open(&path).unwrap().execute_batch(earlier).unwrap();

    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    for n in 4..=6 {
        assert_eq!(journal.append_durable(Class::Log, Time(n), log(&n.to_string())).await.unwrap(), n as u64);
    }
    assert_eq!(complete(&all(&journal, Class::Log), 6), Ok(0));
    let epoch = journal.state().epoch;
    journal.acknowledge(vec![Cursor { class: Class::Log, epoch, seq: 4 }]).await;
    journal.close().await;
    let left = journal.read_after(Class::Log, 4, usize::MAX).unwrap();
    assert_eq!(left.iter().map(|record| record.seq).collect::<Vec<_>>(), [5, 6]);
}

#[tokio::test]
async fn audit_records_are_chained_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    for round in 0..2 {
        let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
        journal.append_durable(Class::Audit, Time(round), audit("one")).await.unwrap();
        journal.append_durable(Class::Audit, Time(round), audit("two")).await.unwrap();
        journal.close().await;
    }
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    let mut previous = String::new();
    for record in all(&journal, Class::Audit) {
        let Body::Audit(entry) = record.body else { panic!("{record:?}") };
        assert_eq!(entry.previous, previous);
        previous = entry.hash();
    }
}

#[tokio::test]
async fn acknowledged_records_go_and_nonsense_acknowledgements_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("j.db"), Limits::default(), clock()).unwrap();
    for n in 0..10 {
        journal.append_durable(Class::Log, Time(n), log("x")).await.unwrap();
        journal.append_durable(Class::History, Time(n), sample("t", Time(n), 1.0)).await.unwrap();
    }
    let epoch = journal.state().epoch;
    let ack = |class, epoch, seq| vec![Cursor { class, epoch, seq }];
    journal.acknowledge(ack(Class::Log, epoch + 1, 5)).await;
    journal.acknowledge(ack(Class::Log, epoch, 999)).await;
    journal.acknowledge(ack(Class::Log, epoch, 4)).await;
    journal.acknowledge(ack(Class::Log, epoch, 2)).await;
    journal.acknowledge(ack(Class::History, epoch, 10)).await;
    journal.close().await;
    assert_eq!(journal.state().acknowledged[Class::Log as usize], 4);
    assert_eq!(journal.read_after(Class::Log, 4, usize::MAX).unwrap().len(), 6);
    // Acknowledged history stays for a backfill, and what is gone for good is owned up to.
    assert_eq!(journal.read_range(Class::History, 3, 5, usize::MAX).unwrap().len(), 3);
    let asked_again = journal.read_after(Class::Log, 0, usize::MAX).unwrap();
    assert!(matches!(&asked_again[0].body, Body::Gap(gap) if (gap.from, gap.to, gap.count) == (1, 4, 4)));
    assert_eq!(asked_again.len(), 7);
}

#[tokio::test]
async fn the_bound_drops_logs_first_thins_history_and_never_touches_audit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 1 << 19, retain_bytes: 1 << 17, ..Limits::default() };
    let journal = Journal::open(&folder.path().join("j.db"), limits, clock()).unwrap();
    for n in 0..300 {
        journal.append_durable(Class::Audit, Time(n), audit("kept")).await.unwrap();
    }
    // Two hours of four variables once a second, and a talkative driver.
    for second in 0..7_200i64 {
        let at = Time::from_seconds(second);
        for name in ["a", "b", "c", "d"] {
            while !journal.append(Class::History, at, sample(name, at, second as f64)) {
                tokio::task::yield_now().await;
            }
        }
        if second % 5 == 0 {
            while !journal.append(Class::Log, at, log(&noise(second as u64, 80))) {
                tokio::task::yield_now().await;
            }
        }
        if second % 500 == 0 {
            journal.append_durable(Class::Command, at, log("pause")).await.unwrap();
        }
    }
    journal.close().await;
    let state = journal.state();
    assert!(state.bytes <= 1 << 19, "{} bytes", state.bytes);

    let written = |class: Class| state.written[class as usize];
    let audits = all(&journal, Class::Audit);
    assert_eq!(complete(&audits, written(Class::Audit)), Ok(0));
    let history = all(&journal, Class::History);
    let lost = complete(&history, written(Class::History)).unwrap();
    let samples = history.iter().filter(|r| matches!(r.body, Body::Status(_))).count() as u64;
    assert!(lost > 0);
    // A record lost from the full queue would be counted too: nothing is unaccounted for.
    assert_eq!(samples + lost, written(Class::History));
    let thinned = history.iter().any(|r| matches!(&r.body, Body::Gap(gap) if gap.why.contains("thinned")));
    assert!(thinned, "history is thinned before it is dropped");
    let logs = complete(&all(&journal, Class::Log), written(Class::Log)).unwrap();
    assert!(logs > 0, "logs go first");
}

#[tokio::test]
async fn thinning_keeps_one_good_sample_a_minute_and_every_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 64 << 10, ..Limits::default() };
    let journal = Journal::open(&folder.path().join("j.db"), limits, clock()).unwrap();
    for second in 0..2_400i64 {
        let at = Time::from_seconds(second);
        let mut body = sample("t", at, second as f64);
        if let (Body::Status(change), true) = (&mut body, second == 61) {
            change.value = Value::bad(bo_model::Reason::Timeout, at);
        }
        while !journal.append(Class::History, at, body.clone()) {
            tokio::task::yield_now().await;
        }
    }
    journal.close().await;
    let history = all(&journal, Class::History);
    complete(&history, 2_400).unwrap();
    let early: Vec<i64> = history
        .iter()
        .filter_map(|record| match &record.body {
            Body::Status(change) => Some(change.value.observed_at.seconds()),
            _ => None,
        })
        .take_while(|second| *second <= 180)
        .collect();
    assert_eq!(early, [0, 60, 61, 120, 180]);
}

#[tokio::test]
async fn a_full_disk_refuses_loudly_and_what_was_held_is_written_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    // Audit may not be dropped, so the hard end is reached.
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let path = folder.path().join("j.db");
    let journal = Journal::open(&path, limits, clock()).unwrap();
    let mut durable = 0;
    let refused = loop {
        match journal.append_durable(Class::Audit, Time(0), audit(&noise(durable, 20_000))).await {
            Ok(seq) => durable = seq,
            Err(error) => break error,
        }
        assert!(durable < 1_000, "the file grows without end");
    };
    assert!(matches!(refused, JournalError::NotDurable { .. }), "{refused}");
    let mut states = journal.watch();
    states.wait_for(|state| state.stuck.is_some()).await.unwrap();

    let epoch = journal.state().epoch;
    journal.acknowledge(vec![Cursor { class: Class::Audit, epoch, seq: durable }]).await;
    let free = states.wait_for(|state| state.stuck.is_none());
    tokio::time::timeout(Duration::from_secs(20), free).await.unwrap().unwrap();
    // The one that was refused as "not durable yet" was held and is there now.
    assert_eq!(journal.state().written[Class::Audit as usize], durable + 1);
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_and_the_new_journal_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    for n in 0..100 {
        journal.append_durable(Class::Status, Time(n), sample("t", Time(n), 1.0)).await.unwrap();
    }
    let epoch = journal.state().epoch;
    journal.close().await;
    std::fs::write(&path, vec![0x5a; 40_000]).unwrap();

    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    journal.append_durable(Class::Status, Time(1), sample("t", Time(1), 2.0)).await.unwrap();
    assert_ne!(journal.state().epoch, epoch);
    let Body::Audit(entry) = &all(&journal, Class::Audit)[0].body else { panic!("no notice") };
    assert_eq!((entry.verb.as_str(), entry.outcome.as_str()), ("journal.restart", "done"));
    let aside = std::fs::read_dir(folder.path()).unwrap();
    assert!(aside.flatten().any(|file| file.file_name().to_string_lossy().contains(".damaged-")));
}

#[tokio::test]
async fn a_new_epoch_keeps_what_was_not_acknowledged_under_new_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("j.db"), Limits::default(), clock()).unwrap();
    for n in 1..=10 {
        journal.append_durable(Class::Command, Time(n), log(&n.to_string())).await.unwrap();
    }
    let old = journal.state().epoch;
    journal.acknowledge(vec![Cursor { class: Class::Command, epoch: old, seq: 4 }]).await;
    journal.renew("the controller knows numbers this journal never gave".into()).await;
    let state = journal.state();
    assert_ne!(state.epoch, old);
    assert_eq!(state.written[Class::Command as usize], 6);
    let texts: Vec<_> = all(&journal, Class::Command).into_iter().map(|r| (r.seq, r.body)).collect();
    assert_eq!(texts, (1..=6).map(|n| (n, log(&(n + 4).to_string()))).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_values_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    for n in 0..5 {
        journal.append_durable(Class::Status, Time(n), sample("t", Time(n), n as f64)).await.unwrap();
    }
    journal.close().await;
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    let latest = journal.latest().unwrap();
    assert_eq!(latest.len(), 1);
    assert_eq!(latest[0].value, Value::good(4.0, Time(4)));
}

#[test]
fn two_journals_born_in_the_same_microsecond_differ() {
    let folder = tempfile::tempdir().unwrap();
    let still = ManualClock::at(Time::from_seconds(1_790_000_000));
    let epoch = |name: &str| {
        Journal::open(&folder.path().join(name), Limits::default(), still.clone()).unwrap().state().epoch
    };
    assert_ne!(epoch("a"), epoch("b"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Appends, acknowledgements, restarts and a tight bound in any order: numbers never repeat and never go missing.
    #[test]
    fn every_number_is_a_record_or_an_owned_up_loss(steps in prop::collection::vec((0u8..4, 1u64..120), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("j.db");
            let limits = Limits { max_bytes: 120 << 10, retain_bytes: 60 << 10, ..Limits::default() };
            let mut journal = Journal::open(&path, limits.clone(), clock()).unwrap();
            let (mut written, mut acknowledged) = (0u64, 0u64);
            for (step, n) in steps {
                match step {
                    0 | 1 => {
                        let mut waiting = Vec::new();
                        for i in 0..n {
                            let at = Time::from_seconds((written + i) as i64);
                            let journal = journal.clone();
                            let name = if i % 2 == 0 { "t".to_owned() } else { noise(written + i, 120) };
                            waiting.push(async move {
                                journal.append_durable(Class::History, at, sample(&name, at, 0.0)).await
                            });
                        }
                        let given = futures_util::future::join_all(waiting).await;
                        let given: std::collections::BTreeSet<u64> = given.into_iter().flatten().collect();
                        prop_assert_eq!(given, (written + 1..=written + n).collect());
                        written += n;
                    }
                    2 => {
                        acknowledged = (acknowledged + n).min(written);
                        let epoch = journal.state().epoch;
                        journal.acknowledge(vec![Cursor { class: Class::History, epoch, seq: acknowledged }]).await;
                    }
                    _ => {
                        journal.close().await;
                        journal = Journal::open(&path, limits.clone(), clock()).unwrap();
                    }
                }
            }
            journal.close().await;
            prop_assert_eq!(journal.state().written[Class::History as usize], written);
            let mut records = all(&journal, Class::History);
            if acknowledged > 0 && records.is_empty() {
                records.push(Record { seq: written, at: Time(0),
                    body: Body::Gap(Gap { from: 1, to: written, count: written, why: String::new() }) });
            }
            if let Err(why) = complete(&records, written) {
                prop_assert!(false, "{}", why);
            }
            Ok(())
        })?;
    }
}
