//! Drivers: the library, and a driver's manifest as a person reads it.

use super::{controls, parts as own};
use crate::Estate;
use crate::drivers::Driver;
use crate::http::with;
use crate::registry::DeviceEntry;
use bo_model::driver::{Kind as DriverKind, LinkKind, Safety};
use bo_model::settings::{Field, FieldKind};
use bo_model::{Kind, Level, Object};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

const PATH: &str = "/drivers";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("drivers", Level::View);
    Routes::new("estate")
        .get(PATH, view, with(estate, list))
        .about("The drivers of the library")
        .get("/drivers/{name}", view, with(estate, show))
        .about("A driver: what it tells, what it can be told, its settings, who uses it")
}

fn effort(driver: &Driver) -> &'static str {
    match (
        driver.manifest.component.is_some(),
        driver.manifest.modbus.is_some() || driver.manifest.mqtt.is_some(),
    ) {
        (true, true) => "profile and component",
        (true, false) => "component",
        _ => "profile",
    }
}

/// What a driver talks over, in words.
pub fn speaks(driver: &Driver) -> &'static str {
    match driver.manifest.link.kind {
        LinkKind::None => "nothing: works with other devices",
        LinkKind::Modbus => "Modbus",
        LinkKind::Bytes => "text or bytes",
        LinkKind::Mqtt => "MQTT",
        LinkKind::Http => "HTTP",
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let wanted = ctx.query_value("q").trim().to_lowercase();
    let fits = |driver: &Arc<Driver>| {
        let identity = &driver.manifest.driver;
        [&identity.name, &identity.title, &identity.vendor]
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    };
    let drivers: Vec<_> =
        registry.drivers.values().filter(|driver| driver.workspace == workspace && fits(driver)).collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in registry.devices.values().filter(|entry| entry.device.workspace == workspace) {
        *uses.entry(entry.device.driver.as_str()).or_default() += 1;
    }
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            (parts::search("driver-q", &ctx.query_value("q"), "Title, maker or name"))
        }
        section.card.card--flush {
            @if drivers.is_empty() {
                (parts::empty("driver", "No drivers here", "A driver teaches BackOffice a type of device. Make one with `backoffice-edge driver new`, put it in the library and import the estate.", None))
            } @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Driver" } th scope="col" { "Speaks" } th scope="col" { "Made of" } th scope="col" { "Version" } th.num scope="col" { "Devices" } } }
                tbody { @for driver in &drivers {
                    @let identity = &driver.manifest.driver;
                    tr {
                        td data-label="Driver" { span { a href={ "/drivers/" (identity.name) } { (identity.title) } div.field__help { (identity.about) } } }
                        td data-label="Speaks" { (speaks(driver)) }
                        td data-label="Made of" { (effort(driver)) }
                        td data-label="Version" { (identity.version) }
                        td.num data-label="Devices" { a href={ "/devices?driver=" (identity.name) } { (uses.get(identity.name.as_str()).copied().unwrap_or_default()) } }
                    }
                } }
            } } }
        }
    };
    Ok(ctx.page(
        Page::new("Drivers", PATH, body).lead("What BackOffice knows of each type of device and service."),
    ))
}

/// What a field holds, in words: `number, 10 to 30 °C`.
fn kind(field: &Field) -> String {
    let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
    let range = match (field.min, field.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}{unit}"),
        (Some(min), None) => format!(", from {min}{unit}"),
        (None, Some(max)) => format!(", up to {max}{unit}"),
        _ if !field.unit.is_empty() => format!(" in {}", field.unit),
        _ => String::new(),
    };
    match field.kind {
        FieldKind::Boolean => "on or off".into(),
        FieldKind::Integer => format!("whole number{range}"),
        FieldKind::Number => format!("number{range}"),
        FieldKind::Text => "text".into(),
        FieldKind::Choice => field.choices.values().cloned().collect::<Vec<_>>().join(", "),
        FieldKind::Duration => "a length of time".into(),
        FieldKind::Json => "JSON".into(),
    }
}

fn title(key: &str, field: &Field) -> String {
    if field.title.is_empty() { own::humane(key) } else { field.title.clone() }
}

