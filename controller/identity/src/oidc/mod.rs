//! Signing in at an OpenID provider: the code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636).
//!
//! `flow` is pure: addresses, and what a token must say. `client` asks the provider, `cache` remembers what it
//! said. `store` is what we keep: providers, sign-ins under way. `person` says who a provider's subject is.

mod cache;
mod client;
pub mod flow;
pub mod person;
pub mod store;

pub use client::Client;
pub use store::{NewProvider, Provider};
