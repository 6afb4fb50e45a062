//! Why a stream can't be configured like this.

use std::path::PathBuf;

/// Something in the configuration that trying again will not change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Line settings that no serial port has.
    #[error("serial line {}: {what}", path.display())]
    Line {
        /// The port.
        path: PathBuf,
        /// What is wrong, in words.
        what: &'static str,
    },
    /// A certificate or key file can't be used.
    #[error("{key} {}: {what}", path.display())]
    CertificateFile {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, in words.
        what: String,
    },
    /// One of a pair is missing.
    #[error("client_cert_file and client_key_file belong together; only one is given")]
    HalfClientCertificate,
    /// Not a name a certificate could carry.
    #[error("`{0}` is not a host name that TLS can verify")]
    ServerName(String),
    /// rustls refused the parts.
    #[error("these TLS settings do not work together")]
    Tls(#[source] rustls::Error),
    /// No CA to trust at all.
    #[error("the system has no CA certificates; name a `ca_file`")]
    NoRoots,
}
