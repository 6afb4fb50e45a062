//! From the plan to the estate's files and to the fake devices behind them.

use super::people;
use super::plan::{Building, Bus, Level, REGIONS, Room, Size, buildings};
use crate::world::people::Use;
use bo_model::estate::{
    Estate, EstateDevice, EstateEdge, EstateSystem, EstateTrigger, EstateZone, Organisation, ZoneKind,
};
use bo_model::settings::Values;
use serde_json::{Value as Json, json};

/// Password of the demo's displays, set once per building and inherited by each of them.
const DISPLAY_PASSWORD: &str = "panel-demo";

/// The estate without its links, and the endpoints that will become links once they are started.
pub struct Demo {
    /// Which buildings.
    pub buildings: Vec<Building>,
    /// The estate; `links` of its edges are still empty.
    pub estate: Estate,
    /// One per link, in a stable order.
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint to be: its link's name, its medium, its devices.
#[derive(Debug)]
pub struct Endpoint {
    /// Key of the edge.
    pub edge: String,
    /// Name of the link.
    pub link: String,
    /// What it runs over.
    pub medium: Medium,
    /// Who is on it.
    pub devices: Vec<Device>,
}

/// What an endpoint runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A TCP port, for Modbus.
    ModbusTcp,
    /// A serial port with so many bits per second, for Modbus.
    ModbusSerial(u32),
    /// A TCP port, for text.
    Tcp,
    /// A serial port, for text.
    Serial(u32),
    /// The edge's own broker.
    Broker,
}

/// A device to be.
#[derive(Clone, Debug)]
pub struct Device {
    /// `cedar-l1-01/Display_1`: its name in the world.
    pub name: String,
    /// Folder in `drivers/`.
    pub driver: &'static str,
    /// Resolved settings.
    pub settings: Values,
}

/// Bits per second of the RS-485 buses.
const BUS_BAUD: u32 = 38_400;

/// The demo of a size.
pub fn demo(size: Size) -> Demo {
    let buildings = buildings(size);
    let regions: Vec<&str> = REGIONS
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| buildings.iter().any(|building| building.region == *key))
        .collect();
    let mut maker = Maker { estate: Estate::default(), endpoints: Vec::new() };
    maker.estate.organisation =
        Some(Organisation { name: people::ORGANISATION.into(), time_zone: "Europe/Lisbon".into() });
    maker.estate.groups = people::groups(&regions);
    maker.estate.people = people::people();
    maker.zone("estate", None, ZoneKind::Organisation, people::ORGANISATION, 0);
    for (order, (key, name)) in REGIONS.iter().filter(|(key, _)| regions.contains(key)).enumerate() {
        maker.zone(key, Some("estate"), ZoneKind::Region, name, order as i32);
    }
    for (order, building) in buildings.iter().enumerate() {
        maker.building(building, order as i32);
    }
    Demo { buildings, estate: maker.estate, endpoints: maker.endpoints }
}

struct Maker {
    estate: Estate,
    endpoints: Vec<Endpoint>,
}

impl Maker {
    fn zone(
        &mut self,
        key: &str,
        parent: Option<&str>,
        kind: ZoneKind,
        name: &str,
        order: i32,
    ) -> &mut EstateZone {
        let parent = parent.map(str::to_owned);
        let zone =
            EstateZone { key: key.into(), parent, kind, name: name.into(), order, ..EstateZone::default() };
        let at = self.estate.zones.len();
        self.estate.zones.push(zone);
        &mut self.estate.zones[at]
    }

    fn building(&mut self, building: &Building, order: i32) {
        let key = &building.key;
        let zone = self.zone(key, Some(building.region), ZoneKind::Building, &building.name, order);
        zone.time_zone = Some(building.time_zone.into());
        zone.position = Some(building.position);
        zone.tags = vec![building.city.to_lowercase()];
        zone.settings = values(json!({ "password": DISPLAY_PASSWORD }));
        zone.metadata = values(json!({ "address": { "city": building.city } }));
        self.estate.edges.push(EstateEdge {
            key: key.clone(),
            name: format!("{} gateway", building.name),
            zone: key.clone(),
            links: Default::default(),
            shares: Default::default(),
        });
        for level in building.levels {
            self.level(building, level);
        }
        if building.pv {
            self.plant(building);
        }
    }

