//! The way back: the registry as an estate file. People and groups are not in it; they live in the database.

use crate::registry::Registry;
use crate::settings;
use bo_model::WorkspaceId;
use bo_model::estate::{
    Estate as EstateFile, EstateDevice, EstateEdge, EstateSystem, EstateTrigger, EstateZone, Organisation,
};
use bo_model::settings::Values;
use std::collections::BTreeSet;

/// What a file may hold of a level's settings: secrets stay in the database, and an import leaves them there.
fn open(values: &Values, secrets: &BTreeSet<String>) -> Values {
    let open = values.iter().filter(|(key, _)| !secrets.contains(*key));
    open.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Everything of a workspace, in order of key. Secret settings are left out.
pub fn to_file(registry: &Registry, workspace: WorkspaceId, name: &str) -> EstateFile {
    let key_of = |zone| registry.zones.get(&zone).map(|zone| zone.key.clone()).unwrap_or_default();
    let mut zones: Vec<EstateZone> = registry
        .zones
        .values()
        .filter(|zone| zone.workspace == workspace)
        .map(|zone| EstateZone {
            key: zone.key.clone(),
            parent: zone.parent.map(key_of),
            kind: zone.kind,
            name: zone.name.clone(),
            order: i32::try_from(zone.rank).unwrap_or_default(),
            tags: zone.tags.clone(),
            time_zone: zone.time_zone.clone(),
            position: zone.position,
            map: zone.map.clone(),
            settings: open(&zone.settings, &settings::secrets_of(registry, workspace, &zone.secrets)),
            metadata: zone.metadata.clone(),
        })
        .collect();
    zones.sort_by(|a, b| a.key.cmp(&b.key));
    let mut edges: Vec<EstateEdge> = registry
        .edges
        .values()
        .filter(|edge| edge.workspace == workspace)
        .map(|edge| EstateEdge {
            key: edge.key.clone(),
            name: edge.name.clone(),
            zone: key_of(edge.zone),
            links: edge.links.clone(),
        })
        .collect();
    edges.sort_by(|a, b| a.key.cmp(&b.key));
    let mut systems: Vec<EstateSystem> = registry
        .systems
        .values()
        .filter(|system| system.workspace == workspace)
        .map(|system| EstateSystem {
            key: system.key.clone(),
            name: system.name.clone(),
            zone: key_of(system.zone),
            edge: registry.edges.get(&system.edge).map(|edge| edge.key.clone()).unwrap_or_default(),
            tags: system.tags.clone(),
            settings: open(&system.settings, &settings::secrets_of(registry, workspace, &system.secrets)),
            metadata: system.metadata.clone(),
            devices: devices(registry, system.id),
            triggers: triggers(registry, system.id),
        })
        .collect();
    systems.sort_by(|a, b| a.key.cmp(&b.key));
    let root = zones.iter().find(|zone| zone.parent.is_none());
    let time_zone = root.and_then(|root| root.time_zone.clone()).unwrap_or_else(|| "UTC".into());
    let organisation = Some(Organisation { name: name.to_owned(), time_zone });
    EstateFile { organisation, groups: Vec::new(), people: Vec::new(), zones, edges, systems }
}

fn devices(registry: &Registry, system: bo_model::SystemId) -> Vec<EstateDevice> {
    let entries = registry.devices_in(system).iter().filter_map(|id| registry.devices.get(id));
    entries
        .map(|entry| {
            let device = &entry.device;
            EstateDevice {
                address: device.address.clone(),
                name: if device.name == device.address { String::new() } else { device.name.clone() },
                driver: device.driver.clone(),
                link: device.link.clone(),
                settings: open(&device.settings, &settings::secrets_of_device(registry, device)),
                disabled: !device.enabled,
            }
        })
        .collect()
}

fn triggers(registry: &Registry, system: bo_model::SystemId) -> Vec<EstateTrigger> {
    let mut triggers: Vec<EstateTrigger> = registry
        .triggers
        .values()
        .filter(|instance| instance.system == system)
        .map(|instance| EstateTrigger {
            name: instance.name.clone(),
            params: instance.params.clone(),
            disabled: !instance.enabled,
        })
        .collect();
    triggers.sort_by(|a, b| a.name.cmp(&b.name));
    triggers
}
