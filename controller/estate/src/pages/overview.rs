//! The overview: what needs somebody, how each building is, what the sun gives, what happened lately.

use super::tally::tallies;
use super::{alarms, audit, commands, parts as own, zones};
use crate::Estate;
use crate::fleet::routes::summarise;
use crate::history::queries::Step;
use crate::http::{AWAY, Health, may, with};
use crate::live::view;
use crate::registry::{DeviceEntry, Registry};
use bo_model::estate::ZoneKind;
use bo_model::{Kind, Level, Object};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use std::cmp::Reverse;
use std::sync::Arc;

/// Lines of the short lists.
const LINES: usize = 6;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/", Need::signed_in(), with(estate, show))
        .about("The organisation at a glance")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let registry = estate.registry();
    let workspace = ctx.workspace()?;
    let mut summary = summarise(&estate, &ctx)?;
    let open = alarms::open_of(&estate, &ctx, |_| true)?;
    let inverters = inverters(&ctx, &registry)?;
    let energy = energy_today(&estate, &ctx, &registry, &inverters)?;
    let tallies = tallies(&estate, &ctx, &registry)?;
    let mut buildings: Vec<_> = registry
        .zones
        .values()
        .filter(|zone| {
            zone.workspace == workspace
                && zone.kind == ZoneKind::Building
                && tallies.zones.contains_key(&zone.id)
        })
        .collect();
    buildings.sort_by_key(|zone| zone.name.clone());
    let mut away = std::mem::take(&mut summary.away);
    away.sort_by_cached_key(|(entry, state)| (Reverse(state.since), entry.device.name.clone()));
    let devices: usize = summary.devices.values().sum();
    let well = summary.devices.get("ok").copied().unwrap_or_default();
    let active: usize = summary.alarms.values().sum();
    let power: f64 = inverters
        .iter()
        .filter_map(|entry| view::one(&estate, &registry, entry.device.id, "power"))
        .filter_map(|live| live.value.data.number())
        .sum();
    let body = html! {
        div.stack {
            div id="overview-verdict" data-fresh="alarms" { (verdict(&summary, &open, buildings.is_empty())) }
            div.stats id="overview-stats" data-fresh="10" {
                a.card.stat href="/alarms" {
                    span.stat__label { "Active alarms" } span.stat__value { (active) }
                    span.stat__note { @if summary.unacknowledged > 0 { (summary.unacknowledged) " nobody has seen to" } @else { "All seen to" } }
                }
                a.card.stat href={ "/devices" @if well < devices { "?state=offline" } } {
                    span.stat__label { "Devices online" } span.stat__value { (well) span.stat__unit { " of " (devices) } }
                    span.stat__note { @if !away.is_empty() { (away.len()) " not answering" } @else if devices == 0 { "None yet" } @else if well == devices { "All answer" } @else { (devices - well) " not set up or heard yet" } }
                }
                a.card.stat href="/edges" {
                    span.stat__label { "Gateways online" } span.stat__value { (summary.edges_online) span.stat__unit { " of " (summary.edges - summary.edges_not_set_up) } }
                    span.stat__note { @if summary.edges_not_set_up > 0 { (summary.edges_not_set_up) " not set up yet" } @else { (own::count(summary.systems, "system")) } }
                }
                @if !inverters.is_empty() {
                    div.card.stat {
                        span.stat__label { "Sun power now" }
                        span.stat__value { (format!("{:.1}", power / 1000.0 + 0.0)) span.stat__unit { " kW" } }
                        span.stat__note { @match energy { Some(kwh) => (format!("{kwh:.0} kWh today")), None => "No yield known today yet" } }
                    }
                }
            }
            div.split {
                div.stack {
                    div id="overview-alarms" data-fresh="alarms" { (alarms_card(&estate, &ctx, &open)) }
                    @if buildings.is_empty() {
                        section.card { (parts::empty("building", "No buildings yet", "Make the first one here, or describe buildings, rooms and devices in files and bring them in with backoffice import.", Some(("New building", "/zones/new")))) }
                    } @else {
                        div.grid id="overview-buildings" data-fresh="15" { @for zone in &buildings { (zones::zone_card(&registry, zone, &tallies)) } }
                    }
                    @if !away.is_empty() { (away_card(&registry, &away, ctx.now())) }
                    (recent_changes(&estate, &ctx)?)
                }
                div.stack {
                    @if !inverters.is_empty() { (sun_card(&inverters)) }
                    (recent_commands(&estate, &ctx)?)
                }
            }
        }
    };
    Ok(ctx.page(Page::new("Overview", "/", body)))
}

