//! What a permission check and a list cost with many objects (`cargo xtask bench --only permission`).

use anyhow::ensure;
use bo_db::testing::TestDb;
use bo_db::{DbError, Param};
use bo_identity::{LevelCache, MIGRATIONS, level};
use bo_model::{Kind, Level, Object, SystemClock};
use bo_testkit::measure::{Figures, quick};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ZONES: usize = 1_000;
const PEOPLE: usize = 2_000;

fn main() -> anyhow::Result<()> {
    let devices = if quick() { 20_000 } else { 300_000 };
    let mut figures = Figures::new("permission");
    for test in TestDb::each(&MIGRATIONS, Arc::new(SystemClock))? {
        test.db.write_blocking(move |tx| fill(tx, devices))?;
        let of = |what: &str| format!("{}, {devices} devices: {what}", test.engine);
        let people: Vec<Object> = (0..PEOPLE).map(|number| Object::new(Kind::ACCOUNT, number)).collect();
        let device = move |number: usize| Object::new(Kind::DEVICE, (number * 7919) % devices);
        let rounds = if test.engine == "sqlite" { 20_000 } else { 4_000 };
        let each = |count: usize, work: &mut dyn FnMut(usize)| {
            let started = Instant::now();
            (0..count).for_each(work);
            started.elapsed().as_secs_f64() * 1e6 / count as f64
        };
        let cache = Arc::new(LevelCache::default());
        test.db.read(|tx| -> anyhow::Result<()> {
            let now = tx.now();
            let mut found = 0u64;
            let check = each(rounds, &mut |round| {
                let level = level::level(tx, &people[round % PEOPLE], &device(round), now);
                found += u64::from(level.is_ok_and(|level| level >= Level::View));
            });
            // A benchmark that measures finding nothing measures nothing.
            ensure!(found > 0, "the benchmark's own graph gives nobody anything");
            figures.say(&of("a check in the database, as in a write that changed the graph"), check, "µs");

            let started = Instant::now();
            cache.level(tx, &people[0], &device(0))?;
            figures.say(&of("first check, reading the graph"), millis(started.elapsed()), "ms");
            let (mut first, mut seen) = (0, 0u64);
            let people_first = each(PEOPLE, &mut |_| {
                drop(cache.level(tx, &people[first], &device(first)));
                first += 1;
            });
            figures.say(&of("a person's first check"), people_first, "µs");
            let check = each(200_000, &mut |round| {
                let level = cache.level(tx, &people[round % 50], &device(round));
                seen += u64::from(level.is_ok_and(|level| level >= Level::View));
            });
            ensure!(seen > 0, "the graph in memory gives nobody anything");
            figures.at_most(&of("a check"), check, "µs", 20.0);

            let home = Object::new(Kind::WORKSPACE, 0);
            let check = each(200_000, &mut |round| {
                let level = cache.level_in(tx, &home, &people[0], &device(round));
                seen += u64::from(level.is_ok_and(|level| level >= Level::View));
            });
            figures.at_most(&of("a check by somebody who asks about everything"), check, "µs", 20.0);

            // Who belongs to group n sees the building of zone 3n: from all of the devices to a few hundred.
            let mut pages: Vec<f64> = people[..50]
                .iter()
                .map(|person| page_of_50(&cache, tx, person, devices))
                .collect::<Result<_, _>>()?;
            pages.sort_by(f64::total_cmp);
            figures.at_most(&of("a page of 50, half of the people"), pages[25], "ms", 5.0);
            figures.say(&of("a page of 50, whoever sees least"), pages[49], "ms");

            let started = Instant::now();
            let mine = level::list(tx, &people[0], Kind::DEVICE, Level::View, now)?.len();
            figures.say(
                &of(&format!("list of the {mine} devices a person may see")),
                millis(started.elapsed()),
                "ms",
            );
            Ok(())
        })?;
        after_changes(&mut figures, &test, &cache, devices)?;
        let (inside, who) = (cache.clone(), people.clone());
        let inside = test.db.write_blocking(move |tx| -> anyhow::Result<f64> {
            tx.unaudited("a benchmark changes nothing");
            let started = Instant::now();
            for round in 0..5_000 {
                inside.level(tx, &who[round % 50], &device(round))?;
            }
            Ok(started.elapsed().as_secs_f64() * 1e6 / 5_000.0)
        })?;
        figures.at_most(&of("a check in a write"), inside, "µs", 100.0);
        // Every request asks in a transaction of its own, which reads the graph's version first.
        let single = each(5_000, &mut |round| {
            let level = test.db.read(|tx| cache.level(tx, &people[round % 50], &device(round)));
            assert!(level.is_ok(), "a check failed");
        });
        figures.at_most(
            &of("a check with a transaction of its own"),
            single,
            "µs",
            if test.engine == "sqlite" { 20.0 } else { 500.0 },
        );
    }
    figures.print();
    Ok(())
}

