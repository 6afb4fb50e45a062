//! The code flow without its input and output: the address to send people to, and what comes back.

use crate::error::IdentityError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bo_model::Time;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use url::Url;

/// Where a provider sends people back to.
pub const CALLBACK: &str = "/sign-in/oidc/callback";
/// How far the provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;
/// Algorithms we take: signatures by a key only the provider has. `none` and shared secrets are not among them.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

/// What a provider says of itself (OpenID Connect Discovery 1.0 §3), as far as we need it.
#[derive(Clone, Debug, Deserialize)]
pub struct Discovery {
    /// Who it is; must be what was asked.
    pub issuer: String,
    /// Where people go.
    pub authorization_endpoint: String,
    /// Where a code is exchanged.
    pub token_endpoint: String,
    /// Its keys.
    pub jwks_uri: String,
    /// More about people.
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    /// How we may prove who we are; `client_secret_basic` when absent.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
}

/// A sign-in under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Comes back with the person.
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// Proves to the provider that whoever exchanges the code began.
    pub verifier: String,
    /// Where the person wanted to go.
    pub next: String,
}

/// What a provider says about somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Its own name for them.
    pub subject: String,
    /// All it said.
    pub all: serde_json::Map<String, Json>,
}

impl Claims {
    /// A text among them; empty when missing.
    pub fn text(&self, name: &str) -> &str {
        self.all.get(name).and_then(Json::as_str).unwrap_or("")
    }

    /// The mail address, if the provider vouches for it. Some write the truth as a word.
    pub fn email(&self) -> Option<&str> {
        let vouched = match self.all.get("email_verified") {
            Some(Json::Bool(verified)) => *verified,
            Some(Json::String(word)) => word == "true",
            _ => false,
        };
        Some(self.text("email")).filter(|email| vouched && !email.is_empty())
    }

    /// Words of a claim that is one or a list.
    pub fn words(&self, name: &str) -> Vec<String> {
        match self.all.get(name) {
            Some(Json::String(word)) => vec![word.clone()],
            Some(Json::Array(words)) => {
                words.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Addresses of a provider: TLS, but for one on this machine.
pub fn safe(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (url.scheme() == "https" || (url.scheme() == "http" && local)).then_some(url)
}

/// The address somebody is sent to.
pub fn authorization(
    found: &Discovery,
    client_id: &str,
    redirect: &str,
    attempt: &Attempt,
) -> Option<String> {
    let mut url = safe(&found.authorization_endpoint)?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("scope", "openid email profile")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("state", &attempt.state)
        .append_pair("nonce", &attempt.nonce)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(attempt.verifier.as_bytes())))
        .append_pair("code_challenge_method", "S256");
    Some(url.into())
}

fn refused(why: impl Into<String>) -> IdentityError {
    IdentityError::ProviderRefused(why.into())
}

/// Checks an ID token: signature by a key of the provider, issuer, audience, time, nonce.
///
/// # Errors
/// [`IdentityError::ProviderRefused`] with what is wrong.
pub fn check(
    token: &str,
    keys: &JwkSet,
    (issuer, client_id): (&str, &str),
    nonce: &str,
    now: Time,
) -> Result<Claims, IdentityError> {
    let header = decode_header(token).map_err(|error| refused(format!("its token is none: {error}")))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(refused(format!("its token is signed with {:?}, which proves nothing", header.alg)));
    }
    let fits = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[client_id]);
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Time comes from our clock, below.
    validation.validate_exp = false;
    let mut why = "no key of the provider fits".to_owned();
    for key in keys.keys.iter().filter(fits) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        match decode::<serde_json::Map<String, Json>>(token, &key, &validation) {
            Ok(data) => return claims(data.claims, client_id, nonce, now),
            Err(error) => why = error.to_string(),
        }
    }
    Err(refused(format!("its token does not hold: {why}")))
}

fn claims(
    all: serde_json::Map<String, Json>,
    client_id: &str,
    nonce: &str,
    now: Time,
) -> Result<Claims, IdentityError> {
    let seconds = now.0.div_euclid(1_000_000);
    let number = |name: &str| all.get(name).and_then(Json::as_f64).map(|number| number as i64);
    if number("exp").is_none_or(|end| end + LEEWAY < seconds) {
        return Err(refused("its token has expired"));
    }
    if number("iat").is_some_and(|made| made - LEEWAY > seconds) {
        return Err(refused("its token is from the future: one of the two clocks is wrong"));
    }
    if all.get("nonce").and_then(Json::as_str) != Some(nonce) {
        return Err(refused("its token belongs to another sign-in"));
    }
    if all.get("azp").and_then(Json::as_str).is_some_and(|party| party != client_id) {
        return Err(refused("its token was made for somebody else"));
    }
    let subject = all.get("sub").and_then(Json::as_str).unwrap_or("").to_owned();
    if subject.is_empty() || subject.len() > 255 {
        return Err(refused("its token names nobody"));
    }
    Ok(Claims { subject, all })
}
