//! One announcement as what it means.

use serde_json::{Map, Value as Json};

/// What an entity is, as far as a profile can say it.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Shows a number or text.
    Sensor,
    /// Shows one of two words.
    Binary {
        /// The word for true.
        on: String,
        /// The word for false.
        off: String,
    },
    /// Shows one of two words and takes them.
    Switch {
        /// Shown for true.
        on: String,
        /// Shown for false.
        off: String,
        /// Sent for true.
        turn_on: String,
        /// Sent for false.
        turn_off: String,
    },
    /// Shows a number and takes one.
    Number {
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// Shows one of these words and takes them.
    Select(Vec<String>),
}

/// One thing a device has.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// What it is.
    pub role: Role,
    /// For people; empty when it is the device's main one.
    pub name: String,
    /// `temperature`, `power`, …; empty when not said.
    pub class: String,
    /// Unit of measurement.
    pub unit: Option<String>,
    /// Where its state comes.
    pub state: Option<String>,
    /// Path in the state's JSON.
    pub path: Option<String>,
    /// Where it takes what is wanted of it.
    pub command: Option<String>,
}

/// What one message announces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Announced {
    /// First of the device's identifiers; the entity's own where no device is named.
    pub device: String,
    /// For people.
    pub name: String,
    /// Who makes it.
    pub maker: String,
    /// Model.
    pub model: String,
    /// Topic that says whether it is there, with the words for yes and no.
    pub availability: Option<(String, Option<String>, String, String)>,
    /// What is understood.
    pub entities: Vec<Entity>,
    /// What is not, a sentence each.
    pub skipped: Vec<String>,
}

/// Abbreviations in use here, of the list in Home Assistant's documentation of MQTT discovery.
const SHORT: [(&str, &str); 33] = [
    ("avty", "availability"),
    ("avty_t", "availability_topic"),
    ("avty_tpl", "availability_template"),
    ("cmd_t", "command_topic"),
    ("cmps", "components"),
    ("dev", "device"),
    ("dev_cla", "device_class"),
    ("ids", "identifiers"),
    ("mdl", "model"),
    ("mf", "manufacturer"),
    ("name", "name"),
    ("ops", "options"),
    ("p", "platform"),
    ("pl", "payload"),
    ("pl_avail", "payload_available"),
    ("pl_not_avail", "payload_not_available"),
    ("pl_off", "payload_off"),
    ("pl_on", "payload_on"),
    ("stat_cla", "state_class"),
    ("stat_off", "state_off"),
    ("stat_on", "state_on"),
    ("stat_t", "state_topic"),
    ("stat_tpl", "state_value_template"),
    ("stat_val_tpl", "state_value_template"),
    ("t", "topic"),
    ("tpl", "template"),
    ("uniq_id", "unique_id"),
    ("unit_of_meas", "unit_of_measurement"),
    ("val_tpl", "value_template"),
    ("schema", "schema"),
    ("min", "min"),
    ("max", "max"),
    ("cns", "connections"),
];

/// Reads one announcement. `None` when the topic is none; an empty payload takes an announcement back and is none either.
pub fn read(prefix: &str, topic: &str, payload: &[u8]) -> Option<Announced> {
    let rest = topic.strip_prefix(prefix)?.strip_prefix('/')?.strip_suffix("/config")?;
    let (component, object) = rest.split_once('/')?;
    let object = object.rsplit('/').next().unwrap_or(object);
    let json: Json = serde_json::from_slice(payload).ok()?;
    let body = long(json.as_object()?);
    let device = body.get("device").and_then(Json::as_object).map(long).unwrap_or_default();
    let text = |of: &Map<String, Json>, key: &str| of.get(key).and_then(Json::as_str).map(str::to_owned);
    let id = match device.get("identifiers").or_else(|| device.get("connections")) {
        Some(Json::String(id)) => id.clone(),
        Some(Json::Array(ids)) => {
            ids.first().map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned))?
        }
        _ => text(&body, "unique_id").unwrap_or_else(|| object.to_owned()),
    };
    let mut announced = Announced {
        name: text(&device, "name").or_else(|| text(&body, "name")).unwrap_or_else(|| id.clone()),
        maker: text(&device, "manufacturer").unwrap_or_default(),
        model: text(&device, "model").unwrap_or_default(),
        availability: availability(&body),
        device: id,
        ..Announced::default()
    };
    if component == "device" {
        for (key, part) in body.get("components").and_then(Json::as_object).into_iter().flatten() {
            let mut part = part.as_object().map(long).unwrap_or_default();
            for shared in ["~", "state_topic", "command_topic"] {
                if let (None, Some(value)) = (part.get(shared), body.get(shared)) {
                    part.insert(shared.to_owned(), value.clone());
                }
            }
            let platform = text(&part, "platform").unwrap_or_default();
            announced.take(&platform, key, &part);
        }
    } else {
        announced.take(component, object, &body);
    }
    Some(announced)
}

