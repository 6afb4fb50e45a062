//! The grammar between an edge and the controller: topics, messages, record bodies, signed releases.
//!
//! MQTT carries it, nothing here does I/O. Everything is JSON, so that a capture reads like a log and a
//! newer side can add fields an older one ignores; blobs are raw bytes with a short binary head.
//! `tests/golden/` holds one file per message: a change that breaks an older peer breaks that test.

mod blob;
mod enroll;
mod message;
mod raw;
mod record;
mod release;
mod topic;
mod write;

pub use blob::{BLOB_CHUNK, BlobChunk, BlobError};
pub use enroll::{CodeError, EnrollCode, EnrollReply, EnrollRequest, GATE_NAME, Renew, Renewed, fingerprint};
pub use message::{
    Ack, Announce, Backfill, BlobRequest, CommandMessage, Cursor, Down, FAULTED, Heartbeat, Hello, Records,
    Snapshot, SnapshotValue, Up,
};
pub use raw::Raw;
pub use record::{
    AlarmEvent, AuditEntry, Body, Class, Gap, LogLevel, LogLine, Record, StatusChange, TriggerRun,
};
pub use release::{ReleaseError, SignedRelease, release_hash};
pub use topic::{Direction, Topic, TopicError, edge_filter};

/// Version of the grammar, the `1` in `bo/1/…`.
pub const VERSION: u32 = 1;

/// Largest MQTT payload either side sends or accepts, in bytes.
pub const MAX_PAYLOAD: usize = 512 * 1024;
