//! Announcements to drivers and devices: devices of one model share a driver, told apart by the part of their topics that
//! is their own.

use super::entity::{Announced, Entity, Role};
use bo_model::driver::{Command, Effect, Identity, Kind, LinkKind, Manifest, Status, WantedLink};
use bo_model::points::{Availability, MqttPoint, MqttProfile, Publish};
use bo_model::settings::{Field, FieldKind, Values};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The setting that tells devices of one driver apart.
const OWN: &str = "topic";

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    /// Drivers by name.
    pub drivers: BTreeMap<String, Manifest>,
    /// Devices in the order of their names.
    pub devices: Vec<Device>,
    /// What was announced and is not proposed, a sentence each.
    pub skipped: Vec<String>,
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// For people.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Its settings.
    pub settings: Values,
}

/// Proposes drivers and devices for all that was announced.
pub fn propose(announced: impl IntoIterator<Item = Announced>) -> Proposals {
    let mut devices: BTreeMap<String, Announced> = BTreeMap::new();
    for one in announced {
        match devices.get_mut(&one.device) {
            None => drop(devices.insert(one.device.clone(), one)),
            Some(known) => {
                known.entities.extend(one.entities);
                known.skipped.extend(one.skipped);
                known.availability = known.availability.take().or(one.availability);
            }
        }
    }
    let mut proposals = Proposals::default();
    for device in devices.into_values() {
        proposals.skipped.extend(device.skipped.iter().map(|why| format!("{}: {why}", device.name)));
        if device.entities.is_empty() {
            continue;
        }
        let own = own_level(&device);
        let mut manifest = manifest(&device, own.as_deref());
        // Another device of the same name may have other entities: then it is another driver.
        let wanted = manifest.driver.name.clone();
        for number in 2.. {
            match proposals.drivers.get(&manifest.driver.name) {
                Some(known) if *known != manifest => manifest.driver.name = format!("{wanted}-{number}"),
                _ => break,
            }
        }
        let driver = manifest.driver.name.clone();
        let settings = own.map(|own| (OWN.to_owned(), json!(own))).into_iter().collect();
        proposals.devices.push(Device { name: device.name, driver: driver.clone(), settings });
        proposals.drivers.insert(driver, manifest);
    }
    proposals.devices.sort_by(|one, other| one.name.cmp(&other.name));
    proposals
}

/// The level of the topics that is the device's own: one that all of its topics have, and as far from the root as can be.
/// A level before it, such as the program's, is the same for many devices.
fn own_level(device: &Announced) -> Option<String> {
    let topics: Vec<&str> = device
        .entities
        .iter()
        .flat_map(|entity| [entity.state.as_deref(), entity.command.as_deref()])
        .flatten()
        .collect();
    let first = topics.first()?;
    let shared = first.split('/').rfind(|level| {
        level.len() > 1 && topics.iter().all(|topic| topic.split('/').any(|other| other == *level))
    });
    shared.map(str::to_owned)
}

fn manifest(device: &Announced, own: Option<&str>) -> Manifest {
    let template = |topic: &str| match own {
        None => topic.to_owned(),
        Some(own) => {
            let level = |level| if level == own { format!("{{{OWN}}}") } else { String::from(level) };
            topic.split('/').map(level).collect::<Vec<_>>().join("/")
        }
    };
    let what = if device.model.is_empty() { &device.name } else { &device.model };
    let mut made = Manifest {
        driver: Identity {
            name: slug(&format!("{} {what}", device.maker), '-'),
            version: "1.0.0".into(),
            title: what.clone(),
            vendor: device.maker.clone(),
            kind: Kind::Hardware,
            module: module(device).into(),
            about: String::new(),
        },
        link: WantedLink { kind: LinkKind::Mqtt, ..WantedLink::default() },
        settings: BTreeMap::new(),
        status: BTreeMap::new(),
        commands: BTreeMap::new(),
        modbus: None,
        mqtt: Some(MqttProfile::default()),
        component: None,
        simulate: None,
    };
    if own.is_some() {
        let field = Field {
            kind: FieldKind::Text,
            title: "Topic".into(),
            about: "The part of the topics that is the device's own.".into(),
            required: true,
            ..Field::default()
        };
        made.settings.insert(OWN.into(), field);
    }
    let mut profile = MqttProfile {
        availability: device.availability.clone().map(|(topic, path, online, offline)| Availability {
            topic: template(&topic),
            path,
            online,
            offline,
        }),
        ..MqttProfile::default()
    };
    for entity in &device.entities {
        let name = unused(&made, entity);
        if let Some(topic) = &entity.state {
            made.status.insert(name.clone(), status(entity));
            let point = MqttPoint {
                topic: template(topic),
                path: entity.path.clone(),
                map: words(&entity.role),
                ..MqttPoint::default()
            };
            profile.points.insert(name.clone(), point);
        }
        if let Some(topic) = &entity.command {
            made.commands.insert(format!("set_{name}"), command(entity, &name, template(topic)));
        }
    }
    made.mqtt = Some(profile);
    made
}

