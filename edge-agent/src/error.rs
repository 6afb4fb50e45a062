//! What can go wrong in the agent, named by the operation that failed.

use std::path::PathBuf;

/// Why the agent, or one of its commands, could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A configuration or site file is wrong; the text names file, line and what was expected.
    #[error(transparent)]
    Config(#[from] bo_runtime::ConfigError),
    /// The site does not fit its drivers, links or triggers: one sentence per mistake.
    #[error("{} can't run as it is:\n{}", place, .mistakes.join("\n"))]
    Site {
        /// File or release.
        place: String,
        /// One sentence each, naming the place.
        mistakes: Vec<String>,
    },
    /// The data directory can't be used.
    #[error("cannot use the data directory {}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another agent runs on the same data directory.
    #[error("another backoffice-edge is running on {}; stop it first, or give this one its own --data", path.display())]
    AlreadyRunning {
        /// The directory.
        path: PathBuf,
    },
    /// The agent's own state can't be opened.
    #[error("cannot open the agent's state in {}", path.display())]
    OpenStore {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The agent's own state can't be written.
    #[error("cannot write the agent's state: {why}")]
    WriteStore {
        /// Why.
        why: String,
    },
    /// An address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Address or socket path.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nobody to ask.
    #[error("no agent answers on {}: is `backoffice-edge run` running with this --data?", path.display())]
    NotRunning {
        /// The control socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The running agent refused or could not do it.
    #[error("{0}")]
    Refused(String),
    /// A part of the agent could not start.
    #[error("cannot start {part}: {why}")]
    Start {
        /// Which part.
        part: &'static str,
        /// Why.
        why: String,
    },
}
