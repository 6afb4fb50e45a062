//! Gateways: the fleet. One gateway is in [`page`], making and changing it in [`edit`], its links in [`links`].

mod edit;
mod link_form;
mod links;
mod page;

use super::parts as own;
use crate::Estate;
use crate::edges::routes::{self as api, EdgeLine, SPEC, state_word};
use crate::http::with;
use axum::response::{IntoResponse, Response};
use bo_model::{Level, Object, Time};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, reply};
pub use links::link_words;
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/edges";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All gateways and how they are")
        .and(page::routes(estate))
        .and(edit::routes(estate))
        .and(links::routes(estate))
}

fn state(line: &EdgeLine) -> Markup {
    match state_word(line) {
        "online" => badge(Tone::Good, "Online"),
        "offline" => badge(Tone::Bad, "Not answering"),
        "revoked" => badge(Tone::Idle, "Revoked"),
        _ => badge(Tone::Info, "Not set up yet"),
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    let page = api::page_of_lines(&estate, &ctx)?;
    let now = ctx.now();
    if list.format == "csv" {
        let rows = page.items.iter().map(|line| {
            vec![
                line.name.clone(),
                line.zone.name.clone(),
                state_word(line).into(),
                line.presence.proved_at.map(Time::rfc3339).unwrap_or_default(),
                line.presence.agent.clone(),
                line.presence.backlog.to_string(),
                line.devices.to_string(),
                line.unwell.to_string(),
            ]
        });
        let header = [
            "name",
            "zone",
            "state",
            "last answered",
            "version",
            "records waiting",
            "devices",
            "not answering",
        ];
        return reply::csv("gateways", &header, rows);
    }
    let states = [
        ("online", "Online"),
        ("offline", "Not answering"),
        ("new", "Waits for enrolment"),
        ("revoked", "Revoked"),
    ];
    let states = states.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let searched = !list.q.is_empty() || !list.filters.is_empty();
    let may = ctx
        .read(|tx| ctx.level(tx, &Object::area(ctx.workspace()?, "edges")).map_err(bo_web::WebError::from))?
        >= Level::Own;
    let body = html! {
        (parts::filters(&list, PATH, "Name of the gateway", &[("state", "State", states)]))
        section.card.card--flush id="edges" data-fresh="edges" {
            @if page.items.is_empty() {
                @if searched { (parts::empty("edge", "Nothing found", "No gateway fits. Change the search or the filter.", Some(("Show all", PATH)))) }
                @else { (parts::empty("edge", "No gateways yet", "A gateway is a small machine that runs a building. Make it here, then let the machine in with a one-time code.", may.then_some(("New gateway", "/edges/new")))) }
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(&list, PATH, "Gateway", Some("name"))) (parts::heading(&list, PATH, "State", Some("state"))) th scope="col" { "Last answered" }
                        th scope="col" { "Devices" } th scope="col" { "Records waiting" } th scope="col" { "Release" } th scope="col" { "Version" }
                    } }
                    tbody { @for line in &page.items { tr {
                        td data-label="Gateway" { span { a href={ "/edges/" (line.id) } { (line.name) } div.field__help { (line.zone.name) } } }
                        td data-label="State" { span { (state(line)) @if let Some(since) = line.presence.since { div.field__help { "since " (parts::time(since, now)) } } } }
                        td data-label="Last answered" { (parts::time_or(line.presence.proved_at, now, "never")) }
                        td data-label="Devices" { span.row { (line.devices) @if line.unwell > 0 { (badge(Tone::Bad, &format!("{} not answering", line.unwell))) } } }
                        td data-label="Records waiting" { (line.presence.backlog) }
                        td data-label="Release" { (release_state(line)) }
                        td data-label="Version" { @if line.presence.agent.is_empty() { span.muted { "–" } } @else { (line.presence.agent) } }
                    } } }
                } }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let lead = "The machines that run the buildings, with or without this controller in reach.";
    let page = Page::new("Gateways", PATH, body).lead(lead);
    Ok(ctx.page(if may { page.actions(own::new("New gateway", "/edges/new")) } else { page }).into_response())
}

fn release_state(line: &EdgeLine) -> Markup {
    match line.up_to_date {
        Some(true) => badge(Tone::Good, "Newest"),
        Some(false) => badge(Tone::Warn, "Older one runs"),
        None => html! { span.muted { "none yet" } },
    }
}
