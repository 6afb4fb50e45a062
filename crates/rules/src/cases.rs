//! `cases.toml`: given, at, expect. What a trigger is meant to do, told as timelines that run in no time.

mod file;
mod report;

pub use file::{Case, Cases, Expect, Expected, Step};
pub use report::{CaseResult, Report};

use crate::compile::load;
use crate::compiled::{Compiled, Source};
use crate::context::{Context, ContextDevice};
use crate::definition::Definition;
use crate::diagnostic::{Diagnostic, Error};
use crate::evaluate::Transition;
use crate::replay::{Happened, Run, Sample};
use crate::trace::Verdict;
use bo_model::driver::Manifest;
use bo_model::value::Source as Origin;
use bo_model::{Data, Quality, Reason, Time, Value};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Runs the cases of a trigger's folder. `drivers` is the folder of drivers that `[devices]` names; a driver
/// that is not there is not checked against. The error says what is wrong with a file; a case that fails is in the report.
pub fn run_dir(dir: &Path, drivers: Option<&Path>) -> Result<Report, Error> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source })
    };
    let script = match read("rule.rhai") {
        Ok(text) => Some(text),
        Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut manifests = BTreeMap::new();
    let cases = read("cases.toml")?;
    for driver in Cases::parse(&cases)?.devices.values() {
        if let Some(manifest) = drivers.map(|drivers| manifest(&drivers.join(driver))).transpose()?.flatten()
        {
            manifests.insert(driver.clone(), manifest);
        }
    }
    run(&read("trigger.toml")?, script.as_deref(), &cases, &manifests)
}

