//! Devices: one driver instance each, with its own settings. Contained in their system.

pub mod queries;
pub mod routes;

use bo_model::settings::Values;
use bo_model::{DeviceId, SystemId, WorkspaceId};
use serde::Serialize;
use std::collections::BTreeSet;

/// A device. Its settings are not part of its JSON, because some are secret: see [`crate::settings`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Its system.
    pub system: SystemId,
    /// Its address there: `Display_1`.
    pub address: String,
    /// For people; the address when it was given none.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Name of the link on the system's edge.
    pub link: Option<String>,
    /// Settings of this device alone.
    #[serde(skip)]
    pub settings: Values,
    /// Keys of settings that are never shown, beside those a driver declares so.
    #[serde(skip)]
    pub secrets: BTreeSet<String>,
    /// Runs when true.
    pub enabled: bool,
    /// What people keep about it.
    pub metadata: Values,
}
