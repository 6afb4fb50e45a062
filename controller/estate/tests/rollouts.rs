//! A change of several gateways: proposed, approved, released ring by ring, and taken back.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_estate::releases::queries;
use bo_estate::rollouts::step;
use bo_model::{EdgeId, Level};
use bo_uplink::Handler as _;
use bo_web::testing::Client;
use bo_wire::Heartbeat;
use common::people::{app, browser};
use common::{Rig, rigs};
use serde_json::{Value as Json, json};
use std::time::Duration;

async fn post(client: &mut Client, path: &str, body: Json) -> Json {
    let answer = client.call(Method::POST, path, &body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
    answer.json()
}

fn newest(rig: &Rig, edge: EdgeId) -> Option<(u64, String, String)> {
    let latest = rig.db.read(|tx| queries::latest(tx, edge)).unwrap();
    latest.map(|release| (release.number, release.hash, release.site))
}

/// The gateway says what it runs.
async fn runs(rig: &Rig, edge: EdgeId, hash: &str) {
    let heartbeat = Heartbeat {
        at: rig.estate.clock.now(),
        count: 1,
        release: hash.into(),
        backlog: 0,
        journal_bytes: 0,
        links: Vec::new(),
        unwell: Vec::new(),
        memory: 0,
    };
    rig.ingest.heartbeat(edge, heartbeat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_ring_by_ring_while_all_is_well_and_back_when_somebody_says_so() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let first = rig.edge();
        let zone = rig.estate.registry().edges[&first].zone;
        let link = json!({"bus": {"kind": "modbus-tcp", "host": "127.0.0.1"}});
        let second =
            post(&mut noor, "/api/v1/edges", json!({"name": "Second", "zone": zone, "links": link})).await;
        let second: EdgeId = second["id"].as_str().unwrap().parse().unwrap();
        post(&mut noor, "/api/v1/systems", json!({"name": "Annex", "zone": zone, "edge": second})).await;
        for edge in [first, second] {
            post(&mut noor, &format!("/api/v1/edges/{edge}/releases"), json!({})).await;
        }
        let nothing = json!({"title": "Nothing", "rings": [[first]]});
        assert_eq!(noor.call(Method::POST, "/api/v1/rollouts", &nothing).await.status, 409);

        let rename = json!({"name": "Harbour House II"});
        noor.call(Method::PATCH, &format!("/api/v1/zones/{zone}"), &rename).await;
        let proposal = json!({"title": "New name", "rings": [[first], [second]], "watch": "60s"});
        let made = post(&mut noor, "/api/v1/rollouts", proposal.clone()).await;
        let path = format!("/api/v1/rollouts/{}", made["id"].as_str().unwrap());
        let shown = noor.get(&path).await.json();
        assert!(
            shown["plans"][0]["plan"]["diff"]["changed"].to_string().contains("Harbour House II"),
            "{shown}"
        );
        let mut mika = browser(&rig, &app, "mika", Some(Level::Edit)).await;
        assert_ne!(mika.call(Method::POST, &format!("{path}/approve"), &json!({})).await.status, 200);

        // What changes between proposal and approval was approved by nobody.
        noor.call(Method::PATCH, &format!("/api/v1/zones/{zone}"), &json!({"name": "Harbour House III"}))
            .await;
        let late = noor.call(Method::POST, &format!("{path}/approve"), &json!({})).await;
        assert_eq!(late.status, 409, "{}", late.text);
        post(&mut noor, &format!("{path}/stop"), json!({})).await;
        let made = post(&mut noor, "/api/v1/rollouts", proposal).await;
        let path = format!("/api/v1/rollouts/{}", made["id"].as_str().unwrap());
        post(&mut noor, &format!("{path}/approve"), json!({})).await;

        let before = [newest(&rig, first).unwrap(), newest(&rig, second).unwrap()];
        assert_eq!(step(&rig.estate).await.unwrap(), 1);
        let now = newest(&rig, first).unwrap();
        assert_eq!(
            (now.0, newest(&rig, second).unwrap()),
            (before[0].0 + 1, before[1].clone()),
            "the first ring alone"
        );
        rig.clock.advance(Duration::from_secs(61));
        step(&rig.estate).await.unwrap();
        assert_eq!(newest(&rig, second).unwrap(), before[1], "it does not run yet");
        runs(&rig, first, &now.1).await;
        step(&rig.estate).await.unwrap();
        step(&rig.estate).await.unwrap();
        let later = newest(&rig, second).unwrap();
        assert_eq!(later.0, before[1].0 + 1, "the first ring was well");

        // The second gateway never takes it: both go back.
        rig.clock.advance(Duration::from_secs(16 * 60));
        runs(&rig, first, &now.1).await;
        step(&rig.estate).await.unwrap();
        let ended = noor.get(&path).await.json();
        assert_eq!(
            (ended["state"].as_str(), ended["why"].as_str()),
            (Some("reverted"), Some("Second does not run it"))
        );
        assert_eq!(newest(&rig, first).unwrap().2, before[0].2, "{}", rig.test.engine);
        assert_eq!(newest(&rig, second).unwrap().2, before[1].2);
        assert_eq!(step(&rig.estate).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_console_a_rollout_is_proposed_looked_at_halted_and_taken_back() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let edge = rig.edge();
        let zone = rig.estate.registry().edges[&edge].zone;
        noor.post("/releases", &[("edge", &edge.to_string())]).await;
        let before = newest(&rig, edge).unwrap();
        assert!(noor.get("/rollouts/new").await.text.contains("Nothing waits"));
        noor.call(Method::PATCH, &format!("/api/v1/zones/{zone}"), &json!({"name": "Harbour House II"}))
            .await;
        let (ring, watch) = (format!("ring.{edge}"), ("watch", "1min"));
        let offer = noor.get("/rollouts/new").await;
        assert!(offer.text.contains(&ring) && offer.text.contains("Harbour House II"), "{}", offer.text);
        let nowhere = noor.post("/rollouts/new", &[("title", "New name"), watch, (&ring, "")]).await;
        assert!(
            nowhere.status == 422 && nowhere.text.contains("choose a ring for at least one"),
            "{}",
            nowhere.text
        );
        assert!(nowhere.text.contains("value=\"New name\""), "what was typed is kept");
        let made = noor.post("/rollouts/new", &[("title", "New name"), watch, (&ring, "1")]).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let path = made.location().to_owned();
        let shown = noor.get(&path).await;
        for words in
            ["Waits for approval", "Nothing was sent yet.", "Ring 1", "Its turn comes", "Approve and begin"]
        {
            assert!(shown.text.contains(words), "{words}: {}", shown.text);
        }
        let mut mika = browser(&rig, &app, "mika", Some(Level::View)).await;
        assert_ne!(mika.post(&format!("{path}/approve"), &[]).await.status, 303);

        assert_eq!(noor.post(&format!("{path}/approve"), &[]).await.location(), path);
        step(&rig.estate).await.unwrap();
        let released = newest(&rig, edge).unwrap();
        assert_eq!(released.0, before.0 + 1, "{}", rig.test.engine);
        assert!(noor.get(&path).await.text.contains("Released, not running it yet"));
        assert_eq!(noor.post(&format!("{path}/pause"), &[]).await.status, 303);
        // Halted, it neither goes on nor back, however long the gateway does not answer.
        rig.clock.advance(Duration::from_secs(3600));
        assert_eq!(step(&rig.estate).await.unwrap(), 0);
        assert!(noor.get(&path).await.text.contains("Halted"));
        assert_eq!(noor.post(&format!("{path}/pause"), &[]).await.status, 422, "it is halted already");
        assert_eq!(noor.post(&format!("{path}/resume"), &[]).await.status, 303);
        runs(&rig, edge, &released.1).await;
        step(&rig.estate).await.unwrap();
        assert!(noor.get(&path).await.text.contains("Runs it, as well as before"));
        assert!(noor.get("/rollouts").await.text.contains("ring 1 of 1, 1 gateway"));
        rig.clock.advance(Duration::from_secs(61));
        runs(&rig, edge, &released.1).await;
        step(&rig.estate).await.unwrap();
        let done = noor.get(&path).await;
        assert!(done.text.contains("Everywhere."), "{}", done.text);
        assert_eq!(noor.post(&format!("{path}/revert"), &[]).await.status, 303);
        assert_eq!(newest(&rig, edge).unwrap().2, before.2, "it has what it had before");
        assert!(
            noor.get("/releases").await.text.contains("1 gateway"),
            "the change waits to be deployed again"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_would_change_is_right_after_each_change_and_each_release() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let (edge, device) = (rig.edge(), rig.device("Meter_1"));
        let (plan, releases) =
            (format!("/api/v1/edges/{edge}/plan"), format!("/api/v1/edges/{edge}/releases"));
        post(&mut noor, &releases, json!({})).await;
        for name in ["First name", "Second name"] {
            assert_eq!(noor.get(&plan).await.json()["diff"]["changed"], json!([]), "{}", rig.test.engine);
            let renamed = json!({ "name": name });
            let path = format!("/api/v1/devices/{device}");
            assert!(noor.call(Method::PATCH, &path, &renamed).await.status.is_success());
            for _ in 0..2 {
                let seen = noor.get(&plan).await.json()["diff"]["changed"].to_string();
                assert!(seen.contains("device Meter_1"), "{}: {seen}", rig.test.engine);
            }
            post(&mut noor, &releases, json!({})).await;
        }
        let registry = rig.estate.registry();
        let zone = registry.zones.values().find(|zone| zone.key == "harbour").unwrap().id;
        let system = registry.devices[&device].device.system.to_string();
        let shown = [
            ("element", "room-plant"),
            ("system", system.as_str()),
            ("device", "Meter_1"),
            ("shows", "alarm"),
        ];
        assert_eq!(noor.get(&plan).await.json()["diff"]["changed"], json!([]));
        let bound = noor.post(&format!("/zones/{zone}/map/bind"), &shown).await;
        assert!(bound.status.is_redirection(), "{}", bound.text);
        let seen = noor.get(&plan).await.json()["diff"]["changed"].to_string();
        assert!(seen.contains("floor map"), "{}: {seen}", rig.test.engine);
    }
}
