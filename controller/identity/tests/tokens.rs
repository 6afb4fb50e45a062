//! What a program may with an API token: no more than its owner, and no more than the token says.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::area;
use bo_identity::testing::{World, worlds};
use bo_identity::token::{Scope, level_of, list_of};
use bo_identity::workspace::Builtin;
use bo_model::{AccountId, Kind, Level, Object};
use bo_web::testing::Client;
use bo_web::{Via, Viewer};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A program with a token that its owner made so.
async fn program(owner: &mut Client, wanted: Json) -> Client {
    let made = owner.call(Method::POST, "/api/v1/tokens", &wanted).await;
    assert_eq!(made.status, 201, "{}", made.text);
    owner.with_token(made.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_for_some_areas_reaches_nothing_else() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let wanted =
            json!({"name": "sync", "level": "own", "areas": {"users": "view"}, "modules": {"wiki": "edit"}});
        let mut sync = program(&mut noor, wanted).await;
        let me = sync.get("/api/v1/me").await.json();
        assert_eq!((&me["areas"]["users"], &me["areas"]["estate"]), (&json!("view"), &json!("none")), "{me}");
        assert_eq!(sync.get("/api/v1/users").await.status, 200);
        let more = json!({"first_name": "A", "last_name": "B", "email": "a@example.org"});
        assert_eq!(sync.call(Method::POST, "/api/v1/users", &more).await.status, 403, "it may only look");
        let give = json!({"subject": format!("account:{}", world.owner), "object": world.area("settings"), "level": "view"});
        assert_eq!(
            sync.call(Method::PUT, "/api/v1/relations", &give).await.status,
            404,
            "settings are not there for it"
        );
        let page = noor.get("/account/tokens").await.text;
        assert!(page.contains("view Role &amp; permission management, edit Wiki"), "{}", world.engine());
        for (wrong, field) in [
            (json!({"name": "x", "level": "view", "areas": {"moon": "view"}}), "areas"),
            (json!({"name": "x", "level": "view", "modules": {"wiki": "none"}}), "modules"),
            (json!({"name": "", "level": "view"}), "name"),
            (json!({"name": "x", "level": "see"}), "level"),
            (json!({"name": "x", "level": "view", "days": 367}), "days"),
        ] {
            let refused = noor.call(Method::POST, "/api/v1/tokens", &wrong).await;
            assert!(
                refused.status == 422 && refused.json()["error"]["fields"][field].is_string(),
                "{wrong}: {}",
                refused.text
            );
        }
    }
}

