//! The console's pages over a small estate: what a person sees, what they may do, what they are told when it is wrong.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_model::{AccountId, Kind, Level, Object, Value};
use bo_uplink::Handler;
use bo_web::testing::{Client, walk};
use bo_wire::{Body, Class, Record, Records, StatusChange};
use common::people::{app, browser};
use common::{Rig, START, rigs};
use std::sync::Arc;

async fn report_power(rig: &Rig, watts: f64) {
    let change = StatusChange {
        device: rig.device("Meter_1"),
        name: "power".into(),
        value: Value::good(watts, START),
    };
    let record = Record { seq: 1, at: START, body: Body::Status(change) };
    let records = Records { class: Class::History, epoch: 1, backfill: false, records: vec![record] };
    rig.ingest.records(rig.edge(), records).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_shows_what_there_is() {
    for rig in rigs() {
        report_power(&rig, 1250.0).await;
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let registry = rig.estate.registry();
        let (device, edge) = (rig.device("Meter_1"), rig.edge());
        let system = registry.devices[&device].device.system;
        let zone = registry.systems[&system].zone;
        let trigger = registry.triggers.keys().next().unwrap();
        for (path, words) in [
            ("/".to_owned(), "Harbour House"),
            ("/zones".into(), "Plant room"),
            (format!("/zones/{zone}"), "<bo-map"),
            ("/systems".into(), "Plant room"),
            (format!("/systems/{system}"), "1250.0 W"),
            (format!("/systems/{system}/peek"), "Main meter"),
            ("/devices?state=gateway-offline".into(), "Main meter"),
            (format!("/devices/{device}"), "Limit the power"),
            (format!("/devices/{device}?tab=history"), "<bo-chart"),
            (format!("/devices/{device}?tab=settings"), "this device"),
            (format!("/devices/{device}?tab=log"), "Log"),
            ("/alarms".into(), "Nothing needs you"),
            ("/commands".into(), "No commands here"),
            ("/triggers".into(), "Too much power"),
            (format!("/triggers/{trigger}"), "power (Meter_1.power) is above 5000"),
            ("/edges".into(), "Harbour gateway"),
            (format!("/edges/{edge}"), "Modbus TCP"),
            ("/drivers".into(), "Acme energy meter"),
            ("/drivers/acme-meter".into(), "Limit the power"),
            ("/history?q=meter+power".into(), "Draw"),
            ("/search?q=plant".into(), "Plant room"),
            ("/audit".into(), "Signed in"),
        ] {
            let answer = noor.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert!(answer.text.contains(words), "{path} does not show {words:?}: {}", answer.text);
        }
        for path in [
            "/systems?format=csv",
            "/devices?format=csv",
            "/commands?format=csv",
            "/alarms?format=csv",
            "/edges?format=csv",
            "/audit?format=csv",
        ] {
            let answer = noor.get(path).await;
            assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_refused_beside_its_field_or_leads_to_its_evidence() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Edit)).await;
        let path = format!("/devices/{}/commands/set_limit", rig.device("Meter_1"));
        let wrong = noor.post(&path, &[("percent", "120")]).await;
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("must be at most 100 %") && wrong.text.contains("value=\"120\""),
            "{}",
            wrong.text
        );
        let given = noor.post(&path, &[("percent", "40")]).await;
        assert_eq!(given.status, 303, "{}", given.text);
        let shown = noor.get(given.location()).await;
        for words in ["Asked for", "Allowed", "Failed", "percent 40"] {
            assert!(shown.text.contains(words), "{words}: {}", shown.text);
        }
        let mut guest = browser(&rig, &app, "guest", Some(Level::View)).await;
        assert_eq!(guest.post(&path, &[("percent", "40")]).await.status, 403);
        let page = guest.get(&format!("/devices/{}", rig.device("Meter_1"))).await;
        assert!(page.text.contains("You may look, but not operate it"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_setting_is_kept_when_left_empty_and_never_shown() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let device = rig.device("Meter_1");
        let path = format!("/devices/{device}/settings");
        assert_eq!(noor.post(&path, &[("unit", "4"), ("pin", "hunter2")]).await.status, 303);
        assert_eq!(noor.post(&path, &[("unit", ""), ("pin", "")]).await.status, 303);
        let settings = rig.estate.registry().devices[&device].device.settings.clone();
        assert_eq!(serde_json::to_string(&settings).unwrap(), r#"{"pin":"hunter2"}"#);
        let page = noor.get(&format!("/devices/{device}?tab=settings")).await;
        assert!(page.text.contains("(hidden)") && !page.text.contains("hunter2"), "{}", page.text);
        let audit = noor.get("/audit?q=hunter2").await;
        assert!(audit.text.contains("No records here"), "{}", audit.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_lets_in_who_must_not() {
    for rig in rigs() {
        let app = app(&rig);
        let stranger = browser(&rig, &app, "stranger", None).await;
        assert_eq!(walk(&app, &stranger).await, Vec::<String>::new());
        let mut stranger = stranger;
        let list = stranger.get("/devices").await;
        assert!(list.status == 200 && !list.text.contains("Main meter"), "{}", list.text);
    }
}
