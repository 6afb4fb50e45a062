//! The check walks up, the list walks down, the explanation searches: on any graph, with cycles, all three agree with
//! the definition.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use bo_db::testing::TestDb;
use bo_db::{DbError, Param};
use bo_identity::ceiling::{self, Ceiling, CeilingKind};
use bo_identity::level::{level, level_of_each, list, page, why};
use bo_identity::{LevelCache, MIGRATIONS};
use bo_model::{Kind, Level, ManualClock, Object, Time};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
struct Edge {
    subject: usize,
    object: usize,
    cap: i64,
    floor: i64,
    valid: bool,
    contain: bool,
}

/// On a node, lifted by what one has on another.
#[derive(Clone, Debug)]
struct Bound {
    object: usize,
    cap: i64,
    lifted_by: Option<usize>,
    deep: bool,
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
        prop::bool::weighted(0.4),
    )
        .prop_map(|(subject, object, cap, floor, valid, contain)| Edge {
            subject,
            object,
            cap,
            floor,
            valid,
            // Nothing lies in a person or in the public.
            contain: contain && subject > ACCOUNTS,
        })
}

fn bound() -> impl Strategy<Value = Bound> {
    let lifted_by = prop::option::weighted(0.7, ACCOUNTS + 1..NODES);
    (1..NODES, 0..5i64, lifted_by, any::<bool>()).prop_map(|(object, cap, lifted_by, deep)| Bound {
        object,
        cap,
        lifted_by,
        deep,
    })
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

/// What ceilings leave: those on the object, on the account, and the deep ones of everything the object lies in.
fn bounded(
    edges: &[Edge],
    bounds: &[Bound],
    account: usize,
    levels: &BTreeMap<usize, i64>,
    number: usize,
) -> i64 {
    let mut around = BTreeSet::from([number]);
    while let Some(next) = edges
        .iter()
        .filter(|edge| edge.valid && edge.contain && around.contains(&edge.object))
        .find(|edge| !around.contains(&edge.subject))
    {
        around.insert(next.subject);
    }
    let over = |bound: &&Bound| {
        bound.object == number || bound.object == account || (bound.deep && around.contains(&bound.object))
    };
    let leaves = |bound: &Bound| {
        let lifted = bound.lifted_by.and_then(|by| levels.get(&by)).copied().unwrap_or(0);
        bound.cap.max(lifted)
    };
    let granted = levels.get(&number).copied().unwrap_or(0);
    bounds.iter().filter(over).map(leaves).fold(granted, i64::min)
}

fn fill(test: &TestDb, edges: &[Edge], bounds: &[Bound]) {
    let bounds = bounds.to_vec();
    let rows: Vec<Vec<Param<'static>>> = edges
        .iter()
        .enumerate()
        .map(|(number, edge)| {
            let window = if edge.valid { (0i64, i64::MAX) } else { (1, 2) };
            vec![
                node(edge.subject).into(),
                node(edge.object).into(),
                // A kind of its own for each grant, so that parallel rows are allowed.
                if edge.contain { "contain".to_owned() } else { format!("k{number}") }.into(),
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
        tx.execute("DELETE FROM ceiling", &[])?;
        for bound in &bounds {
            let (object, lifted_by) = (node(bound.object), bound.lifted_by.map(node));
            let (cap, deep) = (Level::from_number(bound.cap), bound.deep);
            let kind = CeilingKind::State;
            ceiling::put(tx, &Ceiling { object, kind, cap, lifted_by, deep, reason: String::new() })?;
        }
        tx.insert_many("relation", &columns, &rows)
    });
    done.unwrap();
}

/// Two rows that contain the same are one row; so are two ceilings on one object.
fn unique((edges, bounds): &(Vec<Edge>, Vec<Bound>)) -> (Vec<Edge>, Vec<Bound>) {
    let (mut pairs, mut bound) = (BTreeSet::new(), BTreeSet::new());
    let keep = |edge: &&Edge| !edge.contain || pairs.insert((edge.subject, edge.object));
    let edges = edges.iter().filter(keep).cloned().collect();
    (edges, bounds.iter().filter(|one| bound.insert(one.object)).cloned().collect())
}

fn agree(test: &TestDb, cache: &LevelCache, case: &(Vec<Edge>, Vec<Bound>)) -> Result<(), TestCaseError> {
    let (edges, bounds) = &unique(case);
    fill(test, edges, bounds);
    let now = Time::from_seconds(1_800_000_000);
    for account in 1..=ACCOUNTS {
        let defined = by_definition(edges, account);
        let subject = node(account);
        let (checked, remembered, listed, explained, paged, in_crowd) = test
            .db
            .read(|tx| -> Result<_, DbError> {
                let (mut checked, mut remembered, mut explained) = (Vec::new(), Vec::new(), Vec::new());
                let mut in_crowd = Vec::new();
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
                let candidates = |_: &mut bo_db::Tx, after: Option<&usize>, count: usize| {
                    Ok((after.map_or(7, |last| last + 1)..NODES).take(count).collect())
                };
                let paged = page(tx, &subject, (Level::See, 2), |number| node(*number), candidates)?;
                let people: Vec<Object> = (1..=ACCOUNTS).map(node).collect();
                for (place, number) in (7..NODES).enumerate() {
                    let each = level_of_each(tx, &people, &node(number), now)?;
                    in_crowd.push((each[account - 1], checked[place]));
                }
                Ok((checked, remembered, listed, explained, paged, in_crowd))
            })
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (level, alone) in in_crowd {
            prop_assert_eq!(level, alone, "asked with others on {}", test.engine);
        }
        for (place, number) in (7..NODES).enumerate() {
            let granted = Level::from_number(defined.get(&number).copied().unwrap_or(0));
            let expected = Level::from_number(bounded(edges, bounds, account, &defined, number));
            prop_assert_eq!(checked[place], expected, "check of {} on {}", node(number), test.engine);
            prop_assert_eq!(
                remembered[place],
                expected,
                "remembered check of {} on {}",
                node(number),
                test.engine
            );
            prop_assert_eq!(explained[place], granted, "explanation of {} on {}", node(number), test.engine);
            let in_list = listed.get(&node(number)).copied().unwrap_or(Level::None);
            prop_assert_eq!(in_list, expected, "list of {} on {}", node(number), test.engine);
        }
        let first: Vec<(Object, Level)> = (7..NODES)
            .filter_map(|number| Some((node(number), *listed.get(&node(number))?)))
            .take(2)
            .collect();
        let paged: Vec<(Object, Level)> =
            paged.into_iter().map(|(number, level)| (node(number), level)).collect();
        prop_assert_eq!(paged, first, "page on {}", test.engine);
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
        let graphs = (prop::collection::vec(edge(), 0..40), prop::collection::vec(bound(), 0..5));
        runner.run(&graphs, |case| agree(&test, &cache, &case)).unwrap();
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

/// With statistics at hand SQLite once put a filter made of the whole table in front of each check: a thousand times the work.
#[test]
fn statistics_of_the_database_do_not_change_how_a_check_reads_the_graph() {
    let clock = ManualClock::at(Time::from_seconds(1_000));
    let test = TestDb::sqlite(&MIGRATIONS, clock).unwrap();
    let done: Result<(), DbError> = test.db.write_blocking(|tx| {
        tx.unaudited("a test arranges its world");
        use bo_identity::relation::{Containment, Validity, contain, join};
        for number in 0..3_000 {
            let (zone, device) = (Object::new(Kind::ZONE, number % 30), Object::new(Kind::DEVICE, number));
            contain(tx, &zone, &device, Containment::Open)?;
            let (person, group) = (Object::new(Kind::ACCOUNT, number), Object::new(Kind::GROUP, number % 9));
            join(tx, &person, &group, Validity::ALWAYS, "")?;
        }
        tx.execute("ANALYZE", &[]).map(|_| ())
    });
    done.unwrap();
    for sql in bo_identity::level::statements() {
        let plan = test.db.read(|tx| {
            let values = [1i64, 2, 3, 4].map(Param::from);
            let count = (1..=4).filter(|number| sql.contains(&format!("?{number}"))).count();
            tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), &values[..count], |row| row.get::<String>(3))
        });
        let plan = plan.unwrap().join("\n");
        assert!(!plan.contains("BLOOM") && !plan.contains("SCAN r"), "{plan}");
    }
}
