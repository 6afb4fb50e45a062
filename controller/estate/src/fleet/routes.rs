//! API of the fleet: what is away, where, since when; gaps; search over everything.

use super::queries;
use crate::Estate;
use crate::edges::EdgeState;
use crate::http::{Health, health, may, system, with};
use crate::registry::DeviceEntry;
use axum::response::Response;
use bo_model::Time;
use bo_web::list::{Key, ListSpec};
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const GAPS: ListSpec = ListSpec { sorts: &["at"], sort: "at", desc: true, filters: &["edge"] };
/// Hits of a search.
const HITS: usize = 30;

/// Numbers of a workspace at a glance.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Gateways that prove that they live.
    pub edges_online: usize,
    /// Gateways that are not revoked.
    pub edges: usize,
    /// Those of them that were not let in yet: nobody expects anything of them.
    pub edges_not_set_up: usize,
    /// Systems.
    pub systems: usize,
    /// Devices by state: ok, offline, faulted, gateway-offline, not-set-up, disabled, unknown.
    pub devices: BTreeMap<&'static str, usize>,
    /// Those that should be there and are not, in no order.
    #[serde(skip)]
    pub away: Vec<(Arc<DeviceEntry>, Health)>,
    /// Active alarms by severity.
    pub alarms: BTreeMap<String, usize>,
    /// Alarms nobody has seen to.
    pub unacknowledged: usize,
    /// Points with a value.
    pub values: usize,
    /// Values taken in since the controller started.
    pub values_in: u64,
}

/// Routes of the fleet.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/fleet", Need::signed_in(), with(estate, summary))
        .about("Numbers at a glance: gateways, devices by state, alarms")
        .get("/api/v1/gaps", Need::workspace_area("edges", Level::View), with(estate, gaps))
        .about("The gap ledger: every loss a gateway owned up to")
        .post("/api/v1/edges/{id}/backfill", Need::object(Kind::EDGE, "id", Level::Edit), with(estate, backfill))
        .about("Ask a gateway again for records it may still have; what comes is filled into history")
        .accepts(json!({"type": "object", "required": ["class", "epoch", "from", "to"], "additionalProperties": false,
            "properties": {"class": {"enum": ["status", "history"]}, "epoch": {"type": "integer"},
                "from": {"type": "integer", "minimum": 1}, "to": {"type": "integer", "minimum": 1}}}))
        .get("/api/v1/search", Need::signed_in(), with(estate, search))
        .about("Find zones, systems, devices, gateways and triggers by name")
        .query(json!({"type": "object", "properties": {"q": {"type": "string", "description": "A part of the name"}}}))
}

/// The query of an availability.
pub(crate) fn days_schema() -> serde_json::Value {
    json!({"type": "object", "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 366, "default": 30}}})
}

/// The last days, as the query asks: from then until now.
pub(crate) fn days(ctx: &Ctx) -> Result<(Time, Time)> {
    let days = match ctx.query_value("days").as_str() {
        "" => 30,
        text => text.parse().ok().filter(|days| (1..=366).contains(days)).unwrap_or(0),
    };
    if days == 0 {
        return Err(WebError::field("days", "must be 1 to 366"));
    }
    let now = ctx.now();
    Ok((Time(now.0 - days * 86_400_000_000), now))
}

/// What the viewer may see of their workspace, counted.
pub fn summarise(estate: &Estate, ctx: &Ctx) -> Result<Summary> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    ctx.read(|tx| {
        let mut summary = Summary::default();
        let ours = registry.edges.values().filter(|edge| edge.workspace == workspace);
        for edge in ours.filter(|edge| edge.state != EdgeState::Revoked) {
            if may(ctx, tx, Kind::EDGE, edge.id, Level::View)? {
                summary.edges += 1;
                summary.edges_not_set_up += usize::from(edge.state == EdgeState::New);
                summary.edges_online += usize::from(estate.presence.is_online(edge.id));
            }
        }
        for entry in registry.devices.values().filter(|entry| entry.device.workspace == workspace) {
            if may(ctx, tx, Kind::DEVICE, entry.device.id, Level::View)? {
                let health = health(estate, entry);
                *summary.devices.entry(health.state).or_default() += 1;
                if health.is_away() {
                    summary.away.push((entry.clone(), health));
                }
            }
        }
        for system in registry.systems.values().filter(|system| system.workspace == workspace) {
            summary.systems += usize::from(may(ctx, tx, Kind::SYSTEM, system.id, Level::View)?);
        }
        for alarm in estate.alarms.changes(0) {
            if alarm.workspace != workspace
                || !alarm.is_open()
                || ctx.level(tx, &alarm.subject())? < Level::View
            {
                continue;
            }
            summary.unacknowledged += usize::from(!alarm.acknowledged);
            if alarm.active {
                *summary.alarms.entry(alarm.severity).or_default() += 1;
            }
        }
        summary.values = estate.table.len();
        summary.values_in = estate.values_in.load(Ordering::Relaxed);
        Ok(summary)
    })
}

async fn summary(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&summarise(&estate, &ctx)?))
}

