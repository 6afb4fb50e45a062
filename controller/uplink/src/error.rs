//! What can go wrong while the uplink starts or issues certificates. Trouble with one connection is logged, not returned.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the controller's end of the uplink does not work.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// A file of the authority can't be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    AuthorityFile {
        /// `read` or `write`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// One of certificate and key is there and the other is not.
    #[error("the authority in {} is incomplete: {missing} is missing; restore it from a backup, for with a new one every edge must be enrolled again", directory.display())]
    AuthorityIncomplete {
        /// Its folder.
        directory: PathBuf,
        /// What is missing.
        missing: &'static str,
    },
    /// The authority's key or certificate does not read, or a request is malformed.
    #[error("{what}: {source}")]
    Certificate {
        /// What was attempted.
        what: &'static str,
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
    /// TLS can't be configured from these certificates.
    #[error("TLS for the gate: {0}")]
    Tls(String),
    /// The gate's address is taken or not allowed.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Neither a gate nor an external broker is configured.
    #[error("the uplink needs an address to listen on, an external broker, or both")]
    NoWayIn,
}
