//! What the database has and the files don't: named, and removed when that is asked for.

use super::plan::Plan;
use crate::alarms::{self, Alarm};
use crate::configure::{Thing, thing};
use crate::edges::EdgeState;
use crate::error::EstateError;
use crate::registry::Registry;
use bo_db::Tx;
use bo_model::estate::Estate as EstateFile;
use bo_model::{SystemId, WorkspaceId, ZoneId};
use std::collections::{BTreeSet, HashSet};

/// What is not in the files, each before what it lies in.
pub(super) fn gone(workspace: WorkspaceId, registry: &Registry, file: &EstateFile) -> Vec<Thing> {
    let zones: BTreeSet<&str> = file.zones.iter().map(|zone| zone.key.as_str()).collect();
    let edges: BTreeSet<&str> = file.edges.iter().map(|edge| edge.key.as_str()).collect();
    let mut gone = Vec::new();
    let mut systems: Vec<_> =
        registry.systems.values().filter(|system| system.workspace == workspace).collect();
    systems.sort_by(|a, b| a.key.cmp(&b.key));
    for system in systems {
        let held = file.systems.iter().find(|each| each.key == system.key);
        let triggers = registry.triggers.values().filter(|instance| instance.system == system.id);
        let kept = |name: &str| held.is_some_and(|held| held.triggers.iter().any(|each| each.name == name));
        gone.extend(triggers.filter(|each| !kept(&each.name)).map(|each| Thing::Trigger((**each).clone())));
        let kept = |at: &str| held.is_some_and(|held| held.devices.iter().any(|each| each.address == at));
        let devices = registry.devices_in(system.id).iter().filter_map(|id| registry.devices.get(id));
        gone.extend(
            devices.filter(|each| !kept(&each.device.address)).map(|each| Thing::Device(each.device.clone())),
        );
        if held.is_none() {
            gone.push(Thing::System((**system).clone()));
        }
    }
    let lost =
        registry.edges.values().filter(|edge| edge.workspace == workspace && !edges.contains(&*edge.key));
    gone.extend(lost.map(|edge| Thing::Edge((**edge).clone())));
    let mut lost: Vec<_> = registry
        .zones
        .values()
        .filter(|zone| zone.workspace == workspace && !zones.contains(&*zone.key))
        .collect();
    lost.sort_by_key(|zone| std::cmp::Reverse(registry.path(zone.id).len()));
    gone.extend(lost.into_iter().map(|zone| Thing::Zone((**zone).clone())));
    gone
}

/// How a thing is named to whoever imports: `device plant/Meter_1`.
pub fn label(registry: &Registry, thing: &Thing) -> String {
    let system =
        |id: SystemId| registry.systems.get(&id).map(|system| system.key.clone()).unwrap_or_default();
    match thing {
        Thing::Zone(zone) => format!("zone {}", zone.key),
        Thing::System(system) => format!("system {}", system.key),
        Thing::Device(device) => format!("device {}/{}", system(device.system), device.address),
        Thing::Trigger(instance) => format!("trigger {}/{}", system(instance.system), instance.name),
        Thing::Edge(edge) => format!("gateway {}", edge.key),
    }
}

/// Removes what the files don't have. Run it after [`super::apply()`], in the same transaction: what moved out of a place has
/// left it by then.
///
/// # Errors
/// [`EstateError::Import`] when something is still in use: an enrolled gateway, a zone that a gateway serves.
pub fn prune(tx: &mut Tx, registry: &Registry, plan: &Plan) -> Result<Vec<Alarm>, EstateError> {
    let mut faults = Vec::new();
    let zones: HashSet<ZoneId> = plan
        .gone
        .iter()
        .filter_map(|thing| if let Thing::Zone(zone) = thing { Some(zone.id) } else { None })
        .collect();
    for thing in &plan.gone {
        match thing {
            Thing::Edge(edge) if edge.state == EdgeState::Enrolled => {
                faults.push(format!("gateway {} is enrolled: revoke it first", edge.key));
            }
            Thing::Edge(edge) => {
                let moved = |id: &SystemId| {
                    plan.systems.iter().any(|system| system.id == *id && system.edge != edge.id)
                };
                let removed =
                    |id: &SystemId| plan.gone.iter().any(|t| matches!(t, Thing::System(s) if s.id == *id));
                let on_it = registry.systems.values().filter(|system| system.edge == edge.id);
                if on_it.map(|system| system.id).any(|id| !moved(&id) && !removed(&id)) {
                    faults.push(format!("gateway {} has systems that the files run elsewhere", edge.key));
                }
            }
            _ => {}
        }
    }
    let served = registry.edges.values().filter(|edge| zones.contains(&edge.zone));
    let stays = served.filter(|edge| {
        let removed = plan.gone.iter().any(|t| matches!(t, Thing::Edge(gone) if gone.id == edge.id));
        let moved = plan.edges.iter().any(|each| each.id == edge.id && !zones.contains(&each.zone));
        !removed && !moved
    });
    faults.extend(stays.map(|edge| format!("gateway {} serves a zone that is not in the files", edge.key)));
    if !faults.is_empty() {
        return Err(EstateError::Import(faults));
    }
    let mut ended = Vec::new();
    for gone in &plan.gone {
        ended.extend(alarms::actions::orphan(tx, &gone.object())?);
        thing::remove(tx, registry, gone)?;
    }
    Ok(ended)
}

/// What an import changes in what is there already, field by field: `device plant/Meter_1: name "Main" → "Supply"`. Secrets
/// read `(hidden)`.
pub fn differences(registry: &Registry, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for after in plan.things() {
        let before = match &after {
            Thing::Zone(zone) => registry.zones.get(&zone.id).map(|held| Thing::Zone((**held).clone())),
            Thing::System(system) => {
                registry.systems.get(&system.id).map(|held| Thing::System((**held).clone()))
            }
            Thing::Device(device) => {
                registry.devices.get(&device.id).map(|held| Thing::Device(held.device.clone()))
            }
            Thing::Trigger(each) => {
                registry.triggers.get(&each.id).map(|held| Thing::Trigger((**held).clone()))
            }
            Thing::Edge(edge) => registry.edges.get(&edge.id).map(|held| Thing::Edge((**held).clone())),
        };
        let Some(before) = before else { continue };
        let (was, is) = thing::difference(registry, &before, &after);
        let mut fields: BTreeSet<&String> = was.keys().collect();
        fields.extend(is.keys());
        let none = serde_json::Value::Null;
        let words = fields.into_iter().map(|field| {
            let (was, is) = (was.get(field).unwrap_or(&none), is.get(field).unwrap_or(&none));
            format!("{field} {was} → {is}")
        });
        lines.push(format!("{}: {}", label(registry, &after), words.collect::<Vec<_>>().join(", ")));
    }
    lines
}
