//! Removing: what goes with it, what uses it, what stands in the way. A person reads that first; then it is done at once.

use super::thing::Thing;
use super::{ours, write};
use crate::Estate;
use crate::alarms;
use crate::edges::EdgeState;
use crate::registry::Registry;
use bo_model::{Kind, Object, SystemId, WorkspaceId, ZoneId};
use bo_web::{Ctx, Result, WebError};
use serde::Serialize;
use std::collections::BTreeMap;

/// What removing a thing takes with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contents {
    /// Its name.
    pub name: String,
    /// How many of each kind go with it, itself not counted: `{"system": 3, "device": 12}`.
    pub with: BTreeMap<&'static str, usize>,
    /// What uses it and will miss it, one sentence each.
    pub uses: Vec<String>,
    /// What has to be done first, one sentence each: while there is any, it can't be removed.
    pub blocked: Vec<String>,
    #[serde(skip)]
    things: Vec<Thing>,
}

impl Contents {
    /// Of a zone, system, device, trigger instance or gateway.
    ///
    /// # Errors
    /// When there is no such thing in the workspace.
    pub fn of(registry: &Registry, workspace: WorkspaceId, object: &Object) -> Result<Contents> {
        let mut contents = Contents {
            name: String::new(),
            with: BTreeMap::new(),
            uses: Vec::new(),
            blocked: Vec::new(),
            things: Vec::new(),
        };
        let missing = || WebError::NotFound;
        let id = object.id();
        if object.is(Kind::ZONE) {
            contents.zone(registry, id.parse().map_err(|_| missing())?);
        } else if object.is(Kind::SYSTEM) {
            contents.system(registry, id.parse().map_err(|_| missing())?);
        } else if object.is(Kind::DEVICE) {
            contents.device(registry, id)?;
        } else if object.is(Kind::TRIGGER) {
            let id = id.parse().map_err(|_| missing())?;
            contents.things.extend(registry.triggers.get(&id).map(|held| Thing::Trigger((**held).clone())));
        } else if object.is(Kind::EDGE) {
            contents.edge(registry, id)?;
        }
        let top = contents.things.last().ok_or_else(missing)?;
        ours(workspace, top.workspace())?;
        contents.name = top.name().to_owned();
        for thing in contents.things.iter().rev().skip(1) {
            *contents.with.entry(thing.word()).or_default() += 1;
        }
        Ok(contents)
    }

    /// A zone after everything below it.
    fn zone(&mut self, registry: &Registry, id: ZoneId) {
        let zones = registry.zones_below(id);
        for edge in registry.edges.values().filter(|edge| zones.contains(&edge.zone)) {
            self.blocked.push(format!(
                "The gateway {} serves it. Let it serve another zone, or remove it, first.",
                edge.name
            ));
        }
        for zone in zones.iter().rev() {
            for system in registry.systems_in(*zone) {
                self.system(registry, *system);
            }
            self.things.extend(registry.zones.get(zone).map(|zone| Thing::Zone((**zone).clone())));
        }
    }

    fn system(&mut self, registry: &Registry, id: SystemId) {
        let instances = registry.triggers.values().filter(|instance| instance.system == id);
        self.things.extend(instances.map(|instance| Thing::Trigger((**instance).clone())));
        let devices = registry.devices_in(id).iter().filter_map(|id| registry.devices.get(id));
        self.things.extend(devices.map(|entry| Thing::Device(entry.device.clone())));
        self.things.extend(registry.systems.get(&id).map(|system| Thing::System((**system).clone())));
    }

    fn device(&mut self, registry: &Registry, id: &str) -> Result<()> {
        let entry = id.parse().ok().and_then(|id| registry.devices.get(&id)).ok_or(WebError::NotFound)?;
        let device = &entry.device;
        let named = format!("{}.", device.address);
        for instance in registry.triggers.values().filter(|instance| instance.system == device.system) {
            let held = registry.definitions.get(&(instance.workspace, instance.name.clone()));
            if held.is_some_and(|held| held.definition.contains(&named)) {
                self.uses.push(format!("The trigger {} names {}.", instance.name, device.address));
            }
        }
        self.things.push(Thing::Device(device.clone()));
        Ok(())
    }

    fn edge(&mut self, registry: &Registry, id: &str) -> Result<()> {
        let edge = id.parse().ok().and_then(|id| registry.edges.get(&id)).ok_or(WebError::NotFound)?;
        let systems = registry.systems.values().filter(|system| system.edge == edge.id).count();
        if systems > 0 {
            self.blocked.push(format!("{systems} systems run on it. Move or remove them first."));
        }
        if edge.state == EdgeState::Enrolled {
            self.blocked.push("It is enrolled. Revoke it first.".into());
        }
        self.things.push(Thing::Edge((**edge).clone()));
        Ok(())
    }

    /// In one sentence: `3 systems and 12 devices`.
    pub fn summary(&self) -> String {
        let parts: Vec<String> = self
            .with
            .iter()
            .map(|(word, count)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        match parts.split_last() {
            None => "nothing else".into(),
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        }
    }
}

/// Removes a thing. What lies in it, and what uses it, is only accepted `with_contents`.
///
/// # Errors
/// [`WebError::Conflict`] with what lies in it, what uses it, or what has to be done first.
pub async fn remove(estate: &Estate, ctx: &Ctx, object: Object, with_contents: bool) -> Result<Contents> {
    let workspace = ctx.workspace()?;
    let (contents, cleared) = write(estate, ctx, move |tx, registry| {
        let contents = Contents::of(registry, workspace, &object)?;
        if !contents.blocked.is_empty() {
            return Err(WebError::Conflict(contents.blocked.join(" ")));
        }
        if !with_contents && (!contents.with.is_empty() || !contents.uses.is_empty()) {
            let uses = contents.uses.iter().map(|sentence| format!(" {sentence}")).collect::<String>();
            return Err(WebError::Conflict(format!(
                "Removing {} removes {} with it.{uses} Confirm that this is meant.",
                contents.name,
                contents.summary()
            )));
        }
        let mut cleared = Vec::new();
        for thing in &contents.things {
            cleared.extend(alarms::actions::orphan(tx, &thing.object())?);
            super::thing::remove(tx, registry, thing)?;
        }
        Ok((contents, cleared))
    })
    .await?;
    cleared.iter().for_each(|alarm| estate.show_alarm(alarm));
    for thing in &contents.things {
        if let Thing::Edge(edge) = thing {
            estate.uplink.kick(edge.id);
        }
    }
    Ok(contents)
}
