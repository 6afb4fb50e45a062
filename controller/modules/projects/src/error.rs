//! What can go wrong with projects.

use bo_content::ContentError;
use bo_db::DbError;
use bo_identity::IdentityError;
use bo_web::{FieldErrors, WebError};

/// Why something was not done to a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectsError {
    /// There is no such project, or nothing of that id in it (any more).
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
    /// Files.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Access, groups.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ProjectsError {
    /// One wrong field.
    pub fn field(name: &str, sentence: impl Into<String>) -> ProjectsError {
        ProjectsError::Fields(vec![(name.to_owned(), sentence.into())])
    }
}

impl From<ProjectsError> for WebError {
    fn from(error: ProjectsError) -> WebError {
        match error {
            ProjectsError::NotFound => WebError::NotFound,
            ProjectsError::Fields(fields) => WebError::BadInput(fields),
            ProjectsError::Conflict(sentence) => WebError::Conflict(sentence),
            ProjectsError::NotAllowed(sentence) => WebError::Forbidden(sentence),
            ProjectsError::Content(error) => error.into(),
            ProjectsError::Identity(error) => error.into(),
            ProjectsError::Db(error) => error.into(),
        }
    }
}
