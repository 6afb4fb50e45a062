//! Asking an OpenID provider. Answers are small, soon, and from where they were asked of.

use super::cache::{Cache, Have};
use super::flow::{Attempt, CALLBACK, Claims, Discovery, check, safe};
use super::store::Provider;
use crate::error::IdentityError;
use bo_model::Time;
use jsonwebtoken::jwk::JwkSet;
use reqwest::{RequestBuilder, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;

/// How long connecting and answering may take together.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const LARGEST: usize = 256 * 1024;

/// Talks to providers.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    cache: Arc<Cache>,
}

fn away(provider: &Provider, why: impl std::fmt::Display) -> IdentityError {
    IdentityError::ProviderAway(format!("{} did not answer as it should: {why}", provider.name))
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

impl Client {
    /// With the system's roots of trust.
    ///
    /// # Errors
    /// [`IdentityError::ProviderAway`] when TLS can't be set up.
    pub fn system() -> Result<Client, IdentityError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Client::new(roots)
    }

    /// With the roots of trust given.
    ///
    /// # Errors
    /// [`IdentityError::ProviderAway`] when TLS can't be set up.
    pub fn new(roots: rustls::RootCertStore) -> Result<Client, IdentityError> {
        let failed = |error: String| IdentityError::ProviderAway(format!("TLS can't be set up: {error}"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .tcp_nodelay(true)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build();
        Ok(Client { http: http.map_err(|error| failed(error.to_string()))?, cache: Arc::default() })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        provider: &Provider,
        request: RequestBuilder,
    ) -> Result<T, IdentityError> {
        let mut answer = request.send().await.map_err(|error| away(provider, error.without_url()))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| away(provider, error.without_url()))? {
            if body.len() + part.len() > LARGEST {
                return Err(away(provider, "its answer is too long"));
            }
            body.extend_from_slice(&part);
        }
        if !status.is_success() {
            let said: Json = serde_json::from_slice(&body).unwrap_or(Json::Null);
            let word = said.get("error").and_then(Json::as_str).unwrap_or("no reason");
            return Err(away(provider, format!("{status}, {word}")));
        }
        serde_json::from_slice(&body).map_err(|error| away(provider, error))
    }

    /// What a provider says of itself, now or within the last hour.
    ///
    /// # Errors
    /// [`IdentityError::ProviderAway`].
    pub async fn discover(&self, provider: &Provider, now: Time) -> Result<Discovery, IdentityError> {
        let before = match self.cache.about(&provider.issuer, now) {
            Have::This(about) => return Ok(about),
            Have::Failed(why) => return Err(IdentityError::ProviderAway(why)),
            Have::Ask(before) => before,
        };
        match self.ask_about(provider).await {
            Ok(about) => {
                self.cache.said_about(&provider.issuer, &about, now);
                Ok(about)
            }
            Err(error) => {
                self.cache.failed(&provider.issuer, error.to_string(), now);
                before.ok_or(error)
            }
        }
    }

    async fn ask_about(&self, provider: &Provider) -> Result<Discovery, IdentityError> {
        let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let address = safe(&address).ok_or_else(|| away(provider, "its address is not https"))?;
        let found: Discovery = self.ask(provider, self.http.get(address)).await?;
        if found.issuer.trim_end_matches('/') != provider.issuer.trim_end_matches('/') {
            return Err(away(provider, format!("it says it is {}", found.issuer)));
        }
        Ok(found)
    }

    async fn keys(
        &self,
        provider: &Provider,
        found: &Discovery,
        now: Time,
        unfit: bool,
    ) -> Result<JwkSet, IdentityError> {
        let before = match self.cache.keys(&provider.issuer, now, unfit) {
            Have::This(keys) => return Ok(keys),
            Have::Failed(why) => return Err(IdentityError::ProviderAway(why)),
            Have::Ask(before) => before,
        };
        let address = safe(&found.jwks_uri).ok_or_else(|| away(provider, "an address of it is not https"))?;
        match self.ask::<JwkSet>(provider, self.http.get(address)).await {
            Ok(keys) => {
                self.cache.said_keys(&provider.issuer, &keys, now);
                Ok(keys)
            }
            Err(error) => {
                self.cache.failed(&provider.issuer, error.to_string(), now);
                before.ok_or(error)
            }
        }
    }

    /// The token's claims. When no key fits, the provider may have changed its keys: they are asked for once more.
    async fn checked(
        &self,
        provider: &Provider,
        found: &Discovery,
        token: &str,
        nonce: &str,
        now: Time,
    ) -> Result<Claims, IdentityError> {
        let us = (found.issuer.as_str(), provider.client_id.as_str());
        let keys = self.keys(provider, found, now, false).await?;
        match check(token, &keys, us, nonce, now) {
            Ok(claims) => Ok(claims),
            Err(error) => {
                let again = self.keys(provider, found, now, true).await?;
                if again == keys { Err(error) } else { check(token, &again, us, nonce, now) }
            }
        }
    }

    /// Exchanges a code, checks the token, and asks for what else is known of the person.
    ///
    /// # Errors
    /// [`IdentityError::ProviderAway`], [`IdentityError::ProviderRefused`].
    pub async fn exchange(
        &self,
        provider: &Provider,
        attempt: &Attempt,
        code: &str,
        public_url: &str,
        now: Time,
    ) -> Result<Claims, IdentityError> {
        let found = self.discover(provider, now).await?;
        let at = |address: &str| safe(address).ok_or_else(|| away(provider, "an address of it is not https"));
        let redirect = format!("{}{CALLBACK}", public_url.trim_end_matches('/'));
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", &attempt.verifier),
        ];
        let methods = &found.token_endpoint_auth_methods_supported;
        let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let mut request = self.http.post(at(&found.token_endpoint)?);
        if basic {
            // RFC 6749 §2.3.1: both are encoded like a form before they are joined.
            let encode =
                |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encode(&provider.client_id), Some(encode(&provider.client_secret)));
        } else {
            form.push(("client_id", &provider.client_id));
            form.push(("client_secret", &provider.client_secret));
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let tokens: Tokens = self.ask(provider, request).await?;
        let mut claims = self.checked(provider, &found, &tokens.id_token, &attempt.nonce, now).await?;
        if let Some(address) = found.userinfo_endpoint.filter(|_| !tokens.access_token.is_empty()) {
            let request = self.http.get(at(&address)?).bearer_auth(&tokens.access_token);
            let more: serde_json::Map<String, Json> = self.ask(provider, request).await?;
            // OpenID Connect Core 1.0 §5.3.2: only of the same person.
            if more.get("sub").and_then(Json::as_str) == Some(&claims.subject) {
                for (name, value) in more {
                    claims.all.entry(name).or_insert(value);
                }
            }
        }
        Ok(claims)
    }
}
