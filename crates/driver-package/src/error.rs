//! What can be wrong with a driver's files.

use std::path::PathBuf;

/// A driver could not be read, packed, verified or trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the driver can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `driver.toml` is wrong; the text names line, key and what was expected.
    #[error("{}:\n{why}", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What.
        why: String,
    },
    /// The manifest asks for a component that is not there.
    #[error("driver `{driver}` has no component: build it first with `backoffice-edge driver build`; looked for {}", .looked.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" and "))]
    NoComponent {
        /// Which driver.
        driver: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A packed driver is damaged, too large, or holds what a driver does not consist of.
    #[error("not a packed driver: {0}")]
    Unpack(String),
    /// The signature does not fit the content.
    #[error("the signature of driver `{0}` does not fit its content: it was changed after it was signed")]
    Signature(String),
    /// Only signed drivers are trusted here, and this one is not.
    #[error(
        "driver `{0}` is not signed, and only signed drivers are trusted here: sign it with `backoffice-edge driver pack --key`, \
         or leave `trusted_driver_keys` empty"
    )]
    Unsigned(String),
    /// Signed by somebody else.
    #[error(
        "driver `{driver}` is signed with the key {key}, which is not among the trusted ones: add it to \
         `trusted_driver_keys` if you know whose it is"
    )]
    Untrusted {
        /// Which driver.
        driver: String,
        /// The public key, hex.
        key: String,
    },
    /// A trusted key does not read.
    #[error("`{0}` is no ed25519 public key: 64 hex digits, as `backoffice-edge driver key` prints them")]
    Key(String),
}
