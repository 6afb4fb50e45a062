//! Devices: the list, a device with its values, commands, settings and log, and its card on other pages.

use super::{alarms, commands, controls, parts as own, settings};
use crate::Estate;
use crate::configure::{self, DevicePatch};
use crate::devices::routes::{self as api, SPEC, setting_views};
use crate::http::{device, health, with};
use crate::live::view::{self, LiveValue};
use crate::registry::{DeviceEntry, Registry};
use crate::state::LogOf;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::driver::Status;
use bo_model::settings::FieldKind;
use bo_model::{DeviceId, Kind, Level, Object};
use bo_web::layout::icon;
use bo_web::layout::parts;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const PATH: &str = "/devices";

/// Status variables people ask for first, in this order.
const MAIN: [&str; 18] = [
    "state",
    "on",
    "power",
    "operating_state",
    "occupancy",
    "people",
    "temperature",
    "setpoint",
    "mode",
    "co2",
    "humidity",
    "source",
    "input",
    "fan_speed",
    "running",
    "energy",
    "illuminance",
    "battery",
];

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::DEVICE, "id", level);
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All devices")
        .get("/devices/{id}", on(Level::View), with(estate, show))
        .about("A device: values, commands, settings, log")
        .get("/devices/{id}/peek", on(Level::View), with(estate, peek))
        .about("A device in short, as a piece of a page")
        .post("/devices/{id}/settings", on(Level::Own), with(estate, save_settings))
        .about("Set what a device itself sets")
        .post("/devices/{id}/enabled", on(Level::Own), with(estate, set_enabled))
        .about("Enable or disable a device")
        .post("/devices/{id}/name", on(Level::Own), with(estate, rename))
        .about("Rename a device")
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
        ("offline", "Not answering"),
        ("gateway-offline", "Gateway away"),
        ("disabled", "Disabled"),
        ("unknown", "Nothing heard yet"),
    ]);
    let drivers: BTreeMap<String, String> = registry
        .drivers
        .values()
        .filter(|driver| driver.workspace == workspace)
        .map(|driver| (driver.name().to_owned(), driver.manifest.driver.title.clone()))
        .collect();
    let zones = super::zones::choices(&registry, workspace);
    let body = html! {
        (parts::filters(&list, PATH, "Name, address or driver", &[
            ("state", "State", states), ("driver", "Driver", drivers.into_iter().collect()), ("zone", "Place", zones),
        ]))
        section.card.card--flush {
            @if page.items.is_empty() {
                (parts::empty("device", "No devices here", "No device fits. Change the search, or import an estate with `backoffice import` to bring devices in.", None))
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
                            td data-label="Device" { span { a href={ "/devices/" (line.id) } { (line.name) }
                                @if line.name != line.address { " " span.muted { (line.address) } } } }
                            td data-label="Where" { span { a href={ "/systems/" (line.system.id) } { (line.system.name) }
                                @if let Some(entry) = entry { div.field__help { (own::place(&registry, entry.zone)) } } } }
                            td data-label="Shows" { @if let Some(entry) = entry { (in_short(&estate, &registry, entry, 2)) } }
                            td data-label="Driver" { (entry.and_then(|entry| entry.driver.as_ref()).map_or(line.driver.as_str(), |driver| &driver.manifest.driver.title)) }
                            td data-label="State" { (own::health_line(&line.health, now)) }
                        }
                    } }
                } }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    Ok(ctx
        .page(Page::new("Devices", PATH, body).lead("Every device, what it shows and whether it answers."))
        .into_response())
}

/// A status variable of a device: declared, live, or both.
struct Point {
    name: String,
    title: String,
    declared: Option<Status>,
    live: Option<LiveValue>,
}

