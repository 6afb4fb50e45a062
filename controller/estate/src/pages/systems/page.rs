//! One system: its devices with their controls, alarms, triggers; its settings; what it is and where it lies.

use super::super::{alarms, devices, forms, metadata, parts as own, settings, triggers};
use super::{PATH, edit};
use crate::Estate;
use crate::configure::Holder;
use crate::http::{may, with};
use crate::registry::{DeviceEntry, Registry};
use crate::systems::System;
use axum::response::Response;
use bo_model::driver::Kind as DriverKind;
use bo_model::{Kind, Level, SystemId};
use bo_web::layout::icon;
use bo_web::layout::parts;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::SYSTEM, "id", level);
    Routes::new("estate")
        .get("/systems/{id}", on(Level::View), with(estate, show))
        .about("A system: devices, triggers, alarms, settings")
        .get("/systems/{id}/peek", on(Level::View), with(estate, peek))
        .about("A system in short, as a piece of a page")
        .post("/systems/{id}/settings", on(Level::Own), with(estate, save_setting))
        .about("Set a setting for the devices of a system")
        .post("/systems/{id}/settings/reset", on(Level::Own), with(estate, reset_setting))
        .about("Take back a setting of a system")
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
    render(&estate, &ctx, &ctx.query_value("tab"), &Input::default())
}

async fn save_setting(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let on = Holder::System(ctx.param("id")?);
    settings::save(&estate, &ctx, on, |input| render(&estate, &ctx, "settings", input)).await
}

async fn reset_setting(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    settings::reset(&estate, &ctx, Holder::System(ctx.param("id")?)).await
}

/// The page, with one of its tabs open; `input` is a refused form of that tab.
pub fn render(estate: &Arc<Estate>, ctx: &Ctx, tab: &str, input: &Input) -> Result<Markup> {
    let (registry, system) = find(estate, ctx)?;
    let id = system.id;
    let devices = seen(ctx, &registry, id)?;
    let level = ctx.read(|tx| ctx.level(tx, &bo_model::Object::new(Kind::SYSTEM, id)))?;
    let mapped = registry.path(system.zone).into_iter().rev().find(|zone| zone.map.is_some());
    let path = format!("/systems/{id}");
    let at = |tab: &str| format!("{path}?tab={tab}");
    let tabs = [
        ("Now", path.clone()),
        ("Triggers", at("triggers")),
        ("Settings", at("settings")),
        ("About", at("about")),
    ];
    let owns = level >= Level::Own;
    let (current, body) = match tab {
        "triggers" => (at("triggers"), triggers_tab(estate, ctx, &registry, id)?),
        "settings" => (at("settings"), settings::tab(ctx, &registry, Holder::System(id), owns, input)?),
        "about" => (at("about"), about(ctx, &registry, &system, owns, input)?),
        _ => (path.clone(), now(estate, ctx, &registry, id, &devices, owns)?),
    };
    let body = html! { (parts::tabs(&tabs, &current)) (body) };
    let actions = html! {
        (switch(ctx, &devices))
        @if let Some(zone) = mapped { a.btn href={ "/zones/" (zone.id) "#room-" (system.id) } { (icon("map")) "On the map" } }
        @if owns { (own::new("New device", &format!("/devices/new?system={id}"))) }
    };
    let page =
        Page::new(system.name.clone(), PATH, body).actions(actions).lead(own::place(&registry, system.zone));
    Ok(ctx.page(own::crumbs(page, &registry, system.zone, true)))
}

fn now(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    registry: &Registry,
    id: SystemId,
    devices: &[(Arc<DeviceEntry>, Level)],
    owns: bool,
) -> Result<Markup> {
    let open = alarms::open_of(estate, ctx, |alarm| alarms::is_of_system(registry, alarm, id))?;
    let new = format!("/devices/new?system={id}");
    Ok(html! {
        div.stack {
            div id="system-alarms" data-fresh="alarms" { (alarms::strip(estate, ctx, &open)) }
            @if devices.is_empty() {
                section.card { (parts::empty("device", "No devices yet", "Devices are what this system shows and what can be operated here.", owns.then_some(("New device", new.as_str())))) }
            } @else {
                div.grid { @for (entry, level) in devices { (devices::card(estate, ctx, registry, entry, *level)) } }
            }
        }
    })
}

fn triggers_tab(estate: &Arc<Estate>, ctx: &Ctx, registry: &Registry, id: SystemId) -> Result<Markup> {
    let instances = triggers::of_system(estate, ctx, id)?;
    let may = triggers::may_bind(ctx)?;
    let new = format!("/triggers/new?system={id}");
    Ok(own::flush(
        "What happens here by itself",
        if may && !instances.is_empty() { own::new("Bind a trigger", &new) } else { own::none() },
        html! {
            @if instances.is_empty() { (parts::empty("trigger", "No triggers", "Nothing happens here by itself yet.", may.then_some(("Bind a trigger", new.as_str())))) }
            @else { (triggers::table(&instances, registry, ctx.now(), false)) }
        },
    ))
}

fn about(ctx: &Ctx, registry: &Registry, system: &System, owns: bool, input: &Input) -> Result<Markup> {
    let sees_edge = ctx.read(|tx| may(ctx, tx, Kind::EDGE, system.edge, Level::View))?;
    let facts = [
        ("Place", html! { a href={ "/zones/" (system.zone) } { (own::place(registry, system.zone)) } }),
        (
            "Gateway",
            if sees_edge {
                own::edge_link(registry, system.edge)
            } else {
                html! { (registry.edges.get(&system.edge).map_or("", |edge| edge.name.as_str())) }
            },
        ),
        (
            "Tags",
            html! { @if system.tags.is_empty() { span.muted { "none" } } @else { (own::tags(&system.tags)) } },
        ),
        ("Key", html! { code { (system.key) } }),
    ];
    let was = ctx.query_value("was");
    let was_name = was.parse().ok().map(|id| own::place(registry, id)).filter(|name| !name.is_empty());
    Ok(html! {
        div.stack {
            @if let Some(name) = was_name { (forms::moved_back(ctx, &format!("/systems/{}/move", system.id), "zone", &was, &name)) }
            div.split {
                div.stack {
                    @if owns { (edit::properties(ctx, system, input)) }
                    (own::card("About", own::none(), parts::facts(&facts)))
                    (metadata::card(ctx, &format!("/systems/{}", system.id), "system", &system.metadata, if owns { Level::Own } else { Level::View }, input)?)
                }
                @if owns { div.stack {
                    (edit::move_card(ctx, registry, system, input)?)
                    (forms::maintenance_card(&bo_model::Object::new(Kind::SYSTEM, system.id)))
                    (forms::access_card(ctx, &bo_model::Object::new(Kind::SYSTEM, system.id))?)
                    (forms::remove_card(&format!("/systems/{}", system.id), &system.name))
                } }
            }
        }
    })
}
