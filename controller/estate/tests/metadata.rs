//! Details of places, systems and devices: described once, written where they belong, held against their description.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::http::Method;
use bo_model::Level;
use common::people::{app, browser};
use common::rigs;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn details_are_described_once_and_written_with_a_form_where_they_belong() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        assert!(noor.get("/metadata").await.text.contains("No details yet"));
        let serial =
            [("title", "Serial number"), ("type", "text"), ("kinds", "device"), ("required", "true")];
        let made = noor.post("/metadata/new", &serial).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let again = noor.post("/metadata/new", &serial).await;
        assert!(again.status == 422 && again.text.contains("is taken"), "{}", again.text);
        let built = [
            ("title", "Built"),
            ("type", "integer"),
            ("kinds", "building"),
            ("kinds", "system"),
            ("rank", "2"),
        ];
        assert_eq!(noor.post("/metadata/new", &built).await.status, 303);
        let none = noor.post("/metadata/new", &[("title", "Nobody's"), ("type", "text")]).await;
        assert!(none.status == 422 && none.text.contains("must say what it is for"), "{}", none.text);

        let device = rig.device("Meter_1");
        let path = format!("/devices/{device}");
        let about = noor.get(&format!("{path}?tab=about")).await;
        assert!(
            about.text.contains("Serial number") && !about.text.contains("name=\"meta.built\""),
            "{}",
            about.text
        );
        let missing = noor.post(&format!("{path}/metadata"), &[("meta.serial_number", "")]).await;
        assert!(
            missing.status == 422 && missing.text.contains("Serial number is required."),
            "{}",
            missing.text
        );
        assert!(
            missing.text.contains("value=\"Main meter\""),
            "the other form of the page still shows its own"
        );
        let saved = noor.post(&format!("{path}/metadata"), &[("meta.serial_number", "A-1007")]).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        assert!(noor.get(saved.location()).await.text.contains("A-1007"));

        let zone = rig.estate.registry().zones.values().find(|zone| zone.key == "harbour").unwrap().id;
        let api = format!("/api/v1/zones/{zone}/metadata");
        let wrong = noor.call(Method::PATCH, &api, &json!({"built": "old"})).await;
        assert!(wrong.status == 422 && wrong.text.contains("must be a whole number"), "{}", wrong.text);
        let free = json!({"built": 1987, "contact": {"name": "Lin"}});
        assert_eq!(noor.call(Method::PATCH, &api, &free).await.status, 204);
        assert_eq!(noor.call(Method::PATCH, &api, &json!({"contact": null})).await.status, 204);
        let whole = noor
            .call(Method::PATCH, &format!("/api/v1/zones/{zone}"), &json!({"metadata": {"built": true}}))
            .await;
        assert_eq!(whole.status, 422, "the schema counts whoever writes: {}", whole.text);
        let held = rig.estate.registry().zones[&zone].metadata.clone();
        assert_eq!(serde_json::to_value(held).unwrap(), json!({"built": 1987}), "{}", rig.test.engine);

        let mut guest = browser(&rig, &app, "guest", Some(Level::View)).await;
        assert_eq!(guest.call(Method::PATCH, &api, &json!({"built": 1990})).await.status, 403);
        assert_ne!(guest.post("/metadata/new", &serial).await.status, 303);
        assert!(guest.get(&format!("{path}?tab=about")).await.text.contains("A-1007"));
        let audit = noor.get("/audit?verb=metadata-field").await;
        assert!(audit.text.contains("Said which details are kept"), "{}", audit.text);
        assert!(noor.get("/audit?q=A-1007").await.text.contains("Changed a device"));
        assert_eq!(noor.post("/metadata/serial_number/remove", &[]).await.status, 303);
        assert!(
            noor.get(&format!("{path}?tab=about")).await.text.contains("A-1007"),
            "what was written stays"
        );
    }
}
