//! What people send by mistake or with bad intent: odd names, markup, requests of other sites, other people's ids, guesses about who
//! has an account. Links, sessions and codes that are old or used are beside what they belong to.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::http::Method;
use bo_identity::password::{self, Cost};
use bo_identity::testing::{NOOR, PASSWORD, with_mail, worlds, worlds_with};
use bo_identity::workspace::Builtin;
use bo_web::Need;
use bo_web::testing::Client;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn names_and_mail_addresses_may_be_of_any_script() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let people = [
            ("久美子", "山田", "山田@例え.テスト"),
            ("نور", "حداد", "نور@مثال.إختبار"),
            ("Zoë", "D'Arcy-O'Neil", "zoë.d'arcy+desk@exämple.org"),
            ("Владимир", "Владимирович", "пример@пример.испытание"),
            ("தமிழ்", "செல்வன்", "tamil@example.org"),
        ];
        for (first, last, email) in people {
            let made =
                noor.post("/users", &[("first_name", first), ("last_name", last), ("email", email)]).await;
            assert_eq!(made.status, 303, "{email}: {}", made.text);
            let page = noor.get(made.location()).await.text;
            let shown = format!("{first} {last}").replace('\'', "&#39;");
            assert!(
                page.contains(&shown) || page.contains(&format!("{first} {last}")),
                "{email} on {}",
                world.engine()
            );
        }
        let sent: Vec<String> =
            world.letters().iter().map(|letter| letter["to"].as_str().unwrap().to_owned()).collect();
        assert_eq!(sent, people.map(|(_, _, email)| email.to_owned()), "a letter each");
        // However an accent is typed, it is the same person.
        let twice = [
            ("first_name", "Zoë"),
            ("last_name", "D"),
            ("email", "zoe\u{308}.d'arcy+desk@exa\u{308}mple.org"),
        ];
        let refused = noor.post("/users", &twice).await;
        assert!(
            refused.status == 422 && refused.text.contains("belongs to somebody here already"),
            "{}",
            refused.text
        );
    }
}

#[tokio::test]
async fn a_name_that_hides_signs_or_is_too_long_or_an_address_that_is_none_is_refused_beside_its_field() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let long = "x".repeat(81);
        let cases = [
            ("first_name", "Noor\u{202E}dadaH", "can't be seen"),
            ("last_name", "A\u{7}b", "can't be seen"),
            ("last_name", long.as_str(), "at most 80 characters"),
            ("email", "two@signs@", "must be a mail address"),
            ("email", "no spaces@example.org", "must be a mail address"),
            ("email", "a@b\r\nBcc: all@example.org", "must be a mail address"),
            ("email", "<script>@example.org", "must be a mail address"),
            ("gender", "X", "must be F, M or U"),
            ("language", "tlh", "is not one of the languages"),
        ];
        for (field, value, says) in cases {
            let mut form = vec![
                ("first_name", "Ada"),
                ("last_name", "Quist"),
                ("email", "ada@example.org"),
                ("job", "Planner"),
            ];
            form.retain(|(name, _)| *name != field);
            form.push((field, value));
            let answer = noor.post("/users", &form).await;
            assert_eq!(answer.status, 422, "{field}={value}");
            assert!(answer.text.contains(says), "{field}: {}", answer.text);
            assert!(answer.text.contains("value=\"Planner\""), "what was typed is kept");
        }
        assert_eq!(
            noor.get("/api/v1/users").await.json()["items"].as_array().unwrap().len(),
            1,
            "{}",
            world.engine()
        );
    }
}

#[tokio::test]
async fn markup_in_a_name_is_shown_and_never_run() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        let nasty = "<img src=x onerror=alert(1)>";
        let form = [
            ("first_name", nasty),
            ("last_name", "\"><script>x</script>"),
            ("email", "x@example.org"),
            ("job", nasty),
        ];
        assert_eq!(noor.post("/users", &form).await.status, 200);
        let group = noor.call(Method::POST, "/api/v1/groups", &json!({"name": nasty, "about": nasty})).await;
        assert_eq!(group.status, 201, "{}", group.text);
        let id = noor.get("/api/v1/users?q=x@").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let pages = [
            "/users".to_owned(),
            format!("/users/{id}"),
            "/users?q=%3Cscript%3Ealert(1)%3C/script%3E".into(),
            "/groups".into(),
            format!("/groups/{}", group.json()["id"].as_str().unwrap()),
            "/access/modules".into(),
            format!("/access/review?subject=account:{id}"),
            format!("/access?subject=account:{id}&object={}", world.area("users")),
        ];
        for page in pages {
            let answer = noor.get(&page).await;
            assert_eq!(answer.status, 200, "{page}");
            for bad in ["<img src=x", "<script>x", "<script>alert"] {
                assert!(!answer.text.contains(bad), "{page} runs it on {}", world.engine());
            }
        }
        let csv = noor.get("/users?format=csv").await;
        assert!(csv.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    }
}

