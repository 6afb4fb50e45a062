//! Whoever changes the log is found out, and what they changed is named.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use bo_db::audit::export::{export, prove, read, stored};
use bo_db::audit::merkle::{leaf, verify_inclusion};
use bo_db::audit::verify::{Finding, Report, verify};
use bo_db::audit::{Event, SigningKey};
use bo_db::testing::TestDb;
use bo_db::{DbError, params};
use bo_model::clock::SharedClock;
use bo_model::{Kind, ManualClock, Object, Time};
use serde_json::json;
use std::sync::Arc;

fn clock() -> SharedClock {
    ManualClock::at(Time::from_seconds(1_800_000_000))
}

/// A log of 30 records with checkpoints at 10, 20 and 30.
async fn log(test: &TestDb, key: &Arc<SigningKey>) {
    for n in 0..30 {
        let written: Result<(), DbError> = test
            .db
            .write(move |tx| {
                let door = Object::new(Kind::DEVICE, format!("door-{n}"));
                tx.audit(Event::new("device.command", door).after(json!({"n": n, "api_key": "s3cret"})));
                Ok(())
            })
            .await;
        written.unwrap();
        if n % 10 == 9 {
            test.db.checkpoint(key).await.unwrap().unwrap();
        }
    }
}

fn check(test: &TestDb, key: &SigningKey) -> Report {
    let (lines, notes) = test.db.read(stored).unwrap();
    verify(&lines, &notes, &[], &key.public())
}

async fn tamper(test: &TestDb, sql: &'static str) {
    let done: Result<usize, DbError> = test
        .db
        .write(move |tx| {
            tx.unaudited("somebody with the database in their hands");
            tx.execute(sql, &[])
        })
        .await;
    assert!(done.unwrap() > 0);
}

async fn after(sql: &[&'static str]) -> Vec<Vec<Finding>> {
    let mut all = Vec::new();
    for test in TestDb::each(&[], clock()).unwrap() {
        let key = Arc::new(SigningKey::generate());
        log(&test, &key).await;
        for sql in sql {
            tamper(&test, sql).await;
        }
        all.push(check(&test, &key).findings);
    }
    all
}

#[tokio::test]
async fn an_untouched_log_is_proved_whole() {
    for test in TestDb::each(&[], clock()).unwrap() {
        let key = Arc::new(SigningKey::generate());
        log(&test, &key).await;
        assert_eq!(
            check(&test, &key),
            Report { records: 30, signed: 30, findings: vec![] },
            "{}",
            test.engine
        );
        let mut bytes = Vec::new();
        let count = test.db.read(|tx| export(tx, &mut bytes)).unwrap();
        assert_eq!(count, 30);
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("s3cret"), "a secret reached the log");
        let (lines, notes) = read(text.as_bytes()).unwrap();
        assert_eq!(verify(&lines, &notes, &[], &key.public()).findings, vec![], "{}", test.engine);
        let other = SigningKey::generate();
        assert!(matches!(
            verify(&lines, &notes, &[], &other.public()).findings[0],
            Finding::BadCheckpoint(0, _)
        ));
    }
}

#[tokio::test]
async fn a_changed_record_is_named() {
    let sql = "UPDATE audit_record SET body = REPLACE(body, 'door-12', 'door-99') WHERE seq = 12";
    for findings in after(&[sql]).await {
        assert_eq!(findings, [Finding::ColumnsDiffer(12), Finding::Changed(12)]);
    }
}

#[tokio::test]
async fn a_column_that_searches_use_can_not_be_changed_alone() {
    for findings in after(&["UPDATE audit_record SET actor = 'account:nobody' WHERE seq = 7"]).await {
        assert_eq!(findings, [Finding::ColumnsDiffer(7)]);
    }
}

#[tokio::test]
async fn removed_records_are_named() {
    for findings in after(&["DELETE FROM audit_record WHERE seq IN (4, 5)"]).await {
        assert_eq!(findings, [Finding::Removed(4, 5)]);
    }
}

#[tokio::test]
async fn a_removed_end_is_named() {
    for findings in after(&["DELETE FROM audit_record WHERE seq >= 25"]).await {
        assert_eq!(findings, [Finding::Truncated(25, 29)]);
    }
}

#[tokio::test]
async fn records_that_changed_places_are_named() {
    let sql = [
        "UPDATE audit_record SET seq = 1000 WHERE seq = 8",
        "UPDATE audit_record SET seq = 8 WHERE seq = 15",
        "UPDATE audit_record SET seq = 15 WHERE seq = 1000",
    ];
    for findings in after(&sql).await {
        let moved: Vec<_> =
            findings.iter().filter(|finding| !matches!(finding, Finding::ColumnsDiffer(_))).collect();
        assert_eq!(moved, [&Finding::Reordered(15), &Finding::Reordered(8)]);
    }
}

