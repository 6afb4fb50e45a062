//! Peers for the tests of this crate: TCP and TLS servers that speak lines, and a pair of serial ports.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use bo_link::{BytesOp, BytesReply, Handle, LinkError, LinkState, Urgency};
use bo_link_bytes::{ByteLink, Event, spawn};
use bo_model::SystemClock;
use bo_model::driver::Framing;
use bo_model::release::{LinkConfig, TlsClient};
use bo_runtime::Shutdown;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::broadcast;

/// Longer than anything here takes unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn tcp(port: u16, tls: Option<TlsClient>) -> LinkConfig {
    LinkConfig::Tcp { host: "localhost".into(), port: Some(port), tls }
}

pub fn lines() -> Framing {
    Framing::Delimiter("\r".into())
}

pub fn link(config: &LinkConfig, framing: &Framing) -> ByteLink {
    spawn(config, Some(framing), None, Arc::new(SystemClock), &Shutdown::new()).unwrap()
}

pub fn listen(port: u16) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    socket.listen(16).unwrap()
}

pub async fn event(events: &mut broadcast::Receiver<Event>) -> Event {
    tokio::time::timeout(PATIENCE, events.recv()).await.expect("nothing happened").unwrap()
}

pub async fn ask(handle: &Handle<BytesOp, BytesReply>, text: &'static str) -> Result<String, LinkError> {
    let op = BytesOp::Exchange(Bytes::from_static(text.as_bytes()));
    match handle.call(op, Urgency::Command, PATIENCE).await? {
        BytesReply::Frame(frame) => Ok(String::from_utf8(frame.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

pub async fn until_it_answers(handle: &Handle<BytesOp, BytesReply>, text: &'static str) -> String {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let op = BytesOp::Exchange(Bytes::from_static(text.as_bytes()));
        match handle.call(op, Urgency::Poll, Duration::from_secs(1)).await {
            Ok(BytesReply::Frame(frame)) => return String::from_utf8(frame.to_vec()).unwrap(),
            other => assert!(tokio::time::Instant::now() < deadline, "still {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn state(handle: &Handle<BytesOp, BytesReply>, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
    let mut health = handle.health();
    let seen = tokio::time::timeout(PATIENCE, health.wait_for(|health| wanted(&health.state))).await;
    seen.expect("the link never got there").unwrap().state.clone()
}

/// Two serial ports joined back to back.
pub struct Pty {
    child: Child,
    pub ours: PathBuf,
    pub theirs: PathBuf,
}

impl Pty {
    /// `folder` holds the two names, the same after each start.
    pub async fn plug(folder: &Path) -> Pty {
        let (ours, theirs) = (folder.join("ours"), folder.join("theirs"));
        let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
        let child =
            Command::new("socat").args([end(&ours), end(&theirs)]).spawn().expect("socat is installed");
        let pty = Pty { child, ours, theirs };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !(pty.ours.exists() && pty.theirs.exists()) {
            assert!(tokio::time::Instant::now() < deadline, "socat made no ports");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        pty
    }

    pub fn unplug(mut self) {
        self.pull();
    }

    fn pull(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Killed, socat leaves its links behind; a real port's name goes away too.
        let _ = std::fs::remove_file(&self.ours);
        let _ = std::fs::remove_file(&self.theirs);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.pull();
    }
}
