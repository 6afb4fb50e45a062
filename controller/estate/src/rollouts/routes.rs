//! API of rollouts.

use super::actions::{self, Proposal};
use super::{Part, Rollout, queries};
use crate::Estate;
use crate::http::{Mention, with};
use crate::registry::Registry;
use crate::releases;
use crate::releases::actions::Plan;
use axum::response::Response;
use bo_model::{EdgeId, Level};
use bo_web::{Ctx, Need, Result, Routes, WebError, reply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// Routes of rollouts.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/rollouts", Need::signed_in(), with(estate, list))
        .about("Rollouts, newest first: changes of many gateways, ring by ring")
        .post("/api/v1/rollouts", Need::signed_in(), with(estate, propose))
        .about("Propose a rollout of what is configured; level `edit` on every gateway")
        .accepts(json!({"type": "object", "required": ["title", "rings"], "additionalProperties": false, "properties": {
            "title": {"type": "string", "examples": ["New night set-back"]},
            "rings": {"type": "array", "items": {"type": "array", "items": {"type": "string", "format": "uuid"}}},
            "watch": {"type": ["string", "null"], "examples": ["10min"]}}}))
        .get("/api/v1/rollouts/{id}", Need::signed_in(), with(estate, show))
        .about("A rollout, and what it would still change on which gateway")
        .post("/api/v1/rollouts/{id}/approve", Need::signed_in(), with(estate, approve))
        .about("Approve a rollout: its first ring is released; refused when the configuration changed since it was proposed")
        .post("/api/v1/rollouts/{id}/pause", Need::signed_in(), with(estate, pause))
        .about("Halt a rollout where it is")
        .post("/api/v1/rollouts/{id}/resume", Need::signed_in(), with(estate, resume))
        .about("Let a halted rollout go on")
        .post("/api/v1/rollouts/{id}/stop", Need::signed_in(), with(estate, stop))
        .about("End a rollout where it is; with `revert` every gateway gets back what it had before")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {"revert": {"type": "boolean"}}}))
}

fn may_see(ctx: &Ctx, tx: &mut bo_db::Tx, registry: &Registry, rollout: &Rollout) -> Result<bool> {
    for gateway in actions::gateways(registry, rollout) {
        if ctx.level(tx, &gateway)? < Level::View {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rollouts whose gateways the viewer may see, newest first.
pub fn visible(estate: &Estate, ctx: &Ctx) -> Result<Vec<Rollout>> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    ctx.read(|tx| {
        let mut seen = Vec::new();
        for rollout in queries::list(tx, workspace, 200)? {
            if may_see(ctx, tx, &registry, &rollout)? {
                seen.push(rollout);
            }
        }
        Ok(seen)
    })
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&json!({ "items": visible(&estate, &ctx)? })))
}

async fn propose(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let proposal: Proposal = ctx.json()?;
    let rollout = actions::propose(&estate, &ctx, proposal).await?;
    Ok(reply::created(&format!("/api/v1/rollouts/{}", rollout.id), &rollout))
}

/// One gateway of a rollout: how far it is, and what it still gets.
#[derive(Serialize)]
pub struct GatewayPart {
    /// Which.
    pub edge: Mention<EdgeId>,
    /// How far it is.
    pub part: Part,
    /// What it would still get.
    pub plan: Plan,
}

/// A rollout with its gateways, in the order of their rings; those that were removed are left out.
#[derive(Serialize)]
pub struct RolloutView {
    /// Everything that is kept of it.
    #[serde(flatten)]
    pub rollout: Rollout,
    /// Its gateways.
    pub plans: Vec<GatewayPart>,
    /// Whether whoever asks may carry it on.
    #[serde(skip)]
    pub may: bool,
}

/// The rollout of the path, if the viewer may see all its gateways.
pub fn view(estate: &Estate, ctx: &Ctx) -> Result<RolloutView> {
    let (id, workspace, registry) = (ctx.param("id")?, ctx.workspace()?, estate.registry());
    ctx.read(|tx| {
        let rollout = queries::find(tx, id)?.filter(|held| held.workspace == workspace);
        let rollout = rollout.ok_or(WebError::NotFound)?;
        if !may_see(ctx, tx, &registry, &rollout)? {
            return Err(WebError::NotFound);
        }
        let mut may = true;
        for gateway in actions::gateways(&registry, &rollout) {
            may &= ctx.level(tx, &gateway)? >= Level::Edit;
        }
        let mut plans = Vec::new();
        for id in rollout.rings.iter().flatten() {
            let Some(edge) = registry.edges.get(id) else { continue };
            let plan = releases::actions::plan(tx, &registry, *id)?;
            let part = super::part(&rollout, *id, &estate.presence.of(*id));
            plans.push(GatewayPart { edge: Mention { id: *id, name: edge.name.clone() }, part, plan });
        }
        Ok(RolloutView { rollout, plans, may })
    })
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&view(&estate, &ctx)?))
}

async fn pause(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&actions::pause(&estate, &ctx, ctx.param("id")?, true).await?))
}

async fn resume(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&actions::pause(&estate, &ctx, ctx.param("id")?, false).await?))
}

async fn approve(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&actions::approve(&estate, &ctx, ctx.param("id")?).await?))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stop {
    revert: bool,
}

async fn stop(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: Stop = if ctx.body().is_empty() { Stop::default() } else { ctx.json()? };
    Ok(reply::json(&actions::stop(&estate, &ctx, ctx.param("id")?, body.revert).await?))
}
