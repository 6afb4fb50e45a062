//! What can be wrong with a link, a profile or a write, in sentences for the person who made it.

use crate::wear::Refused;
use bo_link::LinkError;
use std::path::PathBuf;

/// Why a link can't be started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration is of another kind of link.
    #[error("this link speaks no Modbus")]
    NotModbus,
    /// A character of RTU has eight bits.
    #[error("serial line {}: Modbus RTU needs data_bits = 8", .0.display())]
    DataBits(PathBuf),
    /// The endpoint can't be configured like this.
    #[error(transparent)]
    Endpoint(#[from] bo_link_stream::ConfigError),
}

/// Why a profile can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A point is described wrongly.
    #[error("modbus.point.{point}: {what}")]
    Point {
        /// The point.
        point: String,
        /// What is wrong, in words.
        what: String,
    },
    /// A limit of the profile is out of range.
    #[error("modbus.{key}: {what}")]
    Limit {
        /// `max_read` or a group.
        key: String,
        /// What is wrong, in words.
        what: String,
    },
}

/// Why a write was not carried out, or not proved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// The profile has no such point, or this device does not implement it.
    #[error("this device has no point `{0}`")]
    NoPoint(String),
    /// The point is for reading.
    #[error("point `{0}` can't be written")]
    ReadOnly(String),
    /// The value does not fit the point.
    #[error("point `{point}`: {what}")]
    Value {
        /// The point.
        point: String,
        /// Why it does not fit, in words.
        what: String,
    },
    /// The day's budget of writes is used up.
    #[error(transparent)]
    WornOut(#[from] Refused),
    /// What has to be known before the write could not be read.
    #[error("point `{point}` could not be read before it was written")]
    ReadBefore {
        /// The point.
        point: String,
        /// Why.
        #[source]
        source: LinkError,
    },
    /// The device did not take it.
    #[error("point `{point}` was not written")]
    Write {
        /// The point.
        point: String,
        /// Why.
        #[source]
        source: LinkError,
    },
    /// Written, but it reads back as something else.
    #[error("point `{point}` was written as {wanted} and reads back as {seen}")]
    ReadBack {
        /// The point.
        point: String,
        /// The value written.
        wanted: String,
        /// The value read back.
        seen: String,
    },
}

impl WriteError {
    /// The same with its cause, as one sentence.
    pub fn sentence(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) if !matches!(self, WriteError::WornOut(_)) => format!("{self}: {cause}"),
            _ => self.to_string(),
        }
    }
}
