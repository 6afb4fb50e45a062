//! Becoming one of a controller's edges: a key made here, a one-time code, a certificate back. And what stays of it on disk.

mod identity;
mod pinned;

pub(crate) use identity::new_key;
pub use identity::{Identity, IdentityError};

use bo_wire::{CodeError, EnrollCode, EnrollReply, EnrollRequest};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// Largest answer read.
const MAX_REPLY: usize = 64 * 1024;

/// Why enrolment did not work.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The code was mistyped.
    #[error("the code does not read")]
    Code(#[from] CodeError),
    /// Not an address of a controller.
    #[error("`{url}` is not a controller's address: {why}")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The controller can't be reached, or is not the one the code is from.
    #[error("no answer from {url}: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// It answered no.
    #[error("the controller refused: {0}")]
    Refused(String),
    /// It answered something that is not an enrolment, or belongs to another authority.
    #[error("the controller's answer cannot be used: {0}")]
    Answer(String),
    /// The edge is enrolled already.
    #[error(
        "this edge is enrolled already (as {0}); remove its identity folder first if it shall become another"
    )]
    Already(bo_model::EdgeId),
    /// Key or files.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Enrols this edge at `controller` (`https://host[:port]`) with `code`, and stores the result below `data`.
/// Plain HTTP is accepted towards this very machine only. Nothing is written unless all of it worked.
pub async fn enroll(controller: &str, code: &str, data: &Path, host: &str) -> Result<Identity, EnrollError> {
    match Identity::load(data) {
        Ok(identity) => return Err(EnrollError::Already(identity.edge)),
        Err(IdentityError::NotEnrolled { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let code: EnrollCode = code.parse()?;
    let url = address(controller)?;
    let (key, csr) = new_key().map_err(IdentityError::Key)?;
    let request = EnrollRequest { code: code.to_string(), csr, host: host.to_owned() };
    let reply = ask(&url, &code, &request).await?;
    let uplink_host = if reply.uplink_host.is_empty() {
        url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned()
    } else {
        reply.uplink_host.clone()
    };
    Identity::store(data, &code, &reply, uplink_host, controller, &key).map_err(|error| match error {
        IdentityError::Foreign(why) => EnrollError::Answer(why),
        other => other.into(),
    })
}

fn address(controller: &str) -> Result<reqwest::Url, EnrollError> {
    let wrong = |why: &str| EnrollError::Address { url: controller.to_owned(), why: why.to_owned() };
    let url = reqwest::Url::parse(controller).map_err(|error| wrong(&error.to_string()))?;
    let host = url.host_str().ok_or_else(|| wrong("it names no host"))?.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        _ => {
            return Err(wrong(
                "it must begin with https://, for the code must not cross a network in the clear",
            ));
        }
    }
    url.join("/api/v1/enroll").map_err(|error| wrong(&error.to_string()))
}

async fn ask(
    url: &reqwest::Url,
    code: &EnrollCode,
    request: &EnrollRequest,
) -> Result<EnrollReply, EnrollError> {
    let unreachable = |error: &dyn std::error::Error| {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            why = format!("{why}: {inner}");
            source = inner.source();
        }
        EnrollError::Unreachable { url: url.to_string(), why }
    };
    let tls = pinned::client_tls(code.authority)
        .map_err(|why| EnrollError::Unreachable { url: url.to_string(), why })?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| unreachable(&e))?;
    let mut response = client.post(url.clone()).json(request).send().await.map_err(|e| unreachable(&e))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|e| unreachable(&e))? {
        body.extend_from_slice(&part);
        if body.len() > MAX_REPLY {
            return Err(EnrollError::Answer("it is too long".into()));
        }
    }
    if !status.is_success() {
        return Err(EnrollError::Refused(format!("{status}: {}", sentence(&body))));
    }
    serde_json::from_slice(&body).map_err(|error| EnrollError::Answer(error.to_string()))
}

/// The reason in an error answer: its `error` field, or the beginning of the text.
fn sentence(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let field = |name: &str| json.as_ref()?.get(name)?.as_str().map(str::to_owned);
    field("error").or_else(|| field("message")).unwrap_or_else(|| text.chars().take(200).collect())
}

#[cfg(test)]
mod tests;
