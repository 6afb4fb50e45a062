//! Making, changing, moving and removing what is configured, over the API, by people with different rights.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_model::{Kind, Level, Object, ZoneId};
use bo_web::testing::{Answer, Client};
use common::people::{app, browser};
use common::{Rig, rigs};
use serde_json::{Value as Json, json};

/// What the audit log says, newest first.
fn audited(rig: &Rig, verb: &str) -> Vec<Json> {
    let sql = "SELECT body FROM audit_record WHERE verb = ?1 ORDER BY seq DESC";
    rig.db.read(|tx| tx.query(sql, bo_db::params![verb], |row| row.json::<Json>(0))).unwrap()
}

async fn make(client: &mut Client, path: &str, body: Json) -> String {
    let answer = client.call(Method::POST, path, &body).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn zone(rig: &Rig, key: &str) -> ZoneId {
    rig.estate.registry().zones.values().find(|zone| zone.key == key).unwrap().id
}

fn field(answer: &Answer, name: &str) -> String {
    answer.json()["error"]["fields"][name].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_building_is_made_piece_by_piece_and_its_release_has_all_of_it() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let (root, harbour) = (zone(&rig, "root"), zone(&rig, "harbour"));
        let level =
            make(&mut noor, "/api/v1/zones", json!({"parent": harbour, "kind": "level", "name": "Level 2"}))
                .await;
        let edge = make(
            &mut noor,
            "/api/v1/edges",
            json!({"name": "Roof gateway", "zone": harbour, "links": {"bus": {"kind": "modbus-tcp", "host": "127.0.0.1"}}}),
        )
        .await;
        let system =
            make(&mut noor, "/api/v1/systems", json!({"name": "Room 2.04", "zone": level, "edge": edge}))
                .await;
        let device = make(
            &mut noor,
            "/api/v1/devices",
            json!({"system": system, "driver": "acme-meter", "link": "bus", "settings": {"unit": 4}}),
        )
        .await;
        let instance =
            make(&mut noor, "/api/v1/triggers", json!({"system": system, "name": "too-much"})).await;

        let shown = noor.get(&format!("/api/v1/zones/{level}")).await.json();
        assert_eq!(shown["key"], "level-2");
        assert_eq!(shown["path"][1]["name"], "Harbour House");
        assert_eq!(noor.get(&format!("/api/v1/devices/{device}")).await.json()["address"], "Meter_1");
        assert_eq!(noor.get(&format!("/api/v1/triggers/{instance}")).await.status, 200);
        let plan = noor.get(&format!("/api/v1/edges/{edge}/plan")).await.json();
        assert_eq!(plan["faults"], json!([]));
        assert!(plan["diff"]["added"].to_string().contains("device Meter_1 in Room 2.04"), "{plan}");
        let code = noor.call(Method::POST, &format!("/api/v1/edges/{edge}/code"), &json!({})).await;
        assert!(code.json()["code"].as_str().unwrap().len() > 8);

        // Whoever may see the building sees what is new in it, and nobody else.
        let mut mika = browser(&rig, &app, "mika", Some(Level::View)).await;
        assert_eq!(mika.get(&format!("/api/v1/devices/{device}")).await.status, 200);
        assert_eq!(mika.get(&format!("/api/v1/edges/{edge}")).await.status, 200);
        let refused = mika
            .call(Method::POST, "/api/v1/zones", &json!({"parent": root, "kind": "area", "name": "Mine"}))
            .await;
        assert_eq!(refused.status, 403, "{}", refused.text);
        let mut stranger = browser(&rig, &app, "stranger", None).await;
        for path in [format!("/api/v1/devices/{device}"), format!("/api/v1/zones/{level}/settings")] {
            assert_eq!(stranger.get(&path).await.status, 404, "{path}");
        }
        for verb in ["zone.create", "edge.create", "system.create", "device.create", "trigger.create"] {
            assert_eq!(audited(&rig, verb).len(), 1, "{verb}");
        }
        assert_eq!(audited(&rig, "device.create")[0]["after"]["settings.unit"], 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_with_its_reason() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let harbour = zone(&rig, "harbour");
        let system = rig.estate.registry().system_by_key(rig.workspace, "plant").unwrap().id;
        for (path, body, name, words) in [
            ("zones", json!({"kind": "organisation", "name": "Second"}), "parent", "is required"),
            (
                "zones",
                json!({"parent": harbour, "kind": "region", "name": "Up"}),
                "kind",
                "inside Harbour House",
            ),
            ("zones", json!({"parent": harbour, "kind": "level", "name": " "}), "name", "1 to 120"),
            (
                "zones",
                json!({"parent": harbour, "kind": "level", "name": "x", "key": "root"}),
                "key",
                "taken",
            ),
            (
                "zones",
                json!({"parent": harbour, "kind": "level", "name": "x", "time_zone": "Mars/Base"}),
                "time_zone",
                "must be a time zone",
            ),
            ("devices", json!({"system": system, "driver": "acme-metre"}), "driver", "there is no driver"),
            ("devices", json!({"system": system, "driver": "acme-meter"}), "link", "Modbus link"),
            ("devices", json!({"system": system, "driver": "acme-meter", "link": "b"}), "link", "it has bus"),
            (
                "devices",
                json!({"system": system, "driver": "acme-meter", "link": "bus", "address": "Meter_1"}),
                "address",
                "taken",
            ),
            (
                "devices",
                json!({"system": system, "driver": "acme-meter", "link": "bus", "settings": {"unit": "x"}}),
                "unit",
                "whole number",
            ),
            ("triggers", json!({"system": system, "name": "too-much"}), "name", "already"),
        ] {
            let answer = noor.call(Method::POST, &format!("/api/v1/{path}"), &body).await;
            assert_eq!(answer.status, 422, "{body}: {}", answer.text);
            assert!(field(&answer, name).contains(words), "{body}: {}", answer.text);
        }
        assert!(audited(&rig, "zone.create").is_empty(), "nothing was made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_takes_the_rights_along_and_never_makes_a_circle() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let (root, harbour) = (zone(&rig, "root"), zone(&rig, "harbour"));
        let hill =
            make(&mut noor, "/api/v1/zones", json!({"parent": root, "kind": "building", "name": "Hill"}))
                .await;
        let wing =
            make(&mut noor, "/api/v1/zones", json!({"parent": harbour, "kind": "area", "name": "Wing"}))
                .await;
        let system = rig.estate.registry().system_by_key(rig.workspace, "plant").unwrap().id;
        let to = |zone: &str| json!({ "parent": zone });
        let circle = noor.call(Method::POST, &format!("/api/v1/zones/{harbour}/move"), &to(&wing)).await;
        assert!(field(&circle, "parent").contains("itself"), "{}", circle.text);
        let root_moves = noor.call(Method::POST, &format!("/api/v1/zones/{root}/move"), &to(&hill)).await;
        assert_eq!(root_moves.status, 422);

        // Lin works for Harbour House and loses what leaves it.
        let level_of_lin = |object: Object| {
            let now = rig.estate.clock.now();
            rig.db
                .read(|tx| {
                    let lin = bo_identity::account::addressed(tx, "lin@example.org")?.expect("imported");
                    bo_identity::level::level(tx, &Object::new(Kind::ACCOUNT, lin.id), &object, now)
                })
                .unwrap()
        };
        let (wing_object, device) =
            (Object::new(Kind::ZONE, &wing), Object::new(Kind::DEVICE, rig.device("Meter_1")));
        assert_eq!(
            (level_of_lin(wing_object.clone()), level_of_lin(device.clone())),
            (Level::Edit, Level::Edit)
        );
        let moved = noor.call(Method::POST, &format!("/api/v1/zones/{wing}/move"), &to(&hill)).await;
        assert_eq!(moved.json()["path"][1]["name"], "Hill", "{}", moved.text);
        let moved =
            noor.call(Method::POST, &format!("/api/v1/systems/{system}/move"), &json!({"zone": hill})).await;
        assert_eq!(moved.status, 200, "{}", moved.text);
        assert_eq!((level_of_lin(wing_object), level_of_lin(device)), (Level::None, Level::None));
        assert_eq!(audited(&rig, "system.move")[0]["before"]["zone"], json!(harbour));
        assert_eq!(audited(&rig, "zone.move").len(), 1);

        // Who owns only what is moved can't put it where they own nothing.
        let mut mika = browser(&rig, &app, "mika", Some(Level::Edit)).await;
        let refused =
            mika.call(Method::POST, &format!("/api/v1/zones/{wing}/move"), &to(&harbour.to_string())).await;
        assert_eq!(refused.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_moves_gets_a_free_address_and_keeps_its_id() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let body = json!({"name": "Annex", "zone": zone(&rig, "harbour"), "edge": rig.edge()});
        let annex = make(&mut noor, "/api/v1/systems", body).await;
        let (one, two) = (rig.device("Meter_1"), rig.device("Meter_2"));
        let to = json!({ "system": annex });
        let moved = noor.call(Method::POST, &format!("/api/v1/devices/{two}/move"), &to).await;
        assert_eq!(moved.json()["address"], "Meter_2", "{}", moved.text);
        let third = json!({"address": "Meter_1"});
        let renamed = noor.call(Method::POST, &format!("/api/v1/devices/{two}/move"), &third).await;
        assert_eq!(renamed.json()["address"], "Meter_1");
        let moved = noor.call(Method::POST, &format!("/api/v1/devices/{one}/move"), &to).await;
        assert_eq!(moved.json()["address"], "Meter_2", "{}", moved.text);
        assert_eq!(rig.estate.registry().devices_in(annex.parse().unwrap()).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_says_what_goes_with_it_and_waits_for_a_yes() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let harbour = zone(&rig, "harbour");
        let device = rig.device("Meter_1");
        let look = noor.get(&format!("/api/v1/devices/{device}/removal")).await.json();
        assert_eq!(look["uses"], json!(["The trigger too-much names Meter_1."]));
        let refused = noor.call(Method::DELETE, &format!("/api/v1/devices/{device}"), &json!({})).await;
        assert_eq!(refused.status, 409, "{}", refused.text);

        let look = noor.get(&format!("/api/v1/zones/{harbour}/removal")).await.json();
        assert_eq!(look["with"], json!({"system": 1, "device": 2, "trigger": 1}));
        assert!(look["blocked"][0].as_str().unwrap().contains("Harbour gateway"));
        let path = format!("/api/v1/zones/{harbour}?with_contents=true");
        let blocked = noor.call(Method::DELETE, &path, &json!({})).await;
        assert_eq!(blocked.status, 409, "{}", blocked.text);
        let edge = rig.edge();
        let blocked = noor.call(Method::DELETE, &format!("/api/v1/edges/{edge}"), &json!({})).await;
        assert!(blocked.text.contains("systems run on it"), "{}", blocked.text);

        let root = zone(&rig, "root");
        let elsewhere =
            noor.call(Method::PATCH, &format!("/api/v1/edges/{edge}"), &json!({"zone": root})).await;
        assert_eq!(elsewhere.status, 200, "{}", elsewhere.text);
        let refused = noor.call(Method::DELETE, &format!("/api/v1/zones/{harbour}"), &json!({})).await;
        assert!(refused.text.contains("2 devices, 1 system and 1 trigger"), "{}", refused.text);
        let done = noor.call(Method::DELETE, &path, &json!({})).await;
        assert_eq!(done.status, 204, "{}", done.text);
        let registry = rig.estate.registry();
        assert!(registry.devices.is_empty() && registry.systems.is_empty() && registry.triggers.is_empty());
        assert_eq!(audited(&rig, "device.remove").len(), 2);
        let rows = "SELECT count(*) FROM relation WHERE object LIKE 'device:%' OR object LIKE 'system:%'";
        assert_eq!(rig.count(rows), 0, "no right outlives its object");
        let done = noor.call(Method::DELETE, &format!("/api/v1/edges/{edge}"), &json!({})).await;
        assert_eq!(done.status, 204, "{}", done.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_written_and_never_read_wherever_it_is_set() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let (harbour, device) = (zone(&rig, "harbour"), rig.device("Meter_1"));
        let system = rig.estate.registry().devices[&device].device.system;
        let places = [format!("zones/{harbour}"), format!("systems/{system}"), format!("devices/{device}")];
        for (index, place) in places.iter().enumerate() {
            // The driver declares `pin` secret; that `community` is one only its setter knows.
            let pin = json!({"value": format!("hunter{index}")});
            let done = noor.call(Method::PUT, &format!("/api/v1/{place}/settings/pin"), &pin).await;
            assert_eq!(done.status, 204, "{}", done.text);
        }
        for place in &places[..2] {
            let set = json!({"value": "hunter-community", "secret": true});
            let done = noor.call(Method::PUT, &format!("/api/v1/{place}/settings/community"), &set).await;
            assert_eq!(done.status, 204, "{}", done.text);
        }
        let edge = rig.edge();
        let published = noor.call(Method::POST, &format!("/api/v1/edges/{edge}/releases"), &json!({})).await;
        assert_eq!(published.status, 200, "{}", published.text);
        let mut paths: Vec<String> = places.iter().map(|place| format!("/api/v1/{place}")).collect();
        paths.extend(places.iter().map(|place| format!("/api/v1/{place}/settings")));
        paths.extend(places.iter().map(|place| format!("/{place}")));
        paths.extend([
            format!("/devices/{device}?tab=settings"),
            format!("/api/v1/edges/{edge}/releases/1"),
            "/api/v1/audit".into(),
            "/audit".into(),
            "/api/v1/zones".into(),
        ]);
        for path in paths {
            let answer = noor.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.text.contains("hunter"), "{path} shows a secret: {}", answer.text);
        }
        let shown = noor.get(&format!("/api/v1/zones/{harbour}")).await.json();
        assert_eq!(shown["settings"]["pin"], "(hidden)");
        assert_eq!(shown["settings"]["community"], "(hidden)");
        let file = bo_estate::import::export::to_file(&rig.estate.registry(), rig.workspace, "x");
        assert!(!toml::to_string(&file).unwrap().contains("hunter"));
        // What was shown may be sent back: it stays what it was.
        let settings = shown["settings"].clone();
        let patch = json!({ "settings": settings });
        noor.call(Method::PATCH, &format!("/api/v1/zones/{harbour}"), &patch).await;
        assert_eq!(rig.estate.registry().zones[&harbour].settings["pin"], "hunter0");
        assert_eq!(
            rig.estate.registry().settings(&rig.estate.registry().devices[&device])["pin"].value,
            "hunter2"
        );
        // Another value is told in the log, the value is not.
        noor.call(
            Method::PUT,
            &format!("/api/v1/zones/{harbour}/settings/pin"),
            &json!({"value": "hunter9"}),
        )
        .await;
        let record = audited(&rig, "zone.change")[0].to_string();
        assert!(record.contains("settings.pin") && !record.contains("hunter"), "{record}");
        // Importing the exported file again takes no secret away.
        let plan = common::plan(&rig.db, &rig.estate.ids, rig.workspace, rig.folder.path()).unwrap();
        assert!(plan.devices.is_empty() && plan.zones.is_empty(), "{:?}", plan.changes);
        let reset =
            noor.call(Method::DELETE, &format!("/api/v1/devices/{device}/settings/pin"), &json!({})).await;
        assert_eq!(reset.status, 204);
        let registry = rig.estate.registry();
        assert_eq!(registry.settings(&registry.devices[&device])["pin"].value, "hunter1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_change_one_thing_at_once_both_count() {
    for rig in rigs() {
        let app = app(&rig);
        let noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let harbour = zone(&rig, "harbour");
        let set = |key: &'static str| {
            let mut noor = noor.clone();
            async move {
                let path = format!("/api/v1/zones/{harbour}/settings/{key}");
                noor.call(Method::PUT, &path, &json!({"value": key})).await.status
            }
        };
        let outcomes = tokio::join!(set("a"), set("b"), set("c"), set("d"));
        assert_eq!([outcomes.0, outcomes.1, outcomes.2, outcomes.3], [204, 204, 204, 204]);
        let settings = rig.estate.registry().zones[&harbour].settings.clone();
        assert!(["a", "b", "c", "d"].iter().all(|key| settings.contains_key(*key)), "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_written_checked_bound_and_removed() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let system = rig.estate.registry().system_by_key(rig.workspace, "plant").unwrap().id;
        let text = "name = \"low\"\ntitle = \"Low\"\n[input.power]\nof = \"Meter_2.power\"\n[when]\ninput = \"power\"\nbelow = 5\n[[on_active]]\nalarm = { severity = \"info\", text = \"Low\" }\n";
        let wrong = json!({"definition": text.replace("Meter_2", "Meter_9"), "system": system});
        let found = noor.call(Method::POST, "/api/v1/trigger-definitions/check", &wrong).await.json();
        assert_eq!(found["items"][0]["line"], 4, "{found}");
        let good = json!({"definition": text, "system": system});
        let found = noor.call(Method::POST, "/api/v1/trigger-definitions/check", &good).await.json();
        assert_eq!(found["items"], json!([]));
        let saved = noor.call(Method::PUT, "/api/v1/trigger-definitions/low", &good).await;
        assert_eq!(saved.status, 200, "{}", saved.text);
        make(&mut noor, "/api/v1/triggers", json!({"system": system, "name": "low"})).await;
        let broken = noor.call(Method::PUT, "/api/v1/trigger-definitions/low", &wrong).await;
        assert!(field(&broken, "definition").contains("Plant room"), "{}", broken.text);
        let refused = noor.call(Method::DELETE, "/api/v1/trigger-definitions/low", &json!({})).await;
        assert_eq!(refused.status, 409);
        let gone =
            noor.call(Method::DELETE, "/api/v1/trigger-definitions/low?with_contents=true", &json!({})).await;
        assert_eq!(gone.status, 204, "{}", gone.text);
        assert_eq!(rig.estate.registry().triggers.len(), 1);
    }
}
