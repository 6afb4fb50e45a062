//! The library of drivers: versions are put in, one is in use, and a device may hold another beside it.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_estate::drivers::package::from_packed;
use bo_estate::releases::compile::compile;
use bo_model::Level;
use bo_testkit::sample::METER;
use bo_web::testing::{Answer, Client};
use common::people::{app, browser};
use common::{Rig, rigs};
use serde_json::json;
use std::collections::BTreeMap;

const PACKED: Option<&str> = Some("application/octet-stream");

/// The shared driver in another version; the title tells it from the others.
fn packed(version: &str, title: &str) -> Vec<u8> {
    let held = METER.lines().find(|line| line.starts_with("version")).unwrap();
    let text =
        METER.replacen(held, &format!("version = \"{version}\""), 1).replacen("Acme energy meter", title, 1);
    let files = BTreeMap::from([("driver.toml".to_owned(), text.into_bytes())]);
    bo_driver_package::pack(&files).unwrap()
}

async fn add(client: &mut Client, query: &str, bytes: Vec<u8>) -> Answer {
    client.send(Method::POST, &format!("/api/v1/drivers{query}"), PACKED, bytes).await
}

/// What the plant's gateway would get: hash per name, and the name each meter goes by.
fn released(rig: &Rig) -> (BTreeMap<String, String>, Vec<String>) {
    let registry = rig.estate.registry();
    let edge = registry.devices[&rig.device("Meter_1")].edge;
    let compiled = compile(&registry, edge);
    assert_eq!(compiled.faults, Vec::<String>::new());
    let meters = ["Meter_1", "Meter_2"].map(rig_name(&compiled.site));
    (compiled.site.drivers, meters.to_vec())
}

