//! Planning an event, on both databases.
#![allow(clippy::unwrap_used, reason = "a missing answer fails the test")]

mod common;

use axum::http::Method;
use bo_identity::testing::nobody_gets_in;
use common::{all, area, collaborator, column, event, find, item, read, task};
use serde_json::json;

#[tokio::test]
async fn no_route_lets_anybody_in_without_permission() {
    nobody_gets_in(&all().await, "Rui").await;
}

#[tokio::test]
async fn an_event_is_made_planned_found_confirmed_removed_and_brought_back() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let empty = ines.get("/events").await;
        assert!(empty.text.contains("Plan the first event"), "{}", empty.text);
        let id = event(&mut ines, "Spring gala").await;
        let shown = ines.get(&format!("/events/{id}")).await;
        for text in ["Spring gala", "Fri 14 – Sun 16 May 2027", "Harbour Hall", "Europe/Berlin", "planned"]
        {
            assert!(shown.text.contains(text), "{text}: {}", shown.text);
        }
        event(&mut ines, "Autumn fair").await;
        let list = ines.get("/api/v1/events?sort=-name").await.json();
        let names: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["event"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["Spring gala", "Autumn fair"], "{}", world.engine());
        assert!(!ines.get("/events?q=gala").await.text.contains("Autumn fair"));
        assert!(ines.get("/events?format=csv").await.text.contains("Spring gala,Harbour Hall,2027-05-14"));

        ines.post(&format!("/events/{id}/stage"), &[("stage", "confirmed")]).await;
        assert_eq!(read(&mut ines, &id).await["event"]["stage"], "confirmed");
        ines.post(&format!("/events/{id}/remove"), &[]).await;
        assert_eq!(ines.get(&format!("/events/{id}")).await.status, 404);
        assert!(!ines.get("/events").await.text.contains("Spring gala"));
        assert!(ines.get("/events?when=removed").await.text.contains("Bring back"));
        ines.post(&format!("/events/{id}/recover"), &[]).await;
        assert_eq!(ines.get(&format!("/events/{id}")).await.status, 200);
        let verbs = world.verbs();
        for verb in ["event.create", "event.stage", "event.remove", "event.recover", "slot.give"] {
            assert!(verbs.iter().any(|known| known == verb), "{verb} in {verbs:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_form_says_why_beside_the_field_and_keeps_what_was_typed() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let fields = [
            ("name", "Gala <b>"),
            ("zone", "Mars/Olympus"),
            ("starts_on", "2027-05-14"),
            ("ends_on", "2027-05-01"),
        ];
        let form = ines.post("/events", &fields).await;
        assert_eq!(form.status, 422);
        for text in ["Gala &lt;b&gt;", "is no time zone", "must not be before the first day"] {
            assert!(form.text.contains(text), "{text}: {}", form.text);
        }
        let id = event(&mut ines, "Gala").await;
        let fields =
            [("title", "Load-in"), ("starts_at", "2027-05-14T09:00"), ("ends_at", "2027-05-14T08:00")];
        let form = ines.post(&format!("/events/{id}/schedule"), &fields).await;
        assert!(
            form.text.contains("must be after it begins") && form.text.contains("value=\"Load-in\""),
            "{}",
            form.text
        );
        let unknown =
            ines.call(Method::POST, &format!("/api/v1/events/{id}/tasks"), &json!({"titel": "x"})).await;
        assert_eq!(unknown.status, 422);
        assert!(unknown.text.contains("titel"), "{}", unknown.text);
        for (path, fields) in [
            ("tasks", json!({"title": "x", "area": world.ids.make::<bo_events::EventId>()})),
            (
                "schedule",
                json!({"title": "x", "starts_at": "2027-03-28T02:30", "ends_at": "2027-03-28T04:00"}),
            ),
        ] {
            let answer = ines.call(Method::POST, &format!("/api/v1/events/{id}/{path}"), &fields).await;
            assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn tasks_have_statuses_of_their_own_within_the_five_states() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let id = event(&mut ines, "Gala").await;
        let statuses = format!("/events/{id}/statuses");
        ines.post(&statuses, &[("state", "active"), ("name", "Waiting for a permit")]).await;
        let twice = ines.post(&statuses, &[("state", "done"), ("name", "waiting for a permit")]).await;
        assert!(
            twice.status == 422 && twice.text.contains("is a status of “Active” already"),
            "{}",
            twice.text
        );
        assert!(
            twice.text.contains("value=\"waiting for a permit\""),
            "what was typed is kept: {}",
            twice.text
        );
        let known = read(&mut ines, &id).await["statuses"].clone();
        assert_eq!(
            column(&known, "name"),
            ["To do", "Active", "Waiting for a permit", "In review", "Done", "Archived"]
        );
        let permit = find(&known, "name", "Waiting for a permit");
        let first =
            task(&mut ines, &id, json!({"title": "Fireworks", "status": permit, "due_on": "2027-01-01"}))
                .await;
        task(&mut ines, &id, json!({"title": "Catering", "waiting_for": "the number of guests"})).await;

        let all = ines.get("/api/v1/events/tasks").await.json();
        let active = &all["states"][1];
        assert_eq!((&active["state"], &active["count"]), (&json!("active"), &json!(1)), "{all}");
        assert_eq!(active["statuses"], json!([["Waiting for a permit", 1]]));
        assert_eq!(column(&all["items"], "title"), ["Fireworks", "Catering"], "what is due first");
        assert_eq!(all["items"][0]["overdue"], true, "the clock says it is 15 January 2027");
        assert_eq!(
            ines.get("/api/v1/events/tasks?need=blocked").await.json()["items"][0]["title"],
            "Catering"
        );

        // The last word of a state stays; the tasks of another get one of the same state.
        let active = find(&known, "name", "Active");
        assert_eq!(ines.post(&format!("{statuses}/{permit}/remove"), &[]).await.status, 303);
        assert_eq!(ines.post(&format!("{statuses}/{active}/remove"), &[]).await.status, 409);
        let after = read(&mut ines, &id).await;
        assert_eq!(
            (&after["tasks"][0]["id"], &after["tasks"][0]["status_name"]),
            (&json!(first), &json!("Active"))
        );
    }
}

