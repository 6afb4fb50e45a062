//! Settings as people see them: what is in force, who set it, and which values are never shown.
//!
//! A key is secret where a driver of the workspace declares it so or whoever set it said so. Secrets can be written and
//! reset; reading shows [`HIDDEN`], and writing [`HIDDEN`] back keeps what is stored.

use crate::devices::Device;
use crate::drivers::Driver;
use crate::registry::{DeviceEntry, Registry};
use bo_model::settings::{Field, Origin, Resolved, Values, resolve};
use bo_model::{SystemId, WorkspaceId, ZoneId};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Stands for a value that is set and not shown.
pub const HIDDEN: &str = "(hidden)";

/// The secret keys of a zone or system: its own, and those any driver of the workspace declares secret.
pub fn secrets_of(registry: &Registry, workspace: WorkspaceId, own: &BTreeSet<String>) -> BTreeSet<String> {
    registry.declared_secrets(workspace).union(own).cloned().collect()
}

/// The secret keys of a device: its own, its driver's, and those that a level above it says are secret.
pub fn secrets_of_device(registry: &Registry, device: &Device) -> BTreeSet<String> {
    let mut secrets = device.secrets.clone();
    match registry.drivers.get(&(device.workspace, device.driver.clone())) {
        Some(driver) => secrets.extend(driver.secrets()),
        None => secrets.extend(registry.declared_secrets(device.workspace).iter().cloned()),
    }
    if let Some(system) = registry.systems.get(&device.system) {
        secrets.extend(system.secrets.iter().cloned());
        for zone in registry.path(system.zone) {
            secrets.extend(zone.secrets.iter().cloned());
        }
    }
    secrets
}

/// Values with the secret ones hidden.
pub fn shown(values: &Values, secrets: &BTreeSet<String>) -> Values {
    let show = |(key, value): (&String, &Json)| {
        (key.clone(), if secrets.contains(key) { Json::from(HIDDEN) } else { value.clone() })
    };
    values.iter().map(show).collect()
}

/// What is stored when all of a level's settings are written: a secret that came back as it was shown is kept.
pub fn replaced(held: &Values, wanted: Values, secrets: &BTreeSet<String>) -> Values {
    let keep = |(key, value): (String, Json)| {
        if secrets.contains(&key) && value == HIDDEN {
            return held.get(&key).map(|held| (key, held.clone()));
        }
        Some((key, value))
    };
    wanted.into_iter().filter_map(keep).collect()
}

/// A setting with its description and where it comes from; the value of a secret is never shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingView {
    /// The key.
    pub key: String,
    /// What it is; absent for a key that no driver here knows.
    pub field: Option<Field>,
    /// The value in force.
    pub value: Option<Json>,
    /// Who set it, lowest precedence first.
    pub provenance: Vec<(Origin, Json)>,
    /// Its value is never shown.
    pub secret: bool,
    /// Set at this level, so it can be reset here.
    pub here: bool,
}

/// A device's settings in order of key, those that nobody set included.
pub fn of_device(registry: &Registry, entry: &DeviceEntry) -> Vec<SettingView> {
    let fields = entry.driver.as_ref().map(|driver| driver.manifest.settings.clone()).unwrap_or_default();
    let secrets = secrets_of_device(registry, &entry.device);
    views(registry.settings(entry), fields, &secrets, &entry.device.settings)
}

/// Settings that a zone has or could set for the devices below it.
pub fn of_zone(registry: &Registry, id: ZoneId) -> Vec<SettingView> {
    let Some(zone) = registry.zones.get(&id) else { return Vec::new() };
    let (levels, mut secrets) = above(registry, id);
    secrets.extend(secrets_of(registry, zone.workspace, &zone.secrets));
    let fields = fields_of(&drivers_below(registry, &registry.systems_below(id)));
    views(resolve(&levels), fields, &secrets, &zone.settings)
}

/// Settings that a system has or could set for its devices.
pub fn of_system(registry: &Registry, id: SystemId) -> Vec<SettingView> {
    let Some(system) = registry.systems.get(&id) else { return Vec::new() };
    let (mut levels, mut secrets) = above(registry, system.zone);
    levels.push((Origin::System(system.name.clone()), system.settings.clone()));
    secrets.extend(secrets_of(registry, system.workspace, &system.secrets));
    let fields = fields_of(&drivers_below(registry, &[id]));
    views(resolve(&levels), fields, &secrets, &system.settings)
}

/// What the zones down to one set, and which of it is secret.
fn above(registry: &Registry, zone: ZoneId) -> (Vec<(Origin, Values)>, BTreeSet<String>) {
    let path = registry.path(zone);
    let levels = path.iter().map(|zone| (Origin::Zone(zone.name.clone()), zone.settings.clone())).collect();
    (levels, path.iter().flat_map(|zone| zone.secrets.iter().cloned()).collect())
}

/// The drivers of devices in these systems, each once.
pub fn drivers_below(registry: &Registry, systems: &[SystemId]) -> BTreeMap<String, Arc<Driver>> {
    let devices = systems.iter().flat_map(|system| registry.devices_in(*system));
    let drivers = devices.filter_map(|device| registry.devices.get(device)?.driver.clone());
    drivers.map(|driver| (driver.name().to_owned(), driver)).collect()
}

fn fields_of(drivers: &BTreeMap<String, Arc<Driver>>) -> BTreeMap<String, Field> {
    let fields = drivers.values().flat_map(|driver| driver.manifest.settings.clone());
    // One key of several drivers is described by the first.
    let mut found = BTreeMap::new();
    for (key, field) in fields {
        found.entry(key).or_insert(field);
    }
    found
}

fn views(
    mut resolved: BTreeMap<String, Resolved>,
    mut fields: BTreeMap<String, Field>,
    secrets: &BTreeSet<String>,
    own: &Values,
) -> Vec<SettingView> {
    for key in fields.keys() {
        resolved.entry(key.clone()).or_insert_with(|| Resolved { value: Json::Null, provenance: Vec::new() });
    }
    let view = |(key, Resolved { value, provenance }): (String, Resolved)| {
        let secret = secrets.contains(&key);
        let hide = |value: Json| if secret { Json::from(HIDDEN) } else { value };
        SettingView {
            field: fields.remove(&key),
            value: (!provenance.is_empty()).then(|| hide(value)),
            provenance: provenance.into_iter().map(|(origin, value)| (origin, hide(value))).collect(),
            secret,
            here: own.contains_key(&key),
            key,
        }
    };
    resolved.into_iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_written_back_as_shown_is_kept_and_one_that_was_never_set_is_not_made() {
        let secrets = BTreeSet::from(["pin".to_owned(), "key".to_owned()]);
        let held = Values::from([("pin".into(), json!("1234")), ("unit".into(), json!(3))]);
        let wanted = Values::from([
            ("pin".into(), json!(HIDDEN)),
            ("key".into(), json!(HIDDEN)),
            ("unit".into(), json!(4)),
        ]);
        let stored = replaced(&held, wanted, &secrets);
        assert_eq!(stored, Values::from([("pin".into(), json!("1234")), ("unit".into(), json!(4))]));
        assert_eq!(shown(&stored, &secrets)["pin"], HIDDEN);
    }
}
