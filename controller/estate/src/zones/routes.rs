//! API of zones and their maps.

use super::Zone;
use crate::configure::{self, MoveZone, NewZone, ZonePatch, places};
use crate::http::{Mention, finds, may, page, sortable, system, with};
use crate::settings::{secrets_of, shown};
use crate::{Estate, maps};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bo_model::settings::Values;
use bo_model::{SystemId, ZoneId};
use bo_web::list::ListSpec;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

const SPEC: ListSpec =
    ListSpec { sorts: &["tree", "name"], sort: "tree", desc: false, filters: &["parent", "kind"] };

/// A zone with what lies around it.
#[derive(Serialize)]
struct ZoneView {
    #[serde(flatten)]
    zone: Zone,
    /// Set here; secrets read `(hidden)`.
    settings: Values,
    /// Zones from the root down to this one.
    path: Vec<Mention<ZoneId>>,
    children: Vec<Mention<ZoneId>>,
    systems: Vec<Mention<SystemId>>,
    /// In force here.
    time_zone_in_force: Option<String>,
    position_in_force: Option<(f64, f64)>,
}

/// Routes of zones.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::object(Kind::ZONE, "id", Level::View);
    Routes::new("estate")
        .get("/api/v1/zones", Need::signed_in(), with(estate, list))
        .about("Zones, in the order of the tree; filter by parent or kind")
        .lists(&SPEC)
        .post("/api/v1/zones", Need::signed_in(), with(estate, create))
        .about("Make a zone; level `own` on the zone it lies in")
        .accepts(json!({"type": "object", "required": ["kind", "name"], "additionalProperties": false, "properties": {
            "parent": {"type": "string", "format": "uuid"},
            "kind": {"enum": ["organisation", "region", "building", "level", "area"]},
            "name": {"type": "string", "examples": ["Level 2"]}, "key": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}}, "time_zone": {"type": ["string", "null"]},
            "position": {"type": ["array", "null"], "items": {"type": "number"}}}}))
        .get("/api/v1/zones/{id}", view, with(estate, show))
        .about("A zone with its path, its children and its systems")
        .patch("/api/v1/zones/{id}", Need::object(Kind::ZONE, "id", Level::Own), with(estate, change))
        .about("Change a zone: what is not named stays; settings and metadata are replaced as a whole")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string"}, "kind": {"type": "string"}, "rank": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}}, "time_zone": {"type": ["string", "null"]},
            "position": {"type": ["array", "null"]}, "map": {"type": ["string", "null"]},
            "settings": {"type": "object"}, "metadata": {"type": "object"}}}))
        .post("/api/v1/zones/{id}/move", Need::object(Kind::ZONE, "id", Level::Own), with(estate, relocate))
        .about("Move a zone with everything in it; level `own` on where it goes")
        .accepts(json!({"type": "object", "required": ["parent"], "additionalProperties": false, "properties": {
            "parent": {"type": "string", "format": "uuid"}}}))
        .get("/api/v1/zones/{id}/map", view, with(estate, map))
        .about("A zone's map: title and bindings")
        .get("/api/v1/zones/{id}/map.svg", view, with(estate, drawing))
        .about("A zone's map: the drawing")
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (list, workspace, registry) = (ctx.list(&SPEC)?, ctx.workspace()?, estate.registry());
    let parent = list.filter("parent").unwrap_or("").to_owned();
    let rows: Vec<Zone> = ctx.read(|tx| {
        let mut rows = Vec::new();
        for zone in registry.zones.values().filter(|zone| zone.workspace == workspace) {
            let wanted = finds(
                &list,
                [zone.name.as_str(), &zone.key].into_iter().chain(zone.tags.iter().map(String::as_str)),
            ) && (parent.is_empty() || zone.parent.is_some_and(|id| id.to_string() == parent))
                && list.filter("kind").is_none_or(|kind| zone.kind.word() == kind);
            if wanted && may(&ctx, tx, Kind::ZONE, zone.id, Level::View)? {
                rows.push((**zone).clone());
            }
        }
        Ok::<_, WebError>(rows)
    })?;
    // The place in the tree: rank and name of every zone from the root down.
    let place = |zone: &Zone| {
        let path = registry.path(zone.id);
        path.iter().map(|zone| format!("{}{}\u{1}", sortable(zone.rank), zone.name)).collect::<String>()
    };
    let by_name = list.sort == "name";
    let key =
        |zone: &Zone| (if by_name { zone.name.to_lowercase() } else { place(zone) }, zone.id.to_string());
    Ok(reply::json(&page(&ctx, &list, rows, key)))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let id: ZoneId = ctx.param("id")?;
    let zone = registry.zones.get(&id).ok_or(WebError::NotFound)?;
    let view = ctx.read(|tx| {
        let mut children = Vec::new();
        for child in registry.children(id) {
            if may(&ctx, tx, Kind::ZONE, child, Level::See)? {
                children.push(crate::http::zone(&registry, *child));
            }
        }
        let mut systems = Vec::new();
        for each in registry.systems_in(id) {
            if may(&ctx, tx, Kind::SYSTEM, each, Level::See)? {
                systems.push(system(&registry, *each));
            }
        }
        let path =
            registry.path(id).iter().map(|zone| Mention { id: zone.id, name: zone.name.clone() }).collect();
        Ok::<_, WebError>(ZoneView {
            settings: shown(&zone.settings, &secrets_of(&registry, zone.workspace, &zone.secrets)),
            zone: (**zone).clone(),
            path,
            children,
            systems,
            time_zone_in_force: registry.time_zone(id),
            position_in_force: registry.position(id),
        })
    })?;
    Ok(reply::json(&view))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewZone = ctx.json()?;
    let zone = places::create_zone(&estate, &ctx, new).await?;
    Ok(reply::created(&format!("/api/v1/zones/{}", zone.id), &zone))
}

async fn relocate(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let to: MoveZone = ctx.json()?;
    places::move_zone(&estate, &ctx, ctx.param("id")?, to).await?;
    show(estate, ctx).await
}

async fn change(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: ZonePatch = ctx.json()?;
    configure::zone(&estate, &ctx, ctx.param("id")?, patch).await?;
    show(estate, ctx).await
}

fn find_map(estate: &Estate, ctx: &Ctx) -> Result<maps::ZoneMap> {
    let registry = estate.registry();
    let id: ZoneId = ctx.param("id")?;
    let zone = registry.zones.get(&id).ok_or(WebError::NotFound)?;
    let name = zone.map.as_ref().ok_or(WebError::NotFound)?;
    ctx.read(|tx| maps::queries::find(tx, zone.workspace, name))?.ok_or(WebError::NotFound)
}

async fn map(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&find_map(&estate, &ctx)?))
}

async fn drawing(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let map = find_map(&estate, &ctx)?;
    // Opened by itself a drawing is a document: it may load and run nothing.
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    Ok((headers, map.svg).into_response())
}
