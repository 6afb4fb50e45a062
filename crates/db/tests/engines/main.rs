//! What the database promises, on every engine that is there.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod writers;

use bo_db::testing::TestDb;
use bo_db::{DbError, Event, Migration, params};
use bo_model::clock::SharedClock;
use bo_model::{Kind, ManualClock, Object, Time};
use serde_json::json;
use std::sync::Arc;

const TABLES: [Migration; 1] = [Migration {
    module: "test",
    number: 1,
    name: "things",
    sql: "CREATE TABLE thing (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, size DOUBLE PRECISION,
          alive BIGINT NOT NULL, at BIGINT NOT NULL, data BLOB);",
}];

fn clock() -> SharedClock {
    ManualClock::at(Time::from_seconds(1_800_000_000))
}

fn each() -> Vec<TestDb> {
    TestDb::each(&TABLES, clock()).unwrap()
}

fn thing() -> Object {
    Object::new(Kind("thing"), 1)
}

#[tokio::test]
async fn what_is_written_reads_back_with_its_type() {
    for test in each() {
        test.db
            .write(|tx| {
                tx.audit(Event::new("thing.create", thing()));
                tx.execute(
                    "INSERT INTO thing (name, size, alive, at, data) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params!["Grüße '?1'", 2.5, true, Time(77), &[1u8, 2, 3]],
                )?;
                tx.execute(
                    "INSERT INTO thing (name, size, alive, at, data) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params!["empty", None::<f64>, false, Time(78), None::<Vec<u8>>],
                )
            })
            .await
            .unwrap();
        let rows = test
            .db
            .read(|tx| {
                tx.query("SELECT name, size, alive, at, data FROM thing ORDER BY id", &[], |row| {
                    Ok((
                        row.get::<String>(0)?,
                        row.get::<Option<f64>>(1)?,
                        row.get::<bool>(2)?,
                        row.get::<Time>(3)?,
                        row.get::<Option<Vec<u8>>>(4)?,
                    ))
                })
            })
            .unwrap();
        assert_eq!(
            rows[0],
            ("Grüße '?1'".into(), Some(2.5), true, Time(77), Some(vec![1, 2, 3])),
            "{}",
            test.engine
        );
        assert_eq!(rows[1], ("empty".into(), None, false, Time(78), None), "{}", test.engine);
        let (sum, count): (i64, i64) = test
            .db
            .read(|tx| {
                tx.query_one("SELECT SUM(at), COUNT(*) FROM thing", &[], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .unwrap();
        assert_eq!((sum, count), (155, 2), "{}", test.engine);
    }
}

#[tokio::test]
async fn a_failed_transaction_leaves_nothing_behind() {
    for test in each() {
        let failed: Result<(), DbError> = test
            .db
            .write(|tx| {
                tx.audit(Event::new("thing.create", thing()));
                tx.execute("INSERT INTO thing (name, alive, at) VALUES ('a', 1, 1)", &[])?;
                tx.execute("INSERT INTO thing (name, alive, at) VALUES ('a', 1, 1)", &[])?;
                Ok(())
            })
            .await;
        assert!(failed.unwrap_err().is_unique(), "{}", test.engine);
        assert_eq!(count(&test, "thing"), 0, "{}", test.engine);
        assert_eq!(count(&test, "audit_record"), 0, "{}", test.engine);
    }
}

fn count(test: &TestDb, table: &str) -> i64 {
    test.db.read(|tx| tx.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[], |row| row.get(0))).unwrap()
}

#[tokio::test]
async fn a_change_with_no_record_is_refused_and_one_that_says_why_is_not() {
    for test in each() {
        let silent: Result<usize, DbError> = test
            .db
            .write(|tx| tx.execute("INSERT INTO thing (name, alive, at) VALUES ('a', 1, 1)", &[]))
            .await;
        assert!(matches!(silent, Err(DbError::Unaudited { .. })), "{}: {silent:?}", test.engine);
        assert_eq!(count(&test, "thing"), 0);
        let telemetry: Result<usize, DbError> = test
            .db
            .write(|tx| {
                tx.unaudited("telemetry");
                tx.execute("INSERT INTO thing (name, alive, at) VALUES ('a', 1, 1)", &[])
            })
            .await;
        assert_eq!(telemetry.unwrap(), 1);
        let nothing: Result<usize, DbError> =
            test.db.write(|tx| tx.execute("DELETE FROM thing WHERE name = 'b'", &[])).await;
        assert_eq!(nothing.unwrap(), 0, "a statement that changes nothing needs no record");
    }
}

#[tokio::test]
async fn a_reading_transaction_can_not_write() {
    for test in each() {
        let written: Result<usize, DbError> =
            test.db.read(|tx| tx.execute("INSERT INTO thing (name, alive, at) VALUES ('a', 1, 1)", &[]));
        assert!(written.is_err(), "{}", test.engine);
    }
}

#[tokio::test]
async fn many_rows_go_in_at_once() {
    for test in each() {
        test.db
            .write(|tx| {
                tx.unaudited("telemetry");
                let rows: Vec<Vec<bo_db::Param<'_>>> =
                    (0..1001i64).map(|n| vec![format!("n{n}").into(), true.into(), n.into()]).collect();
                tx.insert_many("thing", &["name", "alive", "at"], &rows)?;
                tx.insert_many_with("thing", &["name", "alive", "at"], &rows[..40], "ON CONFLICT DO NOTHING")
            })
            .await
            .unwrap();
        assert_eq!(count(&test, "thing"), 1001, "{}", test.engine);
    }
}

#[tokio::test]
async fn an_edited_migration_is_refused_and_a_new_one_applied() {
    for test in each() {
        let edited = [Migration { sql: "CREATE TABLE other (id BIGINT)", ..TABLES[0] }];
        let error = test.db.migrate(&edited).unwrap_err().to_string();
        assert!(error.contains("test/1") && error.contains("another text"), "{error}");
        let gap = [TABLES[0], Migration { module: "test", number: 3, name: "later", sql: "SELECT 1" }];
        assert!(test.db.migrate(&gap).unwrap_err().to_string().contains("expected number 2"));
        let next = [
            TABLES[0],
            Migration { module: "test", number: 2, name: "more", sql: "CREATE TABLE more (id BIGINT)" },
        ];
        test.db.migrate(&next).unwrap();
        test.db.migrate(&next).unwrap();
        assert_eq!(count(&test, "more"), 0);
    }
}

#[tokio::test]
async fn a_database_that_can_not_be_opened_says_why_without_the_password() {
    let error = |url: &str| bo_db::Db::open(url, clock()).err().unwrap().to_string();
    assert!(error("mysql://x").contains("sqlite:<file>"));
    assert!(error("sqlite:/nowhere/at/all/x.db").contains("folder does not exist"));
    let refused = error("postgres://bo:s3cret@127.0.0.1:1/bo");
    assert!(refused.contains("127.0.0.1:1") && !refused.contains("s3cret"), "{refused}");
}

mod outbox {
    use super::*;
    use bo_db::Tx;
    use bo_db::outbox::{Handler, Message, step};

    fn note(tx: &mut Tx, message: &Message) -> Result<(), DbError> {
        let name = format!("{} {} {}", message.topic, message.reference, message.payload["n"]);
        tx.execute("INSERT INTO thing (name, alive, at) VALUES (?1, 1, 1)", params![name])?;
        Ok(())
    }

    fn refuse(_: &mut Tx, message: &Message) -> Result<(), DbError> {
        match message.payload["n"].as_i64() {
            Some(2) => Err(DbError::Missing { sql: "what the handler looks for".into() }),
            _ => Ok(()),
        }
    }

    static NOTE: Handler = Handler { name: "note", topics: &["thing.made"], run: note };
    static REFUSE: Handler = Handler { name: "refuse", topics: &["thing.made"], run: refuse };

    #[tokio::test]
    async fn events_reach_a_handler_once_each_and_in_order() {
        for test in each() {
            for n in 0..3 {
                let emitted: Result<(), DbError> = test
                    .db
                    .write(move |tx| {
                        tx.emit(if n == 1 { "thing.lost" } else { "thing.made" }, &thing(), json!({"n": n}));
                        Ok(())
                    })
                    .await;
                emitted.unwrap();
            }
            let undone: Result<(), DbError> = test
                .db
                .write(|tx| {
                    tx.emit("thing.made", &thing(), json!({"n": 99}));
                    Err(DbError::Closed)
                })
                .await;
            assert!(undone.is_err());
            step(&test.db, &NOTE).await.unwrap();
            step(&test.db, &NOTE).await.unwrap();
            let names = test
                .db
                .read(|tx| tx.query("SELECT name FROM thing ORDER BY id", &[], |row| row.get::<String>(0)));
            assert_eq!(names.unwrap(), ["thing.made thing:1 0", "thing.made thing:1 2"], "{}", test.engine);
        }
    }

    #[tokio::test]
    async fn an_event_that_keeps_failing_is_parked_and_the_next_goes_on() {
        for test in each() {
            let emitted: Result<(), DbError> = test
                .db
                .write(|tx| {
                    (1..=3).for_each(|n| tx.emit("thing.made", &thing(), json!({"n": n})));
                    Ok(())
                })
                .await;
            emitted.unwrap();
            step(&test.db, &REFUSE).await.unwrap();
            let parked = test.db.read(|tx| {
                tx.query("SELECT seq, error FROM outbox_parked", &[], |row| {
                    Ok((row.get::<i64>(0)?, row.get::<String>(1)?))
                })
            });
            let parked = parked.unwrap();
            assert_eq!(parked.len(), 1, "{}", test.engine);
            assert!(parked[0].1.contains("what the handler looks for"));
            let cursor = test
                .db
                .read(|tx| tx.query_one("SELECT seq FROM outbox_cursor", &[], |row| row.get::<i64>(0)));
            assert_eq!(cursor.unwrap(), parked[0].0 + 1, "{}", test.engine);
        }
    }
}
