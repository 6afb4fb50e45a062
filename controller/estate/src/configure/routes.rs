//! API that all configured things share: their settings per key, and their removal.

use super::{Contents, Holder, SetSetting, remove, reset_setting, set_setting};
use crate::Estate;
use crate::http::with;
use crate::settings::{of_device, of_system, of_zone};
use axum::response::Response;
use bo_model::{Kind, Level, Object};
use bo_web::{Ctx, Need, Result, Routes, WebError, reply};
use serde_json::json;
use std::sync::Arc;

/// Which level of settings a path names.
type Of = fn(&Ctx) -> Result<Holder>;

/// Routes of settings and removal.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let zone: Of = |ctx| Ok(Holder::Zone(ctx.param("id")?));
    let system: Of = |ctx| Ok(Holder::System(ctx.param("id")?));
    let device: Of = |ctx| Ok(Holder::Device(ctx.param("id")?));
    let all = Routes::new("estate");
    let all = settings(
        all,
        estate,
        Kind::ZONE,
        ["/api/v1/zones/{id}/settings", "/api/v1/zones/{id}/settings/{key}"],
        zone,
    );
    let all = settings(
        all,
        estate,
        Kind::SYSTEM,
        ["/api/v1/systems/{id}/settings", "/api/v1/systems/{id}/settings/{key}"],
        system,
    );
    let all = settings(
        all,
        estate,
        Kind::DEVICE,
        ["/api/v1/devices/{id}/settings", "/api/v1/devices/{id}/settings/{key}"],
        device,
    );
    let all =
        removal(all, estate, Kind::ZONE, Level::Own, ["/api/v1/zones/{id}", "/api/v1/zones/{id}/removal"]);
    let all = removal(
        all,
        estate,
        Kind::SYSTEM,
        Level::Own,
        ["/api/v1/systems/{id}", "/api/v1/systems/{id}/removal"],
    );
    let all = removal(
        all,
        estate,
        Kind::DEVICE,
        Level::Own,
        ["/api/v1/devices/{id}", "/api/v1/devices/{id}/removal"],
    );
    let all = removal(
        all,
        estate,
        Kind::TRIGGER,
        Level::Edit,
        ["/api/v1/triggers/{id}", "/api/v1/triggers/{id}/removal"],
    );
    removal(all, estate, Kind::EDGE, Level::Own, ["/api/v1/edges/{id}", "/api/v1/edges/{id}/removal"])
}

fn settings(
    routes: Routes,
    estate: &Arc<Estate>,
    kind: Kind,
    [all, one]: [&'static str; 2],
    of: Of,
) -> Routes {
    let on = |level| Need::object(kind, "id", level);
    routes
        .get(all, on(Level::View), with(estate, move |estate, ctx| list(estate, ctx, of)))
        .about("Settings: the value in force per key, and every level that set it; secrets read `(hidden)`")
        .put(one, on(Level::Own), with(estate, move |estate, ctx| set(estate, ctx, of)))
        .about("Set one setting at this level; `secret` never shows it again")
        .accepts(
            json!({"type": "object", "required": ["value"], "additionalProperties": false, "properties": {
            "value": {"examples": ["5s"]}, "secret": {"type": "boolean"}}}),
        )
        .delete(one, on(Level::Own), with(estate, move |estate, ctx| reset(estate, ctx, of)))
        .about("Reset one setting: the levels above count again")
}

async fn list(estate: Arc<Estate>, ctx: Ctx, of: Of) -> Result<Response> {
    let registry = estate.registry();
    let items = match of(&ctx)? {
        Holder::Zone(id) => of_zone(&registry, id),
        Holder::System(id) => of_system(&registry, id),
        Holder::Device(id) => of_device(&registry, registry.devices.get(&id).ok_or(WebError::NotFound)?),
    };
    Ok(reply::json(&json!({ "items": items })))
}

async fn set(estate: Arc<Estate>, ctx: Ctx, of: Of) -> Result<Response> {
    let (on, key): (Holder, String) = (of(&ctx)?, ctx.param("key")?);
    let wanted: SetSetting = ctx.json()?;
    set_setting(&estate, &ctx, on, key, wanted).await?;
    Ok(reply::done())
}

async fn reset(estate: Arc<Estate>, ctx: Ctx, of: Of) -> Result<Response> {
    let (on, key): (Holder, String) = (of(&ctx)?, ctx.param("key")?);
    reset_setting(&estate, &ctx, on, key).await?;
    Ok(reply::done())
}

fn removal(
    routes: Routes,
    estate: &Arc<Estate>,
    kind: Kind,
    level: Level,
    [one, look]: [&'static str; 2],
) -> Routes {
    let need = Need::object(kind, "id", level);
    let object = move |ctx: &Ctx| -> Result<Object> { Ok(Object::new(kind, ctx.param::<uuid::Uuid>("id")?)) };
    routes
        .get(look, need, with(estate, move |estate, ctx| show(estate, object(&ctx), ctx)))
        .about("What removing it would take with it, what uses it, and what has to be done first")
        .delete(one, need, with(estate, move |estate, ctx| take(estate, object(&ctx), ctx)))
        .about("Remove it; `with_contents=true` removes what lies in it too, and accepts that others use it")
        .query(json!({"type": "object", "properties": {"with_contents": {"type": "boolean"}}}))
}

async fn show(estate: Arc<Estate>, object: Result<Object>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&Contents::of(&estate.registry(), ctx.workspace()?, &object?)?))
}

async fn take(estate: Arc<Estate>, object: Result<Object>, ctx: Ctx) -> Result<Response> {
    remove(&estate, &ctx, object?, ctx.query_value("with_contents") == "true").await?;
    Ok(reply::done())
}
