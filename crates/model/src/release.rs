//! A release: one immutable version of an edge's desired configuration. The controller compiles it, signs
//! its hash, and the edge runs from it without asking anybody (`crates/wire` has the signed envelope).
//!
//! The same shape as TOML is a **site file**: what `backoffice-edge run --site` and tests start from.

mod link;

pub use link::{
    Direction, LinkConfig, ModbusShare, ModbusTiming, MqttVersion, Parity, SerialLine, TlsClient,
    share_mistakes,
};

use crate::id::{DeviceId, EdgeId, SystemId, TriggerId, ZoneId};
use crate::map::ZoneMap;
use crate::people::SitePerson;
use crate::settings::Values;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Everything one edge needs to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The edge it is for; absent in a hand-written site file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeId>,
    /// Zones this edge's systems lie in, parents first.
    #[serde(rename = "zone", default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<SiteZone>,
    /// Systems on this edge.
    #[serde(rename = "system", default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SiteSystem>,
    /// Endpoints by name.
    #[serde(rename = "link", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, LinkConfig>,
    /// Modbus links that other masters may use, by the link's name.
    #[serde(rename = "share", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, ModbusShare>,
    /// Devices, shared with those that run them.
    #[serde(rename = "device", default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Arc<SiteDevice>>,
    /// Triggers bound to systems.
    #[serde(rename = "trigger", default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<SiteTrigger>,
    /// People who may sign in on the edge's local page.
    #[serde(rename = "person", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<SitePerson>,
    /// How long people may operate without a word from the controller; afterwards they may only look. For ever when absent.
    #[serde(default, with = "crate::span::option", skip_serializing_if = "Option::is_none")]
    pub people_valid_for: Option<Duration>,
    /// Hash of the release whose configuration this one repeats: only its people are newer. Nothing is switched or put on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<String>,
    /// Floor maps by name.
    #[serde(rename = "map", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub maps: BTreeMap<String, SiteMap>,
    /// Driver name → hash of the packed driver, hex SHA-256. Absent in a hand-written site file: the folder is used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drivers: BTreeMap<String, String>,
}

impl Site {
    /// What devices run by: everything but the people, who may what is decided apart from it.
    #[must_use]
    pub fn configuration(mut self) -> Site {
        (self.people, self.people_valid_for, self.repeats) = (Vec::new(), None, None);
        self
    }
}

/// A zone as the edge needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteZone {
    /// Its id.
    pub id: ZoneId,
    /// The zone it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ZoneId>,
    /// For people.
    pub name: String,
    /// What `{zone}` means on its map.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Name of its floor map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// IANA time zone; the parent's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A floor map as the edge shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteMap {
    /// `map.svg`.
    pub svg: String,
    /// `map.toml`.
    pub bindings: ZoneMap,
}

/// A system as the edge needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSystem {
    /// Its id.
    pub id: SystemId,
    /// For people.
    pub name: String,
    /// How floor maps name it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The zone it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneId>,
    /// IANA time zone its schedules run in, resolved; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Latitude and longitude in degrees, for sun times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<(f64, f64)>,
}

/// A device as the edge needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteDevice {
    /// Its id.
    pub id: DeviceId,
    /// The system it belongs to.
    pub system: SystemId,
    /// Its address there: `Display_1`.
    pub address: String,
    /// For people; the address when empty.
    #[serde(default)]
    pub name: String,
    /// The driver's name.
    pub driver: String,
    /// Name of the link; absent for logic devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Settings, resolved per key.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub settings: Values,
    /// Runs when true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// A trigger bound to a system. `crates/rules` reads the definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteTrigger {
    /// Its id.
    pub id: TriggerId,
    /// The system whose devices its inputs name.
    pub system: SystemId,
    /// `triggers/<name>`.
    pub name: String,
    /// Text of `trigger.toml`. Absent in a hand-written site file: the folder is used.
    #[serde(default)]
    pub definition: String,
    /// Text of `rule.rhai`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Parameters of this instance.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub params: Values,
    /// Evaluated when true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_file_reads_and_a_typo_is_named_with_its_line() {
        let text = r#"
[link.bus]
kind = "modbus-rtu"
line = { path = "/dev/ttyUSB0", baud = 19200, parity = "even" }
timing = { timeout = "500ms" }
[link.broker]
kind = "mqtt-embedded"
[[system]]
id = "0198c0de-0000-7000-8000-000000000001"
name = "Room 1.01"
[[device]]
id = "0198c0de-0000-7000-8000-000000000002"
system = "0198c0de-0000-7000-8000-000000000001"
address = "Meter_1"
driver = "sdm630-meter"
link = "bus"
settings = { unit = 3 }
"#;
        let site: Site = toml::from_str(text).unwrap();
        assert_eq!(site.links.len(), 2);
        let error = toml::from_str::<Site>(&text.replace("baud", "boud")).unwrap_err().to_string();
        assert!(error.contains("boud"), "{error}");
    }
}
