//! Laws that hold for any trigger and any timeline.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bo_model::settings::Values;
use bo_model::value::Source as Origin;
use bo_model::{Data, Quality, Reason, Time, Value};
use bo_rules::definition::{Condition, Definition, Input};
use bo_rules::replay::{Sample, replay};
use bo_rules::{
    Compiled, Context, ContextDevice, Outcome, State, Transition, Truth, compile, evaluate, explain,
};
use proptest::prelude::*;
use serde_json::json;

/// Inputs `a`, `b` and `c` of one device.
const INPUTS: [&str; 3] = ["a", "b", "c"];

fn compiled(when: Condition, until: Option<Condition>, timing: [u32; 3]) -> Compiled {
    let seconds = |n: u32| (n > 0).then(|| format!("{n}s"));
    let json = json!({ "name": "t", "title": "T" });
    let definition = Definition {
        inputs: INPUTS.iter().map(|name| ((*name).into(), input(name))).collect(),
        when: Some(when),
        until,
        debounce: seconds(timing[0]),
        cooldown: seconds(timing[1]),
        min_active: seconds(timing[2]),
        ..serde_json::from_value(json).unwrap()
    };
    let device = ContextDevice { address: "Sensor_1".into(), ..ContextDevice::default() };
    let context =
        Context { devices: vec![device], time_zone: Some("Europe/Berlin".into()), ..Context::default() };
    compile(&definition, None, &Values::new(), &context).unwrap_or_else(|error| panic!("{error}"))
}

fn input(name: &str) -> Input {
    let json = json!({ "of": format!("Sensor_1.{name}") });
    serde_json::from_value(json).unwrap()
}

fn held(condition: Condition, seconds: u32) -> Condition {
    Condition { held_for: (seconds > 0).then(|| format!("{seconds}s")), ..condition }
}

/// Conditions that ask for data or for the time of day, none for quality.
fn leaf() -> impl Strategy<Value = Condition> {
    let name = prop::sample::select(&INPUTS[..]);
    let compared = (name.clone(), 0..4i64, 0..3u8).prop_map(|(name, value, op)| {
        let mut condition = Condition { input: Some(name.into()), ..Condition::default() };
        let value = Some(json!(value));
        match op {
            0 => condition.equals = value,
            1 => condition.above = value,
            _ => condition.at_most = value,
        }
        condition
    });
    let changed = name.prop_map(|name| Condition {
        input: Some(name.into()),
        changed: true,
        lasts: Some("7s".into()),
        ..Condition::default()
    });
    let window = (0..24u32, 0..24u32).prop_map(|(from, to)| Condition {
        from: Some(format!("{from:02}:00")),
        to: Some(format!("{to:02}:00")),
        ..Condition::default()
    });
    prop_oneof![4 => compared, 1 => changed, 1 => window]
}

fn tree() -> impl Strategy<Value = Condition> {
    let held_leaf = (leaf(), prop_oneof![Just(0u32), 1..90u32]).prop_map(|(leaf, hold)| held(leaf, hold));
    held_leaf.prop_recursive(3, 12, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        let group = prop_oneof![
            many.clone().prop_map(|of| Condition { all: Some(of), ..Condition::default() }),
            many.prop_map(|of| Condition { any: Some(of), ..Condition::default() }),
            inner.prop_map(|of| Condition { not: Some(Box::new(of)), ..Condition::default() }),
        ];
        (group, prop_oneof![3 => Just(0u32), 1 => 1..60u32]).prop_map(|(group, hold)| held(group, hold))
    })
}

/// Conditions as somebody in a hurry writes them.
fn scribble() -> impl Strategy<Value = Condition> {
    let text = || {
        let words = [
            "sunset - 30min",
            "24:00",
            "mon-fri",
            "{a}",
            "{",
            "*",
            "* * * * *",
            "condition",
            "1h",
            "",
            "99:99",
        ];
        prop::option::of(
            prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), ".{0,12}"].boxed(),
        )
    };
    let first = (text(), text(), text(), text(), text(), text());
    let second = (text(), text(), text(), text(), prop::option::of(".{0,5}".prop_map(|text| json!(text))));
    (first, second).prop_map(
        |((from, to, days, cron, zone, webhook), (offline, script, lasts, held, above))| Condition {
            from,
            to,
            days,
            cron,
            time_zone: zone,
            webhook,
            offline,
            script,
            lasts,
            held_for: held,
            above,
            ..Condition::default()
        },
    )
}

/// Arrivals: seconds after the one before, which input, which value (none = bad).
fn arrivals() -> impl Strategy<Value = Vec<(u32, usize, Option<i64>)>> {
    let gap = prop_oneof![6 => 0..60u32, 1 => 0..4000u32];
    let value = prop_oneof![5 => (0..4i64).prop_map(Some), 1 => Just(None)];
    prop::collection::vec((gap, 0..3usize, value), 1..25)
}

