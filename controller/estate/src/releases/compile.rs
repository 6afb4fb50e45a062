//! From the registry to one edge's [`Site`]. Pure, and the same estate always gives the same text.

use crate::registry::{DeviceEntry, Registry};
use bo_model::release::{Site, SiteDevice, SiteSystem, SiteTrigger, SiteZone};
use bo_model::settings::{Values, check_all};
use bo_model::{EdgeId, ZoneId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A compiled edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// What the edge will run.
    pub site: Site,
    /// What was left out and why, one sentence each: a faulty device does not hold up its building.
    pub faults: Vec<String>,
}

/// Compiles an edge.
pub fn compile(registry: &Registry, edge: EdgeId) -> Compiled {
    let mut faults = Vec::new();
    let mut site = Site { edge: Some(edge), ..Site::default() };
    if let Some(edge) = registry.edges.get(&edge) {
        site.links.clone_from(&edge.links);
        site.shares.clone_from(&edge.shares);
    }
    let mut systems: Vec<_> = registry.systems.values().filter(|system| system.edge == edge).collect();
    systems.sort_by_key(|system| system.id);

    let mut seen: BTreeSet<ZoneId> = BTreeSet::new();
    for system in &systems {
        for zone in registry.path(system.zone) {
            if seen.insert(zone.id) {
                site.zones.push(SiteZone {
                    id: zone.id,
                    parent: zone.parent,
                    name: zone.name.clone(),
                    key: zone.key.clone(),
                    map: zone.map.clone(),
                    time_zone: zone.time_zone.clone(),
                });
            }
        }
        site.systems.push(SiteSystem {
            id: system.id,
            name: system.name.clone(),
            key: system.key.clone(),
            zone: Some(system.zone),
            time_zone: registry.time_zone(system.zone),
            position: registry.position(system.zone),
        });
        for device in registry.devices_in(system.id) {
            let Some(entry) = registry.devices.get(device) else { continue };
            match compile_device(registry, entry, &site) {
                Ok((device, hash)) => {
                    site.drivers.insert(device.driver.clone(), hash);
                    site.devices.push(Arc::new(device));
                }
                Err(why) => faults.push(format!("{}, {}: {why}", system.name, entry.device.address)),
            }
        }
    }
    site.triggers = compile_triggers(registry, edge, &mut faults);
    Compiled { site, faults }
}

fn compile_device(
    registry: &Registry,
    entry: &DeviceEntry,
    site: &Site,
) -> Result<(SiteDevice, String), String> {
    let device = &entry.device;
    let driver = entry.driver.as_ref().ok_or_else(|| format!("there is no driver `{}`", device.driver))?;
    if let Some(link) = &device.link
        && !site.links.contains_key(link)
    {
        return Err(format!("the gateway has no link `{link}`"));
    }
    let settings: Values =
        registry.settings(entry).into_iter().map(|(key, resolved)| (key, resolved.value)).collect();
    let settings = check_all(&driver.manifest.settings, &settings).map_err(|errors| {
        let sentences: Vec<String> =
            errors.into_iter().map(|(key, why)| format!("setting `{key}` {why}")).collect();
        sentences.join("; ")
    })?;
    let site_device = SiteDevice {
        id: device.id,
        system: device.system,
        address: device.address.clone(),
        name: device.name.clone(),
        driver: device.driver.clone(),
        link: device.link.clone(),
        settings,
        enabled: device.enabled,
    };
    Ok((site_device, driver.hash.clone()))
}

fn compile_triggers(registry: &Registry, edge: EdgeId, faults: &mut Vec<String>) -> Vec<SiteTrigger> {
    let mut instances: BTreeMap<_, _> = BTreeMap::new();
    for instance in registry.triggers.values() {
        if registry.systems.get(&instance.system).is_some_and(|system| system.edge == edge) {
            instances.insert(instance.id, instance);
        }
    }
    let mut compiled = Vec::new();
    for instance in instances.into_values() {
        match registry.definitions.get(&(instance.workspace, instance.name.clone())) {
            Some(definition) => compiled.push(SiteTrigger {
                id: instance.id,
                system: instance.system,
                name: instance.name.clone(),
                definition: definition.definition.clone(),
                script: definition.script.clone(),
                params: instance.params.clone(),
                enabled: instance.enabled,
            }),
            None => faults.push(format!("there is no trigger `{}`", instance.name)),
        }
    }
    compiled
}
