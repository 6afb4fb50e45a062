//! Proposing, approving, stopping and taking back a rollout. Level `edit` on every gateway in it.

use super::{Published, Rollout, RolloutId, Stage, queries};
use crate::Estate;
use crate::error::EstateError;
use crate::registry::Registry;
use crate::releases::actions::{content, publish, republish};
use bo_db::{Event, Tx};
use bo_model::{EdgeId, Kind, Level, Object, WorkspaceId};
use bo_web::{Ctx, Result, WebError};
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A rollout to propose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// For people: what changes.
    pub title: String,
    /// Gateways, ring by ring. Those with nothing to change are left out.
    pub rings: Vec<Vec<EdgeId>>,
    /// How long a ring has to be well before the next begins; ten minutes when absent.
    #[serde(default)]
    pub watch: Option<String>,
}

fn object(id: RolloutId) -> Object {
    Object::new(Kind("rollout"), id)
}

/// Proposes a rollout of the configuration as it is now.
pub async fn propose(estate: &Estate, ctx: &Ctx, proposal: Proposal) -> Result<Rollout> {
    let title = proposal.title.trim().to_owned();
    if title.is_empty() || title.chars().count() > 120 {
        return Err(WebError::field("title", "must be 1 to 120 characters"));
    }
    let watch = bo_model::span::parse(proposal.watch.as_deref().unwrap_or("10min"));
    let watch = watch.map_err(|why| WebError::field("watch", why.to_string()))?.as_secs();
    if !(10..=7 * 86_400).contains(&watch) {
        return Err(WebError::field("watch", "must be 10 seconds to 7 days"));
    }
    let all: Vec<EdgeId> = proposal.rings.iter().flatten().copied().collect();
    if all.len() > 1000 || all.iter().collect::<BTreeSet<_>>().len() != all.len() {
        return Err(WebError::field("rings", "must name each gateway once, at most 1000"));
    }
    let viewer = ctx.who()?;
    let (workspace, by, now, id) = (viewer.workspace, viewer.name.clone(), ctx.now(), ctx.make_id());
    let (registry, may) = (estate.registry(), crate::configure::require(ctx));
    ctx.write(move |tx| {
        let mut contents = BTreeMap::new();
        for edge in proposal.rings.iter().flatten() {
            may(tx, &Object::new(Kind::EDGE, edge), Level::Edit)?;
            let held = registry.edges.get(edge).filter(|held| held.workspace == workspace);
            held.ok_or(WebError::NotFound)?;
            if let Some(content) = content(tx, &registry, *edge)? {
                contents.insert(*edge, content);
            }
        }
        let rings: Vec<Vec<EdgeId>> = proposal
            .rings
            .iter()
            .map(|ring| ring.iter().filter(|edge| contents.contains_key(edge)).copied().collect::<Vec<_>>())
            .filter(|ring| !ring.is_empty())
            .collect();
        if rings.is_empty() {
            return Err(WebError::Conflict(
                "These gateways have what is configured. There is nothing to roll out.".into(),
            ));
        }
        let rollout = Rollout {
            id,
            workspace,
            title: title.clone(),
            rings,
            contents,
            watch_seconds: watch as i64,
            state: Stage::Proposed,
            ring: 0,
            ring_at: None,
            published: BTreeMap::new(),
            unwell: BTreeMap::new(),
            why: String::new(),
            made_by: by.clone(),
            made_at: now,
            approved_by: None,
            approved_at: None,
        };
        queries::save(tx, &rollout)?;
        tx.audit(
            Event::new("rollout.propose", object(id)).name(&title).after(json!({ "rings": rollout.rings })),
        );
        Ok(rollout)
    })
    .await
}

/// What decides who may see and carry on a rollout: its gateways that are still there, else the area of all gateways.
pub(super) fn gateways(registry: &Registry, rollout: &Rollout) -> Vec<Object> {
    let there = rollout.rings.iter().flatten().filter(|edge| registry.edges.contains_key(edge));
    let mut found: Vec<Object> = there.map(|edge| Object::new(Kind::EDGE, edge)).collect();
    if found.is_empty() {
        found.push(Object::area(rollout.workspace, "edges"));
    }
    found
}

/// The rollout, if whoever asks has level `edit` on all its gateways.
fn held(
    tx: &mut Tx,
    registry: &Registry,
    workspace: WorkspaceId,
    id: RolloutId,
    may: &crate::configure::Require,
) -> Result<Rollout> {
    let held = queries::find(tx, id)?.filter(|held| held.workspace == workspace).ok_or(WebError::NotFound)?;
    for gateway in gateways(registry, &held) {
        may(tx, &gateway, Level::Edit)?;
    }
    Ok(held)
}

/// Halts a rollout that runs, or lets it go on. What was released stays; while it is halted nothing is released and nothing
/// goes back by itself.
pub async fn pause(estate: &Estate, ctx: &Ctx, id: RolloutId, halt: bool) -> Result<Rollout> {
    let (workspace, may, registry) = (ctx.workspace()?, crate::configure::require(ctx), estate.registry());
    let (from, to, verb) = match halt {
        true => (Stage::Running, Stage::Paused, "rollout.pause"),
        false => (Stage::Paused, Stage::Running, "rollout.resume"),
    };
    ctx.write(move |tx| {
        let held = held(tx, &registry, workspace, id, &may)?;
        if held.state != from {
            return Err(WebError::Conflict(format!("It is {}.", held.state.word())));
        }
        // A ring is watched anew after a halt: what happened meanwhile was judged by nobody.
        let ring_at = held.ring_at.map(|at| if halt { at } else { tx.now() });
        let changed = Rollout { state: to, ring_at, ..held };
        queries::save(tx, &changed)?;
        tx.audit(Event::new(verb, object(id)).name(&changed.title));
        Ok(changed)
    })
    .await
}

