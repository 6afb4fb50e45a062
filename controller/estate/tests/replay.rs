//! A trigger over recorded history: bound ones and drafts, in the console and by the API, for those who may see the devices.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_model::Level;
use bo_uplink::Handler as _;
use common::people::{app, browser};
use common::{START, power, rigs};
use serde_json::json;
use std::time::Duration;

/// Ten minutes: 1 kW, then 6 kW in the minutes 2 to 5 and 7 to 8.
fn watts(second: u64) -> f64 {
    if (120..300).contains(&second) || (420..480).contains(&second) { 6000.0 } else { 1000.0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_replayed_over_what_was_recorded_and_says_when_and_why() {
    for rig in rigs() {
        rig.ingest.records(rig.edge(), power(rig.device("Meter_1"), 1..=600, watts)).await.unwrap();
        // Half of it is in chunks, half still waits.
        rig.estate.history.flush(&rig.db).await.unwrap();
        rig.clock.advance(Duration::from_secs(600));
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let trigger = rig.estate.registry().triggers.keys().next().unwrap().to_string();
        let offer = noor.get(&format!("/triggers/{trigger}/replay")).await;
        assert!(
            offer.text.contains("<bo-replay") && offer.text.contains("Nothing is switched"),
            "{}",
            offer.text
        );
        let done =
            noor.post("/triggers/replay", &[("trigger", &trigger), ("span", "86400"), ("until", "")]).await;
        assert_eq!(done.status, 200, "{}", done.text);
        for words in ["Became active", "Over", "Really: 0 times", "4 min", "600"] {
            assert!(done.text.contains(words), "{words}: {}", done.text);
        }
        let body = json!({"trigger": trigger, "span": "86400"});
        let told = noor.call(Method::POST, "/api/v1/triggers/replay", &body).await.json();
        assert_eq!((&told["activated"], &told["active_seconds"]), (&json!(2), &json!(240)), "{told}");
        let begins: Vec<i64> = told["active"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| (each[0].as_i64().unwrap() - START.0) / 1_000_000)
            .collect();
        assert_eq!(begins, [120, 420], "{}", rig.test.engine);
        assert!(
            told["happened"][0]["actions"].to_string().contains("The plant takes too much power"),
            "{told}"
        );

        // A draft that nobody has saved, with a hold: only the longer stretch counts.
        let system = rig.estate.registry().devices[&rig.device("Meter_1")].device.system.to_string();
        let text = "name = \"draft\"\ntitle = \"Draft\"\n[input.power]\nof = \"Meter_1.power\"\n[when]\ninput = \"power\"\nabove = 5000\nheld_for = \"2min\"\n";
        let draft = json!({"text": text, "system": system, "span": "86400"});
        let told = noor.call(Method::POST, "/api/v1/triggers/replay", &draft).await.json();
        assert_eq!((&told["activated"], &told["active_seconds"]), (&json!(1), &json!(60)), "{told}");
        // What ends before is not looked at.
        let early = json!({"trigger": trigger, "span": "86400", "until": "2026-09-21T01:00"});
        let told = noor.call(Method::POST, "/api/v1/triggers/replay", &early).await.json();
        assert_eq!(told["values"], json!(0), "{told}");

        let wrong = noor
            .post("/triggers/replay", &[("trigger", &trigger), ("span", "86400"), ("until", "soon")])
            .await;
        assert!(wrong.status == 422 && wrong.text.contains("must be a day and a time"), "{}", wrong.text);
        let long = json!({"trigger": trigger, "span": "31536000"});
        assert_eq!(noor.call(Method::POST, "/api/v1/triggers/replay", &long).await.status, 422);
        let mut stranger = browser(&rig, &app, "stranger", None).await;
        assert_eq!(stranger.call(Method::POST, "/api/v1/triggers/replay", &body).await.status, 404);
        assert_eq!(stranger.call(Method::POST, "/api/v1/triggers/replay", &draft).await.status, 404);
    }
}
