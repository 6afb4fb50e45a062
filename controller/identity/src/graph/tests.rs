//! A graph that follows changes answers like one that was just read, and like the check in the database: whatever changes,
//! and on both engines.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use super::{Graph, read};
use crate::ceiling::{self, Ceiling, CeilingKind};
use crate::relation::{self, Containment, Validity};
use crate::{LevelCache, MIGRATIONS, level};
use bo_db::testing::TestDb;
use bo_db::{Db, DbError, Param, Tx};
use bo_model::{Kind, Level, ManualClock, Object, Time};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

const NODES: usize = 16;

/// The public, people, groups, workspaces, and places: enough for cycles, gates and shared children.
fn node(number: usize) -> Object {
    match number {
        0 => Object::everyone(),
        1..=3 => Object::new(Kind::ACCOUNT, number),
        4..=6 => Object::new(Kind::GROUP, number),
        7..=8 => Object::new(Kind::WORKSPACE, number),
        _ => Object::new(Kind::ZONE, number),
    }
}

#[derive(Clone, Debug)]
enum Change {
    Grant {
        subject: usize,
        object: usize,
        level: i64,
        window: (i64, i64),
    },
    Revoke {
        subject: usize,
        object: usize,
    },
    Join {
        subject: usize,
        group: usize,
        window: (i64, i64),
    },
    Leave {
        subject: usize,
        group: usize,
    },
    Contain {
        parent: usize,
        child: usize,
        how: Containment,
    },
    Move {
        parent: usize,
        child: usize,
        how: Containment,
    },
    Forget {
        object: usize,
    },
    Bound {
        object: usize,
        cap: i64,
        lifted_by: Option<usize>,
        deep: bool,
    },
    Lift {
        object: usize,
    },
    /// The clock goes on, or is set back, by so many seconds.
    Clock {
        by: i64,
    },
}

fn window() -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![2 => Just((0, i64::MAX)), 1 => (0..60i64, 1..60i64).prop_map(|(from, long)| (from, from + long))]
}

