//! API of releases: what would change, what was published, publishing.

use super::{actions, queries};
use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_model::EdgeId;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde_json::json;
use std::sync::Arc;

/// Routes of releases.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::EDGE, "id", level);
    Routes::new("estate")
        .get("/api/v1/edges/{id}/plan", on(Level::View), with(estate, plan))
        .about("What publishing a release now would change on the gateway")
        .get("/api/v1/edges/{id}/releases", on(Level::View), with(estate, list))
        .about("The releases of a gateway, newest first; `before` pages")
        .query(json!({"type": "object", "properties": {"before": {"type": "integer", "minimum": 1}}}))
        .get("/api/v1/edges/{id}/releases/{number}", on(Level::View), with(estate, show))
        .about("A release with its content, hash and signature; secrets in the content read `(hidden)`")
        .post("/api/v1/edges/{id}/releases", on(Level::Edit), with(estate, publish))
        .about("Publish a release of the configuration as it is now")
}

async fn plan(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let edge: EdgeId = ctx.param("id")?;
    let plan = ctx.read(|tx| actions::plan(tx, &estate.registry(), edge))?;
    Ok(reply::json(&plan))
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let edge: EdgeId = ctx.param("id")?;
    let before = ctx.query_value("before").parse().unwrap_or(i64::MAX as u64);
    let items = ctx.read(|tx| queries::list(tx, edge, before, 25))?;
    Ok(reply::json(&json!({ "items": items })))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (edge, number): (EdgeId, u64) = (ctx.param("id")?, ctx.param("number")?);
    let mut release = ctx.read(|tx| queries::find(tx, edge, number))?.ok_or(WebError::NotFound)?;
    release.site = crate::json(&actions::readable(&estate.registry(), &release)?);
    Ok(reply::json(&release))
}

/// Publishes for the edge of the path and tells it; the number, when there was something to publish.
pub async fn publish_now(estate: &Arc<Estate>, ctx: &Ctx) -> Result<Option<u64>> {
    let edge: EdgeId = ctx.param("id")?;
    let (state, registry) = (estate.clone(), estate.registry());
    let release = ctx.write(move |tx| actions::publish(tx, &registry, edge, &state.release_key)).await?;
    if release.is_some() {
        estate.announce(edge, "")?;
    }
    Ok(release.map(|release| release.number))
}

async fn publish(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let number = publish_now(&estate, &ctx).await?;
    Ok(reply::json(&json!({ "number": number, "changed": number.is_some() })))
}