/// A name no other entity of the device has.
fn unused(made: &Manifest, entity: &Entity) -> String {
    let called = [&entity.name, &entity.class].into_iter().find(|name| !name.is_empty());
    let usual = match entity.role {
        Role::Switch { .. } => "power",
        _ => "value",
    };
    let name = slug(called.map_or(usual, |name| name), '_');
    let taken =
        |name: &str| made.status.contains_key(name) || made.commands.contains_key(&format!("set_{name}"));
    if !taken(&name) {
        return name;
    }
    (2..).map(|number| format!("{name}_{number}")).find(|name| !taken(name)).unwrap_or(name)
}

fn title(entity: &Entity, usual: &str) -> String {
    let called = [&entity.name, &entity.class].into_iter().find(|name| !name.is_empty());
    called.map_or_else(|| usual.to_owned(), Clone::clone)
}

fn kind(role: &Role, unit: Option<&String>) -> FieldKind {
    match role {
        Role::Binary { .. } | Role::Switch { .. } => FieldKind::Boolean,
        Role::Number { .. } => FieldKind::Number,
        Role::Select(_) => FieldKind::Choice,
        Role::Sensor if unit.is_some() => FieldKind::Number,
        Role::Sensor => FieldKind::Text,
    }
}

fn field(entity: &Entity, title: String) -> Field {
    let mut field = Field {
        kind: kind(&entity.role, entity.unit.as_ref()),
        title,
        unit: entity.unit.clone().unwrap_or_default(),
        ..Field::default()
    };
    match &entity.role {
        Role::Number { min, max } => (field.min, field.max) = (*min, *max),
        Role::Select(options) => {
            field.choices = options.iter().map(|option| (option.clone(), option.clone())).collect()
        }
        _ => {}
    }
    field
}

fn status(entity: &Entity) -> Status {
    Status { field: field(entity, title(entity, "State")), ..Status::default() }
}

fn words(role: &Role) -> BTreeMap<String, Json> {
    match role {
        Role::Binary { on, off } | Role::Switch { on, off, .. } => {
            BTreeMap::from([(on.clone(), Json::Bool(true)), (off.clone(), Json::Bool(false))])
        }
        _ => BTreeMap::new(),
    }
}

fn command(entity: &Entity, name: &str, topic: String) -> Command {
    let (param, words) = match &entity.role {
        Role::Switch { turn_on, turn_off, .. } => {
            let words = [("true".to_owned(), turn_on.clone()), ("false".to_owned(), turn_off.clone())];
            ("on", BTreeMap::from(words))
        }
        _ => ("value", BTreeMap::new()),
    };
    let placeholder = format!("{{{param}}}");
    let effect = entity.state.is_some().then(|| Effect {
        status: name.to_owned(),
        equals: Json::from(placeholder.clone()),
        tolerance: None,
        within: Duration::from_secs(10),
    });
    Command {
        title: title(entity, "Switch"),
        target: Some(name.to_owned()),
        params: BTreeMap::from([(
            param.to_owned(),
            Field { required: true, ..field(entity, title(entity, "Value")) },
        )]),
        publish: vec![Publish { topic, payload: placeholder, words }],
        effect,
        ..Command::default()
    }
}

fn module(device: &Announced) -> &'static str {
    let has = |wanted: fn(&Role) -> bool| device.entities.iter().any(|entity| wanted(&entity.role));
    if has(|role| matches!(role, Role::Switch { .. })) {
        "Relay"
    } else if has(|role| matches!(role, Role::Number { .. } | Role::Select(_))) {
        "Control"
    } else {
        "Sensor"
    }
}

