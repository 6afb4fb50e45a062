//! The edge's journal and uplink against the gate: what one side acknowledges, the other has, whatever happens between.

mod support;

use backoffice_edge::enroll::{self, EnrollError, Identity};
use backoffice_edge::journal::{Journal, Limits};
use backoffice_edge::uplink::{self, FetchError, Report, UplinkEvent, UplinkHandle, Vitals};
use bo_model::command::{Actor, CommandRequest, Priority, Stage};
use bo_model::{CommandId, DeviceId, ManualClock, SystemClock, Time, Value};
use bo_runtime::Shutdown;
use bo_uplink::{CODE_LIFE, CodeState, Uplink, hash_code, new_code};
use bo_wire::{
    Ack, Backfill, Body, Class, CommandMessage, Cursor, Down, LogLevel, LogLine, Record, Renewed,
    SnapshotValue, StatusChange,
};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::enrol::{enrolled, serve};
use support::*;
use tokio::sync::mpsc;

fn device() -> DeviceId {
    DeviceId(uuid::Uuid::from_u128(7))
}

fn sample(n: u64) -> Body {
    Body::Status(StatusChange {
        device: device(),
        name: "t".into(),
        value: Value::good(n as f64, Time(n as i64)),
    })
}

fn line(n: u64) -> Body {
    Body::Log(LogLine { device: None, level: LogLevel::Info, text: n.to_string() })
}

fn report() -> Report {
    let value = || SnapshotValue { device: device(), name: "t".into(), value: Value::good(1, Time(1)) };
    Report {
        snapshot: Box::new(move || vec![value()]),
        vitals: Box::new(|| Vitals { release: "r1".into(), ..Vitals::default() }),
    }
}

async fn connected(handle: &UplinkHandle) {
    let mut state = handle.state();
    let up = state.wait_for(|state| state.connected);
    tokio::time::timeout(PATIENCE, up).await.expect("the edge connects").unwrap();
}

/// A controller's gate and an edge that enrolled at it; all in a folder of its own.
struct Pair {
    folder: tempfile::TempDir,
    memory: Arc<Memory>,
    shutdown: Shutdown,
    gate: Uplink,
    /// Ends the gate alone.
    gate_life: Shutdown,
    identity: Identity,
}

