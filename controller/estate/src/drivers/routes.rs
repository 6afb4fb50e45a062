//! API of drivers.

use super::{Driver, actions, package, plain, queries};
use crate::Estate;
use crate::configure::write;
use crate::http::with;
use crate::registry::Registry;
use axum::response::Response;
use bo_model::WorkspaceId;
use bo_web::{Ctx, Level, Need, Result, Routes, WebError, reply};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Largest packed driver, in bytes: a component that carries a language's runtime has 20 MB.
pub const MAX_PACKED: usize = 64 << 20;

/// Routes of drivers.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let (view, own) =
        (Need::workspace_area("drivers", Level::View), Need::workspace_area("drivers", Level::Own));
    Routes::new("estate")
        .get("/api/v1/drivers", view, with(estate, list))
        .about("Drivers with version, hash and how many devices use them")
        .post("/api/v1/drivers", own, with(estate, add))
        .about("Put a packed driver into the library; the body is the file that `backoffice-edge driver pack` makes")
        .query(json!({"type": "object", "properties": {"use": {"type": "string", "enum": ["now", "later"],
            "description": "`later` keeps the version in use; devices that hold the new one run it"}}}))
        .body_limit(MAX_PACKED)
        .get("/api/v1/drivers/{name}", view, with(estate, show))
        .about("A driver with its whole manifest, and all versions of it that the library has")
        .put("/api/v1/drivers/{name}", own, with(estate, choose))
        .about("Make another version of the library the one in use, forward or back; the next releases carry it")
        .accepts(json!({"type": "object", "required": ["version"], "additionalProperties": false, "properties": {
            "version": {"type": "string", "examples": ["1.2.0"]}}}))
}

/// The body of `PUT`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    version: String,
}

fn line(registry: &Registry, driver: &Driver) -> Json {
    let identity = &driver.manifest.driver;
    json!({
        "name": identity.name, "version": identity.version, "title": identity.title, "vendor": identity.vendor,
        "kind": identity.kind, "about": identity.about, "hash": driver.hash,
        "devices": uses(registry, driver.workspace, driver.name()), "component": driver.manifest.component.is_some()
    })
}

/// How many devices run a driver, in whichever version.
pub fn uses(registry: &Registry, workspace: WorkspaceId, name: &str) -> usize {
    let of_it = registry
        .devices
        .values()
        .filter(|entry| entry.device.workspace == workspace && plain(&entry.device.driver) == name);
    of_it.count()
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    let items: Vec<Json> = registry.library(workspace).map(|driver| line(&registry, driver)).collect();
    Ok(reply::json(&json!({ "items": items })))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let name: String = ctx.param("name")?;
    let driver = registry.drivers.get(&(workspace, plain(&name).to_owned())).ok_or(WebError::NotFound)?;
    let mut answer = line(&registry, driver);
    answer["manifest"] = json!(driver.manifest);
    answer["text"] = json!(driver.text);
    answer["versions"] = json!(ctx.read(|tx| queries::versions(tx, workspace, driver.name()))?);
    Ok(reply::json(&answer))
}

/// Puts a packed driver into the library of whoever asks.
pub(crate) async fn put_in(estate: &Estate, ctx: &Ctx, bytes: &[u8], now: bool) -> Result<actions::Added> {
    let packed = package::from_packed(ctx.workspace()?, bytes)?;
    write(estate, ctx, move |tx, _| Ok(actions::add(tx, &packed, now)?)).await
}

/// Makes a version the one in use.
pub(crate) async fn put_to_use(estate: &Estate, ctx: &Ctx, name: String, version: String) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, _| Ok(actions::choose(tx, workspace, &name, &version)?)).await
}

async fn add(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let now = match ctx.query_value("use").as_str() {
        "" | "now" => true,
        "later" => false,
        _ => return Err(WebError::field("use", "must be `now` or `later`")),
    };
    let added = put_in(&estate, &ctx, ctx.body(), now).await?;
    Ok(reply::created(&format!("/api/v1/drivers/{}", added.name), &added))
}

async fn choose(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let choice: Choice = ctx.json()?;
    put_to_use(&estate, &ctx, ctx.param("name")?, choice.version).await?;
    show(estate, ctx).await
}
