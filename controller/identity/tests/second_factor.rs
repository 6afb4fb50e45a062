//! Codes of an app, forgotten passwords: through the router, with a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::testing::{NOOR, PASSWORD, World, link, with_mail, worlds, worlds_with};
use bo_web::testing::{Client, between};
use serde_json::json;
use std::time::Duration;
use totp_rs::{Builder, Secret};

/// What an app with that secret shows now, or some seconds from now.
fn code(world: &World, secret: &str, ahead: i64) -> String {
    use bo_model::Clock;
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .with_account_name("x")
        .build()
        .unwrap();
    let seconds = world.clock.now().0 / 1_000_000 + ahead;
    totp.generate(u64::try_from(seconds).unwrap()).to_string()
}

/// Sets an app up for Noor; the secret and the recovery codes.
async fn set_up(world: &World, noor: &mut Client) -> (String, Vec<String>) {
    let wrong = noor.post("/account/second-factor/begin", &[("proof_password", "not it at all")]).await;
    assert_eq!(wrong.status, 422, "a session left open is not enough");
    noor.post("/account/second-factor/begin", &[("proof_password", PASSWORD)]).await;
    let page = noor.get("/account/second-factor").await.text;
    assert!(page.contains("<svg"));
    let secret = between(&page, "<pre>", "</pre>").unwrap().to_owned();
    let refused = noor.post("/account/second-factor/confirm", &[("code", "000000")]).await;
    assert_eq!(refused.status, 422);
    let done = noor.post("/account/second-factor/confirm", &[("code", &code(world, &secret, 0))]).await;
    let codes = between(&done.text, "<pre>", "</pre>").unwrap().lines().map(str::to_owned).collect();
    (secret, codes)
}

async fn half(world: &World) -> (Client, String) {
    let mut browser = Client::new(&world.app);
    let page = browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(browser.cookie("bo").is_none(), "the password alone opens nothing");
    let pending = between(&page.text, "name=\"pending\" value=\"", "\"").unwrap().to_owned();
    (browser, pending)
}

#[tokio::test]
async fn a_code_is_asked_for_taken_once_and_forgiven_half_a_minute() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let (secret, recovery) = set_up(&world, &mut noor).await;
        assert_eq!(recovery.len(), 10);
        world.clock.advance(Duration::from_secs(90));

        let (mut browser, pending) = half(&world).await;
        let late = code(&world, &secret, -30);
        let enter =
            |text: String, pending: String| vec![("pending".to_owned(), pending), ("code".to_owned(), text)];
        let send = async |browser: &mut Client, fields: Vec<(String, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            browser.post("/sign-in/code", &fields).await
        };
        let too_late = code(&world, &secret, -60);
        assert_eq!(send(&mut browser, enter(too_late, pending.clone())).await.status, 422);
        assert_eq!(
            send(&mut browser, enter(late.clone(), pending.clone())).await.status,
            303,
            "a slow clock is forgiven"
        );
        assert!(browser.cookie("bo").is_some());

        let (mut thief, second) = half(&world).await;
        assert_eq!(
            send(&mut thief, enter(late, second.clone())).await.status,
            422,
            "a code that was seen is worth nothing"
        );
        assert_eq!(
            send(&mut thief, enter(recovery[3].clone(), second.clone())).await.status,
            303,
            "a recovery code works"
        );
        let (mut again, third) = half(&world).await;
        assert_eq!(send(&mut again, enter(recovery[3].clone(), third.clone())).await.status, 422, "once");
        world.clock.advance(Duration::from_secs(6 * 60));
        let now = code(&world, &secret, 0);
        let over = send(&mut again, enter(now, third)).await;
        assert_eq!(
            (over.status.as_u16(), over.location()),
            (303, "/sign-in"),
            "the first half is too long ago"
        );
        assert!(again.cookie("bo").is_none(), "{}", world.engine());
    }
}

#[tokio::test]
async fn codes_can_not_be_guessed_and_programs_are_asked_too() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let (secret, _) = set_up(&world, &mut noor).await;
        world.clock.advance(Duration::from_secs(90));
        let mut program = Client::new(&world.app);
        let body = json!({"email": NOOR, "password": PASSWORD});
        let asked = program.call(Method::POST, "/api/v1/session", &body).await;
        assert!(asked.status == 422 && asked.json()["error"]["fields"]["code"].is_string(), "{}", asked.text);
        let body = json!({"email": NOOR, "password": PASSWORD, "code": code(&world, &secret, 0)});
        assert_eq!(program.call(Method::POST, "/api/v1/session", &body).await.status, 200);
        world.clock.advance(Duration::from_secs(90));
        // A right password between the guesses does not make them free again.
        let mut held = 0;
        for _ in 0..10 {
            let (mut browser, pending) = half(&world).await;
            let answer = browser.post("/sign-in/code", &[("pending", &pending), ("code", "000000")]).await;
            held += u32::from(answer.status == 429);
        }
        assert!(held >= 3, "{held} of 10 guesses were held on {}", world.engine());
    }
}