    fn level(&mut self, building: &Building, level: &Level) {
        let key = format!("{}-l{}", building.key, level.index);
        let zone = self.zone(&key, Some(&building.key), ZoneKind::Level, level.name, level.index);
        zone.map = Some(level.map.into());
        let bus = Wire {
            link: format!("bus-l{}", level.index),
            medium: match level.bus {
                Bus::Serial => Medium::ModbusSerial(BUS_BAUD),
                Bus::Tcp => Medium::ModbusTcp,
            },
        };
        let mut unit = 0;
        for room in level.rooms() {
            self.room(building, &key, room, &bus, &mut unit);
        }
        let mut services = system(&key, "services", "Floor services", building);
        services.tags = vec!["energy".into()];
        self.device(&mut services, "Meter_1", "Floor meter", "sdm630-meter", &bus, json!({ "unit": 101 }));
        trigger(&mut services, "driver-offline-notify", json!({}));
        self.estate.systems.push(services);
    }

    fn room(&mut self, building: &Building, level: &str, room: &Room, bus: &Wire, unit: &mut u8) {
        let mut system = system(level, room.code, room.name, building);
        let word = kind_word(room.kind);
        system.tags = vec![word.into()];
        system.metadata =
            values(json!({ "room": { "code": room.code, "places": room.places, "area_m2": room.area } }));
        let short = format!("{}-{}", level.trim_start_matches(&format!("{}-", building.key)), room.code);
        let mqtt = Wire { link: "devices".into(), medium: Medium::Broker };
        for index in 1..=room.sensors {
            let name = if room.sensors == 1 { short.clone() } else { format!("{short}-{index}") };
            let address = format!("Sensor_{index}");
            let title = numbered("Air and presence", index, room.sensors);
            self.device(&mut system, &address, &title, "zigbee2mqtt-sensor", &mqtt, json!({ "name": name }));
        }
        for index in 1..=room.units {
            *unit += 1;
            self.device(
                &mut system,
                &format!("Hvac_{index}"),
                &numbered("Fan coil", index, room.units),
                "modbus-fancoil",
                bus,
                json!({ "unit": *unit }),
            );
        }
        for index in 1..=room.displays {
            let wire = Wire { link: format!("display-{short}-{index}"), medium: Medium::Tcp };
            let title = numbered("Display", index, room.displays);
            let address = format!("Display_{index}");
            self.device(&mut system, &address, &title, "pjlink-display", &wire, json!({}));
        }
        if room.av {
            let wire = Wire { link: format!("switcher-{short}"), medium: Medium::Serial(9600) };
            self.device(&mut system, "Switcher_1", "Picture and sound", "av-switcher", &wire, json!({}));
            system.devices.push(EstateDevice {
                address: "Room_1".into(),
                name: "Whole room".into(),
                driver: "room-logic".into(),
                ..EstateDevice::default()
            });
        }
        if room.lights {
            let topic = json!({ "topic": format!("lights-{short}") });
            self.device(&mut system, "Relay_1", "Lights", "tasmota-relay", &mqtt, topic);
        }
        triggers(&mut system, room);
        self.estate.systems.push(system);
    }

    /// 120 kWp in four inverters, the meter at the grid, and a load for the surplus.
    fn plant(&mut self, building: &Building) {
        let key = format!("{}-roof", building.key);
        self.zone(&key, Some(&building.key), ZoneKind::Area, "Roof", 9);
        let mut plant = system(&key, "pv", "PV plant", building);
        plant.tags = vec!["energy".into(), "pv".into()];
        plant.metadata =
            values(json!({ "plant": { "kwp": 120, "inverters": 4, "commissioned": "2023-04-18" } }));
        for index in 1..=4 {
            let wire = Wire { link: format!("inverter-{index}"), medium: Medium::ModbusTcp };
            let name = if index <= 2 { format!("East {index}") } else { format!("West {}", index - 2) };
            self.device(
                &mut plant,
                &format!("Inverter_{index}"),
                &name,
                "sunspec-inverter",
                &wire,
                json!({ "unit": 1 }),
            );
        }
        let wire = Wire { link: "grid-meter".into(), medium: Medium::ModbusTcp };
        self.device(&mut plant, "Meter_1", "Grid meter", "sdm630-meter", &wire, json!({ "unit": 1 }));
        let mqtt = Wire { link: "devices".into(), medium: Medium::Broker };
        self.device(
            &mut plant,
            "Relay_1",
            "Hot water",
            "tasmota-relay",
            &mqtt,
            json!({ "topic": "hot-water" }),
        );
        trigger(&mut plant, "pv-surplus-relay", json!({ "start_at": 4000 }));
        trigger(&mut plant, "driver-offline-notify", json!({ "team": "energy" }));
        self.estate.systems.push(plant);
    }