/// The state of everything in one sentence: what is wrong first, and where to look.
fn verdict(summary: &crate::fleet::routes::Summary, open: &[crate::alarms::Alarm], nowhere: bool) -> Markup {
    let devices: usize = summary.devices.values().sum();
    let away: usize = AWAY.iter().filter_map(|state| summary.devices.get(state)).sum();
    let expected = summary.edges - summary.edges_not_set_up;
    let gateways = expected.saturating_sub(summary.edges_online);
    let critical = open
        .iter()
        .filter(|alarm| alarm.active && !alarm.acknowledged && alarm.severity == "critical")
        .count();
    let unseen = open.iter().filter(|alarm| !alarm.acknowledged).count();
    let mut wrong: Vec<String> = Vec::new();
    if critical > 0 {
        wrong.push(format!("{} now", own::count(critical, "critical alarm")));
    }
    if unseen > critical {
        wrong.push(format!("{} nobody has seen to", own::count(unseen - critical, "alarm")));
    }
    if gateways > 0 {
        wrong.push(format!("{gateways} of {expected} gateways away"));
    }
    let silent = summary.devices.get("unknown").copied().unwrap_or_default();
    if silent > 0 {
        wrong.push(format!("{silent} of {devices} devices not heard yet"));
    }
    if away > 0 {
        wrong.push(format!("{away} of {devices} devices not answering"));
    }
    let well = summary.devices.get("ok").copied().unwrap_or_default();
    let (tone, symbol) = match (critical + gateways, wrong.is_empty()) {
        _ if expected == 0 && wrong.is_empty() => ("verdict verdict--info", "edge"),
        (1.., _) => ("verdict verdict--bad", "warning"),
        (_, false) => ("verdict verdict--warn", "alarm"),
        _ => ("verdict", "check"),
    };
    html! {
        p class=(tone) role="status" {
            (icon(symbol))
            @if summary.edges == 0 && nowhere { strong { "Nothing is here yet." } span { "Begin with the first building; a gateway then brings its devices in." } a.btn href="/zones/new" { "New building" } }
            @else if summary.edges == 0 { strong { "Nothing is connected yet." } span { "Create a gateway to bring a building in." } a.btn href="/edges/new" { "New gateway" } }
            @else if expected == 0 && wrong.is_empty() { strong { "No gateway is set up yet." } span { "Let the machine on site in with a one-time code." } a.btn href="/edges?state=new" { "Gateways" } }
            @else if wrong.is_empty() { strong { "All well." } span { (own::count(well, "device")) @if well == 1 { " answers" } @else { " answer" } ", no alarm waits." } }
            @else { strong { (wrong.join(", ")) "." } @if unseen > 0 { a.btn href="/alarms" { "See to it" } } @else if gateways > 0 { a.btn href="/edges?state=offline" { "Which" } } @else { a.btn href="/devices?state=away" { "Which" } } }
        }
    }
}

fn alarms_card(estate: &Estate, ctx: &Ctx, open: &[crate::alarms::Alarm]) -> Markup {
    own::flush(
        "Needs somebody",
        own::more("All alarms", "/alarms"),
        html! {
            @if open.is_empty() {
                div.empty.empty--small { (icon("check")) p { "No alarms. Nothing needs you." } }
            } @else {
                (alarms::rows(estate, ctx, &open[..open.len().min(LINES)]))
                @if open.len() > LINES { p.card__foot { a href="/alarms" { "and " (open.len() - LINES) " more" } } }
            }
        },
    )
}

/// Inverters the viewer may see.
fn inverters(ctx: &Ctx, registry: &Registry) -> Result<Vec<Arc<DeviceEntry>>> {
    let workspace = ctx.workspace()?;
    let is_inverter = |entry: &&Arc<DeviceEntry>| {
        entry.device.workspace == workspace
            && entry.driver.as_ref().is_some_and(|driver| driver.manifest.driver.module == "Inverter")
    };
    ctx.read(|tx| {
        let mut found = Vec::new();
        for entry in registry.devices.values().filter(is_inverter) {
            if may(ctx, tx, Kind::DEVICE, entry.device.id, Level::View)? {
                found.push(entry.clone());
            }
        }
        found.sort_by_key(|entry| entry.device.name.clone());
        Ok::<_, WebError>(found)
    })
}