/// Approves a rollout; its first ring is released within seconds.
pub async fn approve(estate: &Estate, ctx: &Ctx, id: RolloutId) -> Result<Rollout> {
    let viewer = ctx.who()?;
    let (workspace, by, may) = (viewer.workspace, viewer.name.clone(), crate::configure::require(ctx));
    let registry = estate.registry();
    ctx.write(move |tx| {
        let held = held(tx, &registry, workspace, id, &may)?;
        if held.state != Stage::Proposed {
            return Err(WebError::Conflict(format!("It is {} already.", held.state.word())));
        }
        if let Some(edge) = changed_since(tx, &registry, &held)? {
            return Err(WebError::Conflict(format!(
                "The configuration of {edge} changed since this was proposed. Propose it again."
            )));
        }
        let approved = Rollout {
            state: Stage::Running,
            approved_by: Some(by.clone()),
            approved_at: Some(tx.now()),
            ..held
        };
        queries::save(tx, &approved)?;
        tx.audit(Event::new("rollout.approve", object(id)).name(&approved.title));
        Ok(approved)
    })
    .await
}

/// The name of the first gateway that would get something other than what was approved and is still to be released.
pub(super) fn changed_since(
    tx: &mut Tx,
    registry: &Registry,
    held: &Rollout,
) -> std::result::Result<Option<String>, EstateError> {
    for (edge, approved) in held.contents.iter().filter(|(edge, _)| !held.published.contains_key(edge)) {
        if content(tx, registry, *edge)?.as_ref() != Some(approved) {
            let name = registry.edges.get(edge).map_or_else(|| edge.to_string(), |edge| edge.name.clone());
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Ends a rollout where it is; with `revert` what it released goes back.
pub async fn stop(estate: &Arc<Estate>, ctx: &Ctx, id: RolloutId, revert: bool) -> Result<Rollout> {
    let viewer = ctx.who()?;
    let (workspace, by, may) = (viewer.workspace, viewer.name.clone(), crate::configure::require(ctx));
    let (registry, key) = (estate.registry(), estate.release_key.clone());
    let ended = ctx.write(move |tx| {
        let held = held(tx, &registry, workspace, id, &may)?;
        let under_way = held.state.is_under_way();
        let can_go_back = revert && held.state != Stage::Reverted;
        if !under_way && !can_go_back {
            return Err(WebError::Conflict(format!("It is {} already.", held.state.word())));
        }
        Ok::<_, WebError>(end(tx, &registry, &key, held, revert, format!("stopped by {by}"))?)
    });
    let ended = ended.await?;
    if revert {
        announce(estate, &ended);
    }
    Ok(ended)
}

/// Ends a rollout; with `revert` every gateway gets back what it had before.
pub(super) fn end(
    tx: &mut Tx,
    registry: &Registry,
    key: &SigningKey,
    held: Rollout,
    revert: bool,
    why: String,
) -> std::result::Result<Rollout, EstateError> {
    if revert {
        for (edge, Published { number, .. }) in &held.published {
            republish(tx, registry, *edge, number.saturating_sub(1), key)?;
        }
    }
    let state = if revert { Stage::Reverted } else { Stage::Stopped };
    let verb = if revert { "rollout.revert" } else { "rollout.stop" };
    let ended = Rollout { state, why, ..held };
    queries::save(tx, &ended)?;
    let event = Event::new(verb, object(ended.id)).name(&ended.title).workspace(ended.workspace);
    tx.audit(
        event.reason(&ended.why).after(json!({ "released": ended.published.keys().collect::<Vec<_>>() })),
    );
    Ok(ended)
}

/// Releases the ring a rollout is at.
pub(super) fn release(
    tx: &mut Tx,
    registry: &Registry,
    key: &SigningKey,
    mut held: Rollout,
    unwell: &BTreeMap<EdgeId, usize>,
) -> std::result::Result<Rollout, EstateError> {
    for edge in held.rings.get(held.ring).into_iter().flatten() {
        if let Some(release) = publish(tx, registry, *edge, key)? {
            held.published.insert(*edge, Published { number: release.number, hash: release.hash });
            held.unwell.insert(*edge, unwell.get(edge).copied().unwrap_or_default());
        }
    }
    held.ring_at = Some(tx.now());
    queries::save(tx, &held)?;
    let event = Event::new("rollout.ring", object(held.id)).name(&held.title).workspace(held.workspace);
    tx.audit(event.after(json!({ "ring": held.ring + 1, "of": held.rings.len() })));
    Ok(held)
}

/// Tells gateways of their releases; one that is away is told when it is back.
pub(super) fn announce(estate: &Estate, rollout: &Rollout) {
    for edge in rollout.published.keys() {
        if let Err(error) = estate.announce(*edge, "") {
            tracing::warn!(%edge, %error, "a release could not be announced");
        }
    }
}
