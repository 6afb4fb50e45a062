//! Rollouts: changes of many gateways, ring by ring. The list and the form of a new one; one rollout is in [`page`].

mod page;

use super::releases::{self, Waiting, waiting};
use super::{forms, parts as own};
use crate::Estate;
use crate::http::with;
use crate::rollouts::actions::{Proposal, propose};
use crate::rollouts::routes as api;
use crate::rollouts::{Rollout, Stage};
use axum::response::Response;
use bo_model::{EdgeId, Level};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/rollouts";
/// Rings that the form offers.
const RINGS: usize = 5;
const WATCH: [(&str, &str); 6] = [
    ("1min", "1 minute"),
    ("10min", "10 minutes"),
    ("30min", "30 minutes"),
    ("2h", "2 hours"),
    ("12h", "12 hours"),
    ("1d", "1 day"),
];

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("Changes of many gateways, ring by ring")
        .get("/rollouts/new", Need::signed_in(), with(estate, new))
        .about("The form for a new rollout")
        .post("/rollouts/new", Need::signed_in(), with(estate, create))
        .about("Propose a rollout")
        .and(page::routes(estate))
}

/// What belongs together: what waits, and what is on its way ring by ring.
pub fn tabs(current: &str) -> Markup {
    parts::tabs(&[("What waits", releases::PATH.to_owned()), ("Rollouts", PATH.to_owned())], current)
}

/// How far a rollout came, in a word.
fn stage(stage: Stage) -> Markup {
    match stage {
        Stage::Proposed => badge(Tone::Info, "Waits for approval"),
        Stage::Running => badge(Tone::Info, "Under way"),
        Stage::Paused => badge(Tone::Warn, "Halted"),
        Stage::Done => badge(Tone::Good, "Everywhere"),
        Stage::Stopped => badge(Tone::Idle, "Stopped"),
        Stage::Reverted => badge(Tone::Bad, "Taken back"),
    }
}

/// `ring 2 of 3`.
fn reached(rollout: &Rollout) -> String {
    match rollout.state {
        Stage::Proposed => format!("{} of {}", own::count(rollout.rings.len(), "ring"), gateways(rollout)),
        _ => format!("ring {} of {}, {}", rollout.ring + 1, rollout.rings.len(), gateways(rollout)),
    }
}

fn gateways(rollout: &Rollout) -> String {
    own::count(rollout.rings.iter().flatten().count(), "gateway")
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (all, now) = (api::visible(&estate, &ctx)?, ctx.now());
    let body = html! {
        (tabs(PATH))
        section.card.card--flush id="rollouts" data-fresh="5" {
            @if all.is_empty() {
                (parts::empty("release", "No rollouts yet", "Deploying to all buildings at once is quick; a rollout is careful: a first ring gets the change, is watched, and only when its devices are as well as before does the next one follow.", Some(("New rollout", "/rollouts/new"))))
            } @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "What changes" } th scope="col" { "State" } th scope="col" { "How far" } th scope="col" { "Proposed" } th scope="col" { "Approved" } } }
                tbody { @for each in &all { tr {
                    td data-label="What changes" { a href={ (PATH) "/" (each.id) } { (each.title) } }
                    td data-label="State" { span { (stage(each.state)) @if !each.why.is_empty() { div.field__help { (own::sentence(&each.why)) } } } }
                    td data-label="How far" { (reached(each)) }
                    td data-label="Proposed" { span { (parts::time(each.made_at, now)) " by " (each.made_by) } }
                    td data-label="Approved" { @match (&each.approved_by, each.approved_at) { (Some(by), Some(at)) => span { (parts::time(at, now)) " by " (by) }, _ => span.muted { "not yet" } } }
                } } }
            } } }
        }
    };
    let lead =
        "A change of many buildings, a few at a time: each ring is watched before the next one follows.";
    let page = Page::new("Rollouts", releases::PATH, body).crumb("Releases", releases::PATH).lead(lead);
    Ok(ctx.page(page.actions(own::new("New rollout", "/rollouts/new"))))
}

