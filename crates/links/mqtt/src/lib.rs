//! MQTT towards devices on site: a link to any broker, a broker of our own for sites that have none, and the profile
//! codec that turns topics and payloads into values.
//!
//! [`topic`], [`codec`] and [`discovery`] are pure. [`task`] alone touches the socket to a broker, [`broker`] embeds one
//! (`docs/decisions/0002-on-site-broker.md` says why that one).

mod aliases;
pub mod broker;
pub mod codec;
mod config;
mod contended;
mod converse;
pub mod discovery;
mod error;
mod listeners;
mod packets;
mod plain;
mod refusals;
mod session;
mod shared;
pub mod task;
mod terms;
pub mod topic;

pub use broker::{BrokerConfig, BrokerTls, Credentials, EmbeddedBroker};
pub use codec::{Decoded, Profile};
pub use config::{MqttConfig, client_tls};
pub use error::MqttError;
pub use listeners::Listener;
pub use task::{MqttLink, spawn};
