//! Signing in, staying in, getting out: through the router, as a browser or a program does it.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::testing::{NOOR, PASSWORD, World, worlds};
use bo_web::testing::{Client, between};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn somebody_signs_in_and_out_and_both_are_in_the_log() {
    for world in worlds(&[], &[]).await {
        let mut browser = Client::new(&world.app);
        let asked = browser.get("/account").await;
        assert_eq!((asked.status.as_u16(), asked.location()), (303, "/sign-in?next=%2Faccount"));
        let page = browser.get("/sign-in?next=%2Faccount").await;
        assert!(page.text.contains("name=\"next\" value=\"/account\""), "{}", page.text);
        let signed = browser
            .post(
                "/sign-in",
                &[("email", " NOOR@example.org "), ("password", PASSWORD), ("next", "/account")],
            )
            .await;
        assert_eq!((signed.status.as_u16(), signed.location()), (303, "/account"));
        let cookie = signed.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let account = browser.get("/account").await;
        assert!(account.text.contains("Noor Haddad") && account.headers["cache-control"] == "no-store");
        let out = browser.post("/sign-out", &[]).await;
        assert_eq!(out.location(), "/sign-in");
        assert_eq!(browser.get("/account").await.status, 303);
        let verbs: Vec<String> = world.verbs();
        assert!(
            verbs.ends_with(&["session.open".into(), "session.close".into()]),
            "{}: {verbs:?}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    for world in worlds(&[], &[]).await {
        let mut answers = Vec::new();
        for email in [NOOR, "nobody@example.org"] {
            let mut browser = Client::new(&world.app);
            let answer = browser.post("/sign-in", &[("email", email), ("password", "wrong password")]).await;
            answers.push((answer.status, answer.text.replace(email, "")));
            assert!(browser.cookie("bo").is_none());
        }
        assert_eq!(answers[0], answers[1], "{}", world.engine());
        assert_eq!(answers[0].0, 422);
        assert!(answers[0].1.contains("The mail address or the password is not right."));
        let denied = world
            .audit()
            .iter()
            .filter(|(verb, outcome)| verb == "session.open" && outcome == "denied")
            .count();
        assert_eq!(denied, 2);
    }
}

#[tokio::test]
async fn guessing_is_made_slow_and_waiting_helps() {
    for world in worlds(&[], &[]).await {
        let mut browser = Client::new(&world.app);
        for _ in 0..6 {
            browser.post("/sign-in", &[("email", NOOR), ("password", "wrong password")]).await;
        }
        let right = [("email", NOOR), ("password", PASSWORD)];
        let held = browser.post("/sign-in", &right).await;
        assert_eq!(held.status, 429, "{}", world.engine());
        assert!(held.text.contains("Too many attempts"));
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(browser.post("/sign-in", &right).await.status, 303);
    }
}

#[tokio::test]
async fn one_address_can_not_try_many_accounts() {
    for world in worlds(&[], &[]).await {
        let mut browser = Client::new(&world.app);
        let mut held = 0;
        for number in 0..30 {
            let email = format!("person{number}@example.org");
            let answer = browser.post("/sign-in", &[("email", &email), ("password", "wrong password")]).await;
            held += u32::from(answer.status == 429);
        }
        assert!(held >= 8, "{held} of 30 attempts were held on {}", world.engine());
        let mut elsewhere = Client::new(&world.app);
        elsewhere.address = "198.51.100.7:999".parse().unwrap();
        let fine = elsewhere.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        assert_eq!(fine.status, 303, "somebody elsewhere is not held");
    }
}

#[tokio::test]
async fn a_session_planted_before_sign_in_is_worth_nothing_after_it() {
    for world in worlds(&[], &[]).await {
        let mut browser = Client::new(&world.app);
        browser.set_cookie("bo", "planted-by-somebody-else");
        browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        let first = browser.cookie("bo").unwrap().to_owned();
        assert_ne!(first, "planted-by-somebody-else");
        // Signing in again gives a new secret and ends the old one.
        browser.get("/account").await;
        let again = browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        assert_eq!(again.status, 303);
        let mut thief = Client::new(&world.app);
        thief.set_cookie("bo", &first);
        assert_eq!(thief.get("/account").await.status, 303, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_session_ends_when_unused_and_at_the_latest_after_a_week() {
    for world in worlds(&[], &[]).await {
        let mut browser = world.browser("Noor").await;
        world.clock.advance(Duration::from_secs(13 * 3600));
        assert_eq!(browser.get("/account").await.status, 303, "unused on {}", world.engine());

        let mut browser = world.browser("Noor").await;
        for _ in 0..14 {
            world.clock.advance(Duration::from_secs(11 * 3600));
            assert_eq!(browser.get("/account").await.status, 200);
            used(&world).await;
        }
        world.clock.advance(Duration::from_secs(15 * 3600));
        assert_eq!(browser.get("/account").await.status, 303, "used, but a week old on {}", world.engine());
    }
}

/// The use of a session is noted beside the request: waits until it is.
async fn used(world: &World) {
    use bo_model::Clock;
    let now = world.clock.now();
    for _ in 0..500 {
        let seen = world.db().read(|tx| {
            tx.query_one("SELECT MAX(seen_at) FROM session", &[], |row| row.get::<bo_model::Time>(0))
        });
        if seen.unwrap() == now {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the session's use was not noted");
}

#[tokio::test]
async fn after_signing_in_nobody_is_sent_to_another_site() {
    for world in worlds(&[], &[]).await {
        for next in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
            let mut browser = Client::new(&world.app);
            let signed =
                browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD), ("next", next)]).await;
            assert_eq!(signed.location(), "/", "{next}");
        }
    }
}

#[tokio::test]
async fn another_site_can_not_act_in_ones_name() {
    for world in worlds(&[], &[]).await {
        let browser = world.browser("Noor").await;
        let mut forged = browser.clone();
        forged.csrf = String::new();
        assert_eq!(forged.post("/account/tokens", &[("name", "x"), ("level", "own")]).await.status, 403);
        forged.csrf = "0".repeat(40);
        assert_eq!(forged.post("/account/tokens", &[("name", "x"), ("level", "own")]).await.status, 403);
        let mut own = browser.clone();
        assert_eq!(own.post("/account/tokens", &[("name", "x"), ("level", "own")]).await.status, 200);
    }
}

#[tokio::test]
async fn changing_the_password_needs_the_old_one_and_ends_other_sessions() {
    for world in worlds(&[], &[]).await {
        let (mut here, mut there) = (world.browser("Noor").await, world.browser("Noor").await);
        let new = "quiet river morning";
        let change = |old: &'static str, one: &'static str, two: &'static str| {
            [("password", old), ("new_password", one), ("new_again", two)]
        };
        let wrong = here.post("/account/password", &change("not my password", new, new)).await;
        assert!(
            wrong.status == 422 && wrong.text.contains("Present password is not your password."),
            "{}",
            wrong.text
        );
        let differ = here.post("/account/password", &change(PASSWORD, new, "quiet river evening")).await;
        assert!(differ.text.contains("is not the same as the first"));
        let weak = here.post("/account/password", &change(PASSWORD, "password", "password")).await;
        assert!(weak.text.contains("must be at least 10 characters"));
        assert_eq!(here.post("/account/password", &change(PASSWORD, new, new)).await.status, 303);
        assert_eq!(here.get("/account").await.status, 200);
        assert_eq!(there.get("/account").await.status, 303, "{}", world.engine());
        let mut again = Client::new(&world.app);
        assert_eq!(again.post("/sign-in", &[("email", NOOR), ("password", new)]).await.status, 303);
    }
}

#[tokio::test]
async fn a_program_uses_a_token_with_no_more_than_its_level_until_it_ends() {
    for world in worlds(&[], &[]).await {
        let mut browser = world.browser("Noor").await;
        let made = browser
            .call(Method::POST, "/api/v1/tokens", &json!({"name": "reports", "level": "view", "days": 2}))
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
        let token = made.json()["token"].as_str().unwrap().to_owned();
        assert!(token.starts_with("bo_"));
        let mut program = Client::new(&world.app).with_token(&token);
        let me = program.get("/api/v1/me").await.json();
        assert_eq!((me["name"].as_str(), me["areas"]["users"].as_str()), (Some("Noor Haddad"), Some("view")));
        assert_eq!(program.get("/api/v1/users").await.status, 200);
        let refused = program
            .call(Method::POST, "/api/v1/users", &json!({"name": "A", "email": "a@example.org"}))
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["error"]["code"].as_str().unwrap().to_owned()),
            (403, "forbidden".into())
        );
        let more = program.call(Method::POST, "/api/v1/tokens", &json!({"name": "x", "level": "own"})).await;
        assert_eq!(more.status, 403, "a token can't make tokens");
        let stored = world
            .db()
            .read(|tx| tx.query("SELECT secret_hash FROM api_token", &[], |row| row.get::<String>(0)))
            .unwrap();
        assert!(!stored[0].contains(&token));
        world.clock.advance(Duration::from_secs(2 * 86_400));
        assert_eq!(program.get("/api/v1/me").await.status, 401, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_program_signs_in_by_api_with_a_cookie_and_a_csrf_token() {
    for world in worlds(&[], &[]).await {
        let mut program = Client::new(&world.app);
        let wrong = program
            .call(Method::POST, "/api/v1/session", &json!({"email": NOOR, "password": "wrong password"}))
            .await;
        assert_eq!(wrong.status, 422);
        let signed = program
            .call(Method::POST, "/api/v1/session", &json!({"email": NOOR, "password": PASSWORD}))
            .await;
        assert_eq!(signed.status, 200, "{}", signed.text);
        program.csrf = signed.json()["csrf"].as_str().unwrap().to_owned();
        assert_eq!(program.get("/api/v1/me").await.json()["csrf"].as_str(), Some(program.csrf.as_str()));
        assert_eq!(program.call(Method::DELETE, "/api/v1/session", &json!({})).await.status, 204);
        assert_eq!(program.get("/api/v1/me").await.status, 401);
    }
}

#[tokio::test]
async fn an_activation_link_works_once_and_for_three_days() {
    for world in worlds(&[], &[]).await {
        let mut owner = world.browser("Noor").await;
        let made = owner
            .post("/users", &[("first_name", "Ada"), ("last_name", "Quist"), ("email", "ada@example.org")])
            .await;
        assert_eq!(made.status, 200, "{}", made.text);
        let link = between(&made.text, "<pre>http://bo.example", "</pre>").unwrap().to_owned();
        let code = link.split_once("code=").unwrap().1;
        let early =
            Client::new(&world.app).post("/sign-in", &[("email", "ada@example.org"), ("password", "")]).await;
        assert_eq!(early.status, 422, "an invited account has no password");

        let mut ada = Client::new(&world.app);
        assert!(ada.get(&link).await.text.contains("Choose a password"));
        let choose =
            [("code", code), ("new_password", "silver bicycle noon"), ("new_again", "silver bicycle noon")];
        assert_eq!(ada.post("/activate", &choose).await.location(), "/sign-in");
        let replay = ada.post("/activate", &choose).await;
        assert!(replay.status == 404 && replay.text.contains("no longer works"), "{}", world.engine());
        let signed =
            ada.post("/sign-in", &[("email", "ada@example.org"), ("password", "silver bicycle noon")]).await;
        assert_eq!(signed.status, 303);

        let late = owner
            .post("/users", &[("first_name", "Bo"), ("last_name", "Late"), ("email", "late@example.org")])
            .await;
        let link = between(&late.text, "<pre>http://bo.example", "</pre>").unwrap().to_owned();
        world.clock.advance(Duration::from_secs(73 * 3600));
        assert!(Client::new(&world.app).get(&link).await.text.contains("no longer works"));
    }
}

#[tokio::test]
async fn a_fresh_installation_is_set_up_once_with_the_printed_code() {
    use bo_identity::{Identity, IdentityError, MIGRATIONS, Settings, password::Cost, sign_in};
    let clock = bo_model::ManualClock::at(bo_model::Time::from_seconds(1_800_000_000));
    for test in bo_db::testing::TestDb::each(&MIGRATIONS, clock.clone()).unwrap() {
        let identity = Identity::new(Settings { cost: Cost::TESTS, ..Settings::default() });
        let app = bo_web::App::new(bo_web::app::AppConfig {
            name: "BackOffice".into(),
            version: "0",
            db: test.db.clone(),
            clock: clock.clone(),
            ids: std::sync::Arc::new(bo_model::IdGen::new(clock.clone(), 1)),
            access: identity.access(),
            secret: [7; 32],
            secure: true,
            trusted_proxies: Vec::new(),
            nav: Vec::new(),
            routes: vec![identity.routes()],
            metrics: None,
            ready: Vec::new(),
        });
        let printed: Result<bool, IdentityError> =
            test.db.write(|tx| sign_in::setup_code(tx, "seven-red-foxes")).await;
        assert!(printed.unwrap());
        let mut browser = Client::new(&app);
        assert_eq!(browser.get("/sign-in").await.location(), "/setup");
        let fields = |code: &'static str| {
            [
                ("code", code),
                ("organisation", "Acme"),
                ("name", "Noor Haddad"),
                ("email", NOOR),
                ("new_password", PASSWORD),
                ("new_again", PASSWORD),
            ]
        };
        let wrong = browser.post("/setup", &fields("guess")).await;
        assert!(
            wrong.status == 422 && wrong.text.contains("is not the code that the server printed"),
            "{}",
            wrong.text
        );
        assert!(wrong.text.contains("value=\"Noor Haddad\""), "what was typed is kept");
        assert_eq!(browser.post("/setup", &fields("seven-red-foxes")).await.location(), "/sign-in");
        let twice = browser.post("/setup", &fields("seven-red-foxes")).await;
        assert_eq!(twice.status, 422);
        let signed = browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
        let cookie = signed.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-bo=") && cookie.contains("Secure"), "{cookie}");
    }
}
