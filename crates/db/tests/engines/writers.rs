//! Writes that are many at once, wait together, or meet a full disk.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_at_once_each_succeeds_or_fails_alone() {
    for test in each() {
        let tasks: Vec<_> = (0..300i64)
            .map(|number| {
                let db = test.db.clone();
                tokio::spawn(async move {
                    db.write(move |tx| -> Result<(), DbError> {
                        tx.audit(Event::new("thing.create", Object::new(Kind("thing"), number)));
                        // Every tenth has the name of the one before it.
                        let name = format!("thing {}", if number % 10 == 9 { number - 1 } else { number });
                        tx.execute("INSERT INTO thing (name, alive, at) VALUES (?1, 1, 1)", params![name])?;
                        if number % 50 == 7 {
                            panic!("a bug in the transaction");
                        }
                        Ok(())
                    })
                    .await
                })
            })
            .collect();
        let (mut done, mut twice, mut panicked) = (0, 0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => done += 1,
                Err(DbError::Panicked { message }) if message.contains("a bug") => panicked += 1,
                Err(error) if error.is_unique() => twice += 1,
                Err(error) => panic!("{}: {error}", test.engine),
            }
        }
        assert_eq!((done, twice, panicked), (264, 30, 6), "{}", test.engine);
        assert_eq!(count(&test, "thing"), 264, "{}", test.engine);
        let seqs = test
            .db
            .read(|tx| tx.query("SELECT seq FROM audit_record ORDER BY seq", &[], |row| row.get::<i64>(0)));
        assert_eq!(seqs.unwrap(), (0..264).collect::<Vec<_>>(), "{}", test.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_beside_writes_keeps_the_audit_log_in_one_line() {
    for test in each() {
        let tasks: Vec<_> = (0..200u64)
            .map(|number| {
                let db = test.db.clone();
                tokio::spawn(async move {
                    let work = move |tx: &mut bo_db::Tx| -> Result<(), DbError> {
                        if number % 3 == 0 {
                            tx.audit(Event::new("thing.create", Object::new(Kind("thing"), number)));
                        } else {
                            tx.unaudited("telemetry");
                        }
                        tx.execute(
                            "INSERT INTO thing (name, alive, at) VALUES (?1, 1, 1)",
                            params![format!("t{number}")],
                        )?;
                        Ok(())
                    };
                    if number % 2 == 0 { db.ingest(number, work).await } else { db.write(work).await }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(count(&test, "thing"), 200, "{}", test.engine);
        let seqs = test
            .db
            .read(|tx| tx.query("SELECT seq FROM audit_record ORDER BY seq", &[], |row| row.get::<i64>(0)));
        assert_eq!(seqs.unwrap(), (0..67).collect::<Vec<_>>(), "{}", test.engine);
    }
}

#[tokio::test]
async fn what_runs_after_a_commit_runs_only_then() {
    use std::sync::atomic::{AtomicU32, Ordering};
    for test in each() {
        let runs = Arc::new(AtomicU32::new(0));
        for fail in [true, false] {
            let counted = runs.clone();
            let _: Result<(), DbError> = test
                .db
                .write(move |tx| {
                    let counted = counted.clone();
                    tx.after_commit(move || {
                        counted.fetch_add(1, Ordering::SeqCst);
                    });
                    tx.unaudited("test");
                    tx.execute(
                        "INSERT INTO thing (name, alive, at) VALUES (?1, 1, 1)",
                        params![format!("{fail}")],
                    )?;
                    if fail { Err(DbError::Closed) } else { Ok(()) }
                })
                .await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1, "{}", test.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_together_are_committed_together() {
    for test in each() {
        // The writer is held until everybody stands in the queue.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let first = test.db.clone();
        let gate = tokio::spawn(async move {
            let waited: Result<(), DbError> = first
                .write(move |_| {
                    let _ = held.lock().unwrap().recv();
                    Ok(())
                })
                .await;
            waited
        });
        let before = test.db.commits();
        let writers: Vec<_> = (0..1000i64)
            .map(|number| {
                let db = test.db.clone();
                tokio::spawn(async move {
                    db.write(move |tx| -> Result<(), DbError> {
                        tx.audit(Event::new("thing.create", Object::new(Kind("thing"), number)));
                        tx.execute(
                            "INSERT INTO thing (name, alive, at) VALUES (?1, 1, 1)",
                            params![format!("n{number}")],
                        )?;
                        Ok(())
                    })
                    .await
                })
            })
            .collect();
        release.send(()).unwrap();
        gate.await.unwrap().unwrap();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        let commits = test.db.commits() - before;
        assert!(commits < 500, "{commits} commits for 1000 writes on {}", test.engine);
        assert_eq!(count(&test, "thing"), 1000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_costs_nothing_that_was_kept_and_is_over_when_there_is_room() {
    for test in each() {
        let add = |name: String, size: usize| {
            test.db.write(move |tx| -> Result<(), DbError> {
                tx.audit(Event::new("thing.create", thing()));
                let data = vec![7u8; size];
                tx.execute("INSERT INTO thing (name, alive, at, data) VALUES (?1, 1, 1, ?2)", params![&name, data])?;
                // PostgreSQL can't be given a small disk here; its server says the same with the same code.
                if tx.is_postgres() && size > 1000 {
                    tx.execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$", &[])?;
                }
                Ok(())
            })
        };
        let room = |pages: i64| {
            test.db.write(move |tx| -> Result<(), DbError> {
                tx.unaudited("a test");
                if !tx.is_postgres() {
                    tx.query(&format!("PRAGMA max_page_count = {pages}"), &[], |_| Ok(()))?;
                }
                Ok(())
            })
        };
        add("first".into(), 10).await.unwrap();
        assert_eq!(test.db.unwritable(), None, "{}", test.engine);
        room(1).await.unwrap();
        let refused = add("too large".into(), 4_000_000).await.unwrap_err();
        assert!(
            refused.unwritable().is_some_and(|why| why.contains("is full")),
            "{}: {refused}",
            test.engine
        );
        assert!(test.db.unwritable().is_some_and(|why| why.contains("is full")), "{}", test.engine);
        assert_eq!(count(&test, "thing"), 1, "{}: reading goes on, and what was kept is there", test.engine);

        room(1_000_000_000).await.unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
        let mut kept = 1;
        while test.db.unwritable().is_some() {
            assert!(std::time::Instant::now() < deadline, "{}: it never recovers", test.engine);
            add(format!("later {kept}"), 10).await.unwrap();
            kept += 1;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(count(&test, "thing"), kept, "{}", test.engine);
    }
}
