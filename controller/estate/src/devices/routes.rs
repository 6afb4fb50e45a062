//! API of devices: points, settings, commands, log.

use crate::Estate;
use crate::commands::actions::{self, Ask};
use crate::configure::{self, DevicePatch, MoveDevice, NewDevice};
use crate::drivers::{held, plain};
use crate::http::{AWAY, Health, Mention, device, finds, health, may, page, system, with};
use crate::live::view::{self, LiveValue};
use crate::registry::{DeviceEntry, Registry};
use crate::state::LogOf;
use axum::response::Response;
use bo_model::driver::{Command, Status};
use bo_model::{DeviceId, EdgeId, Level, SystemId};
use bo_web::list::ListSpec;
use bo_web::{Ctx, Kind, Need, Result, Routes, WebError, reply};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the list of devices offers.
pub const SPEC: ListSpec = ListSpec {
    sorts: &["name", "address", "driver", "state"],
    sort: "name",
    desc: false,
    filters: &["system", "zone", "edge", "driver", "state"],
};

/// A device in lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceLine {
    /// Its id.
    pub id: DeviceId,
    /// Its address in its system.
    pub address: String,
    /// For people.
    pub name: String,
    /// Its system.
    pub system: Mention<SystemId>,
    /// Its gateway.
    pub edge: EdgeId,
    /// Its driver.
    pub driver: String,
    /// The version of it that it holds; null when it runs the one in use.
    pub holds: Option<String>,
    /// Runs when true.
    pub enabled: bool,
    /// Whether it is well.
    pub health: Health,
}

#[derive(Serialize)]
struct DeviceView<'a> {
    #[serde(flatten)]
    line: DeviceLine,
    link: Option<String>,
    driver_title: &'a str,
    driver_version: &'a str,
    points: Vec<PointView<'a>>,
    commands: BTreeMap<&'a str, &'a Command>,
}

/// A declared status variable with its live value; `live` is absent before the first report.
#[derive(Serialize)]
struct PointView<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<&'a Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveValue>,
}

/// Routes of devices.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let see = |level| Need::object(Kind::DEVICE, "id", level);
    Routes::new("estate")
        .get("/api/v1/devices", Need::signed_in(), with(estate, list))
        .about("Devices; filter by system, zone, gateway, driver or state (ok, offline, faulted, gateway-offline, not-set-up, disabled, unknown; away: any of the second to fourth)")
        .lists(&SPEC)
        .post("/api/v1/devices", Need::signed_in(), with(estate, create))
        .about("Make a device; level `own` on its system")
        .accepts(json!({"type": "object", "required": ["system", "driver"], "additionalProperties": false, "properties": {
            "system": {"type": "string", "format": "uuid"}, "driver": {"type": "string", "examples": ["sdm630-meter"]},
            "address": {"type": ["string", "null"], "examples": ["Meter_1"]}, "name": {"type": ["string", "null"]},
            "link": {"type": ["string", "null"]}, "settings": {"type": "object"}, "disabled": {"type": "boolean"}}}))
        .get("/api/v1/devices/{id}", see(Level::View), with(estate, show))
        .about("A device with its points, live, and the commands it knows")
        .patch("/api/v1/devices/{id}", see(Level::Own), with(estate, change))
        .about("Change a device's name, link, settings or the version of its driver that it holds (null: the one in use), enable or disable it; settings are replaced as a whole")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string"}, "enabled": {"type": "boolean"}, "link": {"type": ["string", "null"]},
            "version": {"type": ["string", "null"], "examples": ["1.2.0"]}, "settings": {"type": "object"}, "metadata": {"type": "object"}}}))
        .post("/api/v1/devices/{id}/move", see(Level::Own), with(estate, relocate))
        .about("Move a device to another system, or give it another address; level `own` on the system")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "system": {"type": "string", "format": "uuid"}, "address": {"type": "string"},
            "link": {"type": ["string", "null"]}}}))
        .get("/api/v1/devices/{id}/availability", see(Level::View), with(estate, availability))
        .about("How much of the last days a device could be reached, and when not; `unknown` is while its gateway was away")
        .query(crate::fleet::routes::days_schema())
        .get("/api/v1/devices/{id}/log", see(Level::View), with(estate, log))
        .about("The last lines of a device's log")
        .query(json!({"type": "object", "properties": {"q": {"type": "string", "description": "Only lines with this in them"}}}))
        .post("/api/v1/devices/{id}/commands", see(Level::See), with(estate, execute))
        .about("Execute a command; answers with its evidence so far")
        .accepts(json!({"type": "object", "required": ["command"], "properties": {
            "command": {"type": "string"}, "params": {"type": "object"}, "id": {"type": "string", "format": "uuid"},
            "within": {"type": "string", "examples": ["30s"]}, "reason": {"type": "string"}}}))
}

/// A device as a line.
pub fn line(estate: &Estate, registry: &Registry, entry: &DeviceEntry) -> DeviceLine {
    let device = &entry.device;
    DeviceLine {
        id: device.id,
        address: device.address.clone(),
        name: device.name.clone(),
        system: system(registry, device.system),
        edge: entry.edge,
        driver: plain(&device.driver).to_owned(),
        holds: held(&device.driver).map(|(_, version)| version.to_owned()),
        enabled: device.enabled,
        health: health(estate, entry),
    }
}

