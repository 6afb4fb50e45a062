//! Who may come in: a code works once, an edge keeps to its own topics, and whoever is revoked is out at once. Played with
//! the real daemons, and with Mosquitto's clients holding an edge's certificate.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::books::balance;
use backoffice_tests::controller::databases;
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::edge::{Edge, text};
use backoffice_tests::rig::{Rig, Way};
use bo_testkit::{has, skip_without, wait_for};
use serde_json::{Value, json};
use std::process::{Command, Output};

#[test]
fn a_code_works_once_an_edge_keeps_to_its_own_and_a_revoked_one_is_out_at_once() -> Result<()> {
    if skip_without("mosquitto_pub", has("mosquitto_pub")) {
        return Ok(());
    }
    let database = databases()?.into_iter().next().context("no database")?;
    let mut rig = Rig::start(database, Way::Gate)?;
    let api = rig.controller.api()?;
    rig.online(&api)?;
    let other = a_code_works_once(&rig).context("codes")?;
    an_edge_keeps_to_its_own_topics(&rig, &api, &other).context("topics")?;
    a_revoked_edge_is_out_at_once(&mut rig, &api).context("revocation")?;
    a_new_code_brings_it_back(&mut rig, &api).context("coming back")
}

/// Enrols a second edge; its code is worth nothing afterwards, nor is one that nobody made.
fn a_code_works_once(rig: &Rig) -> Result<Edge> {
    let folder = |name: &str| rig.edge.home.with_file_name(name);
    let (other, thief) =
        (Edge::prepare(&folder("edge-2"), "", "")?, Edge::prepare(&folder("thief"), "", "")?);
    let (code, door) = (rig.controller.code("edge-2")?, rig.controller.door());
    other.run(&["enroll", "--controller", &door, "--code", &code])?;
    let refused = |code: &str| -> Result<String> {
        let output = thief.command(&["enroll", "--controller", &door, "--code", code])?.output()?;
        ensure!(!output.status.success(), "it works: {}", text(&output));
        Ok(text(&output))
    };
    let again = refused(&code)?;
    ensure!(again.contains("not good, or not any more"), "{again}");
    refused("ABCD-EFGH")?;
    ensure!(!thief.home.join("data/identity/edge.pem").exists(), "something was stored");
    Ok(other)
}

/// A client that is not ours, with an edge's certificate. The gate's name is not an address; that is not checked here.
fn client(rig: &Rig, of: &Edge, program: &str, arguments: &[&str]) -> Result<Output> {
    let identity = of.home.join("data/identity");
    let (authority, pem) = (identity.join("authority.pem"), identity.join("edge.pem"));
    let mut command = Command::new("timeout");
    command.args([
        "20",
        program,
        "-V",
        "mqttv311",
        "-h",
        "127.0.0.1",
        "-p",
        &rig.controller.uplink.to_string(),
    ]);
    command.arg("--cafile").arg(authority).arg("--cert").arg(&pem).arg("--key").arg(&pem).arg("--insecure");
    Ok(command.args(arguments).output()?)
}

fn topic(edge: &str, way: &str, kind: &str) -> String {
    format!("bo/1/{edge}/{way}/{kind}")
}

fn id(api: &Api, key: &str) -> Result<String> {
    let edges = api.all("/edges")?;
    let edge = edges.iter().find(|edge| edge["key"] == key).and_then(|edge| edge["id"].as_str());
    edge.map(str::to_owned).with_context(|| format!("no {key}"))
}

fn an_edge_keeps_to_its_own_topics(rig: &Rig, api: &Api, other: &Edge) -> Result<()> {
    let (ours, theirs) = (id(api, "edge-2")?, id(api, "edge-1")?);
    let publish = |topic: &str| client(rig, other, "mosquitto_pub", &["-q", "1", "-t", topic, "-m", "{}"]);
    let own = publish(&topic(&ours, "up", "heartbeat"))?;
    ensure!(own.status.success(), "its own topic: {}", text(&own));
    for foreign in
        [topic(&theirs, "up", "heartbeat"), topic(&ours, "down", "command"), "plant/power".to_owned()]
    {
        let output = publish(&foreign)?;
        ensure!(!output.status.success(), "{foreign} was accepted");
    }
    for filter in [topic(&theirs, "down", "#"), "#".to_owned(), topic("+", "up", "#")] {
        let output = client(rig, other, "mosquitto_sub", &["-q", "1", "-t", &filter, "-C", "1", "-W", "5"])?;
        let said = text(&output);
        ensure!(said.contains("denied"), "{filter}: {said}");
    }
    rig.edge.shows("Relay_1", "power", |value| value["quality"] == "good")?;
    rig.online(api).context("the edge that was spoken for")
}

fn connected(edge: &Edge) -> Result<Value> {
    Ok(edge.status()?["controller"].clone())
}

fn a_revoked_edge_is_out_at_once(rig: &mut Rig, api: &Api) -> Result<()> {
    let edge = id(api, "edge-1")?;
    wait_for("the edge to be connected", PATIENCE, || {
        Ok((connected(&rig.edge)?["connected"] == true).then_some(()))
    })?;
    let began = std::time::Instant::now();
    let revoked = api.post(&format!("/edges/{edge}/revoke"), &json!({ "reason": "stolen" }))?;
    ensure!(revoked.status < 300, "{revoked:?}");
    wait_for("the edge to be out", PATIENCE, || {
        Ok((connected(&rig.edge)?["connected"] == false).then_some(()))
    })?;
    eprintln!("out after {:.1} s", began.elapsed().as_secs_f64());
    ensure!(began.elapsed().as_secs() < 10, "it took {:?}", began.elapsed());
    ensure!(rig.edge_view(api)?["state"] == "revoked", "{}", rig.edge_view(api)?);

    let publish = ["-q", "1", "-t", &topic(&edge, "up", "heartbeat"), "-m", "{}"];
    let with_its_certificate = client(rig, &rig.edge, "mosquitto_pub", &publish)?;
    ensure!(!with_its_certificate.status.success(), "its certificate still opens the gate");
    rig.edge.kill()?;
    rig.edge.start()?;
    let alone = wait_for("it to be turned away again", PATIENCE, || {
        let controller = connected(&rig.edge)?;
        Ok(controller["why"].is_string().then_some(controller))
    })?;
    ensure!(alone["connected"] == false, "{alone}");
    // The building is not to suffer for it.
    let on = rig.edge.shows("Relay_1", "power", |value| value["quality"] == "good")?["data"] == true;
    rig.edge.write("Relay_1", "set_power", &[&format!("on={}", !on)])?;

    let audit = api.all("/audit?verb=edge.revoke")?;
    ensure!(audit.len() == 1 && audit[0].to_string().contains("stolen"), "{audit:?}");
    let refused = api.all("/audit?verb=edge.enrol")?;
    ensure!(refused.iter().any(|entry| entry.to_string().contains("was used at")), "{refused:?}");
    Ok(())
}

/// What it did while it was out is not lost.
fn a_new_code_brings_it_back(rig: &mut Rig, api: &Api) -> Result<()> {
    rig.edge.kill()?;
    std::fs::remove_dir_all(rig.edge.home.join("data/identity"))?;
    rig.controller.enrol("edge-1", &rig.edge)?;
    rig.edge.start()?;
    rig.online(api)?;
    rig.edge.drained()?;
    balance(rig, api)?;
    let commands = api.all("/commands")?;
    ensure!(commands.iter().any(|command| command["stage"] == "observed"), "{commands:?}");
    ensure!(rig.edge_view(api)?["state"] == "enrolled", "{}", rig.edge_view(api)?);
    Ok(())
}