/// Walks through all devices in order until somebody sees 50 of them, as a page of a list does; in milliseconds.
fn page_of_50(
    cache: &LevelCache,
    tx: &mut bo_db::Tx,
    person: &Object,
    devices: usize,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut shown = 0;
    for number in 0..devices {
        shown += u32::from(cache.level(tx, person, &Object::new(Kind::DEVICE, number))? >= Level::View);
        if shown == 50 {
            break;
        }
    }
    ensure!(shown == 50, "{person} sees {shown} devices");
    Ok(millis(started.elapsed()))
}

/// A device is moved to another zone, somebody changes groups, a building is given to a group: what the next request
/// pays for its first check, and for a page.
fn after_changes(
    figures: &mut Figures,
    test: &TestDb,
    cache: &LevelCache,
    devices: usize,
) -> anyhow::Result<()> {
    let loads = cache.loads();
    let of = |what: &str| format!("{}, {devices} devices: {what}", test.engine);
    let (mut writes, mut checks, mut pages) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..60usize {
        let started = Instant::now();
        test.db.write_blocking(move |tx| change(tx, round, devices))?;
        writes.push(millis(started.elapsed()));
        let (person, device) =
            (Object::new(Kind::ACCOUNT, round), Object::new(Kind::DEVICE, round * 7919 % devices));
        let started = Instant::now();
        match round % 2 {
            0 => {
                test.db.read(|tx| cache.level(tx, &person, &device))?;
                checks.push(millis(started.elapsed()));
            }
            _ => {
                test.db.read(|tx| page_of_50(cache, tx, &person, devices))?;
                pages.push(millis(started.elapsed()));
            }
        }
    }
    ensure!(cache.loads() == loads, "all of the graph was read again after a change");
    let middle = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[all.len() - 1])
    };
    let ((write, _), (check, worst), (page, least)) = (middle(writes), middle(checks), middle(pages));
    figures.say(&of("a change"), write, "ms");
    figures.at_most(&of("the first check after a change"), check, "ms", 5.0);
    figures.say(&of("the first check after a change, the slowest of 30"), worst, "ms");
    figures.at_most(&of("a page of 50 right after a change"), page, "ms", 5.0);
    figures.say(&of("a page of 50 right after a change, whoever sees least"), least, "ms");
    Ok(())
}

fn change(tx: &mut bo_db::Tx, round: usize, devices: usize) -> Result<(), DbError> {
    use bo_identity::relation::{Containment, Validity, grant, join, leave, move_into};
    tx.unaudited("a benchmark changes its world");
    let (zone, device) = (Object::new(Kind::ZONE, round % ZONES), Object::new(Kind::DEVICE, round % devices));
    let (person, group) = (Object::new(Kind::ACCOUNT, round), Object::new(Kind::GROUP, round % 50));
    match round % 3 {
        0 => move_into(tx, &zone, &device, Containment::Open),
        1 => {
            leave(tx, &person, &group)?;
            join(tx, &person, &group, Validity::ALWAYS, "")
        }
        _ => grant(tx, &group, &zone, Level::View, Validity::ALWAYS, ""),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Buildings of zones five deep, devices in zones, people in groups, groups on buildings.
fn fill(tx: &mut bo_db::Tx, devices: usize) -> Result<(), DbError> {
    tx.unaudited("a benchmark arranges its world");
    let row =
        |subject: String, object: String, kind: &'static str, leaf: bool, cap: i64| -> Vec<Param<'static>> {
            let (from, to): (Param<'static>, Param<'static>) = (0i64.into(), i64::MAX.into());
            let (by, why, at): (Param<'static>, Param<'static>, Param<'static>) =
                ("".into(), "".into(), 0i64.into());
            vec![
                subject.into(),
                object.into(),
                kind.into(),
                leaf.into(),
                cap.into(),
                0i64.into(),
                from,
                to,
                by,
                why,
                at,
            ]
        };
    let mut rows = Vec::new();
    for zone in 1..ZONES {
        rows.push(row(format!("zone:{}", (zone - 1) / 4), format!("zone:{zone}"), "contain", false, 4));
    }
    for device in 0..devices {
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