/// A page of devices the viewer may see.
pub fn page_of_lines(estate: &Estate, ctx: &Ctx) -> Result<bo_web::Paged<DeviceLine>> {
    let (list, workspace, registry) = (ctx.list(&SPEC)?, ctx.workspace()?, estate.registry());
    let below = match list.filter("zone") {
        Some(zone) => Some(
            registry.zones_below(zone.parse().map_err(|_| WebError::field("zone", "must be a zone's id"))?),
        ),
        None => None,
    };
    let is = |name: &str, id: &dyn Fn() -> String| list.filter(name).is_none_or(|wanted| wanted == id());
    let by_state = list.sort == "state" || list.filter("state").is_some();
    let rows: Vec<(Arc<DeviceEntry>, &'static str)> = ctx.read(|tx| {
        let mut rows = Vec::new();
        for entry in registry.devices.values().filter(|entry| entry.device.workspace == workspace) {
            let device = &entry.device;
            let wanted = finds(&list, [device.name.as_str(), &device.address, &device.driver])
                && is("system", &|| device.system.to_string())
                && is("edge", &|| entry.edge.to_string())
                && is("driver", &|| plain(&device.driver).to_owned())
                && below.as_ref().is_none_or(|below| below.contains(&entry.zone));
            if !wanted || !may(ctx, tx, Kind::DEVICE, device.id, Level::View)? {
                continue;
            }
            let state = if by_state { health(estate, entry).state } else { "" };
            let fits = |wanted: &str| wanted == state || (wanted == "away" && AWAY.contains(&state));
            if list.filter("state").is_none_or(fits) {
                rows.push((entry.clone(), state));
            }
        }
        Ok::<_, WebError>(rows)
    })?;
    let sort = list.sort;
    let paged = page(ctx, &list, rows, |(entry, state)| {
        let device = &entry.device;
        let by = match sort {
            "address" => device.address.to_lowercase(),
            "driver" => device.driver.clone(),
            "state" => (*state).to_owned(),
            _ => device.name.to_lowercase(),
        };
        let of = registry.systems.get(&device.system).map_or("", |system| system.name.as_str());
        (format!("{by}\u{1}{of}"), device.id.to_string())
    });
    let items = paged.items.iter().map(|(entry, _)| line(estate, &registry, entry)).collect();
    Ok(bo_web::Paged { items, next: paged.next })
}

/// A page of devices as CSV.
pub fn csv(page: bo_web::Paged<DeviceLine>) -> Result<Response> {
    let header = ["system", "address", "name", "driver", "state", "why"];
    let rows = page.items.into_iter().map(|line| {
        vec![
            line.system.name,
            line.address,
            line.name,
            line.driver,
            line.health.state.into(),
            line.health.why,
        ]
    });
    reply::csv("devices", &header, rows)
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let paged = page_of_lines(&estate, &ctx)?;
    if ctx.query_value("format") == "csv" {
        return csv(paged);
    }
    Ok(reply::json(&paged))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, entry) = device(&estate, &ctx)?;
    let mut live: BTreeMap<Arc<str>, LiveValue> = view::changes(&estate, &registry, entry.device.id, 0)
        .into_iter()
        .map(|v| (v.name.clone(), v))
        .collect();
    let manifest = entry.driver.as_ref().map(|driver| &driver.manifest);
    let mut points: Vec<PointView<'_>> = Vec::new();
    for (name, status) in manifest.iter().flat_map(|manifest| &manifest.status) {
        points.push(PointView { name, declared: Some(status), live: live.remove(name.as_str()) });
    }
    let undeclared: Vec<LiveValue> = live.into_values().collect();
    for value in &undeclared {
        points.push(PointView { name: &value.name, declared: None, live: Some(value.clone()) });
    }
    let view = DeviceView {
        line: line(&estate, &registry, &entry),
        link: entry.device.link.clone(),
        driver_title: manifest.map_or("", |manifest| &manifest.driver.title),
        driver_version: manifest.map_or("", |manifest| &manifest.driver.version),
        points,
        commands: manifest
            .iter()
            .flat_map(|m| &m.commands)
            .map(|(name, command)| (name.as_str(), command))
            .collect(),
    };
    Ok(reply::json(&view))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewDevice = ctx.json()?;
    let device = configure::devices::create_device(&estate, &ctx, new).await?;
    Ok(reply::created(&format!("/api/v1/devices/{}", device.id), &device))
}

async fn relocate(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let to: MoveDevice = ctx.json()?;
    configure::devices::move_device(&estate, &ctx, ctx.param("id")?, to).await?;
    show(estate, ctx).await
}

async fn change(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: DevicePatch = ctx.json()?;
    configure::device(&estate, &ctx, ctx.param("id")?, patch).await?;
    show(estate, ctx).await
}

async fn availability(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, entry) = device(&estate, &ctx)?;
    let edge = registry.edges.get(&entry.edge).ok_or(WebError::NotFound)?;
    let (from, to) = crate::fleet::routes::days(&ctx)?;
    Ok(reply::json(&ctx.read(|tx| crate::fleet::availability::of_device(tx, &entry, edge, from, to))?))
}

async fn log(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (_, entry) = device(&estate, &ctx)?;
    let mut lines = estate.logs.changes(&LogOf::Device(entry.device.id), 0);
    let wanted = ctx.query_value("q").to_lowercase();
    lines.retain(|entry| wanted.is_empty() || entry.line.text.to_lowercase().contains(&wanted));
    Ok(reply::json(&json!({ "items": lines })))
}

async fn execute(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, entry) = device(&estate, &ctx)?;
    let ask: Ask = ctx.json()?;
    let id = entry.device.id;
    let needed = actions::needed(&registry, id, &ask.command)
        .map_err(|_| WebError::field("command", "is not a command of this device"))?;
    ctx.read(|tx| ctx.require(tx, &bo_web::Object::new(Kind::DEVICE, id), needed))?;
    let command = actions::execute(&estate, ctx.author(), id, ask).await?;
    Ok(reply::created(&format!("/api/v1/commands/{}", command.request.id), &command))
}
