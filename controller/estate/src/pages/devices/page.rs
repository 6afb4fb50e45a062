//! One device: values, commands, history, settings, log.

use super::super::{alarms, availability, commands, controls, forms, metadata, parts as own, settings};
use super::card::{drawn_points, points};
use super::{PATH, edit, level_on};
use crate::Estate;
use crate::configure::Holder;
use crate::edges::EdgeState;
use crate::fleet::availability::of_device;
use crate::http::{device, health, with};
use crate::registry::{DeviceEntry, Registry};
use crate::state::LogOf;
use axum::response::Response;
use bo_model::{DeviceId, Kind, Level};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Input, Need, Page, Result, Routes};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::DEVICE, "id", level);
    Routes::new("estate")
        .get("/devices/{id}", on(Level::View), with(estate, show))
        .about("A device: values, commands, settings, log")
        .post("/devices/{id}/settings", on(Level::Own), with(estate, save_setting))
        .about("Set a setting of a device")
        .post("/devices/{id}/settings/reset", on(Level::Own), with(estate, reset_setting))
        .about("Take back a setting of a device")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &ctx.query_value("tab"), &Input::default())
}

async fn save_setting(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let on = Holder::Device(ctx.param("id")?);
    settings::save(&estate, &ctx, on, |input| render(&estate, &ctx, "settings", input)).await
}

async fn reset_setting(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    settings::reset(&estate, &ctx, Holder::Device(ctx.param("id")?)).await
}

