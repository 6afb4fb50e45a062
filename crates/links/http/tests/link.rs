//! The HTTP link against a small server of the test's own, so that every byte of the reply can be wrong.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use bo_link::{Handle, HttpReply, HttpRequest, LinkError, LinkState, Urgency};
use bo_link_http::{ConfigError, spawn};
use bo_link_stream::testing::Authority;
use bo_model::SystemClock;
use bo_model::release::{LinkConfig, TlsClient};
use bo_runtime::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

type Link = Handle<HttpRequest, HttpReply>;

const PATIENCE: Duration = Duration::from_secs(20);

fn link(base: &str, tls: Option<TlsClient>) -> Link {
    let config = LinkConfig::Http { base: base.to_owned(), tls };
    spawn(&config, Arc::new(SystemClock), &Shutdown::new()).unwrap()
}

fn request(method: &str, path: &str, body: &str) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        path: path.into(),
        headers: vec![("authorization".into(), "Bearer secret".into())],
        body: body.to_owned().into(),
    }
}

async fn get(link: &Link, path: &str) -> Result<HttpReply, LinkError> {
    link.call(request("GET", path, ""), Urgency::Command, PATIENCE).await
}

async fn state(link: &Link, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
    let mut health = link.health();
    let seen = tokio::time::timeout(PATIENCE, health.wait_for(|health| wanted(&health.state))).await;
    seen.expect("the link never got there").unwrap().state.clone()
}

/// Requests a server saw: first line, then headers and body.
type Seen = Arc<Mutex<Vec<String>>>;

/// Reads one request and answers by its path.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, seen: Seen, elsewhere: u16) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let mut text = String::from_utf8(head).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0u8; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    text += &String::from_utf8(body).unwrap();
    seen.lock().unwrap().push(text.clone());
    let path = text.split(' ').nth(1).unwrap().to_owned();
    let close = "connection: close\r\n";
    let reply = match path.as_str() {
        "/api/missing" => format!("HTTP/1.1 404 Not Found\r\n{close}content-length: 4\r\n\r\nnope"),
        "/api/away" => format!(
            "HTTP/1.1 302 Found\r\n{close}location: http://127.0.0.1:{elsewhere}/steal\r\ncontent-length: 0\r\n\r\n"
        ),
        "/api/near" => {
            format!("HTTP/1.1 302 Found\r\n{close}location: /api/status\r\ncontent-length: 0\r\n\r\n")
        }
        "/api/announced" => format!("HTTP/1.1 200 OK\r\n{close}content-length: 99999999\r\n\r\n"),
        "/api/endless" => {
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}\r\n").as_bytes()).await;
            while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
            return;
        }
        "/api/garbage" => "SSH-2.0-OpenSSH\r\n".into(),
        "/api/slow" => {
            tokio::time::sleep(PATIENCE).await;
            return;
        }
        _ => format!("HTTP/1.1 200 OK\r\n{close}x-model: M1\r\ncontent-length: 2\r\n\r\nok"),
    };
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A server and its port. `elsewhere` is where its redirects lead.
async fn server(elsewhere: u16) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let all = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, all.clone(), elsewhere));
        }
    });
    (port, seen)
}

#[tokio::test]
async fn requests_go_out_whole_and_any_status_is_a_reply() {
    let (port, seen) = server(0).await;
    let link = link(&format!("http://127.0.0.1:{port}/api"), None);
    let reply =
        link.call(request("POST", "/power?on=1", "{\"on\":true}"), Urgency::Command, PATIENCE).await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (200, &b"ok"[..]));
    assert!(reply.headers.contains(&("x-model".into(), "M1".into())));
    let sent = seen.lock().unwrap()[0].clone();
    assert!(sent.starts_with("POST /api/power?on=1 HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: Bearer secret") && sent.ends_with("{\"on\":true}"), "{sent}");
    let missing = get(&link, "/missing").await.unwrap();
    assert_eq!((missing.status, &missing.body[..]), (404, &b"nope"[..]));
    assert_eq!(state(&link, |state| *state == LinkState::Up).await, LinkState::Up);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_and_one_on_the_same_host_is() {
    let (thief, stolen) = server(0).await;
    let (port, _) = server(thief).await;
    let link = link(&format!("http://127.0.0.1:{port}/api"), None);
    assert_eq!(get(&link, "/away").await.unwrap().status, 302);
    assert!(stolen.lock().unwrap().is_empty());
    assert_eq!(get(&link, "/near").await.unwrap().status, 200);
}

#[tokio::test]
async fn bodies_without_end_and_replies_that_are_no_http_are_errors() {
    let (port, _) = server(0).await;
    let link = link(&format!("http://127.0.0.1:{port}/api"), None);
    for path in ["/announced", "/endless"] {
        let error = get(&link, path).await.unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
    assert!(matches!(get(&link, "/garbage").await, Err(LinkError::Protocol(_))));
    assert_eq!(get(&link, "/status").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_slow_reply_ends_at_the_deadline_and_holds_nobody_up() {
    let (port, _) = server(0).await;
    let link = link(&format!("http://127.0.0.1:{port}/api"), None);
    let slow = link.call(request("GET", "/slow", ""), Urgency::Command, Duration::from_millis(300));
    let (slow, quick) = tokio::join!(slow, get(&link, "/status"));
    assert_eq!(slow, Err(LinkError::Timeout));
    assert_eq!(quick.unwrap().status, 200);
}

#[tokio::test]
async fn a_host_that_is_away_is_said_to_be_and_found_again() {
    let port = bo_testkit::free_port().unwrap();
    let link = link(&format!("http://127.0.0.1:{port}/api"), None);
    let error = get(&link, "/status?key=secret").await.unwrap_err();
    assert!(matches!(&error, LinkError::Offline(why) if why.contains("refused")), "{error}");
    assert!(!error.to_string().contains("secret"));
    state(&link, |state| matches!(state, LinkState::Down(_))).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Seen::default(), 0));
        }
    });
    assert_eq!(get(&link, "/status").await.unwrap().status, 200);
    state(&link, |state| *state == LinkState::Up).await;
}

#[tokio::test]
async fn https_is_verified_against_the_pinned_ca_and_the_configured_name() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let acceptor = ours.acceptor("display.example", None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(serve(stream, Seen::default(), 0));
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let pinned = |authority: &Authority, name: Option<&str>| {
        let path = authority.file(folder.path());
        let tls =
            TlsClient { ca_file: Some(path), server_name: name.map(str::to_owned), ..TlsClient::default() };
        link(&format!("https://127.0.0.1:{port}/api"), Some(tls))
    };
    let right = pinned(&ours, Some("display.example"));
    assert_eq!(get(&right, "/status").await.unwrap().status, 200);
    for (link, why) in [
        (pinned(&other, Some("display.example")), "UnknownIssuer"),
        (pinned(&ours, None), "not valid for name"),
    ] {
        let error = get(&link, "/status").await.unwrap_err();
        assert!(matches!(&error, LinkError::Offline(text) if text.contains(why)), "{error}");
    }
}

#[tokio::test]
async fn a_base_address_that_cannot_work_is_refused_at_once() {
    let config = LinkConfig::Http { base: "display.local/api".into(), tls: None };
    let error = spawn(&config, Arc::new(SystemClock), &Shutdown::new()).map(drop).unwrap_err();
    assert!(matches!(error, ConfigError::Base { .. }), "{error}");
}