fn points(estate: &Estate, registry: &Registry, entry: &DeviceEntry) -> Vec<Point> {
    let mut live: BTreeMap<Arc<str>, LiveValue> = view::changes(estate, registry, entry.device.id, 0)
        .into_iter()
        .map(|value| (value.name.clone(), value))
        .collect();
    let mut found = Vec::new();
    for (name, status) in entry.driver.iter().flat_map(|driver| &driver.manifest.status) {
        let title =
            if status.field.title.is_empty() { own::humane(name) } else { status.field.title.clone() };
        found.push(Point {
            name: name.clone(),
            title,
            declared: Some(status.clone()),
            live: live.remove(name.as_str()),
        });
    }
    for (name, value) in live {
        found.push(Point {
            name: name.to_string(),
            title: own::humane(&name),
            declared: None,
            live: Some(value),
        });
    }
    let rank = |point: &Point| MAIN.iter().position(|main| *main == point.name).unwrap_or(MAIN.len());
    found.sort_by_key(|point| (point.name == "online", rank(point)));
    found
}

/// Its main values in one line.
pub fn in_short(estate: &Estate, registry: &Registry, entry: &DeviceEntry, at_most: usize) -> Markup {
    let points = points(estate, registry, entry);
    let shown = points.iter().filter(|point| point.name != "online" && point.live.is_some()).take(at_most);
    html! {
        span.row { @for point in shown {
            span title=(point.title) { (own::live(entry.device.id, &point.name, point.live.as_ref())) }
        } }
    }
}

/// A device on a system's page or beside a map: main values and controls.
pub fn card(estate: &Estate, ctx: &Ctx, registry: &Registry, entry: &DeviceEntry, level: Level) -> Markup {
    let id = entry.device.id;
    let points = points(estate, registry, entry);
    let main = points.iter().filter(|point| MAIN.contains(&point.name.as_str())).take(5);
    let controls = controls::controls(estate, ctx, registry, entry, level);
    let state = health(estate, entry);
    html! {
        article.card.device-card {
            div.card__head {
                h3 { a href={ "/devices/" (id) } { (entry.device.name) } }
                (own::health(&state))
            }
            dl.values { @for point in main {
                div { dt { (point.title) } dd { (own::live(id, &point.name, point.live.as_ref())) } }
            } }
            @if !controls.is_empty() {
                div.controls { @for control in controls.iter().take(4) { (control) } }
                @if controls.len() > 4 { p { a href={ "/devices/" (id) } { "All " (controls.len()) " commands" } } }
            }
        }
    }
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

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &Input::default())
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (registry, entry) = device(estate, ctx)?;
    let (id, level) = (entry.device.id, level_on(ctx, entry.device.id)?);
    let tab = if input.errors().next().is_some() { "settings".into() } else { ctx.query_value("tab") };
    let path = format!("/devices/{id}");
    let at = |tab: &str| format!("{path}?tab={tab}");
    let tabs = [
        ("Now", path.clone()),
        ("History", at("history")),
        ("Commands", at("commands")),
        ("Settings", at("settings")),
        ("Log", at("log")),
    ];
    let (current, body) = match tab.as_str() {
        "history" => (at("history"), history(estate, ctx, &registry, &entry)),
        "commands" => (at("commands"), past_commands(estate, ctx, id)?),
        "settings" => (at("settings"), settings_tab(ctx, &registry, &entry, level, input)),
        "log" => (at("log"), log(estate, &entry)),
        _ => (path.clone(), now(estate, ctx, &registry, &entry, level)?),
    };
    let body = html! { (parts::tabs(&tabs, &current)) (body) };
    let state = health(estate, &entry);
    let lead = entry.driver.as_ref().map(|driver| driver.manifest.driver.title.clone()).unwrap_or_default();
    let page = Page::new(entry.device.name.clone(), PATH, body).state(own::health(&state)).lead(lead);
    let page = own::crumbs(page, &registry, entry.zone, true);
    let system = registry.systems.get(&entry.device.system);
    Ok(ctx.page(page.crumb(
        system.map(|system| system.name.clone()).unwrap_or_default(),
        format!("/systems/{}", entry.device.system),
    )))
}

