//! Byte links: a framed conversation over a serial port, TCP, TLS or UDP, for devices that speak text or
//! frames of their own.
//!
//! [`spawn`] starts the task that owns the endpoint. Requests go through the handle; frames that nobody asked for,
//! and the news that a connection was made or lost, go to every subscriber. [`codec`] is the pure framing.

pub mod codec;
mod error;
mod events;
mod task;

pub use error::ConfigError;
pub use events::Later;
pub use task::{ByteLink, Event, spawn};
