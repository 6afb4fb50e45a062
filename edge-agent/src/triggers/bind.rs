//! From a site's trigger to a compiled one, and from its sources to slots on the board.

use crate::board::SlotIx;
use crate::devices::Devices;
use crate::site::Desired;
use bo_model::SystemId;
use bo_model::release::SiteTrigger;
use bo_rules::{Compiled, Context, ContextDevice, Source};

/// Compiles a trigger for its system. The error lists everything that is wrong, with lines.
pub fn compile(desired: &Desired, trigger: &SiteTrigger) -> Result<Compiled, bo_rules::Error> {
    let context = context(desired, trigger.system);
    bo_rules::load(&trigger.definition, trigger.script.as_deref(), &trigger.params, &context)
}

/// What a trigger of `system` is compiled against.
pub fn context(desired: &Desired, system: SystemId) -> Context {
    let mut devices: Vec<_> = desired
        .site
        .devices
        .iter()
        .filter(|device| device.system == system)
        .map(|device| ContextDevice {
            address: device.address.clone(),
            name: device.name.clone(),
            manifest: desired.drivers.get(&device.driver).map(|driver| driver.manifest.clone()),
        })
        .collect();
    devices.sort_by(|a, b| a.address.cmp(&b.address));
    let site = desired.site.systems.iter().find(|known| known.id == system);
    Context {
        system: site.map(|site| site.name.clone()).unwrap_or_default(),
        devices,
        time_zone: site.and_then(|site| site.time_zone.clone()),
        position: site.and_then(|site| site.position),
    }
}

/// The slot a source reads. `None` for webhooks, and for devices that are not in service.
pub(super) fn slot(devices: &Devices, system: SystemId, source: &Source) -> Option<SlotIx> {
    match source {
        Source::Status { device, status, .. } => devices.at(system, device)?.slots.slot(status),
        Source::Presence { device } => Some(devices.at(system, device)?.slots.online()),
        Source::Webhook { .. } => None,
    }
}