fn how() -> impl Strategy<Value = Containment> {
    prop_oneof![
        3 => Just(Containment::Open),
        1 => Just(Containment::Gated),
        1 => Just(Containment::Sealed),
        1 => (1..4i64).prop_map(|level| Containment::Capped(Level::from_number(level))),
        1 => (1..4i64).prop_map(|level| Containment::AtLeast(Level::from_number(level))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let (place, group) = (7..NODES, 4..7usize);
    prop_oneof![
        4 => (0..NODES, 4..NODES, 0..5i64, window()).prop_map(|(subject, object, level, window)| Change::Grant { subject, object, level, window }),
        2 => (0..NODES, 4..NODES).prop_map(|(subject, object)| Change::Revoke { subject, object }),
        3 => (1..7usize, group.clone(), window()).prop_map(|(subject, group, window)| Change::Join { subject, group, window }),
        1 => (1..7usize, group).prop_map(|(subject, group)| Change::Leave { subject, group }),
        4 => (4..NODES, place.clone(), how()).prop_map(|(parent, child, how)| Change::Contain { parent, child, how }),
        2 => (7..NODES, place, how()).prop_map(|(parent, child, how)| Change::Move { parent, child, how }),
        1 => (1..NODES).prop_map(|object| Change::Forget { object }),
        2 => (1..NODES, 0..4i64, prop::option::weighted(0.7, 4..NODES), any::<bool>())
            .prop_map(|(object, cap, lifted_by, deep)| Change::Bound { object, cap, lifted_by, deep }),
        1 => (1..NODES).prop_map(|object| Change::Lift { object }),
        2 => (-30..40i64).prop_map(|by| Change::Clock { by }),
    ]
}

fn apply(tx: &mut Tx, change: &Change) -> Result<(), DbError> {
    let span = |window: (i64, i64)| {
        let to = if window.1 == i64::MAX { Time(i64::MAX) } else { Time::from_seconds(window.1) };
        Validity { from: Time::from_seconds(window.0), to }
    };
    match change.clone() {
        Change::Grant { subject, object, level, window } => {
            let level = Level::from_number(level);
            relation::grant(tx, &node(subject), &node(object), level, span(window), "")
        }
        Change::Revoke { subject, object } => relation::revoke(tx, &node(subject), &node(object)).map(|_| ()),
        Change::Join { subject, group, window } => {
            relation::join(tx, &node(subject), &node(group), span(window), "")
        }
        Change::Leave { subject, group } => relation::leave(tx, &node(subject), &node(group)).map(|_| ()),
        Change::Contain { parent, child, how } => relation::contain(tx, &node(parent), &node(child), how),
        Change::Move { parent, child, how } => relation::move_into(tx, &node(parent), &node(child), how),
        Change::Forget { object } => relation::forget(tx, &node(object)),
        Change::Bound { object, cap, lifted_by, deep } => {
            let (object, lifted_by) = (node(object), lifted_by.map(node));
            let (kind, cap) = (CeilingKind::State, Level::from_number(cap));
            ceiling::put(tx, &Ceiling { object, kind, cap, lifted_by, deep, reason: String::new() })
        }
        Change::Lift { object } => ceiling::lift(tx, &node(object), CeilingKind::State).map(|_| ()),
        Change::Clock { .. } => Ok(()),
    }
}

fn write(db: &Db, work: impl Fn(&mut Tx) -> Result<(), DbError> + Send + 'static) {
    let done: Result<(), DbError> = db.write_blocking(move |tx| {
        tx.unaudited("a test arranges its world");
        work(tx)
    });
    done.unwrap();
}

/// Everybody's level on everything: kept, walked up and walked down; freshly read; and as the database says.
fn agree(tx: &mut Tx, kept: &Graph) -> Result<(), TestCaseError> {
    let fail = |error: DbError| TestCaseError::fail(error.to_string());
    let (now, version) = (tx.now(), relation::version(tx).map_err(fail)?);
    let fresh = Graph::load(tx, version, now).map_err(fail)?;
    prop_assert!(kept.holds(version, now), "the kept graph is of another version");
    for object in (0..NODES).map(node) {
        let homes = level::workspaces_of(tx, &object).map_err(fail)?;
        let public = level::level(tx, &Object::everyone(), &object, now).map_err(fail)?;
        for subject in (0..=6).map(node) {
            let checked = level::level(tx, &subject, &object, now).map_err(fail)?;
            for graph in [kept, &fresh] {
                let names = graph.names.read();
                let number = |object: &Object| names.find(object.as_str()).unwrap_or(super::NOBODY);
                let (from, to) = (number(&subject), number(&object));
                let up = if to == super::NOBODY { 0 } else { graph.check(from, to) };
                prop_assert_eq!(Level::from_number(up.into()), checked, "up: {} on {}", subject, object);
                if subject != object && subject != Object::everyone() {
                    let down = graph.reach(from, names.len()).get(to as usize).copied().unwrap_or(0);
                    prop_assert_eq!(
                        Level::from_number(down.into()),
                        checked,
                        "down: {} on {}",
                        subject,
                        object
                    );
                }
            }
            // The first time by walking up, from the second on by what is remembered.
            for _ in 0..3 {
                prop_assert_eq!(kept.level(&subject, &object), checked, "{} on {}", subject, object);
                for workspace in (7..=8).map(node) {
                    let level = kept.level_in(Some(&workspace), &subject, &object);
                    let outside = homes.len() == 1 && homes[0] != workspace;
                    let expected = if outside { public } else { checked };
                    prop_assert_eq!(level, expected, "{} in {} on {}", subject, workspace, object);
                    let eyes = kept.eyes(&workspace, &subject);
                    let seen = eyes.as_ref().and_then(|eyes| eyes.level(&workspace, &subject, &object));
                    prop_assert_eq!(seen.unwrap_or(level), expected, "by the eyes of {}", subject);
                    let other = eyes.and_then(|eyes| eyes.level(&workspace, &node(15), &object));
                    prop_assert!(other.is_none(), "the eyes of {} are somebody else's", subject);
                }
            }
        }
    }
    prop_assert!(kept.eyes(&node(7), &node(1)).is_some(), "who asks for everything has all levels at hand");
    Ok(())
}

/// Each list of changes is one transaction, made by one of two controllers in turn.
fn follows(
    test: &TestDb,
    other: &Db,
    clock: &ManualClock,
    steps: &[Vec<Change>],
) -> Result<(), TestCaseError> {
    let fail = |error: DbError| TestCaseError::fail(error.to_string());
    let start = |tx: &mut Tx| {
        let (version, now) = (relation::version(tx)?, tx.now());
        Graph::load(tx, version, now)
    };
    let mut kept = test.db.read(start).map_err(fail)?;
    for (number, changes) in steps.iter().enumerate() {
        for change in changes {
            if let Change::Clock { by } = change {
                let now = (bo_model::Clock::now(clock).0 / 1_000_000 + by).max(0);
                clock.set(Time::from_seconds(now));
            }
        }
        let own = changes.clone();
        let db = if number % 2 == 0 { &test.db } else { other };
        write(db, move |tx| own.iter().try_for_each(|change| apply(tx, change)));
        kept = test.db.read(|tx| -> Result<Graph, TestCaseError> {
            let (version, now) = (relation::version(tx).map_err(fail)?, tx.now());
            let renewed = kept.renewed(tx, version, now).map_err(fail)?;
            let renewed = renewed.ok_or_else(|| TestCaseError::fail("it could not follow"))?;
            if number % 3 == 0 || number + 1 == steps.len() {
                agree(tx, &renewed)?;
            }
            Ok(renewed)
        })?;
    }
    Ok(())
}

#[test]
fn a_graph_that_follows_changes_answers_like_a_fresh_one_and_like_the_database() {
    let clock = ManualClock::at(Time::from_seconds(30));
    for test in TestDb::each(&MIGRATIONS, clock.clone()).unwrap() {
        let other = Db::open(&test.url, clock.clone()).unwrap();
        let cases = if test.engine == "sqlite" { 50 } else { 10 };
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let steps = prop::collection::vec(prop::collection::vec(change(), 1..6), 1..12);
        runner
            .run(&steps, |steps| {
                clock.set(Time::from_seconds(30));
                write(&test.db, |tx| {
                    tx.execute("DELETE FROM relation", &[])?;
                    tx.execute("DELETE FROM ceiling", &[]).map(|_| ())
                });
                follows(&test, &other, &clock, &steps)
            })
            .unwrap();
    }
}

/// Two controllers change the graph while others ask: whatever snapshot a transaction has, memory and database agree in it.
#[test]
fn while_others_change_the_graph_memory_and_database_agree_in_every_snapshot() {
    let clock = ManualClock::at(Time::from_seconds(30));
    for test in TestDb::each(&MIGRATIONS, clock.clone()).unwrap() {
        let (other, cache) = (Db::open(&test.url, clock.clone()).unwrap(), LevelCache::default());
        let (person, group, hall) = (node(1), node(4), node(9));
        std::thread::scope(|scope| {
            let writers: Vec<_> = [&test.db, &other]
                .into_iter()
                .enumerate()
                .map(|(turn, db)| {
                    scope.spawn(move || {
                        for round in 0..40 {
                            write(db, move |tx| {
                                let (person, group, hall) = (node(1), node(4), node(9 + turn));
                                let level = Level::from_number(1 + round % 4);
                                relation::grant(tx, &group, &hall, level, Validity::ALWAYS, "")?;
                                match round % 3 {
                                    0 => relation::leave(tx, &person, &group).map(|_| ()),
                                    _ => relation::join(tx, &person, &group, Validity::ALWAYS, ""),
                                }
                            });
                        }
                    })
                })
                .collect();
            let mut rounds = 0;
            while rounds < 20 || writers.iter().any(|writer| !writer.is_finished()) {
                rounds += 1;
                let same = test.db.read(|tx| -> Result<bool, DbError> {
                    let now = tx.now();
                    let mut same = true;
                    for object in [&hall, &node(10), &group] {
                        let held = cache.level(tx, &person, object)?;
                        same &= held == level::level(tx, &person, object, now)?;
                    }
                    Ok(same)
                });
                assert!(same.unwrap(), "memory and database differ on {}", test.engine);
            }
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
        assert_eq!(cache.loads(), 1, "all of it was read again on {}", test.engine);
    }
}

#[test]
fn after_a_change_only_what_changed_is_read_and_all_of_it_when_nobody_knows_what_did() {
    let clock = ManualClock::at(Time::from_seconds(30));
    for test in TestDb::each(&MIGRATIONS, clock.clone()).unwrap() {
        let (cache, person, hall) = (LevelCache::default(), node(1), node(9));
        let look = || test.db.read(|tx| cache.level(tx, &person, &hall)).unwrap();
        let give = |level: Level| {
            write(&test.db, move |tx| relation::grant(tx, &node(1), &node(9), level, Validity::ALWAYS, ""));
        };
        assert_eq!(look(), Level::None);
        for level in [Level::View, Level::Edit, Level::See] {
            give(level);
            assert_eq!(look(), level, "the next request has it on {}", test.engine);
        }
        assert_eq!(cache.loads(), 1, "on {}", test.engine);
        give(Level::Own);
        // As if this controller had been away while fifty thousand changes were made.
        write(&test.db, |tx| {
            let last = relation::version(tx)?;
            tx.execute("DELETE FROM relation_change WHERE id < ?1", &[Param::from(last)]).map(|_| ())
        });
        assert_eq!(look(), Level::Own);
        assert_eq!(cache.loads(), 2, "a gap is noticed on {}", test.engine);
        write(&test.db, |tx| {
            let many = (0..2_000).map(|number| Object::new(Kind::DEVICE, number));
            many.into_iter().try_for_each(|child| relation::contain(tx, &node(9), &child, Containment::Open))
        });
        let last = Object::new(Kind::DEVICE, 1_999);
        let level = test.db.read(|tx| cache.level(tx, &person, &last)).unwrap();
        assert_eq!((level, cache.loads()), (Level::Own, 3), "many changes on {}", test.engine);
    }
}

/// A write that changes who may what, and asks again before it ends, hears of its own change; when it fails, nobody does.
#[test]
fn a_write_knows_what_it_changed_itself_and_leaves_nothing_of_it_when_it_fails() {
    let clock = ManualClock::at(Time::from_seconds(30));
    for test in TestDb::each(&MIGRATIONS, clock.clone()).unwrap() {
        let (cache, person, hall) = (Arc::new(LevelCache::default()), node(1), node(9));
        let look = || test.db.read(|tx| cache.level(tx, &person, &hall)).unwrap();
        let give = |level: Level, fails: bool| {
            let cache = cache.clone();
            test.db.write_blocking(move |tx| -> Result<Vec<Level>, DbError> {
                tx.unaudited("a test arranges its world");
                let before = cache.level(tx, &node(1), &node(9))?;
                relation::grant(tx, &node(1), &node(9), level, Validity::ALWAYS, "")?;
                let after = cache.level(tx, &node(1), &node(9))?;
                if fails {
                    Err(DbError::Commit { why: "a test takes it back".to_owned() })
                } else {
                    Ok(vec![before, after])
                }
            })
        };
        assert_eq!(look(), Level::None);
        assert_eq!(give(Level::View, false).unwrap(), [Level::None, Level::View], "on {}", test.engine);
        assert!(give(Level::Own, true).is_err());
        // Another change of the same number as the one that was taken back.
        assert_eq!(give(Level::Edit, false).unwrap(), [Level::View, Level::Edit], "on {}", test.engine);
        assert_eq!(look(), Level::Edit, "on {}", test.engine);
        assert_eq!(give(Level::See, false).unwrap(), [Level::Edit, Level::See], "on {}", test.engine);
    }
}

#[test]
fn the_log_of_changes_forgets_its_oldest_rows() {
    let clock = ManualClock::at(Time::from_seconds(30));
    for test in TestDb::each(&MIGRATIONS, clock).unwrap() {
        write(&test.db, |tx| {
            // Numbers are only ever given out upwards: as after sixty thousand changes.
            tx.execute("INSERT INTO relation_change (id, subject, object) VALUES (60999, 'a:', 'b:')", &[])?;
            let rows: Vec<Vec<Param<'static>>> =
                (61_000..61_004i64).map(|id| vec![id.into(), "a:".into(), "b:".into()]).collect();
            tx.insert_many("relation_change", &["id", "subject", "object"], &rows)
        });
        let ids = test
            .db
            .read(|tx| tx.query("SELECT id FROM relation_change ORDER BY id", &[], |row| row.get::<i64>(0)));
        assert_eq!(ids.unwrap(), [60_999, 61_000, 61_001, 61_002, 61_003], "on {}", test.engine);
    }
}

/// A change costs some look-ups, not a pass over the table.
#[test]
fn what_changed_is_found_by_indexes() {
    let clock = ManualClock::at(Time::from_seconds(30));
    let test = TestDb::sqlite(&MIGRATIONS, clock).unwrap();
    write(&test.db, |tx| {
        for number in 0..3_000 {
            let (zone, device) = (Object::new(Kind::ZONE, number % 30), Object::new(Kind::DEVICE, number));
            relation::contain(tx, &zone, &device, Containment::Open)?;
        }
        tx.execute("ANALYZE", &[]).map(|_| ())
    });
    for sql in read::statements() {
        let count = (1..=80).filter(|number| sql.contains(&format!("?{number}"))).count();
        let values = vec![Param::from(1i64); count];
        let plan = test.db.read(|tx| {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            tx.query(&explain, &values, |row| row.get::<String>(3))
        });
        let plan: Vec<String> = plan.unwrap();
        let plan: Vec<&String> = plan.iter().filter(|line| line.as_str() != "SCAN CONSTANT ROW").collect();
        assert!(!plan.iter().any(|line| line.starts_with("SCAN") || line.contains("BLOOM")), "{plan:#?}");
    }
}
