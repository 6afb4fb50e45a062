//! A live value as pages and the API show it: what it is worth now, and how a person reads it.

use crate::Estate;
use crate::live::table::Cell;
use crate::registry::{DeviceEntry, Registry};
use bo_model::{Data, DeviceId, Quality, Reason, Time, Value};
use serde::Serialize;
use std::sync::Arc;

/// A status variable of a device, now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveValue {
    /// The device.
    pub device: DeviceId,
    /// The status variable.
    pub name: Arc<str>,
    /// Its value; the quality is what it is worth now.
    pub value: Value,
    /// As a person reads it: labels, decimals, unit.
    pub shown: String,
}

/// A device's points that changed after `after` (0 for all that were ever reported), in order of name.
pub fn changes(estate: &Estate, registry: &Registry, device: DeviceId, after: u64) -> Vec<LiveValue> {
    let cells = estate.table.changes(device, after);
    let Some(entry) = registry.devices.get(&device).filter(|_| !cells.is_empty()) else { return Vec::new() };
    let now = estate.clock.now();
    let online = estate.presence.is_online(entry.edge);
    cells.into_iter().map(|cell| show(entry, cell, online, now)).collect()
}

/// One point.
pub fn one(estate: &Estate, registry: &Registry, device: DeviceId, name: &str) -> Option<LiveValue> {
    let entry = registry.devices.get(&device)?;
    let cell = estate.table.get(device, name)?;
    Some(show(entry, cell, estate.presence.is_online(entry.edge), estate.clock.now()))
}

fn show(entry: &DeviceEntry, cell: Cell, online: bool, now: Time) -> LiveValue {
    let declared = entry.driver.as_ref().and_then(|driver| driver.manifest.status.get(cell.name.as_ref()));
    let mut value = cell.value;
    value.quality = value.quality_at(now, declared.and_then(|status| status.stale_after));
    if !online && value.quality == Quality::Good {
        value.quality = Quality::Uncertain(Reason::Stale);
    }
    let shown = match declared {
        Some(status) => status.field.show(&value.data),
        None if cell.name.as_ref() == "online" => match value.data {
            Data::Bool(true) => "online".into(),
            Data::Bool(false) => "offline".into(),
            ref other => other.to_string(),
        },
        None => value.data.to_string(),
    };
    LiveValue { device: entry.device.id, name: cell.name, value, shown }
}
