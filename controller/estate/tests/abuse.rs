//! Bad intent at every form of the console: other sites, the owner of another organisation who guesses ids, junk in every field.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_identity::IdentityError;
use bo_identity::workspace::NewWorkspace;
use bo_model::Level;
use bo_web::testing::abuse::{forged, junk, reach, strangers};
use common::people::{app, browser};
use common::rigs;

#[tokio::test(flavor = "multi_thread")]
async fn every_form_withstands_other_sites_guessed_ids_and_junk() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let (tried, holes) = forged(&app, &noor).await;
        assert!(holes.is_empty() && tried > 60, "{tried} forged: {holes:#?}");
        let from = [
            "/",
            "/zones",
            "/systems",
            "/devices",
            "/triggers",
            "/edges",
            "/drivers",
            "/alarms",
            "/metadata",
        ];
        let reached = reach(&mut noor, &from).await;

        let mut mallory = browser(&rig, &app, "mallory", None).await;
        let id = rig
            .db
            .read(|tx| bo_identity::account::by_email(tx, "mallory@example.org"))
            .unwrap()
            .unwrap()
            .0
            .id;
        let new = NewWorkspace::ids(&rig.estate.ids);
        let made: Result<(), IdentityError> =
            rig.db.write(move |tx| bo_identity::organisation::create(tx, new, "Elsewhere", id)).await;
        made.unwrap();
        let elsewhere = new.id.to_string();
        assert_eq!(mallory.post("/account/workspace", &[("workspace", &elsewhere)]).await.status, 303);
        mallory.get("/workspace").await;
        let (tried, holes) = strangers(&reached, &mut mallory).await;
        assert!(holes.is_empty() && tried > 15, "{tried} guessed: {holes:#?}");

        let (tried, holes) = junk(&reached, &mut noor).await;
        assert!(holes.is_empty() && tried > 15, "{tried} forms: {holes:#?}");
    }
}
