//! Zones: the tree. One zone is in [`page`], making and changing it in [`edit`].

mod edit;
pub mod page;

use super::tally::{Tallies, tallies};
use super::{forms, parts as own};
use crate::Estate;
use crate::http::{may, with};
use crate::registry::Registry;
use crate::zones::Zone;
use bo_model::estate::ZoneKind;
use bo_model::{Kind, Level, WorkspaceId, ZoneId};
use bo_web::layout::icon;
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::HashSet;
use std::sync::Arc;

const PATH: &str = "/zones";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, tree))
        .about("The tree of zones")
        .and(page::routes(estate))
        .and(edit::routes(estate))
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
    let builds = forms::builds(&ctx, &registry)?;
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            (parts::search("zone-q", &ctx.query_value("q"), "Building, floor or room"))
        }
        section.card {
            @if roots.is_empty() {
                @if !wanted.is_empty() { (parts::empty("zone", "Nothing found", "No zone or system has these words in its name.", Some(("Show all", PATH)))) }
                @else if builds { (parts::empty("zone", "No zones yet", "Begin with the organisation, then its buildings, floors and rooms. A whole estate can also be imported from files.", Some(("New zone", "/zones/new")))) }
                @else { (parts::empty("zone", "No zones here", "Nothing is shared with you yet. Whoever administers this workspace can give you access.", None)) }
            } @else { ul.tree { @for zone in roots { (branch.zone(zone, 0)) } } }
        }
    };
    let page = Page::new("Zones", PATH, body)
        .lead("The places of the organisation: open a building to see its floors and rooms.");
    Ok(ctx.page(if builds { page.actions(own::new("New zone", "/zones/new")) } else { page }))
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
                @if let Some(tally) = self.tallies.zones.get(&zone.id) {
                    span.tree__end { span.muted { (own::count(tally.systems, "system")) ", " (own::count(tally.devices, "device")) } (tally.badges()) }
                }
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
                                @if let Some(tally) = self.tallies.systems.get(&system.id) { span.tree__end { span.muted { (own::count(tally.devices, "device")) } (tally.badges()) } }
                            } } }
                        }
                    }
                }
            }
        }
    }
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
