//! Systems: the list, and a system with its devices, triggers, alarms and settings.

use super::{alarms, devices, parts as own, settings, triggers};
use crate::Estate;
use crate::http::{may, with};
use crate::registry::{DeviceEntry, Registry};
use crate::systems::System;
use crate::systems::routes::{self as api, SPEC};
use axum::response::{IntoResponse, Response};
use bo_model::driver::Kind as DriverKind;
use bo_model::{Kind, Level, SystemId};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::sync::Arc;

const PATH: &str = "/systems";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::object(Kind::SYSTEM, "id", Level::View);
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All systems")
        .get("/systems/{id}", view, with(estate, show))
        .about("A system: devices, triggers, alarms, settings")
        .get("/systems/{id}/peek", view, with(estate, peek))
        .about("A system in short, as a piece of a page")
        .post("/systems/{id}/name", Need::object(Kind::SYSTEM, "id", Level::Own), with(estate, rename))
        .about("Rename a system and set its words")
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
    let body = html! {
        (parts::filters(&list, PATH, "Name or word", &[
            ("zone", "Place", super::zones::choices(&registry, workspace)), ("tag", "Word", tags),
        ]))
        section.card.card--flush {
            @if page.items.is_empty() {
                (parts::empty("system", "No systems here", "A system is a room, a plant or anything whose devices work as one. No system fits; change the search, or import an estate with `backoffice import`.", None))
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
    let lead = "Rooms, plants and everything else whose devices work as one.";
    Ok(ctx.page(Page::new("Systems", PATH, body).lead(lead)).into_response())
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

/// Devices of a system the viewer may see, with the level they have on each.
fn seen(ctx: &Ctx, registry: &Registry, id: SystemId) -> Result<Vec<(Arc<DeviceEntry>, Level)>> {
    ctx.read(|tx| {
        let mut found = Vec::new();
        for entry in registry.devices_in(id).iter().filter_map(|device| registry.devices.get(device)) {
            let level = ctx.level(tx, &bo_model::Object::new(Kind::DEVICE, entry.device.id))?;
            if level >= Level::View {
                found.push((entry.clone(), level));
            }
        }
        Ok::<_, WebError>(found)
    })
}

/// The device that stands for the whole system, when there is one: it is switched with `on` and `off`.
fn whole(devices: &[(Arc<DeviceEntry>, Level)]) -> Option<&(Arc<DeviceEntry>, Level)> {
    devices.iter().find(|(entry, _)| {
        entry.driver.as_ref().is_some_and(|driver| {
            let commands = &driver.manifest.commands;
            driver.manifest.driver.kind == DriverKind::Logic
                && commands.contains_key("on")
                && commands.contains_key("off")
        })
    })
}

/// Buttons that start and stop a system as one.
fn switch(ctx: &Ctx, devices: &[(Arc<DeviceEntry>, Level)]) -> Markup {
    let Some((entry, _)) =
        whole(devices).filter(|(entry, level)| *level >= Level::Edit && entry.device.enabled)
    else {
        return own::none();
    };
    html! {
        @for (command, label, class) in [("on", "Switch on", "btn btn--primary"), ("off", "Switch off", "btn")] {
            form.control.control--bare action={ "/devices/" (entry.device.id) "/commands/" (command) } method="post" data-command="" {
                (ctx.csrf())
                button class=(class) type="submit" { (icon("power")) (label) }
                div.control__evidence role="status" {}
            }
        }
    }
}

fn find(estate: &Estate, ctx: &Ctx) -> Result<(Arc<Registry>, Arc<System>)> {
    let registry = estate.registry();
    let id: SystemId = ctx.param("id")?;
    let system = registry.systems.get(&id).cloned().ok_or(WebError::NotFound)?;
    Ok((registry, system))
}

async fn peek(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, system) = find(&estate, &ctx)?;
    let devices = seen(&ctx, &registry, system.id)?;
    let open = alarms::open_of(&estate, &ctx, |alarm| alarms::is_of_system(&registry, alarm, system.id))?;
    Ok(html! {
        div.stack {
            (own::tags(&system.tags))
            (alarms::strip(&estate, &ctx, &open))
            @if whole(&devices).is_some() { div.row { (switch(&ctx, &devices)) } }
            @for (entry, level) in &devices { (devices::card(&estate, &ctx, &registry, entry, *level)) }
            @if devices.is_empty() { p.muted { "This room has no devices you may see." } }
        }
    })
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, system) = find(&estate, &ctx)?;
    let devices = seen(&ctx, &registry, system.id)?;
    let level = ctx.read(|tx| ctx.level(tx, &bo_model::Object::new(Kind::SYSTEM, system.id)))?;
    let open = alarms::open_of(&estate, &ctx, |alarm| alarms::is_of_system(&registry, alarm, system.id))?;
    let instances = triggers::of_system(&estate, &ctx, system.id)?;
    let sees_edge = ctx.read(|tx| may(&ctx, tx, Kind::EDGE, system.edge, Level::View))?;
    let mapped = registry.path(system.zone).into_iter().rev().find(|zone| zone.map.is_some());
    let facts = [
        ("Place", html! { a href={ "/zones/" (system.zone) } { (own::place(&registry, system.zone)) } }),
        (
            "Gateway",
            if sees_edge {
                own::edge_link(&registry, system.edge)
            } else {
                html! { (registry.edges.get(&system.edge).map_or("", |edge| edge.name.as_str())) }
            },
        ),
        (
            "Words",
            html! { @if system.tags.is_empty() { span.muted { "none" } } @else { (own::tags(&system.tags)) } },
        ),
        ("Key", html! { code { (system.key) } }),
    ];
    let body = html! {
        div.stack {
            div id="system-alarms" data-fresh="alarms" { (alarms::strip(&estate, &ctx, &open)) }
            @if devices.is_empty() {
                section.card { (parts::empty("device", "No devices yet", "Devices come with the estate's files: add them to this system and run `backoffice import`.", None)) }
            } @else {
                div.grid { @for (entry, level) in &devices { (devices::card(&estate, &ctx, &registry, entry, *level)) } }
            }
            div.split {
                (own::flush("Triggers", own::none(), html! {
                    @if instances.is_empty() { (parts::empty("trigger", "No triggers", "Nothing happens here by itself. Triggers are bound to a system in the estate's files.", None)) }
                    @else { (triggers::table(&instances, &registry, ctx.now(), false)) }
                }))
                div.stack {
                    (own::card("About", own::none(), parts::facts(&facts)))
                    (own::card("Settings for its devices", own::none(), settings::own_level(&registry, system.workspace, &system.settings)))
                    @if !system.metadata.is_empty() { (own::card("Details", own::none(), settings::metadata(&system.metadata))) }
                    @if level >= Level::Own { (rename_card(&ctx, &system)) }
                }
            }
        }
    };
    let actions = html! {
        (switch(&ctx, &devices))
        @if let Some(zone) = mapped { a.btn href={ "/zones/" (zone.id) "#room-" (system.key) } { (icon("map")) "On the map" } }
    };
    let page =
        Page::new(system.name.clone(), PATH, body).actions(actions).lead(own::place(&registry, system.zone));
    Ok(ctx.page(own::crumbs(page, &registry, system.zone, true)))
}

fn rename_card(ctx: &Ctx, system: &System) -> Markup {
    let filled = Input::filled([("name", system.name.clone()), ("tags", system.tags.join(", "))]);
    own::card(
        "Name and words",
        own::none(),
        html! {
            form.form action={ "/systems/" (system.id) "/name" } method="post" {
                (ctx.csrf())
                (form::text("name", "Name", "", "text", true, &filled))
                (form::text("tags", "Words", "Separated by commas; lists can be filtered by them.", "text", false, &filled))
                div.form__actions { button.btn type="submit" { "Save" } }
            }
        },
    )
}

/// Free words of a form's field.
pub fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).take(20).map(str::to_owned).collect()
}

async fn rename(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (_, system) = find(&estate, &ctx)?;
    let input = ctx.form()?;
    let patch = crate::configure::PlacePatch {
        name: Some(input.text("name").to_owned()),
        tags: Some(words(input.text("tags"))),
        ..Default::default()
    };
    crate::configure::system(&estate, ctx.author(), system.id, patch).await?;
    Ok(ctx.redirect(format!("/systems/{}", system.id)).flash("Saved.").into_response())
}
