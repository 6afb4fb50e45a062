//! What edges report: counted once, never lost, shown as it is.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_estate::history::queries::Step;
use bo_estate::history::sample::millis;
use bo_estate::live::view;
use bo_estate::{commands, fleet};
use bo_model::command::{Actor, CommandRequest, Priority, Stage, Step as Evidence};
use bo_model::{DeviceId, Quality, Reason, Time, Value};
use bo_uplink::Handler;
use bo_wire::{
    AlarmEvent, AuditEntry, Body, Class, Cursor, Gap, Heartbeat, Hello, Record, Records, Snapshot,
    SnapshotValue, StatusChange,
};
use common::{Rig, START, power, rigs};
use std::time::Duration;

fn beat(at: Time, unwell: Vec<(DeviceId, String)>) -> Heartbeat {
    Heartbeat {
        at,
        count: 1,
        release: "r1".into(),
        backlog: 5,
        journal_bytes: 1,
        links: vec![("bus".into(), "up".into(), Some(at))],
        unwell,
        memory: 1,
    }
}

fn record(seq: u64, body: Body) -> Record {
    Record { seq, at: START.after(Duration::from_secs(seq)), body }
}

fn batch(class: Class, records: Vec<Record>) -> Records {
    Records { class, epoch: 1, backfill: false, records }
}

