//! Devices: the list, and what forms change. One device is in [`page`], its card on other pages in [`card`].

pub mod card;
mod edit;
pub mod page;

use super::{forms, parts as own};
use crate::Estate;
use crate::configure::{self, DevicePatch};
use crate::devices::routes::{self as api, SPEC};
use crate::http::{device, with};
use axum::response::{IntoResponse, Response};
use bo_model::{DeviceId, Kind, Level, Object};
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Page, Result, Routes};
pub use card::card;
use card::in_short;
use maud::{Markup, html};
pub use page::lines_of;
use std::collections::BTreeMap;
use std::sync::Arc;

const PATH: &str = "/devices";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::DEVICE, "id", level);
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All devices")
        .get("/devices/{id}/peek", on(Level::View), with(estate, peek))
        .about("A device in short, as a piece of a page")
        .post("/devices/{id}/enabled", on(Level::Own), with(estate, set_enabled))
        .about("Enable or disable a device")
        .and(page::routes(estate))
        .and(edit::routes(estate))
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    let page = api::page_of_lines(&estate, &ctx)?;
    if list.format == "csv" {
        return api::csv(page);
    }
    let (registry, workspace, now) = (estate.registry(), ctx.workspace()?, ctx.now());
    let pairs =
        |values: &[(&str, &str)]| values.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let states = pairs(&[
        ("ok", "Online"),
        ("away", "Away, for whatever reason"),
        ("offline", "Not answering"),
        ("faulted", "Faulted"),
        ("gateway-offline", "Gateway away"),
        ("not-set-up", "Gateway not set up yet"),
        ("disabled", "Disabled"),
        ("unknown", "Nothing heard yet"),
    ]);
    let drivers: BTreeMap<String, String> = registry
        .library(workspace)
        .map(|driver| (driver.name().to_owned(), driver.manifest.driver.title.clone()))
        .collect();
    let zones = super::zones::choices(&registry, workspace);
    let builds = forms::builds(&ctx, &registry)?;
    let searched = !list.q.is_empty() || !list.filters.is_empty();
    let body = html! {
        (parts::filters(&list, PATH, "Name, address or driver", &[
            ("state", "State", states), ("driver", "Driver", drivers.into_iter().collect()), ("zone", "Place", zones),
        ]))
        section.card.card--flush {
            @if page.items.is_empty() {
                @if searched { (parts::empty("device", "Nothing found", "No device fits. Change the search or the filters.", Some(("Show all", PATH)))) }
                @else if builds { (parts::empty("device", "No devices yet", "A device lies in a system and is reached over a link of its gateway.", Some(("New device", "/devices/new")))) }
                @else { (parts::empty("device", "No devices here", "Nothing is shared with you yet. Whoever administers this workspace can give you access.", None)) }
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(&list, PATH, "Device", Some("name"))) (parts::heading(&list, PATH, "Where", None))
                        (parts::heading(&list, PATH, "Shows", None)) (parts::heading(&list, PATH, "Driver", Some("driver")))
                        (parts::heading(&list, PATH, "State", Some("state")))
                    } }
                    tbody { @for line in &page.items {
                        @let entry = registry.devices.get(&line.id);
                        tr {
                            td data-label="Device" { span { a href={ "/devices/" (line.id) } { (line.name) } span.muted { " in " a href={ "/systems/" (line.system.id) } { (line.system.name) } }
                                @if line.name != line.address { div.field__help { (line.address) } } } }
                            td data-label="Where" { @if let Some(entry) = entry { (own::place(&registry, entry.zone)) } }
                            td data-label="Shows" { @if let Some(entry) = entry { (in_short(&estate, &registry, entry, 2)) } }
                            td.wide data-label="Driver" { (entry.and_then(|entry| entry.driver.as_ref()).map_or(line.driver.as_str(), |driver| &driver.manifest.driver.title)) }
                            td data-label="State" { (own::health_line(&line.health, now)) }
                        }
                    } }
                } }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let page = Page::new("Devices", PATH, body).lead("Every device, what it shows and whether it answers.");
    let page = if builds { page.actions(own::new("New device", "/devices/new")) } else { page };
    Ok(ctx.page(page).into_response())
}

/// The viewer's level on a device.
pub fn level_on(ctx: &Ctx, id: DeviceId) -> Result<Level> {
    Ok(ctx.read(|tx| ctx.level(tx, &Object::new(Kind::DEVICE, id)))?)
}

async fn peek(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, entry) = device(&estate, &ctx)?;
    let level = level_on(&ctx, entry.device.id)?;
    Ok(html! {
        p.muted { (own::place(&registry, entry.zone)) " · " (own::system_link(&registry, entry.device.system)) }
        (card(&estate, &ctx, &registry, &entry, level))
    })
}

async fn set_enabled(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: DeviceId = ctx.param("id")?;
    let enabled = ctx.form()?.checked("enabled");
    let patch = DevicePatch { enabled: Some(enabled), ..DevicePatch::default() };
    configure::device(&estate, &ctx, id, patch).await?;
    let words = if enabled { "Enabled." } else { "Disabled." };
    let flash = format!("{words} The gateway gets it with its next release.");
    Ok(ctx.redirect(format!("/devices/{id}")).flash(flash).into_response())
}
