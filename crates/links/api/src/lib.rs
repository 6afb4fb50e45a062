//! What a link looks like from outside: a handle that takes requests with a deadline and gives replies.
//!
//! One task per endpoint owns the socket (`crates/links/<kind>/task.rs`); everybody else holds a [`Handle`].
//! Drivers, profile or component, see only the types in this crate, so a socket outlives the driver that
//! used it. Queues are bounded and there are two of them: commands overtake polls without starving them.

mod health;
pub mod mailbox;
mod ops;
mod queue;
mod report;

pub use health::{Health, LinkState};
pub use mailbox::mailbox;
pub use ops::{BytesOp, BytesReply, HttpReply, HttpRequest, ModbusOp, ModbusReply, MqttMessage, MqttOp};
pub use queue::{Asker, Handle, Inbox, Job, Urgency, queue};
pub use report::Reporter;

use std::sync::Arc;

/// Why a request got no reply. Every variant maps to a quality reason or a command's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection; the text says since when or why.
    #[error("not connected: {0}")]
    Offline(Arc<str>),
    /// The endpoint is there, the device did not answer in time.
    #[error("no reply in time")]
    Timeout,
    /// The device is backing off after repeated failures; nothing was sent.
    #[error("not asked: the device is left alone until {0}")]
    BackedOff(Arc<str>),
    /// Modbus exception reply.
    #[error("the device refused: Modbus exception {0}")]
    Exception(u8),
    /// The reply broke the protocol; the link resynchronises.
    #[error("reply not understood: {0}")]
    Protocol(Arc<str>),
    /// Too many requests are waiting.
    #[error("too many requests are waiting on this link")]
    Busy,
    /// The request can't be sent as it is: too long, bad topic, write to a read-only table.
    #[error("request refused: {0}")]
    Invalid(Arc<str>),
    /// The link was taken down (new release, shutdown).
    #[error("the link was closed")]
    Closed,
}

impl From<&LinkError> for bo_model::Reason {
    fn from(error: &LinkError) -> Self {
        use bo_model::Reason;
        match error {
            LinkError::Timeout => Reason::Timeout,
            LinkError::Exception(code) => Reason::Exception(*code),
            LinkError::Protocol(what) => Reason::Decode(what.clone()),
            LinkError::Invalid(what) => Reason::Driver(what.clone()),
            LinkError::Offline(_) | LinkError::BackedOff(_) | LinkError::Busy | LinkError::Closed => {
                Reason::Offline
            }
        }
    }
}
