//! API of drivers.

use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_web::{Ctx, Level, Need, Result, Routes, WebError, reply};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Routes of drivers.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("drivers", Level::View);
    Routes::new("estate")
        .get("/api/v1/drivers", view, with(estate, list))
        .about("Drivers with version, hash and how many devices use them")
        .get("/api/v1/drivers/{name}", view, with(estate, show))
        .about("A driver with its whole manifest")
}

fn line(driver: &super::Driver, devices: usize) -> Json {
    let identity = &driver.manifest.driver;
    json!({
        "name": identity.name, "version": identity.version, "title": identity.title, "vendor": identity.vendor,
        "kind": identity.kind, "about": identity.about, "hash": driver.hash, "devices": devices,
        "component": driver.manifest.component.is_some()
    })
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    let items: Vec<Json> = registry
        .drivers
        .values()
        .filter(|driver| driver.workspace == workspace)
        .map(|driver| {
            let uses = |entry: &&Arc<crate::registry::DeviceEntry>| {
                entry.device.workspace == workspace && entry.device.driver == driver.name()
            };
            line(driver, registry.devices.values().filter(uses).count())
        })
        .collect();
    Ok(reply::json(&json!({ "items": items })))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let name: String = ctx.param("name")?;
    let driver = registry.drivers.get(&(ctx.workspace()?, name)).ok_or(WebError::NotFound)?;
    let uses = registry.devices.values().filter(|entry| entry.device.driver == driver.name()).count();
    let mut answer = line(driver, uses);
    answer["manifest"] = json!(driver.manifest);
    answer["text"] = json!(driver.text);
    Ok(reply::json(&answer))
}
