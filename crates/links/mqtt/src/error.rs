//! What can be wrong with a broker, a link's settings or a profile before anything is sent.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a broker or a link can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// The embedded broker can't listen.
    #[error("the on-site broker cannot listen on {address}: {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        why: String,
    },
    /// Devices without credentials on an address others can reach.
    #[error(
        "the on-site broker would be open to the network on {0}: give devices credentials, or say `anonymous = true`"
    )]
    Open(SocketAddr),
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The credentials file does not parse.
    #[error("{}: {message}", path.display())]
    Credentials {
        /// Which.
        path: PathBuf,
        /// Line and reason.
        message: String,
    },
    /// The TLS settings can't be used.
    #[error(transparent)]
    Tls(bo_link_stream::ConfigError),
    /// A topic template names a setting the device does not have.
    #[error("topic `{topic}` needs the setting `{key}`, which this device does not have")]
    MissingSetting {
        /// The template.
        topic: String,
        /// The key.
        key: String,
    },
    /// Not a topic filter.
    #[error("`{0}` is not an MQTT topic filter")]
    Filter(String),
}