fn rig_name(site: &bo_model::release::Site) -> impl Fn(&str) -> String + '_ {
    |address| site.devices.iter().find(|device| device.address == address).unwrap().driver.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_runs_on_one_device_beside_the_old_one_and_then_everywhere_and_back() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let first = rig.estate.registry().devices[&rig.device("Meter_1")].driver.clone().unwrap();
        let old = first.manifest.driver.version.clone();
        let device = format!("/api/v1/devices/{}", rig.device("Meter_1"));

        let answer = add(&mut noor, "?use=later", packed("9.1.0", "Acme meter")).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!((&answer.json()["new"], &answer.json()["in_use"]), (&json!(true), &json!(false)));
        let (drivers, _) = released(&rig);
        assert_eq!(
            drivers,
            BTreeMap::from([("acme-meter".into(), first.hash.clone())]),
            "nothing changed yet"
        );

        // One device tries it; its neighbour goes on with what it had.
        let held = noor.call(Method::PATCH, &device, &json!({ "version": "9.1.0" })).await;
        assert_eq!(held.status, 200, "{}", held.text);
        assert_eq!((&held.json()["driver"], &held.json()["holds"]), (&json!("acme-meter"), &json!("9.1.0")));
        assert_eq!(held.json()["driver_version"], "9.1.0");
        let (drivers, meters) = released(&rig);
        assert_eq!(meters, ["acme-meter@9.1.0", "acme-meter"]);
        assert_eq!(drivers.len(), 2);
        assert_eq!(drivers["acme-meter"], first.hash);
        let new = from_packed(rig.workspace, &packed("9.1.0", "Acme meter")).unwrap().driver.hash;
        assert_eq!(drivers["acme-meter@9.1.0"], new);
        let listed = noor.get("/api/v1/devices?driver=acme-meter").await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 2, "both are of that driver");
        let page = noor.get(&format!("/devices/{}?tab=about", rig.device("Meter_1"))).await.text;
        assert!(page.contains("Hold 9.1.0") && page.contains("held"), "the page says so");
        let page = noor.get("/drivers/acme-meter").await.text;
        assert!(page.contains("held by 1 device") && page.contains("in use"), "so does the driver's");

        // It proved itself: the others get it too, and this one needs to hold nothing any more.
        let used = noor.call(Method::PUT, "/api/v1/drivers/acme-meter", &json!({ "version": "9.1.0" })).await;
        assert_eq!(used.json()["version"], "9.1.0", "{}", used.text);
        noor.call(Method::PATCH, &device, &json!({ "version": null })).await;
        assert_eq!(released(&rig).0, BTreeMap::from([("acme-meter".into(), new)]));

        // And back at once, from what the library kept.
        noor.call(Method::PUT, "/api/v1/drivers/acme-meter", &json!({ "version": old })).await;
        assert_eq!(released(&rig).0, BTreeMap::from([("acme-meter".into(), first.hash.clone())]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_never_changes_under_its_name_and_what_is_no_driver_is_refused_with_words() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        assert_eq!(add(&mut noor, "", packed("9.1.0", "Acme meter")).await.status, 201);
        let again = add(&mut noor, "", packed("9.1.0", "Acme meter")).await;
        assert_eq!(again.json()["new"], false, "the same driver again is no mistake");
        let other = add(&mut noor, "", packed("9.1.0", "Another meter")).await;
        assert_eq!(other.status, 422);
        assert!(other.text.contains("a version of its own"), "{}", other.text);
        let junk = add(&mut noor, "", b"junk".to_vec()).await;
        assert_eq!(junk.status, 422);
        assert!(
            junk.json()["error"]["fields"]["file"].as_str().unwrap().contains("not a packed driver"),
            "{}",
            junk.text
        );
        let path = format!("/api/v1/devices/{}", rig.device("Meter_1"));
        let none = noor.call(Method::PATCH, &path, &json!({ "version": "7.7.7" })).await;
        assert_eq!(none.status, 422);
        assert!(
            none.json()["error"]["fields"]["version"].as_str().unwrap().contains("9.1.0"),
            "{}",
            none.text
        );

        // Who looks after buildings may not bring code onto gateways.
        let mut rui = browser(&rig, &app, "rui", Some(Level::Edit)).await;
        assert!(add(&mut rui, "", packed("9.2.0", "Acme meter")).await.status.as_u16() >= 400);
        let choice = json!({ "version": "9.1.0" });
        assert!(rui.call(Method::PUT, "/api/v1/drivers/acme-meter", &choice).await.status.as_u16() >= 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_devices_hold_is_written_to_files_and_read_from_them_again() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        add(&mut noor, "?use=later", packed("9.1.0", "Acme meter")).await;
        let path = format!("/api/v1/devices/{}", rig.device("Meter_1"));
        noor.call(Method::PATCH, &path, &json!({ "version": "9.1.0" })).await;
        let out = tempfile::tempdir().unwrap();
        let registry = rig.estate.registry();
        rig.db
            .read(|tx| bo_estate::import::export::to_folder(tx, &registry, rig.workspace, "Rig", out.path()))
            .unwrap();
        assert!(out.path().join("drivers/acme-meter@9.1.0/driver.toml").is_file());
        assert!(out.path().join("drivers/acme-meter/driver.toml").is_file());
        let again = common::plan(&rig.db, &rig.estate.ids, rig.workspace, out.path()).unwrap();
        assert_eq!(again.changes, vec![], "{}", rig.test.engine);
        // A version that was kept before manifests lay beside the bytes is read all the same.
        let held = registry.devices[&rig.device("Meter_1")].driver.clone();
        assert!(held.as_ref().is_some_and(|driver| driver.held));
        let forget = rig.db.write(|tx| {
            tx.unaudited("as it was before");
            tx.execute("UPDATE driver_package SET manifest = ''", &[])
        });
        forget.await.unwrap();
        let old = bo_estate::registry::Registry::load(&rig.db).unwrap();
        assert_eq!(old.devices[&rig.device("Meter_1")].driver, held, "{}", rig.test.engine);
        // A folder that says one version and holds another is a mistake.
        let text = std::fs::read_to_string(out.path().join("drivers/acme-meter/driver.toml")).unwrap();
        std::fs::write(out.path().join("drivers/acme-meter@9.1.0/driver.toml"), text).unwrap();
        let error =
            common::plan(&rig.db, &rig.estate.ids, rig.workspace, out.path()).unwrap_err().to_string();
        assert!(error.contains("acme-meter@9.1.0"), "{error}");
    }
}