#[tokio::test]
async fn an_administrator_removes_the_app_of_somebody_who_lost_it() {
    for world in worlds(&[], &[]).await {
        let ada = world.person("Ada", &[]).await;
        let mut browser = world.browser("Ada").await;
        browser.post("/account/second-factor/begin", &[("proof_password", PASSWORD)]).await;
        let page = browser.get("/account/second-factor").await.text;
        let secret = between(&page, "<pre>", "</pre>").unwrap().to_owned();
        browser.post("/account/second-factor/confirm", &[("code", &code(&world, &secret, 0))]).await;
        let mut noor = world.browser("Noor").await;
        assert!(noor.get(&format!("/users/{ada}")).await.text.contains("Remove second proof"));
        assert_eq!(noor.post(&format!("/users/{ada}/second-factor/remove"), &[]).await.status, 303);
        world.browser("Ada").await;
        let verbs: Vec<String> = world.verbs();
        assert!(verbs.contains(&"second_factor.off".into()), "{}", world.engine());
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail_and_nobody_learns_who_has_an_account() {
    for world in worlds_with(with_mail()).await {
        let mut old = world.browser("Noor").await;
        let mut answers = Vec::new();
        for email in [NOOR, "nobody@example.org"] {
            let answer = Client::new(&world.app).post("/forgot", &[("email", email)]).await;
            answers.push((answer.status, answer.text));
        }
        assert_eq!(answers[0], answers[1], "the same for an address that is nobody's");
        let posted = world.letters();
        assert_eq!((posted.len(), posted[0]["to"].as_str()), (1, Some(NOOR)));
        let page = link(&posted[0]);
        let code = page.split_once("code=").unwrap().1.to_owned();
        // Until it is used nothing has changed.
        assert_eq!(old.get("/account").await.status, 200);
        let mut browser = Client::new(&world.app);
        assert!(browser.get(&page).await.text.contains("Choose a password"));
        let weak = browser
            .post(
                "/activate",
                &[("code", &code), ("new_password", "Password123!"), ("new_again", "Password123!")],
            )
            .await;
        assert_eq!(weak.status, 422);
        let new = "violet harbour lantern";
        let fields = [("code", code.as_str()), ("new_password", new), ("new_again", new)];
        assert_eq!(browser.post("/activate", &fields).await.status, 303);
        assert_eq!(browser.post("/activate", &fields).await.status, 404, "the link works once");
        assert_eq!(old.get("/account").await.status, 303, "every session has ended");
        assert_eq!(browser.post("/sign-in", &[("email", NOOR), ("password", PASSWORD)]).await.status, 422);
        assert_eq!(browser.post("/sign-in", &[("email", NOOR), ("password", new)]).await.status, 303);
        let posted = world.letters();
        assert!(posted[1]["subject"].as_str().unwrap().contains("was changed"), "its owner is told");

        // A link ends with its hour, and asking again and again is made slow.
        Client::new(&world.app).post("/forgot", &[("email", NOOR)]).await;
        let code = link(world.letters().last().unwrap()).split_once("code=").unwrap().1.to_owned();
        world.clock.advance(Duration::from_secs(3601));
        let fields = [("code", code.as_str()), ("new_password", new), ("new_again", new)];
        let late = Client::new(&world.app).post("/activate", &fields).await;
        assert_eq!(late.status, 404);
        let mut held = 0;
        for _ in 0..10 {
            held +=
                u32::from(Client::new(&world.app).post("/forgot", &[("email", NOOR)]).await.status == 429);
        }
        assert!(held >= 3, "{held} of 10 were held on {}", world.engine());
    }
}

#[tokio::test]
async fn the_secret_of_an_app_lies_sealed_and_works_on_when_the_key_changed() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let (secret, _) = set_up(&world, &mut noor).await;
        let stored = |world: &World| -> String {
            world.db().read(|tx| tx.query_one("SELECT secret FROM totp", &[], |row| row.get(0))).unwrap()
        };
        let sealed = stored(&world);
        assert!(sealed.starts_with("sealed:") && !sealed.contains(&secret), "{sealed}");
        // As it lay there before secrets were sealed; a start of the controller seals it.
        let clear = secret.clone();
        world
            .change(move |tx| {
                tx.execute("UPDATE totp SET secret = ?1", bo_db::params![&clear])?;
                assert_eq!(bo_identity::SEALED[0].reseal(tx)?, 1);
                assert_eq!(bo_identity::SEALED[0].reseal(tx)?, 0, "once");
                Ok(())
            })
            .await;
        assert!(stored(&world).starts_with("sealed:"));
        world.clock.advance(Duration::from_secs(90));
        let (mut browser, pending) = half(&world).await;
        let code = code(&world, &secret, 0);
        let fields = [("pending", pending.as_str()), ("code", code.as_str())];
        assert_eq!(browser.post("/sign-in/code", &fields).await.status, 303);
        // Moved into another's row it is worth nothing: whoever can write the database gets no further with it.
        let ada = world.person("Ada", &[]).await;
        world
            .change(move |tx| {
                tx.execute("UPDATE totp SET account = ?1", bo_db::params![ada])?;
                assert!(bo_identity::second_factor::take(tx, ada, "000000").is_err());
                Ok(())
            })
            .await;
    }
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old_ones() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let (_, old) = set_up(&world, &mut noor).await;
        let wrong =
            noor.post("/account/second-factor/recovery", &[("proof_password", "not it at all")]).await;
        assert_eq!(wrong.status, 422);
        let page = noor.post("/account/second-factor/recovery", &[("proof_password", PASSWORD)]).await;
        let fresh: Vec<&str> = between(&page.text, "<pre>", "</pre>").unwrap().lines().collect();
        assert!(fresh.len() == 10 && fresh.iter().all(|code| !old.contains(&(*code).to_owned())));
        let (mut browser, pending) = half(&world).await;
        let enter =
            |code: &str| vec![("pending".to_owned(), pending.clone()), ("code".to_owned(), code.to_owned())];
        for (code, status) in [(old[0].as_str(), 422), (fresh[0], 303)] {
            let fields = enter(code);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(browser.post("/sign-in/code", &fields).await.status, status, "{}", world.engine());
        }
    }
}
