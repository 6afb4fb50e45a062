//! What a handler can answer instead of a result: few variants, an outer message for the person and an inner
//! one for the log.

use axum::http::StatusCode;
use bo_db::DbError;

/// What handlers return.
pub type Result<T> = std::result::Result<T, WebError>;

/// `(field, sentence)`: `("port", "must be at most 65535")`. An empty field name is about the form as a whole.
pub type FieldErrors = Vec<(String, String)>;

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Not there, or not for this viewer to see.
    #[error("there is nothing here, or you may not see it")]
    NotFound,
    /// There is something at the address, and not for that method.
    #[error("this address does not take {0}")]
    Method(axum::http::Method),
    /// Nobody is signed in: pages send to the sign-in, the API answers 401.
    #[error("sign in first")]
    SignIn,
    /// Seen, but not allowed; the sentence says what is missing.
    #[error("{0}")]
    Forbidden(String),
    /// Some fields are wrong; the sentences stand beside them.
    #[error("{}", summary(.0))]
    BadInput(FieldErrors),
    /// The body is larger than this many bytes.
    #[error("larger than the {0} bytes allowed here")]
    TooLarge(usize),
    /// It contradicts what is there: exists already, changed meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// The page that sent it was opened in another workspace: says in which.
    #[error("{0}")]
    Elsewhere(String),
    /// Too often. Holds the seconds to wait.
    #[error("too many attempts; try again in {0} s")]
    TooMany(u64),
    /// A part of the product is away for now (an edge, the database): says which and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// Our fault. The text is for the log only.
    #[error("something went wrong on our side")]
    Internal(String),
}

fn summary(fields: &FieldErrors) -> String {
    let parts: Vec<String> = fields
        .iter()
        .map(|(field, text)| if field.is_empty() { text.clone() } else { format!("{field} {text}") })
        .collect();
    parts.join("; ")
}

impl WebError {
    /// One wrong field.
    pub fn field(name: impl Into<String>, sentence: impl Into<String>) -> WebError {
        WebError::BadInput(vec![(name.into(), sentence.into())])
    }

    /// Our fault, for the log.
    pub fn internal(error: impl std::fmt::Display) -> WebError {
        WebError::Internal(error.to_string())
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            WebError::NotFound => StatusCode::NOT_FOUND,
            WebError::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            WebError::SignIn => StatusCode::UNAUTHORIZED,
            WebError::Forbidden(_) => StatusCode::FORBIDDEN,
            WebError::BadInput(_) => StatusCode::UNPROCESSABLE_ENTITY,
            WebError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            WebError::Conflict(_) | WebError::Elsewhere(_) => StatusCode::CONFLICT,
            WebError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            WebError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            WebError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word of the API.
    pub fn code(&self) -> &'static str {
        match self {
            WebError::NotFound => "not-found",
            WebError::Method(_) => "method",
            WebError::SignIn => "sign-in",
            WebError::Forbidden(_) => "forbidden",
            WebError::BadInput(_) => "bad-input",
            WebError::TooLarge(_) => "too-large",
            WebError::Conflict(_) => "conflict",
            WebError::Elsewhere(_) => "other-workspace",
            WebError::TooMany(_) => "too-many",
            WebError::Unavailable(_) => "unavailable",
            WebError::Internal(_) => "internal",
        }
    }
}

/// What people are told while nothing can be written, for this reason.
pub(crate) fn nothing_saved(why: &str) -> String {
    format!(
        "Nothing can be saved: {why}. Whoever runs the controller has to make room there. What is known can still be read, \
         buildings run on, and their gateways keep what they have to tell until it can be taken in."
    )
}

impl From<DbError> for WebError {
    fn from(error: DbError) -> WebError {
        match error {
            DbError::Busy { .. } | DbError::Closed => {
                tracing::warn!(%error, "the database did not answer in time");
                WebError::Unavailable("The database is busy. Try again in a moment.".into())
            }
            error if error.unwritable().is_some() => {
                WebError::Unavailable(nothing_saved(error.unwritable().unwrap_or_default()))
            }
            error if error.is_unique() => WebError::Conflict("That exists already.".into()),
            error => WebError::Internal(error.to_string()),
        }
    }
}
