//! API of floor maps.

use super::actions::{self, Bind};
use super::queries;
use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_model::drawing::shapes;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Routes of maps.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::ZONE, "id", level);
    Routes::new("estate")
        .get("/api/v1/zones/{id}/map/shapes", on(Level::View), with(estate, show))
        .about("The floor map a zone shows: its shapes, what they stand for, and its revisions")
        .put("/api/v1/zones/{id}/map/elements/{element}", on(Level::Own), with(estate, bind))
        .about("Let a shape stand for a system or device; level `own` on every zone that shows the map")
        .accepts(json!({"type": "object", "required": ["system", "shows"], "additionalProperties": false, "properties": {
            "system": {"type": "string", "format": "uuid"}, "device": {"type": ["string", "null"], "examples": ["Display_1"]},
            "shows": {"description": "`\"alarm\"`, `{\"style\": name}` or `{\"value\": \"Sensor_1.temperature\"}`"},
            "text": {"type": ["string", "null"]}}}))
        .delete("/api/v1/zones/{id}/map/elements/{element}", on(Level::Own), with(estate, unbind))
        .about("Let a shape stand for nothing")
        .post("/api/v1/zones/{id}/map/revert", on(Level::Own), with(estate, go_back))
        .about("Go back to a revision of the map")
        .accepts(json!({"type": "object", "required": ["revision"], "additionalProperties": false, "properties": {
            "revision": {"type": "integer", "minimum": 1}}}))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (id, workspace, registry) = (ctx.param("id")?, ctx.workspace()?, estate.registry());
    let (map, revisions) = ctx.read(|tx| {
        let (_, map) = actions::held(tx, &registry, workspace, id)?;
        let revisions = queries::revisions(tx, workspace, &map.name, 50)?;
        Ok::<_, WebError>((map, revisions))
    })?;
    let shapes: Vec<_> = shapes(&map.svg)
        .into_iter()
        .map(|shape| json!({ "id": shape.id, "name": shape.name, "texts": shape.texts }))
        .collect();
    Ok(reply::json(&json!({ "map": map, "shapes": shapes, "revisions": revisions })))
}

async fn bind(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let to: Bind = ctx.json()?;
    actions::bind(&estate, &ctx, ctx.param("id")?, ctx.param("element")?, to).await?;
    Ok(reply::done())
}

async fn unbind(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    actions::unbind(&estate, &ctx, ctx.param("id")?, ctx.param("element")?).await?;
    Ok(reply::done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    revision: i64,
}

async fn go_back(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let back: Back = ctx.json()?;
    actions::go_back(&estate, &ctx, ctx.param("id")?, back.revision).await?;
    Ok(reply::done())
}
