//! Gateways over an external Mosquitto, set up as `backoffice broker` writes it: the same outages, the broker's own included, and
//! the same confinement.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::books::balance;
use backoffice_tests::controller::databases;
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::edge::{Edge, text};
use backoffice_tests::load::Load;
use backoffice_tests::peers::has_programs;
use backoffice_tests::rig::{Rig, Way};
use bo_testkit::{skip_without, wait_for};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[test]
fn edges_over_an_external_broker_lose_nothing_keep_to_their_own_and_are_put_out() -> Result<()> {
    if skip_without("mosquitto", has_programs()) {
        return Ok(());
    }
    let database = databases()?.pop().context("no database")?;
    let mut rig = Rig::start(database, Way::Broker)?;
    let api = rig.controller.api()?;
    rig.online(&api)?;
    let load = Load::start(rig.edge.broker, "zigbee2mqtt/s1", Duration::from_millis(8));
    rig.edge.shows("Sensor_1", "people", |value| value["quality"] == "good")?;

    let relay = api.device("Relay_1")?;
    let on = rig.edge.value("Relay_1", "power")?["data"] != true;
    let asked = api.command(&relay, "set_power", json!({ "on": on }))?;
    let id = asked["id"].as_str().context("no id")?;
    wait_for("a command over the broker", PATIENCE, || {
        let command = api.get(&format!("/commands/{id}"))?;
        ensure!(command["stage"] == "observed", "{command}");
        Ok(Some(()))
    })?;

    let broker = rig.broker.take().context("no broker")?;
    let port = broker.port;
    drop(broker);
    rig.edge.kill()?;
    rig.edge.start()?;
    rig.start_broker(port)?;
    rig.controller.kill()?;
    rig.edge.shows("Sensor_1", "people", |value| value["quality"] == "good")?;
    rig.controller.start()?;
    let sent = load.stop();
    rig.edge.drained()?;
    let compared = balance(&rig, &api)?;
    eprintln!("{sent} messages, {compared} samples on both sides");

    nonsense(&rig, &api).context("nonsense")?;
    confined(&rig, &api).context("confinement")?;
    revoked(&rig, &api).context("revocation")
}

/// What neither side can mean is ignored by the other: broken messages, and an acknowledgement of what was never sent.
fn nonsense(rig: &Rig, api: &Api) -> Result<()> {
    let view = rig.edge_view(api)?;
    let id = view["id"].as_str().context("no id")?;
    let epoch = &view["watermarks"][0]["epoch"];
    let far = json!({ "class": "history", "epoch": epoch, "seq": 1_000_000_000_000u64 });
    let acknowledged = json!({ "cursors": [far], "resend": false }).to_string();
    let controller = rig.controller.home.join("broker");
    let edge = rig.edge.home.join("data/identity");
    let say = |from: (&Path, &str, &str, &str), topic: &str, message: &str| -> Result<()> {
        let (folder, authority, certificate, key) = from;
        let mut command = client(rig, "mosquitto_pub");
        for (flag, file) in [("--cafile", authority), ("--cert", certificate), ("--key", key)] {
            command.arg(flag).arg(folder.join(file));
        }
        let output = command.args(["-t", topic, "-m", message]).output()?;
        ensure!(output.status.success(), "{}", text(&output));
        Ok(())
    };
    let as_controller = (controller.as_path(), "ca.pem", "controller.pem", "controller.key");
    for kind in ["ack", "command", "announce", "backfill", "renewed", "blob", "surprise"] {
        for message in ["{", "[]", "{\"request\":{}}"] {
            say(as_controller, &format!("bo/1/{id}/down/{kind}"), message)?;
        }
    }
    say(as_controller, &format!("bo/1/{id}/down/ack"), &acknowledged)?;
    let as_edge = (edge.as_path(), "authority.pem", "edge.pem", "edge.pem");
    for kind in ["records", "hello", "snapshot", "heartbeat", "blob-request", "renew", "surprise"] {
        say(as_edge, &format!("bo/1/{id}/up/{kind}"), "{\"class\":\"history\"")?;
    }
    rig.edge.write("Relay_1", "set_power", &["on=true"])?;
    rig.edge.write("Relay_1", "set_power", &["on=false"])?;
    rig.edge.drained()?;
    balance(rig, api).map(drop)
}

