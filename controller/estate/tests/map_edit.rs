//! Floor maps bound in the console: choose a shape, say what it shows, see it, go back; by whoever owns every zone that shows it.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_model::{Kind, Level, Object};
use bo_uplink::Handler as _;
use common::people::{app, browser};
use common::{power, rigs};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_shape_is_bound_to_a_value_seen_live_and_taken_back() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let registry = rig.estate.registry();
        let zone = registry.zones.values().find(|zone| zone.key == "harbour").unwrap().id;
        let system = registry.devices[&rig.device("Meter_1")].device.system;
        let path = format!("/zones/{zone}/map");
        let page = noor.get(&path).await;
        assert!(page.text.contains(&format!("href=\"{path}?element=room-plant#edit\"")), "{}", page.text);
        assert!(page.text.contains("room-plant: stands for nothing yet"), "{}", page.text);
        let chosen = noor.get(&format!("{path}?element=room-plant&system={system}&device=Meter_1")).await;
        assert!(
            chosen.text.contains("value=\"value:power\"")
                && chosen.text.contains("Whether an alarm is active"),
            "{}",
            chosen.text
        );

        let wrong = [
            ("element", "room-plant"),
            ("system", &system.to_string()),
            ("device", "Pump_9"),
            ("shows", "alarm"),
        ];
        let refused = noor.post(&format!("{path}/bind"), &wrong).await;
        assert!(refused.status == 422, "{}", refused.text);
        let form = [
            ("element", "room-plant"),
            ("system", &system.to_string()),
            ("device", "Meter_1"),
            ("shows", "value:power"),
        ];
        let saved = noor.post(&format!("{path}/bind"), &form).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        rig.ingest.records(rig.edge(), power(rig.device("Meter_1"), 1..=1, |_| 1250.0)).await.unwrap();
        let live = noor.get(&format!("/zones/{zone}")).await;
        assert!(live.text.contains("aria-label=\"Main meter in Plant room\""), "{}", live.text);
        assert!(live.text.contains(&format!("/devices/{}/peek", rig.device("Meter_1"))), "{}", live.text);

        let api = noor.get(&format!("/api/v1/zones/{zone}/map/shapes")).await.json();
        let revisions: Vec<&str> =
            api["revisions"].as_array().unwrap().iter().map(|each| each["about"].as_str().unwrap()).collect();
        assert_eq!(
            revisions,
            ["room-plant stands for Plant room", "as the files had it"],
            "{}",
            rig.test.engine
        );
        let same = json!({"system": system, "device": "Meter_1", "shows": {"value": "power"}});
        let element = format!("/api/v1/zones/{zone}/map/elements/room-plant");
        assert_eq!(noor.call(Method::PUT, &element, &same).await.status, 204);
        let api = noor.get(&format!("/api/v1/zones/{zone}/map/shapes")).await.json();
        assert_eq!(api["revisions"].as_array().unwrap().len(), 2, "saying the same again is no revision");

        assert_eq!(noor.post(&format!("{path}/revert"), &[("revision", "1")]).await.status, 303);
        assert!(!noor.get(&format!("/zones/{zone}")).await.text.contains("Main meter in Plant room"));
        assert_eq!(noor.post(&format!("{path}/revert"), &[("revision", "2")]).await.status, 303);
        assert_eq!(noor.call(Method::DELETE, &element, &json!({})).await.status, 204);
        assert_eq!(noor.call(Method::DELETE, &element, &json!({})).await.status, 404);
        assert!(noor.get("/audit?verb=map").await.text.contains("Changed what a floor map shows"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_owns_one_zone_of_a_shared_map_alone_does_not_change_the_others() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let registry = rig.estate.registry();
        let (harbour, root) = {
            let of = |key: &str| registry.zones.values().find(|zone| zone.key == key).unwrap().id;
            (of("harbour"), of("root"))
        };
        let system = registry.devices[&rig.device("Meter_1")].device.system;
        let mut mika = browser(&rig, &app, "mika", None).await;
        let account =
            rig.db.read(|tx| bo_identity::account::by_email(tx, "mika@example.org")).unwrap().unwrap().0.id;
        rig.db
            .write(move |tx| {
                tx.unaudited("a test arranges its world");
                let (who, zone) = (Object::new(Kind::ACCOUNT, account), Object::new(Kind::ZONE, harbour));
                bo_identity::relation::grant(
                    tx,
                    &who,
                    &zone,
                    Level::Own,
                    bo_identity::relation::Validity::ALWAYS,
                    "a test",
                )
            })
            .await
            .unwrap();
        let form =
            [("element", "room-plant"), ("system", &system.to_string()), ("device", ""), ("shows", "alarm")];
        let bind = format!("/zones/{harbour}/map/bind");
        assert_eq!(mika.post(&bind, &form).await.status, 303, "{}", rig.test.engine);
        noor.call(Method::PATCH, &format!("/api/v1/zones/{root}"), &json!({"map": "harbour"})).await;
        let refused = mika.post(&bind, &[&form[..3], &[("shows", "style:alarms")]].concat()).await;
        assert!(refused.status == 404 || refused.status == 403, "{}", refused.status);
        assert_eq!(
            noor.post(&format!("/zones/{harbour}/map/unbind"), &[("element", "room-plant")]).await.status,
            303
        );
    }
}
