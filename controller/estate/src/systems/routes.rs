//! API of systems.

use super::System;
use crate::Estate;
use crate::configure::{self, MoveSystem, NewSystem, SystemPatch, places};
use crate::devices::routes::{DeviceLine, line};
use crate::http::{Mention, finds, may, page, with, zone};
use crate::settings::{secrets_of, shown};
use crate::triggers::TriggerInstance;
use axum::response::Response;
use bo_model::settings::Values;
use bo_model::{EdgeId, SystemId, ZoneId};
use bo_web::list::ListSpec;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde::Serialize;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

/// What the list of systems offers.
pub const SPEC: ListSpec =
    ListSpec { sorts: &["name", "zone"], sort: "name", desc: false, filters: &["zone", "edge", "tag"] };

/// A system in lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemLine {
    /// Its id.
    pub id: SystemId,
    /// Stable name.
    pub key: String,
    /// For people.
    pub name: String,
    /// Where it is.
    pub zone: Mention<ZoneId>,
    /// What it runs on.
    pub edge: EdgeId,
    /// Free words.
    pub tags: Vec<String>,
    /// Its devices.
    pub devices: usize,
    /// Those that are not well.
    pub unwell: usize,
    /// Alarms that are active.
    pub alarms: usize,
}

#[derive(Serialize)]
struct SystemView {
    #[serde(flatten)]
    system: System,
    /// Set here; secrets read `(hidden)`.
    settings: Values,
    path: Vec<Mention<ZoneId>>,
    devices: Vec<DeviceLine>,
    triggers: Vec<TriggerInstance>,
}

/// Routes of systems.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/systems", Need::signed_in(), with(estate, list))
        .about("Systems; filter by zone (with everything below it), gateway or tag")
        .lists(&SPEC)
        .post("/api/v1/systems", Need::signed_in(), with(estate, create))
        .about("Make a system; level `own` on its zone, `view` on its gateway")
        .accepts(json!({"type": "object", "required": ["name", "zone", "edge"], "additionalProperties": false, "properties": {
            "name": {"type": "string", "examples": ["Meeting room 2.04"]}, "key": {"type": "string"},
            "zone": {"type": "string", "format": "uuid"}, "edge": {"type": "string", "format": "uuid"},
            "tags": {"type": "array", "items": {"type": "string"}}}}))
        .get("/api/v1/systems/{id}", Need::object(Kind::SYSTEM, "id", Level::View), with(estate, show))
        .about("A system with its devices and triggers")
        .patch("/api/v1/systems/{id}", Need::object(Kind::SYSTEM, "id", Level::Own), with(estate, change))
        .about("Change a system: what is not named stays; settings and metadata are replaced as a whole")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
            "settings": {"type": "object"}, "metadata": {"type": "object"}}}))
        .post("/api/v1/systems/{id}/move", Need::object(Kind::SYSTEM, "id", Level::Own), with(estate, relocate))
        .about("Move a system to another zone, gateway, or both; level `own` on the zone")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "zone": {"type": "string", "format": "uuid"}, "edge": {"type": "string", "format": "uuid"}}}))
}

/// A system as a line.
pub fn system_line(estate: &Estate, system: &System) -> SystemLine {
    let registry = estate.registry();
    let devices = registry.devices_in(system.id);
    let unwell = devices
        .iter()
        .filter_map(|id| registry.devices.get(id))
        .filter(|entry| crate::http::health(estate, entry).is_away());
    SystemLine {
        id: system.id,
        key: system.key.clone(),
        name: system.name.clone(),
        zone: zone(&registry, system.zone),
        edge: system.edge,
        tags: system.tags.clone(),
        devices: devices.len(),
        unwell: unwell.count(),
        alarms: estate.alarms.count(|alarm| alarm.active && alarm.system == Some(system.id)),
    }
}

/// A page of systems the viewer may see.
pub fn page_of_lines(estate: &Estate, ctx: &Ctx) -> Result<bo_web::Paged<SystemLine>> {
    let (list, workspace, registry) = (ctx.list(&SPEC)?, ctx.workspace()?, estate.registry());
    let below: Option<HashSet<SystemId>> = match list.filter("zone") {
        Some(zone) => {
            let zone: ZoneId = zone.parse().map_err(|_| WebError::field("zone", "must be a zone's id"))?;
            Some(registry.systems_below(zone).into_iter().collect())
        }
        None => None,
    };
    let rows: Vec<Arc<System>> = ctx.read(|tx| {
        let mut rows = Vec::new();
        for system in registry.systems.values().filter(|system| system.workspace == workspace) {
            let texts = [system.name.as_str(), &system.key];
            let wanted = finds(&list, texts.into_iter().chain(system.tags.iter().map(String::as_str)))
                && below.as_ref().is_none_or(|below| below.contains(&system.id))
                && list.filter("edge").is_none_or(|edge| system.edge.to_string() == edge)
                && list.filter("tag").is_none_or(|tag| system.tags.iter().any(|held| held == tag));
            if wanted && may(ctx, tx, Kind::SYSTEM, system.id, Level::View)? {
                rows.push(system.clone());
            }
        }
        Ok::<_, WebError>(rows)
    })?;
    let by_zone = list.sort == "zone";
    let paged = page(ctx, &list, rows, |system| {
        let place = if by_zone { zone(&registry, system.zone).name } else { String::new() };
        (format!("{place}\u{1}{}", system.name.to_lowercase()), system.id.to_string())
    });
    let items = paged.items.iter().map(|system| system_line(estate, system)).collect();
    Ok(bo_web::Paged { items, next: paged.next })
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page_of_lines(&estate, &ctx)?))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let id: SystemId = ctx.param("id")?;
    let system = registry.systems.get(&id).ok_or(WebError::NotFound)?;
    let view = ctx.read(|tx| {
        let mut devices = Vec::new();
        for entry in registry.devices_in(id).iter().filter_map(|id| registry.devices.get(id)) {
            if may(&ctx, tx, Kind::DEVICE, entry.device.id, Level::See)? {
                devices.push(line(&estate, &registry, entry));
            }
        }
        let mut triggers: Vec<TriggerInstance> = Vec::new();
        for instance in registry.triggers.values().filter(|instance| instance.system == id) {
            if may(&ctx, tx, Kind::TRIGGER, instance.id, Level::View)? {
                triggers.push((**instance).clone());
            }
        }
        triggers.sort_by(|a, b| a.name.cmp(&b.name));
        let path = registry.path(system.zone);
        let path = path.iter().map(|zone| Mention { id: zone.id, name: zone.name.clone() }).collect();
        let secrets = secrets_of(&registry, system.workspace, &system.secrets);
        let settings = shown(&system.settings, &secrets);
        Ok::<_, WebError>(SystemView { system: (**system).clone(), settings, path, devices, triggers })
    })?;
    Ok(reply::json(&view))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewSystem = ctx.json()?;
    let system = places::create_system(&estate, &ctx, new).await?;
    Ok(reply::created(&format!("/api/v1/systems/{}", system.id), &system))
}

async fn relocate(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let to: MoveSystem = ctx.json()?;
    places::move_system(&estate, &ctx, ctx.param("id")?, to).await?;
    show(estate, ctx).await
}

async fn change(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: SystemPatch = ctx.json()?;
    configure::system(&estate, &ctx, ctx.param("id")?, patch).await?;
    show(estate, ctx).await
}
