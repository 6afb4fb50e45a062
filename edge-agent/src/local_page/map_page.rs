//! The floor map of a zone with its rooms and devices as they are now: how staff finds what to operate while the controller is
//! away. A room leads to its devices, a device to its page.

use super::page::{devices, frame};
use super::visitor::Visitor;
use crate::agent::Agent;
use crate::devices::Device;
use crate::presence::unwell;
use crate::status::Status;
use bo_model::drawing::{Shown, decorate};
use bo_model::map::{MapElement, MapFacts, ZoneMap};
use bo_model::release::{SiteSystem, SiteZone};
use bo_model::{Data, Level, SystemId, Value, ZoneId};
use bo_wire::AlarmEvent;
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Zones with a map on which the visitor may see something, and their names.
pub fn plans(visitor: &Visitor) -> Vec<(ZoneId, String)> {
    let site = &visitor.desired.site;
    let drawn = site.zones.iter().filter(|zone| map_of(visitor, zone).is_some());
    drawn
        .filter(|zone| {
            let sees = |system: &&SiteSystem| visitor.on_system(system) >= Level::See;
            site.systems.iter().filter(sees).any(|system| is_below(visitor, system, zone.id))
        })
        .map(|zone| {
            let building = zone.parent.and_then(|id| site.zones.iter().find(|known| known.id == id));
            let alike =
                site.zones.iter().filter(|other| other.map.is_some() && other.name == zone.name).count();
            let name = match building {
                Some(building) if alike > 1 => format!("{}, {}", building.name, zone.name),
                _ => zone.name.clone(),
            };
            (zone.id, name)
        })
        .collect()
}

fn is_below(visitor: &Visitor, system: &SiteSystem, zone: ZoneId) -> bool {
    let zones = &visitor.desired.site.zones;
    let mut at = system.zone;
    for _ in 0..=zones.len() {
        match at {
            Some(id) if id == zone => return true,
            Some(id) => at = zones.iter().find(|known| known.id == id).and_then(|known| known.parent),
            None => return false,
        }
    }
    false
}

fn map_of<'v>(visitor: &'v Visitor, zone: &SiteZone) -> Option<&'v bo_model::release::SiteMap> {
    visitor.desired.site.maps.get(zone.map.as_ref()?)
}

/// What is known of one system.
struct Facts<'a> {
    agent: &'a Agent,
    devices: Vec<Arc<Device>>,
    system: SystemId,
    alarms: &'a [AlarmEvent],
}

impl Facts<'_> {
    fn device(&self, address: &str) -> Option<&Arc<Device>> {
        self.devices.iter().find(|device| device.site.address == address)
    }

    fn live(&self, device: &str, status: &str) -> Option<(Value, String)> {
        let device = self.device(device)?;
        let value = self.agent.board.get(device.slots.slot(status)?)?;
        let field = device.manifest.status.get(status).map(|status| &status.field);
        let text = field.map_or_else(|| value.data.to_string(), |field| field.show(&value.data));
        Some((value, text))
    }

    /// `{Sensor_1.temperature}` filled in; nothing when a value is not good.
    fn label(&self, template: &str, device: Option<&str>) -> Option<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            let (device, status) = name.split_once('.').or_else(|| Some((device?, name)))?;
            let (value, shown) = self.live(device, status)?;
            if !value.quality.is_good() {
                return None;
            }
            text.push_str(before);
            text.push_str(&shown);
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    }
}

impl MapFacts for Facts<'_> {
    fn value(&self, device: &str, status: &str) -> Option<Data> {
        let (value, _) = self.live(device, status)?;
        value.quality.is_good().then_some(value.data)
    }

    fn alarm(&self, device: Option<&str>) -> bool {
        let id = device.and_then(|address| self.device(address)).map(|device| device.site.id);
        self.alarms.iter().any(|alarm| match device {
            Some(_) => alarm.device.is_some() && alarm.device == id,
            None => alarm.system == Some(self.system),
        })
    }

    fn offline(&self, device: Option<&str>) -> bool {
        let is_off = |device: &Arc<Device>| unwell(&self.agent.board, device).is_some();
        match device {
            Some(address) => self.device(address).is_some_and(is_off),
            None => self.devices.iter().any(is_off),
        }
    }
}

