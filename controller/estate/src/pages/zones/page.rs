//! One zone: its floor map, the zones and systems in it, alarms; its settings; what it is and where it lies.

use super::super::tally::{Tallies, tallies};
use super::super::{alarms, forms, map, metadata, parts as own, settings, systems};
use super::{PATH, edit, seen, zone_card};
use crate::Estate;
use crate::configure::Holder;
use crate::http::with;
use crate::registry::Registry;
use crate::zones::Zone;
use axum::response::Response;
use bo_model::estate::ZoneKind;
use bo_model::{Kind, Level, Object, ZoneId};
use bo_web::layout::{icon, parts};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::HashSet;
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::ZONE, "id", level);
    Routes::new("estate")
        .get("/zones/{id}", on(Level::View), with(estate, show))
        .about("A zone: map, systems, zones in it, alarms, settings")
        .post("/zones/{id}/settings", on(Level::Own), with(estate, save_setting))
        .about("Set a setting for all devices below a zone")
        .post("/zones/{id}/settings/reset", on(Level::Own), with(estate, reset_setting))
        .about("Take back a setting of a zone")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &ctx.query_value("tab"), &Input::default())
}

async fn save_setting(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let on = Holder::Zone(ctx.param("id")?);
    settings::save(&estate, &ctx, on, |input| render(&estate, &ctx, "settings", input)).await
}

async fn reset_setting(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    settings::reset(&estate, &ctx, Holder::Zone(ctx.param("id")?)).await
}

/// The page, with one of its tabs open; `input` is a refused form of that tab.
pub fn render(estate: &Arc<Estate>, ctx: &Ctx, tab: &str, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let id: ZoneId = ctx.param("id")?;
    let zone = registry.zones.get(&id).cloned().ok_or(WebError::NotFound)?;
    let level = ctx.read(|tx| ctx.level(tx, &Object::new(Kind::ZONE, id)))?;
    let tallies = tallies(estate, ctx, &registry)?;
    let path = format!("/zones/{id}");
    let at = |tab: &str| format!("{path}?tab={tab}");
    let tabs = [("Now", path.clone()), ("Settings", at("settings")), ("About", at("about"))];
    let (current, body) = match tab {
        "settings" => {
            (at("settings"), settings::tab(ctx, &registry, Holder::Zone(id), level >= Level::Own, input)?)
        }
        "about" => (at("about"), about(ctx, &registry, &zone, level, input)?),
        _ => (path.clone(), now(estate, ctx, &registry, &zone, &tallies)?),
    };
    let body = html! { (parts::tabs(&tabs, &current)) (body) };
    let mut page = Page::new(zone.name.clone(), PATH, body);
    if let Some(tally) = tallies.zones.get(&id) {
        page = page.state(tally.badges());
        page = page.lead(format!(
            "{}, {}.",
            own::count(tally.systems, "system"),
            own::count(tally.devices, "device")
        ));
    }
    if level >= Level::Own {
        page = page.actions(html! {
            @if zone.map.is_some() { a.btn href={ (path) "/map" } { (icon("map")) "Edit floor map" } }
            (own::new("New zone here", &format!("/zones/new?parent={id}")))
            (own::new("New system", &format!("/systems/new?zone={id}")))
        });
    }
    Ok(ctx.page(own::crumbs(page, &registry, id, false)))
}

fn about(ctx: &Ctx, registry: &Registry, zone: &Zone, level: Level, input: &Input) -> Result<Markup> {
    let was = ctx.query_value("was");
    let was_name = was.parse().ok().and_then(|id| registry.zones.get(&id)).map(|zone| zone.name.clone());
    Ok(html! {
        div.stack {
            @if let Some(name) = was_name { (forms::moved_back(ctx, &format!("/zones/{}/move", zone.id), "parent", &was, &name)) }
            div.split {
                div.stack {
                    @if level >= Level::Own { (edit::properties(ctx, zone, input)?) }
                    @else { (facts(registry, zone)) }
                    (metadata::card(ctx, &format!("/zones/{}", zone.id), zone.kind.word(), &zone.metadata, level, input)?)
                }
                div.stack {
                    @if level >= Level::Own {
                        (facts(registry, zone))
                        @if zone.parent.is_some() { (edit::move_card(ctx, registry, zone, input)?) }
                        (forms::maintenance_card(&Object::new(Kind::ZONE, zone.id)))
                        (forms::access_card(ctx, &Object::new(Kind::ZONE, zone.id))?)
                        (forms::remove_card(&format!("/zones/{}", zone.id), &zone.name))
                    }
                }
            }
        }
    })
}

