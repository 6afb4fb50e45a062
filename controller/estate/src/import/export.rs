//! The way back: the registry as an estate file, and with its libraries as a folder. People and groups are not in it; they
//! live in the database.

use crate::error::EstateError;
use crate::registry::Registry;
use crate::{drivers, maps, settings};
use bo_db::Tx;
use bo_model::WorkspaceId;
use bo_model::estate::{
    Estate as EstateFile, EstateDevice, EstateEdge, EstateSystem, EstateTrigger, EstateZone, Organisation,
};
use bo_model::settings::Values;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Writes a workspace as a folder that `import` reads: `estate/estate.toml`, and the drivers, triggers and maps it names, each
/// in its library's folder. What is there already is written over. The number of files written.
///
/// # Errors
/// When a file can't be written, or a stored driver does not unpack.
pub fn to_folder(
    tx: &mut Tx,
    registry: &Registry,
    workspace: WorkspaceId,
    name: &str,
    folder: &Path,
) -> Result<usize, EstateError> {
    let estate = to_file(registry, workspace, name);
    let written = |what: &str, text: Result<String, toml::ser::Error>| {
        text.map_err(|error| EstateError::Import(vec![format!("{what} can't be written as TOML: {error}")]))
    };
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    files.push(("estate/estate.toml".into(), written("the estate", toml::to_string(&estate))?.into_bytes()));
    for ((_, name), driver) in registry.drivers.iter().filter(|((of, _), _)| *of == workspace) {
        let Some(packed) = drivers::queries::package(tx, workspace, &driver.hash)? else { continue };
        let unpacked = bo_driver_package::unpack(&packed)
            .map_err(|error| EstateError::Import(vec![format!("driver `{name}`: {error}")]))?;
        let at = Path::new("drivers").join(name);
        files.extend(unpacked.into_iter().map(|(path, bytes)| (at.join(path), bytes)));
    }
    for ((_, name), held) in registry.definitions.iter().filter(|((of, _), _)| *of == workspace) {
        let at = Path::new("triggers").join(name);
        files.push((at.join("trigger.toml"), held.definition.clone().into_bytes()));
        files.extend(held.script.as_ref().map(|script| (at.join("rule.rhai"), script.clone().into_bytes())));
    }
    for map in maps::queries::all(tx, workspace)? {
        let at = Path::new("zone-maps").join(&map.name);
        let drawing = map.bindings.get("svg").and_then(|name| name.as_str()).unwrap_or("map.svg");
        files.push((at.join("map.toml"), written(&map.name, toml::to_string(&map.bindings))?.into_bytes()));
        files.push((at.join(drawing), map.svg.into_bytes()));
    }
    for (path, bytes) in &files {
        let path = folder.join(path);
        let failed = |source| EstateError::Write { path: path.clone(), source };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&path, bytes).map_err(failed)?;
    }
    Ok(files.len())
}

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
            shares: edge.shares.clone(),
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
                metadata: device.metadata.clone(),
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
