//! History over time: what is kept, what goes, what comes back after a start.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_estate::history::prune::Retention;
use bo_estate::history::queries::Step;
use bo_estate::history::sample::millis;
use bo_model::{Data, Quality, Reason, Time, Value};
use bo_uplink::Handler;
use bo_wire::{Body, Class, Gap, Record, Records, StatusChange, TriggerRun};
use common::{Rig, START, power, rigs};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn days(count: u32) -> Duration {
    DAY * count
}

fn keep() -> Retention {
    Retention { samples: days(10), quarter_hours: days(100), trigger_runs: days(5) }
}

/// One round over all points there are.
async fn prune(rig: &Rig, at: Time) -> bo_estate::history::prune::Pruned {
    let registry = rig.estate.registry();
    rig.estate.history.prune(&rig.db, &registry, keep(), at, 0).await.unwrap()
}

/// Four samples a day for some days, folded and rolled up.
async fn fill(rig: &Rig, count: u32) {
    let device = rig.device("Meter_1");
    let mut records = power(device, 1..=u64::from(count) * 4, |seq| seq as f64);
    for record in &mut records.records {
        let at = START.after(Duration::from_secs(record.seq * 6 * 3600));
        if let Body::Status(change) = &mut record.body {
            change.value.observed_at = at;
        }
    }
    rig.ingest.records(rig.edge(), records).await.unwrap();
    rig.estate.history.flush(&rig.db).await.unwrap();
    let end = millis(START.after(days(count + 2)));
    while rig.estate.history.roll_up(&rig.db, end).await.unwrap() > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn old_samples_go_and_their_quarter_hours_stay_until_they_are_old_too() {
    for rig in rigs() {
        // More than one chunk: a chunk goes when its last sample is too old.
        fill(&rig, 300).await;
        let chunks = rig.count("SELECT count(*) FROM history_chunk");
        let rollups = rig.count("SELECT count(*) FROM history_rollup");
        assert!(chunks >= 2 && rollups >= 290, "{chunks} chunks, {rollups} days");
        let point = rig.estate.history.points.find(rig.device("Meter_1"), "power").unwrap();
        let range = (millis(START), millis(START.after(days(290))));
        let bars = |range| {
            let reader = rig.estate.history.reader(point.id);
            rig.db.read(|tx| reader.buckets(tx, range, &Step::Every(900_000), range.1)).unwrap()
        };
        let before = bars(range);

        let pruned = prune(&rig, START.after(days(300))).await;
        assert!(pruned.chunks >= 1 && pruned.days >= 190, "{pruned:?} on {}", rig.test.engine);
        assert!(rig.count("SELECT count(*) FROM history_chunk") >= 1, "what is younger stays");
        let young = (millis(START.after(days(201))).div_euclid(900_000) * 900_000, range.1);
        let expected: Vec<_> = before.into_iter().filter(|bar| bar.start >= young.0).collect();
        assert!(
            expected.len() > 80 * 96 && bars(young) == expected,
            "a chart of what is kept did not change"
        );
        assert_eq!(prune(&rig, START.after(days(300))).await.chunks, 0, "done once");

        // What comes late for a time that is gone is not taken: it would stand in the place of its whole day.
        let mut late = power(rig.device("Meter_1"), 1..=3, |_| 9e9);
        late.backfill = true;
        rig.ingest.records(rig.edge(), late).await.unwrap();
        rig.estate.history.flush(&rig.db).await.unwrap();
        assert_eq!(rig.count("SELECT count(*) FROM history_stale_day WHERE day < 20818"), 0);
        assert_eq!(rig.count("SELECT count(*) FROM history_journal"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_trigger_runs_go_and_young_ones_stay() {
    for rig in rigs() {
        let trigger = *rig.estate.registry().triggers.keys().next().unwrap();
        let run = |seq: u64| {
            let run = TriggerRun {
                trigger,
                outcome: "activated".into(),
                trace: bo_wire::Raw::of(&serde_json::json!({})),
                notify: Vec::new(),
            };
            Record { seq, at: START.after(DAY * seq as u32), body: Body::Trigger(run) }
        };
        let records =
            Records { class: Class::Status, epoch: 1, backfill: false, records: (1..=20).map(run).collect() };
        rig.ingest.records(rig.edge(), records).await.unwrap();
        assert_eq!(prune(&rig, START.after(days(21))).await.runs, 15);
        assert_eq!(rig.count("SELECT count(*) FROM trigger_run"), 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn last_values_are_there_after_a_start_with_the_reason_they_had() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let bad = |seq: u64, name: &str, reason: Reason| {
            let value = Value { data: Data::Int(7), ..Value::bad(reason, START) };
            let change = StatusChange { device, name: name.into(), value };
            Record { seq, at: START, body: Body::Status(change) }
        };
        let reasons = [Reason::Exception(3), Reason::Driver("the door is open".into()), Reason::Timeout];
        let records =
            reasons.iter().zip(1..).map(|(why, seq)| bad(seq, &format!("p{seq}"), why.clone())).collect();
        rig.ingest
            .records(edge, Records { class: Class::Status, epoch: 1, backfill: false, records })
            .await
            .unwrap();
        let shown =
            |estate: &bo_estate::Estate, name: &str| estate.table.get(device, name).map(|cell| cell.value);
        let before: Vec<_> = ["p1", "p2", "p3"].map(|name| shown(&rig.estate, name)).into();
        assert_eq!(before[1].as_ref().unwrap().quality, Quality::Bad(reasons[1].clone()));

        // From the journal, after a power cut; from the checkpoint, after a proper end.
        let (estate, _) = rig.restarted();
        assert_eq!(["p1", "p2", "p3"].map(|name| shown(&estate, name)).to_vec(), before);
        estate.history.flush(&rig.db).await.unwrap();
        rig.estate.checkpoint().await.unwrap();
        assert_eq!(rig.count("SELECT count(*) FROM history_journal"), 0);
        let (estate, _) = rig.restarted();
        assert_eq!(
            ["p1", "p2", "p3"].map(|name| shown(&estate, name)).to_vec(),
            before,
            "{}",
            rig.test.engine
        );
        assert_eq!(estate.checkpoint().await.unwrap(), 0, "nothing changed since");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_another_process_added_a_moment_ago_loses_no_value() {
    for rig in rigs() {
        let (stale, ingest) = rig.restarted();
        let sql = "INSERT INTO device (id, workspace, system, address, name, driver, changed_at)
            SELECT '0198c0de-0000-7000-8000-00000000beef', workspace, system, 'Meter_9', 'Late meter', driver, 0 FROM device LIMIT 1";
        let added = rig.db.write(move |tx| {
            tx.unaudited("a test arranges its world");
            tx.execute(sql, &[])?;
            bo_estate::registry::touch(tx)
        });
        added.await.unwrap();
        let device = "0198c0de-0000-7000-8000-00000000beef".parse().unwrap();
        assert!(!stale.registry().devices.contains_key(&device));
        let edge = rig.edge();
        let receipt = ingest.records(edge, power(device, 1..=3, |seq| seq as f64)).await.unwrap();
        assert_eq!(receipt.cursor.seq, 3);
        assert_eq!(stale.table.get(device, "power").unwrap().value.data.number(), Some(3.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_all_is_counted_to_the_loss_it_belongs_to() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        rig.ingest.records(edge, power(device, 1..=3, |seq| seq as f64)).await.unwrap();
        let gap = Gap { from: 4, to: 9, count: 6, why: "disk bound reached".into() };
        let lost = Record { seq: 9, at: START.after(Duration::from_secs(9)), body: Body::Gap(gap) };
        let records = Records { class: Class::History, epoch: 1, backfill: false, records: vec![lost] };
        rig.ingest.records(edge, records).await.unwrap();
        let mut found = power(device, 5..=8, |seq| seq as f64);
        found.backfill = true;
        let receipt = rig.ingest.records(edge, found).await.unwrap();
        assert_eq!(receipt.cursor.seq, 9, "the watermark stays where it is");
        assert_eq!(rig.count("SELECT recovered FROM gap"), 4, "{}", rig.test.engine);
        let point = rig.estate.history.points.find(device, "power").unwrap();
        let reader = rig.estate.history.reader(point.id);
        let range = (millis(START), millis(START) + 60_000);
        assert_eq!(rig.db.read(|tx| reader.samples(tx, range.0, range.1)).unwrap().len(), 7);
    }
}