fn now(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    registry: &Registry,
    zone: &Zone,
    tallies: &Tallies,
) -> Result<Markup> {
    let id = zone.id;
    let seen = seen(ctx, registry, zone.workspace)?;
    let below: HashSet<_> = registry.systems_below(id).into_iter().collect();
    let open = alarms::open_of(estate, ctx, |alarm| {
        below.iter().any(|system| alarms::is_of_system(registry, alarm, *system))
    })?;
    let children: Vec<&Arc<Zone>> = registry
        .children(id)
        .iter()
        .filter(|id| seen.contains(id))
        .filter_map(|id| registry.zones.get(id))
        .collect();
    let drawn = map::of_zone(estate, ctx, registry, zone)?;
    let has_map = drawn.is_some();
    let systems = systems_card(estate, registry, zone, tallies, children.is_empty() || has_map);
    let siblings = storeys(registry, zone, &seen);
    Ok(html! {
        div.stack {
            @if siblings.len() > 1 {
                nav.segments.segments--links aria-label="Storeys" { @for (name, href, current) in &siblings { a.segment href=(href) aria-current=[current.then_some("page")] { (name) } } }
            }
            @if let Some(drawn) = drawn { section.card.card--flush { (drawn) } }
            @else if zone.kind == ZoneKind::Level { section.card { (map::missing(zone)) } }
            div id="zone-alarms" data-fresh="alarms" { (alarms::strip(estate, ctx, &open)) }
            @if !children.is_empty() {
                div.grid { @for child in &children { (zone_card(registry, child, tallies)) } }
            }
            @if let Some(systems) = systems { (systems) }
        }
    })
}

/// The storeys of the same building, to step between their maps.
fn storeys(registry: &Registry, zone: &Zone, seen: &HashSet<ZoneId>) -> Vec<(String, String, bool)> {
    let Some(parent) = zone.parent.filter(|_| matches!(zone.kind, ZoneKind::Level | ZoneKind::Area)) else {
        return Vec::new();
    };
    let siblings = registry
        .children(parent)
        .iter()
        .filter(|id| seen.contains(id))
        .filter_map(|id| registry.zones.get(id));
    siblings.map(|other| (other.name.clone(), format!("/zones/{}", other.id), other.id == zone.id)).collect()
}

fn systems_card(
    estate: &Estate,
    registry: &Registry,
    zone: &Zone,
    tallies: &Tallies,
    show_empty: bool,
) -> Option<Markup> {
    let systems: Vec<_> = registry
        .systems_in(zone.id)
        .iter()
        .filter(|id| tallies.systems.contains_key(id))
        .filter_map(|id| registry.systems.get(id))
        .collect();
    if systems.is_empty() && !show_empty {
        return None;
    }
    Some(own::flush(
        "Systems",
        own::more("All below here", &format!("/systems?zone={}", zone.id)),
        html! {
            @if systems.is_empty() { (parts::empty("system", "No systems directly here", "Rooms and plants of this place lie in the zones below it.", None)) }
            @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "System" } th scope="col" { "Shows" } th scope="col" { "State" } } }
                tbody { @for system in systems { tr {
                    td data-label="System" { span { a href={ "/systems/" (system.id) } { (system.name) } " " (own::tags(&system.tags)) } }
                    td data-label="Shows" { (systems::headline(estate, registry, system.id)) }
                    td data-label="State" { span.row { @if let Some(tally) = tallies.systems.get(&system.id) { (tally.badges()) } } }
                } } }
            } } }
        },
    ))
}

fn facts(registry: &Registry, zone: &Zone) -> Markup {
    let inherited = |own: bool| if own { "" } else { " (from above)" };
    let time_zone = registry
        .time_zone(zone.id)
        .map_or_else(|| "UTC".to_owned(), |name| format!("{name}{}", inherited(zone.time_zone.is_some())));
    let position = registry
        .position(zone.id)
        .map(|(lat, lon)| format!("{lat:.4}, {lon:.4}{}", inherited(zone.position.is_some())));
    let rows = [
        ("Kind", html! { (own::humane(zone.kind.word())) }),
        ("Time zone", html! { (time_zone) }),
        ("Position", html! { @match position { Some(text) => (text), None => span.muted { "not known" } } }),
        (
            "Tags",
            html! { @if zone.tags.is_empty() { span.muted { "none" } } @else { (own::tags(&zone.tags)) } },
        ),
        ("Key", html! { code { (zone.key) } }),
    ];
    own::card("About", own::none(), parts::facts(&rows))
}
