//! API of channels, messages on their way out, and maintenance.

use super::actions::{self, ChannelPatch};
use super::maintenance::{self, NewMaintenance};
use super::queries;
use crate::Estate;
use crate::http::with;
use axum::response::Response;
use bo_delivery::{State, Wanted};
use bo_model::Object;
use bo_web::list::{Key, ListSpec};
use bo_web::{Ctx, Level, Need, Result, Routes, WebError, reply};
use serde_json::json;
use std::sync::Arc;

/// What the list of messages offers.
pub const SPEC: ListSpec =
    ListSpec { sorts: &["queued"], sort: "queued", desc: true, filters: &["state", "about", "via"] };

/// Routes of notification.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("alarms", Level::View);
    let own = Need::workspace_area("alarms", Level::Own);
    let channel = json!({"type": "object", "additionalProperties": false, "properties": {
        "name": {"type": "string", "examples": ["Night shift"]}, "kind": {"enum": ["mail", "webhook", "mqtt"]},
        "recipient": {"type": "string", "examples": ["group:01900000-0000-7000-8000-000000000000"]},
        "address": {"type": "string", "examples": ["https://hooks.example.org/alarms"]}, "secret": {"type": "string"},
        "zone": {"type": ["string", "null"], "format": "uuid"}, "severity": {"enum": ["info", "warning", "critical"]},
        "after_minutes": {"type": "integer", "minimum": 0}, "quiet_minutes": {"type": "integer", "minimum": 0},
        "enabled": {"type": "boolean"}}});
    Routes::new("estate")
        .get("/api/v1/channels", view, with(estate, channels))
        .about("Channels: who is told of alarms, how, from which severity on, and after how long")
        .post("/api/v1/channels", own, with(estate, create))
        .about("Make a channel; one with `after_minutes` is an escalation")
        .accepts(channel.clone())
        .patch("/api/v1/channels/{id}", own, with(estate, change))
        .about("Change a channel: what is not named stays")
        .accepts(channel)
        .delete("/api/v1/channels/{id}", own, with(estate, remove))
        .about("Remove a channel")
        .post("/api/v1/channels/{id}/test", own, with(estate, try_out))
        .about("Send a message through a channel to see whether it works")
        .get("/api/v1/deliveries", view, with(estate, deliveries))
        .about("Messages on their way out and what became of them, newest first; filter by state, what they are about, or the channel they go through")
        .lists(&SPEC)
        .post("/api/v1/deliveries/{id}/retry", own, with(estate, retry))
        .about("Try a message that was given up once more")
        .get("/api/v1/maintenance", view, with(estate, planned))
        .about("Maintenance that is not over: alarms of that time are kept and nobody is told")
        .post("/api/v1/maintenance", Need::signed_in(), with(estate, plan))
        .about("Plan maintenance of a zone, system, device or gateway; level `edit` there")
        .accepts(json!({"type": "object", "required": ["object", "ends_at", "reason"], "additionalProperties": false,
            "properties": {"object": {"type": "string", "examples": ["zone:01900000-0000-7000-8000-000000000000"]},
                "starts_at": {"type": ["integer", "null"]}, "ends_at": {"type": "integer"}, "reason": {"type": "string"}}}))
        .delete("/api/v1/maintenance/{id}", Need::signed_in(), with(estate, end))
        .about("End maintenance now, or take it back before it begins; level `edit` on its object")
}

async fn channels(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    let items = ctx.read(|tx| queries::channels(tx, workspace))?;
    Ok(reply::json(&json!({ "items": items })))
}

async fn create(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: ChannelPatch = ctx.json()?;
    let channel = actions::create(&ctx, patch).await?;
    Ok(reply::created(&format!("/api/v1/channels/{}", channel.id), &channel))
}

async fn change(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: ChannelPatch = ctx.json()?;
    Ok(reply::json(&actions::change(&ctx, ctx.param("id")?, patch).await?))
}

async fn remove(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    actions::remove(&ctx, ctx.param("id")?).await?;
    Ok(reply::done())
}

async fn try_out(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let queued = actions::try_out(&ctx, ctx.param("id")?).await?;
    Ok(reply::json(&json!({ "deliveries": queued })))
}

/// A page of messages.
pub fn page(ctx: &Ctx) -> Result<bo_web::Paged<bo_delivery::Delivery>> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    let state = match list.filter("state") {
        None => None,
        Some("waiting") => Some(State::Waiting),
        Some("sent") => Some(State::Sent),
        Some("failed") => Some(State::Failed),
        Some(_) => return Err(WebError::field("state", "must be waiting, sent or failed")),
    };
    let object = |name| list.filter(name).and_then(Object::parse);
    let wanted = Wanted { state, about: object("about"), via: object("via"), like: Some(list.like()) };
    let below = list.after_number().unwrap_or(i64::MAX);
    let rows = ctx.read(|tx| bo_delivery::list(tx, workspace, &wanted, below, list.limit + 1))?;
    Ok(list.paged(rows, |delivery| (Key::from(delivery.id), delivery.id.to_string())))
}

async fn deliveries(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page(&ctx)?))
}

async fn retry(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    retry_message(&ctx).await?;
    Ok(reply::done())
}

/// Tries the message of the path once more.
pub async fn retry_message(ctx: &Ctx) -> Result<()> {
    let (id, workspace): (i64, _) = (ctx.param("id")?, ctx.workspace()?);
    let again = ctx.write(move |tx| {
        let again = bo_delivery::retry(tx, workspace, id)?;
        if again {
            tx.audit(bo_db::Event::new("delivery.retry", Object::new(bo_model::Kind("delivery"), id)));
        }
        Ok::<_, bo_db::DbError>(again)
    });
    if !again.await? {
        return Err(WebError::Conflict(
            "There is nothing to try again: it was sent, still waits, or is too old.".into(),
        ));
    }
    Ok(())
}

async fn planned(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    let items = ctx.read(|tx| queries::planned(tx, workspace))?;
    Ok(reply::json(&json!({ "items": items })))
}

async fn plan(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewMaintenance = ctx.json()?;
    let planned = maintenance::plan(&ctx, new).await?;
    Ok(reply::created(&format!("/api/v1/maintenance/{}", planned.id), &planned))
}

async fn end(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    maintenance::end(&ctx, ctx.param("id")?).await?;
    Ok(reply::done())
}
