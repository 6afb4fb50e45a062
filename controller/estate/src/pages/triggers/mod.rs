//! Triggers: the list of instances. One instance is in [`page`], binding one to a system in [`bind`], the definitions in
//! [`library`].

mod bind;
mod library;
mod page;
mod replay;
mod trace;

use super::parts as own;
use crate::Estate;
use crate::http::with;
use crate::registry::Registry;
use crate::triggers::routes::{self as api, TriggerLine};
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object, SystemId, Time};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/triggers";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All trigger instances")
        .and(page::routes(estate))
        .and(bind::routes(estate))
        .and(library::routes(estate))
        .and(replay::routes(estate))
}

/// Whether the viewer may bind triggers to systems they see.
pub fn may_bind(ctx: &Ctx) -> Result<bool> {
    let area = Object::area(ctx.workspace()?, "triggers");
    Ok(ctx.read(|tx| ctx.level(tx, &area))? >= Level::Edit)
}

/// Colour and words of a run's outcome.
fn outcome(word: &str) -> Markup {
    match word {
        "activated" => badge(Tone::Info, "Became active"),
        "cleared" => badge(Tone::Good, "Over"),
        "held-back" => badge(Tone::Warn, "Held back"),
        "failed" => badge(Tone::Bad, "Failed"),
        other => badge(Tone::Idle, other),
    }
}

fn state(line: &TriggerLine) -> Markup {
    match &line.last_run {
        _ if !line.instance.enabled => badge(Tone::Idle, "Disabled"),
        None => badge(Tone::Good, "Watching"),
        Some(run) => match run.run.outcome.as_str() {
            "activated" => badge(Tone::Info, "Active"),
            "held-back" => badge(Tone::Warn, "Held back"),
            "failed" => badge(Tone::Bad, "Failed"),
            _ => badge(Tone::Good, "Watching"),
        },
    }
}

/// Instances of a system that the viewer may see.
pub fn of_system(estate: &Estate, ctx: &Ctx, system: SystemId) -> Result<Vec<TriggerLine>> {
    let registry = estate.registry();
    let mut found: Vec<TriggerLine> = ctx.read(|tx| {
        let mut found = Vec::new();
        for instance in registry.triggers.values().filter(|instance| instance.system == system) {
            if ctx.level(tx, &Object::new(Kind::TRIGGER, instance.id))? >= Level::View {
                found.push(api::line(estate, instance));
            }
        }
        Ok::<_, WebError>(found)
    })?;
    found.sort_by(|a, b| a.title.cmp(&b.title));
    Ok(found)
}

/// Instances as a table.
pub fn table(lines: &[TriggerLine], registry: &Registry, now: Time, with_system: bool) -> Markup {
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Trigger" } @if with_system { th scope="col" { "System" } } th scope="col" { "State" } th scope="col" { "Last happened" } } }
            tbody { @for line in lines { tr {
                td data-label="Trigger" { a href={ "/triggers/" (line.instance.id) } { (line.title) } }
                @if with_system { td data-label="System" { span { (own::system_link(registry, line.instance.system)) @if let Some(system) = registry.systems.get(&line.instance.system) { span.muted { " " (own::place(registry, system.zone)) } } } } }
                td data-label="State" { (state(line)) }
                td data-label="Last happened" {
                    @match &line.last_run {
                        Some(run) => span { (outcome(&run.run.outcome)) " " (parts::time(run.at, now)) },
                        None => span.muted { "nothing yet" },
                    }
                }
            } } }
        } }
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&api::SPEC)?;
    let page = api::page_of_lines(&estate, &ctx)?;
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let names = registry.definitions.values().filter(|held| held.workspace == workspace);
    let names = names.map(|held| (held.name.clone(), held.title.clone())).collect();
    if list.format == "csv" {
        let rows = page.items.iter().map(|line| {
            let system = registry.systems.get(&line.instance.system);
            let last = line.last_run.as_ref();
            vec![
                line.title.clone(),
                system.map(|system| system.name.clone()).unwrap_or_default(),
                if line.instance.enabled { "yes" } else { "no" }.to_owned(),
                last.map(|run| run.run.outcome.clone()).unwrap_or_default(),
                last.map(|run| run.at.rfc3339()).unwrap_or_default(),
            ]
        });
        return reply::csv("triggers", &["trigger", "system", "enabled", "last", "at"], rows);
    }
    let may = may_bind(&ctx)?;
    let searched = !list.q.is_empty() || !list.filters.is_empty();
    let body = html! {
        (parts::tabs(&[("In the buildings", PATH.to_owned()), ("Library", library::PATH.to_owned())], PATH))
        (parts::filters(&list, PATH, "Title or system", &[("name", "Trigger", names)]))
        section.card.card--flush id="triggers" data-fresh="15" {
            @if page.items.is_empty() {
                @if searched { (parts::empty("trigger", "Nothing found", "No trigger fits. Change the search or the filter.", Some(("Show all", PATH)))) }
                @else { (parts::empty("trigger", "No triggers yet", "A trigger does something by itself when a condition holds: switch an empty room off, tell somebody that a device is away.", may.then_some(("Bind a trigger", "/triggers/new")))) }
            } @else {
                (table(&page.items, &registry, ctx.now(), true))
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let page = Page::new("Triggers", PATH, body)
        .lead("What happens by itself. Triggers run on the gateway, with or without the controller.");
    let actions = html! { (own::new("Bind a trigger", "/triggers/new")) (own::new("New trigger", "/triggers/library/new")) };
    Ok(ctx.page(if may { page.actions(actions) } else { page }).into_response())
}
