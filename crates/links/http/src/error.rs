//! Why an HTTP link can't be started.

/// Something in the configuration that trying again will not change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration is of another kind of link.
    #[error("this link speaks no HTTP")]
    NotHttp,
    /// The base address can't be used.
    #[error("base `{base}`: {what}")]
    Base {
        /// The address, without what may be secret in it.
        base: String,
        /// What is wrong, in words.
        what: String,
    },
    /// The TLS part can't be used.
    #[error("the TLS settings of this link can't be used")]
    Tls(#[source] bo_link_stream::ConfigError),
    /// The client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}