/// A client of others at the broker.
fn client(rig: &Rig, program: &str) -> Command {
    let port = rig.broker.as_ref().map_or(0, |broker| broker.port).to_string();
    let mut command = Command::new(program);
    command.args(["-V", "mqttv311", "-h", "127.0.0.1", "-p", &port, "-q", "1"]);
    command
}

/// An edge that asks for another's topics hears nothing of them.
fn confined(rig: &Rig, api: &Api) -> Result<()> {
    let other = Edge::prepare(&rig.edge.home.with_file_name("edge-2"), "", "")?;
    rig.controller.enrol("edge-2", &other)?;
    let view = rig.edge_view(api)?;
    let theirs = view["id"].as_str().context("no id")?;
    let listening = listen(rig, &other, &format!("bo/1/{theirs}/#"))?;
    // Heartbeats go up and a command goes down meanwhile.
    let relay = api.device("Relay_1")?;
    api.command(&relay, "set_power", json!({ "on": true }))?;
    let heard = text(&listening.wait_with_output()?);
    ensure!(heard.is_empty(), "it hears another's messages: {heard}");
    Ok(())
}

/// Listens for some seconds with an edge's own certificate.
fn listen(rig: &Rig, edge: &Edge, topic: &str) -> Result<Child> {
    let identity = edge.home.join("data/identity");
    let mut command = client(rig, "mosquitto_sub");
    command.args(["-W", "8", "-t", topic]).stdout(Stdio::piped()).stderr(Stdio::null());
    for (flag, file) in [("--cafile", "authority.pem"), ("--cert", "edge.pem"), ("--key", "edge.pem")] {
        command.arg(flag).arg(identity.join(file));
    }
    Ok(command.spawn()?)
}

/// The broker still carries the edge, and whoever holds its key hears nothing any more, whatever is asked of it.
fn nothing_is_said_to_it(rig: &Rig, api: &Api, id: &str) -> Result<()> {
    let mut listening = listen(rig, &rig.edge, &format!("bo/1/{id}/down/#"))?;
    let relay = api.device("Relay_1")?;
    let range = json!({ "class": "status", "epoch": 1, "from": 1, "to": 2 });
    while listening.try_wait()?.is_none() {
        // It goes on sending heartbeats and records meanwhile.
        let ask = json!({ "command": "set_power", "params": { "on": true }, "within": "5s" });
        let asked = api.post(&format!("/devices/{relay}/commands"), &ask)?;
        ensure!(asked.status < 500, "{asked:?}");
        if let Some(command) = asked.json().ok().and_then(|command| command["id"].as_str().map(str::to_owned))
        {
            let command = api.get(&format!("/commands/{command}"))?;
            ensure!(
                command["final"] == true && command["stage"] == "failed",
                "it waits for a revoked edge: {command}"
            );
        }
        let asked = api.post(&format!("/edges/{id}/backfill"), &range)?;
        ensure!(asked.status >= 400, "{asked:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let heard = text(&listening.wait_with_output()?);
    ensure!(heard.is_empty(), "a revoked edge still hears: {heard}");
    Ok(())
}

/// From a revocation on the edge is told nothing, and nothing it says counts.
fn revoked(rig: &Rig, api: &Api) -> Result<()> {
    let view = rig.edge_view(api)?;
    let id = view["id"].as_str().context("no id")?;
    let reply = api.post(&format!("/edges/{id}/revoke"), &json!({ "reason": "stolen" }))?;
    ensure!(reply.status < 300, "{reply:?}");
    nothing_is_said_to_it(rig, api, id)?;
    let marks = |view: &serde_json::Value| view["watermarks"].clone();
    let before = wait_for("its records to stop", PATIENCE, || {
        let (one, _) = (marks(&rig.edge_view(api)?), std::thread::sleep(Duration::from_secs(2)));
        Ok((one == marks(&rig.edge_view(api)?)).then_some(one))
    })?;
    rig.edge.write("Relay_1", "set_power", &["on=true"])?;
    rig.edge.write("Relay_1", "set_power", &["on=false"])?;
    wait_for("records to wait at the edge", PATIENCE, || {
        Ok((rig.edge.status()?["journal"]["backlog"].as_u64() > Some(0)).then_some(()))
    })?;
    ensure!(marks(&rig.edge_view(api)?) == before, "what it says still counts");
    Ok(())
}
