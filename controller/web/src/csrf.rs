//! Requests that another site makes a browser send: refused by what the browser says of their origin, and, for
//! whoever is signed in by cookie, by a token another site can't know.

use crate::access::{Via, Viewer};
use crate::error::WebError;
use crate::upload;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use bo_model::{SessionId, WorkspaceId};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The token of a session in a workspace: an HMAC of both, so nothing needs to be stored, and the workspace, so that a page
/// says by each of its forms where it was opened.
pub fn token(secret: &[u8; 32], session: SessionId, workspace: WorkspaceId) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(b"csrf");
    mac.update(session.0.as_bytes());
    mac.update(workspace.0.as_bytes());
    format!("{}.{workspace}", hex::encode(&mac.finalize().into_bytes()[..20]))
}

/// The workspace in which the page was opened that gave this token; `None` when it is not one of that session.
pub fn opened_in(secret: &[u8; 32], session: SessionId, given: &str) -> Option<WorkspaceId> {
    let workspace = given.split_once('.')?.1.parse().ok()?;
    let expected = token(secret, session, workspace);
    bool::from(expected.as_bytes().ct_eq(given.as_bytes())).then_some(workspace)
}

/// The token a request carries, in its header or its form; empty without one.
pub async fn given(parts: &Parts, body: &Bytes) -> String {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (header, content_type) = (text("x-csrf-token"), text("content-type"));
    let pairs: Vec<(String, String)> = if !header.is_empty() {
        return header.to_owned();
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        serde_urlencoded::from_bytes(body).unwrap_or_default()
    } else {
        upload::parse(content_type, body).await.map(|(pairs, _)| pairs).unwrap_or_default()
    };
    pairs.into_iter().find(|(name, _)| name == "_csrf").map(|(_, value)| value).unwrap_or_default()
}

/// Checks a request that changes something. `fits`: it carries a token of its session.
///
/// # Errors
/// [`WebError::Forbidden`] with what to do.
pub fn check(headers: &HeaderMap, viewer: Option<&Viewer>, fits: bool) -> Result<(), WebError> {
    if viewer.is_some_and(|viewer| viewer.via == Via::Token) {
        return Ok(());
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // https://www.w3.org/TR/fetch-metadata/: browsers set it, pages can't.
    let site_ok = match header("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match (header("origin"), header("host")) {
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
            (Some(_), None) => false,
            (None, _) => true,
        },
    };
    if !site_ok {
        return Err(WebError::Forbidden("This request came from another site and was not done.".into()));
    }
    if viewer.is_some() && !fits {
        let program = header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let text = match program {
            true => {
                "A call with a session's cookie carries the token that `POST /api/v1/session` answered, as `x-csrf-token`. \
                 API tokens need none."
            }
            false => "This page is too old to be used. Go back, reload it and try again.",
        };
        return Err(WebError::Forbidden(text.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::{AccountId, Level, Time};
    use uuid::Uuid;

    fn viewer(via: Via) -> Viewer {
        Viewer {
            account: AccountId(Uuid::nil()),
            name: "Noor".into(),
            email: "noor@example.org".into(),
            workspace: WorkspaceId(Uuid::nil()),
            workspace_name: "Acme".into(),
            session: SessionId(Uuid::nil()),
            via,
            cap: Level::Own,
            seen: Time(0),
            behind: None,
            scopes: std::sync::Arc::default(),
            confined: false,
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?))).collect()
    }

    #[test]
    fn a_form_of_this_site_with_its_token_passes() {
        let same = headers(&[("sec-fetch-site", "same-origin")]);
        assert!(check(&same, Some(&viewer(Via::Session)), true).is_ok());
        assert!(check(&same, Some(&viewer(Via::Session)), false).is_err());
    }

    #[test]
    fn a_program_that_forgot_the_token_is_told_which_header_it_goes_into() {
        let json = headers(&[("content-type", "application/json")]);
        let refused = check(&json, Some(&viewer(Via::Session)), false).unwrap_err().to_string();
        assert!(refused.contains("x-csrf-token"), "{refused}");
    }

    #[test]
    fn another_site_is_refused_even_before_sign_in() {
        assert!(check(&headers(&[("sec-fetch-site", "cross-site")]), None, false).is_err());
        assert!(
            check(&headers(&[("origin", "https://evil.example"), ("host", "bo.example")]), None, false)
                .is_err()
        );
        assert!(
            check(&headers(&[("origin", "https://bo.example"), ("host", "bo.example")]), None, false).is_ok()
        );
        assert!(check(&headers(&[]), None, false).is_ok());
    }

    #[test]
    fn a_token_is_no_cookie_and_needs_none() {
        assert!(check(&headers(&[]), Some(&viewer(Via::Token)), false).is_ok());
    }

    #[test]
    fn each_session_has_its_own_token_in_each_workspace() {
        let (a, b) = (SessionId(Uuid::from_u128(1)), SessionId(Uuid::from_u128(2)));
        let (x, y) = (WorkspaceId(Uuid::from_u128(3)), WorkspaceId(Uuid::from_u128(4)));
        let secret = [7; 32];
        assert_eq!(token(&secret, a, x), token(&secret, a, x));
        assert_eq!(opened_in(&secret, a, &token(&secret, a, x)), Some(x));
        assert_eq!(opened_in(&secret, b, &token(&secret, a, x)), None);
        let moved = token(&secret, a, x).replace(&x.to_string(), &y.to_string());
        assert_eq!(opened_in(&secret, a, &moved), None, "a token can't be carried over");
        for odd in ["", ".", "abc", &"0".repeat(40)] {
            assert_eq!(opened_in(&secret, a, odd), None, "{odd}");
        }
    }
}
