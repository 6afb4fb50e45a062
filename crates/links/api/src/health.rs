//! What a link says of itself. Published through a `watch` channel, shown in the console.

use bo_model::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whether the endpoint is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// Not tried yet, or trying.
    #[default]
    Connecting,
    /// Connected; for a serial line: open.
    Up,
    /// Not connected, and why.
    Down(Arc<str>),
}

/// A link's health with the instant it was last proved by traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Now.
    pub state: LinkState,
    /// What does not work although it is up: which topic the broker refuses, why, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited: Option<Arc<str>>,
    /// Since when it is so.
    pub since: Time,
    /// Last reply or message received.
    pub last_proved: Option<Time>,
    /// Requests sent since start.
    pub requests: u64,
    /// Requests that failed since start.
    pub failures: u64,
    /// Times the connection was made since start.
    pub connects: u64,
}
