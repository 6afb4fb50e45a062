//! What can be configured, as one shape: stored, hung into the permission graph, audited and removed alike, whether a
//! person changes it in the console or files do.

use crate::devices::Device;
use crate::edges::Edge;
use crate::registry::{self, Registry};
use crate::systems::System;
use crate::triggers::TriggerInstance;
use crate::zones::Zone;
use crate::{devices, edges, settings, systems, triggers, zones};
use bo_db::{DbError, Event, Tx, params};
use bo_identity::relation::{Containment, RelationKind, contain, forget, to_object};
use bo_model::settings::Values;
use bo_model::{Kind, Level, Object, WorkspaceId};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// One configured thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Thing {
    /// A place.
    Zone(Zone),
    /// A system in a zone.
    System(System),
    /// A device in a system.
    Device(Device),
    /// A trigger bound to a system.
    Trigger(TriggerInstance),
    /// A gateway.
    Edge(Edge),
}

/// Verbs of the audit log, in this order: made, changed, moved, removed.
type Verbs = [&'static str; 4];

impl Thing {
    /// As permission and audit name it.
    pub fn object(&self) -> Object {
        match self {
            Thing::Zone(zone) => Object::new(Kind::ZONE, zone.id),
            Thing::System(system) => Object::new(Kind::SYSTEM, system.id),
            Thing::Device(device) => Object::new(Kind::DEVICE, device.id),
            Thing::Trigger(instance) => Object::new(Kind::TRIGGER, instance.id),
            Thing::Edge(edge) => Object::new(Kind::EDGE, edge.id),
        }
    }

    /// What it is, for people.
    pub fn word(&self) -> &'static str {
        match self {
            Thing::Zone(_) => "zone",
            Thing::System(_) => "system",
            Thing::Device(_) => "device",
            Thing::Trigger(_) => "trigger",
            Thing::Edge(_) => "gateway",
        }
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        match self {
            Thing::Zone(zone) => &zone.name,
            Thing::System(system) => &system.name,
            Thing::Device(device) => &device.name,
            Thing::Trigger(instance) => &instance.name,
            Thing::Edge(edge) => &edge.name,
        }
    }

    /// Whose it is.
    pub fn workspace(&self) -> WorkspaceId {
        match self {
            Thing::Zone(zone) => zone.workspace,
            Thing::System(system) => system.workspace,
            Thing::Device(device) => device.workspace,
            Thing::Trigger(instance) => instance.workspace,
            Thing::Edge(edge) => edge.workspace,
        }
    }

    fn verbs(&self) -> Verbs {
        match self {
            Thing::Zone(_) => ["zone.create", "zone.change", "zone.move", "zone.remove"],
            Thing::System(_) => ["system.create", "system.change", "system.move", "system.remove"],
            Thing::Device(_) => ["device.create", "device.change", "device.move", "device.remove"],
            Thing::Trigger(_) => ["trigger.create", "trigger.change", "trigger.move", "trigger.remove"],
            Thing::Edge(_) => ["edge.create", "edge.change", "edge.move", "edge.remove"],
        }
    }

    /// What it lies in, and how far levels there reach down to it.
    fn parents(&self) -> Vec<(Object, Containment)> {
        let seen_from = |object| (object, Containment::Capped(Level::View));
        match self {
            Thing::Zone(zone) => match zone.parent {
                Some(parent) => vec![(Object::new(Kind::ZONE, parent), Containment::Open)],
                None => vec![(Object::area(zone.workspace, "estate"), Containment::Open)],
            },
            Thing::System(system) => vec![(Object::new(Kind::ZONE, system.zone), Containment::Open)],
            Thing::Device(device) => vec![(Object::new(Kind::SYSTEM, device.system), Containment::Open)],
            // Whoever sees the place sees these; who may handle them is another question.
            Thing::Trigger(instance) => vec![
                seen_from(Object::new(Kind::SYSTEM, instance.system)),
                (Object::area(instance.workspace, "triggers"), Containment::Open),
            ],
            Thing::Edge(edge) => vec![
                seen_from(Object::new(Kind::ZONE, edge.zone)),
                (Object::area(edge.workspace, "edges"), Containment::Open),
            ],
        }
    }

    /// Writes it, new or changed, and hangs it into the permission graph. Audits nothing: see [`create`] and [`change`].
    pub fn store(&self, tx: &mut Tx) -> Result<(), DbError> {
        match self {
            Thing::Zone(zone) => zones::queries::save(tx, zone)?,
            Thing::System(system) => systems::queries::save(tx, system)?,
            Thing::Device(device) => devices::queries::save(tx, device)?,
            Thing::Trigger(instance) => triggers::queries::save_instance(tx, instance)?,
            Thing::Edge(edge) => edges::queries::save(tx, edge)?,
        }
        hang(tx, &self.parents(), &self.object())
    }

    /// What the audit log may say of it: every field, each setting by itself, secrets hidden.
    fn facts(&self, registry: &Registry) -> Json {
        let (mut facts, values, secrets) = match self {
            Thing::Zone(zone) => (
                plain(zone),
                Some(&zone.settings),
                settings::secrets_of(registry, zone.workspace, &zone.secrets),
            ),
            Thing::System(system) => (
                plain(system),
                Some(&system.settings),
                settings::secrets_of(registry, system.workspace, &system.secrets),
            ),
            Thing::Device(device) => {
                (plain(device), Some(&device.settings), settings::secrets_of_device(registry, device))
            }
            Thing::Trigger(instance) => (plain(instance), None, BTreeSet::new()),
            Thing::Edge(edge) => (plain(edge), None, BTreeSet::new()),
        };
        for (key, value) in settings::shown(values.unwrap_or(&Values::new()), &secrets) {
            facts.insert(format!("settings.{key}"), value);
        }
        Json::Object(facts)
    }

    /// The settings it sets itself.
    fn own_settings(&self) -> Option<&Values> {
        match self {
            Thing::Zone(zone) => Some(&zone.settings),
            Thing::System(system) => Some(&system.settings),
            Thing::Device(device) => Some(&device.settings),
            Thing::Trigger(_) | Thing::Edge(_) => None,
        }
    }

    fn event(&self, verb: &'static str) -> Event {
        Event::new(verb, self.object()).name(self.name()).workspace(self.workspace())
    }
}

