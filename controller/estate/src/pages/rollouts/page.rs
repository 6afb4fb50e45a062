//! One rollout: its rings, how far each gateway is, how long it is still watched, and what can be done with it.

use super::super::{forms, parts as own, releases};
use super::{PATH, stage};
use crate::Estate;
use crate::http::with;
use crate::rollouts::actions::{approve, pause, stop};
use crate::rollouts::routes::{GatewayPart, RolloutView, view};
use crate::rollouts::{Part, Rollout, RolloutId, Stage};
use axum::response::Response;
use bo_model::Time;
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/rollouts/{id}", Need::signed_in(), with(estate, show))
        .about("A rollout: its rings and how far each gateway is")
        .post("/rollouts/{id}/approve", Need::signed_in(), with(estate, approved))
        .about("Approve a rollout")
        .post("/rollouts/{id}/pause", Need::signed_in(), with(estate, halted))
        .about("Halt a rollout")
        .post("/rollouts/{id}/resume", Need::signed_in(), with(estate, resumed))
        .about("Let a halted rollout go on")
        .post("/rollouts/{id}/stop", Need::signed_in(), with(estate, stopped))
        .about("End a rollout where it is")
        .post("/rollouts/{id}/revert", Need::signed_in(), with(estate, reverted))
        .about("End a rollout and take back what it released")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &Input::default())
}

/// How far a gateway is, in a word.
fn how_far(part: Part) -> Markup {
    match part {
        Part::Waiting => badge(Tone::Idle, "Its turn comes"),
        Part::Unchanged => badge(Tone::Idle, "Nothing to change"),
        Part::Taking => badge(Tone::Info, "Released, not running it yet"),
        Part::Well => badge(Tone::Good, "Runs it, as well as before"),
        Part::Worse { more } => {
            badge(Tone::Bad, &format!("{more} more {} not well", own::plural("device", more)))
        }
    }
}

/// How a ring stands: released or not, and how long it is still watched.
fn ring_state(rollout: &Rollout, ring: usize, now: Time) -> Markup {
    let current = ring == rollout.ring;
    match (rollout.state, rollout.ring_at) {
        (Stage::Proposed, _) => html! {},
        _ if ring < rollout.ring => badge(Tone::Good, "Done"),
        (Stage::Done, _) => badge(Tone::Good, "Done"),
        _ if !current => badge(Tone::Idle, "Waits"),
        (_, None) => badge(Tone::Info, "Is released now"),
        (Stage::Running, Some(since)) => watched(rollout, since, now),
        (_, Some(_)) => badge(Tone::Idle, "Was released"),
    }
}

fn watched(rollout: &Rollout, since: Time, now: Time) -> Markup {
    let gone = (now.since(since).as_secs() as i64).min(rollout.watch_seconds);
    let words = format!("{} of {}", seconds(gone), seconds(rollout.watch_seconds));
    html! { span.row {
        span.muted { "watched for " (words) }
        progress max=(rollout.watch_seconds) value=(gone) aria-label={ "Watched for " (words) } {}
    } }
}

fn seconds(count: i64) -> String {
    if count < 60 { format!("{count} s") } else { own::minutes(count / 60) }
}

fn ring_card(view: &RolloutView, ring: usize, now: Time) -> Markup {
    let rollout = &view.rollout;
    let members = rollout.rings.get(ring).cloned().unwrap_or_default();
    let rows: Vec<&GatewayPart> = view.plans.iter().filter(|each| members.contains(&each.edge.id)).collect();
    let gone = members.len() - rows.len();
    own::flush(
        &format!("Ring {}", ring + 1),
        ring_state(rollout, ring, now),
        html! {
            ul.feed { @for each in rows { li {
                span.feed__head { a href={ "/edges/" (each.edge.id) } { (each.edge.name) } (how_far(each.part)) }
                @if let Some(published) = rollout.published.get(&each.edge.id) { span.muted { "Release " (published.number) } }
                @if rollout.state.is_under_way() && each.part == Part::Waiting { details { summary { (each.plan.diff.summary()) } (releases::changes(&each.plan)) } }
            } } }
            @if gone > 0 { p.card__foot { span.muted { (own::count(gone, "gateway")) " of this ring no longer there" } } }
        },
    )
}

