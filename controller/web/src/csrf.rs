//! Requests that another site makes a browser send: refused by what the browser says of their origin, and, for
//! whoever is signed in by cookie, by a token another site can't know.

use crate::access::{Via, Viewer};
use crate::error::WebError;
use axum::http::HeaderMap;
use bo_model::SessionId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The token of a session: an HMAC of its id, so nothing needs to be stored.
pub fn token(secret: &[u8; 32], session: SessionId) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(b"csrf");
    mac.update(session.0.as_bytes());
    hex::encode(&mac.finalize().into_bytes()[..20])
}

/// Checks a request that changes something. `given` is the form field or header.
///
/// # Errors
/// [`WebError::Forbidden`] with what to do.
pub fn check(
    headers: &HeaderMap,
    viewer: Option<&Viewer>,
    expected: &str,
    given: &str,
) -> Result<(), WebError> {
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
    if viewer.is_some() && !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        let text = "This page is too old to be used. Go back, reload it and try again.";
        return Err(WebError::Forbidden(text.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::{AccountId, Level, Time, WorkspaceId};
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
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?))).collect()
    }

    #[test]
    fn a_form_of_this_site_with_its_token_passes() {
        let same = headers(&[("sec-fetch-site", "same-origin")]);
        assert!(check(&same, Some(&viewer(Via::Session)), "abc", "abc").is_ok());
        assert!(check(&same, Some(&viewer(Via::Session)), "abc", "").is_err());
        assert!(check(&same, Some(&viewer(Via::Session)), "abc", "abd").is_err());
    }

    #[test]
    fn another_site_is_refused_even_before_sign_in() {
        assert!(check(&headers(&[("sec-fetch-site", "cross-site")]), None, "", "").is_err());
        assert!(
            check(&headers(&[("origin", "https://evil.example"), ("host", "bo.example")]), None, "", "")
                .is_err()
        );
        assert!(
            check(&headers(&[("origin", "https://bo.example"), ("host", "bo.example")]), None, "", "")
                .is_ok()
        );
        assert!(check(&headers(&[]), None, "", "").is_ok());
    }

    #[test]
    fn a_token_is_no_cookie_and_needs_none() {
        assert!(check(&headers(&[]), Some(&viewer(Via::Token)), "abc", "").is_ok());
    }

    #[test]
    fn each_session_has_its_own_token() {
        let (a, b) = (SessionId(Uuid::from_u128(1)), SessionId(Uuid::from_u128(2)));
        assert_ne!(token(&[7; 32], a), token(&[7; 32], b));
        assert_eq!(token(&[7; 32], a), token(&[7; 32], a));
    }
}
