//! Passkeys through the router, with a device that can also lie: what a real browser does is in the end-to-end tests.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod device;

use axum::http::Method;
use bo_identity::testing::{NOOR, PASSWORD, World, with_mail, worlds_with};
use bo_web::testing::{Answer, Client, between};
use device::Device;
use serde_json::{Value as Json, json};
use std::time::Duration;

async fn post(client: &mut Client, path: &str, body: Json) -> Answer {
    client.call(Method::POST, path, &body).await
}

/// Adds a passkey of that device to whoever is signed in.
async fn add(client: &mut Client, device: &mut Device, name: &str) -> Answer {
    let asked = post(client, "/api/v1/passkeys/begin", json!({"name": name, "password": PASSWORD})).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let made = device.make(&asked.json());
    post(client, "/api/v1/passkeys", json!({"name": name, "credential": made})).await
}

async fn ask(client: &mut Client) -> Json {
    let asked = post(client, "/api/v1/session/passkey/begin", json!({})).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    asked.json()
}

async fn enter(client: &mut Client, answer: &Json) -> Answer {
    post(client, "/api/v1/session/passkey", json!({"credential": answer, "next": "/account"})).await
}

/// A whole sign-in in a fresh browser.
async fn sign_in(world: &World, device: &mut Device) -> (Client, Answer) {
    let mut browser = Client::new(&world.app);
    let options = ask(&mut browser).await;
    let answer = enter(&mut browser, &device.sign(&options)).await;
    (browser, answer)
}

fn verbs(world: &World) -> Vec<String> {
    world.verbs()
}

#[tokio::test]
async fn somebody_adds_a_passkey_and_signs_in_with_nothing_else() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let mut phone = Device::new(1);
        let wrong =
            post(&mut noor, "/api/v1/passkeys/begin", json!({"name": "Phone", "password": "not it"})).await;
        assert_eq!(wrong.status, 422, "a session left open is not enough");
        assert_eq!(wrong.json()["error"]["fields"]["password"], "is not your password");
        let added = add(&mut noor, &mut phone, "Phone").await;
        assert_eq!(added.status, 201, "{}", added.text);
        let page = noor.get("/account/security").await.text;
        assert!(page.contains("Phone") && page.contains("bo.example"), "{page}");
        assert_eq!(add(&mut noor, &mut phone, "Again").await.status, 409, "the same one twice");

        let (mut browser, answer) = sign_in(&world, &mut phone).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["next"]),
            (200, &json!("/account")),
            "{}",
            answer.text
        );
        assert!(browser.get("/account").await.text.contains("Noor Haddad"), "{}", world.engine());
        assert!(browser.cookie("bo_passkey").is_none(), "the question is over");

        // An installation that is told of it: the letter says that one was added.
        let verbs = verbs(&world);
        assert!(
            verbs.contains(&"passkey.add".into()) && verbs.ends_with(&["session.open".into()]),
            "{verbs:?}"
        );

        let id = added.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(
            noor.post(&format!("/account/passkeys/{id}/rename"), &[("name", "Old phone")]).await.status,
            303
        );
        assert_eq!(noor.get("/api/v1/passkeys").await.json()["items"][0]["name"], "Old phone");
        assert_eq!(noor.post(&format!("/account/passkeys/{id}/remove"), &[]).await.status, 303);
        let (_, gone) = sign_in(&world, &mut phone).await;
        assert_eq!(gone.status, 422, "removed, {}", world.engine());
        assert!(gone.text.contains("signs nobody in here"));
    }
}

#[tokio::test]
async fn an_answer_of_another_site_or_without_a_finger_or_pin_is_worth_nothing() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        for (origin, verified) in
            [("https://evil.example", true), ("http://bo.example", true), (device::ORIGIN, false)]
        {
            let mut liar = Device::new(2);
            (liar.origin, liar.verified) = (origin.into(), verified);
            assert_eq!(add(&mut noor, &mut liar, "Liar").await.status, 422, "{origin} {verified}");
        }
        let mut phone = Device::new(3);
        assert_eq!(add(&mut noor, &mut phone, "Phone").await.status, 201);
        for (origin, verified) in [
            ("https://evil.example", true),
            ("https://bo.example.evil.example", true),
            (device::ORIGIN, false),
        ] {
            (phone.origin, phone.verified) = (origin.into(), verified);
            let (browser, answer) = sign_in(&world, &mut phone).await;
            assert_eq!(answer.status, 422, "{origin} {verified} on {}", world.engine());
            assert!(browser.cookie("bo").is_none());
        }
        let denied: Vec<String> = verbs(&world).into_iter().filter(|verb| verb == "session.open").collect();
        assert_eq!(denied.len(), 4, "Noor's own, and three that are on record as refused");
    }
}

