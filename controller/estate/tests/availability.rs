//! How much of a time gateways and devices could be reached; gateways that are not set up yet; alarms by place and by person.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_estate::alarms::{Raise, actions};
use bo_estate::registry;
use bo_model::{DeviceId, Level, Time};
use common::people::{app, browser};
use common::{Rig, START, rigs};
use serde_json::json;
use std::time::Duration;

/// The gateway was let in an hour before the start.
async fn let_in(rig: &Rig) {
    let (edge, at) = (rig.edge(), Time(START.0 - 3_600_000_000));
    let done = rig.db.write(move |tx| {
        tx.unaudited("a test arranges its world");
        tx.execute(
            "UPDATE edge SET state = 'enrolled', enrolled_at = ?2 WHERE id = ?1",
            bo_db::params![edge, at],
        )?;
        registry::touch(tx)
    });
    done.await.unwrap();
    rig.estate.refresh().unwrap();
}

/// A condition that held for a while; it holds still when it has no end.
async fn held(rig: &Rig, key: String, device: Option<DeviceId>, from: i64, to: Option<i64>) {
    let at = |seconds: i64| Time(START.0 + seconds * 1_000_000);
    let system = device.map(|id| rig.estate.registry().devices[&id].device.system);
    let raise = Raise {
        workspace: rig.workspace,
        key: key.clone(),
        edge: Some(rig.edge()),
        system,
        device,
        severity: "warning".into(),
        text: format!("{key} is away"),
        at: at(from),
    };
    let (ids, workspace) = (rig.estate.ids.clone(), rig.workspace);
    let done = rig.db.write(move |tx| {
        tx.unaudited("a test arranges its world");
        actions::raise(tx, &ids, &raise)?;
        match to {
            Some(to) => actions::clear(tx, workspace, &raise.key, at(to)).map(drop),
            None => Ok(()),
        }
    });
    done.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_was_never_set_up_is_not_away_and_one_that_was_has_its_availability() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let fleet = noor.get("/api/v1/fleet").await.json();
        assert_eq!((&fleet["edges"], &fleet["edges_not_set_up"]), (&json!(1), &json!(1)), "{fleet}");
        assert_eq!(fleet["devices"], json!({"not-set-up": 2}), "{}", rig.test.engine);
        let overview = noor.get("/").await;
        assert!(
            !overview.text.contains("gateways away") && overview.text.contains("1 not set up yet"),
            "{}",
            overview.text
        );
        let edge = rig.edge();
        assert!(!noor.get(&format!("/edges/{edge}")).await.text.contains("Could be reached"));

        let_in(&rig).await;
        let (meter, other) = (rig.device("Meter_1"), rig.device("Meter_2"));
        held(&rig, format!("edge:{edge}:offline"), None, 600, Some(900)).await;
        held(&rig, format!("device:{meter}:offline"), Some(meter), 800, Some(1200)).await;
        held(&rig, format!("device:{other}:offline"), Some(other), 1500, None).await;
        rig.clock.advance(Duration::from_secs(1800));
        let of = async |client: &mut bo_web::testing::Client, path: String| client.get(&path).await.json();
        let known = of(&mut noor, format!("/api/v1/edges/{edge}/availability?days=1")).await;
        assert_eq!(known["from"].as_i64().unwrap(), START.0 - 3_600_000_000, "not before it was let in");
        // 300 seconds of all since then; the clock may have gone further for the engine before.
        let seconds = |known: &serde_json::Value| {
            (known["to"].as_i64().unwrap() - known["from"].as_i64().unwrap()) as f64 / 1e6
        };
        assert!((known["share"].as_f64().unwrap() - (1.0 - 300.0 / seconds(&known))).abs() < 1e-9, "{known}");
        let device = of(&mut noor, format!("/api/v1/devices/{meter}/availability?days=1")).await;
        // While the gateway was away nobody could tell: 300 of the seconds that are known.
        let share = 1.0 - 300.0 / (seconds(&device) - 300.0);
        assert!((device["share"].as_f64().unwrap() - share).abs() < 1e-9, "{device}");
        let still = of(&mut noor, format!("/api/v1/devices/{other}/availability")).await;
        assert_eq!(still["away"][0][1], still["to"], "it is away still");
        let page = noor.get(&format!("/edges/{edge}")).await;
        assert!(page.text.contains("Could be reached") && page.text.contains("away 1 time"), "{}", page.text);
        assert!(noor.get(&format!("/devices/{meter}?tab=about")).await.text.contains("its gateway was away"));
        assert_eq!(noor.get(&format!("/api/v1/edges/{edge}/availability?days=0")).await.status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_listed_by_place_and_given_to_somebody_who_may_see_them() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let _mika = browser(&rig, &app, "mika", Some(Level::Edit)).await;
        let _stranger = browser(&rig, &app, "stranger", None).await;
        let meter = rig.device("Meter_1");
        held(&rig, format!("device:{meter}:offline"), Some(meter), 0, None).await;
        held(&rig, "edge:offline".into(), None, 1, None).await;
        let registry = rig.estate.registry();
        let zone = |key: &str| registry.zones.values().find(|zone| zone.key == key).unwrap().id;
        let made = noor
            .call(
                Method::POST,
                "/api/v1/zones",
                &json!({"parent": zone("root"), "kind": "building", "name": "Hill"}),
            )
            .await;
        let hill = made.json()["id"].as_str().unwrap().to_owned();
        let count = async |client: &mut bo_web::testing::Client, zone: String| {
            client.get(&format!("/api/v1/alarms?zone={zone}")).await.json()["items"].as_array().unwrap().len()
        };
        assert_eq!(count(&mut noor, zone("root").to_string()).await, 2, "{}", rig.test.engine);
        assert_eq!(count(&mut noor, zone("harbour").to_string()).await, 2);
        assert_eq!(count(&mut noor, hill).await, 0);

        let list = noor.get("/api/v1/alarms").await.json();
        let path = format!("/alarms/{}", list["items"][0]["id"].as_str().unwrap());
        let page = noor.get(&path).await;
        assert!(
            page.text.contains(">mika</option>") && !page.text.contains(">stranger</option>"),
            "{}",
            page.text
        );
        let mika = page.text.split(">mika</option>").next().unwrap().rsplit("value=\"").next().unwrap();
        let mika = mika.split('"').next().unwrap().to_owned();
        assert_eq!(noor.post(&format!("{path}/assign"), &[("to", &mika)]).await.status, 303);
        assert!(noor.get(&path).await.text.contains("Nobody sees to it"));
        assert!(noor.get("/alarms").await.text.contains("mika sees to it"));
    }
}