fn samples(rig: &Rig, estate: &bo_estate::Estate, device: DeviceId) -> Vec<f64> {
    let point = estate.history.points.find(device, "power").expect("a point");
    let reader = estate.history.reader(point.id);
    let end = millis(START) + 100_000_000;
    let samples = rig.db.read(|tx| reader.samples(tx, millis(START), end)).unwrap();
    samples.iter().filter_map(|sample| sample.number()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_twice_counts_once_and_a_hole_is_asked_for_again() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let first = rig.ingest.records(edge, power(device, 1..=10, |seq| seq as f64)).await.unwrap();
        assert_eq!((first.cursor.seq, first.resend), (10, false));
        let again = rig.ingest.records(edge, power(device, 5..=12, |seq| seq as f64)).await.unwrap();
        assert_eq!((again.cursor.seq, again.resend), (12, false));
        let hole = rig.ingest.records(edge, power(device, 20..=25, |seq| seq as f64)).await.unwrap();
        assert_eq!((hole.cursor.seq, hole.resend), (12, true));
        assert_eq!(samples(&rig, &rig.estate, device), (1..=12).map(f64::from).collect::<Vec<_>>());
        let hello = Hello {
            agent: "0.1.0".into(),
            release: String::new(),
            cursors: vec![
                Cursor { class: Class::History, epoch: 1, seq: 30 },
                Cursor { class: Class::Log, epoch: 1, seq: 4 },
            ],
            at: START,
        };
        let known = rig.ingest.hello(edge, hello).await.unwrap();
        assert_eq!(known.iter().map(|cursor| cursor.seq).collect::<Vec<_>>(), [12, 0], "{}", rig.test.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_controller_is_killed_at_any_point() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let all: Vec<f64> = (1..=3000).map(f64::from).collect();
        // Killed before anything was folded.
        rig.ingest.records(edge, power(device, 1..=1000, |seq| seq as f64)).await.unwrap();
        let (estate, ingest) = rig.restarted();
        assert_eq!(samples(&rig, &estate, device), all[..1000]);
        assert_eq!(estate.table.get(device, "power").unwrap().value.data.number(), Some(1000.0));
        // Folded, and killed before the next.
        assert_eq!(estate.history.flush(&rig.db).await.unwrap(), 1000);
        ingest.records(edge, power(device, 1001..=2500, |seq| seq as f64)).await.unwrap();
        estate.history.flush(&rig.db).await.unwrap();
        ingest.records(edge, power(device, 2501..=3000, |seq| seq as f64)).await.unwrap();
        let (estate, _) = rig.restarted();
        assert_eq!(samples(&rig, &estate, device), all);
        // Folding what was folded already, as after a crash between chunks and journal, changes nothing.
        estate.history.flush(&rig.db).await.unwrap();
        estate.history.flush(&rig.db).await.unwrap();
        assert_eq!(samples(&rig, &estate, device), all);
        assert_eq!(rig.count("SELECT count(*) FROM history_journal"), 0);
        assert_eq!(rig.count("SELECT CAST(sum(samples) AS BIGINT) FROM history_chunk"), 3000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_fills_history_and_leaves_the_present_alone() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        rig.clock.advance(Duration::from_secs(5000));
        let now = START.after(Duration::from_secs(4999));
        let value = Value::good(777.0, now);
        let values = vec![SnapshotValue { device, name: "power".into(), value }];
        rig.ingest.snapshot(edge, Snapshot { part: 0, last: true, values }).await;
        rig.ingest.records(edge, power(device, 1..=50, |seq| seq as f64)).await.unwrap();
        assert_eq!(rig.estate.table.get(device, "power").unwrap().value.data.number(), Some(777.0));
        assert_eq!(samples(&rig, &rig.estate, device).len(), 50);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_samples_find_their_place_among_older_chunks_and_rollups() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let even = |records: &mut Records| records.records.retain(|record| record.seq % 2 == 0);
        let mut first = power(device, 1..=4000, |seq| seq as f64);
        even(&mut first);
        first.backfill = true;
        rig.ingest.records(edge, first).await.unwrap();
        rig.estate.history.flush(&rig.db).await.unwrap();
        let tomorrow = millis(START) + 30 * 3_600_000;
        assert!(rig.estate.history.roll_up(&rig.db, tomorrow).await.unwrap() > 0);
        let mut late = power(device, 1..=4000, |seq| seq as f64);
        late.records.retain(|record| record.seq % 2 == 1);
        late.backfill = true;
        rig.ingest.records(edge, late).await.unwrap();
        let read = |estate: &bo_estate::Estate, step: Step| {
            let point = estate.history.points.find(device, "power").expect("a point");
            let reader = estate.history.reader(point.id);
            let range = (millis(START), millis(START) + 4_001_000);
            rig.db.read(|tx| reader.buckets(tx, range, &step, tomorrow)).unwrap()
        };
        let before = read(&rig.estate, Step::Every(900_000));
        rig.estate.history.flush(&rig.db).await.unwrap();
        assert_eq!(samples(&rig, &rig.estate, device), (1..=4000).map(f64::from).collect::<Vec<_>>());
        let unrolled = read(&rig.estate, Step::Every(900_000));
        assert_eq!(before, unrolled, "waiting or folded, the answer is the same");
        rig.estate.history.roll_up(&rig.db, tomorrow).await.unwrap();
        assert_eq!(rig.count("SELECT count(*) FROM history_stale_day WHERE day < 20718"), 0);
        let rolled = read(&rig.estate, Step::Every(900_000));
        assert_eq!(rolled, unrolled, "rolled up or not, the answer is the same ({})", rig.test.engine);
        assert_eq!(rolled.iter().map(|bucket| bucket.count).sum::<u64>(), 4000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_speaks_for_its_own_devices_only() {
    for rig in rigs() {
        let device = rig.device("Meter_1");
        let stranger = "0198c0de-0000-7000-8000-00000000dead".parse().unwrap();
        assert!(rig.ingest.records(stranger, power(device, 1..=3, |seq| seq as f64)).await.is_err());
        let unknown: DeviceId = "0198c0de-0000-7000-8000-00000000beef".parse().unwrap();
        let receipt = rig.ingest.records(rig.edge(), power(unknown, 1..=3, |seq| seq as f64)).await.unwrap();
        assert_eq!(
            receipt.cursor.seq, 3,
            "taken and dropped, so that one removed device does not stop the rest"
        );
        assert!(rig.estate.table.get(unknown, "power").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_one_per_condition_with_two_lives() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let event = |seq, active, text: &str| {
            let event = AlarmEvent {
                key: "trigger:1".into(),
                active,
                severity: "warning".into(),
                text: text.into(),
                system: None,
                device: Some(device),
            };
            record(seq, Body::Alarm(event))
        };
        let three = vec![event(1, true, "too much"), event(2, true, "far too much"), event(3, false, "")];
        rig.ingest.records(edge, batch(Class::Alarm, three)).await.unwrap();
        let alarms = rig.estate.alarms.changes(0);
        assert_eq!(alarms.len(), 1);
        assert_eq!(
            (alarms[0].text.as_str(), alarms[0].active, alarms[0].is_open()),
            ("far too much", false, true)
        );
        let (workspace, id) = (rig.workspace, alarms[0].id);
        let done = rig
            .db
            .write(move |tx| bo_estate::alarms::actions::acknowledge(tx, workspace, id, "Lin Duarte", "seen"))
            .await
            .unwrap();
        assert!(!done.is_open());
        rig.ingest.records(edge, batch(Class::Alarm, vec![event(4, true, "again")])).await.unwrap();
        assert_eq!(rig.count("SELECT count(*) FROM alarm"), 2, "the condition began anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_raises_an_alarm_that_a_heartbeat_clears_and_values_lose_their_worth_meanwhile() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let at = rig.clock.as_ref();
        let away = || vec![(device, "no reply in time".to_owned())];
        rig.ingest.heartbeat(edge, beat(START, away())).await;
        assert!(rig.estate.alarms.changes(0).is_empty(), "a short silence is no alarm");
        at.advance(bo_estate::fleet::ALARM_AFTER);
        rig.ingest.heartbeat(edge, beat(START, away())).await;
        rig.ingest.records(edge, power(device, 1..=1, |_| 5.0)).await.unwrap();
        let worth = || {
            let registry = rig.estate.registry();
            view::one(&rig.estate, &registry, device, "power").unwrap().value.quality
        };
        assert_eq!(worth(), Quality::Good);
        let active = || {
            rig.estate
                .alarms
                .changes(0)
                .into_iter()
                .filter(|alarm| alarm.active)
                .map(|a| a.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(active(), ["Main meter: no reply in time"]);

        let shutdown = bo_runtime::Shutdown::new();
        let watch = tokio::spawn(bo_estate::ingest::watch(rig.estate.clone(), shutdown.clone()));
        at.advance(Duration::from_secs(60));
        let limit = tokio::time::Instant::now() + Duration::from_secs(20);
        while rig.estate.presence.is_online(edge) || active().len() < 2 {
            assert!(tokio::time::Instant::now() < limit, "the silence is noticed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        shutdown.signal();
        watch.await.unwrap();
        assert_eq!(worth(), Quality::Uncertain(Reason::Stale));

        rig.ingest.heartbeat(edge, beat(START, vec![])).await;
        assert_eq!(active(), Vec::<String>::new());
        assert_eq!(worth(), Quality::Good);
        assert_eq!(rig.estate.presence.of(edge).backlog, 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_in_the_ledger_with_the_time_they_span() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        rig.ingest.records(edge, power(device, 1..=3, |seq| seq as f64)).await.unwrap();
        let gap = Gap { from: 4, to: 9, count: 6, why: "disk bound reached".into() };
        rig.ingest.records(edge, batch(Class::History, vec![record(9, Body::Gap(gap))])).await.unwrap();
        let far = START.after(Duration::from_secs(100));
        let gaps = rig.db.read(|tx| fleet::queries::gaps_between(tx, edge, START, far)).unwrap();
        assert_eq!(gaps.len(), 1);
        let gap = &gaps[0];
        assert_eq!((gap.first, gap.last, gap.lost), (4, 9, 6));
        assert_eq!(
            (gap.since, gap.at),
            (START.after(Duration::from_secs(3)), START.after(Duration::from_secs(9)))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_given_on_site_brings_its_evidence() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let id = rig.estate.ids.make();
        let request = CommandRequest {
            id,
            device,
            command: "set_limit".into(),
            params: [("percent".to_owned(), 50.into())].into(),
            actor: Actor::Operator,
            priority: Priority::Manual,
            deadline: START.after(Duration::from_secs(60)),
            lease: None,
            reason: Some("test".into()),
        };
        let step = |seq, passed: &[Stage], stage| {
            let step = Evidence { command: id, stage, at: START };
            record(seq, Body::Step { step, passed: passed.to_vec().into() })
        };
        let records = vec![
            record(1, Body::Command { request }),
            step(2, &[], Stage::Authorised),
            step(3, &[], Stage::Arbitrated { displaced: None }),
            step(4, &[Stage::Written, Stage::ReadBack], Stage::Done),
        ];
        rig.ingest.records(edge, batch(Class::Command, records)).await.unwrap();
        let found = rig.db.read(|tx| commands::queries::find(tx, id)).unwrap().expect("kept");
        let words: Vec<&str> = found.steps.iter().map(|step| step.stage.word()).collect();
        let chain = ["authorised", "arbitrated", "written", "read-back", "done"];
        assert_eq!((&words[..], found.is_final), (&chain[..], true));
        assert!(rig.count("SELECT count(*) FROM audit_record WHERE verb = 'command.request'") == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edges_own_audit_chain_is_folded_in_and_a_break_is_named() {
    for rig in rigs() {
        let edge = rig.edge();
        let entry = |verb: &str, previous: String| AuditEntry {
            actor: Actor::Operator,
            origin: "command-line".into(),
            verb: verb.into(),
            object: format!("edge:{edge}"),
            detail: serde_json::Value::Null,
            outcome: "done".into(),
            previous,
        };
        let first = entry("point.write", String::new());
        let hash = |entry: &AuditEntry| {
            use sha2::{Digest, Sha256};
            hex::encode(Sha256::digest(serde_json::to_vec(entry).unwrap()))
        };
        let second = entry("release.switch", hash(&first));
        let forged = entry("point.write", "0".repeat(64));
        let records = vec![record(1, Body::Audit(first)), record(2, Body::Audit(second))];
        rig.ingest.records(edge, batch(Class::Audit, records)).await.unwrap();
        let broken = "SELECT count(*) FROM audit_record WHERE verb = 'audit.chain-broken'";
        assert_eq!(rig.count(broken), 0);
        rig.ingest.records(edge, batch(Class::Audit, vec![record(3, Body::Audit(forged))])).await.unwrap();
        assert_eq!(rig.count(broken), 1);
        assert_eq!(rig.count("SELECT count(*) FROM audit_record WHERE verb = 'edge.record'"), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_older_than_its_driver_allows_is_shown_as_stale_though_its_gateway_is_there() {
    for rig in rigs() {
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let at = rig.clock.as_ref();
        let mode = |seq: u64, word: &str| {
            let value = Value::good(word, rig.estate.clock.now());
            record(seq, Body::Status(StatusChange { device, name: "mode".into(), value }))
        };
        let worth = |name: &str| {
            let registry = rig.estate.registry();
            view::one(&rig.estate, &registry, device, name).unwrap().value.quality
        };
        rig.ingest.records(edge, power(device, 1..=1, |_| 5.0)).await.unwrap();
        rig.ingest.records(edge, batch(Class::Status, vec![mode(1, "heat")])).await.unwrap();
        // Heartbeats go on all the time: the gateway is there, the value is not.
        let pass = async |seconds: u64| {
            at.advance(Duration::from_secs(seconds));
            rig.ingest.heartbeat(edge, beat(rig.estate.clock.now(), vec![])).await;
        };
        pass(600).await;
        assert_eq!(worth("mode"), Quality::Good, "ten minutes are what its driver allows");
        pass(1).await;
        assert_eq!(worth("mode"), Quality::Uncertain(Reason::Stale));
        assert_eq!(worth("power"), Quality::Good, "its driver sets no limit");
        rig.ingest.records(edge, batch(Class::Status, vec![mode(2, "heat")])).await.unwrap();
        assert_eq!(worth("mode"), Quality::Good, "said again, it is fresh again");
    }
}
