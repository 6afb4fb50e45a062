//! Alarms: the list, and the strip other pages show.

mod acknowledge;
mod page;

use super::parts as own;
use crate::Estate;
use crate::alarms::Alarm;
use crate::alarms::routes::{self as api, SPEC};
use crate::http::with;
use crate::registry::Registry;
use axum::response::{IntoResponse, Response};
use bo_model::{Level, Object, SystemId, Time};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/alarms";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("Alarms that need somebody, and past ones")
        .get("/alarms/{id}", Need::signed_in(), with(estate, page::show))
        .about("An alarm and its life")
        .post("/alarms/acknowledge", Need::signed_in(), with(estate, acknowledge::many))
        .about("Acknowledge the chosen alarms")
        .post("/alarms/{id}/acknowledge", Need::signed_in(), with(estate, acknowledge::one))
        .about("Acknowledge an alarm with a comment")
        .post("/alarms/{id}/assign", Need::signed_in(), with(estate, page::assign))
        .about("Take an alarm, or give it back")
        .post("/alarms/{id}/notes", Need::signed_in(), with(estate, page::note))
        .about("Write a note beside an alarm")
}

/// Whether an alarm belongs to a system or one of its devices.
pub fn is_of_system(registry: &Registry, alarm: &Alarm, system: SystemId) -> bool {
    alarm.system == Some(system)
        || alarm
            .device
            .and_then(|id| registry.devices.get(&id))
            .is_some_and(|entry| entry.device.system == system)
}

/// Open alarms the viewer may see: unacknowledged and severe ones first, then the newest.
pub fn open_of(estate: &Estate, ctx: &Ctx, wanted: impl Fn(&Alarm) -> bool + Sync) -> Result<Vec<Alarm>> {
    let workspace = ctx.workspace()?;
    let mut open: Vec<Alarm> = ctx.read(|tx| {
        let mut seen = Vec::new();
        for alarm in estate.alarms.changes(0) {
            let is_wanted = alarm.workspace == workspace && alarm.is_open() && wanted(&alarm);
            if is_wanted && ctx.level(tx, &alarm.subject())? >= Level::View {
                seen.push(alarm);
            }
        }
        Ok::<_, WebError>(seen)
    })?;
    open.sort_by_key(|alarm| {
        (alarm.acknowledged, !alarm.active, rank(&alarm.severity), std::cmp::Reverse(alarm.raised_at))
    });
    Ok(open)
}

fn rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    }
}

/// Where an alarm comes from.
fn subject(registry: &Registry, alarm: &Alarm) -> Markup {
    match (alarm.device, alarm.system, alarm.edge) {
        (Some(device), ..) => own::device_link(registry, device),
        (None, Some(system), _) => own::system_link(registry, system),
        (None, None, Some(edge)) => own::edge_link(registry, edge),
        _ => html! { span.muted { "the installation" } },
    }
}

fn state(alarm: &Alarm) -> Markup {
    match (alarm.active, alarm.acknowledged) {
        (true, false) => badge(Tone::Bad, "Active"),
        (true, true) => badge(Tone::Warn, "Active, seen to"),
        (false, false) => badge(Tone::Info, "Over, not seen to"),
        (false, true) => badge(Tone::Idle, "Over"),
    }
}

/// Open alarms as lines, each with its button.
pub fn rows(estate: &Estate, ctx: &Ctx, alarms: &[Alarm]) -> Markup {
    let registry = estate.registry();
    html! {
        ul.feed { @for alarm in alarms { li.alarm-line {
            span.feed__head { (own::severity(&alarm.severity)) a href={ "/alarms/" (alarm.id) } { (alarm.text) } }
            span.muted { (subject(&registry, alarm)) ", " (parts::time(alarm.raised_at, ctx.now()))
                @if !alarm.active { ", over by itself" }
                @if let Some(name) = &alarm.assignee_name { ", " (name) " sees to it" }
                @else if let Some(by) = &alarm.acknowledged_by { ", acknowledged by " (by) }
                @if alarm.muted { ", during maintenance" } }
            @if !alarm.acknowledged { (button(ctx, alarm)) }
        } } }
    }
}

fn button(ctx: &Ctx, alarm: &Alarm) -> Markup {
    let csrf = html! { (ctx.csrf()) input type="hidden" name="next" value=(ctx.path()); };
    html! { div.alarm-line__do { (parts::post_button("Acknowledge", "btn--small", &format!("/alarms/{}/acknowledge", alarm.id), csrf)) } }
}

