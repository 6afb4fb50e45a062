//! What a trigger does as its inputs and the time change: quality, holds, timers, scripts, actions.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bo_model::command::Priority;
use bo_model::driver::Manifest;
use bo_model::settings::Values;
use bo_model::{Data, Quality, Reason, Time, Value};
use bo_rules::{Act, Compiled, Context, ContextDevice, Outcome, Source, State, Transition, Truth, Verdict};
use bo_rules::{evaluate, explain, load, retire};
use serde_json::json;
use std::sync::Arc;

const SENSOR: &str = r#"
driver = { name = "sensor", version = "1.0.0", title = "Sensor", kind = "hardware", module = "Sensor" }
status.people = { type = "integer" }
status.co2 = { type = "number", unit = "ppm", decimals = 0, stale_after = "5min" }
status.mode = { type = "choice", choices = { off = "Off", heat = "Heating" } }
component = { file = "component.wasm", wit = "0.1" }
command.set_mode.params.mode = { type = "choice", choices = { off = "Off", heat = "Heating" }, required = true }
"#;

fn context() -> Context {
    let manifest = Arc::new(Manifest::parse(SENSOR).unwrap());
    let device =
        |address: &str, manifest| ContextDevice { address: address.into(), name: String::new(), manifest };
    Context {
        system: "Room 1".into(),
        devices: vec![
            device("Sensor_1", Some(manifest)),
            device("Display_1", None),
            device("Display_2", None),
        ],
        time_zone: Some("Europe/Berlin".into()),
        position: None,
    }
}

/// A trigger with its inputs, as a host keeps it.
struct Rig {
    compiled: Compiled,
    state: State,
    values: Vec<Value>,
}

impl Rig {
    fn new(body: &str) -> Rig {
        Rig::with_script(body, None)
    }

    fn with_script(body: &str, script: Option<&str>) -> Rig {
        let text = format!("name = \"t\"\ntitle = \"T\"\n{body}");
        let compiled =
            load(&text, script, &Values::new(), &context()).unwrap_or_else(|error| panic!("{error}"));
        let values = vec![Value::bad(Reason::NeverRead, Time(0)); compiled.sources().len()];
        Rig { compiled, state: State::default(), values }
    }

    fn set(&mut self, label: &str, value: Value) {
        let index = self.compiled.sources().iter().position(|source| source.label() == label).unwrap();
        self.values[index] = value;
    }

    fn at(&mut self, seconds: i64) -> Outcome {
        evaluate(&self.compiled, &mut self.state, &self.values, Time::from_seconds(seconds))
    }

    /// A good value arrives.
    fn get(&mut self, label: &str, data: impl Into<Data>, seconds: i64) -> Outcome {
        self.set(label, Value::good(data, Time::from_seconds(seconds)));
        self.at(seconds)
    }

    fn restart(&mut self) {
        let text = serde_json::to_string(&self.state).unwrap();
        self.state = serde_json::from_str(&text).unwrap();
        self.values = vec![Value::bad(Reason::NeverRead, Time(0)); self.compiled.sources().len()];
    }
}

fn uncertain(data: impl Into<Data>, seconds: i64) -> Value {
    Value { quality: Quality::Uncertain(Reason::Stale), ..Value::good(data, Time::from_seconds(seconds)) }
}

const EMPTY: &str = "input.people.of = \"Sensor_1.people\"\nwhen = { input = \"people\", equals = 0, held_for = \"10min\" }\n";

#[test]
fn what_did_not_fire_has_no_trace_and_names_when_to_come_back() {
    let mut rig = Rig::new(EMPTY);
    let outcome = rig.get("Sensor_1.people", 0, 100);
    assert_eq!((outcome.transition, outcome.trace), (None, None));
    assert_eq!(outcome.next_due, Some(Time::from_seconds(700)));
    assert!(outcome.changed, "the hold began, which a restart must not forget");
    assert!(!rig.at(300).changed);
}

