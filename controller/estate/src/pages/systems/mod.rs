//! Systems: the list. One system is in [`page`], making and changing it in [`edit`].

mod edit;
pub mod page;

use super::{forms, parts as own};
use crate::Estate;
use crate::http::with;
use crate::registry::Registry;
use crate::systems::routes::{self as api, SPEC};
use axum::response::{IntoResponse, Response};
use bo_model::SystemId;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Need, Page, Result, Routes, reply};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::sync::Arc;

const PATH: &str = "/systems";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All systems")
        .and(page::routes(estate))
        .and(edit::routes(estate))
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    let page = api::page_of_lines(&estate, &ctx)?;
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    if list.format == "csv" {
        let header = ["name", "key", "zone", "devices", "not answering", "alarms", "tags"];
        let rows = page.items.into_iter().map(|line| {
            let counts = [line.devices, line.unwell, line.alarms].map(|count| count.to_string());
            let [devices, unwell, alarms] = counts;
            vec![line.name, line.key, line.zone.name, devices, unwell, alarms, line.tags.join(" ")]
        });
        return reply::csv("systems", &header, rows);
    }
    let tags: BTreeSet<&String> = registry
        .systems
        .values()
        .filter(|system| system.workspace == workspace)
        .flat_map(|system| &system.tags)
        .collect();
    let tags = tags.into_iter().map(|tag| (tag.clone(), own::humane(tag))).collect();
    let builds = forms::builds(&ctx, &registry)?;
    let searched = !list.q.is_empty() || !list.filters.is_empty();
    let body = html! {
        (parts::filters(&list, PATH, "Name or tag", &[
            ("zone", "Place", super::zones::choices(&registry, workspace)), ("tag", "Tag", tags),
        ]))
        section.card.card--flush {
            @if page.items.is_empty() {
                @if searched { (parts::empty("system", "Nothing found", "No system fits. Change the search or the filters.", Some(("Show all", PATH)))) }
                @else if builds { (parts::empty("system", "No systems yet", "A system is a room, a plant or anything whose devices work as one.", Some(("New system", "/systems/new")))) }
                @else { (parts::empty("system", "No systems here", "Nothing is shared with you yet. Whoever administers this workspace can give you access.", None)) }
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(&list, PATH, "System", Some("name"))) (parts::heading(&list, PATH, "Where", Some("zone")))
                        (parts::heading(&list, PATH, "Shows", None)) (parts::heading(&list, PATH, "State", None))
                    } }
                    tbody { @for line in &page.items { tr {
                        td data-label="System" { span { a href={ "/systems/" (line.id) } { (line.name) } " " (own::tags(&line.tags)) } }
                        td data-label="Where" { span { a href={ "/zones/" (line.zone.id) } { (own::place(&registry, line.zone.id)) } } }
                        td data-label="Shows" { (headline(&estate, &registry, line.id)) }
                        td data-label="State" { span.row {
                            @if line.alarms > 0 { (parts::badge(Tone::Warn, &own::count(line.alarms, "alarm"))) }
                            @if line.unwell > 0 { (parts::badge(Tone::Bad, &format!("{} of {} not answering", line.unwell, line.devices))) }
                            @if line.alarms == 0 && line.unwell == 0 { (parts::badge(Tone::Good, "All well")) }
                        } }
                    } } }
                } }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let page =
        Page::new("Systems", PATH, body).lead("Rooms, plants and everything else whose devices work as one.");
    let page = if builds { page.actions(own::new("New system", "/systems/new")) } else { page };
    Ok(ctx.page(page).into_response())
}

/// What a system shows in one line: the values people ask for first, of whichever devices have them.
pub fn headline(estate: &Estate, registry: &Registry, id: SystemId) -> Markup {
    const WANTED: [&str; 4] = ["temperature", "people", "co2", "power"];
    let mut shown = Vec::new();
    for wanted in WANTED {
        let found = registry.devices_in(id).iter().find_map(|device| {
            let live = crate::live::view::one(estate, registry, *device, wanted)?;
            live.value.data.number().is_some().then_some((*device, live))
        });
        if let Some((device, live)) = found.filter(|_| shown.len() < 3) {
            let declared = registry.devices.get(&device).and_then(|entry| entry.driver.as_ref());
            let declared = declared.and_then(|driver| driver.manifest.status.get(wanted));
            let title = declared.map_or_else(|| own::humane(wanted), |status| status.field.title.clone());
            shown.push((device, wanted, title, live));
        }
    }
    html! {
        span.row { @for (device, name, title, live) in &shown {
            span.brief { span.brief__title { (title) } (own::live(*device, name, Some(live))) }
        } }
    }
}