/// What happened and what comes, in a sentence.
fn verdict(rollout: &Rollout) -> Markup {
    let say = |class: &str, symbol: &str, head: &str, text: String| {
        html! { p class={ "verdict" (class) } role="status" { (icon(symbol)) strong { (head) } span { (text) } } }
    };
    match rollout.state {
        Stage::Proposed => say(" verdict--info", "release", "Nothing was sent yet.", "Look at what would change. Approving it releases the first ring.".into()),
        Stage::Running => say(" verdict--info", "release", "Under way.", format!("Each ring is watched for {}; when devices get worse, everything goes back by itself.", seconds(rollout.watch_seconds))),
        Stage::Paused => say(" verdict--warn", "clock", "Halted.", "What was released stays; nothing more is released and nothing goes back by itself until it goes on.".into()),
        Stage::Done => say("", "check", "Everywhere.", "All rings run it and were well.".into()),
        Stage::Stopped => say(" verdict--warn", "info", "Stopped.", own::sentence(&rollout.why)),
        Stage::Reverted => say(" verdict--bad", "warning", "Taken back.", format!("{} Every gateway has what it had before.", own::sentence(&rollout.why))),
    }
}

fn render(estate: &Estate, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (view, now) = (view(estate, ctx)?, ctx.now());
    let rollout = &view.rollout;
    let who = |name: &str, at: Time| html! { (name) ", " (parts::time(at, now)) };
    let facts = [
        ("Proposed", who(&rollout.made_by, rollout.made_at)),
        (
            "Approved",
            match (&rollout.approved_by, rollout.approved_at) {
                (Some(by), Some(at)) => who(by, at),
                _ => html! { span.muted { "not yet" } },
            },
        ),
        ("Watched", html! { (seconds(rollout.watch_seconds)) " a ring" }),
    ];
    let body = html! {
        div.stack {
            (bo_web::layout::form::problems(input))
            div id="rollout-verdict" data-fresh="5" { (verdict(rollout)) }
            div.split {
                div.stack id="rollout-rings" data-fresh="5" { @for ring in 0..rollout.rings.len() { (ring_card(&view, ring, now)) } }
                div.stack {
                    (own::card("About", own::none(), parts::facts(&facts)))
                    @if view.may { div id="rollout-actions" data-fresh="5" { (actions(ctx, rollout)) } }
                }
            }
        }
    };
    let page = Page::new(rollout.title.clone(), releases::PATH, body).crumb("Releases", releases::PATH);
    Ok(ctx.page(page.crumb("Rollouts", PATH).state(stage(rollout.state))))
}

/// What can be done with it now.
fn actions(ctx: &Ctx, rollout: &Rollout) -> Markup {
    let to = |what: &str| format!("{PATH}/{}/{what}", rollout.id);
    let button =
        |label: &str, class: &str, what: &str| parts::post_button(label, class, &to(what), ctx.csrf());
    let released = !rollout.published.is_empty();
    let can_revert = released && rollout.state != Stage::Reverted;
    html! {
        @if rollout.state.is_under_way() || can_revert { (own::card("Carry on", own::none(), html! {
            div.stack {
                @match rollout.state {
                    Stage::Proposed => (button("Approve and begin", "btn--primary", "approve")),
                    Stage::Running => (button("Halt", "", "pause")),
                    Stage::Paused => (button("Go on", "btn--primary", "resume")),
                    _ => {}
                }
                @if rollout.state.is_under_way() {
                    (parts::confirm(if released { "Stop here" } else { "Withdraw" }, "It ends and can't go on.", html! { p { @if released { "What was released stays." } @else { "Nothing was released." } } }, &to("stop"), ctx.csrf()))
                }
                @if can_revert {
                    (parts::confirm("Take it back", "Every gateway it reached gets back what it had before.", html! { p { (own::count(rollout.published.len(), "gateway")) " changed. The change stays configured here and waits to be deployed again." } }, &to("revert"), ctx.csrf()))
                }
            }
        })) }
    }
}

async fn approved(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let outcome = approve(&estate, &ctx, ctx.param("id")?).await;
    answer(&estate, &ctx, outcome, "Approved. The first ring is released within seconds.")
}

async fn halted(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let outcome = pause(&estate, &ctx, ctx.param("id")?, true).await;
    answer(&estate, &ctx, outcome, "Halted.")
}

async fn resumed(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let outcome = pause(&estate, &ctx, ctx.param("id")?, false).await;
    answer(&estate, &ctx, outcome, "It goes on; the ring is watched anew.")
}

async fn stopped(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let outcome = stop(&estate, &ctx, ctx.param("id")?, false).await;
    answer(&estate, &ctx, outcome, "Stopped.")
}

async fn reverted(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let outcome = stop(&estate, &ctx, ctx.param("id")?, true).await;
    answer(&estate, &ctx, outcome, "Taken back: gateways get what they had before.")
}

fn answer(estate: &Estate, ctx: &Ctx, outcome: Result<Rollout>, words: &str) -> Result<Response> {
    let id: RolloutId = ctx.param("id")?;
    let onward = outcome.map(|_| Redirect::to(format!("{PATH}/{id}")).flash(words));
    forms::answer(onward, Input::default(), |input| render(estate, ctx, input))
}
