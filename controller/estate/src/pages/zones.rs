//! Zones: the tree, and a zone with its floor map, systems, child zones, alarms and settings.

use super::tally::{Tallies, tallies};
use super::{alarms, map, parts as own, settings, systems};
use crate::Estate;
use crate::configure::{self, PlacePatch};
use crate::http::{may, with};
use crate::registry::Registry;
use crate::zones::Zone;
use axum::response::{IntoResponse, Response};
use bo_model::estate::ZoneKind;
use bo_model::{Kind, Level, Object, WorkspaceId, ZoneId};
use bo_web::layout::parts;
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::HashSet;
use std::sync::Arc;

const PATH: &str = "/zones";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, tree))
        .about("The tree of zones")
        .get("/zones/{id}", Need::object(Kind::ZONE, "id", Level::View), with(estate, show))
        .about("A zone: map, systems, zones in it, alarms, settings")
        .post("/zones/{id}/name", Need::object(Kind::ZONE, "id", Level::Own), with(estate, rename))
        .about("Rename a zone and set its words")
}

/// Buildings and storeys to filter lists by: (id, `Cedar Court · First floor`).
pub fn choices(registry: &Registry, workspace: WorkspaceId) -> Vec<(String, String)> {
    let mut found: Vec<(Vec<(i64, String)>, String, String)> = registry
        .zones
        .values()
        .filter(|zone| {
            zone.workspace == workspace
                && matches!(zone.kind, ZoneKind::Building | ZoneKind::Level | ZoneKind::Area)
        })
        .map(|zone| {
            let order = registry.path(zone.id).iter().map(|zone| (zone.rank, zone.name.clone())).collect();
            let title = if zone.kind == ZoneKind::Building {
                zone.name.clone()
            } else {
                own::place(registry, zone.id)
            };
            (order, zone.id.to_string(), title)
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, id, title)| (id, title)).collect()
}

fn kind_icon(kind: ZoneKind) -> &'static str {
    match kind {
        ZoneKind::Level => "map",
        ZoneKind::Area => "room",
        _ => "building",
    }
}

/// Zones the viewer may see, and those on the way to them.
fn seen(ctx: &Ctx, registry: &Registry, workspace: WorkspaceId) -> Result<HashSet<ZoneId>> {
    ctx.read(|tx| {
        let mut found = HashSet::new();
        for zone in registry.zones.values().filter(|zone| zone.workspace == workspace) {
            if may(ctx, tx, Kind::ZONE, zone.id, Level::See)? {
                found.insert(zone.id);
            }
        }
        Ok::<_, WebError>(found)
    })
}

async fn tree(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let seen = seen(&ctx, &registry, workspace)?;
    let tallies = tallies(&estate, &ctx, &registry)?;
    let wanted = ctx.query_value("q").trim().to_lowercase();
    // With a search: zones and systems that fit, and the way to them.
    let fits =
        |texts: &[&str]| wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted));
    let mut kept: HashSet<ZoneId> = HashSet::new();
    for id in &seen {
        let Some(zone) = registry.zones.get(id) else { continue };
        let systems = registry.systems_in(*id).iter().filter_map(|id| registry.systems.get(id));
        if fits(&[&zone.name, &zone.key]) || systems.into_iter().any(|system| fits(&[&system.name])) {
            kept.extend(registry.path(*id).iter().map(|zone| zone.id));
        }
    }
    let mut roots: Vec<&Arc<Zone>> = registry
        .zones
        .values()
        .filter(|zone| kept.contains(&zone.id) && zone.parent.is_none_or(|parent| !seen.contains(&parent)))
        .collect();
    roots.sort_by_key(|zone| (zone.rank, zone.name.clone()));
    let branch = Branch {
        registry: &registry,
        seen: &seen,
        kept: &kept,
        tallies: &tallies,
        fits: &fits,
        searching: !wanted.is_empty(),
    };
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            label.sr-only for="zone-q" { "Search zones and systems" }
            input #zone-q type="search" name="q" value=(ctx.query_value("q")) placeholder="Building, floor or room";
            button.btn type="submit" { (icon("search")) "Show" }
        }
        section.card {
            @if roots.is_empty() {
                (parts::empty("zone", "No zones here", "Nothing fits, or nothing is shared with you. Zones come with the estate's files: `backoffice import`.", None))
            } @else { ul.tree { @for zone in roots { (branch.zone(zone, 0)) } } }
        }
    };
    Ok(ctx.page(
        Page::new("Zones", PATH, body)
            .lead("The places of the organisation: open a building to see its floors and rooms."),
    ))
}

struct Branch<'a> {
    registry: &'a Registry,
    seen: &'a HashSet<ZoneId>,
    kept: &'a HashSet<ZoneId>,
    tallies: &'a Tallies,
    fits: &'a dyn Fn(&[&str]) -> bool,
    searching: bool,
}

