//! History: choose values of devices, see them in one chart or below each other, zoom, take them along as CSV.

use super::devices::card::{Drawn, drawn_points};
use super::parts as own;
use crate::Estate;
use crate::http::{may, with};
use crate::registry::Registry;
use bo_model::{DeviceId, Kind, Level};
use bo_web::layout::icon;
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/history";
/// Lines on one page: as many as there are colours.
const LINES: usize = 8;
/// Devices looked at for values to begin with.
const LOOKED_AT: usize = 200;
/// Hits of a search.
const HITS: usize = 40;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate").get(PATH, Need::signed_in(), with(estate, show)).about("Charts of chosen values")
}

/// A value that can be drawn, with the place it is of.
struct Line {
    device: DeviceId,
    drawn: Drawn,
    /// `Boardroom, Sensor_1`.
    of: String,
}

impl Line {
    fn title(&self) -> String {
        format!("{}: {}", self.of, self.drawn.title)
    }

    fn point(&self) -> String {
        format!("{}/{}", self.device, self.drawn.name)
    }
}

fn of(registry: &Registry, device: DeviceId) -> String {
    let Some(entry) = registry.devices.get(&device) else { return String::new() };
    let system = registry.systems.get(&entry.device.system).map_or("", |system| system.name.as_str());
    format!("{system}, {}", entry.device.name)
}

/// The lines of the address that the viewer may see.
fn chosen(ctx: &Ctx, registry: &Registry) -> Result<Vec<Line>> {
    let pairs: Vec<(String, String)> = ctx.query()?;
    let mut points: Vec<&str> = Vec::new();
    for (_, value) in pairs.iter().filter(|(key, _)| key == "point") {
        if !points.contains(&value.as_str()) {
            points.push(value);
        }
    }
    ctx.read(|tx| {
        let mut found = Vec::new();
        for point in points.into_iter().take(LINES) {
            let Some((device, name)) = point.split_once('/') else { continue };
            let Ok(device) = device.parse::<DeviceId>() else { continue };
            let drawn = drawn_points(registry, device).into_iter().find(|drawn| drawn.name == name);
            let Some(drawn) = drawn else { continue };
            if may(ctx, tx, Kind::DEVICE, device, Level::View)? {
                found.push(Line { device, drawn, of: of(registry, device) });
            }
        }
        Ok::<_, WebError>(found)
    })
}

/// What has all of these words in system, device and value.
fn find(ctx: &Ctx, registry: &Registry, wanted: &str) -> Result<Vec<Line>> {
    let workspace = ctx.workspace()?;
    let mut found = ctx.read(|tx| {
        let mut found = Vec::new();
        for entry in registry.devices.values().filter(|entry| entry.device.workspace == workspace) {
            let device = entry.device.id;
            let fits = |line: &Line| {
                let text = line.title().to_lowercase();
                wanted.split_whitespace().all(|word| text.contains(word))
            };
            let lines = drawn_points(registry, device).into_iter();
            let lines: Vec<Line> =
                lines.map(|drawn| Line { device, drawn, of: of(registry, device) }).filter(fits).collect();
            if !lines.is_empty() && may(ctx, tx, Kind::DEVICE, device, Level::View)? {
                found.extend(lines);
            }
        }
        Ok::<_, WebError>(found)
    })?;
    found.sort_by_key(Line::title);
    found.truncate(HITS);
    Ok(found)
}

/// Some values to begin with: the first measured one of each of a few devices.
fn suggest(ctx: &Ctx, registry: &Registry) -> Result<Vec<Line>> {
    let workspace = ctx.workspace()?;
    ctx.read(|tx| {
        let mut found = Vec::new();
        for entry in
            registry.devices.values().filter(|entry| entry.device.workspace == workspace).take(LOOKED_AT)
        {
            let device = entry.device.id;
            let measured = drawn_points(registry, device).into_iter().find(|drawn| !drawn.unit.is_empty());
            let Some(drawn) = measured else { continue };
            if may(ctx, tx, Kind::DEVICE, device, Level::View)? {
                found.push(Line { device, drawn, of: of(registry, device) });
            }
            if found.len() == LINES {
                break;
            }
        }
        found.sort_by_key(Line::title);
        Ok::<_, WebError>(found)
    })
}