/// The page, with one of its tabs open; `input` is a refused form of that tab.
pub fn render(estate: &Arc<Estate>, ctx: &Ctx, tab: &str, input: &Input) -> Result<Markup> {
    let (registry, entry) = device(estate, ctx)?;
    let (id, level) = (entry.device.id, level_on(ctx, entry.device.id)?);
    let path = format!("/devices/{id}");
    let at = |tab: &str| format!("{path}?tab={tab}");
    let tabs = [
        ("Now", path.clone()),
        ("History", at("history")),
        ("Commands", at("commands")),
        ("Settings", at("settings")),
        ("Log", at("log")),
        ("About", at("about")),
    ];
    let owns = level >= Level::Own;
    let (current, body) = match tab {
        "history" => (at("history"), history(ctx, &registry, &entry)),
        "commands" => (at("commands"), past_commands(estate, ctx, id)?),
        "settings" => (at("settings"), settings::tab(ctx, &registry, Holder::Device(id), owns, input)?),
        "log" => (at("log"), log(estate, &entry)),
        "about" => (at("about"), about(estate, ctx, &registry, &entry, level, input)?),
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

fn about(
    estate: &Estate,
    ctx: &Ctx,
    registry: &Registry,
    entry: &DeviceEntry,
    level: Level,
    input: &Input,
) -> Result<Markup> {
    let id = entry.device.id;
    let was = ctx.query_value("was");
    let was_name =
        was.parse().ok().and_then(|id| registry.systems.get(&id)).map(|system| system.name.clone());
    Ok(html! {
        div.stack {
            @if let Some(name) = was_name { (forms::moved_back(ctx, &format!("/devices/{id}/move"), "system", &was, &name)) }
            div.split {
                div.stack {
                    @if level >= Level::Own { (edit::properties(ctx, registry, entry, input)?) }
                    (facts(registry, entry, level, ctx, &health(estate, entry), &link_state(estate, entry)))
                    @if let Some(edge) = registry.edges.get(&entry.edge).filter(|edge| edge.state != EdgeState::New) {
                        (availability::card(ctx, |tx, from, to| of_device(tx, entry, edge, from, to))?)
                    }
                    (metadata::card(ctx, &format!("/devices/{id}"), "device", &entry.device.metadata, level, input)?)
                }
                @if level >= Level::Own { div.stack {
                    (edit::move_card(ctx, registry, entry, input)?)
                    (forms::maintenance_card(&bo_model::Object::new(Kind::DEVICE, id)))
                    (forms::access_card(ctx, &bo_model::Object::new(Kind::DEVICE, id))?)
                    (forms::remove_card(&format!("/devices/{id}"), &entry.device.name))
                } }
            }
        }
    })
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
            @if state.is_away() || matches!(state.state, "not-set-up" | "disabled") {
                (parts::notice(own::health_words(state.state).0, html! {
                    strong { (own::health_words(state.state).1) } ": " (state.why)
                    @if let Some(since) = state.since { ", since " (parts::time(since, now)) }
                    ". The values below are the last ones that were read."
                    @if state.state == "faulted" { " Everything else on its gateway runs on. Its log says more; another version of its driver or other settings may help." }
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
                    th scope="col" title="The gateway tells a value when it changes; what it can't read any more it tells at once." { "Since" } th scope="col" { "Told by" }
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
                            td data-label="Since" { (own::age(id, &point.name, live.value.observed_at, now)) }
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

/// How the gateway says the device's link is; nothing while it says nothing.
fn link_state(estate: &Estate, entry: &DeviceEntry) -> String {
    let presence = estate.presence.of(entry.edge);
    let link =
        entry.device.link.as_ref().filter(|_| presence.online).and_then(|name| presence.links.get(name));
    link.map(|link| link.state.clone()).unwrap_or_default()
}

fn facts(
    registry: &Registry,
    entry: &DeviceEntry,
    level: Level,
    ctx: &Ctx,
    state: &crate::http::Health,
    link_state: &str,
) -> Markup {
    let device = &entry.device;
    let driver = match &entry.driver {
        Some(driver) => {
            html! { a href={ "/drivers/" (driver.name()) } { (driver.manifest.driver.title) } " " span.muted { (driver.manifest.driver.version) @if driver.held { ", held" } } }
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
            html! { @match &device.link { Some(link) => span { code { (link) } @if let Some(what) = link_state.strip_prefix("limited: ") { " " (badge(Tone::Warn, "Up, with limits")) " " span.muted { (what) } } }, None => span.muted { "none: it works with other devices" } } },
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

fn history(ctx: &Ctx, registry: &Registry, entry: &DeviceEntry) -> Markup {
    let id = entry.device.id;
    let points = drawn_points(registry, id);
    let asked = ctx.query_value("point");
    let Some(chosen) = points.iter().find(|point| point.name == asked).or(points.first()) else {
        return html! { section.card { (parts::empty("history", "No history", "This device tells nothing that is kept as numbers.", None)) } };
    };
    let line = serde_json::Value::Array(vec![chosen.line(id, &chosen.title)]);
    html! {
        section.card {
            form.toolbar action={ "/devices/" (id) } method="get" {
                input type="hidden" name="tab" value="history";
                label for="point" { "Value" }
                select #point name="point" data-submit="" {
                    @for point in &points { option value=(point.name) selected[point.name == chosen.name] { (point.title) } }
                }
                noscript { button.btn type="submit" { "Show" } }
                div.toolbar__end {
                    a.btn.btn--quiet href={ "/history?point=" (id) "/" (chosen.name) } { (icon("plus")) "Compare" }
                    a.btn.btn--quiet href={ "/api/v1/devices/" (id) "/history/" (chosen.name) "?format=csv&step=raw" } { (icon("download")) "Every sample of the last day" }
                }
            }
            bo-chart lines=(line) {}
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

fn log(estate: &Estate, entry: &DeviceEntry) -> Markup {
    let lines = estate.logs.changes(&LogOf::Device(entry.device.id), 0);
    own::card("Log", own::none(), lines_of(&lines, Some(entry.device.id)))
}

/// Log lines, newest last; those of a device go on by themselves.
pub fn lines_of(lines: &[crate::state::LogEntry], follow: Option<DeviceId>) -> Markup {
    html! {
        div.toolbar data-log-filter="" hidden {
            div.search { label.sr-only for="log-q" { "Search the log" } input #log-q type="search" placeholder="Words of a line" autocomplete="off"; }
            label.sr-only for="log-level" { "Level" }
            select #log-level { @for (value, label) in [("", "All levels"), ("info", "Info and worse"), ("warn", "Warnings and errors"), ("error", "Errors")] { option value=(value) { (label) } } }
            label.check { input type="checkbox" data-log-follow="" checked; "Follow" }
            div.toolbar__end { button.btn.btn--quiet type="button" data-log-save="" { (icon("download")) "Save" } }
        }
        div.log tabindex="0" role="log" aria-label="Log" data-log=[follow] {
            @if lines.is_empty() { p.muted.log__empty { "Nothing was written since the controller started." } }
            @for entry in lines {
                @let level = format!("{:?}", entry.line.level).to_lowercase();
                div class={ "log__line log__line--" (level) } data-level=(level) {
                    (own::exact(entry.at)) span { (level) } span { (entry.line.text) }
                }
            }
        }
    }
}
