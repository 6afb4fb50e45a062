//! A device in short: its points in the order people ask for them, its main values, its card with controls.

use super::super::{controls, parts as own};
use crate::Estate;
use crate::http::health;
use crate::live::view::{self, LiveValue};
use crate::registry::{DeviceEntry, Registry};
use bo_model::driver::Status;
use bo_model::settings::FieldKind;
use bo_model::{DeviceId, Level};
use bo_web::Ctx;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// A status variable of a device: declared, live, or both.
pub struct Point {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// As the driver declares it.
    pub declared: Option<Status>,
    /// Its value now.
    pub live: Option<LiveValue>,
}

/// All points of a device, main ones first.
pub fn points(estate: &Estate, registry: &Registry, entry: &DeviceEntry) -> Vec<Point> {
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
    // A display says both that it is on and in which state its power is: one of them is enough.
    let has_power = points.iter().any(|point| point.name == "power" && point.live.is_some());
    let said = |point: &&Point| point.name != "online" && !(point.name == "on" && has_power);
    let shown = points.iter().filter(said).filter(|point| point.live.is_some()).take(at_most);
    html! {
        span.row { @for point in shown {
            span.brief { span.brief__title { (point.title) } (own::live(entry.device.id, &point.name, point.live.as_ref())) }
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

/// A status variable that can be drawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drawn {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// Its unit.
    pub unit: String,
    /// Drawn as steps: on and off, states.
    pub steps: bool,
}

impl Drawn {
    /// As `bo-chart` takes a line.
    pub fn line(&self, device: DeviceId, title: &str) -> serde_json::Value {
        let src = format!("/api/v1/devices/{device}/history/{}", self.name);
        serde_json::json!({ "src": src, "title": title, "unit": self.unit, "steps": self.steps })
    }
}

/// What of a device can be drawn, in the order people ask for it.
pub fn drawn_points(registry: &Registry, id: DeviceId) -> Vec<Drawn> {
    let manifest =
        registry.devices.get(&id).and_then(|entry| entry.driver.as_ref()).map(|driver| &driver.manifest);
    let kept = |status: &Status| {
        let is_number =
            matches!(status.field.kind, FieldKind::Number | FieldKind::Integer | FieldKind::Boolean);
        is_number && status.history != Some(false)
    };
    let mut found: Vec<Drawn> = manifest
        .iter()
        .flat_map(|manifest| &manifest.status)
        .filter(|(_, status)| kept(status))
        .map(|(name, status)| Drawn {
            name: name.clone(),
            title: if status.field.title.is_empty() { own::humane(name) } else { status.field.title.clone() },
            unit: status.field.unit.clone(),
            steps: status.field.kind == FieldKind::Boolean || !status.field.choices.is_empty(),
        })
        .collect();
    let rank = |name: &str| MAIN.iter().position(|main| *main == name).unwrap_or(MAIN.len());
    found.sort_by_key(|drawn| (drawn.steps, rank(&drawn.name), drawn.title.clone()));
    found
}
