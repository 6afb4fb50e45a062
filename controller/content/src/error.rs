//! What can go wrong with content, and with what modules do.

use bo_db::DbError;
use bo_identity::IdentityError;
use bo_web::{FieldErrors, WebError};

/// Why something written was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// There is nothing with that id (any more).
    #[error("there is nothing here any more")]
    NotFound,
    /// A field is wrong: its name and the sentence beside it.
    #[error("{0} {1}")]
    Field(&'static str, String),
    /// A file is not taken; the sentence says why.
    #[error("{0}")]
    File(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ContentError> for WebError {
    fn from(error: ContentError) -> WebError {
        match error {
            ContentError::NotFound => WebError::NotFound,
            ContentError::Field(name, sentence) => WebError::field(name, sentence),
            ContentError::File(sentence) => WebError::field("file", sentence),
            ContentError::Db(error) => error.into(),
        }
    }
}

/// Why a module did not do something: for modules that have no reasons of their own.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// There is no such thing (any more), or not for the viewer.
    #[error("there is nothing here any more")]
    NotFound,
    /// Fields are wrong; the sentences stand beside them.
    #[error("{}", .0.iter().map(|(field, text)| format!("{field} {text}")).collect::<Vec<_>>().join("; "))]
    Fields(FieldErrors),
    /// It does not go together with what is there.
    #[error("{0}")]
    Conflict(String),
    /// The viewer may not.
    #[error("{0}")]
    NotAllowed(String),
    /// Files, comments, revisions.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Access, licences.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ModuleError {
    /// One wrong field.
    pub fn field(name: &str, sentence: impl Into<String>) -> ModuleError {
        ModuleError::Fields(vec![(name.to_owned(), sentence.into())])
    }
}

impl From<ModuleError> for WebError {
    fn from(error: ModuleError) -> WebError {
        match error {
            ModuleError::NotFound => WebError::NotFound,
            ModuleError::Fields(fields) => WebError::BadInput(fields),
            ModuleError::Conflict(sentence) => WebError::Conflict(sentence),
            ModuleError::NotAllowed(sentence) => WebError::Forbidden(sentence),
            ModuleError::Content(error) => error.into(),
            ModuleError::Identity(error) => error.into(),
            ModuleError::Db(error) => error.into(),
        }
    }
}