fn ring_field(edge: EdgeId) -> String {
    format!("ring.{edge}")
}

/// Gateways that have changes and that the viewer may change.
fn candidates(estate: &Estate, ctx: &Ctx) -> Result<Vec<Waiting>> {
    let mut found = waiting(estate, ctx)?;
    found.retain(|each| !each.plan.diff.is_empty() && each.level >= Level::Edit);
    Ok(found)
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let found = candidates(&estate, &ctx)?;
    let mut stored = vec![("watch".to_owned(), "10min".to_owned())];
    // One goes first and shows whether it is good; the others follow.
    let rings = found.iter().enumerate();
    stored.extend(
        rings.map(|(place, each)| (ring_field(each.edge.id), if place == 0 { "1" } else { "2" }.to_owned())),
    );
    render_new(&ctx, &found, &Input::filled(stored))
}

fn render_new(ctx: &Ctx, found: &[Waiting], input: &Input) -> Result<Markup> {
    let mut rings: forms::Options = vec![(String::new(), "Not this time".into())];
    rings.extend((1..=RINGS).map(|ring| (ring.to_string(), format!("Ring {ring}"))));
    let watch: forms::Options = WATCH.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let fields = html! {
        (form::text("title", "What changes", "For whoever approves it and looks back: New night set-back.", "text", true, input))
        (form::select("watch", "Each ring is watched for", "The next one follows when its gateways run the change and as many devices are well as before. Otherwise everything goes back.", &watch, input))
        @if let Some(error) = input.error("rings") { (parts::notice(Tone::Bad, html! { p { "Gateways: " (error) "." } })) }
        fieldset.rings {
            legend { "Gateways" }
            @for each in found { div.rings__row {
                (form::select(&ring_field(each.edge.id), &each.edge.name, &each.plan.diff.summary(), &rings, input))
                details { summary { "What would change" } (releases::changes(&each.plan)) }
            } }
        }
    };
    let body = html! {
        @if found.is_empty() { section.card { (parts::empty("check", "Nothing waits", "Every gateway you may change has what is configured. Change something first, then roll it out.", Some(("Releases", releases::PATH)))) } }
        @else { (forms::whole(ctx, "/rollouts/new", input, fields, "Propose", PATH)) }
    };
    let page = Page::new("New rollout", releases::PATH, body)
        .crumb("Releases", releases::PATH)
        .crumb("Rollouts", PATH);
    Ok(ctx.page(page.lead("Nothing is sent yet: a proposal is looked at and approved first.")))
}

/// The form's rings, without those that are empty.
fn read(found: &[Waiting], input: &Input) -> Result<Proposal> {
    let mut rings = vec![Vec::new(); RINGS];
    for each in found {
        let chosen = input.text(&ring_field(each.edge.id));
        if chosen.is_empty() {
            continue;
        }
        let ring = chosen.parse::<usize>().ok().and_then(|ring| rings.get_mut(ring.checked_sub(1)?));
        ring.ok_or_else(|| WebError::field("rings", "must be one of the choices"))?.push(each.edge.id);
    }
    rings.retain(|ring| !ring.is_empty());
    if rings.is_empty() {
        return Err(WebError::field("rings", "choose a ring for at least one"));
    }
    let watch = forms::given(input, "watch");
    Ok(Proposal { title: input.text("title").to_owned(), rings, watch })
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (input, found) = (ctx.form()?, candidates(&estate, &ctx)?);
    let outcome = match read(&found, &input) {
        Ok(proposal) => propose(&estate, &ctx, proposal).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|made| {
        Redirect::to(format!("{PATH}/{}", made.id))
            .flash("Proposed. Look at what would change, then approve it.")
    });
    forms::answer(outcome, input, |input| render_new(&ctx, &found, input))
}
