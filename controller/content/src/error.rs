//! What can go wrong with content.

use bo_db::DbError;
use bo_web::WebError;

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
