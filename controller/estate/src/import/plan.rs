//! What an import would change: compares files with the registry. Pure but for the ids it makes.

use super::library::Library;
use crate::configure::Thing;
use crate::devices::Device;
use crate::drivers::package::Packed;
use crate::edges::{Edge, EdgeState};
use crate::maps::ZoneMap;
use crate::registry::Registry;
use crate::settings;
use crate::systems::System;
use crate::triggers::{TriggerDefinition, TriggerInstance};
use crate::zones::Zone;
use bo_model::estate::{Estate as EstateFile, EstateGroup, EstatePerson};
use bo_model::settings::Values;
use bo_model::{EdgeId, IdGen, SystemId, WorkspaceId, ZoneId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that an import adds or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `zone`, `system`, `device`, ….
    pub kind: &'static str,
    /// Its key or address.
    pub key: String,
    /// New; otherwise changed.
    pub new: bool,
}

/// Everything to write. Rows that are as they should be are not in it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whose.
    pub workspace: Option<WorkspaceId>,
    /// By kind and key.
    pub changes: Vec<Change>,
    /// In the database and not in the files, each before what it lies in: left as they are, or pruned.
    pub gone: Vec<Thing>,
    /// Drivers.
    pub drivers: Vec<Packed>,
    /// Trigger definitions.
    pub definitions: Vec<TriggerDefinition>,
    /// Maps.
    pub maps: Vec<ZoneMap>,
    /// Zones, parents first.
    pub zones: Vec<Zone>,
    /// Edges.
    pub edges: Vec<Edge>,
    /// Systems.
    pub systems: Vec<System>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Trigger instances.
    pub triggers: Vec<TriggerInstance>,
    /// Groups of the files.
    pub groups: Vec<EstateGroup>,
    /// People of the files.
    pub people: Vec<EstatePerson>,
    /// Zone keys of the files with their ids: for the groups' grants.
    pub zone_ids: BTreeMap<String, ZoneId>,
}

impl Plan {
    /// Compares. `maps` are the stored ones.
    pub fn make(
        workspace: WorkspaceId,
        registry: &Registry,
        maps: &[ZoneMap],
        file: &EstateFile,
        library: &Library,
        ids: &IdGen,
    ) -> Plan {
        let mut plan = Plan { workspace: Some(workspace), ..Plan::default() };
        plan.groups.clone_from(&file.groups);
        plan.people.clone_from(&file.people);
        plan.libraries(workspace, registry, maps, library);
        plan.zones(workspace, registry, file, ids);
        let edges = plan.edges(workspace, registry, file, ids);
        plan.systems(workspace, registry, file, &edges, ids);
        plan.gone = super::prune::gone(workspace, registry, file);
        plan
    }

