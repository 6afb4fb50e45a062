//! Why a message was not sent.

use bo_db::DbError;

/// A message that was not sent, or a sender that can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The channel is not set up.
    #[error("no {channel} is set up: add [{section}] to the controller's configuration")]
    NotSetUp {
        /// For people.
        channel: &'static str,
        /// The section of the configuration.
        section: &'static str,
    },
    /// The configuration of a sender is wrong.
    #[error("[{section}] {why}")]
    Config {
        /// The section of the configuration.
        section: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The stored message can't be read.
    #[error("the stored message does not read: {source}")]
    Read {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The mail can't be written: an address that is none.
    #[error("{what} is not good: {why}")]
    Compose {
        /// What of it.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The mail server did not take it.
    #[error("the mail server {}: {source}", if source.is_permanent() { "refused it" } else { "did not take it" })]
    Smtp {
        /// Why.
        #[source]
        source: lettre::transport::smtp::Error,
    },
    /// The receiver of a webhook could not be asked.
    #[error("the receiver did not answer: {why}")]
    Http {
        /// Why, without the address's path.
        why: String,
    },
    /// The receiver of a webhook answered with something other than success.
    #[error("the receiver answered {0}")]
    Answer(u16),
    /// The MQTT broker did not take it.
    #[error("the MQTT broker did not take it: {0}")]
    Mqtt(String),
}

impl DeliveryError {
    /// Trying again is no use.
    pub fn is_permanent(&self) -> bool {
        match self {
            DeliveryError::NotSetUp { .. } | DeliveryError::Read { .. } | DeliveryError::Compose { .. } => {
                true
            }
            DeliveryError::Smtp { source } => source.is_permanent(),
            // Too many, or too slow, may be better later; so may a path that a deployment is about to bring.
            DeliveryError::Answer(status) => {
                matches!(status, 400..=499) && !matches!(status, 404 | 408 | 425 | 429)
            }
            DeliveryError::Db(_)
            | DeliveryError::Config { .. }
            | DeliveryError::Http { .. }
            | DeliveryError::Mqtt(_) => false,
        }
    }
}
