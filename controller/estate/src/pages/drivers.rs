//! Drivers: the library, and a driver's manifest as a person reads it.

use super::{controls, forms, parts as own};
use crate::Estate;
use crate::drivers::routes::{MAX_PACKED, put_in, put_to_use, uses};
use crate::drivers::{Driver, plain, queries};
use crate::http::with;
use crate::registry::{DeviceEntry, Registry};
use axum::response::{IntoResponse, Response};
use bo_model::driver::{Kind as DriverKind, LinkKind, Safety};
use bo_model::settings::{Field, FieldKind};
use bo_model::{Kind, Level, Object};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/drivers";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let (view, own) =
        (Need::workspace_area("drivers", Level::View), Need::workspace_area("drivers", Level::Own));
    Routes::new("estate")
        .get(PATH, view, with(estate, list))
        .about("The drivers of the library")
        .post(PATH, own, with(estate, add))
        .about("Put a packed driver into the library")
        .body_limit(MAX_PACKED)
        .post("/drivers/{name}/version", own, with(estate, choose))
        .about("Make another version of a driver the one in use")
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
    render(&estate, &ctx, &Input::default())
}

async fn add(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (input, files) = ctx.form_with_files().await?;
    let outcome = match files.first() {
        Some(file) => put_in(&estate, &ctx, &file.bytes, input.checked("now")).await,
        None => Err(WebError::field("file", "choose the packed driver")),
    };
    let outcome = outcome.map(|added| {
        let said = match (added.new, added.in_use) {
            (false, _) => "The library had it already.",
            (true, true) => "It is in use: the next releases carry it.",
            (true, false) => "It is here. Devices that hold its version run it.",
        };
        Redirect::to(format!("/drivers/{}", added.name)).flash(said)
    });
    forms::answer(outcome, input, |input| render(&estate, &ctx, input))
}

async fn choose(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (name, input): (String, Input) = (ctx.param("name")?, ctx.form()?);
    put_to_use(&estate, &ctx, name.clone(), input.text("version").to_owned()).await?;
    Ok(Redirect::to(format!("/drivers/{name}")).flash("The next releases carry it.").into_response())
}

/// The form with which a packed driver is put into the library.
fn add_card(ctx: &Ctx, input: &Input) -> Markup {
    own::card(
        "Add a driver",
        own::none(),
        html! {
            form.form.stack action=(PATH) method="post" enctype="multipart/form-data" {
                (ctx.csrf())
                div.field {
                    label.field__label for="file" { "Packed driver" }
                    input.input id="file" type="file" name="file" accept=".driver" required aria-describedby="file-help";
                    div.field__help id="file-help" { "The file that " code { "backoffice-edge driver pack" } " made." }
                    @if let Some(error) = input.error("file") { div.field__error role="alert" { (error) } }
                    @if let Some(error) = input.error("version") { div.field__error role="alert" { (error) } }
                }
                (form::check("now", "Use it at once", "Otherwise the version in use stays, and devices that hold the new one run it.", input))
                div.form__actions { button.btn.btn--primary type="submit" { "Add" } }
            }
        },
    )
}

/// All versions of a driver, and which is in use.
fn versions_card(ctx: &Ctx, registry: &Registry, driver: &Driver) -> Result<Markup> {
    let name = driver.name();
    let may = ctx.read(|tx| ctx.level(tx, &Object::area(driver.workspace, "drivers")))? >= Level::Own;
    let all = ctx.read(|tx| queries::versions(tx, driver.workspace, name))?;
    let holding = |version: &str| {
        let label = format!("{name}@{version}");
        registry
            .devices
            .values()
            .filter(|entry| entry.device.workspace == driver.workspace && entry.device.driver == label)
            .count()
    };
    Ok(own::card(
        "Versions",
        own::none(),
        html! {
            ul.plain-list { @for held in &all { li.row {
                strong { (held.version) }
                span.muted { "added " (parts::time(held.added_at, ctx.now())) }
                @let held_by = holding(&held.version);
                @if held_by > 0 { span { "held by " (own::count(held_by, "device")) } }
                @if held.hash == driver.hash { (badge(Tone::Good, "in use")) }
                @else if may && all.iter().filter(|other| other.version == held.version).count() == 1 {
                    (parts::confirm("Use it", &format!("Use {} {}?", driver.manifest.driver.title, held.version),
                        html! { p { "Every device that holds no version of its own gets it with its gateway's next release. " (driver.manifest.driver.version) " stays in the library: you can go back." } },
                        &format!("/drivers/{name}/version"), html! { (ctx.csrf()) input type="hidden" name="version" value=(held.version); }))
                }
            } } }
            p.field__help { "A device can hold a version: choose it on its page, under About." }
        },
    ))
}

fn render(estate: &Estate, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let wanted = ctx.query_value("q").trim().to_lowercase();
    let fits = |driver: &Arc<Driver>| {
        let identity = &driver.manifest.driver;
        [&identity.name, &identity.title, &identity.vendor]
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    };
    let drivers: Vec<_> = registry.library(workspace).filter(|driver| fits(driver)).collect();
    let may = ctx.read(|tx| ctx.level(tx, &Object::area(workspace, "drivers")))? >= Level::Own;
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            (parts::search("driver-q", &ctx.query_value("q"), "Title, maker or name"))
        }
        div.stack { section.card.card--flush {
            @if drivers.is_empty() && !wanted.is_empty() {
                (parts::empty("driver", "No driver fits", "Change the search.", Some(("Show all", PATH))))
            } @else if drivers.is_empty() {
                (parts::empty("driver", "No drivers yet", "A driver teaches BackOffice a type of device. The command backoffice-edge driver new begins one, driver pack makes it the file that is added here. Importing an estate brings the drivers of its devices along.", None))
            } @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Driver" } th scope="col" { "Speaks" } th scope="col" { "Made of" } th scope="col" { "Version" } th.num scope="col" { "Devices" } } }
                tbody { @for driver in &drivers {
                    @let identity = &driver.manifest.driver;
                    tr {
                        td data-label="Driver" { span { a href={ "/drivers/" (identity.name) } { (identity.title) } div.field__help { (identity.about) } } }
                        td data-label="Speaks" { (speaks(driver)) }
                        td data-label="Made of" { (effort(driver)) }
                        td data-label="Version" { (identity.version) }
                        td.num data-label="Devices" { a href={ "/devices?driver=" (identity.name) } { (uses(&registry, workspace, &identity.name)) } }
                    }
                } }
            } } }
        }
        @if may { (add_card(ctx, input)) } }
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
            .filter(|entry| entry.device.workspace == workspace && plain(&entry.device.driver) == name)
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
                (versions_card(&ctx, &registry, &driver)?)
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
