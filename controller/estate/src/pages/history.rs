//! History: choose values of devices, see them as charts below each other, take them along as CSV.

use super::{devices, parts as own};
use crate::Estate;
use crate::http::{may, with};
use bo_model::{DeviceId, Kind, Level};
use bo_web::layout::icon;
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/history";
/// Charts on one page.
const CHARTS: usize = 8;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate").get(PATH, Need::signed_in(), with(estate, show)).about("Charts of chosen values")
}

struct Chosen {
    device: DeviceId,
    name: String,
    title: String,
    unit: String,
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let pairs: Vec<(String, String)> = ctx.query()?;
    let mut points: Vec<&str> =
        pairs.iter().filter(|(key, _)| key == "point").map(|(_, value)| value.as_str()).collect();
    points.retain(|point| !pairs.iter().any(|(key, value)| key == "without" && value == point));
    points.dedup();
    let wanted = ctx.query_value("q").trim().to_lowercase();
    let mut found: Vec<(String, String, DeviceId, String)> = Vec::new();
    let chosen = ctx.read(|tx| {
        let mut chosen = Vec::new();
        for point in points.iter().take(CHARTS) {
            let Some((device, name)) = point.split_once('/') else { continue };
            let Ok(device) = device.parse::<DeviceId>() else { continue };
            let Some(entry) = registry.devices.get(&device) else { continue };
            if !may(&ctx, tx, Kind::DEVICE, device, Level::View)? {
                continue;
            }
            let system = registry
                .systems
                .get(&entry.device.system)
                .map(|system| system.name.clone())
                .unwrap_or_default();
            let drawn =
                devices::card::drawn_points(&registry, device).into_iter().find(|(key, ..)| key == name);
            if let Some((key, title, unit)) = drawn {
                chosen.push(Chosen {
                    device,
                    name: key,
                    title: format!("{system}, {}: {title}", entry.device.name),
                    unit,
                });
            }
        }
        if !wanted.is_empty() {
            for entry in registry.devices.values().filter(|entry| entry.device.workspace == workspace) {
                let system = registry
                    .systems
                    .get(&entry.device.system)
                    .map(|system| system.name.clone())
                    .unwrap_or_default();
                for (name, title, _) in devices::card::drawn_points(&registry, entry.device.id) {
                    let text = format!("{system} {} {title}", entry.device.name).to_lowercase();
                    if wanted.split_whitespace().all(|word| text.contains(word))
                        && may(&ctx, tx, Kind::DEVICE, entry.device.id, Level::View)?
                    {
                        found.push((
                            system.clone(),
                            format!("{}: {title}", entry.device.name),
                            entry.device.id,
                            name,
                        ));
                    }
                }
            }
        }
        Ok::<_, WebError>(chosen)
    })?;
    found.sort();
    found.truncate(30);
    let with_points = |extra: Option<String>, without: Option<&Chosen>| {
        let mut query: Vec<(&str, String)> = chosen
            .iter()
            .filter(|each| without.is_none_or(|gone| gone.device != each.device || gone.name != each.name))
            .map(|each| ("point", format!("{}/{}", each.device, each.name)))
            .collect();
        query.extend(extra.map(|point| ("point", point)));
        let pairs: Vec<String> = query.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{PATH}?{}", pairs.join("&"))
    };
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            @for each in &chosen { input type="hidden" name="point" value={ (each.device) "/" (each.name) }; }
            label.sr-only for="point-q" { "Search values" }
            input #point-q type="search" name="q" value=(ctx.query_value("q")) placeholder="Room, device, value: hall temperature";
            button.btn type="submit" { (icon("search")) "Find values" }
        }
        @if !wanted.is_empty() {
            section.card.card--flush {
                @if found.is_empty() { (parts::empty("history", "Nothing found", "No device tells a value like that. Try a room's name and a word like temperature, power or people.", None)) }
                @else { div.table-wrap { table.table.table--cards {
                    thead { tr { th scope="col" { "System" } th scope="col" { "Value" } th scope="col" { span.sr-only { "Choose" } } } }
                    tbody { @for (system, title, device, name) in &found { tr {
                        td data-label="System" { (system) } td data-label="Value" { (title) }
                        td { a.btn.btn--small href=(with_points(Some(format!("{device}/{name}")), None)) { (icon("plus")) "Draw" } }
                    } } }
                } } }
            }
        }
        @if chosen.is_empty() && wanted.is_empty() {
            section.card { (parts::empty("history", "Choose what to see", "Search for values above and draw them: temperatures, powers, people, anything a device has told as a number.", None)) }
        }
        div.stack { @for each in &chosen {
            (own::card(&each.title, html! {
                span.row {
                    a.btn.btn--small.btn--quiet href={ "/api/v1/devices/" (each.device) "/history/" (each.name) "?format=csv" } { (icon("download")) "CSV" }
                    a.btn.btn--small.btn--quiet href=(with_points(None, Some(each))) { (icon("close")) "Remove" }
                }
            }, html! { bo-chart src={ "/api/v1/devices/" (each.device) "/history/" (each.name) } unit=(each.unit) title=(each.title) {} }))
        } }
    };
    Ok(ctx
        .page(Page::new("History", PATH, body).lead("What values were: any device, any time, side by side.")))
}
