//! Releases: what would change on which gateway, chosen and deployed together.

use super::{parts as own, rollouts};
use crate::Estate;
use crate::edges::routes as edges;
use crate::edges::{Edge, EdgeState};
use crate::http::with;
use crate::releases::actions::{self, Plan};
use crate::releases::queries;
use axum::response::{IntoResponse, Response};
use bo_model::{EdgeId, Kind, Level, Object};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub const PATH: &str = "/releases";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, show))
        .about("What waits to be deployed, per gateway")
        .post(PATH, Need::signed_in(), with(estate, deploy))
        .about("Deploy to the chosen gateways")
}

/// A gateway with what waits to be deployed to it.
pub struct Waiting {
    pub edge: Arc<Edge>,
    pub plan: Plan,
    pub newest: Option<queries::ReleaseLine>,
    pub level: Level,
}

/// The gateways the viewer may see; those with changes first.
pub fn waiting(estate: &Estate, ctx: &Ctx) -> Result<Vec<Waiting>> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let mut found = ctx.read(|tx| {
        let mut found = Vec::new();
        for edge in registry.edges.values().filter(|edge| edge.workspace == workspace) {
            let level = ctx.level(tx, &Object::new(Kind::EDGE, edge.id))?;
            if level >= Level::View {
                let plan = actions::plan(tx, &registry, edge.id)?;
                let newest = queries::list(tx, edge.id, i64::MAX as u64, 1)?.pop();
                found.push(Waiting { edge: edge.clone(), plan, newest, level });
            }
        }
        Ok::<_, WebError>(found)
    })?;
    found.sort_by_key(|each| (each.plan.diff.is_empty(), each.edge.name.clone()));
    Ok(found)
}

/// What a release would change, as lists that open.
pub fn changes(plan: &Plan) -> Markup {
    let list = |tone: Tone, title: &str, names: &[String]| {
        html! { @if !names.is_empty() { div { (badge(tone, title)) ul { @for name in names.iter().take(60) { li { (name) } } @if names.len() > 60 { li.muted { "and " (names.len() - 60) " more" } } } } } }
    };
    html! {
        div.changes {
            (list(Tone::Good, "New", &plan.diff.added))
            (list(Tone::Info, "Changed", &plan.diff.changed))
            (list(Tone::Bad, "Gone", &plan.diff.removed))
            @if !plan.faults.is_empty() { (parts::notice(Tone::Warn, html! { p { "Left out, because it would not work:" } ul { @for fault in &plan.faults { li { (fault) } } } })) }
        }
    }
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (waiting, now) = (waiting(&estate, &ctx)?, ctx.now());
    let pending = waiting.iter().filter(|each| !each.plan.diff.is_empty()).count();
    let may = waiting.iter().any(|each| !each.plan.diff.is_empty() && each.level >= Level::Edit);
    let body = html! {
        (rollouts::tabs(PATH))
        @if waiting.is_empty() {
            section.card { (parts::empty("release", "No gateways", "What is configured is deployed to gateways; you see none.", None)) }
        } @else {
            form.stack action=(PATH) method="post" {
                (ctx.csrf())
                p.verdict.verdict--info[pending > 0] role="status" {
                    (icon(if pending > 0 { "release" } else { "check" }))
                    @if pending > 0 { strong { (own::count(pending, "gateway")) " waiting for changes." } span { "Look at what would change, then deploy. A gateway checks a release first, and goes back to the one before by itself when devices fail with it." } }
                    @else { strong { "Everything is deployed." } span { "Each gateway's newest release has all that is configured." } }
                }
                @for each in &waiting { (row(&estate, each, now)) }
                @if may { div.bulk.bulk--card {
                    span.muted data-chosen="" aria-live="polite" {}
                    @if pending > 1 { a.btn href="/rollouts/new" { "Roll out in rings …" } }
                    button.btn.btn--primary type="submit" data-needs-choice="" { (icon("release")) "Deploy to the chosen" }
                } }
            }
        }
    };
    let page = Page::new("Releases", PATH, body);
    Ok(ctx.page(page.lead("What was changed here reaches the buildings when it is deployed.")))
}

fn row(estate: &Estate, each: &Waiting, now: bo_model::Time) -> Markup {
    let id = each.edge.id;
    let pending = !each.plan.diff.is_empty();
    let line = edges::line(estate, &each.edge, each.newest.as_ref().map(|release| release.hash.as_str()));
    html! {
        section.card.release data-rows="" {
            div.card__head {
                span.row {
                    @if pending && each.level >= Level::Edit { input type="checkbox" name="edge" value=(id) checked aria-label={ "Choose " (each.edge.name) }; }
                    h2 { a href={ "/edges/" (id) } { (each.edge.name) } }
                    @match each.edge.state {
                        EdgeState::New => (badge(Tone::Idle, "Not set up yet")),
                        EdgeState::Revoked => (badge(Tone::Idle, "Revoked")),
                        EdgeState::Enrolled if line.presence.online => (badge(Tone::Good, "Online")),
                        EdgeState::Enrolled => (badge(Tone::Bad, "Not answering")),
                    }
                }
                @if pending { (badge(Tone::Info, &each.plan.diff.summary())) } @else { (badge(Tone::Good, "Up to date")) }
            }
            @match &each.newest {
                Some(release) => p.muted { "Release " (release.number) ", " (parts::time(release.compiled_at, now)) ": " (release.summary.diff.summary()) @if release.repeats.is_some() { " (permissions only; brought out by itself)" }
                    @if line.up_to_date == Some(false) { ". The gateway still runs an older one." } },
                None => p.muted { "Nothing was deployed to it yet." },
            }
            @if pending { details open[each.plan.diff.added.len() + each.plan.diff.changed.len() + each.plan.diff.removed.len() <= 12] { summary { "What would change" } (changes(&each.plan)) } }
        }
    }
}

async fn deploy(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let chosen: Vec<EdgeId> = input.all("edge").iter().filter_map(|id| id.parse().ok()).collect();
    if chosen.is_empty() {
        return Ok(ctx.redirect(PATH).flash("Choose gateways first.").into_response());
    }
    ctx.read(|tx| {
        chosen.iter().try_for_each(|id| ctx.require(tx, &Object::new(Kind::EDGE, *id), Level::Edit))
    })?;
    let mut done = 0;
    for edge in chosen {
        let (state, registry) = (estate.clone(), estate.registry());
        let release = ctx.write(move |tx| actions::publish(tx, &registry, edge, &state.release_key)).await?;
        if release.is_some() {
            estate.announce(edge, "")?;
            done += 1;
        }
    }
    let flash = match done {
        0 => "Nothing had changed.".to_owned(),
        done => {
            format!("Deployed to {}. Those in reach take it within seconds.", own::count(done, "gateway"))
        }
    };
    Ok(ctx.redirect(PATH).flash(flash).into_response())
}