    fn device(
        &mut self,
        system: &mut EstateSystem,
        address: &str,
        name: &str,
        driver: &'static str,
        wire: &Wire,
        own: Json,
    ) {
        let own = values(own);
        system.devices.push(EstateDevice {
            address: address.into(),
            name: name.into(),
            driver: driver.into(),
            link: Some(wire.link.clone()),
            settings: own.clone(),
            metadata: Default::default(),
            disabled: false,
        });
        let mut settings = values(json!({ "password": DISPLAY_PASSWORD }));
        settings.extend(own);
        let device = Device { name: format!("{}/{address}", system.key), driver, settings };
        let found = self.endpoints.iter_mut().find(|e| e.edge == system.edge && e.link == wire.link);
        match found {
            Some(endpoint) => endpoint.devices.push(device),
            None => self.endpoints.push(Endpoint {
                edge: system.edge.clone(),
                link: wire.link.clone(),
                medium: wire.medium,
                devices: vec![device],
            }),
        }
    }
}

/// A device's name in its room; with a number when there are several of the kind.
fn numbered(title: &str, index: u8, of: u8) -> String {
    if of == 1 { title.to_owned() } else { format!("{title} {index}") }
}

struct Wire {
    link: String,
    medium: Medium,
}

fn system(zone: &str, code: &str, name: &str, building: &Building) -> EstateSystem {
    EstateSystem {
        key: format!("{zone}-{code}"),
        name: name.into(),
        zone: zone.into(),
        edge: building.key.clone(),
        ..EstateSystem::default()
    }
}

fn triggers(system: &mut EstateSystem, room: &Room) {
    trigger(system, "driver-offline-notify", json!({}));
    trigger(system, "co2-ventilation", json!({}));
    if room.displays > 0 && matches!(room.kind, Use::Meeting | Use::Hall) {
        trigger(system, "room-empty-off", json!({}));
    }
    if matches!(room.kind, Use::Office | Use::Lobby | Use::Cafe) {
        trigger(system, "night-setback", json!({}));
    }
}

fn trigger(system: &mut EstateSystem, name: &str, params: Json) {
    system.triggers.push(EstateTrigger { name: name.into(), params: values(params), disabled: false });
}

fn kind_word(kind: Use) -> &'static str {
    match kind {
        Use::Office => "office",
        Use::Meeting => "meeting",
        Use::Lobby => "lobby",
        Use::Cafe => "café",
        Use::Hall => "hall",
        Use::Technical => "technical",
    }
}

fn values(json: Json) -> Values {
    match json {
        Json::Object(map) => map.into_iter().collect(),
        _ => Values::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_estate_is_sound_and_of_the_promised_size() {
        let mut demo = demo(Size::Small);
        for endpoint in &demo.endpoints {
            let edge = demo.estate.edges.iter_mut().find(|edge| edge.key == endpoint.edge).unwrap();
            edge.links.insert(endpoint.link.clone(), bo_model::release::LinkConfig::MqttEmbedded);
        }
        assert_eq!(demo.estate.check(), Vec::<String>::new());
        let devices: usize = demo.estate.systems.iter().map(|system| system.devices.len()).sum();
        let levels = demo.estate.zones.iter().filter(|zone| zone.kind == ZoneKind::Level).count();
        assert_eq!((demo.estate.edges.len(), levels), (2, 5));
        assert!((38..=44).contains(&demo.estate.systems.len()), "{} systems", demo.estate.systems.len());
        assert!((140..=165).contains(&devices), "{devices} devices");
    }

    #[test]
    fn the_large_estate_is_ten_times_the_small_one_and_sound() {
        let large = demo(Size::Large);
        let devices: usize = large.estate.systems.iter().map(|system| system.devices.len()).sum();
        assert!((1300..=1700).contains(&devices), "{devices} devices");
        let complaints = large.estate.check();
        assert!(complaints.iter().all(|sentence| sentence.contains("no link")), "{complaints:?}");
    }
}