/// Small letters and digits of `text`, the rest as one `between`; never empty, and begins with a letter.
fn slug(text: &str, between: char) -> String {
    let mut slug = String::new();
    for letter in text.to_lowercase().chars().take(60) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with(between) {
            slug.push(between);
        }
    }
    let slug = slug.trim_end_matches(between);
    if slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        slug.to_owned()
    } else {
        format!("x{between}{slug}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PREFIX, read};
    use super::*;
    use crate::Profile;
    use bo_link::MqttMessage;
    use bo_model::{Data, Time};

    fn sensor(id: &str, class: &str, unit: &str) -> Announced {
        let payload = format!(
            r#"{{"device_class":"{class}","unit_of_measurement":"{unit}","state_topic":"zigbee2mqtt/{id}",
            "value_template":"{{{{ value_json.{class} }}}}","unique_id":"{id}_{class}",
            "availability":[{{"topic":"zigbee2mqtt/bridge/state"}},{{"topic":"zigbee2mqtt/{id}/availability","value_template":"{{{{ value_json.state }}}}"}}],
            "device":{{"identifiers":["zigbee2mqtt_{id}"],"name":"{id}","manufacturer":"Aqara","model":"WSDCGQ11LM"}}}}"#
        );
        read(PREFIX, &format!("homeassistant/sensor/{id}/{class}/config"), payload.as_bytes()).unwrap()
    }

    #[test]
    fn devices_of_one_model_share_a_driver_that_reads_their_messages() {
        let found = propose([
            sensor("office", "temperature", "°C"),
            sensor("office", "humidity", "%"),
            sensor("hall", "temperature", "°C"),
            sensor("hall", "humidity", "%"),
        ]);
        assert_eq!(found.drivers.keys().collect::<Vec<_>>(), ["aqara-wsdcgq11lm"]);
        assert_eq!(found.devices.len(), 2);
        assert_eq!(found.devices[0].settings["topic"], "hall");

        // What is written to a file is what an integrator's own driver would be.
        let text = toml::to_string(&found.drivers["aqara-wsdcgq11lm"]).unwrap();
        let manifest = Manifest::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        let profile = Profile::new(manifest.mqtt.as_ref().unwrap(), &found.devices[1].settings).unwrap();
        let message = MqttMessage {
            topic: "zigbee2mqtt/office".into(),
            payload: r#"{"temperature":21.5,"humidity":40}"#.into(),
            qos: 0,
            retain: false,
        };
        let decoded = profile.decode(&message, Time::from_seconds(1));
        let shown: BTreeMap<_, _> =
            decoded.values.iter().map(|(name, value)| (&name[..], value.data.clone())).collect();
        assert_eq!(shown["temperature"], Data::Float(21.5));
        let there = MqttMessage {
            topic: "zigbee2mqtt/office/availability".into(),
            payload: r#"{"state":"offline"}"#.into(),
            ..message
        };
        assert_eq!(profile.decode(&there, Time::from_seconds(1)).online, Some(false));
    }

    #[test]
    fn a_switch_becomes_a_command_with_the_devices_own_words_and_an_effect_that_proves_it() {
        let payload = br#"{"name":null,"command_topic":"shellies/lamp/relay/0/command","state_topic":"shellies/lamp/relay/0",
            "payload_on":"on","payload_off":"off","unique_id":"lamp","device":{"identifiers":["lamp"],"name":"Lamp"}}"#;
        let found = propose(read(PREFIX, "homeassistant/switch/lamp/config", payload));
        let manifest = found.drivers.values().next().unwrap();
        let command = &manifest.commands["set_power"];
        assert_eq!(command.publish[0].words["true"], "on");
        assert_eq!(command.effect.as_ref().unwrap().status, "power");
        assert!(command.publish[0].topic.contains("{topic}"), "{command:?}");
        Manifest::parse(&toml::to_string(manifest).unwrap()).unwrap();
    }

    #[test]
    fn names_are_made_of_letters_that_a_driver_may_have() {
        assert_eq!(slug("Müller & Söhne  X-1 ", '-'), "m-ller-s-hne-x-1");
        assert_eq!(slug("", '_'), "x_");
        assert_eq!(slug("1 Wire", '-'), "x-1-wire");
    }
}
