//! Disks that are full, of a gateway and of the controller: it is said, reading goes on, nothing that was acknowledged is
//! lost, and everything goes on by itself once there is room.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::books::balance;
use backoffice_tests::controller::{Controller, OWNER};
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::disk::SmallDisk;
use backoffice_tests::edge::{Edge, done, good};
use backoffice_tests::load::Load;
use backoffice_tests::peers::{has_programs, publish};
use backoffice_tests::rig::{Rig, Way};
use bo_db::testing::TestDb;
use bo_testkit::http::curl;
use bo_testkit::{has, skip_without, wait_for};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SYSTEM: &str = "0198c0de-0000-7000-8000-000000000001";

#[test]
fn a_full_disk_is_said_and_the_edge_goes_on_and_recovers() -> Result<()> {
    if skip_without("mosquitto", has_programs()) {
        return Ok(());
    }
    let Some(disk) = SmallDisk::mount(48)? else { return Ok(()) };
    let site = format!(
        "[link.site]\nkind = \"mqtt-embedded\"\n[[system]]\nid = \"{SYSTEM}\"\nname = \"Room\"\n[[device]]\nid = \"0198c0de-0000-7000-8000-000000000002\"\nsystem = \"{SYSTEM}\"\naddress = \"Sensor_1\"\ndriver = \"zigbee2mqtt-sensor\"\nlink = \"site\"\nsettings = {{ name = \"s1\" }}\n"
    );
    let mut edge = Edge::of_site(&disk.path().join("edge"), &site)?;
    edge.start()?;
    let measure =
        |people: u32| publish(edge.broker, "zigbee2mqtt/s1", &json!({ "people": people }).to_string());
    wait_for("the broker on site", PATIENCE, || measure(1).map(Some))?;
    edge.shows("Sensor_1", "people", |value| good(value, &json!(1)))?;
    let written = |edge: &Edge| -> Result<u64> {
        let classes = edge.status()?["journal"]["written"].clone();
        let all = classes.as_array().context("no classes")?.iter().filter_map(|class| class[1].as_u64());
        Ok(all.sum())
    };
    let before =
        wait_for("the first records", PATIENCE, || Ok(Some(written(&edge)?).filter(|count| *count > 0)))?;

    disk.fill()?;
    let mut people = 1;
    let stuck = wait_for("the edge to say that nothing can be written", PATIENCE, || {
        people += 1;
        measure(people)?;
        let status = edge.status()?;
        ensure!(status["journal"]["stuck"].is_string(), "{}", status["journal"]);
        Ok(Some(status["journal"]["stuck"].to_string()))
    })?;
    ensure!(stuck.contains("full"), "{stuck}");
    // The building goes on: values are taken and shown.
    measure(5000)?;
    edge.shows("Sensor_1", "people", |value| good(value, &json!(5000)))?;
    ensure!(edge.run(&["status"])?.contains("NOTHING CAN BE WRITTEN"), "a person is not told");

    disk.free()?;
    wait_for("the journal to go on", PATIENCE, || {
        let status = edge.status()?;
        ensure!(status["journal"]["stuck"].is_null(), "{}", status["journal"]);
        ensure!(written(&edge)? > before, "nothing more was written");
        Ok(Some(()))
    })?;
    edge.kill()?;
    edge.start()?;
    ensure!(written(&edge)? > before, "what was written is gone");
    Ok(())
}

/// What people and probes are told.
const SAID: &str = "the disk of the controller's database is full";