#[test]
fn what_fired_says_which_inputs_and_conditions_decided() {
    let mut rig = Rig::new(EMPTY);
    rig.get("Sensor_1.people", 0, 100);
    let outcome = rig.at(700);
    assert_eq!(outcome.transition, Some(Transition::Activated));
    let trace = outcome.trace.unwrap();
    assert_eq!(trace.verdict, Verdict::Activated);
    assert_eq!(trace.decided_by, [Arc::from("when")]);
    assert_eq!(trace.why, "Became active: people = 0 for 10min");
    assert_eq!(trace.nodes[0].since, Some(Time::from_seconds(100)));
    let input = &trace.inputs[0];
    assert_eq!((&*input.of, &*input.quality, input.age), ("Sensor_1.people", "good", 600.0));
    assert!(rig.at(701).transition.is_none(), "once");
}

#[test]
fn a_hold_survives_a_restart_and_the_moment_in_which_nothing_was_read_yet() {
    let mut rig = Rig::new(EMPTY);
    rig.get("Sensor_1.people", 0, 0);
    rig.restart();
    assert_eq!(rig.at(300).transition, None);
    assert_eq!(rig.get("Sensor_1.people", 0, 302).next_due, Some(Time::from_seconds(602)));
    assert_eq!(rig.at(602).transition, Some(Transition::Activated));
    rig.restart();
    assert_eq!(rig.get("Sensor_1.people", 0, 700).transition, None, "what was active does not fire again");
    assert_eq!(rig.get("Sensor_1.people", 2, 800).transition, Some(Transition::Cleared));
}

#[test]
fn inputs_that_are_not_good_hold_it_back_unless_the_author_allows_them() {
    let fire = |policy: &str, value: Value| {
        let body = format!(
            "input.people = {{ of = \"Sensor_1.people\", {policy} }}\nwhen = {{ input = \"people\", equals = 0 }}"
        );
        let mut rig = Rig::new(&body);
        rig.set("Sensor_1.people", value);
        let outcome = rig.at(10);
        (outcome.transition.is_some(), outcome.trace.map(|trace| trace.why.clone()).unwrap_or_default())
    };
    let bad = Value { data: Data::Int(0), ..Value::bad(Reason::Timeout, Time(0)) };
    let (fired, why) = fire("quality = \"good\"", uncertain(0, 5));
    assert_eq!((fired, why.as_str()), (false, "Held back: Sensor_1.people is uncertain: stale"));
    assert!(fire("quality = \"uncertain\"", uncertain(0, 5)).0);
    let (fired, why) = fire("quality = \"uncertain\"", bad.clone());
    assert_eq!((fired, why.as_str()), (false, "Held back: Sensor_1.people is bad: no reply in time"));
    assert!(fire("quality = \"any\"", bad.clone()).0, "the last good datum, because the author said so");
    assert!(!fire("quality = \"any\"", Value::bad(Reason::NeverRead, Time(0))).0, "there is no datum at all");
    assert!(fire("default = 0", bad).0, "the default, because the author said so");
}

#[test]
fn being_held_back_is_told_once_and_changes_nothing() {
    let mut rig = Rig::new("input.people.of = \"Sensor_1.people\"\nwhen = { input = \"people\", above = 0 }");
    rig.get("Sensor_1.people", 3, 10);
    rig.set("Sensor_1.people", Value::bad(Reason::Offline, Time::from_seconds(10)));
    let outcome = rig.at(20);
    assert_eq!((outcome.transition, outcome.trace.unwrap().verdict), (None, Verdict::HeldBack));
    assert!(rig.state.active && rig.state.held_back && outcome.changed);
    assert_eq!(rig.at(30).trace, None);
    assert_eq!(rig.get("Sensor_1.people", 0, 40).transition, Some(Transition::Cleared));
    assert!(!rig.state.held_back);
}

#[test]
fn values_that_were_not_read_yet_after_a_start_are_told_only_when_they_stay_away() {
    let mut rig = Rig::new("input.people.of = \"Sensor_1.people\"\nwhen = { input = \"people\", above = 0 }");
    let outcome = rig.at(0);
    assert_eq!((outcome.trace, outcome.next_due), (None, Some(Time::from_seconds(60))));
    assert!(rig.state.held_back);
    assert_eq!(rig.at(60).trace.unwrap().why, "Held back: Sensor_1.people is bad: not read yet");
    assert_eq!(rig.at(61).trace, None);
}

#[test]
fn a_decisive_good_input_counts_although_another_one_is_bad() {
    let body = "input.people.of = \"Sensor_1.people\"\ninput.co2.of = \"Sensor_1.co2\"\n\
        when.any = [{ input = \"people\", above = 10 }, { input = \"co2\", above = 1000 }]";
    let mut rig = Rig::new(body);
    let outcome = rig.get("Sensor_1.co2", 1200.0, 10);
    assert_eq!(outcome.transition, Some(Transition::Activated));
    assert_eq!(outcome.trace.unwrap().decided_by, [Arc::from("when.any[1]")]);
}