fn fields<'a>(heading: &str, all: impl Iterator<Item = (&'a String, &'a Field)>) -> Markup {
    let rows: Vec<_> = all.collect();
    html! { @if !rows.is_empty() { (own::flush(heading, own::none(), html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Holds" } th scope="col" { "Key" } } }
            tbody { @for (key, field) in rows { tr {
                td data-label="Name" { span { strong { (title(key, field)) } @if !field.about.is_empty() { div.field__help { (field.about) } } } }
                td data-label="Holds" { span { (kind(field)) @if let Some(default) = &field.default { span.muted { ", usually " (default.as_str().map_or_else(|| default.to_string(), str::to_owned)) } } } }
                td data-label="Key" { code { (key) } }
            } } }
        } }
    })) } }
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let name: String = ctx.param("name")?;
    let driver = registry.drivers.get(&(workspace, name.clone())).cloned().ok_or(WebError::NotFound)?;
    let manifest = &driver.manifest;
    let mut devices: Vec<Arc<DeviceEntry>> = ctx.read(|tx| {
        let mut found = Vec::new();
        for entry in registry
            .devices
            .values()
            .filter(|entry| entry.device.workspace == workspace && entry.device.driver == name)
        {
            if ctx.level(tx, &Object::new(Kind::DEVICE, entry.device.id))? >= Level::View {
                found.push(entry.clone());
            }
        }
        Ok::<_, WebError>(found)
    })?;
    devices.sort_by_key(|entry| entry.device.name.clone());
    let well = devices.iter().filter(|entry| crate::http::health(&estate, entry).state == "ok").count();
    let rows = [
        (
            "Maker",
            html! { @if manifest.driver.vendor.is_empty() { span.muted { "any" } } @else { (manifest.driver.vendor) } },
        ),
        (
            "Stands for",
            html! { @match manifest.driver.kind { DriverKind::Hardware => "a device", DriverKind::Service => "a service", DriverKind::Logic => "logic over other devices" } },
        ),
        ("Speaks", html! { (speaks(&driver)) }),
        ("Made of", html! { (effort(&driver)) }),
        ("Version", html! { (manifest.driver.version) }),
        (
            "Package",
            html! { code title=(driver.hash) { (driver.hash.chars().take(16).collect::<String>()) } },
        ),
        (
            "Devices",
            html! { a href={ "/devices?driver=" (name) } { (devices.len()) } @if !devices.is_empty() { ", " (well) " online" } },
        ),
    ];
    let body = html! {
        div.split {
            div.stack {
                (fields("What it tells", manifest.status.iter().map(|(key, status)| (key, &status.field))))
                @if !manifest.commands.is_empty() { (own::flush("What it can be told", own::none(), html! {
                    div.table-wrap { table.table.table--cards {
                        thead { tr { th scope="col" { "Command" } th scope="col" { "With" } th scope="col" { "Needs" } } }
                        tbody { @for (key, command) in &manifest.commands { tr {
                            td data-label="Command" { span { strong { (controls::title(key, command)) } " " code { (key) } @if !command.about.is_empty() { div.field__help { (command.about) } } } }
                            td data-label="With" { span { @if command.params.is_empty() { span.muted { "nothing" } }
                                @for (index, (key, field)) in command.params.iter().enumerate() { @if index > 0 { "; " } (title(key, field)) ": " (kind(field)) } } }
                            td data-label="Needs" { span.row { (command.needs.word()) @match command.safety { Safety::Normal => {}, Safety::Access => (badge(Tone::Warn, "access")), Safety::LifeSafety => (badge(Tone::Bad, "life safety")) } } }
                        } } }
                    } }
                })) }
                (fields("Settings", manifest.settings.iter()))
                details.card { summary { strong { "Source" } " " span.muted { "driver.toml" } } div.source { pre tabindex="0" { code { (driver.text) } } } }
            }
            div.stack {
                (own::card("About", own::none(), parts::facts(&rows)))
                (own::card("Devices with it", own::none(), html! {
                    @if devices.is_empty() { p.muted { "None yet." } }
                    ul.plain-list { @for entry in devices.iter().take(12) { li { (own::device_link(&registry, entry.device.id)) } } }
                    @if devices.len() > 12 { p { a href={ "/devices?driver=" (name) } { "All " (devices.len()) } } }
                }))
            }
        }
    };
    Ok(ctx.page(
        Page::new(manifest.driver.title.clone(), PATH, body)
            .crumb("Drivers", PATH)
            .lead(manifest.driver.about.clone()),
    ))
}