#[tokio::test]
async fn an_inserted_record_is_named() {
    let sql = [
        "UPDATE audit_record SET seq = seq + 1000 WHERE seq > 20",
        "UPDATE audit_record SET seq = seq - 999 WHERE seq > 1000",
        "INSERT INTO audit_record (seq, at, workspace, actor, verb, object, outcome, body, leaf)
         SELECT 21, at, workspace, actor, verb, object, outcome, REPLACE(body, 'door-20', 'door-77'), leaf FROM audit_record WHERE seq = 20",
    ];
    for findings in after(&sql).await {
        let wrong: Vec<_> =
            findings.iter().filter(|finding| !matches!(finding, Finding::ColumnsDiffer(_))).collect();
        assert_eq!(wrong, [&Finding::Inserted(20)]);
    }
}

#[tokio::test]
async fn a_log_rewritten_to_fit_itself_does_not_fit_what_was_signed() {
    for test in TestDb::each(&[], clock()).unwrap() {
        let key = Arc::new(SigningKey::generate());
        log(&test, &key).await;
        let rewritten: Result<(), DbError> = test
            .db
            .write(|tx| {
                tx.unaudited("somebody with the database in their hands");
                rewrite_from(tx, 14)
            })
            .await;
        rewritten.unwrap();
        assert_eq!(check(&test, &key).findings, [Finding::Rewritten(10, 19)], "{}", test.engine);
    }
}

/// Does what the product does when it appends: numbers, chain hashes and leaves all fit each other afterwards.
fn rewrite_from(tx: &mut bo_db::Tx, first: i64) -> Result<(), DbError> {
    let bodies = tx.query(
        "SELECT seq, body, leaf FROM audit_record WHERE seq >= ?1 ORDER BY seq",
        params![first - 1],
        |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<Vec<u8>>(2)?)),
    )?;
    let mut prev = hex::encode(&bodies[0].2);
    for (seq, body, _) in &bodies[1..] {
        let mut record: bo_db::audit::Record = serde_json::from_str(body).unwrap();
        record.prev = prev;
        if *seq == first {
            record.after = Some(json!({"n": "something else"}));
        }
        let body = serde_json::to_string(&record).unwrap();
        let hash = leaf(body.as_bytes());
        prev = hex::encode(hash);
        tx.execute(
            "UPDATE audit_record SET body = ?2, leaf = ?3 WHERE seq = ?1",
            params![*seq, &body, hash.to_vec()],
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn one_record_can_be_proved_alone() {
    for test in TestDb::each(&[], clock()).unwrap() {
        let key = Arc::new(SigningKey::generate());
        log(&test, &key).await;
        let proof = test.db.read(|tx| prove(tx, 17)).unwrap().unwrap();
        let checkpoint = key.public().open(&proof.checkpoint).unwrap();
        let path: Vec<[u8; 32]> =
            proof.path.iter().map(|hash| hex::decode(hash).unwrap().try_into().unwrap()).collect();
        let holds = |record: &str| {
            verify_inclusion(leaf(record.as_bytes()), 17, checkpoint.size, &path, &checkpoint.root)
        };
        assert!(holds(&proof.record) && !holds(&proof.record.replace("door-17", "door-18")));
        assert_eq!(test.db.read(|tx| prove(tx, 30)).unwrap(), None);
    }
}

#[tokio::test]
async fn records_are_found_by_what_is_known_of_them() {
    use bo_db::audit::search::{Filter, find, search, status};
    for test in TestDb::each(&[], clock()).unwrap() {
        let key = Arc::new(SigningKey::generate());
        log(&test, &key).await;
        let seqs = |filter: Filter, limit| -> Vec<u64> {
            test.db.read(|tx| search(tx, &filter, limit)).unwrap().iter().map(|record| record.seq).collect()
        };
        assert_eq!(seqs(Filter::default(), 3), [29, 28, 27]);
        assert_eq!(seqs(Filter { below: Some(27), ..Filter::default() }, 2), [26, 25]);
        let door = Object::new(Kind::DEVICE, "door-12");
        assert_eq!(
            seqs(Filter { object: Some(door), verb: Some("device".into()), ..Filter::default() }, 9),
            [12]
        );
        assert_eq!(seqs(Filter { text: Some("DOOR-2".into()), ..Filter::default() }, 100).len(), 11);
        assert_eq!(seqs(Filter { text: Some("door_2".into()), ..Filter::default() }, 100).len(), 0);
        assert_eq!(seqs(Filter { verb: Some("dev".into()), ..Filter::default() }, 100).len(), 0);
        assert_eq!(
            test.db.read(|tx| find(tx, 12)).unwrap().unwrap().after,
            Some(json!({"n": 12, "api_key": "(hidden)"}))
        );
        let status = test.db.read(status).unwrap();
        assert_eq!((status.records, status.signed), (30, 30));
    }
}