#[test]
fn a_value_that_grows_old_holds_back_at_the_moment_it_does() {
    let mut rig = Rig::new(
        "input.co2.of = \"Sensor_1.co2\"\nwhen = { input = \"co2\", above = 1000, held_for = \"1h\" }",
    );
    let due = rig.get("Sensor_1.co2", 1200.0, 0).next_due.unwrap();
    assert_eq!(due, Time(300_000_001), "five minutes, as its driver says");
    let outcome = evaluate(&rig.compiled, &mut rig.state, &rig.values, due);
    assert_eq!(outcome.trace.unwrap().why, "Held back: Sensor_1.co2 is uncertain: stale");
}

#[test]
fn quality_itself_can_be_asked_for() {
    let mut rig = Rig::new(
        "input.co2.of = \"Sensor_1.co2\"\nwhen = { input = \"co2\", quality = \"stale\", held_for = \"1min\" }",
    );
    rig.get("Sensor_1.co2", 400.0, 0);
    assert_eq!(rig.at(301).next_due, Some(Time::from_seconds(361)));
    assert_eq!(rig.at(361).transition, Some(Transition::Activated));
    assert_eq!(rig.get("Sensor_1.co2", 400.0, 362).transition, Some(Transition::Cleared));
}

#[test]
fn debounce_cooldown_and_minimum_time_delay_without_forgetting() {
    let body = "debounce = \"5s\"\ncooldown = \"1min\"\nmin_active = \"30s\"\n\
        input.people.of = \"Sensor_1.people\"\nwhen = { input = \"people\", above = 0 }";
    let mut rig = Rig::new(body);
    assert_eq!(rig.get("Sensor_1.people", 1, 0).next_due, Some(Time::from_seconds(5)));
    rig.get("Sensor_1.people", 0, 3);
    rig.get("Sensor_1.people", 1, 4);
    assert_eq!(rig.at(8).transition, None, "it has to stand for five seconds");
    assert_eq!(rig.at(9).transition, Some(Transition::Activated));
    assert_eq!(rig.get("Sensor_1.people", 0, 10).next_due, Some(Time::from_seconds(39)), "minimum time");
    assert_eq!(
        explain(&rig.compiled, &rig.state, &rig.values, Time::from_seconds(11)).verdict,
        Verdict::Waiting
    );
    assert_eq!(rig.at(39).transition, Some(Transition::Cleared));
    assert_eq!(rig.get("Sensor_1.people", 1, 40).next_due, Some(Time::from_seconds(99)), "cooldown");
    assert_eq!(rig.at(99).transition, Some(Transition::Activated));
}

#[test]
fn a_clock_that_goes_back_neither_fires_nor_wedges_it() {
    let mut rig = Rig::new(&format!("cooldown = \"1h\"\n{EMPTY}"));
    rig.get("Sensor_1.people", 0, 1_000_000);
    assert_eq!(rig.get("Sensor_1.people", 0, 1_000).transition, None);
    let due = rig.at(1_001).next_due.unwrap();
    assert_eq!(due, Time::from_seconds(1_600), "ten minutes from the new time");
    assert_eq!(rig.at(1_600).transition, Some(Transition::Activated));
    rig.get("Sensor_1.people", 1, 2_000_000);
    let due = rig.get("Sensor_1.people", 0, 5_000).next_due.unwrap();
    assert!(due <= Time::from_seconds(8_600), "cooldown counts from the new time too: {due}");
    assert_eq!(rig.at(8_600).transition, Some(Transition::Activated));
}

