//! Bad intent at every form of events; what they are called in explanations of access; and what is left of them when their
//! organisation is removed.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use bo_db::Part;
use bo_events::{EVENT, MODULE};
use bo_identity::testing::{World, withstands_abuse, worlds_of};
use bo_model::{Level, Object};
use bo_web::testing::Client;
use common::{area, collaborator, event, item, slots, task};
use serde_json::json;

const PARTS: [Part; 2] = [MODULE.part, bo_content::PART];

async fn all() -> Vec<World> {
    let worlds = worlds_of(&bo_content::MIGRATIONS, &[MODULE], &PARTS).await;
    for world in &worlds {
        slots(world, world.workspace, 2).await;
    }
    worlds
}

/// An event with something of everything.
async fn something(browser: &mut Client) -> String {
    let fair = event(browser, "Spring fair").await;
    let hall = area(browser, &fair, "Hall", "Harbour Hall").await;
    let kim = collaborator(browser, &fair, "Kim", "kim@example.org").await;
    task(browser, &fair, json!({"title": "Rig the stage", "area": hall})).await;
    let people = json!({"people": [kim], "area": hall});
    item(browser, &fair, "Doors", ("2027-05-14T18:00", "2027-05-14T19:00"), people).await;
    let file = "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"plan.txt\"\r\n\r\nStairs A.\r\n--cut--\r\n";
    let sent = browser
        .send(
            axum::http::Method::POST,
            &format!("/events/{fair}/files"),
            Some("multipart/form-data; boundary=cut"),
            file.as_bytes().to_vec(),
        )
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    fair
}

#[tokio::test]
async fn every_form_withstands_other_sites_guessed_ids_and_junk() {
    for world in all().await {
        let fair = something(&mut world.browser("Noor").await).await;
        withstands_abuse(&world, &["/events", &format!("/events/{fair}")], (30, 10, 10)).await;
    }
}

#[tokio::test]
async fn an_organisation_that_is_removed_leaves_no_event_and_others_keep_theirs() {
    for world in all().await {
        let kept = something(&mut world.browser("Noor").await).await;
        let sam = world.person("Sam", &[]).await;
        let mut browser = world.browser("Sam").await;
        let northwind = world.organisation(sam, "Northwind", &mut browser).await;
        slots(&world, northwind.id, 1).await;
        something(&mut browser).await;
        let page = browser.get("/workspace/remove").await.text;
        assert!(page.contains("<strong>1</strong> events, with their files"), "{page}");
        world.remove_organisation(&mut browser, "Northwind", northwind.id).await;
        let mut noor = world.browser("Noor").await;
        assert!(noor.get(&format!("/events/{kept}")).await.text.contains("Spring fair"));
        for (table, left) in
            [("event_task", 1), ("event_item", 1), ("event_item_person", 1), ("content_attachment", 1)]
        {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let count: i64 = world.db().read(|tx| tx.query_one(&sql, &[], |row| row.get(0))).unwrap();
            assert_eq!(count, left, "{table} on {}", world.engine());
        }
    }
}

#[tokio::test]
async fn explanations_of_access_call_events_by_their_names() {
    for world in all().await {
        let mut noor = world.browser("Noor").await;
        let fair = event(&mut noor, "Spring fair").await;
        let ada = world.person("Ada", &[]).await;
        world.grant(ada, Object::new(EVENT, &fair), Level::View).await;
        let review = noor.get(&format!("/access/review?subject=account:{ada}")).await.text;
        assert!(review.contains("the event Spring fair"), "{review}");
        let why = noor.get(&format!("/access?subject=account:{ada}&object=event:{fair}")).await.text;
        assert!(why.contains("on the event Spring fair"), "{}: {why}", world.engine());
    }
}
