//! Values that the controller has lost are asked for again, and come back from the gateway that measured them: real
//! processes, and the books of both sides compared before and after.

use anyhow::{Context, Result, ensure};
use backoffice_tests::api::Api;
use backoffice_tests::books::{Journal, balance};
use backoffice_tests::controller::databases;
use backoffice_tests::demo::PATIENCE;
use backoffice_tests::load::Load;
use backoffice_tests::rig::{Rig, Way};
use bo_db::testing::TestDb;
use bo_db::{DbError, Tx, params};
use bo_testkit::http::Reply;
use bo_testkit::{has, skip_without, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// Samples of one point that are there before anything is lost.
const SAMPLES: usize = 200;
/// A pause between two messages of the sensor.
const PACE: Duration = Duration::from_millis(5);

#[test]
fn values_that_the_controller_lost_come_back_from_the_gateway_when_somebody_asks_for_them() -> Result<()> {
    if skip_without("mosquitto_pub", has("mosquitto_pub")) {
        return Ok(());
    }
    for database in databases()? {
        let engine = database.engine;
        lost_and_found(database).with_context(|| format!("on {engine}"))?;
    }
    Ok(())
}

fn lost_and_found(database: TestDb) -> Result<()> {
    let mut rig = Rig::start(database, Way::Gate)?;
    let api = rig.controller.api()?;
    let load = Load::start(rig.edge.broker, "zigbee2mqtt/s1", PACE);
    wait_for("enough history", PATIENCE, || Ok((people(&api)? >= SAMPLES).then_some(())))?;
    load.stop();
    rig.edge.drained()?;
    let compared = balance(&rig, &api)?;

    // A database that was put back without its history.
    rig.controller.kill()?;
    lose_history(&rig)?;
    rig.controller.start()?;
    let api = rig.controller.api()?;
    rig.online(&api)?;
    ensure!(people(&api)? < SAMPLES, "nothing was lost");

    // Twice, as somebody does who sees nothing happen at once.
    for _ in 0..2 {
        ask(&rig, &api)?;
    }
    wait_for("all of it to be back", PATIENCE, || {
        // A point of which nothing has come back yet counts as one without history.
        let again = balance(&rig, &api)?;
        ensure!(again >= compared, "{again} samples of {compared} came back");
        Ok(Some(()))
    })?;
    let audited = api.all("/audit")?;
    let asked = audited.iter().filter(|record| record["verb"] == "edge.backfill").count();
    ensure!(asked >= 2, "who asked is not in the audit log: {audited:?}");
    refused(&rig, &api)
}

/// Raw samples of the sensor's counter that the controller shows.
fn people(api: &Api) -> Result<usize> {
    let device = api.device("Sensor_1")?;
    let rows = api.get(&format!("/devices/{device}/history/people?step=raw"))?;
    Ok(rows["items"].as_array().map_or(0, Vec::len))
}

fn lose_history(rig: &Rig) -> Result<()> {
    rig.controller.database.db.write_blocking(|tx: &mut Tx| {
        tx.unaudited("a disaster");
        for table in ["history_journal", "history_chunk", "history_rollup", "history_stale_day"] {
            tx.execute(&format!("DELETE FROM {table}"), params![])?;
        }
        Ok::<_, DbError>(())
    })?;
    Ok(())
}

/// Asks for everything the gateway's journal ever numbered, in both classes that hold values.
fn ask(rig: &Rig, api: &Api) -> Result<()> {
    let journal = Journal::read(rig)?;
    for (class, index) in [("status", 3), ("history", 4)] {
        let last = journal.written[index];
        if last > 0 {
            let range = json!({ "class": class, "epoch": journal.epoch, "from": 1, "to": last });
            let answer = post(rig, api, &range)?;
            ensure!(answer.status == 200, "{answer:?}");
        }
    }
    Ok(())
}

/// Commands and audit entries are never sent twice, and nobody asks for everything at once.
fn refused(rig: &Rig, api: &Api) -> Result<()> {
    for wrong in [
        json!({ "class": "audit", "epoch": 1, "from": 1, "to": 2 }),
        json!({ "class": "status", "epoch": 1, "from": 2, "to": 1 }),
        json!({ "class": "status", "epoch": 1, "from": 1, "to": 5_000_000 }),
    ] {
        let answer = post(rig, api, &wrong)?;
        ensure!(answer.status == 422 || answer.status == 400, "{wrong}: {answer:?}");
    }
    Ok(())
}

fn post(rig: &Rig, api: &Api, range: &Value) -> Result<Reply> {
    let id = rig.edge_view(api)?["id"].as_str().context("no id")?.to_owned();
    api.post(&format!("/edges/{id}/backfill"), range)
}