#[test]
fn a_full_disk_of_the_controller_is_said_and_what_gateways_keep_meanwhile_arrives_once_when_there_is_room()
-> Result<()> {
    if skip_without("mosquitto_pub", has("mosquitto_pub")) {
        return Ok(());
    }
    let Some(disk) = SmallDisk::mount(64)? else { return Ok(()) };
    let database = TestDb::sqlite_in(disk.path(), &[], Arc::new(bo_model::SystemClock))?;
    let mut rig = Rig::start(database, Way::Gate)?;
    let load = Load::start(rig.edge.broker, "zigbee2mqtt/s1", Duration::from_millis(8));
    let api = rig.controller.api()?;
    rig.online(&api)?;
    let sensor = api.device("Sensor_1")?;
    wait_for("a value in the API", PATIENCE, || {
        ensure!(api.value(&sensor, "people")?["quality"] == "good", "none yet");
        Ok(Some(()))
    })?;

    disk.fill()?;
    ready(&api, 503)?;
    it_is_said_and_reading_goes_on(&api, &sensor)?;
    // An alarm that falls into this time is not forgotten: the gateway dies, and nobody can write that down.
    let backlog = rig.edge.status()?["journal"]["backlog"].clone();
    rig.edge.kill()?;
    wait_for("the gateway to be known as away", PATIENCE, || {
        let view = rig.edge_view(&api)?;
        ensure!(view["presence"]["online"] == false, "{}", view["presence"]);
        Ok(Some(()))
    })?;
    ready(&api, 503)?;

    disk.free()?;
    ready(&api, 200)?;
    wait_for("the alarm that could not be kept", PATIENCE, || {
        let alarms = api.all("/alarms")?;
        let away = |alarm: &serde_json::Value| alarm["text"].to_string().contains("its devices run on");
        Ok(alarms.iter().any(away).then_some(()))
    })?;
    rig.edge.start()?;
    rig.edge.shows("Sensor_1", "people", |value| value["quality"] == "good")?;
    let sent = load.stop();
    rig.edge.drained()?;
    let compared = balance(&rig, &api)?;
    eprintln!("{sent} messages, {backlog} records waited, {compared} samples on both sides");
    Ok(())
}

#[test]
fn a_controller_that_is_started_on_a_full_disk_says_so_and_runs_once_there_is_room() -> Result<()> {
    let Some(disk) = SmallDisk::mount(16)? else { return Ok(()) };
    let home = tempfile::tempdir()?;
    let database = TestDb::sqlite_in(home.path(), &[], Arc::new(bo_model::SystemClock))?;
    let mut controller = Controller::prepare(home.path(), database)?;
    // Its database moves to that disk, and nobody holds it open.
    let (folder, config) = (disk.path().join("data"), home.path().join("controller.toml"));
    let database = format!("sqlite:{}", folder.join("moved.db").display());
    std::fs::create_dir(&folder)?;
    let text = std::fs::read_to_string(&config)?.replace(&controller.database.url, &database);
    std::fs::write(&config, text)?;
    let owner = ["--workspace", "Rig", "--email", OWNER.0, "--name", "Owner", "--password-env", "PW"];
    done(controller.command(&["bootstrap"])?.args(owner).env("PW", OWNER.1))?;

    disk.fill()?;
    let refused = controller.command(&["serve"])?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && said.contains("the disk of the controller's database"), "{said}");
    ensure!(said.contains("make room there"), "{said}");
    disk.free()?;
    controller.start()
}

/// Waits until `/readyz` answers with this status, for the reason there is.
fn ready(api: &Api, status: u16) -> Result<()> {
    wait_for(&format!("/readyz to answer {status}"), PATIENCE, || {
        let reply = curl(&[&format!("{}/readyz", api.url)])?;
        ensure!(reply.status == status, "{reply:?}");
        ensure!(reply.body.contains(SAID) == (status == 503), "{reply:?}");
        Ok(Some(()))
    })
}

fn it_is_said_and_reading_goes_on(api: &Api, sensor: &str) -> Result<()> {
    let alive = curl(&[&format!("{}/healthz", api.url)])?;
    ensure!(alive.status == 200, "{alive:?}");
    let refused = Api::sign_in(&api.url, OWNER.0, OWNER.1).err().context("a session was kept")?.to_string();
    ensure!(refused.contains("503") && refused.contains(SAID), "{refused}");
    ensure!(api.value(sensor, "people")?["data"].is_number(), "the last value is gone");
    let page = api.page("/")?;
    ensure!(page.contains("Nothing can be saved") && page.contains("is full"), "the console does not say it");
    api.page(&format!("/devices/{sensor}")).map(drop)
}