impl Branch<'_> {
    fn zone(&self, zone: &Zone, depth: usize) -> Markup {
        let children: Vec<&Arc<Zone>> = self
            .registry
            .children(zone.id)
            .iter()
            .filter(|id| self.kept.contains(id) && self.seen.contains(id))
            .filter_map(|id| self.registry.zones.get(id))
            .collect();
        let systems = self.registry.systems_in(zone.id).iter().filter_map(|id| self.registry.systems.get(id));
        let own_fits = (self.fits)(&[&zone.name, &zone.key]);
        let systems: Vec<_> = systems
            .filter(|system| {
                self.tallies.systems.contains_key(&system.id) && (own_fits || (self.fits)(&[&system.name]))
            })
            .collect();
        let row = html! {
            span.tree__row {
                (icon(kind_icon(zone.kind)))
                a href={ "/zones/" (zone.id) } { (zone.name) }
                @if let Some(tally) = self.tallies.zones.get(&zone.id) { (tally.badges()) }
            }
        };
        html! {
            li.branch {
                (row)
                @if !children.is_empty() || !systems.is_empty() {
                    details open[depth < 3 || self.searching] {
                        summary aria-label={ "What is in " (zone.name) } {}
                        ul {
                            @for child in children { (self.zone(child, depth + 1)) }
                            @for system in systems { li.branch { span.tree__row {
                                (icon("system")) a href={ "/systems/" (system.id) } { (system.name) }
                                @if let Some(tally) = self.tallies.systems.get(&system.id).filter(|tally| tally.alarms + tally.unwell > 0) { (tally.badges()) }
                            } } }
                        }
                    }
                }
            }
        }
    }
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let registry = estate.registry();
    let id: ZoneId = ctx.param("id")?;
    let zone = registry.zones.get(&id).cloned().ok_or(WebError::NotFound)?;
    let seen = seen(&ctx, &registry, zone.workspace)?;
    let level = ctx.read(|tx| ctx.level(tx, &Object::new(Kind::ZONE, id)))?;
    let tallies = tallies(&estate, &ctx, &registry)?;
    let below: HashSet<_> = registry.systems_below(id).into_iter().collect();
    let open = alarms::open_of(&estate, &ctx, |alarm| {
        below.iter().any(|system| alarms::is_of_system(&registry, alarm, *system))
    })?;
    let children: Vec<&Arc<Zone>> = registry
        .children(id)
        .iter()
        .filter(|id| seen.contains(id))
        .filter_map(|id| registry.zones.get(id))
        .collect();
    let drawn = map::of_zone(&estate, &ctx, &registry, &zone)?;
    let has_map = drawn.is_some();
    let about = html! {
        (facts(&registry, &zone))
        (own::card("Settings for the devices below", own::none(), settings::own_level(&registry, zone.workspace, &zone.settings)))
        @if !zone.metadata.is_empty() { (own::card("Details", own::none(), settings::metadata(&zone.metadata))) }
        @if level >= Level::Own { (rename_card(&ctx, &zone)) }
    };
    let systems = systems_card(&estate, &registry, &zone, &tallies, children.is_empty() || has_map);
    let siblings = storeys(&registry, &zone, &seen);
    let body = html! {
        div.stack {
            @if siblings.len() > 1 {
                nav.tabs aria-label="Storeys" { @for (name, href, current) in &siblings { a href=(href) aria-current=[current.then_some("page")] { (name) } } }
            }
            @if let Some(drawn) = drawn { section.card.card--flush { (drawn) } }
            @else if zone.kind == ZoneKind::Level { section.card { (map::missing(&zone)) } }
            div id="zone-alarms" data-fresh="alarms" { (alarms::strip(&estate, &ctx, &open)) }
            @if !children.is_empty() {
                div.grid { @for child in &children { (zone_card(&registry, child, &tallies)) } }
            }
            @match systems {
                Some(systems) => div.split { (systems) div.stack { (about) } },
                None => div.grid { (about) },
            }
        }
    };
    let mut page = Page::new(zone.name.clone(), PATH, body);
    if let Some(tally) = tallies.zones.get(&id) {
        page = page.state(tally.badges());
        page = page.lead(format!(
            "{}, {}.",
            own::count(tally.systems, "system"),
            own::count(tally.devices, "device")
        ));
    }
    Ok(ctx.page(own::crumbs(page, &registry, id, false)))
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

/// A zone as a card that leads to it.
pub fn zone_card(registry: &Registry, zone: &Zone, tallies: &Tallies) -> Markup {
    let tally = tallies.zones.get(&zone.id).copied().unwrap_or_default();
    let levels = registry.children(zone.id).len();
    html! {
        a.card.zone-card href={ "/zones/" (zone.id) } {
            span.row { (icon(kind_icon(zone.kind))) strong { (zone.name) } }
            span.muted {
                @if levels > 0 { (own::count(levels, if zone.kind == ZoneKind::Building { "floor" } else { "zone" })) ", " }
                (own::count(tally.systems, "system")) ", " (own::count(tally.devices, "device"))
            }
            span.row { (tally.badges()) }
        }
    }
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
            "Words",
            html! { @if zone.tags.is_empty() { span.muted { "none" } } @else { (own::tags(&zone.tags)) } },
        ),
        ("Key", html! { code { (zone.key) } }),
    ];
    own::card("About", own::none(), parts::facts(&rows))
}

fn rename_card(ctx: &Ctx, zone: &Zone) -> Markup {
    let filled = Input::filled([("name", zone.name.clone()), ("tags", zone.tags.join(", "))]);
    own::card(
        "Name and words",
        own::none(),
        html! {
            form.form action={ "/zones/" (zone.id) "/name" } method="post" {
                (ctx.csrf())
                (form::text("name", "Name", "", "text", true, &filled))
                (form::text("tags", "Words", "Separated by commas.", "text", false, &filled))
                div.form__actions { button.btn type="submit" { "Save" } }
            }
        },
    )
}

async fn rename(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: ZoneId = ctx.param("id")?;
    let input = ctx.form()?;
    let patch = PlacePatch {
        name: Some(input.text("name").to_owned()),
        tags: Some(systems::words(input.text("tags"))),
        ..Default::default()
    };
    configure::zone(&estate, ctx.author(), id, patch).await?;
    Ok(ctx.redirect(format!("/zones/{id}")).flash("Saved.").into_response())
}