    /// What it writes, each before what lies in it.
    pub fn things(&self) -> impl Iterator<Item = Thing> + '_ {
        let zones = self.zones.iter().cloned().map(Thing::Zone);
        let edges = self.edges.iter().cloned().map(Thing::Edge);
        let systems = self.systems.iter().cloned().map(Thing::System);
        let devices = self.devices.iter().cloned().map(Thing::Device);
        zones
            .chain(edges)
            .chain(systems)
            .chain(devices)
            .chain(self.triggers.iter().cloned().map(Thing::Trigger))
    }

    /// Notes a change when there is one; returns whether there is.
    fn note<T: PartialEq>(&mut self, kind: &'static str, key: &str, before: Option<&T>, after: &T) -> bool {
        let changed = before != Some(after);
        if changed {
            self.changes.push(Change { kind, key: key.to_owned(), new: before.is_none() });
        }
        changed
    }

    fn libraries(
        &mut self,
        workspace: WorkspaceId,
        registry: &Registry,
        maps: &[ZoneMap],
        library: &Library,
    ) {
        for (name, packed) in &library.drivers {
            let held = registry.drivers.get(&(workspace, name.clone()));
            if self.note("driver", name, held.map(|driver| &driver.hash), &packed.driver.hash) {
                self.drivers.push(packed.clone());
            }
        }
        for (name, definition) in &library.triggers {
            let held = registry.definitions.get(&(workspace, name.clone()));
            if self.note("trigger", name, held.map(AsRef::as_ref), definition) {
                self.definitions.push(definition.clone());
            }
        }
        for (name, map) in &library.maps {
            if self.note("map", name, maps.iter().find(|held| held.name == *name), map) {
                self.maps.push(map.clone());
            }
        }
    }

    fn zones(&mut self, workspace: WorkspaceId, registry: &Registry, file: &EstateFile, ids: &IdGen) {
        let held: BTreeMap<&str, &Zone> = registry
            .zones
            .values()
            .filter(|zone| zone.workspace == workspace)
            .map(|zone| (zone.key.as_str(), zone.as_ref()))
            .collect();
        for zone in &file.zones {
            let id = held.get(zone.key.as_str()).map_or_else(|| ids.make(), |zone| zone.id);
            self.zone_ids.insert(zone.key.clone(), id);
        }
        // The root's time zone is the organisation's unless it says otherwise.
        let default_zone = file.organisation.as_ref().map(|organisation| organisation.time_zone.clone());
        let mut zones: Vec<Zone> = file
            .zones
            .iter()
            .map(|zone| (zone, held.get(zone.key.as_str())))
            .map(|(zone, held)| Zone {
                id: self.zone_ids[&zone.key],
                workspace,
                key: zone.key.clone(),
                parent: zone.parent.as_ref().and_then(|parent| self.zone_ids.get(parent)).copied(),
                kind: zone.kind,
                name: zone.name.clone(),
                rank: i64::from(zone.order),
                tags: zone.tags.clone(),
                time_zone: zone
                    .time_zone
                    .clone()
                    .or_else(|| default_zone.clone().filter(|_| zone.parent.is_none())),
                position: zone.position,
                map: zone.map.clone(),
                settings: kept_secrets(
                    held.map(|held| {
                        (&held.settings, settings::secrets_of(registry, workspace, &held.secrets))
                    }),
                    &zone.settings,
                ),
                secrets: held.map(|held| held.secrets.clone()).unwrap_or_default(),
                metadata: zone.metadata.clone(),
            })
            .collect();
        zones.sort_by_key(|zone| depth(file, &zone.key));
        for zone in zones {
            if self.note("zone", &zone.key, held.get(zone.key.as_str()).copied(), &zone) {
                self.zones.push(zone);
            }
        }
    }

    fn edges(
        &mut self,
        workspace: WorkspaceId,
        registry: &Registry,
        file: &EstateFile,
        ids: &IdGen,
    ) -> BTreeMap<String, EdgeId> {
        let mut found = BTreeMap::new();
        for edge in &file.edges {
            let held = registry.edge_by_key(workspace, &edge.key).cloned();
            let fresh = Edge {
                id: held.as_ref().map_or_else(|| ids.make(), |held| held.id),
                workspace,
                key: edge.key.clone(),
                name: edge.name.clone(),
                zone: self.zone_ids[&edge.zone],
                links: edge.links.clone(),
                shares: edge.shares.clone(),
                state: held.as_ref().map_or(EdgeState::New, |held| held.state),
                enrolled_at: held.as_ref().and_then(|held| held.enrolled_at),
                revoked_at: held.as_ref().and_then(|held| held.revoked_at),
            };
            found.insert(edge.key.clone(), fresh.id);
            if self.note("gateway", &edge.key, held.as_deref(), &fresh) {
                self.edges.push(fresh);
            }
        }
        found
    }

    fn systems(
        &mut self,
        workspace: WorkspaceId,
        registry: &Registry,
        file: &EstateFile,
        edges: &BTreeMap<String, EdgeId>,
        ids: &IdGen,
    ) {
        let held: BTreeMap<&str, &System> = registry
            .systems
            .values()
            .filter(|system| system.workspace == workspace)
            .map(|system| (system.key.as_str(), system.as_ref()))
            .collect();
        for system in &file.systems {
            let before = held.get(system.key.as_str()).copied();
            let fresh = System {
                id: before.map_or_else(|| ids.make(), |held| held.id),
                workspace,
                key: system.key.clone(),
                name: system.name.clone(),
                zone: self.zone_ids[&system.zone],
                edge: edges[&system.edge],
                tags: system.tags.clone(),
                settings: kept_secrets(
                    before.map(|held| {
                        (&held.settings, settings::secrets_of(registry, workspace, &held.secrets))
                    }),
                    &system.settings,
                ),
                secrets: before.map(|held| held.secrets.clone()).unwrap_or_default(),
                metadata: system.metadata.clone(),
            };
            self.devices(workspace, registry, &system.key, fresh.id, &system.devices, ids);
            self.triggers(workspace, registry, &system.key, fresh.id, &system.triggers, ids);
            if self.note("system", &system.key, before, &fresh) {
                self.systems.push(fresh);
            }
        }
    }

    fn devices(
        &mut self,
        workspace: WorkspaceId,
        registry: &Registry,
        key: &str,
        system: SystemId,
        devices: &[bo_model::estate::EstateDevice],
        ids: &IdGen,
    ) {
        let held: BTreeMap<&str, &Device> = registry
            .devices_in(system)
            .iter()
            .filter_map(|id| registry.devices.get(id))
            .map(|entry| (entry.device.address.as_str(), &entry.device))
            .collect();
        for device in devices {
            let before = held.get(device.address.as_str()).copied();
            let name = if device.name.is_empty() { &device.address } else { &device.name };
            let fresh = Device {
                id: before.map_or_else(|| ids.make(), |held| held.id),
                workspace,
                system,
                address: device.address.clone(),
                name: name.clone(),
                driver: device.driver.clone(),
                link: device.link.clone(),
                settings: kept_secrets(
                    before.map(|held| (&held.settings, settings::secrets_of_device(registry, held))),
                    &device.settings,
                ),
                secrets: before.map(|held| held.secrets.clone()).unwrap_or_default(),
                enabled: !device.disabled,
                metadata: device.metadata.clone(),
            };
            if self.note("device", &format!("{key}/{}", device.address), before, &fresh) {
                self.devices.push(fresh);
            }
        }
    }

    fn triggers(
        &mut self,
        workspace: WorkspaceId,
        registry: &Registry,
        key: &str,
        system: SystemId,
        triggers: &[bo_model::estate::EstateTrigger],
        ids: &IdGen,
    ) {
        let held: BTreeMap<&str, &TriggerInstance> = registry
            .triggers
            .values()
            .filter(|instance| instance.system == system)
            .map(|instance| (instance.name.as_str(), instance.as_ref()))
            .collect();
        for trigger in triggers {
            let before = held.get(trigger.name.as_str()).copied();
            let fresh = TriggerInstance {
                id: before.map_or_else(|| ids.make(), |held| held.id),
                workspace,
                system,
                name: trigger.name.clone(),
                params: trigger.params.clone(),
                enabled: !trigger.disabled,
            };
            if self.note("trigger instance", &format!("{key}/{}", trigger.name), before, &fresh) {
                self.triggers.push(fresh);
            }
        }
    }
}

/// A file's settings, and the secrets that are stored: files don't hold them, so that none is there doesn't mean none is wanted.
fn kept_secrets(held: Option<(&Values, BTreeSet<String>)>, file: &Values) -> Values {
    let kept = held.iter().flat_map(|(held, secrets)| held.iter().filter(|(key, _)| secrets.contains(*key)));
    kept.chain(file).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// How deep a zone lies; the files are checked, so this ends.
fn depth(file: &EstateFile, key: &str) -> usize {
    let parent =
        |key: &str| file.zones.iter().find(|zone| zone.key == key).and_then(|zone| zone.parent.as_deref());
    std::iter::successors(parent(key), |key| parent(key)).take(file.zones.len()).count()
}
