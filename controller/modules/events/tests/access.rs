//! Who has what of an event: licences, free collaborators, other workspaces, on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

mod common;

use bo_events::EVENT;
use bo_identity::licence::{self, Licence};
use bo_identity::testing::World;
use bo_model::{Level, Object};
use bo_web::testing::Client;
use common::{
    account_of, all, area, collaborator, column, event, give, item, organisation, read, switch, task,
};
use serde_json::{Value as Json, json};

async fn attach(client: &mut Client, at: &str, name: &str) -> u16 {
    let body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{name}\r\n--x--\r\n"
    );
    let post = axum::http::Method::POST;
    client
        .send(post, &format!("{at}/files"), Some("multipart/form-data; boundary=x"), body.into_bytes())
        .await
        .status
        .into()
}

#[tokio::test]
async fn a_file_that_is_not_taken_is_said_where_it_was_chosen() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let id = event(&mut ines, "Gala").await;
        let stage = area(&mut ines, &id, "Stage", "").await;
        let (post, form) = (axum::http::Method::POST, Some("multipart/form-data; boundary=x"));
        let empty =
            b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"plan.pdf\"\r\n\r\n\r\n--x--\r\n";
        for (at, of) in [(format!("/events/{id}"), &id), (format!("/events/{id}/areas/{stage}"), &stage)] {
            let answer = ines.send(post.clone(), &format!("{at}/files"), form, empty.to_vec()).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
            let said: Vec<&str> = answer.text.split("Nothing was attached: “plan.pdf” is empty.").collect();
            assert_eq!(said.len(), 2, "once: {}", answer.text);
            assert!(said[0].ends_with(&format!("id=\"f-file-{of}-about\" role=\"alert\">")), "{}", said[0]);
        }
    }
}

#[tokio::test]
async fn in_an_organisation_an_event_takes_a_seat_or_a_slot() {
    for world in all().await {
        let (mut ines, mut omar) = (world.browser("Ines").await, world.browser("Omar").await);
        let id = event(&mut ines, "Gala").await;
        let stage = area(&mut ines, &id, "Stage", "").await;
        let path = format!("/events/{id}");
        assert_eq!(omar.get(&path).await.status, 404, "a member without seat and slot");
        assert_eq!(omar.get(&format!("{path}/areas/{stage}/files/{stage}")).await.status, 404);
        assert!(!omar.get("/events").await.text.contains("Gala"));

        // A slot, given with the access.
        let omars = collaborator(&mut ines, &id, "Omar", "omar@example.org").await;
        assert_eq!(give(&mut ines, &id, &omars, &[("access", "edit")]).await.status, 303);
        assert_eq!(omar.get(&path).await.status, 200);
        let people = ines.get(&format!("{path}/people")).await;
        assert!(people.text.contains("2 of 2 slots"), "{}", people.text);
        // Both are taken, so nobody else gets one, and it is said why.
        let freds = collaborator(&mut ines, &id, "Fred", "fred@example.org").await;
        let refused = give(&mut ines, &id, &freds, &[("access", "view")]).await;
        assert!(refused.text.contains("All slots of this event are taken"), "{}", refused.text);
        let mut fred = world.browser("Fred").await;
        assert_eq!(fred.get(&path).await.status, 404, "nothing of a refused change stays");
        // Taking it away gives the slot back.
        assert_eq!(give(&mut ines, &id, &omars, &[("access", "none")]).await.status, 303);
        assert_eq!(omar.get(&path).await.status, 404);
        assert_eq!(give(&mut ines, &id, &freds, &[("access", "view")]).await.status, 303);
        assert_eq!(fred.get(&path).await.status, 200);
        assert_eq!(fred.post(&format!("{path}/stage"), &[("stage", "cancelled")]).await.status, 403);

        // A seat opens every event the organisation shares.
        let (workspace, account) = (world.workspace, account_of(&world, "Omar"));
        world
            .change(move |tx| {
                licence::set_quantity(tx, workspace, Licence::OrgPro, 1)?;
                licence::give_seat(tx, workspace, Licence::OrgPro, account)
            })
            .await;
        assert_eq!(omar.get(&path).await.status, 200);
        assert_eq!(omar.get(&format!("{path}/settings")).await.status, 200, "the team plans events");
        // … but not one that was closed.
        ines.post(&format!("{path}/restrict"), &[("restricted", "true")]).await;
        assert_eq!(omar.get(&path).await.status, 404);
    }
}

