//! Why a byte link can't be started.

/// Something in the configuration that trying again will not change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration is of another kind of link.
    #[error("this link carries no bytes of a driver's own")]
    NotBytes,
    /// Neither the link nor the driver names a port.
    #[error("the link to {0} needs a `port`: the driver has none of its own")]
    NoPort(String),
    /// A framing that can't work.
    #[error("framing: {0}")]
    Framing(&'static str),
    /// The endpoint can't be configured like this.
    #[error(transparent)]
    Endpoint(#[from] bo_link_stream::ConfigError),
}
