//! Every mistake in a trigger is named with its place, all of them at once, before it reaches a building.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bo_model::settings::Values;
use bo_rules::{Context, ContextDevice, Definition, load};
use serde_json::json;

fn context() -> Context {
    let devices =
        ["Sensor_1", "Hvac_1"].map(|address| ContextDevice { address: address.into(), ..Default::default() });
    Context { system: "Room 1".into(), devices: devices.into(), ..Context::default() }
}

const GOOD: &str = r#"name = "t"
title = "T"

[input.people]
of = "Sensor_1.people"

[param.limit]
type = "integer"
default = 0
max = 10

[when]
all = [
  { input = "people", equals = "{limit}", held_for = "10min" },
  { days = "mon-fri", from = "18:00", to = "06:00" },
]

[[on_active]]
command = "Hvac_1.set_mode"
params = { mode = "off" }
"#;

fn errors(text: &str) -> Vec<String> {
    errors_with(text, &Values::new())
}

fn errors_with(text: &str, params: &Values) -> Vec<String> {
    match load(text, None, params, &context()) {
        Ok(_) => Vec::new(),
        Err(error) => error.diagnostics().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_good_trigger_has_none() {
    assert_eq!(errors(GOOD), Vec::<String>::new());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    for (from, to, line) in [("held_for", "hold_for", 14), ("[input.people]\nof", "[input.people]\nfor", 5)] {
        let all = errors(&GOOD.replace(from, to));
        assert!(
            all[0].starts_with(&format!("trigger.toml:{line}:")) && all[0].contains("unknown field"),
            "{all:?}"
        );
    }
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    let all = errors(&GOOD.replace("held_for = \"10min\"", "held_for = 10"));
    assert!(all[0].starts_with("trigger.toml:14:"), "{all:?}");
}

#[test]
fn everything_wrong_is_named_at_once_with_line_and_place() {
    let text = GOOD
        .replace("input = \"people\"", "input = \"persons\"")
        .replace("\"10min\"", "\"ten minutes\"")
        .replace("mon-fri", "workdays")
        .replace("Hvac_1", "Hvac_2");
    let all = errors(&text);
    assert_eq!(all.len(), 4, "{all:#?}");
    assert_eq!(all[0], "trigger.toml:14:5: when.all[0].input: there is no [input.persons]; there are people");
    assert!(all[1].starts_with("trigger.toml:14:") && all[1].contains("write it like"), "{}", all[1]);
    assert!(all[2].starts_with("trigger.toml:15:") && all[2].contains("mon-fri or sat,sun"), "{}", all[2]);
    assert_eq!(
        all[3],
        "trigger.toml:19:1: on_active[0].command: there is no Hvac_2 here: the system has Sensor_1, Hvac_1"
    );
}

#[test]
fn each_of_these_is_refused() {
    let when = |condition: &str| {
        format!("name = \"t\"\ntitle = \"T\"\ninput.a.of = \"Sensor_1.a\"\nwhen = {condition}\n")
    };
    for (condition, expected) in [
        ("{}", "says nothing"),
        ("{ all = [] }", "is empty"),
        ("{ input = \"a\" }", "needs one of equals"),
        ("{ input = \"a\", above = 1, below = 3 }", "one comparison per condition"),
        ("{ input = \"a\", above = 1, cron = \"0 0 * * *\" }", "several things at once"),
        ("{ equals = 1 }", "a comparison needs `input`"),
        ("{ input = \"a\", above = \"high\" }", "must be a number"),
        ("{ input = \"a\", above = \"{high}\" }", "neither [param.high] nor [input.high]"),
        ("{ input = \"a\", above = 1, for = \"1min\" }", "did you mean `held_for`?"),
        ("{ input = \"a\", above = 1, held_for = \"500d\" }", "longer than a year"),
        ("{ from = \"sunset\" }", "need the position"),
        ("{ from = \"18:00\", time_zone = \"Europe/Berlinn\" }", "not a known time zone"),
        ("{ cron = \"61 * * * *\" }", "not a cron pattern"),
        ("{ cron = \"0 0 30 2 *\" }", "never comes"),
        ("{ webhook = \"Check In\" }", "lower-case"),
        ("{ offline = \"Display_1\" }", "there is no Display_1 here"),
        ("{ script = \"condition\" }", "no rule.rhai"),
    ] {
        let all = errors(&when(condition));
        assert!(all.iter().any(|error| error.contains(expected)), "{condition}: {all:?}");
        assert!(all.iter().all(|error| error.starts_with("trigger.toml:4:")), "{condition}: {all:?}");
    }
}

#[test]
fn actions_are_checked_as_well() {
    let with = |action: &str| {
        format!("name = \"t\"\ntitle = \"T\"\nwhen.online = \"*\"\non_active = [{action}]\non_clear = []\n")
    };
    for (action, expected) in [
        ("{}", "one of command, alarm, notify or emit"),
        ("{ command = \"Hvac_1\" }", "not written like"),
        ("{ command = \"Hvac_1.x\", params = { a = \"{nobody}\" } }", "neither [param.nobody]"),
        ("{ command = \"Hvac_1.x\", within = \"soon\" }", "write it like"),
        ("{ notify = { to = [], text = \"x\" } }", "names nobody"),
        ("{ notify = { to = [\"team\"], text = \"{x\" } }", "without `}`"),
        ("{ alarm = { severity = \"loud\", text = \"x\" } }", "unknown variant"),
        ("{ emit = { event = \"x\" }, params = { a = 1 } }", "belong to `command`"),
    ] {
        let all = errors(&with(action));
        assert!(all.iter().any(|error| error.contains(expected)), "{action}: {all:?}");
    }
    let clear =
        with("").replace("on_clear = []", "on_clear = [{ alarm = { severity = \"info\", text = \"x\" } }]");
    assert!(errors(&clear)[0].contains("clears with the trigger"));
}

#[test]
fn parameters_of_an_instance_are_checked_by_name() {
    let params = |value| Values::from([("limit".to_owned(), value)]);
    assert_eq!(errors_with(GOOD, &params(json!(11))), ["parameters: limit: must be at most 10"]);
    let unknown = Values::from([("limti".to_owned(), json!(1))]);
    assert_eq!(errors_with(GOOD, &unknown), ["parameters: limti: is not a known name here"]);
}

#[test]
fn a_trigger_that_is_too_big_is_refused_instead_of_filling_the_gateway() {
    let deep = format!("{}{{ online = \"*\" }}{}", "{ not = ".repeat(30), " }".repeat(30));
    let all = errors(&format!("name = \"t\"\ntitle = \"T\"\nwhen = {deep}\n"));
    assert!(all[0].contains("too many conditions"), "{all:?}");
    let wide = vec!["{ online = \"*\" }"; 300].join(", ");
    let all = errors(&format!("name = \"t\"\ntitle = \"T\"\nwhen.any = [{wide}]\n"));
    assert!(all[0].contains("too many conditions"), "{all:?}");
    let long = format!("name = \"t\"\ntitle = \"{}\"\n", "x".repeat(70_000));
    assert!(errors(&long)[0].contains("longer than 64 KiB"));
}

#[test]
fn the_form_and_the_file_are_two_views_of_one_definition() {
    let definition = Definition::parse(GOOD).unwrap();
    let form = serde_json::to_value(&definition).unwrap();
    assert_eq!(serde_json::from_value::<Definition>(form).unwrap(), definition);
    let file = toml::to_string_pretty(&definition).unwrap();
    assert_eq!(Definition::parse(&file).unwrap(), definition, "{file}");
}
