//! What people and machines get wrong: a mistake in a file is named with its place, and a driver that asks for too much costs
//! its own device.

use anyhow::{Context, Result, ensure};
use backoffice_tests::controller::{Controller, databases};
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::edge::{Edge, done, good, text};
use backoffice_tests::peers::{has_programs, publish};
use bo_testkit::{binary, root, skip_without, wait_for};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Files that are all right; each mistake changes one line of one of them.
const FILES: [(&str, &str); 6] = [
    (
        "edge.toml",
        "data = \"data\"\nsite = \"site.toml\"\ndrivers = \"drivers\"\ntriggers = \"triggers\"\n[commands]\nmanual_hold = \"1h\"\n",
    ),
    (
        "site.toml",
        "[[system]]\nid = \"0198c0de-0000-7000-8000-000000000001\"\nname = \"Room\"\n[[device]]\nid = \"0198c0de-0000-7000-8000-000000000002\"\nsystem = \"0198c0de-0000-7000-8000-000000000001\"\naddress = \"Meter_1\"\ndriver = \"acme\"\n[[trigger]]\nid = \"0198c0de-0000-7000-8000-000000000003\"\nsystem = \"0198c0de-0000-7000-8000-000000000001\"\nname = \"alert\"\n",
    ),
    (
        "drivers/acme/driver.toml",
        "[driver]\nname = \"acme\"\nversion = \"1.0.0\"\ntitle = \"Acme\"\nkind = \"logic\"\nmodule = \"Meter\"\n[status]\nready = { type = \"boolean\" }\n",
    ),
    (
        "triggers/alert/trigger.toml",
        "name = \"alert\"\ntitle = \"Alert\"\n[input.ready]\nof = \"Meter_1.ready\"\n[when]\ninput = \"ready\"\nequals = false\n[[on_active]]\nalarm = { severity = \"warning\", text = \"not ready\" }\n",
    ),
    (
        "triggers/alert/cases.toml",
        "[[case]]\nname = \"it is not ready\"\ngiven = { ready = true }\nsteps = [{ at = \"1s\", set = { ready = false }, expect = { active = true } }]\n",
    ),
    (
        "controller.toml",
        "data = \"controller\"\n[http]\nlisten = \"127.0.0.1:0\"\n[uplink]\nlisten = \"127.0.0.1:0\"\n",
    ),
];

/// `(file, right, wrong, what the message has to say)`.
const MISTAKES: [(&str, &str, &str, [&str; 3]); 8] = [
    ("edge.toml", "manual_hold", "manual_hould", ["edge.toml", "line 6", "manual_hold"]),
    ("edge.toml", "\"1h\"", "7", ["edge.toml", "line 6", "like `30s`"]),
    (
        "controller.toml",
        "listen = \"127.0.0.1:0\"\n[uplink]",
        "lisen = \"127.0.0.1:0\"\n[uplink]",
        ["controller.toml", "line 3", "`listen`"],
    ),
    (
        "controller.toml",
        "\"127.0.0.1:0\"\n[uplink]",
        "5\n[uplink]",
        ["controller.toml", "line 3", "socket address"],
    ),
    ("site.toml", "address =", "adress =", ["site.toml", "line 7", "`address`"]),
    ("drivers/acme/driver.toml", "\"boolean\"", "\"bolean\"", ["driver.toml", "line 8", "`boolean`"]),
    ("drivers/acme/driver.toml", "module =", "modul =", ["driver.toml", "line 6", "`module`"]),
    ("triggers/alert/trigger.toml", "equals =", "equls =", ["trigger.toml", "7:1", "`equals`"]),
];

