//! One golden file per message: what an older peer wrote still reads, and what we write stays what it was.
//! A new message: run once with `BO_GOLDEN=write`, look at the file, commit it.

use bo_model::command::{Actor, CommandRequest, Priority, Stage, Step};
use bo_model::{Quality, Reason, Time, Value};
use bo_wire::*;
use std::path::PathBuf;

fn id<T: From<uuid::Uuid>>(number: u128) -> T {
    T::from(uuid::Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0000 + number))
}

fn request() -> CommandRequest {
    CommandRequest {
        id: id(9),
        device: id(2),
        command: "set_setpoint".into(),
        params: [("setpoint".to_owned(), serde_json::json!(21.5))].into(),
        actor: Actor::Account { id: id(5), name: "Noor Haddad".into() },
        priority: Priority::Manual,
        deadline: Time(1_790_000_010_000_000),
        lease: None,
        reason: Some("too cold".into()),
    }
}

fn ups() -> Vec<Up> {
    let at = Time(1_790_000_000_000_000);
    let record = |seq, body| Record { seq, at, body };
    let bad = Value { quality: Quality::Bad(Reason::Exception(2)), ..Value::good(3.0, at) };
    vec![
        Up::Hello(Hello {
            agent: "0.1.0".into(),
            release: "ab12".into(),
            cursors: vec![Cursor { class: Class::Audit, epoch: 1, seq: 17 }],
            at,
        }),
        Up::Records(Records {
            class: Class::Command,
            epoch: 1,
            backfill: false,
            records: vec![
                record(
                    1,
                    Body::Status(StatusChange {
                        device: id(2),
                        name: "power".into(),
                        value: Value::good(1250.5, at),
                    }),
                ),
                record(2, Body::Status(StatusChange { device: id(2), name: "power".into(), value: bad })),
                record(3, Body::Command { request: request() }),
                record(
                    4,
                    Body::Step {
                        step: Step {
                            command: id(9),
                            stage: Stage::Refused { why: "held by Noor".into() },
                            at,
                        },
                        passed: Default::default(),
                    },
                ),
                record(
                    5,
                    Body::Alarm(AlarmEvent {
                        key: "device:x:offline".into(),
                        active: true,
                        severity: "warning".into(),
                        text: "Display_1 does not answer".into(),
                        system: Some(id(3)),
                        device: Some(id(2)),
                    }),
                ),
                record(9, Body::Gap(Gap { from: 6, to: 9, count: 4, why: "disk bound reached".into() })),
                record(
                    10,
                    Body::Log(LogLine {
                        device: None,
                        level: LogLevel::Warn,
                        text: "clock went back 3 s".into(),
                    }),
                ),
                record(
                    11,
                    Body::Audit(AuditEntry {
                        actor: Actor::Operator,
                        origin: "command-line".into(),
                        verb: "point.write".into(),
                        object: "device:x".into(),
                        detail: serde_json::json!({"after": 1}),
                        outcome: "done".into(),
                        previous: String::new(),
                    }),
                ),
                record(
                    12,
                    Body::Trigger(TriggerRun {
                        trigger: id(7),
                        outcome: "activated".into(),
                        trace: bo_wire::Raw::of(&serde_json::json!({})),
                        notify: vec![],
                    }),
                ),
                record(
                    13,
                    Body::Step {
                        step: Step { command: id(9), stage: Stage::Done, at },
                        passed: vec![Stage::Written].into(),
                    },
                ),
            ],
        }),
        Up::Snapshot(Snapshot {
            part: 0,
            last: true,
            values: vec![SnapshotValue {
                device: id(2),
                name: "input".into(),
                value: Value::good("HDMI 1", at),
            }],
        }),
        Up::Heartbeat(Heartbeat {
            at,
            count: 12,
            release: "ab12".into(),
            backlog: 3,
            journal_bytes: 40_960,
            links: vec![("bus".into(), "up".into(), Some(at))],
            unwell: vec![(id(2), "no reply in time".into())],
            memory: 18_000_000,
        }),
        Up::BlobRequest(BlobRequest { hash: "00ff".into(), offset: 196_608 }),
        Up::Renew(Renew { csr: "-----BEGIN CERTIFICATE REQUEST-----".into() }),
    ]
}

fn downs() -> Vec<Down> {
    vec![
        Down::Ack(Ack { cursors: vec![Cursor { class: Class::History, epoch: 1, seq: 900 }], resend: false }),
        Down::Command(CommandMessage { request: request() }),
        Down::Announce(Announce {
            release: SignedRelease {
                number: 4,
                compiled_at: Time(1_790_000_000_000_000),
                site: "{}".into(),
                hash: "ab12".into(),
                signature: "cd34".into(),
            },
        }),
        Down::Backfill(Backfill { class: Class::History, epoch: 1, from: 10, to: 20 }),
        Down::Renewed(Renewed { certificate: "-----BEGIN CERTIFICATE-----".into() }),
    ]
}

fn check(kind: &str, direction: &str, payload: &[u8]) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{direction}-{kind}.json"));
    let ours: serde_json::Value = serde_json::from_slice(payload).unwrap();
    if std::env::var("BO_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, serde_json::to_string_pretty(&ours).unwrap() + "\n").unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(
        ours,
        serde_json::from_str::<serde_json::Value>(&golden).unwrap(),
        "{direction} {kind} changed"
    );
}

#[test]
fn every_message_is_written_as_it_always_was_and_reads_back() {
    for up in ups() {
        let (kind, payload) = up.encode();
        check(kind, "up", &payload);
        assert_eq!(Up::decode(kind, &payload).unwrap(), up);
    }
    for down in downs() {
        let (kind, payload) = down.encode();
        check(kind, "down", &payload);
        assert_eq!(Down::decode(kind, &payload).unwrap(), down);
    }
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    assert!(Up::decode("hello", b"{").unwrap_err().contains("EOF"));
    assert!(Up::decode("dance", b"{}").unwrap_err().contains("dance"));
    assert!(Up::decode("records", &vec![b' '; MAX_PAYLOAD + 1]).unwrap_err().contains("over the limit"));
}
