//! Messages on their way out: to whom, what about, what became of each, and another try for those that were given up.

use super::channels::{self, PATH as CHANNELS};
use super::parts as own;
use crate::Estate;
use crate::http::with;
use crate::notify::queries;
use crate::notify::routes::{self as api, SPEC};
use crate::registry::Registry;
use axum::response::{IntoResponse, Response};
use bo_delivery::{Delivery, State};
use bo_model::{Kind, Level, Object, Time};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, reply};
use maud::{Markup, html};
use std::sync::Arc;

pub const PATH: &str = "/deliveries";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::workspace_area("alarms", Level::View), with(estate, list))
        .about("Messages on their way out and what became of them")
        .post("/deliveries/{id}/retry", Need::workspace_area("alarms", Level::Own), with(estate, retry))
        .about("Try a message that was given up once more")
}

/// What became of a message, in a word.
pub fn state(delivery: &Delivery) -> Markup {
    match delivery.state {
        State::Sent => badge(Tone::Good, "Sent"),
        State::Failed => badge(Tone::Bad, "Given up"),
        State::Waiting if delivery.attempts == 0 => badge(Tone::Info, "On its way"),
        State::Waiting => badge(Tone::Warn, "Tries again"),
    }
}

/// What became of a message, with when and why.
pub fn outcome(delivery: &Delivery, now: Time) -> Markup {
    html! { span {
        (state(delivery)) " "
        span.muted {
            @match (delivery.state, delivery.ended_at, delivery.next_at) {
                (State::Waiting, _, Some(next)) if delivery.attempts > 0 => { "tried " (own::count(as_count(delivery.attempts), "time")) ", next " (parts::time(next, now)) }
                (_, Some(ended), _) => { (parts::time(ended, now)) @if delivery.attempts > 1 { ", after " (own::count(as_count(delivery.attempts), "attempt")) } }
                _ => { "queued " (parts::time(delivery.created_at, now)) }
            }
        }
        @if !delivery.error.is_empty() { div.field__help { (own::sentence(&delivery.error)) } }
    } }
}

fn as_count(attempts: i64) -> usize {
    usize::try_from(attempts).unwrap_or_default()
}

/// What a message is about, as a link.
fn about(registry: &Registry, delivery: &Delivery) -> Markup {
    let words = match delivery.subject.as_str() {
        "alarm.raised" => "An alarm began",
        "alarm.cleared" => "An alarm is over",
        "alarm.escalated" => "An alarm nobody has seen to",
        "trigger.notified" => "A trigger's notice",
        "channel.tried" => "A message to try out",
        other => other,
    };
    let Some(object) = &delivery.about else { return html! { (words) } };
    let href = match object.kind() {
        "alarm" | "trigger" | "channel" => format!("/{}s/{}", object.kind(), object.id()),
        _ => String::new(),
    };
    let gone = object.is(Kind::TRIGGER) && own::name_of(registry, object.kind(), object.id()).is_none();
    html! { @if href.is_empty() || gone { (words) } @else { a href=(href) { (words) } } }
}

/// The kind of a channel, for people.
pub fn kind(word: &str) -> &'static str {
    match word {
        "webhook" => "Webhook",
        "mqtt" => "MQTT",
        _ => "Mail",
    }
}

/// Messages as a table; with a button for what may be tried again.
pub fn table(ctx: &Ctx, registry: &Registry, items: &[Delivery], may_retry: bool) -> Markup {
    let now = ctx.now();
    html! {
        div.table-wrap tabindex="0" role="region" aria-label="Messages" { table.table.table--cards {
            thead { tr { th scope="col" { "To" } th scope="col" { "About" } th scope="col" { "What became of it" } th scope="col" { "Queued" } @if may_retry { th scope="col" { span.sr-only { "Try again" } } } } }
            tbody { @for each in items { tr {
                td data-label="To" { span { (each.target) div.field__help { (kind(&each.channel)) } } }
                td data-label="About" { span { (about(registry, each)) } }
                td data-label="What became of it" { (outcome(each, now)) }
                td data-label="Queued" { (parts::time(each.created_at, now)) }
                @if may_retry { td { @if each.can_retry { (retry_button(ctx, each)) } } }
            } } }
        } }
    }
}

/// Messages as lines, beside what they are about.
pub fn list_of(ctx: &Ctx, items: &[Delivery], may_retry: bool) -> Markup {
    html! { ul.feed { @for each in items { li {
        span.feed__head { (each.target) }
        (outcome(each, ctx.now()))
        @if may_retry && each.can_retry { (retry_button(ctx, each)) }
    } } } }
}

fn retry_button(ctx: &Ctx, delivery: &Delivery) -> Markup {
    let csrf = html! { (ctx.csrf()) input type="hidden" name="next" value=(ctx.path()); };
    parts::post_button("Try again", "btn--small", &format!("{PATH}/{}/retry", delivery.id), csrf)
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    let page = api::page(&ctx)?;
    if list.format == "csv" {
        let rows = page.items.iter().map(|each| {
            vec![
                each.created_at.rfc3339(),
                each.channel.clone(),
                each.target.clone(),
                each.subject.clone(),
                each.state.word().to_owned(),
                each.attempts.to_string(),
                each.ended_at.map(Time::rfc3339).unwrap_or_default(),
                each.error.clone(),
            ]
        });
        let header = ["queued", "kind", "to", "about", "state", "attempts", "ended", "error"];
        return reply::csv("messages", &header, rows);
    }
    let (held, level) = ctx.read(|tx| {
        let level = ctx.level(tx, &Object::area(workspace, "alarms"))?;
        Ok::<_, bo_db::DbError>((queries::channels(tx, workspace)?, level))
    })?;
    let states = [("waiting", "On their way"), ("sent", "Sent"), ("failed", "Given up")];
    let states = states.iter().map(|(word, words)| ((*word).to_owned(), (*words).to_owned())).collect();
    let through = held.iter().map(|channel| (channel.object().as_str().to_owned(), channel.name.clone()));
    let choices = [("state", "State", states), ("via", "Channel", through.collect())];
    let searched = !list.q.is_empty() || !list.filters.is_empty();
    let body = html! {
        (channels::tabs(PATH))
        (parts::filters(&list, PATH, "Receiver or words", &choices))
        section.card.card--flush id="deliveries" data-fresh="10" {
            @if page.items.is_empty() {
                @if searched { (parts::empty("bell", "Nothing found", "No message fits. Change the search or the filters.", Some(("Show all", PATH)))) }
                @else { (parts::empty("bell", "No messages yet", "When an alarm begins, everybody that a channel names is told. What was sent to whom then stands here for 90 days.", Some(("Channels", CHANNELS)))) }
            } @else {
                (table(&ctx, &estate.registry(), &page.items, level >= Level::Own))
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let lead = "What was sent to whom. A message that is not taken is tried again for two days, with growing pauses.";
    let page = Page::new("Messages", "/alarms", body).crumb("Alarms", "/alarms").lead(lead);
    Ok(ctx.page(page.actions(html! { a.btn href=(CHANNELS) { (icon("bell")) "Channels" } })).into_response())
}

async fn retry(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    api::retry_message(&ctx).await?;
    let input = ctx.form()?;
    let next = if input.text("next").is_empty() { PATH } else { input.text("next") };
    Ok(ctx.redirect(next).flash("It is tried again now.").into_response())
}
