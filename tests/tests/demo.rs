//! `cargo demo` as a stranger meets it: it comes alive, the API answers, values move, a command is proved, the audit
//! log is whole, and nothing of it is left afterwards. One start serves all checks; each that fails is named.

use anyhow::{Context, Result, bail, ensure};
use backoffice_tests::api::{Api, stages};
use backoffice_tests::demo::{Demo, PATIENCE, STOP};
use bo_testkit::process::is_alive;
use bo_testkit::{binary, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Output};

type Check = fn(&Demo, &Api) -> Result<()>;

#[test]
fn the_demo_lives_obeys_proves_what_happened_and_ends_all_it_started() -> Result<()> {
    let mut demo = Demo::start()?;
    let api = demo.api()?;
    let checks: [(&str, Check); 7] = [
        ("the estate is all there", the_estate_is_all_there),
        ("the inverters live", the_inverters_live),
        ("the API describes itself", the_api_describes_itself),
        ("a relay obeys and the evidence is whole", a_relay_obeys_and_the_evidence_is_whole),
        ("what does not fit is refused with its name", what_does_not_fit_is_refused_with_its_name),
        ("strangers get nothing", strangers_get_nothing),
        ("a tampered record is named", a_tampered_record_is_named),
    ];
    let outcomes = checks.map(|(name, check)| check(&demo, &api).map_err(|why| format!("{name}: {why:#}")));
    let mut failures: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();

    let children = demo.process.descendants();
    assert!(children.len() >= 4, "devices, a controller and two edges, not {children:?}");
    match demo.process.stop(STOP) {
        Ok(_) => {
            let left: Vec<_> = children.into_iter().filter(|child| is_alive(*child)).collect();
            if !left.is_empty() {
                failures.push(format!("these outlived the demo: {left:?}"));
            }
        }
        Err(error) => failures.push(format!("the demo did not end: {error:#}")),
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

fn the_estate_is_all_there(_: &Demo, api: &Api) -> Result<()> {
    let (systems, devices) = (api.all("/systems")?, api.all("/devices")?);
    ensure!(systems.len() >= 35, "{} systems", systems.len());
    ensure!(devices.len() >= 140, "{} devices", devices.len());
    let ids: BTreeSet<&str> = devices.iter().filter_map(|device| device["id"].as_str()).collect();
    ensure!(ids.len() == devices.len(), "the pages of a list overlap");
    let zones = api.all("/zones")?;
    for (kind, at_least) in [("building", 2), ("level", 5)] {
        let count = zones.iter().filter(|zone| zone["kind"] == kind).count();
        ensure!(count >= at_least, "{count} zones of kind {kind}");
    }
    wait_for("both edges to be online and up to date", PATIENCE, || {
        let edges = api.all("/edges")?;
        let well = |edge: &Value| edge["presence"]["online"] == true && edge["up_to_date"] == true;
        ensure!(edges.len() == 2 && edges.iter().all(well), "{edges:?}");
        Ok(Some(()))
    })?;
    wait_for("most devices to be well", PATIENCE, || {
        let well = api.all("/devices?state=ok")?.len();
        ensure!(well * 10 >= devices.len() * 9, "{well} of {}", devices.len());
        Ok(Some(()))
    })
}

fn the_inverters_live(_: &Demo, api: &Api) -> Result<()> {
    let inverters = api.all("/devices?driver=sunspec-inverter")?;
    ensure!(inverters.len() == 4, "{} inverters", inverters.len());
    for inverter in &inverters {
        let id = inverter["id"].as_str().context("no id")?;
        let first = wait_for("an inverter's power", PATIENCE, || {
            let value = api.value(id, "power")?;
            ensure!(value["quality"] == "good", "{value}");
            ensure!(
                value["data"].as_f64().is_some_and(|watts| watts > 100.0),
                "{value}, at eleven in the morning"
            );
            Ok(Some(value))
        })?;
        wait_for("its power to move", PATIENCE, || {
            let now = api.value(id, "power")?;
            Ok((now["data"] != first["data"] && now["observed_at"] != first["observed_at"]).then_some(()))
        })?;
    }
    Ok(())
}

fn the_api_describes_itself(demo: &Demo, api: &Api) -> Result<()> {
    let description = api.get("/openapi.json")?;
    ensure!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "not 3.1");
    let paths = description["paths"].as_object().context("no paths")?;
    for path in [
        "/session",
        "/systems",
        "/devices/{id}",
        "/devices/{id}/commands",
        "/commands/{id}",
        "/edges/{id}",
        "/alarms",
    ] {
        ensure!(paths.contains_key(&format!("/api/v1{path}")), "{path} is not described");
    }
    let is_plain = |path: &&String| !path.contains('{') && !path.ends_with("/live");
    for path in paths.keys().filter(is_plain).filter(|path| paths[*path].get("get").is_some()) {
        let needed = paths[path]["get"]["parameters"].as_array();
        if needed.is_some_and(|all| all.iter().any(|parameter| parameter["required"] == true)) {
            continue;
        }
        let path = path.strip_prefix("/api/v1").context("a path outside the API")?;
        let reply = api.ask(path)?;
        // Some need to be told about what; then they say so by name.
        let asks = reply.status == 422 && reply.body.contains("fields");
        ensure!(
            reply.status == 200 || asks,
            "GET {path} is described and answers {}: {:.200}",
            reply.status,
            reply.body
        );
    }
    let validator = "from openapi_spec_validator import validate";
    let there = Command::new("python3").args(["-c", validator]).output()?.status.success();
    if !there {
        eprintln!(
            "openapi-spec-validator for Python is not installed: the description is only looked at, not judged"
        );
        return Ok(());
    }
    let file = demo.data.path().join("openapi.json");
    std::fs::write(&file, description.to_string())?;
    let judge = format!("import json, sys\n{validator}\nvalidate(json.load(open(sys.argv[1])))");
    let output = Command::new("python3").args(["-c", &judge]).arg(&file).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn a_relay_obeys_and_the_evidence_is_whole(_: &Demo, api: &Api) -> Result<()> {
    let relays = api.all("/devices?driver=tasmota-relay&state=ok")?;
    let relay = relays.first().and_then(|relay| relay["id"].as_str()).context("no relay is well")?;
    let wanted =
        wait_for("the relay's position", PATIENCE, || Ok(api.value(relay, "power")?["data"].as_bool()))?;
    let wanted = !wanted;
    let asked = api.command(relay, "set_power", json!({ "on": wanted }))?;
    let id = asked["id"].as_str().context("no id")?;
    let command = wait_for("the command to end", PATIENCE, || {
        let command = api.get(&format!("/commands/{id}"))?;
        Ok((command["final"] == true).then_some(command))
    })?;
    let stages = stages(&command);
    ensure!(command["stage"] == "observed", "{command}");
    for stage in ["requested", "authorised", "arbitrated", "written", "observed"] {
        let times = stages.iter().filter(|found| **found == stage).count();
        ensure!(times == 1, "{stage} is there {times} times in {stages:?}");
    }
    ensure!(stages.first() == Some(&"requested") && stages.last() == Some(&"observed"), "{stages:?}");
    let shown = api.value(relay, "power")?;
    ensure!(shown["data"] == wanted && shown["quality"] == "good", "{shown}");

    // The same id again is the same command, not a second one.
    let again = json!({ "command": "set_power", "params": { "on": wanted }, "id": id });
    let again = api.post(&format!("/devices/{relay}/commands"), &again)?;
    ensure!(again.json()?["id"] == id && again.json()?["stage"] == "observed", "{again:?}");
    let audit = api.all("/audit?verb=command.request")?;
    let entries = audit.iter().filter(|entry| entry.to_string().contains(relay)).count();
    ensure!(entries == 1, "{entries} audit records of one command");
    Ok(())
}

fn what_does_not_fit_is_refused_with_its_name(_: &Demo, api: &Api) -> Result<()> {
    let hvac = api.all("/devices?driver=modbus-fancoil")?;
    let hvac = hvac.first().and_then(|device| device["id"].as_str()).context("no fan-coil")?;
    let path = format!("/devices/{hvac}/commands");
    let cases = [
        (json!({ "command": "set_setpoint", "params": { "setpoint": 99 } }), "setpoint"),
        (json!({ "command": "set_setpoint", "params": {} }), "setpoint"),
        (json!({ "command": "set_setpoint", "params": { "setpoint": 21, "more": 1 } }), "more"),
        (json!({ "command": "explode" }), "command"),
        (json!({ "comand": "set_setpoint" }), "comand"),
    ];
    for (body, named) in cases {
        let reply = api.post(&path, &body)?;
        ensure!((400..500).contains(&reply.status), "{body}: {reply:?}");
        ensure!(reply.body.contains(named), "{body}: the answer does not name `{named}`: {}", reply.body);
    }
    Ok(())
}

fn strangers_get_nothing(demo: &Demo, _: &Api) -> Result<()> {
    for path in ["systems", "devices", "edges", "commands", "audit"] {
        let reply = bo_testkit::http::curl(&[&format!("{}/api/v1/{path}", demo.url)])?;
        ensure!(reply.status == 401, "{path}: {reply:?}");
    }
    ensure!(Api::sign_in(&demo.url, &demo.user, "a guess").is_err(), "a guessed password signs in");
    Ok(())
}

fn a_tampered_record_is_named(demo: &Demo, _: &Api) -> Result<()> {
    let config = demo.data.path().join("controller.toml");
    let verify = |what: Option<&str>| -> Result<Output> {
        let mut command = Command::new(binary("backoffice")?);
        command.args(["audit", "verify"]).args(what).arg("--config").arg(&config);
        Ok(command.output()?)
    };
    let text = |output: &Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let log = demo.data.path().join("audit.jsonl");
    let mut export = Command::new(binary("backoffice")?);
    let output = export.args(["audit", "export", "--config"]).arg(&config).arg("--out").arg(&log).output()?;
    ensure!(output.status.success(), "{}", text(&output));
    let log = log.to_str().context("a path that is no text")?;
    // The export signed what there is; from now on the database itself can be proved too.
    for what in [None, Some(log)] {
        let whole = verify(what)?;
        ensure!(whole.status.success(), "{what:?}: {}", text(&whole));
    }

    let lines = std::fs::read_to_string(log)?;
    let Some((number, line)) = lines.lines().enumerate().find(|(_, line)| line.contains("command.request"))
    else {
        bail!("the export has no command");
    };
    let changed = line.replacen("an end-to-end test", "an end-to-end best", 1);
    ensure!(changed != line, "the reason is not in the log: {line}");
    let position = serde_json::from_str::<Value>(line)?;
    let position = position["seq"].as_u64().with_context(|| format!("no number in {line}"))?;
    let replace = |with: Option<&str>| -> Result<()> {
        let kept =
            lines.lines().enumerate().filter_map(|(at, line)| if at == number { with } else { Some(line) });
        Ok(std::fs::write(log, kept.flat_map(|line| [line, "\n"]).collect::<String>())?)
    };
    for (with, what) in [(Some(changed.as_str()), "changed"), (None, "removed")] {
        replace(with)?;
        let found = verify(Some(log))?;
        ensure!(!found.status.success(), "a {what} record passes");
        let named = format!("record {position} {what}");
        ensure!(text(&found).contains(&named), "`{named}` is not said: {}", text(&found));
    }
    Ok(())
}
