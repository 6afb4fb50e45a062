//! The check walks up, the list walks down, the explanation searches: on any graph, with cycles, all three agree with
//! the definition.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use bo_db::testing::TestDb;
use bo_db::{DbError, Param};
use bo_identity::level::{level, list, why};
use bo_identity::{LevelCache, MIGRATIONS};
use bo_model::{Kind, Level, ManualClock, Object, Time};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
struct Edge {
    subject: usize,
    object: usize,
    cap: i64,
    floor: i64,
    valid: bool,
}

const ACCOUNTS: usize = 3;
const NODES: usize = 12;

/// The public, three accounts, groups, and zones: enough for cycles and gates.
fn node(number: usize) -> Object {
    match number {
        0 => Object::everyone(),
        1..=ACCOUNTS => Object::new(Kind::ACCOUNT, number),
        4..=6 => Object::new(Kind::GROUP, number),
        _ => Object::new(Kind::ZONE, number),
    }
}

fn edge() -> impl Strategy<Value = Edge> {
    // Nothing leads to an account or to the public.
    (
        0..NODES,
        ACCOUNTS + 1..NODES,
        0..5i64,
        prop_oneof![3 => Just(0i64), 1 => 1..5i64],
        prop::bool::weighted(0.9),
    )
        .prop_map(|(subject, object, cap, floor, valid)| Edge { subject, object, cap, floor, valid })
}

/// The definition: levels are carried along rows until nothing grows any more.
fn by_definition(edges: &[Edge], account: usize) -> BTreeMap<usize, i64> {
    let mut levels = BTreeMap::from([(0, 4), (account, 4)]);
    loop {
        let mut grew = false;
        for edge in edges.iter().filter(|edge| edge.valid) {
            let Some(&from) = levels.get(&edge.subject) else { continue };
            let next = if from >= edge.floor { from.min(edge.cap) } else { 0 };
            if next > levels.get(&edge.object).copied().unwrap_or(0) {
                levels.insert(edge.object, next);
                grew = true;
            }
        }
        if !grew {
            return levels;
        }
    }
}

fn fill(test: &TestDb, edges: &[Edge]) {
    let rows: Vec<Vec<Param<'static>>> = edges
        .iter()
        .enumerate()
        .map(|(number, edge)| {
            let window = if edge.valid { (0i64, i64::MAX) } else { (1, 2) };
            vec![
                node(edge.subject).into(),
                node(edge.object).into(),
                // A kind of its own for each row, so that parallel rows are allowed.
                format!("k{number}").into(),
                (1..=ACCOUNTS).contains(&edge.subject).into(),
                edge.cap.into(),
                edge.floor.into(),
                window.0.into(),
                window.1.into(),
                "".into(),
                "".into(),
                0i64.into(),
            ]
        })
        .collect();
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
    let done: Result<(), DbError> = test.db.write_blocking(move |tx| {
        tx.unaudited("a test arranges its world");
        tx.execute("DELETE FROM relation", &[])?;
        tx.execute("UPDATE relation_version SET version = version + 1", &[])?;
        tx.insert_many("relation", &columns, &rows)
    });
    done.unwrap();
}

fn agree(test: &TestDb, cache: &LevelCache, edges: &[Edge]) -> Result<(), TestCaseError> {
    fill(test, edges);
    let now = Time::from_seconds(1_800_000_000);
    for account in 1..=ACCOUNTS {
        let defined = by_definition(edges, account);
        let subject = node(account);
        let (checked, remembered, listed, explained) = test
            .db
            .read(|tx| -> Result<_, DbError> {
                let (mut checked, mut remembered, mut explained) = (Vec::new(), Vec::new(), Vec::new());
                for number in 7..NODES {
                    checked.push(level(tx, &subject, &node(number), now)?);
                    cache.level(tx, &subject, &node(number))?;
                    remembered.push(cache.level(tx, &subject, &node(number))?);
                    explained.push(
                        why(tx, &subject, &node(number), now)?.last().map_or(Level::None, |step| step.level),
                    );
                }
                let listed: BTreeMap<Object, Level> =
                    list(tx, &subject, Kind::ZONE, Level::See, now)?.into_iter().collect();
                Ok((checked, remembered, listed, explained))
            })
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (place, number) in (7..NODES).enumerate() {
            let expected = Level::from_number(defined.get(&number).copied().unwrap_or(0));
            prop_assert_eq!(checked[place], expected, "check of {} on {}", node(number), test.engine);
            prop_assert_eq!(
                remembered[place],
                expected,
                "remembered check of {} on {}",
                node(number),
                test.engine
            );
            prop_assert_eq!(explained[place], expected, "explanation of {} on {}", node(number), test.engine);
            let in_list = listed.get(&node(number)).copied().unwrap_or(Level::None);
            prop_assert_eq!(in_list, expected, "list of {} on {}", node(number), test.engine);
        }
    }
    Ok(())
}

#[test]
fn check_list_and_explanation_agree_with_the_definition_on_any_graph() {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    for test in TestDb::each(&MIGRATIONS, clock).unwrap() {
        let cases = if test.engine == "sqlite" { 300 } else { 60 };
        let cache = LevelCache::default();
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        runner.run(&prop::collection::vec(edge(), 0..40), |edges| agree(&test, &cache, &edges)).unwrap();
    }
}

#[test]
fn a_remembered_answer_ends_when_the_graph_changes_or_a_grant_runs_out() {
    use bo_identity::relation::{Validity, grant, revoke};
    let clock = ManualClock::at(Time::from_seconds(1_000));
    for test in TestDb::each(&MIGRATIONS, clock.clone()).unwrap() {
        clock.set(Time::from_seconds(1_000));
        let (cache, noor, hall) =
            (LevelCache::default(), Object::new(Kind::ACCOUNT, 1), Object::new(Kind::ZONE, "hall"));
        let look = || test.db.read(|tx| cache.level(tx, &noor, &hall)).unwrap();
        let change = |work: fn(&mut bo_db::Tx, &Object, &Object) -> Result<(), DbError>| {
            let (noor, hall) = (noor.clone(), hall.clone());
            let done: Result<(), DbError> = test.db.write_blocking(move |tx| {
                tx.unaudited("a test arranges its world");
                work(tx, &noor, &hall)
            });
            done.unwrap();
        };
        assert_eq!(look(), Level::None);
        change(|tx, noor, hall| {
            let validity = Validity { from: Time(0), to: Time::from_seconds(2_000) };
            grant(tx, noor, hall, Level::Edit, validity, "")
        });
        assert_eq!((look(), look()), (Level::Edit, Level::Edit));
        clock.set(Time::from_seconds(2_000));
        assert_eq!(look(), Level::None, "its time is over on {}", test.engine);
        clock.set(Time::from_seconds(1_500));
        assert_eq!(look(), Level::Edit, "the clock was set back on {}", test.engine);
        change(|tx, noor, hall| revoke(tx, noor, hall).map(|_| ()));
        assert_eq!(look(), Level::None);
    }
}