/// Active alarms of the place a page is about; nothing when there are none.
pub fn strip(estate: &Estate, ctx: &Ctx, open: &[Alarm]) -> Markup {
    let active: Vec<Alarm> = open.iter().filter(|alarm| alarm.active).cloned().collect();
    html! {
        @if !active.is_empty() {
            section.card.card--flush.card--alarm aria-label="Alarms" {
                (rows(estate, ctx, &active[..active.len().min(3)]))
                @if active.len() > 3 { p.card__foot { a href="/alarms?state=active" { "and " (active.len() - 3) " more" } } }
            }
        }
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    let page = api::page(&ctx)?;
    let (registry, now) = (estate.registry(), ctx.now());
    if list.format == "csv" {
        let when = |at: Option<Time>| at.map(Time::rfc3339).unwrap_or_default();
        let rows = page.items.iter().map(|alarm| {
            vec![
                alarm.raised_at.rfc3339(),
                when(alarm.cleared_at),
                alarm.severity.clone(),
                alarm.text.clone(),
                when(alarm.acknowledged_at),
                alarm.acknowledged_by.clone().unwrap_or_default(),
                alarm.comment.clone(),
            ]
        });
        let header = ["raised", "cleared", "severity", "text", "acknowledged", "by", "comment"];
        return reply::csv("alarms", &header, rows);
    }
    let current = list.filter("state").unwrap_or("open");
    let tab = |state: &str| if state == "open" { PATH.to_owned() } else { format!("{PATH}?state={state}") };
    let tabs = [("Need somebody", tab("open")), ("Active", tab("active")), ("History", tab("all"))];
    let severities = [("critical", "Critical"), ("warning", "Warning"), ("info", "Info")];
    let severities = severities.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let to_choose = page.items.iter().any(|alarm| !alarm.acknowledged);
    let body = html! {
        (parts::tabs(&tabs, &tab(if current == "closed" { "all" } else { current })))
        (parts::filters(&list, PATH, "Words of the alarm", &[("severity", "Severity", severities), ("zone", "Place", super::zones::choices(&registry, ctx.workspace()?))]))
        section.card.card--flush id="alarms" data-fresh="alarms" {
            @if page.items.is_empty() {
                @if current == "open" { (parts::empty("check", "Nothing needs you", "No alarm is active and none waits for somebody. What was is in the history.", Some(("History", "/alarms?state=all")))) }
                @else { (parts::empty("alarm", "No alarms here", "No alarm fits. Change the search or the filters.", None)) }
            } @else {
                form action="/alarms/acknowledge" method="post" {
                    (ctx.csrf())
                    input type="hidden" name="next" value=(list.href(PATH, &[]));
                    div.table-wrap { table.table.table--cards.table--rows data-rows="" {
                        thead { tr {
                            th.choose scope="col" { @if to_choose { input type="checkbox" data-choose-all="" aria-label="Choose all"; } } (parts::heading(&list, PATH, "Severity", Some("severity"))) th scope="col" { "Alarm" } th scope="col" { "Where" }
                            (parts::heading(&list, PATH, "Since", Some("raised"))) th scope="col" { "State" }
                        } }
                        tbody { @for alarm in &page.items { tr.severity class={ "severity--" (alarm.severity) } data-over[!alarm.active] {
                            td.choose { @if !alarm.acknowledged { input type="checkbox" name="alarm" value=(alarm.id) aria-label={ "Choose: " (alarm.text) }; } }
                            td data-label="Severity" { (own::severity(&alarm.severity)) }
                            td data-label="Alarm" { a href={ "/alarms/" (alarm.id) } { (alarm.text) } }
                            td data-label="Where" { span { (subject(&registry, alarm)) } }
                            td data-label="Since" { (parts::time(alarm.raised_at, now)) }
                            td data-label="State" { span { (state(alarm))
                                @if alarm.muted { " " (badge(Tone::Idle, "Maintenance")) }
                                @if let Some(name) = &alarm.assignee_name { div.field__help { (name) " sees to it" } }
                                @if let Some(by) = &alarm.acknowledged_by { div.field__help { "Acknowledged by " (by) @if !alarm.comment.is_empty() { ": " (alarm.comment) } } } } }
                        } } }
                    } }
                    @if to_choose {
                        div.bulk {
                            span.muted data-chosen="" aria-live="polite" {}
                            label.sr-only for="bulk-comment" { "Comment" }
                            input #bulk-comment name="comment" maxlength="1000" placeholder="What is being done (optional)" autocomplete="off";
                            button.btn.btn--primary type="submit" data-key="a" data-needs-choice="" { (icon("check")) "Acknowledge" }
                            p.bulk__keys { kbd { "↓" } kbd { "↑" } " move, " kbd { "x" } " choose, " kbd { "a" } " acknowledge, " kbd { "Enter" } " open" }
                        }
                    }
                }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let area = Object::area(ctx.workspace()?, "alarms");
    let told = ctx.read(|tx| ctx.level(tx, &area))? >= Level::View;
    let actions = html! {
        @if told { a.btn href="/channels" { (icon("bell")) "Who is told" } }
        a.btn href="/maintenance" { (icon("clock")) "Maintenance" }
    };
    Ok(ctx.page(Page::new("Alarms", PATH, body).actions(actions).lead("Conditions that need somebody. Acknowledging says that you see to it; an alarm is over when its condition is.")).into_response())
}