/// A gala with a stage and a bar, and Fred who has the stage.
async fn with_slice(world: &World, ines: &mut Client) -> (String, String, String, String) {
    let id = event(ines, "Gala").await;
    let (stage, bar) = (area(ines, &id, "Stage", "").await, area(ines, &id, "Bar", "").await);
    let fred = collaborator(ines, &id, "Fred", "fred@example.org").await;
    collaborator(ines, &id, "Secret Star", "star@example.org").await;
    let given = give(ines, &id, &fred, &[("access", "slice"), ("area", &format!("{stage}:edit"))]).await;
    assert_eq!(given.status, 303, "{}: {}", world.engine(), given.text);
    (id, stage, bar, fred)
}

#[tokio::test]
async fn a_free_collaborator_has_their_slice_and_nothing_else_anywhere() {
    for world in all().await {
        let (mut ines, mut fred) = (world.browser("Ines").await, world.browser("Fred").await);
        let (id, stage, bar, freds) = with_slice(&world, &mut ines).await;
        task(&mut ines, &id, json!({"title": "Rig", "area": stage})).await;
        let drinks = task(&mut ines, &id, json!({"title": "Drinks", "area": bar})).await;
        task(&mut ines, &id, json!({"title": "Budget", "due_on": "2027-01-01"})).await;
        let van = task(&mut ines, &id, json!({"title": "Drive the van", "assignee": freds})).await;
        let ten = ("2027-05-14T10:00", "2027-05-14T12:00");
        item(&mut ines, &id, "Soundcheck", ten, json!({"area": stage})).await;
        item(&mut ines, &id, "Tasting", ten, json!({"area": bar})).await;
        let hidden = item(&mut ines, &id, "Secret visit", ten, json!({"area": bar, "people": [freds]})).await;
        let path = format!("/events/{id}");

        let seen = read(&mut fred, &id).await;
        assert_eq!(column(&seen["tasks"], "title"), ["Drive the van", "Rig"], "{}", world.engine());
        assert_eq!(column(&seen["areas"], "name"), ["Stage", "Bar"], "there is another area, by name");
        assert_eq!(column(&seen["people"], "name"), ["Fred"]);
        assert_eq!(
            column(&seen["schedule"], "title"),
            ["Secret visit", "Soundcheck"],
            "what needs them is theirs"
        );
        assert_eq!(seen["level"], "see");

        // In no list, roll-up, count or conflict.
        let all = fred.get("/api/v1/events/tasks").await.json();
        assert_eq!(column(&all["items"], "title"), ["Drive the van", "Rig"]);
        assert_eq!(all["states"][0]["count"], 2, "{all}");
        assert_eq!(fred.get("/api/v1/events/tasks?q=Budget").await.json()["items"], json!([]));
        let row = fred.get("/api/v1/events/overview").await.json()["items"][0].clone();
        assert_eq!((&row["states"], &row["overdue"]), (&json!([2, 0, 0, 0, 0]), &json!(0)), "{row}");
        let range = "/api/v1/events/schedule?from=2027-05-01&to=2027-05-31";
        assert_eq!(ines.get(range).await.json()["conflicts"].as_array().unwrap().len(), 1, "the bar twice");
        let combined = fred.get(range).await.json();
        assert_eq!(combined["conflicts"], json!([]), "a conflict with what one does not see is none");
        for page in ["", "/tasks", "/schedule", "/areas", "/people", "/files"] {
            let shown = fred.get(&format!("{path}{page}")).await;
            assert_eq!(shown.status, 200, "{page}");
            for secret in ["Budget", "Drinks", "Tasting", "Secret Star"] {
                assert!(!shown.text.contains(secret), "{page} says {secret}: {}", shown.text);
            }
        }

        // They work in it …
        let rig = task(&mut fred, &id, json!({"title": "Cables", "area": stage})).await;
        let done = json!({"about": "done tonight"});
        let patch = axum::http::Method::PATCH;
        for (task, status) in [(&rig, 204), (&van, 204), (&drinks, 404)] {
            let answer = fred.call(patch.clone(), &format!("/api/v1{path}/tasks/{task}"), &done).await;
            assert_eq!(answer.status, status, "{}", answer.text);
        }
        // … and nowhere else: not the event, not the bar, not somebody else.
        for fields in [json!({"title": "x"}), json!({"title": "x", "area": bar})] {
            let answer = fred.call(axum::http::Method::POST, &format!("/api/v1{path}/tasks"), &fields).await;
            assert_eq!(answer.status, 404, "{fields}: {}", answer.text);
        }
        let moved =
            fred.call(patch.clone(), &format!("/api/v1{path}/tasks/{rig}"), &json!({"area": bar})).await;
        assert_eq!(moved.status, 404, "{}", moved.text);
        assert_eq!(fred.get(&format!("{path}/tasks/{drinks}")).await.status, 404);
        assert_eq!(fred.get(&format!("{path}/schedule/{hidden}")).await.status, 200);
        assert_eq!(fred.post(&format!("{path}/stage"), &[("stage", "cancelled")]).await.status, 403);
        assert_eq!(fred.get(&format!("{path}/settings")).await.status, 403);

        // Files alike.
        assert_eq!(attach(&mut ines, &path, "budget.txt").await, 303);
        assert_eq!(attach(&mut ines, &format!("{path}/areas/{bar}"), "prices.txt").await, 303);
        assert_eq!(attach(&mut fred, &format!("{path}/areas/{stage}"), "plan.txt").await, 303);
        assert_eq!(attach(&mut fred, &format!("{path}/areas/{bar}"), "x.txt").await, 404);
        assert_eq!(attach(&mut fred, &path, "x.txt").await, 403);
        let files = fred.get(&format!("{path}/files")).await.text;
        assert!(
            files.contains("plan.txt") && !files.contains("budget.txt") && !files.contains("prices.txt"),
            "{files}"
        );
        // No slot was taken for it.
        assert!(ines.get(&format!("{path}/people")).await.text.contains("1 of 2 slots"));
        // It ends when it is taken back.
        give(&mut ines, &id, &freds, &[("access", "none")]).await;
        assert_eq!(fred.get(&path).await.status, 404);
        assert!(!fred.get("/events").await.text.contains("Gala"));
    }
}