#[tokio::test]
async fn a_task_is_changed_in_parts_and_several_at_once() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let id = event(&mut ines, "Gala").await;
        let ada = collaborator(&mut ines, &id, "Ada", "").await;
        let stage = area(&mut ines, &id, "Stage", "").await;
        let rig = task(
            &mut ines,
            &id,
            json!({"title": "Rig lights", "area": stage, "assignee": ada, "due_on": "2027-05-13"}),
        )
        .await;
        let sound = task(&mut ines, &id, json!({"title": "Sound check"})).await;
        let path = format!("/api/v1/events/{id}/tasks/{rig}");
        let answer =
            ines.call(Method::PATCH, &path, &json!({"waiting_for": "the crane", "assignee": null})).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        let after = read(&mut ines, &id).await["tasks"][0].clone();
        assert_eq!(
            (&after["title"], &after["area"], &after["assignee"], &after["waiting_for"], &after["due_on"]),
            (&json!("Rig lights"), &json!(stage), &json!(null), &json!("the crane"), &json!("2027-05-13"))
        );
        let answer =
            ines.post("/events/tasks/state", &[("task", &rig), ("task", &sound), ("to", "done")]).await;
        assert_eq!(answer.status, 303);
        let states = column(&read(&mut ines, &id).await["tasks"], "state");
        assert_eq!(states, ["done", "done"]);
        // An area that something is in stays.
        assert_eq!(ines.post(&format!("/events/{id}/areas/{stage}/remove"), &[]).await.status, 409);
        ines.post(&format!("/events/{id}/tasks/{rig}/remove"), &[]).await;
        assert_eq!(ines.post(&format!("/events/{id}/areas/{stage}/remove"), &[]).await.status, 303);
        assert!(world.verbs().iter().filter(|verb| *verb == "event-task.status").count() == 2);
    }
}

#[tokio::test]
async fn the_same_person_or_place_twice_at_a_time_is_a_conflict_across_events() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let (gala, fair) = (event(&mut ines, "Gala").await, event(&mut ines, "Fair").await);
        let stage = area(&mut ines, &gala, "Stage", "Hall 1").await;
        let stands = area(&mut ines, &fair, "Stands", "hall 1").await;
        let ada = collaborator(&mut ines, &gala, "Ada", "ada@example.org").await;
        let ada_too = collaborator(&mut ines, &fair, "Ada Lovelace", "Ada@Example.org").await;
        let ten = ("2027-05-14T10:00", "2027-05-14T12:00");
        let eleven = ("2027-05-14T11:00", "2027-05-14T13:00");
        let noon = ("2027-05-14T12:00", "2027-05-14T14:00");
        let rehearsal =
            item(&mut ines, &gala, "Rehearsal", ten, json!({"area": stage, "people": [ada]})).await;
        let lunch = item(&mut ines, &gala, "Lunch", noon, json!({"people": [ada]})).await;
        let opening =
            item(&mut ines, &fair, "Opening", eleven, json!({"area": stands, "people": [ada_too]})).await;
        let range = "/api/v1/events/schedule?from=2027-05-01&to=2027-05-31";
        let all = ines.get(range).await.json();
        let mut found: Vec<(String, String)> = all["conflicts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|clash| {
                (clash["first"].as_str().unwrap().to_owned(), clash["second"].as_str().unwrap().to_owned())
            })
            .collect();
        found.sort();
        found.dedup();
        let mut expected = vec![(rehearsal.clone(), opening.clone()), (opening.clone(), lunch.clone())];
        expected.sort();
        assert_eq!(found, expected, "back to back is none: {}", world.engine());
        assert_eq!(
            all["conflicts"].as_array().unwrap().len(),
            3,
            "the hall and Ada; Ada: {}",
            all["conflicts"]
        );
        let page = ines.get(&format!("/events/{fair}/schedule")).await;
        assert!(page.text.contains("3 conflicts") && page.text.contains("Rehearsal"), "{}", page.text);
        // A cancelled event takes nobody.
        ines.post(&format!("/events/{fair}/stage"), &[("stage", "cancelled")]).await;
        assert_eq!(ines.get(range).await.json()["conflicts"], json!([]));
    }
}

#[tokio::test]
async fn the_overview_counts_what_there_is() {
    for world in all().await {
        let mut ines = world.browser("Ines").await;
        let id = event(&mut ines, "Gala").await;
        task(&mut ines, &id, json!({"title": "Late", "due_on": "2027-01-02"})).await;
        task(&mut ines, &id, json!({"title": "Held up", "waiting_for": "money"})).await;
        item(&mut ines, &id, "Doors", ("2027-05-14T19:00", "2027-05-14T20:00"), json!({})).await;
        let rows = ines.get("/api/v1/events/overview").await.json();
        let row = &rows["items"][0];
        assert_eq!(row["states"], json!([2, 0, 0, 0, 0]), "{rows}");
        assert_eq!(
            (&row["overdue"], &row["blocked"], &row["next"]["title"]),
            (&json!(1), &json!(1), &json!("Doors"))
        );
        let page = ines.get("/events/overview").await;
        assert!(page.text.contains("Doors") && page.text.contains("19:00 – 20:00"), "{}", page.text);
    }
}
