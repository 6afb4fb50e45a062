//! Devices: one driver instance each, with its own settings. Contained in their system.

pub mod queries;
pub mod routes;

use bo_model::settings::Values;
use bo_model::{DeviceId, SystemId, WorkspaceId};
use serde::Serialize;

/// A device.
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
    pub settings: Values,
    /// Runs when true.
    pub enabled: bool,
}
