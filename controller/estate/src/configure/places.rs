//! Zones and systems: made, changed, moved.

use super::thing::{change, create};
use super::{Thing, described, given, key, named, ours, require, tagged, write};
use crate::Estate;
use crate::maps;
use crate::metadata::actions::fits;
use crate::registry::Registry;
use crate::settings::{replaced, secrets_of};
use crate::systems::System;
use crate::zones::Zone;
use bo_db::Tx;
use bo_model::estate::ZoneKind;
use bo_model::settings::Values;
use bo_model::{EdgeId, Kind, Level, Object, SystemId, WorkspaceId, ZoneId};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use std::collections::BTreeSet;

/// A zone to make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewZone {
    /// The zone it lies in; absent for the first one, the organisation.
    #[serde(default)]
    pub parent: Option<ZoneId>,
    /// What it is.
    pub kind: ZoneKind,
    /// For people.
    pub name: String,
    /// Stable name in files; made from the name when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// Everything else.
    #[serde(default)]
    pub tags: Vec<String>,
    /// IANA time zone; the parent's when absent.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees; the parent's when absent.
    #[serde(default)]
    pub position: Option<(f64, f64)>,
}

/// What of a zone can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZonePatch {
    /// For people.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<ZoneKind>,
    /// Place among its siblings.
    pub rank: Option<i64>,
    /// Free words.
    pub tags: Option<Vec<String>>,
    /// IANA time zone; null takes the parent's.
    #[serde(deserialize_with = "given")]
    pub time_zone: Option<Option<String>>,
    /// Latitude and longitude in degrees; null takes the parent's.
    #[serde(deserialize_with = "given")]
    pub position: Option<Option<(f64, f64)>>,
    /// Name of its map; null for none.
    #[serde(deserialize_with = "given")]
    pub map: Option<Option<String>>,
    /// All settings of this level: what is not named is no longer set here. A secret as it was shown stays.
    pub settings: Option<Values>,
    /// All metadata.
    pub metadata: Option<Values>,
}

/// Where a zone goes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveZone {
    /// The zone it will lie in.
    pub parent: ZoneId,
}

/// A system to make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSystem {
    /// For people.
    pub name: String,
    /// Its zone.
    pub zone: ZoneId,
    /// The gateway it runs on.
    pub edge: EdgeId,
    /// Stable name in files and maps; made from the name when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// Free words.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// What of a system can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemPatch {
    /// For people.
    pub name: Option<String>,
    /// Free words.
    pub tags: Option<Vec<String>>,
    /// All settings of this level: what is not named is no longer set here. A secret as it was shown stays.
    pub settings: Option<Values>,
    /// All metadata.
    pub metadata: Option<Values>,
}

/// Where a system goes; what is absent stays.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoveSystem {
    /// The zone it will lie in.
    pub zone: Option<ZoneId>,
    /// The gateway it will run on.
    pub edge: Option<EdgeId>,
}

/// A zone of a workspace.
pub(crate) fn zone_of(registry: &Registry, workspace: WorkspaceId, id: ZoneId) -> Result<&Zone> {
    let zone = registry.zones.get(&id).ok_or(WebError::NotFound)?;
    ours(workspace, zone.workspace)?;
    Ok(zone)
}

/// A system of a workspace.
pub(crate) fn system_of(registry: &Registry, workspace: WorkspaceId, id: SystemId) -> Result<&System> {
    let system = registry.systems.get(&id).ok_or(WebError::NotFound)?;
    ours(workspace, system.workspace)?;
    Ok(system)
}

fn check_time_zone(name: &str) -> Result<()> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(WebError::field("time_zone", "must be a time zone like Europe/Lisbon")),
    }
}

fn check_position((latitude, longitude): (f64, f64)) -> Result<()> {
    let fine = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    if fine {
        Ok(())
    } else {
        Err(WebError::field("position", "must be a latitude and a longitude in degrees"))
    }
}

/// From the outside in: organisation, region, building, level, area.
fn check_inside(kind: ZoneKind, parent: &Zone) -> Result<()> {
    if kind != ZoneKind::Organisation && kind >= parent.kind {
        return Ok(());
    }
    let text = format!("can't be {} inside {}, which is {}", kind.word(), parent.name, parent.kind.word());
    Err(WebError::field("kind", text))
}