/// The manifest in a driver's folder; none where there is no such folder.
fn manifest(dir: &Path) -> Result<Option<Arc<Manifest>>, Error> {
    let path = dir.join("driver.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let manifest = Manifest::parse(&text);
    manifest.map(|manifest| Some(Arc::new(manifest))).map_err(|message| {
        let file = path.display().to_string();
        Error::Invalid(vec![Diagnostic { file, ..wrong(message) }])
    })
}

/// Runs cases given as text. `manifests` are drivers by name.
pub fn run(
    definition: &str,
    script: Option<&str>,
    cases: &str,
    manifests: &BTreeMap<String, Arc<Manifest>>,
) -> Result<Report, Error> {
    let parsed = Definition::parse(definition)?;
    let cases = Cases::parse(cases)?;
    let mut unchecked: Vec<_> =
        cases.devices.values().filter(|driver| !manifests.contains_key(*driver)).cloned().collect();
    unchecked.sort();
    unchecked.dedup();
    let mut report = Report { trigger: parsed.name.clone(), cases: Vec::new(), unchecked };
    for case in &cases.cases {
        let context = context(&parsed, &cases, case, manifests);
        let failures = match load(definition, script, &case.params, &context) {
            Ok(compiled) => play(&compiled, &cases, case),
            // The trigger itself is wrong, whatever the case: say it once.
            Err(error) if case.params.is_empty() => return Err(error),
            Err(error) => vec![error.to_string()],
        };
        report.cases.push(CaseResult { name: case.name.clone(), steps: case.steps.len(), failures });
    }
    Ok(report)
}

/// A system with the devices the trigger and the cases name.
fn context(
    definition: &Definition,
    cases: &Cases,
    case: &Case,
    manifests: &BTreeMap<String, Arc<Manifest>>,
) -> Context {
    let mut devices: Vec<ContextDevice> = Vec::new();
    for (address, driver) in &cases.devices {
        let manifest = manifests.get(driver).cloned();
        devices.push(ContextDevice { address: address.clone(), name: String::new(), manifest });
    }
    let actions = definition.on_active.iter().chain(&definition.on_clear);
    let commands = actions.filter_map(|action| action.command.as_deref());
    let named = definition.inputs.values().map(|input| input.of.as_str()).chain(commands);
    for pattern in named.filter_map(|target| Some(target.split_once('.')?.0)) {
        if !devices.iter().any(|device| crate::context::matches(pattern, &device.address)) {
            devices.push(ContextDevice { address: pattern.replace('*', "1"), ..ContextDevice::default() });
        }
    }
    for absent in &case.without {
        devices.retain(|device| device.address != *absent);
    }
    Context {
        system: "Test system".into(),
        devices,
        time_zone: case.time_zone.clone().or_else(|| cases.time_zone.clone()),
        position: cases.position,
    }
}

/// Plays one case and says what was not as expected.
fn play(compiled: &Compiled, cases: &Cases, case: &Case) -> Vec<String> {
    match try_play(compiled, cases, case) {
        Ok(failures) => failures,
        Err(why) => vec![why],
    }
}

fn try_play(compiled: &Compiled, cases: &Cases, case: &Case) -> Result<Vec<String>, String> {
    let zone = case.time_zone.as_ref().or(cases.time_zone.as_ref());
    let zone =
        zone.map_or(Ok(TimeZone::UTC), |name| TimeZone::get(name)).map_err(|error| error.to_string())?;
    let start = case.start.as_ref().or(cases.start.as_ref()).map_or(DEFAULT_START, String::as_str);
    let start = civil(start, &zone).ok_or_else(|| format!("start: `{start}` is not like {DEFAULT_START}"))?;
    let mut run = Run::new(compiled);
    run.fresh = true;
    for (index, source) in compiled.sources().iter().enumerate() {
        if let Source::Presence { .. } = source {
            run.values[index] = presence(true, start);
        }
    }
    let mut failures = Vec::new();
    set(&mut run, &case.given, start).map_err(|why| format!("given: {why}"))?;
    run.evaluate(start);
    judge(&mut run, "start", case.expect, case.actions.as_deref(), &mut failures);
    let mut last = start;
    for step in &case.steps {
        let label = format!("at {}", step.at);
        let at = match step.at.contains('T') {
            true => civil(&step.at, &zone),
            false => bo_model::span::parse(&step.at).ok().map(|after| start.after(after)),
        };
        let at = at.ok_or_else(|| format!("{label}: write it like 10min, or like {DEFAULT_START}"))?;
        if at < last && !step.clock_jumps {
            return Err(format!("{label}: lies before the step above"));
        }
        last = at;
        run.timers(at);
        if !step.meanwhile {
            judge(&mut run, &format!("before {}", step.at), Expect::Nothing, None, &mut failures);
        }
        apply(&mut run, step, at).map_err(|why| format!("{label}: {why}"))?;
        run.evaluate(at);
        judge(&mut run, &label, step.expect, step.actions.as_deref(), &mut failures);
    }
    Ok(failures)
}

/// A Monday at noon.
const DEFAULT_START: &str = "2026-01-05T12:00:00";

fn civil(text: &str, zone: &TimeZone) -> Option<Time> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let instant = zone.to_ambiguous_zoned(civil).compatible().ok()?;
    Some(Time(instant.timestamp().as_microsecond()))
}

fn presence(online: bool, at: Time) -> Value {
    Value { source: Origin::Agent, ..Value::good(online, at) }
}

fn apply(run: &mut Run<'_>, step: &Step, at: Time) -> Result<(), String> {
    if step.restart {
        let text = serde_json::to_string(&run.state).map_err(|error| error.to_string())?;
        run.state = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    }
    set(run, &step.set, at)?;
    for (devices, online) in [(&step.offline, false), (&step.online, true)] {
        for device in devices {
            let source = Source::Presence { device: device.clone() };
            assign(run, &source, presence(online, at))?;
        }
    }
    if let Some(name) = &step.call {
        assign(run, &Source::Webhook { name: name.clone() }, Value::good(true, at))?;
    }
    Ok(())
}

