//! What can go wrong in the wiki.

use bo_content::ContentError;
use bo_db::DbError;
use bo_web::WebError;

/// Why the wiki did not do something.
#[derive(Debug, thiserror::Error)]
pub enum WikiError {
    /// There is no such page or space (any more).
    #[error("there is nothing here any more")]
    NotFound,
    /// A field is wrong: its name and the sentence beside it.
    #[error("{0} {1}")]
    Field(&'static str, String),
    /// It does not go together with what is there.
    #[error("{0}")]
    Conflict(String),
    /// An archive can't be read; the sentence says where and why.
    #[error("{0}")]
    Import(String),
    /// Revisions, comments, files.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<WikiError> for WebError {
    fn from(error: WikiError) -> WebError {
        match error {
            WikiError::NotFound => WebError::NotFound,
            WikiError::Field(name, sentence) => WebError::field(name, sentence),
            WikiError::Conflict(sentence) => WebError::Conflict(sentence),
            WikiError::Import(sentence) => WebError::field("file", sentence),
            WikiError::Content(error) => error.into(),
            WikiError::Db(error) => error.into(),
        }
    }
}
