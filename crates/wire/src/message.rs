//! Messages by topic kind. `Up` and `Down` name them all; encode and decode in one place.

use crate::enroll::{Renew, Renewed};
use crate::record::{Class, Record};
use crate::release::SignedRelease;
use bo_model::command::CommandRequest;
use bo_model::{DeviceId, Time, Value};
use serde::{Deserialize, Serialize};

/// Where a class stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Class.
    pub class: Class,
    /// Epoch: changes when an edge's journal begins anew.
    pub epoch: u64,
    /// In `Hello`: last sequence number written. In `Ack`: last one committed by the controller.
    pub seq: u64,
}

/// First message after connecting. The controller answers with `Ack` of all it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the agent.
    pub agent: String,
    /// Hash of the release it runs, empty when it has none.
    pub release: String,
    /// Where the journal stands, per class.
    pub cursors: Vec<Cursor>,
    /// The edge's clock.
    pub at: Time,
}

/// A run of records of one class, consecutive but for gap records, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// Class.
    pub class: Class,
    /// Epoch.
    pub epoch: u64,
    /// Backfill: sent again on demand, not new; not acknowledged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backfill: bool,
    /// The records.
    pub records: Vec<Record>,
}

/// All current values of an edge after connecting, so that the console is right before the backlog is in.
/// Never kept, never acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Part number, from 0.
    pub part: u32,
    /// True for the last part.
    pub last: bool,
    /// Values.
    pub values: Vec<SnapshotValue>,
}

/// One current value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotValue {
    /// Device.
    pub device: DeviceId,
    /// Status variable.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// How the reason begins why a device is not well whose driver failed.
pub const FAULTED: &str = "faulted: ";

/// Proof of life, every few seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The edge's clock.
    pub at: Time,
    /// Counts up by one; a jump back means a restart.
    pub count: u64,
    /// Hash of the release it runs.
    pub release: String,
    /// Not yet acknowledged records.
    pub backlog: u64,
    /// Bytes the journal takes on disk.
    pub journal_bytes: u64,
    /// Links: name, state word, last proved.
    #[serde(default)]
    pub links: Vec<(String, String, Option<Time>)>,
    /// Devices that are not well: id and why, which begins with [`FAULTED`] when their driver failed. All others were proved
    /// within their staleness.
    #[serde(default)]
    pub unwell: Vec<(DeviceId, String)>,
    /// Resident memory in bytes.
    #[serde(default)]
    pub memory: u64,
}

/// What the controller has committed. The edge may delete up to here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// Watermarks.
    pub cursors: Vec<Cursor>,
    /// Set when the controller could not take a batch: send again from the watermark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}

/// A command for a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandMessage {
    /// The request; the controller has authorised it.
    pub request: CommandRequest,
}

/// There is a release for you.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announce {
    /// The release itself, signed; its drivers are fetched as blobs by hash.
    pub release: SignedRelease,
}

/// Send these records again if you still have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// Class.
    pub class: Class,
    /// Epoch.
    pub epoch: u64,
    /// First.
    pub from: u64,
    /// Last.
    pub to: u64,
}

/// Ask for a part of a blob (a packed driver). The answer is a `BlobChunk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRequest {
    /// Hex SHA-256 of the whole.
    pub hash: String,
    /// First byte wanted.
    pub offset: u64,
}

/// Everything an edge sends. The variant's name in kebab case is the topic kind.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant carries the documented struct of its name")]
pub enum Up {
    Hello(Hello),
    Records(Records),
    Snapshot(Snapshot),
    Heartbeat(Heartbeat),
    BlobRequest(BlobRequest),
    Renew(Renew),
}

/// Everything the controller sends as JSON; blobs come raw under kind `blob`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant carries the documented struct of its name")]
pub enum Down {
    Ack(Ack),
    Command(CommandMessage),
    Announce(Announce),
    Backfill(Backfill),
    Renewed(Renewed),
}

impl Up {
    /// Topic kind and payload.
    pub fn encode(&self) -> (&'static str, Vec<u8>) {
        match self {
            Up::Hello(message) => ("hello", json(message)),
            Up::Records(message) => ("records", json(message)),
            Up::Snapshot(message) => ("snapshot", json(message)),
            Up::Heartbeat(message) => ("heartbeat", json(message)),
            Up::BlobRequest(message) => ("blob-request", json(message)),
            Up::Renew(message) => ("renew", json(message)),
        }
    }

    /// From topic kind and payload. The error is a sentence for the log.
    pub fn decode(kind: &str, payload: &[u8]) -> Result<Up, String> {
        match kind {
            "hello" => parse(payload).map(Up::Hello),
            "records" => parse(payload).map(Up::Records),
            "snapshot" => parse(payload).map(Up::Snapshot),
            "heartbeat" => parse(payload).map(Up::Heartbeat),
            "blob-request" => parse(payload).map(Up::BlobRequest),
            "renew" => parse(payload).map(Up::Renew),
            _ => Err(format!("unknown message kind `{kind}`")),
        }
    }
}

impl Down {
    /// Topic kind and payload.
    pub fn encode(&self) -> (&'static str, Vec<u8>) {
        match self {
            Down::Ack(message) => ("ack", json(message)),
            Down::Command(message) => ("command", json(message)),
            Down::Announce(message) => ("announce", json(message)),
            Down::Backfill(message) => ("backfill", json(message)),
            Down::Renewed(message) => ("renewed", json(message)),
        }
    }

    /// From topic kind and payload. The error is a sentence for the log.
    pub fn decode(kind: &str, payload: &[u8]) -> Result<Down, String> {
        match kind {
            "ack" => parse(payload).map(Down::Ack),
            "command" => parse(payload).map(Down::Command),
            "announce" => parse(payload).map(Down::Announce),
            "backfill" => parse(payload).map(Down::Backfill),
            "renewed" => parse(payload).map(Down::Renewed),
            _ => Err(format!("unknown message kind `{kind}`")),
        }
    }
}

fn json<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, String> {
    if payload.len() > crate::MAX_PAYLOAD {
        return Err(format!(
            "message of {} bytes is over the limit of {}",
            payload.len(),
            crate::MAX_PAYLOAD
        ));
    }
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}
