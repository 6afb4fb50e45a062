//! The audit log: every mutation writes its record in the same transaction, and all records are leaves of one
//! append-only Merkle tree (RFC 6962), whose root is signed. Whoever holds the public key and a copy can
//! prove that nothing was removed, changed, reordered or inserted, with no trust in the server.
//!
//! - [`event`]: what a caller says, and the record that is stored
//! - [`merkle`]: the tree's hashing, frontier and proofs (pure)
//! - [`append`]: the transaction's end: records get their number and their place in the tree
//! - [`checkpoint`]: signed roots, and the key that signs
//! - [`verify`]: checks a database or an export and names what is wrong (pure)
//! - [`export`]: the log as JSON lines
//! - [`search`]: looking records up
//! - [`mod@redact`]: what never reaches the log in clear

pub(crate) mod append;
pub mod checkpoint;
pub mod event;
pub mod export;
pub mod merkle;
pub mod redact;
pub mod search;
pub mod verify;

pub use checkpoint::{Checkpoint, PublicKey, SigningKey};
pub use event::{Author, Event, FromEdge, Origin, Outcome, Record};
pub use redact::{changes, redact};
