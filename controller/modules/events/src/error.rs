//! What can go wrong with events.

use bo_content::ContentError;
use bo_db::DbError;
use bo_identity::IdentityError;
use bo_web::{FieldErrors, WebError};

/// Why something was not done to an event.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// There is no such event, or nothing of that id in it (any more).
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
    /// Access, licences.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl EventsError {
    /// One wrong field.
    pub fn field(name: &str, sentence: impl Into<String>) -> EventsError {
        EventsError::Fields(vec![(name.to_owned(), sentence.into())])
    }
}

impl From<EventsError> for WebError {
    fn from(error: EventsError) -> WebError {
        match error {
            EventsError::NotFound => WebError::NotFound,
            EventsError::Fields(fields) => WebError::BadInput(fields),
            EventsError::Conflict(sentence) => WebError::Conflict(sentence),
            EventsError::NotAllowed(sentence) => WebError::Forbidden(sentence),
            EventsError::Content(error) => error.into(),
            EventsError::Identity(error) => error.into(),
            EventsError::Db(error) => error.into(),
        }
    }
}