/// Makes a zone.
pub async fn create_zone(estate: &Estate, ctx: &Ctx, new: NewZone) -> Result<Zone> {
    let (workspace, id, may) = (ctx.workspace()?, ctx.make_id::<ZoneId>(), require(ctx));
    let (name, tags) = (named(&new.name)?, tagged(new.tags.clone())?);
    new.time_zone.as_deref().map(check_time_zone).transpose()?;
    new.position.map(check_position).transpose()?;
    write(estate, ctx, move |tx, registry| {
        match new.parent {
            Some(parent) => {
                may(tx, &Object::new(Kind::ZONE, parent), Level::Own)?;
                check_inside(new.kind, zone_of(registry, workspace, parent)?)?;
            }
            None => {
                may(tx, &Object::area(workspace, "estate"), Level::Own)?;
                if registry.zones.values().any(|zone| zone.workspace == workspace && zone.parent.is_none()) {
                    return Err(WebError::field("parent", "is required: there is an outermost zone already"));
                }
            }
        }
        let siblings = new.parent.map(|parent| registry.children(parent).len()).unwrap_or_default();
        let taken = |key: &str| registry.zones.values().any(|z| z.workspace == workspace && z.key == key);
        let zone = Zone {
            id,
            workspace,
            key: key(new.key.as_deref(), &name, taken)?,
            parent: new.parent,
            kind: new.kind,
            name: name.clone(),
            rank: siblings as i64,
            tags: tags.clone(),
            time_zone: new.time_zone.clone(),
            position: new.position,
            map: None,
            settings: Values::new(),
            secrets: BTreeSet::new(),
            metadata: Values::new(),
        };
        create(tx, registry, &Thing::Zone(zone.clone()))?;
        Ok(zone)
    })
    .await
}

/// Changes a zone.
pub async fn zone(estate: &Estate, ctx: &Ctx, id: ZoneId, patch: ZonePatch) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let before = zone_of(registry, workspace, id)?;
        let mut after = before.clone();
        let patch = patch.clone();
        after.name = patch.name.as_deref().map_or(Ok(after.name), named)?;
        after.tags = patch.tags.map_or(Ok(after.tags), tagged)?;
        if let Some(metadata) = patch.metadata {
            after.metadata = described(metadata)?;
            fits(tx, &Thing::Zone(after.clone()), false)?;
        }
        after.rank = patch.rank.unwrap_or(after.rank);
        if let Some(kind) = patch.kind.filter(|kind| *kind != before.kind) {
            check_kind(registry, before, kind)?;
            after.kind = kind;
        }
        if let Some(time_zone) = patch.time_zone {
            time_zone.as_deref().map(check_time_zone).transpose()?;
            after.time_zone = time_zone;
        }
        if let Some(position) = patch.position {
            position.map(check_position).transpose()?;
            after.position = position;
        }
        if let Some(map) = patch.map {
            if let Some(name) = &map
                && maps::queries::find(tx, workspace, name)?.is_none()
            {
                return Err(WebError::field("map", format!("there is no map `{name}`")));
            }
            after.map = map;
        }
        if let Some(settings) = patch.settings {
            let secrets = secrets_of(registry, workspace, &before.secrets);
            after.settings = replaced(&before.settings, settings, &secrets);
            super::settings::check_below(
                registry,
                &registry.systems_below(id),
                &after.settings,
                &before.settings,
            )?;
            after.secrets = secrets.into_iter().filter(|key| after.settings.contains_key(key)).collect();
        }
        Ok(change(tx, registry, &Thing::Zone(before.clone()), &Thing::Zone(after))?)
    })
    .await
}

fn check_kind(registry: &Registry, zone: &Zone, kind: ZoneKind) -> Result<()> {
    match zone.parent.and_then(|parent| registry.zones.get(&parent)) {
        Some(parent) => check_inside(kind, parent)?,
        None => return Err(WebError::field("kind", "of the outermost zone is fixed")),
    }
    for child in registry.children(zone.id).iter().filter_map(|child| registry.zones.get(child)) {
        check_inside(child.kind, &Zone { kind, ..zone.clone() })?;
    }
    Ok(())
}

/// Moves a zone with everything in it. Whoever moves it must own it and where it goes.
pub async fn move_zone(estate: &Estate, ctx: &Ctx, id: ZoneId, to: MoveZone) -> Result<()> {
    let (workspace, may) = (ctx.workspace()?, require(ctx));
    write(estate, ctx, move |tx, registry| {
        let before = zone_of(registry, workspace, id)?;
        may(tx, &Object::new(Kind::ZONE, to.parent), Level::Own)?;
        let parent = zone_of(registry, workspace, to.parent)?;
        if before.parent.is_none() {
            return Err(WebError::field("parent", "the outermost zone lies in nothing"));
        }
        if registry.path(parent.id).iter().any(|above| above.id == id) {
            return Err(WebError::field("parent", format!("{} lies in {} itself", parent.name, before.name)));
        }
        check_inside(before.kind, parent)?;
        let after = Zone { parent: Some(parent.id), ..before.clone() };
        Ok(change(tx, registry, &Thing::Zone(before.clone()), &Thing::Zone(after))?)
    })
    .await
}

