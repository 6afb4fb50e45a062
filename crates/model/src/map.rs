//! `zone-maps/<name>/map.toml`: which elements of `map.svg` show what. `zone-maps/README.md` explains it.
//!
//! A map knows no building: `{zone}` in a binding is the key of the zone that shows it, so that one map serves every storey
//! of its plan.

use crate::value::Data;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole `map.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneMap {
    /// For people.
    pub title: String,
    /// `[style.<name>]`: how a kind of element shows what it is bound to.
    #[serde(rename = "style", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub styles: BTreeMap<String, MapStyle>,
    /// `[element.<id>]`: by the element's id in `map.svg`.
    #[serde(rename = "element", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elements: BTreeMap<String, MapElement>,
}

/// How a kind of element shows its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapStyle {
    /// Text with `{Sensor_1.temperature}` or, on an element bound to a device, `{power}`: shown with unit and decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The first state that holds gives the element its class; `unknown` when none does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<MapState>,
}

/// One state: at most one of the conditions, always when there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapState {
    /// Class put on the element: `alarm`, `occupied`, `on` … (`zone-maps/map.css` colours them).
    pub class: String,
    /// For the legend.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// An alarm of the system, or of the device, is active.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alarm: bool,
    /// The device, or any device of the system, is offline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
    /// Status variable: `Sensor_1.people`, or `power` on an element bound to a device. A value that is bad never fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The value is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<serde_json::Value>,
    /// The value is this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The value is less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

/// One element and what it is bound to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapElement {
    /// Name of a style.
    pub style: String,
    /// Key of the system; `{zone}` is the key of the zone that shows the map.
    pub system: String,
    /// Address of a device of that system: `Display_1`. The element then stands for the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Id of the text element that takes the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is known of an element's system or device, for choosing its state.
pub trait MapFacts {
    /// The good value of a status variable of a device of the system; None when it is bad or unknown.
    fn value(&self, device: &str, status: &str) -> Option<Data>;
    /// An alarm is active: of one device, or of the system.
    fn alarm(&self, device: Option<&str>) -> bool;
    /// Offline: one device, or any of the system.
    fn offline(&self, device: Option<&str>) -> bool;
}

/// The class of an element no state fits.
pub const UNKNOWN: &str = "unknown";

impl ZoneMap {
    /// Reads and checks a `map.toml`. The error names line and column where TOML knows them.
    pub fn parse(text: &str) -> Result<ZoneMap, String> {
        let map: ZoneMap = toml::from_str(text).map_err(|error| error.to_string())?;
        let errors = map.check();
        if errors.is_empty() { Ok(map) } else { Err(errors.join("\n")) }
    }

    /// What does not fit together, one sentence each.
    pub fn check(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for (id, element) in &self.elements {
            match self.styles.get(&element.style) {
                None => errors.push(format!("element.{id}: there is no [style.{}]", element.style)),
                Some(style) => {
                    let names = style.states.iter().filter_map(|state| state.status.as_ref());
                    for name in names.filter(|name| element.device.is_none() && !name.contains('.')) {
                        errors.push(format!(
                            "element.{id}: its style asks for `{name}`; without a `device` that must be DEVICE.STATUS"
                        ));
                    }
                }
            }
        }
        errors
    }

    /// The class an element has now.
    pub fn class<'m>(&'m self, element: &MapElement, facts: &impl MapFacts) -> &'m str {
        let states = self.styles.get(&element.style).map(|style| style.states.as_slice()).unwrap_or_default();
        let device = element.device.as_deref();
        states.iter().find(|state| state.holds(device, facts)).map_or(UNKNOWN, |state| state.class.as_str())
    }
}

impl MapElement {
    /// The key of its system on the map of `zone`.
    pub fn system_in(&self, zone: &str) -> String {
        self.system.replace("{zone}", zone)
    }
}

impl MapState {
    fn holds(&self, device: Option<&str>, facts: &impl MapFacts) -> bool {
        if self.alarm && !facts.alarm(device) || self.offline && !facts.offline(device) {
            return false;
        }
        let Some(status) = &self.status else { return true };
        let (device, status) = match status.split_once('.') {
            Some((device, status)) => (device, status),
            None => (device.unwrap_or_default(), status.as_str()),
        };
        let Some(value) = facts.value(device, status) else { return false };
        let number = value.number();
        self.equals.as_ref().is_none_or(|wanted| value == Data::from_json(wanted.clone()))
            && self.at_least.is_none_or(|least| number.is_some_and(|number| number >= least))
            && self.below.is_none_or(|below| number.is_some_and(|number| number < below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"
title = "First floor"
[style.room]
label = "{Sensor_1.temperature}"
states = [
  { class = "alarm", alarm = true },
  { class = "stuffy", status = "Sensor_1.co2", at_least = 1000 },
  { class = "occupied", status = "Sensor_1.occupancy", equals = true },
  { class = "empty", status = "Sensor_1.occupancy", equals = false },
]
[element.room-01]
style = "room"
system = "{zone}-01"
"#;

    struct Room {
        alarm: bool,
        co2: Option<i64>,
        occupied: Option<bool>,
    }

    impl MapFacts for Room {
        fn value(&self, device: &str, status: &str) -> Option<Data> {
            match (device, status) {
                ("Sensor_1", "co2") => self.co2.map(Data::Int),
                ("Sensor_1", "occupancy") => self.occupied.map(Data::Bool),
                _ => None,
            }
        }
        fn alarm(&self, _: Option<&str>) -> bool {
            self.alarm
        }
        fn offline(&self, _: Option<&str>) -> bool {
            false
        }
    }

    #[test]
    fn the_first_state_that_holds_wins_and_bad_values_hold_nothing() {
        let map = ZoneMap::parse(MAP).unwrap();
        let element = &map.elements["room-01"];
        assert_eq!(element.system_in("cedar-l1"), "cedar-l1-01");
        let class = |alarm, co2, occupied| map.class(element, &Room { alarm, co2, occupied });
        assert_eq!(class(true, Some(500), Some(true)), "alarm");
        assert_eq!(class(false, Some(1200), Some(true)), "stuffy");
        assert_eq!(class(false, Some(500), Some(true)), "occupied");
        assert_eq!(class(false, None, Some(false)), "empty");
        assert_eq!(class(false, None, None), "unknown");
    }

    #[test]
    fn a_missing_style_and_a_status_without_device_are_named() {
        let error = ZoneMap::parse(&MAP.replace("style = \"room\"", "style = \"rom\"")).unwrap_err();
        assert!(error.contains("there is no [style.rom]"), "{error}");
        let error = ZoneMap::parse(&MAP.replace("Sensor_1.co2", "co2")).unwrap_err();
        assert!(error.contains("must be DEVICE.STATUS"), "{error}");
    }
}