fn value(data: Option<i64>, at: Time) -> Value {
    match data {
        Some(data) => Value::good(data, at),
        None => Value { data: Data::Int(2), ..Value::bad(Reason::Offline, at) },
    }
}

/// Midnight in Berlin, in seconds.
const START: i64 = 1_767_567_600;

/// A host: evaluates when something arrives and when something is due, to the end of the timeline.
struct Host<'a> {
    compiled: &'a Compiled,
    state: State,
    values: Vec<Value>,
    due: Option<Time>,
    transitions: Vec<(Time, Transition)>,
    restarts: bool,
    every_second: bool,
}

impl<'a> Host<'a> {
    fn new(compiled: &'a Compiled) -> Host<'a> {
        let values = vec![Value::bad(Reason::NeverRead, Time(0)); compiled.sources().len()];
        let (state, due, transitions) = (State::default(), None, Vec::new());
        Host { compiled, state, values, due, transitions, restarts: false, every_second: false }
    }

    fn play(mut self, arrivals: &[(u32, usize, Option<i64>)]) -> Vec<(Time, Transition)> {
        let mut now = START;
        for (gap, input, data) in arrivals {
            self.wait(now, now + i64::from(*gap));
            now += i64::from(*gap);
            if let Some(slot) = self.source(*input) {
                self.values[slot] = value(*data, Time::from_seconds(now));
            }
            self.evaluate(Time::from_seconds(now));
        }
        self.wait(now, now + 300);
        self.transitions
    }

    fn source(&self, input: usize) -> Option<usize> {
        self.compiled
            .sources()
            .iter()
            .position(|source| source.label() == format!("Sensor_1.{}", INPUTS[input]))
    }

    fn wait(&mut self, from: i64, to: i64) {
        if self.every_second {
            for second in from + 1..to {
                self.evaluate(Time::from_seconds(second));
            }
        }
        while let Some(due) = self.due.filter(|due| *due < Time::from_seconds(to)) {
            self.evaluate(due);
        }
    }

    fn evaluate(&mut self, now: Time) {
        if self.restarts {
            let text = serde_json::to_string(&self.state).unwrap();
            self.state = serde_json::from_str(&text).unwrap();
        }
        let Outcome { transition, next_due, .. } =
            evaluate(self.compiled, &mut self.state, &self.values, now);
        assert!(next_due.is_none_or(|due| due > now), "{next_due:?} is not after {now}");
        self.due = next_due;
        self.transitions.extend(transition.map(|transition| (now, transition)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_at_any_instant_changes_nothing(
        when in tree(), until in prop::option::of(tree()),
        timing in [0..20u32, 0..60u32, 0..60u32], arrivals in arrivals(),
    ) {
        let compiled = compiled(when, until, timing);
        let plain = Host::new(&compiled).play(&arrivals);
        let restarted = Host { restarts: true, ..Host::new(&compiled) }.play(&arrivals);
        prop_assert_eq!(&plain, &restarted);
        let again = Host::new(&compiled).play(&arrivals);
        prop_assert_eq!(&plain, &again);
    }

    #[test]
    fn transitions_alternate_and_begin_with_active(
        when in tree(), until in prop::option::of(tree()), arrivals in arrivals(),
    ) {
        let compiled = compiled(when, until, [0, 0, 0]);
        for (index, (_, transition)) in Host::new(&compiled).play(&arrivals).iter().enumerate() {
            let expected = if index % 2 == 0 { Transition::Activated } else { Transition::Cleared };
            prop_assert_eq!(*transition, expected);
        }
    }

    #[test]
    fn replaying_recorded_history_finds_what_happened(when in tree(), arrivals in arrivals()) {
        let compiled = compiled(when, None, [0, 0, 0]);
        // What arrives at one instant is one evaluation in a replay, so nothing does here.
        let arrivals: Vec<_> = arrivals.into_iter().map(|(gap, input, data)| (gap + 1, input, data)).collect();
        let host = Host::new(&compiled);
        let mut now = START;
        let mut history = Vec::new();
        for (gap, input, data) in &arrivals {
            now += i64::from(*gap);
            let at = Time::from_seconds(now);
            // An arrival of an input that no condition reads still passes time.
            let source = host.source(*input).unwrap_or(usize::MAX);
            history.push(Sample { at, source, value: value(*data, at) });
        }
        let live = host.play(&arrivals);
        let replayed: Vec<_> = replay(&compiled, history, Time::from_seconds(now + 300))
            .into_iter()
            .filter_map(|happened| Some((happened.at, happened.transition?)))
            .filter(|(at, _)| *at < Time::from_seconds(now + 300))
            .collect();
        prop_assert_eq!(live, replayed);
    }

    #[test]
    fn not_any_is_all_not(parts in prop::collection::vec(leaf(), 1..5), data in prop::collection::vec(prop::option::of(0..4i64), 3)) {
        let not = |of: Condition| Condition { not: Some(Box::new(of)), ..Condition::default() };
        let any = Condition { any: Some(parts.clone()), ..Condition::default() };
        let all = Condition { all: Some(parts.into_iter().map(not).collect()), ..Condition::default() };
        let result = |when: Condition| {
            let compiled = compiled(when, None, [0, 0, 0]);
            let mut host = Host::new(&compiled);
            for (input, data) in data.iter().enumerate() {
                if let Some(slot) = host.source(input) {
                    host.values[slot] = value(*data, Time::from_seconds(START));
                }
            }
            explain(&compiled, &host.state, &host.values, Time::from_seconds(START)).nodes[0].result
        };
        prop_assert_eq!(result(not(any)), result(all));
    }

    #[test]
    fn what_is_not_good_never_makes_a_rule_of_data_act(when in leaf(), arrivals in arrivals()) {
        prop_assume!(when.input.is_some());
        for quality in [Quality::Bad(Reason::Timeout), Quality::Uncertain(Reason::Stale)] {
            let compiled = compiled(when.clone(), None, [0, 0, 0]);
            let mut host = Host::new(&compiled);
            let mut now = START;
            for (gap, input, data) in &arrivals {
                now += i64::from(*gap);
                let slot = host.source(*input);
                if let (Some(slot), Some(data)) = (slot, data) {
                    host.values[slot] = Value {
                        data: Data::Int(*data),
                        quality: quality.clone(),
                        observed_at: Time::from_seconds(now),
                        source: Origin::Device,
                    };
                }
                host.evaluate(Time::from_seconds(now));
            }
            prop_assert_eq!(&host.transitions, &Vec::new());
        }
    }

    #[test]
    fn a_clock_that_jumps_never_wedges_a_hold(jumps in prop::collection::vec(-5_000_000..5_000_000i64, 1..20), hold in 1..600u32) {
        let when = Condition { input: Some("a".into()), equals: Some(json!(1)), held_for: Some(format!("{hold}s")), ..Condition::default() };
        let compiled = compiled(when, None, [3, 30, 30]);
        let mut host = Host::new(&compiled);
        let mut now = START;
        for (index, jump) in jumps.iter().enumerate() {
            now += jump;
            host.values[0] = Value::good(i64::from(index % 2 == 0), Time::from_seconds(now));
            host.evaluate(Time::from_seconds(now));
        }
        // Whatever the clock did: from now on it takes no longer than the longest of its times together.
        host.values[0] = Value::good(1i64, Time::from_seconds(now));
        host.evaluate(Time::from_seconds(now));
        host.wait(now, now + i64::from(hold) + 70);
        prop_assert!(host.state.active);
        host.values[0] = Value::good(0i64, Time::from_seconds(now));
        now += i64::from(hold) + 70;
        host.evaluate(Time::from_seconds(now));
        host.wait(now, now + 70);
        prop_assert!(!host.state.active);
    }
}

proptest! {
    #[test]
    fn nonsense_is_refused_with_a_place_and_never_a_panic(when in scribble()) {
        let definition = Definition { when: Some(when), ..serde_json::from_value(json!({ "name": "t", "title": "T" })).unwrap() };
        let context = Context { position: Some((78.0, 15.0)), ..Context::default() };
        match compile(&definition, None, &Values::new(), &context) {
            Ok(compiled) => drop(evaluate(&compiled, &mut State::default(), &[], Time::from_seconds(START))),
            Err(error) => prop_assert!(error.diagnostics().iter().all(|wrong| wrong.place.starts_with("when"))),
        }
    }

    #[test]
    fn at_no_time_it_panics_or_wants_to_come_back_in_the_past(when in tree(), at in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)]) {
        let compiled = compiled(when, None, [1, 1, 1]);
        let mut host = Host::new(&compiled);
        for now in [Time(at), Time::from_seconds(START), Time(at)] {
            host.values.fill(Value::good(1i64, now));
            host.evaluate(now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Waking only when something arrives or is due finds the same as looking each second.
    #[test]
    fn nothing_is_missed_between_timers(
        when in tree(), until in prop::option::of(tree()),
        timing in [0..20u32, 0..60u32, 0..60u32], arrivals in arrivals(),
    ) {
        let compiled = compiled(when, until, timing);
        let play = |every_second| {
            let mut host = Host { every_second, ..Host::new(&compiled) };
            host.evaluate(Time::from_seconds(START));
            host.play(&arrivals)
        };
        let (sparse, dense) = (play(false), play(true));
        prop_assert_eq!(sparse, dense);
    }
}

#[test]
fn an_empty_timeline_does_nothing() {
    let when = Condition { input: Some("a".into()), equals: Some(json!(1)), ..Condition::default() };
    let compiled = compiled(when, None, [0, 0, 0]);
    assert!(replay(&compiled, [], Time::from_seconds(START)).is_empty());
    let trace = explain(&compiled, &State::default(), &[], Time::from_seconds(START));
    assert_eq!(trace.nodes[0].result, Truth::Unknown);
}