impl Announced {
    fn take(&mut self, component: &str, object: &str, body: &Map<String, Json>) {
        match entity(component, object, body) {
            Ok(entity) => self.entities.push(entity),
            Err(why) => self.skipped.push(format!("{component} `{object}`: {why}")),
        }
    }
}

/// Long names for short ones, and `~` filled in.
fn long(body: &Map<String, Json>) -> Map<String, Json> {
    let base = body.get("~").and_then(Json::as_str).unwrap_or_default();
    body.iter()
        .map(|(key, value)| {
            let name = SHORT.iter().find(|(short, _)| short == key).map_or(key.as_str(), |(_, long)| long);
            let value = match value {
                Json::String(text) if name.ends_with("topic") => Json::from(based(text, base)),
                other => other.clone(),
            };
            (name.to_owned(), value)
        })
        .collect()
}

fn based(topic: &str, base: &str) -> String {
    if let Some(rest) = topic.strip_prefix('~') {
        return format!("{base}{rest}");
    }
    topic.strip_suffix('~').map_or_else(|| topic.to_owned(), |rest| format!("{rest}{base}"))
}

fn availability(body: &Map<String, Json>) -> Option<(String, Option<String>, String, String)> {
    let base = body.get("~").and_then(Json::as_str).unwrap_or_default();
    let listed =
        body.get("availability").and_then(Json::as_array).and_then(|all| all.last()?.as_object()).map(long);
    let (from, topic) = match &listed {
        Some(one) => (one, one.get("topic")),
        None => (body, body.get("availability_topic")),
    };
    let word = |key: &str, usual: &str| from.get(key).map_or_else(|| usual.to_owned(), plain);
    let key = if listed.is_some() { "value_template" } else { "availability_template" };
    let template = from.get(key).and_then(Json::as_str);
    let path = template.map(path).transpose().ok()?;
    Some((
        based(topic?.as_str()?, base),
        path.flatten(),
        word("payload_available", "online"),
        word("payload_not_available", "offline"),
    ))
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn entity(component: &str, object: &str, body: &Map<String, Json>) -> Result<Entity, String> {
    let text = |key: &str| body.get(key).and_then(Json::as_str).map(str::to_owned);
    let word = |key: &str, usual: &str| body.get(key).map_or_else(|| usual.to_owned(), plain);
    let (on, off) = (word("payload_on", "ON"), word("payload_off", "OFF"));
    let is_json = text("schema").is_some_and(|schema| schema == "json");
    let mut template = text("value_template").or_else(|| text("state_value_template"));
    let role = match component {
        "sensor" => Role::Sensor,
        "binary_sensor" => Role::Binary { on, off },
        "light" if is_json => {
            template = Some("{{ value_json.state }}".into());
            let say = |on: &str| format!("{{\"state\":\"{on}\"}}");
            Role::Switch { turn_on: say("ON"), turn_off: say("OFF"), on: "ON".into(), off: "OFF".into() }
        }
        "switch" | "light" | "fan" | "siren" => Role::Switch {
            on: word("state_on", &on),
            off: word("state_off", &off),
            turn_on: on,
            turn_off: off,
        },
        "number" => {
            let limit = |key: &str| body.get(key).and_then(Json::as_f64);
            Role::Number { min: limit("min"), max: limit("max") }
        }
        "select" => {
            let options = body.get("options").and_then(Json::as_array).into_iter().flatten();
            Role::Select(options.map(plain).collect())
        }
        other => return Err(format!("a profile can't say `{other}`; a component can")),
    };
    let entity = Entity {
        name: text("name").unwrap_or_default(),
        class: text("device_class").unwrap_or_default(),
        unit: text("unit_of_measurement"),
        state: text("state_topic"),
        path: template.as_deref().map(path).transpose()?.flatten(),
        command: text("command_topic"),
        role,
    };
    if entity.state.is_none() && entity.command.is_none() {
        return Err("it names no topic".into());
    }
    let takes = matches!(entity.role, Role::Switch { .. } | Role::Number { .. } | Role::Select(_));
    if takes && entity.command.is_none() {
        return Err(format!("`{object}` names no command topic"));
    }
    Ok(entity)
}

/// The path a value template picks: `{{ value_json.a.b }}`, `{{ value_json['a'] }}`; `None` for the value itself. Filters
/// that only round or convert are passed over. Anything else is a small program, which a profile does not run.
fn path(template: &str) -> Result<Option<String>, String> {
    let wrong = || format!("its template `{template}` is more than a path");
    let inside =
        template.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).ok_or_else(wrong)?;
    let mut parts = inside.split('|').map(str::trim);
    let head = parts.next().unwrap_or_default();
    let harmless = |filter: &str| {
        ["float", "int", "round", "is_defined", "default"].iter().any(|known| filter.starts_with(known))
    };
    if !parts.all(harmless) {
        return Err(wrong());
    }
    if head == "value" {
        return Ok(None);
    }
    let rest = head.strip_prefix("value_json").ok_or_else(wrong)?;
    let dotted = rest.replace(['"', '\''], "").replace('[', ".").replace(']', "");
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ' | ':');
    match dotted.strip_prefix('.') {
        Some(path) if !path.is_empty() && path.chars().all(fits) => Ok(Some(path.to_owned())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abbreviated_switch_of_tasmota_is_read() {
        let topic = "homeassistant/switch/1A2B3C_RL_1/config";
        let payload = r#"{"name":"Pump","cmd_t":"~cmnd/POWER","stat_t":"~tele/STATE","val_tpl":"{{value_json.POWER}}","pl_off":"OFF",
            "pl_on":"ON","avty_t":"~tele/LWT","pl_avail":"Online","pl_not_avail":"Offline","uniq_id":"1A2B3C_RL_1",
            "device":{"identifiers":["1A2B3C"],"name":"Cellar","mf":"Tasmota","mdl":"Sonoff Basic"},"~":"cellar/"}"#;
        let found = read(super::super::PREFIX, topic, payload.as_bytes()).unwrap();
        assert_eq!((found.device.as_str(), found.maker.as_str()), ("1A2B3C", "Tasmota"));
        assert_eq!(
            found.availability,
            Some(("cellar/tele/LWT".into(), None, "Online".into(), "Offline".into()))
        );
        let pump = &found.entities[0];
        assert_eq!(pump.command.as_deref(), Some("cellar/cmnd/POWER"));
        assert_eq!((pump.state.as_deref(), pump.path.as_deref()), (Some("cellar/tele/STATE"), Some("POWER")));
    }

    #[test]
    fn a_whole_device_in_one_message_is_read_and_what_is_a_program_is_named() {
        let payload = r#"{"dev":{"ids":"ea334450","name":"Kitchen","mf":"Bla"},"state_topic":"sensor/kitchen","cmps":{
            "a":{"p":"sensor","device_class":"temperature","unit_of_measurement":"°C","value_template":"{{ value_json.temperature | round(1) }}"},
            "b":{"p":"sensor","value_template":"{% if value_json.x > 3 %}high{% endif %}"},
            "c":{"p":"camera","topic":"x"}}}"#;
        let found = read(super::super::PREFIX, "homeassistant/device/x/config", payload.as_bytes()).unwrap();
        assert_eq!(found.entities.len(), 1);
        assert_eq!(found.entities[0].path.as_deref(), Some("temperature"));
        assert_eq!(found.skipped.len(), 2, "{:?}", found.skipped);
        assert!(found.skipped[0].contains("more than a path") && found.skipped[1].contains("`camera`"));
    }

    #[test]
    fn other_topics_and_announcements_that_are_taken_back_are_nothing() {
        assert_eq!(read("homeassistant", "zigbee2mqtt/x", b"{}"), None);
        assert_eq!(read("homeassistant", "homeassistant/sensor/x/config", b""), None);
        assert_eq!(read("homeassistant", "homeassistant/status", b"online"), None);
    }
}