fn plain(thing: &impl Serialize) -> Map<String, Json> {
    match serde_json::to_value(thing) {
        Ok(Json::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

/// Puts an object into its parents and takes it out of all others. How it lies in a parent it has already stays: an
/// owner may have narrowed it.
fn hang(tx: &mut Tx, parents: &[(Object, Containment)], child: &Object) -> Result<(), DbError> {
    let held = to_object(tx, child, RelationKind::Contain)?;
    for row in held.iter().filter(|row| !parents.iter().any(|(parent, _)| *parent == row.subject)) {
        tx.execute("DELETE FROM relation WHERE id = ?1", params![row.id])?;
    }
    for (parent, how) in parents.iter().filter(|(parent, _)| !held.iter().any(|row| row.subject == *parent)) {
        contain(tx, parent, child, *how)?;
    }
    Ok(())
}

/// Makes it.
pub fn create(tx: &mut Tx, registry: &Registry, thing: &Thing) -> Result<(), DbError> {
    thing.store(tx)?;
    registry::touch(tx)?;
    tx.audit(thing.event(thing.verbs()[0]).after(thing.facts(registry)));
    Ok(())
}

/// Changes or moves it; nothing happens when both are alike.
pub fn change(tx: &mut Tx, registry: &Registry, before: &Thing, after: &Thing) -> Result<(), DbError> {
    if before == after {
        return Ok(());
    }
    after.store(tx)?;
    registry::touch(tx)?;
    let moved = before.parents() != after.parents();
    let (was, is) = difference(registry, before, after);
    let event = after.event(after.verbs()[if moved { 2 } else { 1 }]);
    tx.audit(event.before(Json::Object(was)).after(Json::Object(is)));
    Ok(())
}

/// The fields that differ, before and after; secrets are hidden, and that one was changed is told.
pub(crate) fn difference(
    registry: &Registry,
    before: &Thing,
    after: &Thing,
) -> (Map<String, Json>, Map<String, Json>) {
    let (mut was, mut is) = (before.facts(registry), after.facts(registry));
    mark_changed_secrets(before, after, &mut was, &mut is);
    match bo_db::audit::changes(was, is) {
        (Json::Object(was), Json::Object(is)) => (was, is),
        _ => (Map::new(), Map::new()),
    }
}

/// A secret reads alike before and after; that it was changed has to be told all the same.
fn mark_changed_secrets(before: &Thing, after: &Thing, was: &mut Json, is: &mut Json) {
    let (Some(old), Some(new)) = (before.own_settings(), after.own_settings()) else { return };
    for (key, value) in new {
        let name = format!("settings.{key}");
        if old.get(key).is_some_and(|held| held != value) && was[&name] == is[&name] {
            was[&name] = Json::from("(hidden, before)");
            is[&name] = Json::from(settings::HIDDEN);
        }
    }
}

/// Removes it and every right on it. What lies in it is removed before.
pub fn remove(tx: &mut Tx, registry: &Registry, thing: &Thing) -> Result<(), DbError> {
    match thing {
        Thing::Zone(zone) => drop(tx.execute("DELETE FROM zone WHERE id = ?1", params![zone.id])?),
        Thing::System(system) => drop(tx.execute("DELETE FROM system WHERE id = ?1", params![system.id])?),
        Thing::Device(device) => devices::queries::remove(tx, device.id)?,
        Thing::Trigger(instance) => triggers::queries::remove_instance(tx, instance.id)?,
        Thing::Edge(edge) => edges::queries::remove(tx, edge.id)?,
    }
    forget(tx, &thing.object())?;
    registry::touch(tx)?;
    tx.audit(thing.event(thing.verbs()[3]).before(thing.facts(registry)));
    Ok(())
}