#[test]
fn a_change_and_a_call_are_true_for_a_while() {
    let body = "input.mode.of = \"Sensor_1.mode\"\n\
        when.any = [{ input = \"mode\", changed = true, for = \"10s\" }, { webhook = \"knock\", for = \"5s\" }]";
    let mut rig = Rig::new(body);
    assert_eq!(rig.get("Sensor_1.mode", "off", 0).transition, None, "the first value is no change");
    assert_eq!(rig.get("Sensor_1.mode", "off", 1).transition, None);
    let outcome = rig.get("Sensor_1.mode", "heat", 2);
    assert_eq!(
        (outcome.transition, outcome.next_due),
        (Some(Transition::Activated), Some(Time::from_seconds(12)))
    );
    assert_eq!(rig.at(12).transition, Some(Transition::Cleared));
    assert!(matches!(&rig.compiled.sources()[1], Source::Webhook { name } if name == "knock"));
    assert_eq!(rig.get("webhook knock", true, 20).transition, Some(Transition::Activated));
    assert_eq!(rig.at(25).transition, Some(Transition::Cleared));
}

#[test]
fn commands_reach_every_device_a_pattern_names_with_deadline_lease_and_priority() {
    let body = r#"priority = "schedule"
param.quiet = { type = "duration", default = "2h" }
input.people.of = "Sensor_1.people"
when = { input = "people", equals = 0 }
[[on_active]]
command = "Display_*.power"
params = { on = false }
within = "5s"
lease = { for = "{quiet}", then = { on = true } }
"#;
    let mut rig = Rig::new(body);
    let acts = rig.get("Sensor_1.people", 0, 100).actions;
    assert_eq!(acts.len(), 2);
    let Act::Command { device, command, params, priority, deadline, lease } = &acts[1] else {
        panic!("{acts:?}")
    };
    assert_eq!((device.as_str(), command.as_str(), *priority), ("Display_2", "power", Priority::Schedule));
    assert_eq!(params["on"], json!(false));
    assert_eq!(*deadline, Time::from_seconds(105));
    let lease = lease.as_ref().unwrap();
    assert_eq!((lease.until, &lease.then.as_ref().unwrap()["on"]), (Time::from_seconds(7_300), &json!(true)));
}

#[test]
fn an_alarm_clears_with_its_trigger_and_when_the_trigger_is_taken_away() {
    let body = r#"input.co2.of = "Sensor_1.co2"
when = { input = "co2", above = 1000 }
[[on_active]]
alarm = { severity = "warning", text = "{system}: {co2} are too many" }
"#;
    let mut rig = Rig::new(body);
    assert!(retire(&rig.compiled, &rig.state).is_empty());
    let acts = rig.get("Sensor_1.co2", 1234.6, 0).actions;
    let Act::RaiseAlarm { key, text, .. } = &acts[0] else { panic!("{acts:?}") };
    assert_eq!(text, "Room 1: 1235 ppm are too many");
    let cleared = Act::ClearAlarm { key: key.clone(), severity: bo_rules::Severity::Warning };
    assert_eq!(retire(&rig.compiled, &rig.state), std::slice::from_ref(&cleared));
    assert_eq!(rig.get("Sensor_1.co2", 500.0, 1).actions, [cleared]);
}

#[test]
fn a_command_is_withheld_when_its_parameter_may_not_be_acted_on() {
    let body = r#"input.people.of = "Sensor_1.people"
input.mode.of = "Sensor_1.mode"
when = { input = "people", equals = 0 }
on_active = [{ command = "Sensor_1.set_mode", params = { mode = "{mode}" } }]
"#;
    let mut rig = Rig::new(body);
    let outcome = rig.get("Sensor_1.people", 0, 0);
    assert_eq!((outcome.transition, outcome.actions.len()), (Some(Transition::Activated), 0));
    assert_eq!(outcome.trace.unwrap().withheld, ["Sensor_1.set_mode: Sensor_1.mode is bad: not read yet"]);
    let mut rig = Rig::new(body);
    rig.set("Sensor_1.mode", Value::good("boost", Time(0)));
    let outcome = rig.get("Sensor_1.people", 0, 0);
    assert_eq!(outcome.trace.unwrap().withheld, ["Sensor_1.set_mode: mode must be one of heat, off"]);
}

