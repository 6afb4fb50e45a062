//! What a permission check and a list cost with many objects: `cargo run --release -p bo-identity --example permission_bench`.
//! Prints one JSON object.

use bo_db::testing::TestDb;
use bo_db::{DbError, Param};
use bo_identity::{LevelCache, MIGRATIONS, level};
use bo_model::{Kind, Level, Object, SystemClock};
use std::sync::Arc;
use std::time::Instant;

const ZONES: usize = 1_000;
const DEVICES: usize = 300_000;
const PEOPLE: usize = 2_000;

fn main() -> anyhow::Result<()> {
    let mut report = serde_json::Map::new();
    for test in TestDb::each(&MIGRATIONS, Arc::new(SystemClock))? {
        test.db.write_blocking(fill)?;
        let cache = LevelCache::default();
        let people: Vec<Object> = (0..PEOPLE).map(|number| Object::new(Kind::ACCOUNT, number)).collect();
        let device = |number: usize| Object::new(Kind::DEVICE, (number * 7919) % DEVICES);
        let rounds = if test.engine == "sqlite" { 20_000 } else { 4_000 };
        let time = |work: &mut dyn FnMut(usize)| {
            let started = Instant::now();
            (0..rounds).for_each(work);
            started.elapsed().as_secs_f64() * 1e6 / rounds as f64
        };
        let (check, remembered, listed) = test.db.read(|tx| -> Result<_, DbError> {
            let now = tx.now();
            let mut found = 0u64;
            let check = time(&mut |round| {
                let level = level::level(tx, &people[round % PEOPLE], &device(round), now);
                found += u64::from(level.is_ok_and(|level| level >= Level::View));
            });
            (0..50).for_each(|number| drop(cache.level(tx, &people[0], &device(number))));
            let remembered = time(&mut |round| drop(cache.level(tx, &people[0], &device(round % 50))));
            let started = Instant::now();
            let mine = level::list(tx, &people[0], Kind::DEVICE, Level::View, now)?.len();
            found_something(found, mine)?;
            Ok((check, remembered, started.elapsed().as_secs_f64() * 1e3))
        })?;
        report.insert(
            test.engine.into(),
            serde_json::json!({"objects": ZONES + DEVICES, "check_us": check, "remembered_check_us": remembered, "list_ms": listed}),
        );
    }
    println!("{}", serde_json::Value::Object(report));
    Ok(())
}

/// A benchmark that measures finding nothing measures nothing.
fn found_something(found: u64, mine: usize) -> Result<(), DbError> {
    match found > 0 && mine > 0 {
        true => Ok(()),
        false => Err(DbError::Missing { sql: "the benchmark's own graph".into() }),
    }
}

/// Buildings of zones five deep, devices in zones, people in groups, groups on buildings.
fn fill(tx: &mut bo_db::Tx) -> Result<(), DbError> {
    tx.unaudited("a benchmark arranges its world");
    let row =
        |subject: String, object: String, kind: &'static str, leaf: bool, cap: i64| -> Vec<Param<'static>> {
            let end: Param<'static> = i64::MAX.into();
            vec![
                subject.into(),
                object.into(),
                kind.into(),
                leaf.into(),
                cap.into(),
                0i64.into(),
                0i64.into(),
                end,
                "".into(),
                "".into(),
                0i64.into(),
            ]
        };
    let mut rows = Vec::new();
    for zone in 1..ZONES {
        rows.push(row(format!("zone:{}", (zone - 1) / 4), format!("zone:{zone}"), "contain", false, 4));
    }
    for device in 0..DEVICES {
        rows.push(row(format!("zone:{}", device % ZONES), format!("device:{device}"), "contain", false, 4));
    }
    for person in 0..PEOPLE {
        rows.push(row(format!("account:{person}"), format!("group:{}", person % 50), "member", true, 4));
    }
    for group in 0..50 {
        rows.push(row(format!("group:{group}"), format!("zone:{}", group * 3), "grant", false, 3));
    }
    let columns = [
        "subject",
        "object",
        "kind",
        "leaf",
        "cap",
        "floor",
        "valid_from",
        "valid_to",
        "granted_by",
        "reason",
        "at",
    ];
    tx.insert_many("relation", &columns, &rows)
}
