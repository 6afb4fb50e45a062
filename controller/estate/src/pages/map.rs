//! Floor maps in pages: the drawing with each bound element as a link that has its state's class and its label, and the
//! model the browser needs to keep them true.

use super::parts as own;
use crate::Estate;
use crate::http::{health, may};
use crate::live::view;
use crate::maps::queries;
use crate::registry::{DeviceEntry, Registry};
use crate::zones::Zone;
use bo_model::drawing::{Shown, decorate};
use bo_model::map::{MapElement, MapFacts, MapStyle, ZoneMap};
use bo_model::{Data, DeviceId, Kind, Level, SystemId};
use bo_web::{Ctx, Result, WebError};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the browser keeps an element true with.
#[derive(Serialize)]
struct Model {
    states: Vec<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    system: SystemId,
    /// The device it stands for, or all of the system.
    devices: Vec<DeviceId>,
    /// Where its short page is.
    peek: String,
    title: String,
}

#[derive(Serialize)]
struct State {
    class: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    alarm: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    offline: bool,
    /// `<device id>/<status>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equals: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<f64>,
}

/// What is known of one system, for the classes.
struct Known<'a> {
    estate: &'a Estate,
    registry: &'a Registry,
    devices: BTreeMap<&'a str, &'a Arc<DeviceEntry>>,
    system: SystemId,
    alarms: &'a [crate::alarms::Alarm],
}

impl MapFacts for Known<'_> {
    fn value(&self, device: &str, status: &str) -> Option<Data> {
        let entry = self.devices.get(device)?;
        let live = view::one(self.estate, self.registry, entry.device.id, status)?;
        live.value.quality.is_good().then_some(live.value.data)
    }
    fn alarm(&self, device: Option<&str>) -> bool {
        let id = device.and_then(|device| self.devices.get(device)).map(|entry| entry.device.id);
        self.alarms.iter().any(|alarm| match device {
            Some(_) => alarm.device.is_some() && alarm.device == id,
            None => super::alarms::is_of_system(self.registry, alarm, self.system),
        })
    }
    fn offline(&self, device: Option<&str>) -> bool {
        let is_off = |entry: &Arc<DeviceEntry>| health(self.estate, entry).is_away();
        match device {
            Some(device) => self.devices.get(device).is_some_and(|entry| is_off(entry)),
            None => self.devices.values().any(|entry| is_off(entry)),
        }
    }
}

/// The map of a zone, live; nothing when it has none.
pub fn of_zone(estate: &Estate, ctx: &Ctx, registry: &Registry, zone: &Zone) -> Result<Option<Markup>> {
    let Some(name) = &zone.map else { return Ok(None) };
    let stored = ctx.read(|tx| queries::find(tx, zone.workspace, name))?;
    let Some(stored) = stored else { return Ok(None) };
    let map: ZoneMap = serde_json::from_value(stored.bindings.clone()).map_err(WebError::internal)?;
    let found = bound(estate, ctx, registry, zone, &map)?;
    let mut shown: BTreeMap<&str, Shown> = BTreeMap::new();
    let mut labels: BTreeMap<&str, String> = BTreeMap::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for (id, each) in &found {
        let Some(element) = map.elements.get(*id) else { continue };
        used.insert(&element.style);
        if let (Some(text), Some(label)) = (&element.text, &each.label) {
            labels.insert(text, label.clone());
        }
        let href = each.model.peek.trim_end_matches("/peek").to_owned();
        shown.insert(id, Shown { href, label: each.model.title.clone(), class: each.class.clone() });
    }
    let models: BTreeMap<&str, &Model> = found.iter().map(|(id, each)| (*id, &each.model)).collect();
    let drawing = decorate(&stored.svg, &shown, &labels);
    let json = serde_json::to_string(&models).map_err(WebError::internal)?;
    Ok(Some(html! {
        bo-map.map data-model=(json) data-zone=(zone.id) {
            (PreEscaped(drawing))
            (legend(&map, &used))
            dialog.peek aria-label="Control" {
                div.card__head { h2 { "" } button.btn.btn--quiet.btn--icon type="button" aria-label="Close" data-close="" { (bo_web::layout::icon("close")) } }
                div.peek__body {}
                a.btn.btn--small href="#" { "Open its page" }
            }
        }
    }))
}

/// An element that stands for something the viewer may see, as it is now.
pub struct Bound {
    /// The class of its state.
    pub class: String,
    /// Its label with the values of now.
    pub label: Option<String>,
    model: Model,
}

impl Bound {
    /// What it stands for, for people.
    pub fn title(&self) -> &str {
        &self.model.title
    }
}

/// The elements of a zone's map that stand for something the viewer may see, by id.
pub fn bound<'m>(
    estate: &Estate,
    ctx: &Ctx,
    registry: &Registry,
    zone: &Zone,
    map: &'m ZoneMap,
) -> Result<BTreeMap<&'m str, Bound>> {
    let open = estate.alarms.changes(0).into_iter();
    let alarms: Vec<_> = open.filter(|alarm| alarm.active && alarm.workspace == zone.workspace).collect();
    let seen = visible(ctx, registry, zone, map)?;
    let mut found = BTreeMap::new();
    for (id, element) in &map.elements {
        let Some(system) = seen.get(&element.system_in(&zone.key)) else { continue };
        let devices: BTreeMap<&str, &Arc<DeviceEntry>> = registry
            .devices_in(*system)
            .iter()
            .filter_map(|id| registry.devices.get(id))
            .map(|entry| (entry.device.address.as_str(), entry))
            .collect();
        let known = Known { estate, registry, devices, system: *system, alarms: &alarms };
        let Some(model) = model(map, element, &known) else { continue };
        let class = map.class(element, &known).to_owned();
        let label = model.label.as_ref().map(|label| fill(label, |key| value_of(&known, key)));
        found.insert(id.as_str(), Bound { class, label, model });
    }
    Ok(found)
}