/// What a system needs of the gateway it runs on: that it is there, and that whoever asks may see it.
fn check_edge(
    tx: &mut Tx,
    registry: &Registry,
    workspace: WorkspaceId,
    may: &super::Require,
    id: EdgeId,
) -> Result<()> {
    may(tx, &Object::new(Kind::EDGE, id), Level::View)?;
    let edge = registry.edges.get(&id).ok_or(WebError::NotFound)?;
    ours(workspace, edge.workspace)
}

/// Makes a system.
pub async fn create_system(estate: &Estate, ctx: &Ctx, new: NewSystem) -> Result<System> {
    let (workspace, id, may) = (ctx.workspace()?, ctx.make_id::<SystemId>(), require(ctx));
    let (name, tags) = (named(&new.name)?, tagged(new.tags.clone())?);
    write(estate, ctx, move |tx, registry| {
        may(tx, &Object::new(Kind::ZONE, new.zone), Level::Own)?;
        zone_of(registry, workspace, new.zone)?;
        check_edge(tx, registry, workspace, &may, new.edge)?;
        let taken = |key: &str| registry.system_by_key(workspace, key).is_some();
        let system = System {
            id,
            workspace,
            key: key(new.key.as_deref(), &name, taken)?,
            name: name.clone(),
            zone: new.zone,
            edge: new.edge,
            tags: tags.clone(),
            settings: Values::new(),
            secrets: BTreeSet::new(),
            metadata: Values::new(),
        };
        create(tx, registry, &Thing::System(system.clone()))?;
        Ok(system)
    })
    .await
}

/// Changes a system.
pub async fn system(estate: &Estate, ctx: &Ctx, id: SystemId, patch: SystemPatch) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let before = system_of(registry, workspace, id)?;
        let mut after = before.clone();
        let patch = patch.clone();
        after.name = patch.name.as_deref().map_or(Ok(after.name), named)?;
        after.tags = patch.tags.map_or(Ok(after.tags), tagged)?;
        if let Some(metadata) = patch.metadata {
            after.metadata = described(metadata)?;
            fits(tx, &Thing::System(after.clone()), false)?;
        }
        if let Some(settings) = patch.settings {
            let secrets = secrets_of(registry, workspace, &before.secrets);
            after.settings = replaced(&before.settings, settings, &secrets);
            super::settings::check_below(registry, &[id], &after.settings, &before.settings)?;
            after.secrets = secrets.into_iter().filter(|key| after.settings.contains_key(key)).collect();
        }
        Ok(change(tx, registry, &Thing::System(before.clone()), &Thing::System(after))?)
    })
    .await
}

/// Moves a system to another zone, to another gateway, or both. The links its devices use must be there under their names.
pub async fn move_system(estate: &Estate, ctx: &Ctx, id: SystemId, to: MoveSystem) -> Result<()> {
    let (workspace, may) = (ctx.workspace()?, require(ctx));
    write(estate, ctx, move |tx, registry| {
        let before = system_of(registry, workspace, id)?;
        let mut after = before.clone();
        if let Some(zone) = to.zone {
            may(tx, &Object::new(Kind::ZONE, zone), Level::Own)?;
            after.zone = zone_of(registry, workspace, zone)?.id;
        }
        if let Some(edge) = to.edge.filter(|edge| *edge != before.edge) {
            check_edge(tx, registry, workspace, &may, edge)?;
            check_links(registry, id, edge)?;
            after.edge = edge;
        }
        Ok(change(tx, registry, &Thing::System(before.clone()), &Thing::System(after))?)
    })
    .await
}

fn check_links(registry: &Registry, system: SystemId, edge: EdgeId) -> Result<()> {
    let Some(edge) = registry.edges.get(&edge) else { return Err(WebError::NotFound) };
    let devices = registry.devices_in(system).iter().filter_map(|id| registry.devices.get(id));
    let lost: BTreeSet<&String> = devices
        .filter_map(|entry| entry.device.link.as_ref())
        .filter(|link| !edge.links.contains_key(*link))
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = lost.into_iter().map(|link| format!("`{link}`")).collect();
    Err(WebError::field(
        "edge",
        format!("has no link named {}: add it to {} first", names.join(", "), edge.name),
    ))
}