fn now(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    registry: &Registry,
    entry: &DeviceEntry,
    level: Level,
) -> Result<Markup> {
    let (id, now) = (entry.device.id, ctx.now());
    let state = health(estate, entry);
    let controls = controls::controls(estate, ctx, registry, entry, level);
    let open = alarms::open_of(estate, ctx, |alarm| alarm.device == Some(id))?;
    Ok(html! {
        div.stack {
            @if matches!(state.state, "offline" | "gateway-offline" | "disabled") {
                (parts::notice(own::health_words(state.state).0, html! {
                    strong { (own::health_words(state.state).1) } ": " (state.why)
                    @if let Some(since) = state.since { ", since " (parts::time(since, now)) }
                    ". The values below are the last ones that were read."
                }))
            }
            (alarms::strip(estate, ctx, &open))
            div.split {
                (values(estate, registry, entry, now))
                div.stack {
                    (own::card("Commands", own::none(), html! {
                        @if controls.is_empty() { p.muted { (no_controls(entry, level)) } }
                        @else { div.controls { @for control in &controls { (control) } } }
                    }))
                    (facts(registry, entry, level, ctx, &state))
                }
            }
        }
    })
}

fn no_controls(entry: &DeviceEntry, level: Level) -> &'static str {
    match &entry.driver {
        _ if !entry.device.enabled => "The device is disabled. Enable it to give commands.",
        Some(driver) if driver.manifest.commands.is_empty() => {
            "This device only tells; it takes no commands."
        }
        Some(_) if level < Level::Edit => {
            "You may look, but not operate it. Whoever owns this place can give you that."
        }
        _ => "There is nothing you may tell this device.",
    }
}

fn values(estate: &Estate, registry: &Registry, entry: &DeviceEntry, now: bo_model::Time) -> Markup {
    let id = entry.device.id;
    let points = points(estate, registry, entry);
    let body = html! {
        @if points.is_empty() {
            (parts::empty("device", "Nothing to show", "Its driver is not in the library, so it is not known what this device tells.", None))
        } @else {
            div.table-wrap { table.table.table--cards {
                thead { tr {
                    th scope="col" { "Value" } th scope="col" { "Now" } th scope="col" { "Quality" }
                    th scope="col" { "Observed" } th scope="col" { "Told by" }
                } }
                tbody { @for point in &points { tr {
                    td data-label="Value" {
                        span title=[point.declared.as_ref().map(|status| &status.field.about).filter(|about| !about.is_empty())] {
                            @if point.live.is_some() { a href={ "/devices/" (id) "?tab=history&point=" (point.name) } { (point.title) } }
                            @else { (point.title) }
                        }
                    }
                    td data-label="Now" { (own::live(id, &point.name, point.live.as_ref())) }
                    @match &point.live {
                        Some(live) => {
                            td data-label="Quality" { (own::quality(id, &point.name, &live.value.quality)) }
                            td data-label="Observed" { (own::age(id, &point.name, live.value.observed_at, now)) }
                            td.muted data-label="Told by" { (own::source(&live.value.source)) }
                        }
                        None => td.muted colspan="3" { "not reported yet" },
                    }
                } } }
            } }
        }
    };
    own::flush("Values", own::none(), body)
}

