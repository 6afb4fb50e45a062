//! `driver.toml`: identity, settings, status variables, commands, and the profile that describes a device
//! by data. `docs/drivers.md` explains it to integrators; `drivers/` holds the shipped ones.

use crate::level::Level;
use crate::points::{ModbusProfile, MqttProfile, Publish};
use crate::settings::Field;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A whole `driver.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `[driver]`.
    pub driver: Identity,
    /// `[link]`: what it wants to talk over.
    #[serde(default)]
    pub link: WantedLink,
    /// `[settings.<key>]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Field>,
    /// `[status.<name>]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<String, Status>,
    /// `[command.<name>]`.
    #[serde(rename = "command", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, Command>,
    /// `[modbus]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusProfile>,
    /// `[mqtt]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<MqttProfile>,
    /// `[component]`: present when there is a WASM component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// `[simulate]`: how the simulator speaks for this device; not read by the edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulate: Option<serde_json::Value>,
}

/// Who the driver is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `vendor-model`, the folder's name.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// For people.
    pub title: String,
    /// Who makes the device.
    #[serde(default)]
    pub vendor: String,
    /// Whether there is a device behind it.
    pub kind: Kind,
    /// First part of a device's address in a system: `Display` gives `Display_1`.
    pub module: String,
    /// One or two sentences.
    #[serde(default)]
    pub about: String,
}

/// What is behind a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A device on a wire.
    Hardware,
    /// Something on the network that is no device.
    Service,
    /// Other devices of the same system.
    Logic,
}

/// `[link]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedLink {
    /// What it speaks.
    #[serde(default)]
    pub kind: LinkKind,
    /// Framing of a byte link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framing: Option<Framing>,
    /// TCP or UDP port when a link names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Kinds of link a driver can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// None: logic devices.
    #[default]
    None,
    /// Modbus over TCP, serial, or RTU over TCP.
    Modbus,
    /// Framed bytes over TCP, TLS, UDP or serial.
    Bytes,
    /// MQTT messages.
    Mqtt,
    /// HTTP requests.
    Http,
}

/// Where one message ends and the next begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Framing {
    /// Ends with these characters, which are not part of the frame: `{ delimiter = "\r" }`.
    Delimiter(String),
    /// Every frame has this many bytes.
    Length(usize),
    /// A pause of this many milliseconds ends a frame.
    Silence(u64),
}

/// One status variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Type, unit, labels. (No unknown keys are refused here because the field is flattened; `check` does it.)
    #[serde(flatten)]
    pub field: Field,
    /// Keep its history; absent = yes for numbers and booleans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<bool>,
    /// Changes smaller than this are not passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadband: Option<f64>,
    /// Uncertain when older; absent = 3 × its poll interval, or never for what is not polled.
    #[serde(default, with = "crate::span::option", skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Duration>,
}

/// How much harm a command can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Comfort: lights, screens, temperatures.
    #[default]
    Normal,
    /// Doors, gates, locks.
    Access,
    /// Fire, smoke, medical supply.
    LifeSafety,
}

/// One command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// For people; the name when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Level needed on the device; `edit` when absent.
    #[serde(default = "edit")]
    pub needs: Level,
    /// Safety class.
    #[serde(default)]
    pub safety: Safety,
    /// What it changes, for arbitration: commands with the same target contend. The command's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `[command.<name>.params.<key>]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Field>,
    /// Profile: points written, in order. `{param}` alone takes the parameter's value and type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<Write>,
    /// Profile: messages sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// What will be seen when it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

impl Command {
    /// The level it takes on its device: what it asks for, and for life safety an owner's.
    pub fn level(&self) -> Level {
        match self.safety {
            Safety::LifeSafety => self.needs.max(Level::Own),
            Safety::Normal | Safety::Access => self.needs,
        }
    }
}

fn edit() -> Level {
    Level::Edit
}

/// A point to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Name of a point with `write = true`.
    pub point: String,
    /// A literal, or `"{param}"`.
    pub value: serde_json::Value,
}

/// The status that proves a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Status variable to watch.
    pub status: String,
    /// A literal, or `"{param}"`.
    pub equals: serde_json::Value,
    /// For numbers: how far off still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// How long it may take.
    #[serde(default = "ten_seconds", with = "crate::span")]
    pub within: Duration,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// `[component]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// File in the package, `component.wasm` as a rule.
    pub file: String,
    /// Version of the WIT world it was built for: `0.1`.
    pub wit: String,
    /// Memory limit in MiB; 16 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// What it may do beyond its own link: `system` (read and command other devices of its system).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// A capability beyond the device's own link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// See status variables of, and command, other devices of the same system.
    System,
}