#[tokio::test]
async fn a_question_is_answered_once_in_time_and_by_the_browser_it_was_asked() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let mut phone = Device::new(4);
        assert_eq!(add(&mut noor, &mut phone, "Phone").await.status, 201);

        let mut browser = Client::new(&world.app);
        let options = ask(&mut browser).await;
        let answer = phone.sign(&options);
        let mut thief = Client::new(&world.app);
        assert_eq!(enter(&mut thief, &answer).await.status, 422, "seen on its way, used elsewhere");
        ask(&mut thief).await;
        assert_eq!(enter(&mut thief, &answer).await.status, 422, "with a question of their own");
        let before = browser.cookie("bo_passkey").unwrap().to_owned();
        assert_eq!(enter(&mut browser, &answer).await.status, 200);
        let mut again = Client::new(&world.app);
        again.set_cookie("bo_passkey", &before);
        assert_eq!(
            enter(&mut again, &answer).await.status,
            422,
            "replayed with its cookie, {}",
            world.engine()
        );

        let mut slow = Client::new(&world.app);
        let answer = phone.sign(&ask(&mut slow).await);
        world.clock.advance(Duration::from_secs(5 * 60 + 1));
        let late = enter(&mut slow, &answer).await;
        assert!(late.status == 422 && late.text.contains("took too long"), "{}", late.text);

        // A new passkey can't be added with an answer to an old question either.
        let asked =
            post(&mut noor, "/api/v1/passkeys/begin", json!({"name": "B", "password": PASSWORD})).await;
        let mut other = Device::new(5);
        let made = other.make(&asked.json());
        let body = json!({"name": "B", "credential": made});
        assert_eq!(post(&mut noor, "/api/v1/passkeys", body.clone()).await.status, 201);
        assert_eq!(post(&mut noor, "/api/v1/passkeys", body).await.status, 422);
    }
}

#[tokio::test]
async fn a_passkey_whose_counter_goes_back_is_stopped_because_there_may_be_a_copy() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let mut key = Device::new(6);
        key.counter = 1;
        assert_eq!(add(&mut noor, &mut key, "Key").await.status, 201);
        key.counter = 5;
        assert_eq!(sign_in(&world, &mut key).await.1.status, 200);
        key.counter = 4;
        assert_eq!(sign_in(&world, &mut key).await.1.status, 422, "the copy");
        key.counter = 9;
        assert_eq!(sign_in(&world, &mut key).await.1.status, 422, "nor the other, whichever is the copy");
        assert!(
            noor.get("/account/security").await.text.contains("may have been copied"),
            "{}",
            world.engine()
        );
        assert!(verbs(&world).contains(&"passkey.stop".into()));
    }
}

#[tokio::test]
async fn a_passkey_is_asked_for_after_the_password_when_its_owner_wants_that() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let mut phone = Device::new(7);
        let on = [("proof_password", PASSWORD), ("on", "true")];
        assert_eq!(
            noor.post("/account/second-factor/passkey", &on).await.status,
            403,
            "there is none to ask for"
        );
        let added = add(&mut noor, &mut phone, "Phone").await;
        let done = noor.post("/account/second-factor/passkey", &on).await;
        assert_eq!(done.status, 200, "{}", done.text);
        let recovery = between(&done.text, "<pre>", "</pre>").unwrap().lines().next().unwrap().to_owned();

        let mut browser = Client::new(&world.app);
        let half = browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        assert!(half.text.contains("One more proof") && browser.cookie("bo").is_none());
        let pending = between(&half.text, "name=\"pending\" value=\"", "\"").unwrap().to_owned();
        // Somebody else's passkey does not finish what Noor's password began.
        world.person("Ada", &[]).await;
        let mut ada = world.browser("Ada").await;
        let mut hers = Device::new(8);
        assert_eq!(add(&mut ada, &mut hers, "Hers").await.status, 201);
        let answer = hers.sign(&ask(&mut browser).await);
        let mixed =
            post(&mut browser, "/api/v1/session/passkey", json!({"credential": answer, "pending": pending}))
                .await;
        assert_eq!(mixed.status, 422, "{}", mixed.text);
        let answer = phone.sign(&ask(&mut browser).await);
        let whole =
            post(&mut browser, "/api/v1/session/passkey", json!({"credential": answer, "pending": pending}))
                .await;
        assert_eq!(whole.status, 200, "{}", whole.text);

        let id = added.json()["id"].as_str().unwrap().to_owned();
        let last = noor.post(&format!("/account/passkeys/{id}/remove"), &[]).await;
        assert_eq!(last.status, 403, "the last one, while it is asked for");
        let mut lost = Client::new(&world.app);
        let half = lost.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        let pending = between(&half.text, "name=\"pending\" value=\"", "\"").unwrap().to_owned();
        let code = [("pending", pending.as_str()), ("code", recovery.as_str())];
        assert_eq!(
            lost.post("/sign-in/code", &code).await.status,
            303,
            "a recovery code is for whoever lost it"
        );

        let off = [("proof_password", PASSWORD), ("on", "false")];
        assert_eq!(noor.post("/account/second-factor/passkey", &off).await.status, 303);
        assert_eq!(noor.post(&format!("/account/passkeys/{id}/remove"), &[]).await.status, 303);
        world.browser("Noor").await;
    }
}

#[tokio::test]
async fn a_disabled_account_signs_in_with_no_passkey_and_guessing_is_made_slow() {
    for world in worlds_with(with_mail()).await {
        let ada = world.person("Ada", &[]).await;
        let mut browser = world.browser("Ada").await;
        let mut phone = Device::new(9);
        assert_eq!(add(&mut browser, &mut phone, "Phone").await.status, 201);
        let mut noor = world.browser("Noor").await;
        assert_eq!(noor.post(&format!("/users/{ada}/disable"), &[]).await.status, 303);
        assert_eq!(sign_in(&world, &mut phone).await.1.status, 422);
        let mut held = 0;
        for _ in 0..30 {
            let mut guess = Client::new(&world.app);
            let asked = post(&mut guess, "/api/v1/session/passkey/begin", json!({})).await;
            held += u32::from(asked.status == 429);
            if asked.status == 200 {
                enter(&mut guess, &phone.sign(&asked.json())).await;
            }
        }
        assert!(held >= 5, "{held} of 30 were held on {}", world.engine());
    }
}
