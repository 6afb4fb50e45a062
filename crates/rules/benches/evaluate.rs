//! What one evaluation costs: `cargo bench -p bo-rules`. Prints nanoseconds per evaluation; never a test.

use bo_model::settings::Values;
use bo_model::{Data, Time, Value};
use bo_rules::{Context, ContextDevice, State, evaluate, load};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 300_000;

fn main() {
    let head = "name = \"bench\"\ntitle = \"Bench\"\ninput.people.of = \"Sensor_1.people\"\ninput.co2.of = \"Sensor_1.co2\"\n";
    let simple = "when = { input = \"people\", equals = 0, held_for = \"10min\" }\n";
    let tree = "when.all = [\n  { input = \"people\", above = 50 },\n  { any = [{ input = \"co2\", above = 5000 }, { input = \"co2\", below = 100, held_for = \"5min\" }] },\n  { days = \"mon-fri\", from = \"18:00\", to = \"06:00\" },\n]\n";
    let fires = "when = { input = \"people\", above = 0 }\n[[on_active]]\ncommand = \"Display_1.power\"\nparams = { on = true }\n";
    let script = "fn condition(inputs, params) { inputs.people > 50 && inputs.co2 > 1000 }";
    measure("one comparison with a hold, not fired", &format!("{head}{simple}"), None, |_| 3);
    measure("group of four and a schedule, not fired", &format!("{head}{tree}"), None, |round| {
        i64::from(round % 40)
    });
    measure("script of two comparisons, not fired", head, Some(script), |round| i64::from(round % 40));
    measure("fires or clears each time, with trace and command", &format!("{head}{fires}"), None, |round| {
        i64::from(round % 2)
    });
}

fn measure(name: &str, text: &str, script: Option<&str>, people: impl Fn(u32) -> i64) {
    let devices = ["Sensor_1", "Display_1"]
        .map(|address| ContextDevice { address: address.into(), ..Default::default() });
    let context =
        Context { devices: devices.into(), time_zone: Some("Europe/Berlin".into()), ..Context::default() };
    let compiled = match load(text, script, &Values::new(), &context) {
        Ok(compiled) => compiled,
        Err(error) => return eprintln!("{name}: {error}"),
    };
    let mut state = State::default();
    let mut values = vec![Value::good(600.0, Time(0)); compiled.sources().len()];
    let changing =
        compiled.sources().iter().position(|source| source.label() == "Sensor_1.people").unwrap_or(0);
    let mut fired = 0;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for round in 0..ROUNDS {
            let now = Time::from_seconds(1_767_567_600 + i64::from(round));
            values[changing] = Value::good(Data::Int(people(round)), now);
            let outcome = black_box(evaluate(&compiled, &mut state, black_box(&values), now));
            fired += u32::from(outcome.transition.is_some());
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
    }
    println!("{name:<55} {best:>8.0} ns   {fired} transitions in {} evaluations", 5 * ROUNDS);
}