impl Manifest {
    /// Reads and checks a `driver.toml`. The error names line and column where TOML knows them, and every
    /// wrong reference between the parts otherwise.
    pub fn parse(text: &str) -> Result<Manifest, String> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut errors = unknown_status_keys(text);
        errors.extend(manifest.check());
        if errors.is_empty() { Ok(manifest) } else { Err(errors.join("\n")) }
    }

    /// Wrong references between the parts, one sentence each.
    pub fn check(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let modbus = self.modbus.as_ref();
        if let Some(profile) = modbus {
            for (name, point) in &profile.points {
                self.check_modbus_point(profile, name, point, &mut errors);
            }
        }
        for (name, point) in self.mqtt.iter().flat_map(|profile| &profile.points) {
            let status = point.status.as_deref().unwrap_or(name);
            if !self.status.contains_key(status) {
                errors.push(format!("mqtt.point.{name}: there is no [status.{status}]"));
            }
        }
        for (name, command) in &self.commands {
            for write in &command.write {
                match modbus.and_then(|profile| profile.points.get(&write.point)) {
                    None => errors.push(format!("command.{name}: there is no point `{}`", write.point)),
                    Some(point) if !point.write => {
                        errors.push(format!("command.{name}: point `{}` needs `write = true`", write.point));
                    }
                    Some(_) => {}
                }
            }
            if let Some(effect) = &command.effect
                && !self.status.contains_key(&effect.status)
            {
                errors.push(format!("command.{name}.effect: there is no [status.{}]", effect.status));
            }
            if command.write.is_empty() && command.publish.is_empty() && self.component.is_none() {
                errors.push(format!(
                    "command.{name}: nothing carries it out; give it `write`, `publish` or a component"
                ));
            }
        }
        errors
    }

    fn check_modbus_point(
        &self,
        profile: &ModbusProfile,
        name: &str,
        point: &crate::points::ModbusPoint,
        errors: &mut Vec<String>,
    ) {
        let place = format!("modbus.point.{name}");
        match (point.address, &point.model, point.offset) {
            (Some(_), None, None) => {}
            (None, Some(model), Some(_)) => {
                if !profile.sunspec.as_ref().is_some_and(|sunspec| sunspec.models.contains_key(model)) {
                    errors.push(format!("{place}: `{model}` is not in [modbus.sunspec.models]"));
                }
            }
            _ => errors.push(format!("{place}: give it `address`, or `model` and `offset`")),
        }
        for raw in point.map.keys().filter(|raw| raw.parse::<i64>().is_err()) {
            errors.push(format!("{place}.map: `{raw}` is not a whole number"));
        }
        if let Some(scale) = &point.scale_point
            && !profile.points.contains_key(scale)
        {
            errors.push(format!("{place}: there is no point `{scale}` to scale by"));
        }
        if let Some(poll) = &point.poll
            && poll != "once"
            && !profile.poll.contains_key(poll)
        {
            errors.push(format!("{place}: there is no [modbus.poll.{poll}]"));
        }
        if let Some(status) = &point.status
            && !self.status.contains_key(status)
        {
            errors.push(format!("{place}: there is no [status.{status}]"));
        }
    }
}

/// A flattened struct can't refuse unknown keys by itself, so `[status.*]` is looked through by hand.
fn unknown_status_keys(text: &str) -> Vec<String> {
    const KNOWN: [&str; 15] = [
        "type",
        "title",
        "about",
        "unit",
        "default",
        "min",
        "max",
        "step",
        "decimals",
        "choices",
        "required",
        "secret",
        "history",
        "deadband",
        "stale_after",
    ];
    let table: toml::Table = text.parse().unwrap_or_default();
    let statuses = table.get("status").and_then(toml::Value::as_table).into_iter().flatten();
    statuses
        .flat_map(|(name, status)| status.as_table().into_iter().flatten().map(move |(key, _)| (name, key)))
        .filter(|(_, key)| !KNOWN.contains(&key.as_str()))
        .map(|(name, key)| {
            format!("status.{name}: unknown key `{key}`, expected one of {}", KNOWN.join(", "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_testkit::sample::METER;

    #[test]
    fn a_driver_is_read_with_its_points() {
        let manifest = Manifest::parse(METER).unwrap();
        assert_eq!(manifest.modbus.unwrap().points["power"].address, Some(52));
        assert_eq!(manifest.status["power"].field.unit, "W");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Manifest::parse(&METER.replace("address = 52", "adress = 52")).unwrap_err();
        assert!(error.contains("adress") && error.contains("line"), "{error}");
    }

    #[test]
    fn an_unknown_key_of_a_status_is_refused() {
        let error = Manifest::parse(&METER.replace("deadband", "deathband")).unwrap_err();
        assert!(error.contains("status.power: unknown key `deathband`"), "{error}");
    }

    #[test]
    fn a_wrong_reference_is_named() {
        let text = METER.to_owned() + "scale_point = \"sf\"\n[command.reset]\n";
        let error = Manifest::parse(&text).unwrap_err();
        assert!(error.contains("there is no point `sf` to scale by"), "{error}");
        assert!(error.contains("command.reset: nothing carries it out"), "{error}");
    }
}