/// Systems the map names that the viewer may see, by key.
fn visible(ctx: &Ctx, registry: &Registry, zone: &Zone, map: &ZoneMap) -> Result<BTreeMap<String, SystemId>> {
    let keys: BTreeSet<String> = map.elements.values().map(|element| element.system_in(&zone.key)).collect();
    ctx.read(|tx| {
        let mut found = BTreeMap::new();
        for system in registry
            .systems
            .values()
            .filter(|system| system.workspace == zone.workspace && keys.contains(&system.key))
        {
            if may(ctx, tx, Kind::SYSTEM, system.id, Level::View)? {
                found.insert(system.key.clone(), system.id);
            }
        }
        Ok::<_, WebError>(found)
    })
}

/// `Sensor_1.people`, or `power` of the element's own device, as `<device id>/<status>`.
fn key(known: &Known<'_>, device: Option<&str>, status: &str) -> Option<String> {
    let (device, status) = match status.split_once('.') {
        Some((device, status)) => (device, status),
        None => (device?, status),
    };
    Some(format!("{}/{status}", known.devices.get(device)?.device.id))
}

fn model(map: &ZoneMap, element: &MapElement, known: &Known<'_>) -> Option<Model> {
    let style: &MapStyle = map.styles.get(&element.style)?;
    let device = element.device.as_deref();
    let own = match device {
        Some(address) => Some(*known.devices.get(address)?),
        None => None,
    };
    let states = style.states.iter().map(|state| State {
        class: state.class.clone(),
        alarm: state.alarm,
        offline: state.offline,
        // A status of a device that is not there never fits.
        status: state.status.as_ref().map(|status| key(known, device, status).unwrap_or_default()),
        equals: state.equals.clone(),
        at_least: state.at_least,
        below: state.below,
    });
    let system = known.registry.systems.get(&known.system)?;
    let (peek, title) = match own {
        Some(entry) => (
            format!("/devices/{}/peek", entry.device.id),
            format!("{} in {}", entry.device.name, system.name),
        ),
        None => (format!("/systems/{}/peek", system.id), system.name.clone()),
    };
    Some(Model {
        states: states.collect(),
        label: style
            .label
            .as_ref()
            .map(|label| fill(label, |name| format!("{{{}}}", key(known, device, name).unwrap_or_default()))),
        text: element.text.clone(),
        system: system.id,
        devices: own.map_or_else(
            || known.devices.values().map(|entry| entry.device.id).collect(),
            |entry| vec![entry.device.id],
        ),
        peek,
        title,
    })
}

fn value_of(known: &Known<'_>, key: &str) -> String {
    let found = key
        .split_once('/')
        .and_then(|(device, status)| view::one(known.estate, known.registry, device.parse().ok()?, status));
    found.filter(|live| live.value.quality.is_good()).map_or_else(|| "–".into(), |live| live.shown)
}

/// A label with what is between braces replaced.
fn fill(label: &str, with: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = label;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, later)) = after.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(&with(name));
        rest = later;
    }
    filled + rest
}

fn legend(map: &ZoneMap, used: &BTreeSet<&str>) -> Markup {
    let styles = map.styles.iter().filter(|(name, _)| used.contains(name.as_str()));
    let mut rooms: Vec<(&str, &str)> = Vec::new();
    let mut devices: Vec<(&str, &str)> = Vec::new();
    for (name, style) in styles {
        let is_room = map.elements.values().any(|element| element.style == *name && element.device.is_none());
        let list = if is_room { &mut rooms } else { &mut devices };
        for state in style.states.iter().filter(|state| !state.title.is_empty()) {
            if !list.iter().any(|(class, _)| *class == state.class) {
                list.push((&state.class, &state.title));
            }
        }
    }
    let swatch = |kind: &str, class: &str| {
        html! {
            svg class="zone-map swatch" viewBox="0 0 28 20" aria-hidden="true" fill="currentColor" {
                g class={ (kind) " " (class) } {
                    @if kind == "room" { rect class="floor" x="1" y="1" width="26" height="18" rx="2" fill-opacity="0.02" stroke="currentColor" stroke-opacity="0.4" {} }
                    @else { circle class="ring" cx="14" cy="10" r="8" fill-opacity="0.08" stroke="currentColor" stroke-opacity="0.5" {} }
                }
            }
        }
    };
    html! {
        ul.map__legend aria-label="Legend" {
            @for (kind, list) in [("room", &rooms), ("device", &devices)] {
                @for (class, title) in list { li { (swatch(kind, class)) (title) } }
            }
            li { (swatch("room", "unknown")) "Not known" }
        }
    }
}

/// What is shown where a zone has no map.
pub fn missing(zone: &Zone) -> Markup {
    let text = match &zone.map {
        Some(name) => format!(
            "Its map “{name}” is not in the library. Import the estate again with the library that has it."
        ),
        None => "Give the zone a map in the estate's files to see its rooms on a plan.".into(),
    };
    html! { p.muted { (own::none()) (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_takes_what_is_between_braces() {
        assert_eq!(fill("{a} of {b}, {", |name| name.to_uppercase()), "A of B, {");
    }
}
