//! Modbus over TCP, over a serial line, and RTU frames over TCP: the link, and everything pure that turns a
//! profile into requests and replies into values.
//!
//! - [`spawn`] starts the task that owns one endpoint; `pdu`, `session`, `units` and `timing` are its pure parts.
//! - [`Poll`] drives one profile device: which reads are due, and which values a reply means. Behind it stand
//!   [`points`] (a profile checked and flattened), [`plan`] (points into reads), [`codec`] (registers into data)
//!   and [`Learned`] (what a model refused to read).
//! - [`sunspec`] finds a device's models, [`Writer`] carries out one write with its proof, [`WearLedger`] counts
//!   writes to flash, and [`bus`] predicts what a serial line will carry.
//! - [`share()`] lets other masters use the link.

pub mod bus;
pub mod codec;
mod error;
mod overdue;
pub mod pdu;
pub mod plan;
pub mod points;
mod poller;
pub mod session;
mod share;
pub mod sunspec;
mod task;
pub mod timing;
pub mod units;
mod wear;
mod writer;

pub use error::{ConfigError, ProfileError, WriteError};
pub use plan::{Learned, Limits};
pub use points::Points;
pub use poller::{Poll, ReadRequest, Reading};
pub use share::{ShareError, share};
pub use task::spawn;
pub use wear::{Refused, WearLedger};
pub use writer::{Proof, WriteOptions, Writer, Written};