#[test]
fn a_script_decides_and_acts_within_what_it_is_permitted() {
    let body = "permit = [\"Display_*.power\"]\ninput.people.of = \"Sensor_1.people\"";
    let script = r#"
fn condition(inputs, params) { inputs.people == 0 }
fn actions(active, inputs, params) {
    [ #{ command: "Display_1.power", params: #{ on: !active } }, #{ command: "Sensor_1.set_mode", params: #{ mode: "off" } } ]
}"#;
    let mut rig = Rig::with_script(body, Some(script));
    let outcome = rig.get("Sensor_1.people", 0, 0);
    assert_eq!(outcome.transition, Some(Transition::Activated));
    assert!(matches!(&outcome.actions[..], [Act::Command { device, .. }] if device == "Display_1"));
    assert_eq!(
        outcome.trace.unwrap().withheld,
        ["Sensor_1.set_mode: not among the commands this trigger permits"]
    );
}

#[test]
fn a_script_that_fails_holds_back_with_its_line() {
    let body = "input.people.of = \"Sensor_1.people\"";
    let script = "fn condition(inputs, params) {\n  if inputs.people > 3 { throw \"too many\" }\n  inputs.people == 0\n}";
    let mut rig = Rig::with_script(body, Some(script));
    assert_eq!(rig.get("Sensor_1.people", 0, 0).transition, Some(Transition::Activated));
    let outcome = rig.get("Sensor_1.people", 4, 1);
    assert_eq!(outcome.transition, None);
    let why = outcome.trace.unwrap().why.clone();
    assert!(why.starts_with("Held back: rule.rhai:2: ") && why.contains("too many"), "{why}");
    rig.set("Sensor_1.people", Value::bad(Reason::Offline, Time(0)));
    assert_eq!(rig.at(2).transition, None, "a script is not asked about values it may not act on");
}

#[test]
fn a_script_that_asks_for_the_time_is_asked_each_minute_and_can_be_part_of_a_tree() {
    let body = "input.people.of = \"Sensor_1.people\"\n\
        when.all = [{ script = \"condition\", held_for = \"2min\" }, { input = \"people\", equals = 0 }]";
    let script = "fn condition(inputs, params, now) { now.hour == 1 && now.minute >= 5 }";
    let mut rig = Rig::with_script(body, Some(script));
    // 00:04:30 UTC is 01:04:30 in Berlin.
    assert_eq!(rig.get("Sensor_1.people", 0, 270).next_due, Some(Time::from_seconds(300)));
    assert_eq!(rig.at(300).next_due, Some(Time::from_seconds(360)));
    assert_eq!(rig.at(360).transition, None);
    assert_eq!(rig.at(420).transition, Some(Transition::Activated));
}

#[test]
fn explaining_changes_nothing_and_lists_every_condition() {
    let body = "input.people.of = \"Sensor_1.people\"\n\
        when.all = [{ input = \"people\", equals = 0 }, { not = { offline = \"Display_*\" } }]";
    let mut rig = Rig::new(body);
    rig.get("Sensor_1.people", 0, 0);
    let before = rig.state.clone();
    let trace = explain(&rig.compiled, &rig.state, &rig.values, Time::from_seconds(1));
    assert_eq!(rig.state, before);
    let nodes: Vec<_> = trace.nodes.iter().map(|node| (&*node.place, node.result)).collect();
    assert_eq!(
        nodes,
        [
            ("when", Truth::Unknown),
            ("when.all[0]", Truth::True),
            ("when.all[1]", Truth::Unknown),
            ("when.all[1].not", Truth::Unknown)
        ]
    );
    assert_eq!(trace.why, "Held back: Display_* offline: not known yet");
    assert!(serde_json::to_string(&trace).unwrap().contains("\"held-back\""));
}

#[test]
fn in_a_large_system_a_trace_and_a_text_name_only_what_is_offline() {
    let text = "name = \"t\"\ntitle = \"T\"\nwhen.offline = \"*\"\n\
        on_active = [{ notify = { to = [\"team\"], text = \"{offline} can't be reached\" } }]";
    let device = |n: usize| ContextDevice { address: format!("Relay_{n}"), ..ContextDevice::default() };
    let context = Context { devices: (0..900).map(device).collect(), ..Context::default() };
    let compiled = load(text, None, &Values::new(), &context).unwrap();
    let online = |n: usize| Value::good(!n.is_multiple_of(60), Time(0));
    let values: Vec<_> = (0..900).map(online).collect();
    let outcome = evaluate(&compiled, &mut State::default(), &values, Time(0));
    let trace = outcome.trace.unwrap();
    assert_eq!(trace.inputs.len(), 15);
    assert_eq!(&*trace.inputs[1].of, "Relay_60 online");
    let Act::Notify { text, .. } = &outcome.actions[0] else { panic!("{:?}", outcome.actions) };
    assert!(text.ends_with("Relay_540 and 5 more can't be reached"), "{text}");
}