/// The address with these lines; together in one chart, or apart.
fn address(points: impl Iterator<Item = String>, apart: bool) -> String {
    let mut query: Vec<(&str, String)> = points.map(|point| ("point", point)).collect();
    if apart {
        query.push(("apart", "1".into()));
    }
    format!("{PATH}?{}", serde_urlencoded::to_string(&query).unwrap_or_default())
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let registry = estate.registry();
    let chosen = chosen(&ctx, &registry)?;
    let apart = ctx.query_value("apart") == "1";
    let wanted = ctx.query_value("q").trim().to_lowercase();
    let found = match wanted.as_str() {
        "" if chosen.is_empty() => suggest(&ctx, &registry)?,
        "" => Vec::new(),
        wanted => find(&ctx, &registry, wanted)?,
    };
    let with = |line: &Line| address(chosen.iter().map(Line::point).chain([line.point()]), apart);
    let without =
        |gone: &Line| address(chosen.iter().map(Line::point).filter(|point| *point != gone.point()), apart);
    let is_chosen = |line: &Line| chosen.iter().any(|held| held.point() == line.point());
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            @for each in &chosen { input type="hidden" name="point" value=(each.point()); }
            @if apart { input type="hidden" name="apart" value="1"; }
            (parts::search("point-q", &ctx.query_value("q"), "Room, device or value"))
            @if chosen.len() > 1 {
                div.segments role="group" aria-label="Arrangement" {
                    a.segment href=(address(chosen.iter().map(Line::point), false)) aria-current=[(!apart).then_some("true")] { "Together" }
                    a.segment href=(address(chosen.iter().map(Line::point), true)) aria-current=[apart.then_some("true")] { "Apart" }
                }
            }
        }
        div.stack {
            @if !wanted.is_empty() || !found.is_empty() {
                section.card.card--flush {
                    @if wanted.is_empty() { p.card__lead { "Search for values and draw up to eight of them, together or apart. These are some to begin with:" } }
                    @if found.is_empty() { (parts::empty("history", "Nothing found", "No device tells a value like that. Try a room's name and a word like temperature, power or people.", None)) }
                    @else { div.table-wrap.table-wrap--short { table.table.table--cards {
                        thead { tr { th scope="col" { "Value" } th scope="col" { "Of" } th scope="col" { span.sr-only { "Choose" } } } }
                        tbody { @for line in &found { tr {
                            td data-label="Value" { (line.drawn.title) } td data-label="Of" { (line.of) }
                            td { @if is_chosen(line) { span.muted { "Drawn" } } @else if chosen.len() < LINES { a.btn.btn--small href=(with(line)) { (icon("plus")) "Draw" } } }
                        } } }
                    } } }
                }
            }
            @if chosen.is_empty() && wanted.is_empty() && found.is_empty() {
                section.card { (parts::empty("history", "Choose what to see", "Search for values above and draw up to eight of them: temperatures, powers, people, anything a device has told as a number.", None)) }
            }
            @if !chosen.is_empty() {
                ul.chips aria-label="Drawn" { @for each in &chosen { li {
                    a href={ "/devices/" (each.device) "?tab=history&point=" (each.drawn.name) } { (each.title()) }
                    a.chips__gone href=(without(each)) aria-label={ "Remove " (each.title()) } { (icon("close")) }
                } } }
                @if apart { @for each in &chosen { (own::card(&each.title(), own::none(), chart(std::slice::from_ref(each)))) } }
                @else { section.card { (chart(&chosen)) } }
            }
        }
    };
    Ok(ctx
        .page(Page::new("History", PATH, body).lead("What values were: any device, any time, side by side.")))
}

fn chart(lines: &[Line]) -> Markup {
    let lines: Vec<serde_json::Value> =
        lines.iter().map(|line| line.drawn.line(line.device, &line.title())).collect();
    html! { bo-chart lines=(serde_json::Value::Array(lines)) {} }
}