fn write_all(folder: &Path) -> Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[test]
fn a_mistake_in_a_file_is_named_with_file_line_and_what_was_expected() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |file: &str, command: &str| -> Result<std::process::Output> {
        let (program, config) = match file {
            "controller.toml" => ("backoffice", "controller.toml"),
            _ => ("backoffice-edge", "edge.toml"),
        };
        let mut command = {
            let mut built = Command::new(binary(program)?);
            built.arg(command);
            built
        };
        Ok(command.arg("--config").arg(folder.path().join(config)).output()?)
    };
    write_all(folder.path())?;
    for file in ["controller.toml", "edge.toml"] {
        let output = run(file, "check-config")?;
        ensure!(output.status.success(), "the right {file}: {}", text(&output));
    }
    for (file, right, wrong, said) in MISTAKES {
        write_all(folder.path())?;
        let path = folder.path().join(file);
        let before = std::fs::read_to_string(&path)?;
        std::fs::write(&path, before.replacen(right, wrong, 1))?;
        let daemon = if file == "controller.toml" { "serve" } else { "run" };
        for command in ["check-config", daemon] {
            let output = run(file, command)?;
            let message = text(&output);
            ensure!(
                output.status.code() == Some(1),
                "{wrong} in {file}: {command} ends with {}",
                output.status
            );
            for part in said {
                ensure!(
                    message.contains(part),
                    "{wrong} in {file}: `{part}` is not said by {command}: {message}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn a_driver_that_asks_for_too_much_costs_its_own_device_only() -> Result<()> {
    let component = root().join("drivers/target/components/pjlink-display.wasm");
    if skip_without("the component of pjlink-display, and mosquitto", component.is_file() && has_programs()) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let drivers = folder.path().join("drivers");
    std::fs::create_dir_all(drivers.join("greedy-display"))?;
    done(Command::new("cp").arg("-r").arg(root().join("drivers/zigbee2mqtt-sensor")).arg(&drivers))?;
    let manifest = std::fs::read_to_string(root().join("drivers/pjlink-display/driver.toml"))?;
    let greedy = manifest
        .replace("\"pjlink-display\"", "\"greedy-display\"")
        .replace("memory_mib = 8", "memory_mib = 1");
    ensure!(greedy.contains("memory_mib = 1"), "the manifest has no limit to lower");
    std::fs::write(drivers.join("greedy-display/driver.toml"), greedy)?;
    std::fs::copy(component, drivers.join("greedy-display/component.wasm"))?;
    let device = |address: &str, driver: &str, link: &str, settings: &str| {
        format!(
            "[[system.device]]\naddress = \"{address}\"\ndriver = \"{driver}\"\nlink = \"{link}\"\nsettings = {settings}\n"
        )
    };
    let estate = format!(
        "[organisation]\nname = \"Rig\"\ntime_zone = \"UTC\"\n[[zone]]\nkey = \"all\"\nkind = \"organisation\"\nname = \"Rig\"\n\
         [[edge]]\nkey = \"edge-1\"\nname = \"Edge one\"\nzone = \"all\"\n[edge.link.site]\nkind = \"mqtt-embedded\"\n\
         [edge.link.display]\nkind = \"tcp\"\nhost = \"127.0.0.1\"\nport = 9\n\
         [[system]]\nkey = \"room\"\nname = \"Room\"\nzone = \"all\"\nedge = \"edge-1\"\n{}{}",
        device("Display_1", "greedy-display", "display", "{}"),
        device("Sensor_1", "zigbee2mqtt-sensor", "site", "{ name = \"s1\" }"),
    );
    let database = databases()?.into_iter().next().context("no database")?;
    let mut controller = Controller::prepare(&folder.path().join("controller"), database)?;
    controller.import_with(&estate, &[], &drivers)?;
    controller.start()?;
    let mut edge = Edge::prepare(&folder.path().join("edge"), "", "")?;
    controller.enrol("edge-1", &edge)?;
    edge.start()?;
    wait_for("the edge to say that the display is faulted", PATIENCE, || {
        let status = edge.status()?;
        let devices = status["devices"].as_array().context("no devices")?;
        let display = devices.iter().find(|device| device["address"] == "Display_1").context("no display")?;
        let why = display["unwell"].as_str().unwrap_or_default();
        ensure!(why.contains("faulted") && why.contains("1 MiB of memory"), "it says: {why}");
        Ok(Some(()))
    })?;
    let api = controller.api()?;
    let id = api.all("/edges")?[0]["id"].as_str().context("no id")?.to_owned();
    wait_for("the controller to show why", PATIENCE, || {
        let unwell = api.get(&format!("/edges/{id}"))?["unwell_devices"].to_string();
        ensure!(unwell.contains("Display_1") && unwell.contains("1 MiB of memory"), "{unwell}");
        Ok(Some(()))
    })?;
    publish(edge.broker, "zigbee2mqtt/s1", &json!({ "people": 7 }).to_string())?;
    edge.shows("Sensor_1", "people", |value| good(value, &json!(7))).map(drop)
}
