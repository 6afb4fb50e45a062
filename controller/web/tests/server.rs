//! The server on real sockets: plain and TLS, upgrades, an orderly end.
#![allow(clippy::unwrap_used, reason = "what cannot be arranged fails the test")]

use bo_db::testing::TestDb;
use bo_model::{AccountId, IdGen, Level, ManualClock, SessionId, Time, WorkspaceId};
use bo_runtime::Shutdown;
use bo_web::app::{App, AppConfig};
use bo_web::{Access, Credential, Ctx, Need, Result, Routes, Via, Viewer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use uuid::Uuid;

fn viewer(now: Time) -> Viewer {
    Viewer {
        account: AccountId(Uuid::from_u128(1)),
        name: "Noor".into(),
        email: "noor@example.org".into(),
        workspace: WorkspaceId(Uuid::from_u128(2)),
        workspace_name: "Acme".into(),
        session: SessionId(Uuid::from_u128(3)),
        via: Via::Session,
        cap: Level::Own,
        seen: now,
        behind: None,
        scopes: std::sync::Arc::default(),
        confined: false,
    }
}

/// Whoever shows the cookie `good` is Noor, who owns everything.
fn access() -> Access {
    Access {
        authenticate: Arc::new(|tx, credential| {
            Ok(matches!(credential, Credential::Cookie("good")).then(|| viewer(tx.now())))
        }),
        level: Arc::new(|_, viewer, _| Ok(if viewer.is_some() { Level::Own } else { Level::None })),
        workspaces: Arc::new(|_, _| Ok(Vec::new())),
        home: Arc::new(|_, _, _| Ok(None)),
        site: Arc::new(|_, _| Ok(None)),
        some: Arc::new(|_, _, _| Ok(false)),
        touch: Arc::new(|_, _| Ok(())),
    }
}

struct Started {
    address: SocketAddr,
    shutdown: Shutdown,
    _test: TestDb,
}

async fn start(routes: Routes, tls: Option<Arc<rustls::ServerConfig>>) -> Started {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    let test = TestDb::sqlite(&[], clock.clone()).unwrap();
    let app = App::new(AppConfig {
        name: "BackOffice".into(),
        version: "0",
        db: test.db.clone(),
        clock: clock.clone(),
        ids: Arc::new(IdGen::new(clock, 1)),
        access: access(),
        secret: [7; 32],
        secure: tls.is_some(),
        trusted_proxies: Vec::new(),
        nav: Vec::new(),
        routes: vec![routes],
        metrics: Some(Arc::new(|| "bo_up 1\n".into())),
        ready: vec![("uplink", Arc::new(|| Err("no broker".into())))],
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    shutdown.spawn(bo_web::server::serve(listener, app.router(), tls, shutdown.clone()));
    Started { address, shutdown, _test: test }
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: bo.example\r\nconnection: close\r\n{more}\r\n")
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn health_readiness_and_numbers_answer_on_this_machine() {
    let started = start(Routes::new("test"), None).await;
    assert!(ask(started.address, &get("/healthz", "")).await.ends_with("ok\n"));
    let ready = ask(started.address, &get("/readyz", "")).await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("\"not_ready\":[\"uplink\"]"), "{ready}");
    assert!(!ready.contains("no broker"), "details are for the log");
    assert!(ask(started.address, &get("/metrics", "")).await.ends_with("bo_up 1\n"));
    assert!(started.shutdown.drain(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_request_in_flight_finishes_before_the_end_and_no_new_one_begins() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entered, leave) = (begun.clone(), go.clone());
    let slow = move |_: Ctx| {
        let (entered, leave) = (entered.clone(), leave.clone());
        async move {
            entered.notify_one();
            leave.notified().await;
            Result::Ok("finished")
        }
    };
    let started = start(Routes::new("test").get("/slow", Need::anyone("a test"), slow), None).await;
    let address = started.address;
    let request = tokio::spawn(async move { ask(address, &get("/slow", "")).await });
    begun.notified().await;
    let shutdown = started.shutdown.clone();
    let drained = tokio::spawn(async move { shutdown.drain(Duration::from_secs(10)).await });
    started.shutdown.signalled().await;
    go.notify_one();
    assert!(request.await.unwrap().ends_with("finished"));
    assert!(drained.await.unwrap());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_handler_that_panics_costs_one_answer() {
    async fn bug(_: Ctx) -> Result<&'static str> {
        let nothing: Vec<u8> = Vec::new();
        Ok(if nothing[0] == 1 { "a" } else { "b" })
    }
    let started = start(Routes::new("test").get("/bug", Need::anyone("a test"), bug), None).await;
    let answer = ask(started.address, &get("/bug", "")).await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("Something went wrong"), "{answer}");
    assert!(!answer.contains("index out of bounds"), "what went wrong inside is for the log");
    assert!(ask(started.address, &get("/healthz", "")).await.ends_with("ok\n"));
}

#[tokio::test]
async fn a_web_socket_is_only_opened_for_whoever_may() {
    async fn live(ctx: Ctx) -> Result<axum::response::Response> {
        ctx.websocket(|mut socket| async move {
            let _ = socket.send("hello".into()).await;
        })
        .await
    }
    let started = start(Routes::new("test").get("/api/v1/live", Need::signed_in(), live).long(), None).await;
    let upgrade =
        "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let open = |cookie: &str| {
        format!(
            "GET /api/v1/live HTTP/1.1\r\nhost: bo.example\r\nconnection: upgrade\r\n{upgrade}{cookie}\r\n"
        )
    };
    let mut stream = TcpStream::connect(started.address).await.unwrap();
    stream.write_all(open("cookie: bo=good\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x81\x05hello") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    let mut stream = TcpStream::connect(started.address).await.unwrap();
    stream.write_all(open("").as_bytes()).await.unwrap();
    let mut start = [0u8; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 401");
}

#[tokio::test]
async fn over_tls_cookies_and_headers_insist_on_it() {
    let made = rcgen::generate_simple_self_signed(["bo.example".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let ring = || Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let started = start(Routes::new("test"), Some(Arc::new(server))).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(started.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("bo.example").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    stream.write_all(get("/healthz", "").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The server closes without a TLS goodbye when the client asked it to close.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    // Somebody who speaks no TLS, or says nothing at all, does not hold up the others.
    let _silent = TcpStream::connect(started.address).await.unwrap();
    assert!(!ask(started.address, &get("/healthz", "")).await.contains("ok\n"));
}

#[tokio::test]
async fn a_style_is_kept_by_browsers_under_its_version_and_asked_for_again_otherwise() {
    let started = start(Routes::new("test"), None).await;
    let href = bo_web::assets::href("icon.svg");
    assert!(href.contains("?v="), "{href}");
    let fresh = ask(started.address, &get(&href, "")).await;
    assert!(fresh.contains("max-age=31536000, immutable") && fresh.contains("image/svg+xml"), "{fresh}");
    let tag = fresh.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = ask(started.address, &get("/assets/icon.svg", &format!("if-none-match: {tag}\r\n"))).await;
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    assert!(ask(started.address, &get("/assets/../Cargo.toml", "")).await.starts_with("HTTP/1.1 404"));
}