/// A page of the gap ledger.
pub fn gap_page(ctx: &Ctx) -> Result<bo_web::Paged<queries::GapLine>> {
    let (list, workspace) = (ctx.list(&GAPS)?, ctx.workspace()?);
    let rows = ctx.read(|tx| queries::gap_list(tx, workspace, &list))?;
    Ok(list.paged(rows, |gap| (Key::from(gap.at), format!("{}{}{}", gap.edge, gap.class, gap.first))))
}

async fn gaps(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&gap_page(&ctx)?))
}

async fn backfill(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    super::backfill::ask(&estate, ctx.author(), ctx.param("id")?, ctx.json()?).await?;
    Ok(reply::json(&json!({ "asked": true })))
}

/// Something a search found.
#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    /// Its name.
    pub title: String,
    /// Its page.
    pub href: String,
    /// What it is.
    pub kind: &'static str,
    /// Where it is.
    pub about: String,
}

async fn search(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&json!({ "items": hits(&estate, &ctx, &ctx.query_value("q"))? })))
}

/// What has these words in its name and the viewer may see; what begins with them first.
pub fn hits(estate: &Estate, ctx: &Ctx, words: &str) -> Result<Vec<Hit>> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    let wanted = words.trim().to_lowercase();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let has = |texts: &[&str]| texts.iter().any(|text| text.to_lowercase().contains(&wanted));
    let mut found: Vec<(Kind, String, Hit)> = Vec::new();
    let mut add = |kind: Kind, id: String, title: &str, about: String| {
        let (word, href) = (kind.0, format!("/{}s/{id}", kind.0));
        found.push((kind, id, Hit { title: title.to_owned(), href, kind: word, about }));
    };
    for zone in
        registry.zones.values().filter(|zone| zone.workspace == workspace && has(&[&zone.name, &zone.key]))
    {
        add(Kind::ZONE, zone.id.to_string(), &zone.name, zone.kind.word().into());
    }
    for each in
        registry.systems.values().filter(|each| each.workspace == workspace && has(&[&each.name, &each.key]))
    {
        add(Kind::SYSTEM, each.id.to_string(), &each.name, crate::http::zone(&registry, each.zone).name);
    }
    for edge in
        registry.edges.values().filter(|edge| edge.workspace == workspace && has(&[&edge.name, &edge.key]))
    {
        add(Kind::EDGE, edge.id.to_string(), &edge.name, "gateway".into());
    }
    for device in
        registry.devices.values().map(|entry| &entry.device).filter(|device| device.workspace == workspace)
    {
        if has(&[&device.name, &device.address, &device.driver]) {
            add(Kind::DEVICE, device.id.to_string(), &device.name, system(&registry, device.system).name);
        }
    }
    for trigger in
        registry.triggers.values().filter(|trigger| trigger.workspace == workspace && has(&[&trigger.name]))
    {
        let title = crate::triggers::routes::line(estate, trigger).title;
        add(Kind::TRIGGER, trigger.id.to_string(), &title, system(&registry, trigger.system).name);
    }
    // What begins with the words comes first.
    found.sort_by_cached_key(|(_, _, hit)| {
        (!hit.title.to_lowercase().starts_with(&wanted), hit.title.to_lowercase(), hit.about.clone())
    });
    ctx.read(|tx| {
        let mut items = Vec::new();
        for (kind, id, hit) in found {
            if items.len() < HITS && may(ctx, tx, kind, &id, Level::See)? {
                items.push(hit);
            }
        }
        Ok::<_, WebError>(items)
    })
}