#[tokio::test]
async fn the_form_makes_such_a_token_and_keeps_what_was_typed_when_it_is_wrong() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let wrong = [("name", "Meters"), ("level", "edit"), ("days", "soon"), ("area-estate", "view")];
        let shown = noor.post("/account/tokens", &wrong).await;
        assert_eq!(shown.status, 422);
        assert!(
            shown.text.contains("value=\"Meters\"") && shown.text.contains("must be a whole number"),
            "{}",
            shown.text
        );
        let right = [("name", "Meters"), ("level", "edit"), ("days", "7"), ("area-estate", "view")];
        let made = noor.post("/account/tokens", &right).await;
        assert!(made.status == 200 && made.text.contains("shown this once"), "{}", made.text);
        let listed = noor.get("/api/v1/tokens").await.json();
        let token = &listed["items"][0];
        assert_eq!(
            token["scopes"],
            json!([{"on": world.area("estate"), "level": "view"}]),
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn a_token_gives_nobody_what_lies_beyond_it_though_its_owner_could() {
    for world in worlds(&[], &[]).await {
        let tea = world.person("Tea", &[]).await;
        let ada = world.person("Ada", &[Builtin::Admin]).await;
        let mut noor = world.browser("Noor").await;
        let mut helper =
            program(&mut noor, json!({"name": "h", "level": "own", "areas": {"users": "own"}})).await;
        let path = format!("/api/v1/users/{tea}");
        let within = helper.call(Method::PATCH, &path, &json!({"areas": {"users": "view"}})).await;
        assert_eq!(within.status, 200, "{}", within.text);
        let beyond = helper.call(Method::PATCH, &path, &json!({"areas": {"settings": "view"}})).await;
        assert_eq!(beyond.status, 422, "{}", beyond.text);
        let webmaster = json!({"groups": [world.group(Builtin::Webmaster)]});
        assert_eq!(helper.call(Method::PATCH, &path, &webmaster).await.status, 403);
        // It has an admin's rank, not the owner's: an admin does not reach another.
        let admin = helper.call(Method::POST, &format!("/api/v1/users/{ada}/disable"), &json!({})).await;
        assert_eq!(admin.status, 403, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_token_does_not_touch_how_its_owner_signs_in_nor_what_they_opened() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let session =
            noor.get("/api/v1/sessions").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let mut program = program(&mut noor, json!({"name": "p", "level": "own"})).await;
        let tokens = program.get("/api/v1/tokens").await.json();
        let own = tokens["items"][0]["id"].as_str().unwrap().to_owned();
        for (method, path) in [
            (Method::DELETE, format!("/api/v1/sessions/{session}")),
            (Method::DELETE, format!("/api/v1/tokens/{own}")),
            (Method::POST, "/account/password".into()),
            (Method::POST, "/account/second-factor/begin".into()),
            (Method::POST, "/account/second-factor/recovery".into()),
            (Method::POST, "/account/sessions/end-others".into()),
            (Method::POST, "/account/gateway-pin".into()),
            (Method::DELETE, format!("/api/v1/passkeys/{own}")),
        ] {
            assert_eq!(
                program.call(method, &path, &json!({})).await.status,
                403,
                "{path} on {}",
                world.engine()
            );
        }
        assert_eq!(noor.get("/account").await.status, 200);
    }
}

#[tokio::test]
async fn a_token_tells_when_it_was_last_used_and_ends_when_it_is_revoked() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let mut program = program(&mut noor, json!({"name": "p", "level": "view"})).await;
        assert!(noor.get("/account/tokens").await.text.contains("never"));
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(program.get("/api/v1/me").await.status, 200);
        let mut seen = false;
        for _ in 0..500 {
            let token = noor.get("/api/v1/tokens").await.json()["items"][0].clone();
            seen = token["seen_at"] != token["created_at"];
            if seen {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(seen, "its use was not noted on {}", world.engine());
        let id = noor.get("/api/v1/tokens").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        world.person("Ada", &[]).await;
        let mut ada = world.browser("Ada").await;
        assert_eq!(
            ada.post(&format!("/account/tokens/{id}/revoke"), &[]).await.status,
            404,
            "it is not hers"
        );
        assert_eq!(noor.post(&format!("/account/tokens/{id}/revoke"), &[]).await.status, 303);
        assert_eq!(program.get("/api/v1/me").await.status, 401);
    }
}

fn with_scopes(world: &World, account: AccountId, scopes: &[Scope], cap: Level) -> Viewer {
    Viewer { via: Via::Token, cap, scopes: scopes.into(), ..world.viewer(account) }
}

#[tokio::test]
async fn what_a_token_opens_is_never_more_than_its_owner_has_and_the_list_agrees_with_the_check() {
    for world in worlds(&[], &[]).await {
        let people = [
            world.owner,
            world.person("Tea", &[Builtin::Team]).await,
            world.person("Ada", &[Builtin::Admin]).await,
            world.person("Nobody", &[]).await,
        ];
        let places: Vec<Object> =
            area::objects(world.workspace).into_iter().map(|(object, _)| object).collect();
        let levels = [Level::View, Level::Edit, Level::Own];
        for person in people {
            for (number, place) in places.iter().enumerate() {
                let scope = Scope { on: place.clone(), level: levels[number % 3] };
                let viewer =
                    with_scopes(&world, person, std::slice::from_ref(&scope), levels[(number / 3) % 3]);
                let whole = world.viewer(person);
                world
                    .db()
                    .read(|tx| -> Result<(), bo_db::DbError> {
                        for object in &places {
                            let (has, may) = (level_of(tx, &whole, object)?, level_of(tx, &viewer, object)?);
                            assert!(may <= has && may <= viewer.cap, "{object}");
                            if object == place {
                                assert_eq!(may, has.min(scope.level).min(viewer.cap), "{object}");
                            }
                        }
                        for kind in [Kind("area"), Kind("module")] {
                            for (object, listed) in list_of(tx, &viewer, kind, Level::See)? {
                                assert_eq!(listed, level_of(tx, &viewer, &object)?, "{object}");
                            }
                        }
                        Ok(())
                    })
                    .unwrap();
            }
        }
    }
}
