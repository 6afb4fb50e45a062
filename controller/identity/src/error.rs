//! What identity refuses, and why.

use bo_db::DbError;
use bo_web::{FieldErrors, WebError};

/// A refusal or failure of identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Some fields are wrong.
    #[error("{}", .0.iter().map(|(field, text)| format!("{field} {text}")).collect::<Vec<_>>().join("; "))]
    BadInput(FieldErrors),
    /// Mail address or password are wrong, or the account is disabled: which of them is not said.
    #[error("The mail address or the password is not right.")]
    WrongPassword,
    /// Too many failed attempts; holds the seconds to wait.
    #[error("too many attempts; try again in {0} s")]
    TooMany(u64),
    /// There is no such thing, or it belongs to another workspace.
    #[error("there is nothing here")]
    NotFound,
    /// The rules of delegation refuse it.
    #[error("{0}")]
    NotAllowed(String),
    /// Nobody would own the workspace any more.
    #[error("{0} is the last owner of this workspace. Make somebody else an owner first.")]
    LastOwner(String),
    /// It exists already.
    #[error("{0}")]
    Exists(String),
    /// An OpenID provider could not be asked.
    #[error("{0}")]
    ProviderAway(String),
    /// What an OpenID provider said does not let somebody in.
    #[error("The provider did not sign you in: {0}")]
    ProviderRefused(String),
    /// A password could not be hashed.
    #[error("a password could not be hashed: {0}")]
    Hash(String),
}

impl From<IdentityError> for WebError {
    fn from(error: IdentityError) -> WebError {
        match error {
            IdentityError::Db(error) => error.into(),
            IdentityError::BadInput(fields) => WebError::BadInput(fields),
            IdentityError::WrongPassword => WebError::field("", error.to_string()),
            IdentityError::TooMany(seconds) => WebError::TooMany(seconds),
            IdentityError::NotFound => WebError::NotFound,
            IdentityError::ProviderAway(_) => WebError::Unavailable(error.to_string()),
            IdentityError::NotAllowed(_) | IdentityError::ProviderRefused(_) => {
                WebError::Forbidden(error.to_string())
            }
            IdentityError::LastOwner(_) | IdentityError::Exists(_) => WebError::Conflict(error.to_string()),
            IdentityError::Hash(inner) => WebError::Internal(inner),
        }
    }
}
