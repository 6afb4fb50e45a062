//! Power cuts at random instants, under load, of either daemon or both. Afterwards the books of both sides are
//! compared: nothing that was kept is lost, nothing is counted twice, and no command was carried out late.

use anyhow::{Context, Result, ensure};
use backoffice_tests::books::balance;
use backoffice_tests::controller::databases;
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::load::{Load, Publisher};
use backoffice_tests::rig::{Rig, Way};
use bo_db::testing::TestDb;
use bo_testkit::{has, skip_without, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// Power cuts of each kind of database; every one begins at an instant nobody chose.
const ROUNDS: u32 = 6;
/// A pause between two messages of the sensor: two values each.
const PACE: Duration = Duration::from_millis(8);

/// A small generator of numbers; its seed is `BO_TEST_SEED`, or always the same.
struct Chance(u64);

impl Chance {
    fn new() -> Chance {
        let seed = std::env::var("BO_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
        eprintln!("seed {seed}");
        Chance(seed | 1)
    }

    /// Below `limit` (xorshift64, Marsaglia 2003).
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn pause(&mut self, limit: Duration) {
        std::thread::sleep(Duration::from_millis(self.below(limit.as_millis() as u64)));
    }
}

#[test]
fn whatever_is_killed_whenever_nothing_is_lost_and_nothing_counts_twice() -> Result<()> {
    if skip_without("mosquitto_pub", has("mosquitto_pub")) {
        return Ok(());
    }
    let mut chance = Chance::new();
    for database in databases()? {
        let engine = database.engine;
        power_cuts(database, &mut chance).with_context(|| format!("on {engine}"))?;
    }
    Ok(())
}

fn power_cuts(database: TestDb, chance: &mut Chance) -> Result<()> {
    let mut rig = Rig::start(database, Way::Gate)?;
    let load = Load::start(rig.edge.broker, "zigbee2mqtt/s1", PACE);
    rig.edge.shows("Sensor_1", "people", |value| value["quality"] == "good")?;
    let (mut on, mut carried_out) = (false, 0);
    for round in 0..ROUNDS {
        chance.pause(Duration::from_millis(1500));
        let (controller, edge) = match chance.below(3) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        if controller {
            rig.controller.kill()?;
        }
        if edge {
            rig.edge.kill()?;
        }
        chance.pause(Duration::from_millis(800));
        if edge {
            rig.edge.start().with_context(|| format!("round {round}"))?;
        }
        // Somebody on site goes on operating, with a controller or without.
        on = !on;
        rig.edge.shows("Relay_1", "power", |value| value["quality"] == "good")?;
        rig.edge.write("Relay_1", "set_power", &[&format!("on={on}")])?;
        carried_out += 1;
        if controller {
            rig.controller.start().with_context(|| format!("round {round}"))?;
        }
    }
    let sent = load.stop();
    rig.edge.drained()?;
    let api = rig.controller.api()?;
    let compared = balance(&rig, &api)?;
    ensure!(compared as u64 > sent, "{compared} samples compared, of {sent} messages with two values each");

    let commands = api.all("/commands")?;
    let done = commands.iter().filter(|command| command["stage"] == "observed").count();
    ensure!(done == carried_out, "{done} of {carried_out} commands are known: {commands:?}");
    eprintln!("{} rounds, {sent} messages, {compared} samples on both sides", ROUNDS);
    Ok(())
}

#[test]
fn a_building_without_a_controller_goes_on_and_a_late_command_is_never_carried_out() -> Result<()> {
    if skip_without("mosquitto_pub", has("mosquitto_pub")) {
        return Ok(());
    }
    let database = databases()?.into_iter().next().context("no database")?;
    let mut rig = Rig::start(database, Way::Gate)?;
    let api = rig.controller.api()?;
    rig.online(&api)?;
    a_late_command_is_never_carried_out(&mut rig, &api)?;

    rig.controller.kill()?;
    let mut presence = Publisher::start(rig.edge.broker, "zigbee2mqtt/s2")?;
    presence.say(&json!({ "occupancy": true }).to_string())?;
    rig.edge
        .shows("Relay_2", "power", |value| value["data"] == true)
        .context("the rule without a controller")?;
    // What a rule remembers is on disk a moment after it acted; before that a power cut would undo its memory.
    wait_for("the trigger's memory", PATIENCE, || {
        Ok(rig.edge.kept("trigger")?.contains(r#""active":true"#).then_some(()))
    })?;
    rig.edge.kill()?;
    drop(presence);
    rig.edge.start()?;
    let mut presence = Publisher::start(rig.edge.broker, "zigbee2mqtt/s2")?;
    rig.edge.shows("Relay_2", "power", |value| value["quality"] == "good")?;
    presence.say(&json!({ "occupancy": false }).to_string())?;
    rig.edge
        .shows("Relay_2", "power", |value| value["data"] == false)
        .context("the rule after a restart without a controller")?;

    rig.controller.start()?;
    rig.edge.drained()?;
    balance(&rig, &api)?;
    let runs = api.all("/commands")?;
    let by_trigger =
        |command: &&Value| command["actor"]["kind"] == "trigger" && command["stage"] == "observed";
    ensure!(runs.iter().filter(by_trigger).count() >= 2, "what the rule did meanwhile is missing: {runs:?}");
    Ok(())
}

/// The edge is frozen, as if it were behind a dead line: what was asked for meanwhile reaches it after the deadline.
fn a_late_command_is_never_carried_out(rig: &mut Rig, api: &backoffice_tests::api::Api) -> Result<()> {
    let relay = api.device("Relay_1")?;
    let before = rig.edge.value("Relay_1", "power")?["data"].as_bool().context("no position")?;
    rig.edge.process()?.signal("STOP")?;
    let ask = json!({ "command": "set_power", "params": { "on": !before }, "within": "2s" });
    let asked = api.post(&format!("/devices/{relay}/commands"), &ask)?;
    ensure!(asked.status == 201, "{asked:?}");
    let id = asked.json()?["id"].as_str().context("no id")?.to_owned();
    let printed = rig.relays[0].output().lines().count();
    let ended = wait_for("the command to time out", PATIENCE, || {
        let command = api.get(&format!("/commands/{id}"))?;
        Ok((command["final"] == true).then_some(command))
    });
    rig.edge.process()?.signal("CONT")?;
    ensure!(ended?["stage"] == "timed-out", "it did not time out");

    // A command of now goes through, over the same way: the late one was there before it.
    let now = api.command(&relay, "set_power", json!({ "on": before }))?;
    let now = now["id"].as_str().context("no id")?.to_owned();
    wait_for("a command of now", PATIENCE, || {
        let command = api.get(&format!("/commands/{now}"))?;
        ensure!(command["final"] == true, "{command}");
        Ok(Some(()))
    })?;
    ensure!(rig.edge.value("Relay_1", "power")?["data"] == before, "the late command was carried out");
    let said: Vec<String> = rig.relays[0].output().lines().skip(printed).map(str::to_owned).collect();
    ensure!(
        !said.iter().any(|line| line.contains(&format!("\"power\":{}", !before))),
        "the relay moved: {said:?}"
    );
    let command = api.get(&format!("/commands/{id}"))?;
    ensure!(command["stage"] == "timed-out", "{command}");
    Ok(())
}