fn assign(run: &mut Run<'_>, wanted: &Source, value: Value) -> Result<(), String> {
    let index = run.compiled.sources().iter().position(|source| source == wanted);
    let source = index.ok_or_else(|| format!("the trigger does not look at {}", wanted.label()))?;
    run.set(Sample { at: value.observed_at, source, value });
    Ok(())
}

/// Sets inputs by name, or single sources by address.
fn set(run: &mut Run<'_>, values: &bo_model::settings::Values, at: Time) -> Result<(), String> {
    let compiled = run.compiled;
    for (name, json) in values {
        let value = file::value(json, at).map_err(|why| format!("{name}: {why}"))?;
        let slot = compiled.inputs.iter().find(|slot| *slot.name == **name);
        let indices: Vec<u32> = match slot.map(|slot| &slot.feed) {
            Some(crate::compiled::Feed::One(source)) => vec![*source],
            Some(crate::compiled::Feed::Fold(_, sources)) => sources.to_vec(),
            Some(crate::compiled::Feed::Absent) => return Err(format!("input {name} has no device here")),
            None => {
                let labels = compiled.sources().iter().map(Source::label);
                labels.enumerate().filter(|(_, label)| label == name).map(|(index, _)| index as u32).collect()
            }
        };
        if indices.is_empty() {
            return Err(format!("there is no input `{name}`, and the trigger reads nothing of that address"));
        }
        for index in indices {
            run.set(Sample { at, source: index as usize, value: value.clone() });
        }
    }
    Ok(())
}

/// Compares what happened with what was expected, and forgets it.
fn judge(
    run: &mut Run<'_>,
    when: &str,
    expect: Expect,
    actions: Option<&[Expected]>,
    failures: &mut Vec<String>,
) {
    let happened = std::mem::take(&mut run.happened);
    let found = |happened: &Happened| match (happened.transition, &happened.trace) {
        (Some(Transition::Activated), _) => Expect::Active,
        (Some(Transition::Cleared), _) => Expect::Clear,
        (None, Some(trace)) if trace.verdict == Verdict::HeldBack => Expect::HeldBack,
        (None, _) => Expect::Nothing,
    };
    let told = |happened: &Happened| {
        let why = happened.trace.as_ref().map_or("", |trace| trace.why.as_str());
        format!("{} at {} ({why})", found(happened).word(), happened.at)
    };
    match happened.as_slice() {
        [] if expect == Expect::Nothing => {}
        [] => {
            let compiled = run.compiled;
            let at = run.values.iter().map(|value| value.observed_at).max().unwrap_or_default();
            let trace = crate::evaluate::explain(compiled, &run.state, &run.values, at);
            failures.push(format!("{when}: expected {}, nothing happened. {}", expect.word(), trace.why));
        }
        [one] if found(one) == expect => {
            for withheld in one.trace.iter().flat_map(|trace| &trace.withheld) {
                failures.push(format!("{when}: withheld: {withheld}"));
            }
            if let Some(expected) = actions {
                failures.extend(
                    report::compare_actions(expected, &one.actions)
                        .into_iter()
                        .map(|why| format!("{when}: {why}")),
                );
            }
        }
        several => {
            let all: Vec<_> = several.iter().map(told).collect();
            failures.push(format!("{when}: expected {}, but it went {}", expect.word(), all.join(", then ")));
        }
    }
}

/// What a problem of `cases.toml` looks like.
fn wrong(message: String) -> Diagnostic {
    Diagnostic { file: "cases.toml".into(), line: None, column: None, place: String::new(), message }
}

/// A value that is as good as the file says.
fn with_quality(data: Data, quality: &str, reason: Reason, at: Time) -> Option<Value> {
    let quality = match quality {
        "good" => Quality::Good,
        "uncertain" => Quality::Uncertain(reason),
        "bad" => Quality::Bad(reason),
        _ => return None,
    };
    Some(Value { data, quality, observed_at: at, source: Origin::Device })
}
