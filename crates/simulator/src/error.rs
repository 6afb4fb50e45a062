//! What can go wrong before a fake device speaks. Once it does, it answers everything itself.

use std::path::PathBuf;

/// Errors of this crate, each named for what was attempted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// A `driver.toml` could not be opened.
    #[error("could not read {}", path.display())]
    ReadManifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A `driver.toml` is wrong.
    #[error("{}: {problem}", path.display())]
    ParseManifest {
        /// The file.
        path: PathBuf,
        /// What, with line and column where known.
        problem: String,
    },
    /// A `[simulate]` section is wrong, or asks for what the driver does not have.
    #[error("driver `{driver}`, [simulate]: {problem}")]
    Simulate {
        /// The driver.
        driver: String,
        /// What.
        problem: String,
    },
    /// The devices put on one endpoint can't share it.
    #[error("{0}")]
    Endpoint(String),
    /// A socket could not be bound.
    #[error("could not listen on {address}")]
    Listen {
        /// The wanted address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// No pseudo terminal could be made.
    #[error("could not make a serial port")]
    SerialPort {
        /// Why.
        #[source]
        source: tokio_serial::Error,
    },
    /// Files of the demo could not be written or read.
    #[error("could not write {}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