/// What all of them yielded since local midnight in kWh: the rise of their counters.
fn energy_today(
    estate: &Estate,
    ctx: &Ctx,
    registry: &Registry,
    inverters: &[Arc<DeviceEntry>],
) -> Result<Option<f64>> {
    let now = ctx.now().0 / 1000;
    let mut total = None;
    for entry in inverters {
        let zone = registry
            .time_zone(entry.zone)
            .and_then(|name| TimeZone::get(&name).ok())
            .unwrap_or(TimeZone::UTC);
        let midnight = ctx.now().timestamp().to_zoned(zone).start_of_day();
        let Ok(midnight) = midnight.map(|day| day.timestamp().as_millisecond()) else { continue };
        let Some(point) = estate.history.points.find(entry.device.id, "energy") else { continue };
        let reader = estate.history.reader(point.id);
        let buckets = ctx.read(|tx| reader.buckets(tx, (midnight, now + 1), &Step::Every(900_000), now))?;
        if let (Some(first), Some(last)) = (buckets.first(), buckets.last()) {
            *total.get_or_insert(0.0) += (last.last - first.min).max(0.0);
        }
    }
    Ok(total)
}

fn sun_card(inverters: &[Arc<DeviceEntry>]) -> Markup {
    let sources: Vec<String> =
        inverters.iter().map(|entry| format!("/api/v1/devices/{}/history/power", entry.device.id)).collect();
    let plant =
        inverters.first().map(|entry| format!("/systems/{}", entry.device.system)).unwrap_or_default();
    own::card(
        "Sun power",
        own::more("The plant", &plant),
        html! {
            bo-chart src=(sources.join(" ")) unit="W" title="All inverters" sum="" compact="" {}
        },
    )
}

fn away_card(registry: &Registry, away: &[(Arc<DeviceEntry>, Health)], now: bo_model::Time) -> Markup {
    own::flush(
        "Not answering",
        own::more("All", "/devices?state=away"),
        html! {
            div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Device" } th scope="col" { "Why" } th scope="col" { "Since" } } }
                tbody { @for (entry, state) in away.iter().take(LINES) { tr {
                    td data-label="Device" { span { (own::device_link(registry, entry.device.id)) } }
                    td data-label="Why" { (state.why) }
                    td data-label="Since" { (parts::time_or(state.since, now, "not known")) }
                } } }
            } }
            @if away.len() > LINES { p.card__foot { a href="/devices?state=away" { "and " (away.len() - LINES) " more" } } }
        },
    )
}

fn recent_commands(estate: &Estate, ctx: &Ctx) -> Result<Markup> {
    let registry = estate.registry();
    let page = crate::commands::routes::page(ctx)?;
    Ok(own::flush(
        "Recent commands",
        own::more("All", "/commands"),
        html! {
            @if page.items.is_empty() { div.empty.empty--small { p { "Nobody asked a device for anything yet." } } }
            @else {
                ul.feed id="overview-commands" data-fresh="10" { @for command in page.items.iter().take(LINES) { li {
                    span.feed__head { a href={ "/commands/" (command.request.id) } { (commands::name(estate, command)) } (commands::outcome(&command.stage)) }
                    span.muted { (own::device_link(&registry, command.request.device)) ", by " (own::actor(&registry, &command.request.actor)) ", " (parts::time(command.asked_at, ctx.now())) }
                } } }
            }
        },
    ))
}

fn recent_changes(estate: &Estate, ctx: &Ctx) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let records = ctx.read(|tx| {
        if ctx.level(tx, &Object::area(workspace, "audit"))? < Level::View {
            return Ok::<_, WebError>(None);
        }
        let filter = bo_db::audit::search::Filter { workspace: Some(workspace), ..Default::default() };
        Ok(Some(bo_db::audit::search::search(tx, &filter, 10 * LINES)?))
    })?;
    let Some(mut records) = records else { return Ok(own::none()) };
    // Commands have a list of their own; who signed in and what gateways report is no change.
    records.retain(|record| {
        !["command.", "session.", "edge.record"].iter().any(|noun| record.verb.starts_with(noun))
    });
    records.truncate(LINES);
    let registry = estate.registry();
    Ok(own::flush(
        "Recent changes",
        own::more("Audit", "/audit"),
        html! {
            @if records.is_empty() { div.empty.empty--small { p { "Nothing was changed lately." } } }
            ul.feed { @for record in &records { li {
                span.feed__head { a href={ "/audit/" (record.seq) } { (audit::verb(&record.verb)) }
                    @if record.outcome != bo_db::audit::Outcome::Done { (parts::badge(Tone::Warn, record.outcome.word())) } }
                span.muted { (audit::object_name(&registry, record)) ", by " (own::actor(&registry, &record.actor)) ", " (parts::time(record.at, ctx.now())) }
            } } }
        },
    ))
}
