//! API of devices: points, settings, commands, log.

use crate::Estate;
use crate::commands::actions::{self, Ask};
use crate::configure::{self, DevicePatch};
use crate::http::{Health, Mention, device, finds, health, may, page, system, with};
use crate::live::view::{self, LiveValue};
use crate::registry::{DeviceEntry, Registry};
use crate::state::LogOf;
use axum::response::Response;
use bo_model::driver::{Command, Status};
use bo_model::settings::{Field, Origin, Resolved};
use bo_model::{DeviceId, EdgeId, Level, SystemId};
use bo_web::list::ListSpec;
use bo_web::{Ctx, Kind, Need, Result, Routes, WebError, reply};
use serde::Serialize;
use serde_json::{Value as Json, json};
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
        .about("Devices; filter by system, zone, gateway, driver or state (ok, offline, gateway-offline, disabled, unknown)")
        .get("/api/v1/devices/{id}", see(Level::View), with(estate, show))
        .about("A device with its points, live, and the commands it knows")
        .patch("/api/v1/devices/{id}", see(Level::Own), with(estate, change))
        .about("Change a device's name or settings, enable or disable it")
        .get("/api/v1/devices/{id}/settings", see(Level::View), with(estate, settings))
        .about("A device's settings: the value in force per key, and every level that set it")
        .get("/api/v1/devices/{id}/log", see(Level::View), with(estate, log))
        .about("The last lines of a device's log")
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
        driver: device.driver.clone(),
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
    let rows: Vec<DeviceLine> = ctx.read(|tx| {
        let mut rows = Vec::new();
        for entry in registry.devices.values().filter(|entry| entry.device.workspace == workspace) {
            let device = &entry.device;
            let wanted = finds(&list, [device.name.as_str(), &device.address, &device.driver])
                && is("system", &|| device.system.to_string())
                && is("edge", &|| entry.edge.to_string())
                && is("driver", &|| device.driver.clone())
                && below.as_ref().is_none_or(|below| below.contains(&entry.zone));
            if !wanted || !may(ctx, tx, Kind::DEVICE, device.id, Level::View)? {
                continue;
            }
            let line = line(estate, &registry, entry);
            if list.filter("state").is_none_or(|state| state == line.health.state) {
                rows.push(line);
            }
        }
        Ok::<_, WebError>(rows)
    })?;
    let sort = list.sort;
    Ok(page(ctx, &list, rows, |line| {
        let by = match sort {
            "address" => line.address.to_lowercase(),
            "driver" => line.driver.clone(),
            "state" => line.health.state.to_owned(),
            _ => line.name.to_lowercase(),
        };
        (format!("{by}\u{1}{}", line.system.name), line.id.to_string())
    }))
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

async fn change(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: DevicePatch = ctx.json()?;
    configure::device(&estate, ctx.author(), ctx.param("id")?, patch).await?;
    show(estate, ctx).await
}

/// A setting with its description and where it comes from; the value of a secret is never shown.
#[derive(Clone, Debug, Serialize)]
pub struct SettingView {
    /// The key.
    pub key: String,
    /// What it is; absent for a key the driver does not know.
    pub field: Option<Field>,
    /// The value in force.
    pub value: Option<Json>,
    /// Who set it, lowest precedence first.
    pub provenance: Vec<(Origin, Json)>,
}

/// A device's settings in order of key, those that nobody set included.
pub fn setting_views(registry: &Registry, entry: &DeviceEntry) -> Vec<SettingView> {
    let fields = entry.driver.as_ref().map(|driver| driver.manifest.settings.clone()).unwrap_or_default();
    let mut resolved = registry.settings(entry);
    for key in fields.keys() {
        resolved.entry(key.clone()).or_insert_with(|| Resolved { value: Json::Null, provenance: Vec::new() });
    }
    let view = |(key, Resolved { value, provenance }): (String, Resolved)| {
        let field = fields.get(&key).cloned();
        let secret = field.as_ref().is_some_and(|field| field.secret);
        let hide = |value: Json| if secret && !value.is_null() { json!("(hidden)") } else { value };
        let provenance: Vec<_> =
            provenance.into_iter().map(|(origin, value)| (origin, hide(value))).collect();
        let value = (!provenance.is_empty()).then(|| hide(value));
        SettingView { key, field, value, provenance }
    };
    resolved.into_iter().map(view).collect()
}

async fn settings(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, entry) = device(&estate, &ctx)?;
    Ok(reply::json(&json!({ "items": setting_views(&registry, &entry) })))
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