#[tokio::test]
async fn no_form_and_no_call_works_for_another_site() {
    for world in worlds(&[], &[]).await {
        let noor = world.browser("Noor").await;
        let mut tried = 0;
        for route in world.app.routes().iter().filter(|route| route.is_mutation()) {
            if matches!(route.need, Need::Anyone(_)) {
                continue;
            }
            // Whatever stands in the path: the origin is looked at for what is there as for what is not.
            let path: String = route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let mut forged = noor.clone();
            forged.csrf = String::new();
            let answer = forged
                .send(route.method.clone(), &path, Some("application/x-www-form-urlencoded"), Vec::new())
                .await;
            assert!(
                matches!(answer.status.as_u16(), 403 | 404),
                "{} {path}: {}",
                route.method,
                answer.status
            );
            assert!(!answer.text.contains("another look"), "{path} was worked on");
            tried += 1;
        }
        assert!(tried > 40, "only {tried} on {}", world.engine());
        let mut still = noor.clone();
        assert_eq!(still.get("/account").await.status, 200, "nothing of it was done");
    }
}

#[tokio::test]
async fn every_form_withstands_other_sites_guessed_ids_and_junk() {
    for world in worlds_with(with_mail()).await {
        let mut noor = world.browser("Noor").await;
        let ada = world.person("Ada", &[Builtin::Team]).await;
        noor.call(Method::POST, "/api/v1/groups", &json!({"name": "Night shift"})).await;
        noor.post("/workspace/invitations", &[("email", "nina@example.org")]).await;
        noor.call(Method::POST, "/api/v1/tokens", &json!({"name": "n", "level": "view"})).await;
        let user = format!("/users/{ada}");
        let pages = [
            "/users",
            &user,
            "/groups",
            "/access/modules",
            "/access/sign-in",
            "/workspace",
            "/workspace/members",
            "/workspace/domains",
            "/workspace/licences",
            "/workspaces/new",
            "/account",
            "/account/security",
            "/account/tokens",
        ];
        bo_identity::testing::withstands_abuse(&world, &pages, (60, 8, 14)).await;
    }
}

#[tokio::test]
async fn other_peoples_sessions_tokens_and_passkeys_are_not_there_for_whoever_guesses_their_ids() {
    for world in worlds(&[], &[]).await {
        let mut noor = world.browser("Noor").await;
        noor.call(Method::POST, "/api/v1/tokens", &json!({"name": "n", "level": "view"})).await;
        let session =
            noor.get("/api/v1/sessions").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let token = noor.get("/api/v1/tokens").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        world.person("Ada", &[Builtin::Admin]).await;
        let mut ada = world.browser("Ada").await;
        for path in [
            format!("/account/sessions/{session}/end"),
            format!("/account/tokens/{token}/revoke"),
            format!("/account/passkeys/{token}/remove"),
        ] {
            assert_eq!(ada.post(&path, &[("name", "x")]).await.status, 404, "{path}");
        }
        for path in [format!("/api/v1/sessions/{session}"), format!("/api/v1/tokens/{token}")] {
            assert_eq!(ada.call(Method::DELETE, &path, &json!({})).await.status, 404, "{path}");
        }
        assert_eq!(noor.get("/account").await.status, 200, "{}", world.engine());
    }
}

#[tokio::test]
async fn nobody_learns_by_signing_in_who_has_an_account_is_invited_or_disabled() {
    for world in worlds(&[], &[]).await {
        let ada = world.person("Ada", &[]).await;
        let mut noor = world.browser("Noor").await;
        noor.post("/users", &[("first_name", "In"), ("last_name", "Vited"), ("email", "in@example.org")])
            .await;
        assert_eq!(noor.post(&format!("/users/{ada}/disable"), &[]).await.status, 303);
        let mut answers = Vec::new();
        for (email, password) in [
            (NOOR, "not her password"),
            ("nobody@example.org", PASSWORD),
            ("in@example.org", PASSWORD),
            ("ada@example.org", PASSWORD),
        ] {
            let answer =
                Client::new(&world.app).post("/sign-in", &[("email", email), ("password", password)]).await;
            answers.push((answer.status, answer.text.replace(email, "")));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{}", world.engine());
    }
}

/// The shortest of several measurements, taken in turns: what else the machine does only ever adds.
#[test]
fn a_password_of_nobody_takes_as_long_to_refuse_as_a_wrong_one() {
    let cost = Cost { memory: 19 * 1024, passes: 2 };
    let stored = password::hash(PASSWORD, cost).unwrap();
    let time = |stored: Option<&str>| {
        let started = Instant::now();
        assert!(!password::verify("a wrong password", stored, cost));
        started.elapsed()
    };
    time(None);
    let shortest =
        |(known, unknown): (Duration, Duration), _| (known.min(time(Some(&stored))), unknown.min(time(None)));
    let (known, unknown) = (0..15).fold((Duration::MAX, Duration::MAX), shortest);
    assert!(unknown * 2 > known && known * 2 > unknown, "{unknown:?} for nobody, {known:?} for somebody");
}

#[tokio::test]
async fn no_address_to_go_on_to_leads_to_another_site() {
    for world in worlds(&[], &[]).await {
        for next in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/\u{2028}evil",
        ] {
            let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let mut noor = world.browser("Noor").await;
            assert_eq!(noor.get(&format!("/sign-in?next={query}")).await.location(), "/", "{next}");
            let page = Client::new(&world.app).get(&format!("/sign-in?next={query}")).await.text;
            assert!(!page.contains("evil") && !page.contains("alert"), "{next} on {}", world.engine());
        }
    }
}
