//! Why the journal could not do something.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a record was not kept or not read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The file can't be opened or made.
    #[error("cannot open the journal {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The disk does not take it now. It is held in memory and written as soon as the disk does.
    #[error("not on disk yet: {why}")]
    NotDurable {
        /// What the disk said.
        why: Arc<str>,
    },
    /// Neither disk nor memory has room for it.
    #[error("the journal is full; the record was not taken")]
    Full,
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// Reading failed.
    #[error("cannot read the journal: {source}")]
    Read {
        /// Why.
        #[source]
        source: Arc<rusqlite::Error>,
    },
}
