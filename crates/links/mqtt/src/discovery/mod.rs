//! Home Assistant's MQTT discovery: devices announce what they have in retained messages, and these become proposals
//! for drivers and devices. Many makers of firmware speak it (Tasmota, ESPHome, Zigbee2MQTT, Shelly through a script …).
//! Pure; `backoffice-edge link scan` listens.
//!
//! Topics are `<prefix>/<component>/[<node>/]<object>/config` with one entity, or `<prefix>/device/[<node>/]<object>/config`
//! with all of a device's. Keys may be abbreviated, and `~` in a topic stands for a base.

mod entity;
mod propose;

pub use entity::{Announced, Entity, Role, read};
pub use propose::{Device, Proposals, propose};

/// The prefix unless a site changed it.
pub const PREFIX: &str = "homeassistant";
