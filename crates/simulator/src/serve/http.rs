//! A device with a web interface. A request is one line for its script, `METHOD PATH BODY`, and the answer begins with
//! the status: `200 {"on":true}`. What no rule fits is answered with 404.

use crate::dialogue::{Conversation, Script};
use crate::error::SimulatorError;
use crate::fake::{Fake, Fault};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A device with its script.
#[derive(Clone)]
pub struct Site {
    fake: Fake,
    script: Arc<Script>,
}

impl Site {
    pub fn of(fake: &Fake) -> Result<Site, SimulatorError> {
        let script = Script::of(fake).map_err(|problem| SimulatorError::Simulate {
            driver: fake.manifest().driver.name.clone(),
            problem,
        })?;
        Ok(Site { fake: fake.clone(), script: Arc::new(script) })
    }
}

pub async fn serve(listener: TcpListener, site: Site) {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    if let Err(error) = axum::serve(listener, Router::new().fallback(answer).with_state(site)).await {
        tracing::error!(%error, "a simulated web interface ended");
    }
}

async fn answer(State(site): State<Site>, method: Method, uri: Uri, body: Bytes) -> Response {
    match site.fake.fault() {
        // Nothing to hang up with from here: a device that is gone does not answer.
        Fault::Offline => std::future::pending().await,
        Fault::Slow(delay) => tokio::time::sleep(delay).await,
        Fault::Garbage => return (StatusCode::OK, "\u{1}\u{2}<not json").into_response(),
        Fault::Exception(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::None | Fault::WrongUnit | Fault::Stuck => {}
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let line = format!("{method} {path} {}", String::from_utf8_lossy(&body));
    let (mut talk, _) = Conversation::open(&site.script, &site.fake, String::new());
    let Some(reply) = talk.line(&site.script, line.trim_end()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (status, body) = reply.split_once(' ').unwrap_or((&reply, ""));
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    (status.unwrap_or(StatusCode::OK), body.to_owned()).into_response()
}
