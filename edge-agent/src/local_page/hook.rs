//! Webhooks: a program calls a name, and the triggers that listen to it hear it. With the gateway's token, or from this very
//! machine when none is configured; at a pace that a mistaken loop or somebody who guesses can't exceed.

use super::{Shared, session};
use crate::agent::Agent;
use crate::operate;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bo_model::command::Actor;
use serde_json::Value as Json;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Longest name of a webhook that is looked for.
const LONGEST: usize = 100;

/// Who may call, and how often.
pub(super) struct Hooks {
    token: Option<String>,
    heard: Mutex<Bucket>,
    refused: Mutex<Bucket>,
}

impl Hooks {
    pub(super) fn new(token: Option<String>) -> Hooks {
        let now = Instant::now();
        let bucket = |most, per_second| Mutex::new(Bucket { left: most, most, per_second, at: now });
        Hooks { token, heard: bucket(30.0, 2.0), refused: bucket(10.0, 0.1) }
    }

    fn admits(&self, sent: Option<&str>, from: &SocketAddr) -> bool {
        match &self.token {
            Some(token) => sent.is_some_and(|sent| session::same(sent, token)),
            None => from.ip().is_loopback(),
        }
    }
}

/// So many at once, and so many per second for ever.
struct Bucket {
    left: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * self.per_second).min(self.most);
        self.at = now;
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }
}

fn take(bucket: &Mutex<Bucket>) -> bool {
    bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
}

pub(super) async fn call(
    State(local): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if !local.hooks.admits(sent, &from) {
        if !take(&local.hooks.refused) {
            return too_many("too many calls without the token");
        }
        note(&local.agent, &from, &name, "refused: not the token");
        let why = "a webhook needs `Authorization: Bearer` with the token of local_page.webhook_token_file\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    if !take(&local.hooks.heard) {
        return too_many("too many calls");
    }
    match local.agent.triggers.webhook(&name).await {
        0 => {
            let name: String = name.chars().take(LONGEST).collect();
            (StatusCode::NOT_FOUND, format!("no trigger listens to the webhook `{name}`\n")).into_response()
        }
        heard => {
            note(&local.agent, &from, &name, "done");
            (StatusCode::OK, format!("{heard} triggers heard it\n")).into_response()
        }
    }
}

fn too_many(why: &str) -> Response {
    let headers = [(RETRY_AFTER, "10")];
    (StatusCode::TOO_MANY_REQUESTS, headers, format!("{why}; later again\n")).into_response()
}

fn note(agent: &Agent, from: &SocketAddr, name: &str, outcome: &str) {
    let object: String = format!("webhook:{name}").chars().take(LONGEST).collect();
    let origin = format!("webhook {}", from.ip());
    operate::audit(agent, Actor::Anonymous, &origin, "webhook.call", &object, Json::Null, outcome.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_heard_and_a_flood_at_its_pace() {
        let now = Instant::now();
        let mut bucket = Bucket { left: 3.0, most: 3.0, per_second: 2.0, at: now };
        let heard = (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(heard, 3);
        assert!(!bucket.take(now + Duration::from_millis(400)));
        assert!(bucket.take(now + Duration::from_millis(600)), "two a second");
        let later = now + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 3, "rest saves up no more than a burst");
    }
}
