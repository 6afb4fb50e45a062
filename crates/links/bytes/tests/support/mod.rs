//! What the tests of this crate share: links with a framing, and waiting for what they tell.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use bo_link::mailbox::Receiver;
use bo_link::{BytesOp, BytesReply, Handle, LinkError, LinkState, Urgency};
use bo_link_bytes::{ByteLink, Event, spawn};
pub use bo_link_stream::testing::{Authority, PATIENCE, Pty, listen};
use bo_model::SystemClock;
use bo_model::driver::Framing;
use bo_model::release::{LinkConfig, TlsClient};
use bo_runtime::Shutdown;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

pub fn tcp(port: u16, tls: Option<TlsClient>) -> LinkConfig {
    LinkConfig::Tcp { host: "localhost".into(), port: Some(port), tls }
}

pub fn lines() -> Framing {
    Framing::Delimiter("\r".into())
}

pub fn link(config: &LinkConfig, framing: &Framing) -> ByteLink {
    spawn(config, Some(framing), None, Arc::new(SystemClock), &Shutdown::new()).unwrap()
}

pub async fn event(events: &mut Receiver<Event>) -> Event {
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