fn facts(
    registry: &Registry,
    entry: &DeviceEntry,
    level: Level,
    ctx: &Ctx,
    state: &crate::http::Health,
) -> Markup {
    let device = &entry.device;
    let driver = match &entry.driver {
        Some(driver) => {
            html! { a href={ "/drivers/" (driver.name()) } { (driver.manifest.driver.title) } " " span.muted { (driver.manifest.driver.version) } }
        }
        None => html! { (device.driver) " " span.muted { "(not in the library)" } },
    };
    let rows = [
        ("State", own::health_line(state, ctx.now())),
        ("System", own::system_link(registry, device.system)),
        ("Address", html! { code { (device.address) } }),
        ("Driver", driver),
        ("Gateway", own::edge_link(registry, entry.edge)),
        (
            "Link",
            html! { @match &device.link { Some(link) => code { (link) }, None => span.muted { "none: it works with other devices" } } },
        ),
    ];
    own::card(
        "About",
        own::none(),
        html! {
            (parts::facts(&rows))
            @if level >= Level::Own {
                div.form__actions {
                    @if device.enabled {
                        (parts::confirm("Disable", "Disable this device?", html! { p { "Its gateway stops talking to it with the next release. Its history stays." } },
                            &format!("/devices/{}/enabled", device.id), html! { (ctx.csrf()) input type="hidden" name="enabled" value="false"; }))
                    } @else {
                        (parts::post_button("Enable", "btn--primary", &format!("/devices/{}/enabled", device.id),
                            html! { (ctx.csrf()) input type="hidden" name="enabled" value="true"; }))
                    }
                }
            }
        },
    )
}

fn history(estate: &Estate, ctx: &Ctx, registry: &Registry, entry: &DeviceEntry) -> Markup {
    let id = entry.device.id;
    let drawn = |point: &&Point| match &point.declared {
        Some(status) => {
            matches!(status.field.kind, FieldKind::Number | FieldKind::Integer | FieldKind::Boolean)
                && status.history != Some(false)
        }
        None => point.live.as_ref().is_some_and(|live| live.value.data.number().is_some()),
    };
    let points = points(estate, registry, entry);
    let points: Vec<&Point> = points.iter().filter(drawn).collect();
    let asked = ctx.query_value("point");
    let Some(chosen) = points.iter().find(|point| point.name == asked).or(points.first()) else {
        return html! { section.card { (parts::empty("history", "No history", "This device tells nothing that is kept as numbers.", None)) } };
    };
    let unit = chosen.declared.as_ref().map_or("", |status| status.field.unit.as_str());
    html! {
        section.card {
            form.toolbar action={ "/devices/" (id) } method="get" {
                input type="hidden" name="tab" value="history";
                label for="point" { "Value" }
                select #point name="point" data-submit="" {
                    @for point in &points { option value=(point.name) selected[point.name == chosen.name] { (point.title) } }
                }
                button.btn type="submit" { "Show" }
                div.toolbar__end { a.btn.btn--quiet href={ "/api/v1/devices/" (id) "/history/" (chosen.name) "?format=csv" } { (icon("download")) "CSV of the last day" } }
            }
            bo-chart src={ "/api/v1/devices/" (id) "/history/" (chosen.name) } unit=(unit) title=(chosen.title) {}
        }
    }
}

fn past_commands(estate: &Estate, ctx: &Ctx, id: DeviceId) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let pairs = vec![("device".to_owned(), id.to_string())];
    let list = bo_web::ListQuery::parse(&crate::commands::routes::SPEC, pairs)?;
    let rows = ctx.read(|tx| crate::commands::queries::list(tx, workspace, &list))?;
    Ok(html! { section.card.card--flush data-fresh="10" id="device-commands" {
        @if rows.is_empty() { (parts::empty("play", "No commands yet", "What people, triggers and rooms ask of this device is listed here with its evidence.", None)) }
        @else { (commands::table(estate, &rows[..rows.len().min(list.limit)], ctx.now())) }
    } })
}

fn settings_tab(ctx: &Ctx, registry: &Registry, entry: &DeviceEntry, level: Level, input: &Input) -> Markup {
    let id = entry.device.id;
    let fields = entry.driver.as_ref().map(|driver| driver.manifest.settings.clone()).unwrap_or_default();
    html! {
        div.split {
            (own::flush("Settings in force", own::none(), settings::table(&setting_views(registry, entry))))
            @if level >= Level::Own {
                div.stack {
                    @if !fields.is_empty() {
                        (own::card("Set on this device", own::none(), settings::edit(ctx, &format!("/devices/{id}/settings"), &fields, &entry.device.settings, input)))
                    }
                    (own::card("Name", own::none(), html! {
                        form.form action={ "/devices/" (id) "/name" } method="post" {
                            (ctx.csrf())
                            (bo_web::layout::form::text("name", "Name", "", "text", true, &Input::filled([("name", entry.device.name.clone())])))
                            div.form__actions { button.btn type="submit" { "Rename" } }
                        }
                    }))
                }
            }
        }
    }
}