/// The page; `None` when the zone has no map, or none for this visitor.
pub fn zone(agent: &Agent, status: &Status, visitor: &Visitor, id: &str) -> Option<Markup> {
    let (zone, name) = plans(visitor).into_iter().find(|(zone, _)| zone.to_string() == id)?;
    let zone = visitor.desired.site.zones.iter().find(|known| known.id == zone)?;
    let map = map_of(visitor, zone)?;
    let body = html! {
        div .plan { (PreEscaped(drawn(agent, status, visitor, &zone.key, &map.bindings, &map.svg))) }
        (legend(&map.bindings))
    };
    Some(frame(&name, Some(status), visitor, true, body))
}

fn drawn(agent: &Agent, status: &Status, visitor: &Visitor, key: &str, map: &ZoneMap, svg: &str) -> String {
    let all = agent.devices.all();
    let (mut shown, mut labels) = (BTreeMap::new(), BTreeMap::new());
    for (id, element) in &map.elements {
        let key = element.system_in(key);
        let Some(system) = visitor.desired.site.systems.iter().find(|system| system.key == key) else {
            continue;
        };
        let devices = all.iter().filter(|device| device.site.system == system.id).cloned().collect();
        let facts = Facts { agent, devices, system: system.id, alarms: &status.alarms };
        let Some((level, name, href)) = bound(visitor, element, system, &facts) else { continue };
        let class = if level >= Level::View { map.class(element, &facts) } else { bo_model::map::UNKNOWN };
        let style = map.styles.get(&element.style);
        let title = style
            .and_then(|style| style.states.iter().find(|state| state.class == class))
            .map(|state| state.title.as_str());
        let label = format!("{name}: {}", title.filter(|title| !title.is_empty()).unwrap_or(class));
        shown.insert(id.as_str(), Shown { class: class.to_owned(), href, label });
        let template = style.and_then(|style| style.label.as_ref()).filter(|_| level >= Level::View);
        if let (Some(text), Some(template)) = (&element.text, template) {
            labels
                .insert(text.as_str(), facts.label(template, element.device.as_deref()).unwrap_or_default());
        }
    }
    decorate(svg, &shown, &labels)
}

/// What the visitor may do with what an element stands for, its name, and where it leads; `None` when it is not for them.
fn bound(
    visitor: &Visitor,
    element: &MapElement,
    system: &SiteSystem,
    facts: &Facts<'_>,
) -> Option<(Level, String, String)> {
    let (level, name, href) = match &element.device {
        Some(address) => {
            let device = facts.device(address)?;
            let name = format!("{}, {}", system.name, device.title());
            (visitor.on_device(&device.site), name, format!("/device/{}", device.site.id))
        }
        None => (visitor.on_system(system), system.name.clone(), format!("/system/{}", system.id)),
    };
    (level >= Level::See).then_some((level, name, href))
}

fn legend(map: &ZoneMap) -> Markup {
    let mut titles: Vec<&str> =
        map.styles.values().flat_map(|style| &style.states).map(|state| state.title.as_str()).collect();
    titles.retain(|title| !title.is_empty());
    titles.sort_unstable();
    titles.dedup();
    html! { p .soft { "States: " (titles.join(", ")) ". A dotted ring or an empty room: not known." } }
}

/// The devices of one system: where a room on a map leads.
pub fn system(status: Status, visitor: &Visitor, id: &str) -> Option<Markup> {
    let system = visitor.desired.site.systems.iter().find(|system| system.id.to_string() == id)?;
    if visitor.on_system(system) < Level::See {
        return None;
    }
    let of = |id| visitor.desired.device(id).is_some_and(|device| device.system == system.id);
    let mut here = status;
    here.devices.retain(|device| of(device.id));
    here.alarms.retain(|alarm| alarm.system == Some(system.id) || alarm.device.is_some_and(of));
    let body = html! {
        @for alarm in &here.alarms { p .said .ill { (alarm.severity) ": " (alarm.text) } }
        (devices(&here))
        @if here.devices.is_empty() { p .soft { "No device of it is shared with you." } }
    };
    Some(frame(&system.name, Some(&here), visitor, true, body))
}
