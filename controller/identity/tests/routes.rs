//! Every route of identity and of the web itself: who gets in, and what the description says.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::licence::Licence;
use bo_identity::testing::{World, nobody_gets_in, worlds};
use bo_web::testing::Client;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn no_route_lets_in_whom_it_must_not() {
    let worlds = worlds(&[], &[]).await;
    for world in &worlds {
        world.person("Sam", &[]).await;
        assert!(world.app.routes().len() > 40, "the walk sees {} routes", world.app.routes().len());
    }
    nobody_gets_in(&worlds, "Sam").await;
}

#[tokio::test]
async fn a_denied_attempt_is_in_the_log() {
    for world in worlds(&[], &[]).await {
        world.person("Sam", &[]).await;
        let mut sam = world.browser("Sam").await;
        assert_eq!(sam.get("/users").await.status, 404);
        let denied = ("access.denied".to_owned(), "denied".to_owned());
        assert!(seen(&world, &denied).await, "the attempt was not audited on {}", world.engine());
    }
}

/// The record is written beside the answer: waits until it is there.
async fn seen(world: &World, record: &(String, String)) -> bool {
    for _ in 0..500 {
        if world.audit().contains(record) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn the_description_of_the_api_names_every_api_route_and_holds_no_secret() {
    for world in worlds(&[], &[]).await {
        let answer = Client::new(&world.app).get("/api/v1/openapi.json").await;
        let description = answer.json();
        assert_eq!(description["openapi"], "3.1.0");
        for route in world.app.routes().iter().filter(|route| route.is_api()) {
            let operation = &description["paths"][route.path][route.method.as_str().to_lowercase()];
            assert_eq!(operation["summary"], route.about, "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn an_error_is_a_page_for_people_and_json_for_programs_with_a_request_number() {
    for world in worlds(&[], &[]).await {
        let mut client = Client::new(&world.app);
        let page = client.get("/nowhere").await;
        let id = page.headers["x-request-id"].to_str().unwrap().to_owned();
        assert!(
            page.status == 404 && page.text.contains(&id) && page.text.contains("Nothing here"),
            "{}",
            page.text
        );
        let api = client.get("/api/v1/nowhere").await;
        assert_eq!(
            (api.status.as_u16(), api.json()["error"]["code"].as_str().map(str::to_owned)),
            (404, Some("not-found".into()))
        );
        let mut owner = world.browser("Noor").await;
        let bad = owner
            .send(
                "POST".parse().unwrap(),
                "/api/v1/groups",
                Some("application/json"),
                b"{\"nam\": 1}".to_vec(),
            )
            .await;
        assert_eq!(bad.status, 422);
        assert!(
            bad.json()["error"]["message"].as_str().unwrap().contains("unknown field `nam`"),
            "{}",
            bad.text
        );
        let large = owner
            .send("POST".parse().unwrap(), "/api/v1/groups", Some("application/json"), vec![b' '; 2 << 20])
            .await;
        assert_eq!(large.status, 413);
        assert_eq!(client.get("/healthz").await.text, "ok\n");
        assert_eq!(client.get("/readyz").await.json()["ready"], true);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn users_are_listed_page_by_page_searched_sorted_and_exported() {
    for world in worlds(&[], &[]).await {
        for number in 0..30 {
            world.person(&format!("Person{number:02}"), &[]).await;
        }
        let mut noor = world.browser("Noor").await;
        let mut names: Vec<String> = Vec::new();
        let mut path = "/api/v1/users?sort=-name&limit=7".to_owned();
        loop {
            let page = noor.get(&path).await.json();
            names.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|user| user["name"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/users?sort=-name&limit=7&after={next}"),
                None => break,
            }
        }
        let mut expected: Vec<String> = (0..30).map(|number| format!("Person{number:02}")).collect();
        expected.push("Noor Haddad".into());
        expected.sort_by(|a, b| b.cmp(a));
        assert_eq!(names, expected, "{}", world.engine());
        let found = noor.get("/api/v1/users?q=person1").await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), 10);
        let csv = noor.get("/users?format=csv&q=person07").await;
        assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
        assert!(
            csv.text.starts_with("id,name,email,state,created,updated\n")
                && csv.text.contains(",Person07,person07@example.org,"),
            "{}",
            csv.text
        );
        assert_eq!(noor.get("/api/v1/users?sort=password_hash").await.status, 422);
    }
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_answered_as_other_errors_are() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let page = noor.send(Method::DELETE, "/account", None, Vec::new()).await;
        assert_eq!(page.status, 405);
        let takes = page.headers.get("allow").and_then(|takes| takes.to_str().ok()).unwrap_or("");
        assert!(takes.contains("GET"), "{takes}");
        assert!(
            page.text.contains("does not take DELETE") && page.text.contains("id=\"nav\""),
            "{}",
            page.text
        );
        for mut client in [noor, Client::new(&world.app)] {
            let call = client.send(Method::PUT, "/api/v1/me", None, Vec::new()).await;
            assert_eq!((call.status.as_u16(), call.json()["error"]["code"].as_str()), (405, Some("method")));
            let page = client.send(Method::PUT, "/sign-in", None, Vec::new()).await;
            assert!(page.status == 405 && page.text.contains("does not take PUT"), "{}", world.engine());
        }
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_said_of_the_field_it_was_sent_in() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let path = format!("/api/v1/workspace/licences/{}/transfer", Licence::EventPro.word());
        let refused = noor.call(Method::POST, &path, &json!({"to": "nobody", "count": 1})).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert_eq!(refused.json()["error"]["fields"], json!({"to": "is not an id"}), "{}", world.engine());
    }
}
