//! Channels and messages in the console: made with a form, tried out against a real receiver, given up, tried again.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

mod common;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bo_delivery::{Senders, step};
use bo_model::Level;
use common::people::{app, browser};
use common::{Rig, rigs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

const SECRET: &str = "a long and secret word";

/// Somebody who takes webhooks, answers what they are told to, and counts those that are signed.
struct Receiver {
    url: String,
    answer: Arc<AtomicU16>,
    signed: Arc<AtomicUsize>,
}

async fn receiver() -> Receiver {
    let (answer, signed) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
    let (says, counts) = (answer.clone(), signed.clone());
    let take = move |headers: HeaderMap| async move {
        counts.fetch_add(usize::from(headers.contains_key("x-backoffice-signature")), Ordering::SeqCst);
        StatusCode::from_u16(says.load(Ordering::SeqCst)).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    Receiver { url, answer, signed }
}

async fn send(rig: &Rig) {
    let senders = Senders::new(rig.estate.clock.clone(), None, None).unwrap();
    while step(&rig.db, &senders).await.unwrap() > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_made_tried_out_given_up_and_tried_again() {
    for rig in rigs() {
        let (app, there) = (app(&rig), receiver().await);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let offer = noor.get("/channels").await;
        assert!(offer.text.contains("Nobody is told of alarms yet"), "{}", offer.text);
        let form = |name: &str, secret: &str| {
            [
                ("kind", "webhook"),
                ("name", name),
                ("address", there.url.as_str()),
                ("secret", secret),
                ("zone", ""),
                ("severity", "warning"),
                ("after_minutes", "15"),
                ("quiet_minutes", "10"),
                ("enabled", "true"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        let filled = |form: &[(String, String)]| form.to_vec();
        let post = async |client: &mut bo_web::testing::Client, path: &str, form: &[(String, String)]| {
            let form: Vec<(&str, &str)> =
                form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            client.post(path, &form).await
        };
        let short = post(&mut noor, "/channels/new", &form("Desk", "short")).await;
        assert_eq!(short.status, 422);
        assert!(
            short.text.contains("at least 16 characters") && short.text.contains("value=\"Desk\""),
            "{}",
            short.text
        );
        let made = post(&mut noor, "/channels/new", &form("Desk", SECRET)).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let path = made.location().to_owned();
        let again = post(&mut noor, "/channels/new", &form("desk", SECRET)).await;
        assert!(again.status == 422 && again.text.contains("Name is taken"), "{}", again.text);

        // What is kept secret stays so when the rest is changed, and stands nowhere.
        let renamed = post(&mut noor, &path, &filled(&form("Help desk", ""))).await;
        assert_eq!(renamed.status, 303, "{}", renamed.text);
        for page in [path.as_str(), "/channels", "/audit?q=secret", "/deliveries", "/api/v1/channels"] {
            assert!(!noor.get(page).await.text.contains(SECRET), "{page}");
        }
        let shown = noor.get("/channels").await;
        let words = "Warnings and critical alarms, when nobody has seen to them after 15 min";
        assert!(shown.text.contains("Help desk") && shown.text.contains(words), "{}", shown.text);

        let tried = noor.post(&format!("{path}/test"), &[]).await;
        assert_eq!(tried.location(), path);
        assert!(noor.get(&path).await.text.contains("On its way"));
        send(&rig).await;
        assert!(noor.get(&path).await.text.contains("Sent"), "{}", rig.test.engine);
        assert_eq!(there.signed.load(Ordering::SeqCst), 1, "the secret of before signed it");

        there.answer.store(403, Ordering::SeqCst);
        noor.post(&format!("{path}/test"), &[]).await;
        send(&rig).await;
        let failed = noor.get("/deliveries?state=failed").await;
        assert!(failed.text.contains("The receiver answered 403."), "{}", failed.text);
        let retry = failed.text.split("action=\"/deliveries/").nth(1).unwrap().split('"').next().unwrap();
        let retry = format!("/deliveries/{retry}");
        let mut guest = browser(&rig, &app, "guest", Some(Level::View)).await;
        assert_ne!(guest.post(&retry, &[]).await.status, 303);
        there.answer.store(200, Ordering::SeqCst);
        assert_eq!(noor.post(&retry, &[]).await.status, 303);
        send(&rig).await;
        assert_eq!(there.signed.load(Ordering::SeqCst), 3);
        assert!(noor.get("/deliveries?state=failed").await.text.contains("Nothing found"));
        assert_eq!(noor.post(&retry, &[]).await.status, 409, "what was sent is not sent twice");

        assert_eq!(noor.post(&format!("{path}/remove"), &[]).await.location(), "/channels");
        assert_eq!(noor.get(&path).await.status, 404);
        let audit = noor.get("/audit?verb=channel").await;
        for words in ["Made a channel", "Changed a channel", "Tried a channel out", "Removed a channel"] {
            assert!(audit.text.contains(words), "{words}: {}", audit.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_group_is_told_so_before_anybody_relies_on_it() {
    for rig in rigs() {
        let app = app(&rig);
        let mut noor = browser(&rig, &app, "noor", Some(Level::Own)).await;
        let page = noor.get("/channels/new?kind=mail").await;
        // Nobody of the imported group has set a password.
        let group =
            page.text.split("Everybody in Facilities").next().unwrap().rsplit("value=\"").next().unwrap();
        let group = group.split('"').next().unwrap().to_owned();
        let form = [
            ("kind", "mail"),
            ("name", "Facilities"),
            ("recipient", group.as_str()),
            ("severity", "info"),
            ("after_minutes", "0"),
            ("quiet_minutes", "0"),
            ("enabled", "true"),
        ];
        let made = noor.post("/channels/new", &form).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let tried = noor.post(&format!("{}/test", made.location()), &[]).await;
        assert_eq!(tried.status, 422);
        assert!(tried.text.contains("Nobody active is in that group"), "{}", tried.text);
    }
}
