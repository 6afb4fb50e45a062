//! What can go wrong in the estate, named for the operation that failed.

use bo_db::DbError;

/// A failure of the estate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EstateError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// There is no such thing, or it is not the asker's to know.
    #[error("there is no {kind} `{id}`")]
    Missing {
        /// What was asked for.
        kind: &'static str,
        /// By which id or key.
        id: String,
    },
    /// Input that can't be taken: field → sentence.
    #[error("{}", fields.iter().map(|(field, why)| format!("{field} {why}")).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// Field and what is wrong with it.
        fields: Vec<(String, String)>,
    },
    /// It does not go together with what is there.
    #[error("{0}")]
    Conflict(String),
    /// An estate folder can't be imported; one sentence per fault.
    #[error("the estate can't be imported:\n{}", .0.join("\n"))]
    Import(Vec<String>),
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An edge's configuration can't be compiled; one sentence per fault.
    #[error("edge `{edge}` can't get a release:\n{}", .faults.join("\n"))]
    Compile {
        /// Key of the edge.
        edge: String,
        /// What is wrong.
        faults: Vec<String>,
    },
    /// A stored chunk of history does not read.
    #[error("history of point {point}: {source}")]
    Chunk {
        /// The point's number.
        point: i64,
        /// What is wrong.
        #[source]
        source: crate::history::codec::BadChunk,
    },
    /// The edge can't be told.
    #[error("the gateway could not be reached: {0}")]
    Send(String),
}

impl EstateError {
    /// There is no such thing.
    pub fn missing(kind: &'static str, id: impl std::fmt::Display) -> EstateError {
        EstateError::Missing { kind, id: id.to_string() }
    }

    /// One field is wrong.
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> EstateError {
        EstateError::Invalid { fields: vec![(field.into(), why.into())] }
    }
}
