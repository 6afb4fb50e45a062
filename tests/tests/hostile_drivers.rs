//! Drivers that misbehave in every way there is, on a gateway with a controller: each costs its own device, people read why,
//! and the rest of the gateway goes on.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::controller::{Controller, databases};
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::edge::{Edge, done, good};
use backoffice_tests::peers::{has_programs, publish};
use bo_db::testing::TestDb;
use bo_testkit::guest::{CHATTERS, Guest, LOOPS, PUBLISHES, SWELLS, TRAPS, WELL_BEHAVED};
use bo_testkit::{root, skip_without, wait_for};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// `(driver, address, what `start` does, what people are told)`.
const HOSTILE: [(&str, &str, &str, &str); 4] = [
    ("crashing", "Crashing_1", TRAPS, "the driver crashed"),
    ("endless", "Endless_1", LOOPS, "ms of processor time in one call"),
    ("chattering", "Chattering_1", CHATTERS, "the driver floods its log"),
    ("swelling", "Swelling_1", SWELLS, "more than its 4 MiB of memory"),
];

/// Drivers as a folder: those above, and one that shows a value and crashes at its first command.
fn library(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    done(Command::new("cp").arg("-r").arg(root().join("drivers/zigbee2mqtt-sensor")).arg(folder))?;
    let fragile = ("fragile", Guest { start: PUBLISHES, command: TRAPS, ..WELL_BEHAVED });
    let hostile = HOSTILE.iter().map(|(name, _, start, _)| (*name, Guest { start, ..WELL_BEHAVED }));
    for (name, guest) in hostile.chain([fragile]) {
        let driver = folder.join(name);
        std::fs::create_dir_all(&driver)?;
        std::fs::write(driver.join("driver.toml"), guest.manifest(name))?;
        std::fs::write(driver.join("component.wasm"), guest.component()?)?;
    }
    Ok(())
}

fn estate() -> String {
    let mut text = "[organisation]\nname = \"Rig\"\ntime_zone = \"UTC\"\n[[zone]]\nkey = \"all\"\nkind = \"organisation\"\nname = \"Rig\"\n\
         [[edge]]\nkey = \"edge-1\"\nname = \"Edge one\"\nzone = \"all\"\n[edge.link.site]\nkind = \"mqtt-embedded\"\n\
         [[system]]\nkey = \"room\"\nname = \"Room\"\nzone = \"all\"\nedge = \"edge-1\"\n\
         [[system.device]]\naddress = \"Sensor_1\"\ndriver = \"zigbee2mqtt-sensor\"\nlink = \"site\"\nsettings = { name = \"s1\" }\n"
        .to_owned();
    let hostile = HOSTILE.iter().map(|(driver, address, ..)| (*driver, *address));
    for (driver, address) in hostile.chain([("fragile", "Fragile_1")]) {
        text += &format!("[[system.device]]\naddress = {address:?}\ndriver = {driver:?}\n");
    }
    text
}

#[test]
fn a_driver_that_crashes_loops_chatters_or_swells_costs_its_own_device_and_people_read_why() -> Result<()> {
    if skip_without("mosquitto", has_programs()) {
        return Ok(());
    }
    databases()?.into_iter().try_for_each(|database| {
        let engine = database.engine;
        on(database).with_context(|| format!("on {engine}"))
    })
}

fn on(database: TestDb) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let drivers = folder.path().join("drivers");
    library(&drivers)?;
    let mut controller = Controller::prepare(&folder.path().join("controller"), database)?;
    controller.import_with(&estate(), &[], &drivers)?;
    controller.start()?;
    let mut edge = Edge::prepare(&folder.path().join("edge"), "", "[presence]\nalarm_after = \"1s\"\n")?;
    controller.enrol("edge-1", &edge)?;
    edge.start()?;
    let api = controller.api()?;
    for (_, address, _, why) in HOSTILE {
        people_read_why(&api, address, why).with_context(|| address)?;
    }

    // The neighbours, one of them a component in the same process, go on from end to end.
    let sensor = api.device("Sensor_1")?;
    for people in [7, 8, 9] {
        publish(edge.broker, "zigbee2mqtt/s1", &json!({ "people": people }).to_string())?;
        wait_for("the sensor's value in the API", PATIENCE, || {
            let value = api.value(&sensor, "people")?;
            ensure!(good(&value, &json!(people)), "{value}");
            Ok(Some(()))
        })?;
    }
    let fragile = api.device("Fragile_1")?;
    wait_until_well(&api, &fragile)?;
    a_crash_in_a_command_fails_that_command(&api, &fragile)?;
    for (_, address, _, why) in HOSTILE {
        people_read_why(&api, address, why).with_context(|| format!("{address}, later"))?;
    }
    Ok(())
}

/// In the API, on the device's page, in its log, in the list of what is faulted, and as an alarm.
fn people_read_why(api: &Api, address: &str, why: &str) -> Result<()> {
    let id = api.device(address)?;
    wait_for("the API to say why", PATIENCE, || {
        let health = api.get(&format!("/devices/{id}"))?["health"].clone();
        ensure!(health["state"] == "faulted", "{health}");
        ensure!(health["why"].as_str().is_some_and(|said| said.contains(why)), "{health}");
        Ok(Some(()))
    })?;
    wait_for("its page to say why", PATIENCE, || {
        let page = api.page(&format!("/devices/{id}"))?;
        ensure!(page.contains("Faulted") && page.contains(why), "the page says neither or not both");
        Ok(Some(()))
    })?;
    wait_for("its log to say why", PATIENCE, || {
        let log = api.get(&format!("/devices/{id}/log"))?.to_string();
        Ok(log.contains(why).then_some(()))
    })?;
    ensure!(api.all("/devices?state=faulted")?.iter().any(|device| device["id"] == *id), "the list");
    wait_for("the alarm", PATIENCE, || {
        let alarms = api.all("/alarms")?;
        let of_device =
            |alarm: &&serde_json::Value| alarm["device"].to_string().contains(&id) && alarm["active"] == true;
        let alarm = alarms.iter().find(of_device).with_context(|| format!("none in {alarms:?}"))?;
        ensure!(alarm["text"].as_str().is_some_and(|text| text.contains(why)), "{alarm}");
        Ok(Some(()))
    })
}

fn wait_until_well(api: &Api, device: &str) -> Result<()> {
    wait_for("a device that is well", PATIENCE, || {
        let view = api.get(&format!("/devices/{device}"))?;
        ensure!(view["health"]["state"] == "ok", "{}", view["health"]);
        let value = api.value(device, "count")?;
        ensure!(good(&value, &json!(7)), "{value}");
        Ok(Some(()))
    })
}

/// Whoever asked is told, and a moment later the driver runs again.
fn a_crash_in_a_command_fails_that_command(api: &Api, device: &str) -> Result<()> {
    let asked = api.command(device, "go", json!({}))?;
    let id = asked["id"].as_str().context("no id")?.to_owned();
    let ended = wait_for("the command to end", PATIENCE, || {
        let command = api.get(&format!("/commands/{id}"))?;
        Ok((command["final"] == true).then_some(command))
    })?;
    ensure!(ended["stage"] == "failed", "{ended}");
    ensure!(ended["steps"].to_string().contains("the driver crashed"), "{ended}");
    wait_until_well(api, device)
}
