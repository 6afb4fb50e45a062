//! API of metadata and its schema.

use super::{NewField, actions, queries};
use crate::Estate;
use crate::configure::Holder;
use crate::http::with;
use axum::response::Response;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, reply};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Routes of metadata.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let settings = |level| Need::workspace_area("settings", level);
    let field = json!({"type": "object", "required": ["kinds", "field"], "additionalProperties": false, "properties": {
        "kinds": {"type": "array", "items": {"enum": super::KINDS.map(|(word, _)| word)}},
        "rank": {"type": "integer"},
        "field": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}},
            "examples": [{"type": "text", "title": "Serial number", "required": true}]}}});
    let routes = Routes::new("estate")
        .get("/api/v1/metadata-fields", Need::signed_in(), with(estate, fields))
        .about("What is kept about zones, systems and devices: the fields of the schema")
        .put("/api/v1/metadata-fields/{name}", settings(Level::Own), with(estate, save))
        .about("Write a field of the schema, new or changed")
        .accepts(field)
        .delete("/api/v1/metadata-fields/{name}", settings(Level::Own), with(estate, remove))
        .about("Remove a field of the schema; what was written into it stays");
    let of_zone = |ctx: &Ctx| Ok(Holder::Zone(ctx.param("id")?));
    let of_system = |ctx: &Ctx| Ok(Holder::System(ctx.param("id")?));
    let of_device = |ctx: &Ctx| Ok(Holder::Device(ctx.param("id")?));
    let routes = patch(routes, estate, Kind::ZONE, "/api/v1/zones/{id}/metadata", of_zone);
    let routes = patch(routes, estate, Kind::SYSTEM, "/api/v1/systems/{id}/metadata", of_system);
    patch(routes, estate, Kind::DEVICE, "/api/v1/devices/{id}/metadata", of_device)
}

fn patch(
    routes: Routes,
    estate: &Arc<Estate>,
    kind: Kind,
    path: &'static str,
    of: fn(&Ctx) -> Result<Holder>,
) -> Routes {
    let set = move |estate: Arc<Estate>, ctx: Ctx| async move {
        let values: BTreeMap<String, Json> = ctx.json()?;
        actions::set(&estate, &ctx, of(&ctx)?, values).await?;
        Ok(reply::done())
    };
    routes
        .patch(path, Need::object(kind, "id", Level::Own), with(estate, set))
        .about("Set metadata by name; null takes it away, what is not named stays")
        .accepts(json!({"type": "object", "examples": [{"serial_number": "A-1007"}]}))
}

async fn fields(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    Ok(reply::json(&json!({ "items": ctx.read(|tx| queries::fields(tx, workspace))? })))
}

async fn save(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewField = ctx.json()?;
    Ok(reply::json(&actions::save_field(&ctx, ctx.param("name")?, new, false).await?))
}

async fn remove(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    actions::remove_field(&ctx, ctx.param("name")?).await?;
    Ok(reply::done())
}
