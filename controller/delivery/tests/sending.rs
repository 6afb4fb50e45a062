//! Messages that really leave: to a mail server, a web server and a broker, on both databases.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as With;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bo_db::testing::TestDb;
use bo_db::{Db, DbError};
use bo_delivery::{
    Mail, MailConfig, MailSecurity, Message, MqttConfig, New, Publish, Senders, State, Wanted, Webhook, list,
    queue, retry, signature, step,
};
use bo_model::{ManualClock, Time, WorkspaceId};
use bo_testkit::process::Process;
use bo_testkit::{free_port, has, skip_without, wait_for};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const START: Time = Time(1_790_000_000_000_000);

fn workspace() -> WorkspaceId {
    "01900000-0000-7000-8000-000000000001".parse().unwrap()
}

fn put(db: &Db, new: New) -> i64 {
    db.write_blocking(move |tx| {
        tx.unaudited("a test arranges its world");
        queue(tx, &new)
    })
    .unwrap()
}

fn mail(to: &str) -> New {
    let mail = Mail { html: Some("<p>Grüße</p>".into()), ..Mail::to(to, "Grüße", "Grüße\n") };
    New::mail(workspace(), mail)
}

fn all(db: &Db) -> Vec<bo_delivery::Delivery> {
    db.read(|tx| list(tx, workspace(), &Wanted::default(), i64::MAX, 100)).unwrap()
}