#[tokio::test]
async fn nobody_gives_themselves_more_and_a_slice_gives_nothing_on() {
    for world in all().await {
        let (mut ines, mut fred) = (world.browser("Ines").await, world.browser("Fred").await);
        let (id, stage, _, freds) = with_slice(&world, &mut ines).await;
        let wanted = [("access", "own")];
        assert_eq!(give(&mut fred, &id, &freds, &wanted).await.status, 403);
        // Somebody who plans the event may not decide who else does.
        let omar = collaborator(&mut ines, &id, "Omar", "omar@example.org").await;
        assert_eq!(give(&mut ines, &id, &omar, &[("access", "edit")]).await.status, 303);
        let mut omar_browser = world.browser("Omar").await;
        assert_eq!(give(&mut omar_browser, &id, &omar, &wanted).await.status, 403);
        assert_eq!(give(&mut omar_browser, &id, &freds, &wanted).await.status, 403);
        let tricky =
            give(&mut ines, &id, &freds, &[("access", "slice"), ("area", &format!("{stage}:own"))]).await;
        assert_eq!(tricky.status, 422, "a slice is read or worked on, never owned");
        let stranger = collaborator(&mut ines, &id, "Zoe", "zoe@elsewhere.example").await;
        let refused = give(&mut ines, &id, &stranger, &[("access", "view")]).await;
        assert!(refused.text.contains("is no member of this organisation yet"), "{}", refused.text);
        let event = Object::new(EVENT, &id);
        assert_eq!(world.level(account_of(&world, "Fred"), &event), Level::See, "as before");
    }
}

#[tokio::test]
async fn what_is_of_one_workspace_is_never_seen_from_another() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let here = event(&mut ines, "Gala").await;
        let other = organisation(&world, "Borealis", &[(account_of(&world, "Ines"), Level::Own)]).await;
        common::slots(&world, other, 1).await;
        switch(&mut ines, other).await;
        assert_eq!(ines.get(&format!("/events/{here}")).await.status, 404, "an address from elsewhere");
        assert_eq!(ines.get(&format!("/api/v1/events/{here}")).await.status, 404);
        let empty = |answer: Json| answer["items"] == json!([]);
        assert!(empty(ines.get("/api/v1/events").await.json()));
        let there = event(&mut ines, "Polar night").await;
        let task_there = task(&mut ines, &there, json!({"title": "Lanterns"})).await;
        switch(&mut ines, world.workspace).await;
        assert!(empty(ines.get("/api/v1/events/tasks").await.json()), "{}", world.engine());
        let sent = ines.post("/events/tasks/state", &[("task", &task_there), ("to", "done")]).await;
        assert_eq!(sent.status, 303);
        switch(&mut ines, other).await;
        assert_eq!(
            read(&mut ines, &there).await["tasks"][0]["state"],
            "to-do",
            "ids guessed across workspaces do nothing"
        );
    }
}