fn log(estate: &Estate, entry: &DeviceEntry) -> Markup {
    let lines = estate.logs.changes(&LogOf::Device(entry.device.id), 0);
    own::card("Log", own::none(), lines_of(&lines, Some(entry.device.id)))
}

/// Log lines, newest last; those of a device go on by themselves.
pub fn lines_of(lines: &[crate::state::LogEntry], follow: Option<DeviceId>) -> Markup {
    html! {
        div.log tabindex="0" role="log" aria-label="Log" data-log=[follow] {
            @if lines.is_empty() { p.muted.log__empty { "Nothing was written since the controller started." } }
            @for entry in lines {
                @let level = format!("{:?}", entry.line.level).to_lowercase();
                div class={ "log__line log__line--" (level) } {
                    (own::exact(entry.at)) span { (level) } span { (entry.line.text) }
                }
            }
        }
    }
}

async fn save_settings(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (_, entry) = device(&estate, &ctx)?;
    let input = ctx.form()?;
    let fields = entry.driver.as_ref().map(|driver| driver.manifest.settings.clone()).unwrap_or_default();
    let id = entry.device.id;
    let outcome = match settings::parse(&input, &fields, &entry.device.settings) {
        Ok(values) => {
            let patch = DevicePatch { settings: Some(values), ..DevicePatch::default() };
            configure::device(&estate, ctx.author(), id, patch).await.map_err(WebError::from)
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(ctx
            .redirect(format!("/devices/{id}?tab=settings"))
            .flash("Saved. The gateway gets it with its next release.")
            .into_response()),
        Err(WebError::BadInput(errors)) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&estate, &ctx, &input.with_errors(errors))?)
                .into_response())
        }
        Err(error) => Err(error),
    }
}

async fn set_enabled(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: DeviceId = ctx.param("id")?;
    let enabled = ctx.form()?.checked("enabled");
    let patch = DevicePatch { enabled: Some(enabled), ..DevicePatch::default() };
    configure::device(&estate, ctx.author(), id, patch).await?;
    let words = if enabled { "Enabled." } else { "Disabled." };
    let flash = format!("{words} The gateway gets it with its next release.");
    Ok(ctx.redirect(format!("/devices/{id}")).flash(flash).into_response())
}

async fn rename(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: DeviceId = ctx.param("id")?;
    let name = ctx.form()?.text("name").to_owned();
    configure::device(&estate, ctx.author(), id, DevicePatch { name: Some(name), ..DevicePatch::default() })
        .await?;
    Ok(ctx.redirect(format!("/devices/{id}?tab=settings")).flash("Renamed.").into_response())
}

/// The names of all status variables a set of devices has in common with charts: for choosing what to draw.
pub fn drawn_points(registry: &Registry, id: DeviceId) -> BTreeSet<(String, String, String)> {
    let manifest =
        registry.devices.get(&id).and_then(|entry| entry.driver.as_ref()).map(|driver| &driver.manifest);
    manifest
        .iter()
        .flat_map(|manifest| &manifest.status)
        .filter(|(_, status)| {
            matches!(status.field.kind, FieldKind::Number | FieldKind::Integer | FieldKind::Boolean)
        })
        .map(|(name, status)| {
            let title =
                if status.field.title.is_empty() { own::humane(name) } else { status.field.title.clone() };
            (name.clone(), title, status.field.unit.clone())
        })
        .collect()
}
