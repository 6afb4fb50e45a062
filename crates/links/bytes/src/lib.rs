//! Byte links: a framed conversation over a serial port, TCP, TLS or UDP, for devices that speak text or
//! frames of their own.
//!
//! [`spawn`] starts the task that owns the endpoint. Requests go through the handle; frames that nobody asked for,
//! and the news that a connection was made or lost, go to every subscriber. [`codec`] is the pure framing, [`tls`]
//! turns the TLS part of a link's configuration into one for rustls.

pub mod codec;
mod endpoint;
mod error;
mod task;
pub mod tls;

pub use error::ConfigError;
pub use task::{ByteLink, Event, spawn};
