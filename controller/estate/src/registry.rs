//! The configured estate in memory: one immutable snapshot, replaced when something changes. Ingest, live data
//! and pages look things up here; the database is only asked for what happened.

use crate::devices::Device;
use crate::drivers::Driver;
use crate::edges::Edge;
use crate::error::EstateError;
use crate::releases::actions::Plans;
use crate::systems::System;
use crate::triggers::{TriggerDefinition, TriggerInstance};
use crate::zones::Zone;
use crate::{devices, drivers, edges, systems, triggers, zones};
use bo_db::{Db, DbError, Tx};
use bo_model::settings::{Origin, Resolved, Values, resolve};
use bo_model::{DeviceId, EdgeId, Kind, Object, SystemId, TriggerId, WorkspaceId, ZoneId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Name of the installation value that changes with every change of the configuration.
const VERSION: &str = "estate.version";

/// A device with what is asked of it most often.
#[derive(Clone, Debug)]
pub struct DeviceEntry {
    /// The device.
    pub device: Device,
    /// The edge its system runs on.
    pub edge: EdgeId,
    /// The zone its system lies in.
    pub zone: ZoneId,
    /// Its driver; absent when the library has none of that name.
    pub driver: Option<Arc<Driver>>,
}

/// Everything configured, in all workspaces.
#[derive(Debug, Default)]
pub struct Registry {
    /// Which version of the configuration this is.
    pub version: i64,
    /// Zones.
    pub zones: HashMap<ZoneId, Arc<Zone>>,
    /// Systems.
    pub systems: HashMap<SystemId, Arc<System>>,
    /// Devices.
    pub devices: HashMap<DeviceId, Arc<DeviceEntry>>,
    /// Edges.
    pub edges: HashMap<EdgeId, Arc<Edge>>,
    /// Drivers by workspace and how devices name them: those in use by name, those that devices hold as `name@version`.
    pub drivers: BTreeMap<(WorkspaceId, String), Arc<Driver>>,
    /// Trigger definitions by workspace and name.
    pub definitions: BTreeMap<(WorkspaceId, String), Arc<TriggerDefinition>>,
    /// Trigger instances.
    pub triggers: HashMap<TriggerId, Arc<TriggerInstance>>,
    /// What releases would change, as far as somebody asked.
    pub plans: Plans,
    secrets: HashMap<WorkspaceId, BTreeSet<String>>,
    nothing: BTreeSet<String>,
    children: HashMap<ZoneId, Vec<ZoneId>>,
    in_zone: HashMap<ZoneId, Vec<SystemId>>,
    in_system: HashMap<SystemId, Vec<DeviceId>>,
}

impl Registry {
    /// Reads everything.
    pub fn load(db: &Db) -> Result<Registry, EstateError> {
        db.read(|tx| Ok(Registry::read(tx)?))
    }

    /// Reads everything in a transaction.
    pub fn read(tx: &mut Tx) -> Result<Registry, DbError> {
        let version = version(tx)?;
        let parts = Parts {
            zones: zones::queries::all(tx)?,
            systems: systems::queries::all(tx)?,
            devices: devices::queries::all(tx)?,
            edges: edges::queries::all(tx)?,
            drivers: drivers::queries::all(tx)?,
            definitions: triggers::queries::definitions(tx)?,
            triggers: triggers::queries::instances(tx)?,
        };
        Ok(Registry { version, ..Registry::build(parts) })
    }

    /// Puts the parts together.
    pub fn build(parts: Parts) -> Registry {
        let mut registry = Registry::default();
        for zone in parts.zones {
            if let Some(parent) = zone.parent {
                registry.children.entry(parent).or_default().push(zone.id);
            }
            registry.zones.insert(zone.id, Arc::new(zone));
        }
        for system in parts.systems {
            registry.in_zone.entry(system.zone).or_default().push(system.id);
            registry.systems.insert(system.id, Arc::new(system));
        }
        let keyed = |driver: Driver| ((driver.workspace, driver.label()), Arc::new(driver));
        registry.drivers = parts.drivers.into_iter().map(keyed).collect();
        for driver in registry.drivers.values() {
            registry.secrets.entry(driver.workspace).or_default().extend(driver.secrets());
        }
        for device in parts.devices {
            let Some(system) = registry.systems.get(&device.system) else { continue };
            let driver = registry.drivers.get(&(device.workspace, device.driver.clone())).cloned();
            registry.in_system.entry(device.system).or_default().push(device.id);
            let entry = DeviceEntry { edge: system.edge, zone: system.zone, driver, device };
            registry.devices.insert(entry.device.id, Arc::new(entry));
        }
        registry.edges = parts.edges.into_iter().map(|edge| (edge.id, Arc::new(edge))).collect();
        registry.definitions = parts
            .definitions
            .into_iter()
            .map(|definition| ((definition.workspace, definition.name.clone()), Arc::new(definition)))
            .collect();
        registry.triggers =
            parts.triggers.into_iter().map(|trigger| (trigger.id, Arc::new(trigger))).collect();
        registry.sort();
        registry
    }

    /// The drivers of a workspace's library, each in the version in use, by name.
    pub fn library(&self, workspace: WorkspaceId) -> impl Iterator<Item = &Arc<Driver>> {
        self.drivers.values().filter(move |driver| driver.workspace == workspace && !driver.held)
    }

    /// Keys that any driver of a workspace declares secret.
    pub fn declared_secrets(&self, workspace: WorkspaceId) -> &BTreeSet<String> {
        self.secrets.get(&workspace).unwrap_or(&self.nothing)
    }

    /// Children by rank and name, systems by name, devices by address: the order lists show.
    fn sort(&mut self) {
        let zones = &self.zones;
        for children in self.children.values_mut() {
            children.sort_by_key(|id| zones.get(id).map(|zone| (zone.rank, zone.name.clone())));
        }
        let systems = &self.systems;
        for list in self.in_zone.values_mut() {
            list.sort_by_key(|id| systems.get(id).map(|system| system.name.clone()));
        }
        let devices = &self.devices;
        for list in self.in_system.values_mut() {
            list.sort_by_key(|id| devices.get(id).map(|entry| entry.device.address.clone()));
        }
    }

    /// Zones directly in a zone.
    pub fn children(&self, zone: ZoneId) -> &[ZoneId] {
        self.children.get(&zone).map_or(&[], Vec::as_slice)
    }

    /// Systems directly in a zone.
    pub fn systems_in(&self, zone: ZoneId) -> &[SystemId] {
        self.in_zone.get(&zone).map_or(&[], Vec::as_slice)
    }

    /// Devices of a system.
    pub fn devices_in(&self, system: SystemId) -> &[DeviceId] {
        self.in_system.get(&system).map_or(&[], Vec::as_slice)
    }

    /// A zone and all zones below it.
    pub fn zones_below(&self, zone: ZoneId) -> Vec<ZoneId> {
        let mut found = vec![zone];
        let mut next = 0;
        while let Some(zone) = found.get(next).copied() {
            found.extend_from_slice(self.children(zone));
            next += 1;
        }
        found
    }

    /// Systems in a zone and below it.
    pub fn systems_below(&self, zone: ZoneId) -> Vec<SystemId> {
        self.zones_below(zone).into_iter().flat_map(|zone| self.systems_in(zone).to_vec()).collect()
    }

    /// The zones from the root down to `zone`.
    pub fn path(&self, zone: ZoneId) -> Vec<Arc<Zone>> {
        let mut path: Vec<Arc<Zone>> = std::iter::successors(self.zones.get(&zone), |zone| {
            zone.parent.and_then(|parent| self.zones.get(&parent))
        })
        .take(self.zones.len())
        .cloned()
        .collect();
        path.reverse();
        path
    }

    /// The time zone in force in a zone.
    pub fn time_zone(&self, zone: ZoneId) -> Option<String> {
        self.path(zone).iter().rev().find_map(|zone| zone.time_zone.clone())
    }

    /// Latitude and longitude in force in a zone.
    pub fn position(&self, zone: ZoneId) -> Option<(f64, f64)> {
        self.path(zone).iter().rev().find_map(|zone| zone.position)
    }

    /// A device's settings: the value in force per key and every level that set it. Zones and systems may set
    /// keys for many drivers; only those this device's driver declares count here.
    pub fn settings(&self, entry: &DeviceEntry) -> BTreeMap<String, Resolved> {
        let Some(driver) = &entry.driver else {
            return resolve(&[(Origin::Device, entry.device.settings.clone())]);
        };
        let fields = &driver.manifest.settings;
        let declared = |values: &Values| -> Values {
            values
                .iter()
                .filter(|(key, _)| fields.contains_key(*key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let defaults: Values =
            fields.iter().filter_map(|(key, field)| Some((key.clone(), field.default.clone()?))).collect();
        let mut levels = vec![(Origin::Driver(driver.name().to_owned()), defaults)];
        for zone in self.path(entry.zone) {
            levels.push((Origin::Zone(zone.name.clone()), declared(&zone.settings)));
        }
        if let Some(system) = self.systems.get(&entry.device.system) {
            levels.push((Origin::System(system.name.clone()), declared(&system.settings)));
        }
        levels.push((Origin::Device, entry.device.settings.clone()));
        resolve(&levels)
    }

    /// The objects of a kind in a workspace; roots of the tree before what lies in them.
    pub fn objects(&self, workspace: WorkspaceId, kind: Kind) -> Box<dyn Iterator<Item = Object> + '_> {
        let zones = |root: bool| {
            let ours = self.zones.values().filter(move |zone| zone.workspace == workspace);
            ours.filter(move |zone| zone.parent.is_none() == root)
                .map(|zone| Object::new(Kind::ZONE, zone.id))
        };
        match kind {
            Kind::ZONE => Box::new(zones(true).chain(zones(false))),
            Kind::SYSTEM => {
                let ours = self.systems.values().filter(move |system| system.workspace == workspace);
                Box::new(ours.map(|system| Object::new(Kind::SYSTEM, system.id)))
            }
            Kind::DEVICE => {
                let ours = self.devices.values().filter(move |entry| entry.device.workspace == workspace);
                Box::new(ours.map(|entry| Object::new(Kind::DEVICE, entry.device.id)))
            }
            Kind::EDGE => {
                let ours = self.edges.values().filter(move |edge| edge.workspace == workspace);
                Box::new(ours.map(|edge| Object::new(Kind::EDGE, edge.id)))
            }
            Kind::TRIGGER => {
                let ours = self.triggers.values().filter(move |trigger| trigger.workspace == workspace);
                Box::new(ours.map(|trigger| Object::new(Kind::TRIGGER, trigger.id)))
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    /// An edge by its key.
    pub fn edge_by_key(&self, workspace: WorkspaceId, key: &str) -> Option<&Arc<Edge>> {
        self.edges.values().find(|edge| edge.workspace == workspace && edge.key == key)
    }

    /// A system by its key.
    pub fn system_by_key(&self, workspace: WorkspaceId, key: &str) -> Option<&Arc<System>> {
        self.systems.values().find(|system| system.workspace == workspace && system.key == key)
    }
}

/// What a registry is made of.
#[derive(Debug, Default)]
pub struct Parts {
    /// Zones.
    pub zones: Vec<Zone>,
    /// Systems.
    pub systems: Vec<System>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Edges.
    pub edges: Vec<Edge>,
    /// Drivers.
    pub drivers: Vec<Driver>,
    /// Trigger definitions.
    pub definitions: Vec<TriggerDefinition>,
    /// Trigger instances.
    pub triggers: Vec<TriggerInstance>,
}

/// The version of the configuration in the database.
pub fn version(tx: &mut Tx) -> Result<i64, DbError> {
    let bytes = tx.kv(VERSION)?.unwrap_or_default();
    Ok(bytes.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes)))
}

/// Says that the configuration changed; every transaction that changes it calls this.
pub fn touch(tx: &mut Tx) -> Result<(), DbError> {
    let next = version(tx)? + 1;
    tx.set_kv(VERSION, &next.to_be_bytes())
}