fn smtp(args: &[&str]) -> Option<(Process, u16)> {
    let there = Command::new("python3").args(["-c", "import aiosmtpd"]).output();
    if skip_without("aiosmtpd for python3", there.is_ok_and(|out| out.status.success())) {
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp.py");
    let server = Process::start("smtp", Command::new("python3").arg(script).args(args)).unwrap();
    let port = wait_for("the mail server's port", Duration::from_secs(20), || {
        Ok(server.output().lines().find_map(|line| line.parse::<u16>().ok()))
    });
    Some((server, port.unwrap()))
}

fn server(port: u16) -> MailConfig {
    MailConfig {
        host: "127.0.0.1".into(),
        port: Some(port),
        security: MailSecurity::None,
        ca_file: None,
        username: None,
        password_file: None,
        from: "BackOffice <backoffice@example.org>".into(),
    }
}

fn taken(server: &Process) -> Vec<Json> {
    server
        .output()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(Json::is_object)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives_once_whole_and_what_it_held_is_forgotten() {
    let Some((smtp, port)) = smtp(&[]) else { return };
    let clock = ManualClock::at(START);
    for test in TestDb::each(&bo_delivery::MIGRATIONS, clock.clone()).unwrap() {
        let senders = Senders::new(clock.clone(), Some(&server(port)), None).unwrap();
        let before = taken(&smtp).len();
        let id = put(&test.db, mail("Noor Haddad <noor@example.org>"));
        assert_eq!(step(&test.db, &senders).await.unwrap(), 1);
        assert_eq!(step(&test.db, &senders).await.unwrap(), 0, "it is sent once");
        let arrived =
            wait_for("the mail", Duration::from_secs(10), || Ok(taken(&smtp).get(before).cloned())).unwrap();
        assert_eq!(arrived["to"], json!(["noor@example.org"]));
        assert_eq!(arrived["subject"], "Grüße");
        assert_eq!(arrived["id"], format!("<delivery-{id}@example.org>"));
        assert_eq!(arrived["parts"]["text/plain"].as_str().unwrap().trim(), "Grüße");
        assert_eq!(arrived["parts"]["text/html"].as_str().unwrap().trim(), "<p>Grüße</p>");
        let kept = all(&test.db);
        assert_eq!((kept[0].state, kept[0].attempts, kept[0].error.as_str()), (State::Sent, 1, ""));
        let text: String = test
            .db
            .read(|tx| tx.query_one("SELECT message FROM delivery", &[], |row| row.get(0)))
            .map_err(|error: DbError| error.to_string())
            .unwrap();
        assert_eq!(text, "", "{}", test.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_later_is_asked_later_and_one_that_says_no_is_not_asked_again() {
    let Some((_smtp, port)) = smtp(&[]) else { return };
    let clock = ManualClock::at(START);
    for test in TestDb::each(&bo_delivery::MIGRATIONS, clock.clone()).unwrap() {
        let senders = Senders::new(clock.clone(), Some(&server(port)), None).unwrap();
        put(&test.db, mail("later@example.org"));
        put(&test.db, mail("refuse@example.org"));
        assert_eq!(step(&test.db, &senders).await.unwrap(), 2);
        let kept = all(&test.db);
        assert_eq!(kept[0].state, State::Failed);
        assert!(kept[0].error.contains("nobody of that name"), "{}", kept[0].error);
        assert_eq!(kept[1].state, State::Waiting);
        assert_eq!(step(&test.db, &senders).await.unwrap(), 0, "not before its time");
        clock.advance(Duration::from_secs(31));
        assert_eq!(step(&test.db, &senders).await.unwrap(), 1);
        assert_eq!(all(&test.db)[1].attempts, 2);
        let id = kept[0].id;
        let again = test.db.write_blocking(move |tx| {
            tx.unaudited("a test");
            retry(tx, workspace(), id)
        });
        assert!(again.map_err(|error: DbError| error.to_string()).unwrap());
        assert_eq!(step(&test.db, &senders).await.unwrap(), 1, "somebody asked for it");
        // Two days on, what was put off is given up.
        for _ in 0..20 {
            clock.advance(Duration::from_secs(4 * 3600));
            step(&test.db, &senders).await.unwrap();
        }
        assert!(all(&test.db).iter().all(|delivery| delivery.state == State::Failed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_over_verified_tls_with_a_password_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let password = folder.path().join("password");
    write_secret(&password, "hunter2");
    let (cert, key) = (certificate.to_string_lossy().into_owned(), key.to_string_lossy().into_owned());
    let Some((smtp, port)) = smtp(&[&cert, &key, "hunter2"]) else { return };
    let clock = ManualClock::at(START);
    let test = TestDb::sqlite(&bo_delivery::MIGRATIONS, clock.clone()).unwrap();
    let good = MailConfig {
        host: "localhost".into(),
        security: MailSecurity::Starttls,
        ca_file: Some(certificate.clone()),
        username: Some("backoffice".into()),
        password_file: Some(password),
        ..server(port)
    };
    let untrusted = MailConfig { ca_file: None, ..good.clone() };
    put(&test.db, mail("noor@example.org"));
    let senders = Senders::new(clock.clone(), Some(&untrusted), None).unwrap();
    step(&test.db, &senders).await.unwrap();
    assert_eq!(all(&test.db)[0].state, State::Waiting, "an unknown authority is not trusted");
    assert!(taken(&smtp).is_empty());
    clock.advance(Duration::from_secs(31));
    let senders = Senders::new(clock.clone(), Some(&good), None).unwrap();
    step(&test.db, &senders).await.unwrap();
    assert_eq!(all(&test.db)[0].state, State::Sent, "{}", all(&test.db)[0].error);
    let arrived = wait_for("the mail", Duration::from_secs(10), || Ok(taken(&smtp).pop())).unwrap();
    assert_eq!(arrived["tls"], true);
}

fn write_secret(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

type Seen = Arc<Mutex<Vec<(HeaderMap, String)>>>;

async fn receiver() -> (String, Seen) {
    let seen = Seen::default();
    async fn take(With(seen): With<Seen>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let mut seen = seen.lock().unwrap();
        seen.push((headers, String::from_utf8_lossy(&body).into_owned()));
        if seen.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    }
    let moved = || async { (StatusCode::FOUND, [("location", "/hook")]) };
    let router = Router::new()
        .route("/hook", post(take))
        .route("/moved", post(moved))
        .route("/no", post(|| async { StatusCode::FORBIDDEN }))
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, seen)
}

fn hook(url: String) -> New {
    let (event, secret) = ("alarm.raised".to_owned(), "shared".to_owned());
    New::message(
        workspace(),
        Message::Webhook(Webhook { url, event, secret, body: json!({"text": "Too hot"}) }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_signed_tried_again_and_never_redirected() {
    let clock = ManualClock::at(START);
    for test in TestDb::each(&bo_delivery::MIGRATIONS, clock.clone()).unwrap() {
        let (base, seen) = receiver().await;
        let senders = Senders::new(clock.clone(), None, None).unwrap();
        let id = put(&test.db, hook(format!("{base}/hook")));
        step(&test.db, &senders).await.unwrap();
        assert_eq!(all(&test.db)[0].state, State::Waiting);
        clock.advance(Duration::from_secs(31));
        step(&test.db, &senders).await.unwrap();
        assert_eq!(all(&test.db)[0].state, State::Sent, "{}", test.engine);
        let requests = seen.lock().unwrap().clone();
        assert_eq!(requests.len(), 2);
        let (headers, body) = &requests[1];
        assert_eq!(serde_json::from_str::<Json>(body).unwrap(), json!({"text": "Too hot"}));
        assert_eq!(headers["x-backoffice-delivery"], id.to_string());
        let sent = headers["x-backoffice-signature"].to_str().unwrap();
        let seconds: i64 = sent.split_once("t=").unwrap().1.split_once(',').unwrap().0.parse().unwrap();
        assert_eq!(sent, signature("shared", Time::from_seconds(seconds), body));

        put(&test.db, hook(format!("{base}/no")));
        put(&test.db, hook(format!("{base}/moved")));
        put(&test.db, hook("http://127.0.0.1:1/closed?token=abc".into()));
        step(&test.db, &senders).await.unwrap();
        let kept = all(&test.db);
        assert_eq!((kept[2].state, kept[2].error.as_str()), (State::Failed, "the receiver answered 403"));
        assert_eq!((kept[1].state, kept[1].error.as_str()), (State::Waiting, "the receiver answered 302"));
        assert_eq!(kept[0].state, State::Waiting);
        assert!(!kept[0].error.contains("abc"), "{}", kept[0].error);
        assert_eq!(seen.lock().unwrap().len(), 2, "a redirect is not followed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_a_broker() {
    if skip_without("mosquitto", has("mosquitto") && has("mosquitto_sub")) {
        return;
    }
    let port = free_port().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("mosquitto.conf");
    std::fs::write(&settings, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    let broker =
        Process::start("mosquitto", Command::new("mosquitto").arg("-v").arg("-c").arg(&settings)).unwrap();
    wait_for("the broker", Duration::from_secs(10), || {
        Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(drop))
    })
    .unwrap();
    let mut listen = Command::new("mosquitto_sub");
    listen.args(["-p", &port.to_string(), "-t", "site/#", "-v", "-C", "1"]);
    let listener = Process::start("mosquitto_sub", &mut listen).unwrap();
    wait_for("the subscription", Duration::from_secs(10), || {
        Ok(broker.output().contains("Sending SUBACK").then_some(()))
    })
    .unwrap();
    let clock = ManualClock::at(START);
    let test = TestDb::sqlite(&bo_delivery::MIGRATIONS, clock.clone()).unwrap();
    let settings = MqttConfig {
        host: "127.0.0.1".into(),
        port,
        plain: true,
        ca_file: None,
        username: None,
        password_file: None,
    };
    let senders = Senders::new(clock, None, Some(&settings)).unwrap();
    let publish = Publish { topic: "site/alarms".into(), body: json!({"text": "Too hot"}) };
    put(&test.db, New::message(workspace(), Message::Mqtt(publish)));
    step(&test.db, &senders).await.unwrap();
    assert_eq!(all(&test.db)[0].state, State::Sent, "{}", all(&test.db)[0].error);
    let line = "site/alarms {\"text\":\"Too hot\"}";
    wait_for("the message", Duration::from_secs(10), || Ok(listener.output().contains(line).then_some(())))
        .unwrap();
}

#[tokio::test]
async fn a_channel_that_is_not_set_up_says_what_to_do() {
    let clock = ManualClock::at(START);
    let test = TestDb::sqlite(&bo_delivery::MIGRATIONS, clock.clone()).unwrap();
    put(&test.db, mail("noor@example.org"));
    let senders = Senders::new(clock, None, None).unwrap();
    step(&test.db, &senders).await.unwrap();
    assert!(all(&test.db)[0].error.contains("add [mail] to the controller's configuration"));
}
