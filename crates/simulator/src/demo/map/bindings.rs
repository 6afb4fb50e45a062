//! `map.toml` of a storey: every room and every device, bound.

use super::marker::{Marker, of};
use super::{Level, title};
use bo_model::map::{MapElement, MapState, MapStyle, ZoneMap};
use serde_json::{Value as Json, json};

/// The bindings of a storey.
pub fn bindings(level: &Level) -> ZoneMap {
    let mut map = ZoneMap { title: title(level), ..ZoneMap::default() };
    map.styles = styles().into_iter().map(|(name, style)| (name.to_owned(), style)).collect();
    for room in level.rooms() {
        let system = format!("{{zone}}-{}", room.code);
        let text = Some(format!("value-{}", room.code));
        let element = MapElement { style: "room".into(), system: system.clone(), device: None, text };
        map.elements.insert(format!("room-{}", room.code), element);
        for marker in of(room) {
            let id = format!("dev-{}-{}", room.code, marker.address);
            map.elements.insert(id, device(&marker, &system, None));
        }
    }
    let text = Some("value-services".to_owned());
    map.elements.insert("dev-services-Meter_1".into(), device(&Marker::meter(), "{zone}-services", text));
    map
}

fn device(marker: &Marker, system: &str, text: Option<String>) -> MapElement {
    let device = Some(marker.address.clone());
    MapElement { style: marker.style.into(), system: system.into(), device, text }
}

fn styles() -> Vec<(&'static str, MapStyle)> {
    let alarm = MapState { class: "alarm".into(), title: "Alarm".into(), alarm: true, ..MapState::default() };
    let offline =
        MapState { class: "offline".into(), title: "Offline".into(), offline: true, ..MapState::default() };
    let equals = |class: &str, title: &str, status: &str, value: Json| MapState {
        class: class.into(),
        title: title.into(),
        status: Some(status.into()),
        equals: Some(value),
        ..MapState::default()
    };
    let with = |label: Option<&str>, states: Vec<MapState>| {
        let states = [vec![alarm.clone(), offline.clone()], states].concat();
        MapStyle { label: label.map(str::to_owned), states }
    };
    let stuffy = MapState {
        class: "stuffy".into(),
        title: "Stuffy".into(),
        status: Some("Sensor_1.co2".into()),
        at_least: Some(1000.0),
        ..MapState::default()
    };
    let running = |status: &str, on: Json, off: Json| {
        vec![equals("on", "On", status, on), equals("off", "Off", status, off)]
    };
    let always = MapState { class: "ok".into(), title: "In order".into(), ..MapState::default() };
    let mut room = with(
        Some("{Sensor_1.temperature}"),
        vec![
            stuffy,
            equals("occupied", "Occupied", "Sensor_1.occupancy", json!(true)),
            equals("empty", "Empty", "Sensor_1.occupancy", json!(false)),
        ],
    );
    // A room with one device offline is still a room: that shows on the device.
    room.states.retain(|state| !state.offline);
    let warming = equals("starting", "Changing", "power", json!("warming"));
    let cooling = equals("starting", "Changing", "power", json!("cooling"));
    vec![
        ("room", room),
        ("sensor", with(Some("{people}"), running("occupancy", json!(true), json!(false)))),
        ("climate", with(Some("{temperature}"), running("running", json!(true), json!(false)))),
        ("light", with(None, running("power", json!(true), json!(false)))),
        (
            "display",
            with(None, [running("power", json!("on"), json!("off")), vec![warming, cooling]].concat()),
        ),
        ("switcher", with(None, vec![always.clone()])),
        ("room-switch", with(None, running("on", json!(true), json!(false)))),
        ("meter", with(Some("{power}"), vec![always])),
    ]
}

/// The same as a file.
pub fn text(level: &Level) -> Result<String, toml::ser::Error> {
    Ok(format!(
        "# Drawn from the demo's plan by `cargo run -p bo-simulator --example zone_maps -- zone-maps`.\n{}",
        toml::to_string(&bindings(level))?
    ))
}