impl Pair {
    async fn new() -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let (memory, shutdown) = (Memory::new(folder.path()), Shutdown::new());
        let gate_life = shutdown.child();
        let gate = open(&memory, &gate_life).await;
        let identity = enrolled(&memory, &gate, folder.path()).await;
        Pair { folder, memory, shutdown, gate, gate_life, identity }
    }

    /// The controller restarts, on the same port.
    async fn restart_gate(&mut self) {
        let port = self.gate.gate_address().unwrap().port();
        self.gate_life.signal();
        self.gate_life = self.shutdown.child();
        let bound = async {
            loop {
                let uplink = Uplink::new();
                let gate = Some(bo_uplink::GateConfig::at(loopback(port)));
                let config = bo_uplink::UplinkConfig { gate, ..Default::default() };
                let (authority, handler) = (&self.memory.authority, self.memory.clone());
                if uplink.start(config, authority, handler, &self.gate_life).await.is_ok() {
                    return uplink;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        self.gate = tokio::time::timeout(PATIENCE, bound).await.expect("the port is free again");
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("j.db")
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.path(), Limits::default(), Arc::new(SystemClock)).unwrap()
    }

    /// The edge's uplink, until `life` ends.
    fn start(&self, journal: &Journal, life: &Shutdown) -> (UplinkHandle, mpsc::Receiver<UplinkEvent>) {
        uplink::start(self.identity.clone(), journal.clone(), report(), Arc::new(SystemClock), life)
    }

    async fn connected(&self) -> (Journal, UplinkHandle, mpsc::Receiver<UplinkEvent>) {
        let journal = self.journal();
        let (handle, events) = self.start(&journal, &self.shutdown);
        connected(&handle).await;
        (journal, handle, events)
    }
}

/// Numbers 1 to n, each once, in order, none missing.
fn whole(records: &[Record], n: u64) {
    let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, (1..=n).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_enrols_connects_shows_what_it_is_and_delivers_its_backlog() {
    let pair = Pair::new().await;
    let Pair { folder, memory, shutdown, gate, identity, .. } = &pair;
    assert_eq!(identity.edge, edge(1));
    assert_eq!(&Identity::load(folder.path()).unwrap(), identity);
    let again = enroll::enroll("https://127.0.0.1:1", "x", folder.path(), "gw").await;
    assert!(matches!(again, Err(EnrollError::Already(_))));

    let journal = pair.journal();
    for n in 1..=3_000 {
        while !journal.append(Class::History, Time(n), sample(n as u64)) {
            tokio::task::yield_now().await;
        }
    }
    journal.append_durable(Class::Alarm, Time(1), line(1)).await.unwrap();
    let (handle, _events) = pair.start(&journal, shutdown);
    connected(&handle).await;
    memory.until("all records", |m| m.records(edge(1), Class::History).len() == 3_000).await;
    whole(&memory.records(edge(1), Class::History), 3_000);
    whole(&memory.records(edge(1), Class::Alarm), 1);
    memory
        .until("snapshot and heartbeat", |m| {
            !m.snapshots.lock().unwrap().is_empty() && !m.heartbeats.lock().unwrap().is_empty()
        })
        .await;
    assert_eq!(memory.heartbeats.lock().unwrap()[0].1.release, "r1");
    let mut state = journal.watch();
    tokio::time::timeout(PATIENCE, state.wait_for(|s| s.backlog() == 0)).await.unwrap().unwrap();

    let epoch = journal.state().epoch;
    gate.send(edge(1), &Down::Backfill(Backfill { class: Class::History, epoch, from: 10, to: 19 })).unwrap();
    memory.until("the backfill", |m| m.backfilled.lock().unwrap().len() == 10).await;
    assert_eq!(memory.backfilled.lock().unwrap()[0].seq, 10);
    assert!(shutdown.drain(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_and_a_controller_with_another_authority_are_refused() {
    let (ours, theirs, data) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (memory, impostor) = (Memory::new(ours.path()), Memory::new(theirs.path()));
    let (code, hash) = new_code(&memory.authority);
    let state = CodeState { edge: edge(1), expires_at: Time(0).after(CODE_LIFE), used_at: Some(Time(0)) };
    let url = serve(memory.clone(), 1, hash.clone(), state.clone()).await;
    let used = enroll::enroll(&url, &code.to_string(), data.path(), "gw").await.unwrap_err();
    assert!(matches!(&used, EnrollError::Refused(why) if why.contains("was used at")), "{used}");

    // Whoever sits in the middle with the right address and another authority never sees the code.
    assert_eq!(hash_code(&code), hash);
    let url = serve(impostor, 1, hash, state).await;
    let fooled = enroll::enroll(&url, &code.to_string(), data.path(), "gw").await.unwrap_err();
    assert!(matches!(fooled, EnrollError::Unreachable { .. }), "{fooled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_while_either_side_comes_and_goes() {
    let mut pair = Pair::new().await;
    pair.memory.flaky.store(true, Ordering::SeqCst);
    let (mut history, mut status) = (0u64, 0u64);
    for round in 0..6u64 {
        let life = pair.shutdown.child();
        let journal = pair.journal();
        let (handle, _events) = pair.start(&journal, &life);
        for _ in 0..400 {
            history += 1;
            while !journal.append(Class::History, Time(history as i64), sample(history)) {
                tokio::task::yield_now().await;
            }
        }
        for _ in 0..20 {
            status += 1;
            assert_eq!(journal.append_durable(Class::Status, Time(0), sample(status)).await.unwrap(), status);
        }
        match round % 3 {
            // The connection is cut in the middle of whatever is going on.
            0 => {
                connected(&handle).await;
                pair.gate.kick(edge(1));
            }
            1 => pair.restart_gate().await,
            // The edge restarts.
            _ => {}
        }
        life.signal();
        journal.close().await;
    }
    let memory = &pair.memory;
    memory.flaky.store(false, Ordering::SeqCst);
    let _connected = pair.connected().await;
    memory
        .until("everything", |m| {
            m.records(edge(1), Class::History).len() as u64 >= history
                && m.records(edge(1), Class::Status).len() as u64 >= status
        })
        .await;
    whole(&memory.records(edge(1), Class::History), history);
    whole(&memory.records(edge(1), Class::Status), status);
    pair.shutdown.drain(PATIENCE).await;
}

fn command(id: u128, deadline: Time) -> Down {
    Down::Command(CommandMessage {
        request: CommandRequest {
            id: CommandId(uuid::Uuid::from_u128(id)),
            device: device(),
            command: "power_on".into(),
            params: Default::default(),
            actor: Actor::Operator,
            priority: Priority::Manual,
            deadline,
            lease: None,
            reason: None,
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_talks_nonsense_loses_nothing_of_the_edges_and_does_not_bring_it_down() {
    let pair = Pair::new().await;
    let (journal, handle, mut events) = pair.connected().await;
    let Pair { memory, shutdown, gate, .. } = &pair;
    for n in 1..=20 {
        journal.append_durable(Class::Log, Time(n), line(n as u64)).await.unwrap();
    }
    let epoch = journal.state().epoch;
    let ack = |epoch, seq, resend| {
        Down::Ack(Ack { cursors: vec![Cursor { class: Class::Audit, epoch, seq }], resend })
    };
    let ask = |epoch, from, to| Down::Backfill(Backfill { class: Class::Log, epoch, from, to });
    for nonsense in [
        ack(epoch, u64::MAX, false),
        ack(epoch ^ 1, 3, false),
        ack(epoch, 0, true),
        ask(epoch, 0, u64::MAX),
        ask(epoch, 9, 2),
        ask(epoch ^ 1, 1, 5),
        Down::Renewed(Renewed { certificate: "not a certificate".into() }),
    ] {
        gate.send(edge(1), &nonsense).unwrap();
    }
    for n in 1..=20 {
        journal.append_durable(Class::Audit, Time(n), line(n as u64)).await.unwrap();
    }
    memory.until("all audit records", |m| m.records(edge(1), Class::Audit).len() == 20).await;
    memory.until("all log lines", |m| m.records(edge(1), Class::Log).len() == 20).await;
    whole(&memory.records(edge(1), Class::Audit), 20);
    whole(&memory.records(edge(1), Class::Log), 20);
    assert!(handle.state().borrow().connected, "the conversation goes on");
    gate.send(edge(1), &command(3, Time(i64::MAX))).unwrap();
    let next = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap();
    assert!(matches!(next, Some(UplinkEvent::Command(_))), "and commands get through: {next:?}");
    shutdown.drain(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_come_down_in_time_or_not_at_all_and_blobs_are_checked() {
    let pair = Pair::new().await;
    let (_journal, handle, mut events) = pair.connected().await;
    let Pair { memory, shutdown, gate, .. } = &pair;

    gate.send(edge(1), &command(1, Time(1))).unwrap();
    gate.send(edge(1), &command(2, Time(i64::MAX))).unwrap();
    let Some(UplinkEvent::Command(request)) = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap()
    else {
        panic!("no command")
    };
    assert_eq!(request.id, CommandId(uuid::Uuid::from_u128(2)), "the late one was not passed on");
    memory.until("the late command's evidence", |m| !m.records(edge(1), Class::Command).is_empty()).await;
    let Body::Step { step, .. } = memory.records(edge(1), Class::Command)[0].body.clone() else { panic!() };
    assert!(matches!(step.stage, Stage::TimedOut { .. }));

    let blob: Vec<u8> = (0..500_000u32).map(|n| (n * 31) as u8).collect();
    let hash: [u8; 32] = Sha256::digest(&blob).into();
    memory.blobs.lock().unwrap().insert(hash, blob.clone().into());
    memory.blobs.lock().unwrap().insert([9; 32], blob.clone().into());
    assert_eq!(handle.fetch(hash).await, Ok(blob));
    assert!(matches!(handle.fetch([9; 32]).await, Err(FetchError::WrongHash(_))));
    assert!(matches!(handle.fetch([8; 32]).await, Err(FetchError::Unknown(_))));
    shutdown.drain(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_before_it_ends_and_the_edge_goes_on_with_the_new_one() {
    let pair = Pair::new().await;
    let Pair { folder, memory, shutdown, identity, .. } = &pair;
    let before = std::fs::read_to_string(folder.path().join("identity/edge.pem")).unwrap();
    let journal = pair.journal();
    // To this edge's clock the certificate is in its last third.
    let clock = ManualClock::at(Time(identity.expires_at.0 - 90 * 24 * 3_600 * 1_000_000));
    let (handle, _events) = uplink::start(identity.clone(), journal.clone(), report(), clock, shutdown);
    memory.until("a renewal", |m| m.renewed.load(Ordering::SeqCst) >= 1).await;
    let swapped = async {
        while std::fs::read_to_string(folder.path().join("identity/edge.pem")).unwrap() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, swapped).await.expect("the new certificate is stored");
    connected(&handle).await;
    journal.append_durable(Class::Alarm, Time(1), line(1)).await.unwrap();
    memory
        .until("a record under the new certificate", |m| !m.records(edge(1), Class::Alarm).is_empty())
        .await;
    shutdown.drain(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_put_back_to_an_earlier_state_begins_a_new_epoch_and_loses_nothing_new() {
    let pair = Pair::new().await;
    let Pair { folder, memory, shutdown: all, .. } = &pair;
    let (path, image) = (pair.path(), folder.path().join("image.db"));
    let journal = pair.journal();
    journal.append_durable(Class::Alarm, Time(1), line(1)).await.unwrap();
    journal.close().await;
    std::fs::copy(&path, &image).unwrap();

    let life = all.child();
    let journal = pair.journal();
    let (handle, _events) = pair.start(&journal, &life);
    for n in 2..=5 {
        journal.append_durable(Class::Alarm, Time(n), line(n as u64)).await.unwrap();
    }
    connected(&handle).await;
    memory.until("five alarms", |m| m.records(edge(1), Class::Alarm).len() == 5).await;
    life.signal();
    journal.close().await;
    drop((journal, handle));
    std::fs::copy(&image, &path).unwrap();
    for side in ["j.db-wal", "j.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(side));
    }

    let journal = pair.journal();
    let (_handle, _events) = pair.start(&journal, all);
    journal.append_durable(Class::Alarm, Time(9), line(99)).await.unwrap();
    memory
        .until("the alarm of the new life", |m| {
            m.records(edge(1), Class::Alarm).iter().any(|record| record.body == line(99))
        })
        .await;
    all.drain(PATIENCE).await;
}
