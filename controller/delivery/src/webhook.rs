//! Webhooks: a POST of JSON whose signature proves where it comes from and when it was sent.
//!
//! The receiver works out HMAC-SHA-256 over `<t>.<body>` with the shared secret, where `t` is the time of
//! `X-BackOffice-Signature: t=<unix seconds>,v1=<hex>`, compares, and refuses what is older than a few minutes.

use crate::error::DeliveryError;
use crate::message::Webhook;
use bo_model::Time;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, redirect};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

/// How long connecting and answering may take together.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The header's text for a body sent at that time.
pub fn signature(secret: &str, at: Time, body: &str) -> String {
    let seconds = at.0.div_euclid(1_000_000);
    // A key of any length is a key for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// The client all webhooks share.
pub(crate) fn client() -> Result<Client, DeliveryError> {
    let wrong = |why: String| DeliveryError::Config { section: "http", why };
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .tcp_nodelay(true)
        .timeout(TIMEOUT)
        // A receiver must not be able to send our signed body somewhere else.
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| wrong(error.to_string()))
}

/// What lies at the bottom of it: "connection refused" says more than "error sending request".
fn why(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { deepest.to_string() }
}

/// Sends one.
pub(crate) async fn send(client: &Client, id: i64, now: Time, hook: &Webhook) -> Result<(), DeliveryError> {
    let body = hook.body.to_string();
    let answer = client
        .post(&hook.url)
        .header("content-type", "application/json")
        .header("user-agent", "BackOffice")
        .header("x-backoffice-event", &hook.event)
        .header("x-backoffice-delivery", id)
        .header("x-backoffice-signature", signature(&hook.secret, now, &body))
        .body(body)
        .send()
        .await
        .map_err(|error| DeliveryError::Http { why: why(&error.without_url()) })?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(DeliveryError::Answer(status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_a_receiver_works_out() {
        // printf '%s' '1790000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let text = signature("key", Time(1_790_000_000_000_000), "{\"a\":1}");
        assert_eq!(text.split_once(",v1=").unwrap().0, "t=1790000000");
        assert_eq!(text.len(), "t=1790000000,v1=".len() + 64);
        assert_ne!(text, signature("other", Time(1_790_000_000_000_000), "{\"a\":1}"));
        assert_ne!(text, signature("key", Time(1_790_000_001_000_000), "{\"a\":1}"));
    }
}
