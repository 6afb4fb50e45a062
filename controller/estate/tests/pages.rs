//! The console's pages over a small estate: what a person sees, what they may do, what they are told when it is wrong.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_model::{Level, Value};
use bo_uplink::Handler;
use bo_web::testing::walk;
use bo_wire::{Body, Class, Record, Records, StatusChange};
use common::people::{app, browser};
use common::{Rig, START, rigs};

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
            ("/devices?state=not-set-up".into(), "Main meter"),
            (format!("/edges/{edge}"), "Not set up yet"),
            ("/metadata".into(), "No details yet"),
            ("/rollouts".into(), "No rollouts yet"),
            (format!("/alarms?zone={zone}"), "Nothing needs you"),
            (format!("/devices/{device}"), "Limit the power"),
            (format!("/devices/{device}?tab=history"), "<bo-chart"),
            (format!("/devices/{device}?tab=settings"), "this device"),
            (format!("/devices/{device}?tab=log"), "Log"),
            ("/alarms".into(), "Nothing needs you"),
            ("/commands".into(), "No commands here"),
            ("/triggers".into(), "Too much power"),
            (format!("/triggers/{trigger}"), "power (Main meter: power) is above 5000"),
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
async fn a_setting_is_set_and_taken_back_where_it_is_shown_and_a_secret_never_is() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let device = rig.device("Meter_2");
        let path = format!("/devices/{device}/settings");
        let wrong = noor.post(&path, &[("key", "unit"), ("unit", "many")]).await;
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("must be a whole number") && wrong.text.contains("value=\"many\""),
            "{}",
            wrong.text
        );
        assert_eq!(noor.post(&path, &[("key", "pin"), ("pin", "hunter2")]).await.status, 303);
        let set = noor.post(&path, &[("key", "unit"), ("unit", "4")]).await;
        assert_eq!(set.status, 303, "{}", set.text);
        let page = noor.get(set.location()).await;
        for words in ["Set here", "set, hidden", "set by zone All places", "Undo"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        let changed = noor.post(&path, &[("key", "unit"), ("unit", "5")]).await;
        let page = noor.get(changed.location()).await;
        assert!(page.text.contains("Undo: back to 4"), "{}", page.text);
        let reset = noor.post(&format!("{path}/reset"), &[("key", "unit")]).await;
        let page = noor.get(reset.location()).await;
        assert!(page.text.contains("is reset: 9"), "the zone's value counts again: {}", page.text);
        let settings = rig.estate.registry().devices[&device].device.settings.clone();
        assert_eq!(serde_json::to_string(&settings).unwrap(), r#"{"pin":"hunter2"}"#);
        assert!(!page.text.contains("hunter2"));
        let audit = noor.get("/audit?q=hunter2").await;
        assert!(audit.text.contains("No records here"), "{}", audit.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estate_is_built_moved_deployed_and_removed_with_forms_alone() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let registry = rig.estate.registry();
        let id = |name: &str| registry.zones.values().find(|zone| zone.name == name).unwrap().id.to_string();
        let (root, harbour, edge) = (id("All places"), id("Harbour House"), rig.edge().to_string());

        let new = [
            ("parent", harbour.as_str()),
            ("kind", "level"),
            ("name", "Loft"),
            ("time_zone", "Mars/Olympus"),
        ];
        let wrong = noor.post("/zones/new", &new).await;
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("must be a time zone") && wrong.text.contains("value=\"Loft\""),
            "{}",
            wrong.text
        );
        let made = noor.post("/zones/new", &new[..3]).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let zone = made.location().to_owned();
        let zone_id = zone.rsplit('/').next().unwrap().to_owned();

        let moved = noor.post(&format!("{zone}/move"), &[("parent", &root)]).await;
        let page = noor.get(moved.location()).await;
        assert!(
            page.text.contains("Moved here from") && page.text.contains("Harbour House"),
            "{}",
            page.text
        );
        assert_eq!(noor.post(&format!("{zone}/move"), &[("parent", &harbour)]).await.status, 303);
        let inside = noor.post(&format!("/zones/{harbour}/move"), &[("parent", &zone_id)]).await;
        assert_eq!(inside.status, 422, "a zone can't lie in itself");

        let made = noor.post("/systems/new", &[("name", "Lab"), ("zone", &zone_id), ("edge", &edge)]).await;
        let system = made.location().to_owned();
        let system_id = system.rsplit('/').next().unwrap().to_owned();
        let offer = noor.get(&format!("/devices/new?system={system_id}&driver=acme-meter")).await;
        assert!(offer.text.contains("Empty takes what is set above: 9, zone All places"), "{}", offer.text);
        let device = [("system", system_id.as_str()), ("driver", "acme-meter"), ("name", "Bench meter")];
        let no_link = noor.post("/devices/new", &device).await;
        assert!(
            no_link.status == 422 && no_link.text.contains("speaks over a Modbus link"),
            "{}",
            no_link.text
        );
        let with_link = [&device[..], &[("link", "bus"), ("setting.unit", "many")]].concat();
        let wrong = noor.post("/devices/new", &with_link).await;
        assert!(wrong.status == 422 && wrong.text.contains("must be a whole number"), "{}", wrong.text);
        let with_link = [&device[..], &[("link", "bus"), ("setting.unit", "7")]].concat();
        let made = noor.post("/devices/new", &with_link).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let shown = noor.get(made.location()).await;
        assert!(shown.text.contains("Bench meter"), "{}", shown.text);

        let bound = noor.post("/triggers/new", &[("system", &system_id), ("trigger", "too-much")]).await;
        assert_eq!(bound.status, 303, "{}", bound.text);
        let link = [("name", "meters"), ("kind", "modbus-tcp"), ("host", "10.0.0.9"), ("port", "502")];
        let link = noor.post(&format!("/edges/{edge}/links/new"), &link).await;
        assert_eq!(link.status, 303, "{}", link.text);

        let waiting = noor.get("/releases").await;
        assert!(waiting.text.contains("device Meter_1 in Lab"), "{}", waiting.text);
        let deployed = noor.post("/releases", &[("edge", &edge)]).await;
        let page = noor.get(deployed.location()).await;
        assert!(page.text.contains("Everything is deployed"), "{}", page.text);

        let asked = noor.get(&format!("{zone}/remove")).await;
        for words in ["1 system", "1 device", "1 trigger", "Yes, remove it"] {
            assert!(asked.text.contains(words), "{words}: {}", asked.text);
        }
        let unsure = noor.post(&format!("{zone}/remove"), &[]).await;
        assert_eq!(unsure.status, 409, "{}", unsure.text);
        let removed = noor.post(&format!("{zone}/remove"), &[("with_contents", "true")]).await;
        assert_eq!(removed.location(), format!("/zones/{harbour}"));
        assert_eq!(noor.get(&system).await.status, 404);
        let audit = noor.get("/audit?verb=zone").await;
        for words in ["Made a zone", "Moved a zone", "Removed a zone"] {
            assert!(audit.text.contains(words), "{words}: {}", audit.text);
        }
        let mut guest = browser(&rig, &app, "guest", Some(Level::View)).await;
        assert_eq!(guest.get("/zones/new").await.status, 403);
        assert_eq!(guest.post("/zones/new", &new[..3]).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_checked_at_the_line_while_it_is_written_and_saved_for_all_who_use_it() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let editor = noor.get("/triggers/library/too-much").await;
        assert!(editor.text.contains("<bo-trigger") && editor.text.contains("Bound to"), "{}", editor.text);
        let text = "name = \"cool\"\ntitle = \"Cool\"\n[when]\ninput = \"nothing\"\nabove = 3\n";
        let system = rig.estate.registry().devices[&rig.device("Meter_1")].device.system;
        let draft = serde_json::json!({ "text": text, "system": system });
        let checked = noor.call("POST".parse().unwrap(), "/triggers/check", &draft).await.json();
        assert_eq!(checked["diagnostics"][0]["line"], 4, "{checked}");
        let form = serde_json::json!({ "definition": { "name": "cool", "title": "Cool",
            "input": { "power": { "of": "Meter_1.power" } }, "when": { "input": "power", "below": 10, "held_for": "5min" } } });
        let checked = noor.call("POST".parse().unwrap(), "/triggers/check", &form).await.json();
        let source = checked["text"].as_str().unwrap();
        assert!(source.contains("held_for = \"5min\""), "{source}");
        assert!(
            checked["words"].as_str().unwrap().contains("is below 10 without a break for 5min"),
            "{checked}"
        );
        let saved = noor.post("/triggers/library/new", &[("text", source)]).await;
        assert_eq!(saved.location(), "/triggers/library/cool");
        let again = noor.post("/triggers/library/new", &[("text", source)]).await;
        assert!(again.status == 422 && again.text.contains("already"), "{}", again.text);
        let broken = [("text", "name = \"too-much\"\ntitle = \"X\"\ntypo = 1\n")];
        let refused = noor.post("/triggers/library/too-much", &broken).await;
        assert!(refused.status == 422 && refused.text.contains("typo = 1"), "{}", refused.text);
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
