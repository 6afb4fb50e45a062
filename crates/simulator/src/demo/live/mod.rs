//! Drives the demo's fake devices: asks the world how it is, sets what the devices measure, and lets what they were told act
//! on the world.

mod counters;
mod energy;
mod rooms;

pub use counters::Counters;

use super::plan::Building;
use crate::fake::{Fake, Fault};
use crate::world::noise::{channel, unit};
use crate::world::weather::{Weather, weather};
use crate::world::{Site, trouble};
use bo_model::Time;
use energy::Plant;
use rooms::LiveRoom;
use std::collections::BTreeMap;
use std::time::Duration;

/// The devices of an estate by name: `cedar-l1-01/Display_1`.
pub type Devices = BTreeMap<String, Fake>;

/// The estate's world.
pub struct Live {
    seed: u64,
    devices: Devices,
    buildings: Vec<LiveBuilding>,
    /// What only counts up.
    pub counters: Counters,
    /// Chance in percent that a device fails within a quarter of an hour.
    trouble: f64,
    /// The faults this world has given its devices.
    faults: BTreeMap<String, Fault>,
    now: Time,
    started: Time,
}

struct LiveBuilding {
    site: Site,
    rooms: Vec<LiveRoom>,
    /// (name of the meter, keys of the rooms it feeds, base load in W)
    floors: Vec<(String, std::ops::Range<usize>, f64)>,
    plant: Option<Plant>,
}

/// What one step of a building is computed from.
#[derive(Clone, Copy)]
struct Moment {
    at: Time,
    seconds: f64,
    weather: Weather,
}

impl Live {
    /// A world at an instant. The rooms have lived through the hours before it.
    pub fn new(
        seed: u64,
        buildings: &[Building],
        devices: Devices,
        counters: Counters,
        trouble: f64,
        now: Time,
    ) -> Live {
        let buildings = buildings.iter().map(|building| LiveBuilding::of(building, seed)).collect();
        let mut live =
            Live { seed, devices, buildings, counters, trouble, faults: BTreeMap::new(), now, started: now };
        for (name, fake) in &live.devices {
            introduce(name, fake, seed);
        }
        for building in &mut live.buildings {
            building.settle(seed, now);
        }
        live.step(now);
        live
    }

    /// The world at a later instant. A clock that jumped back moves nothing back.
    pub fn step(&mut self, at: Time) {
        let seconds = at.since(self.now).as_secs_f64().min(3600.0);
        self.now = at;
        for building in &mut self.buildings {
            let moment = Moment { at, seconds, weather: weather(self.seed, &building.site, at) };
            building.step(self.seed, moment, &self.devices, &mut self.counters);
        }
        for (name, fake) in &self.devices {
            // Only on a change, so that a fault from elsewhere stands until whoever made it mends it.
            let fault = self.fault(name, at);
            if self.faults.get(name).copied().unwrap_or_default() != fault {
                self.faults.insert(name.clone(), fault);
                fake.set_fault(fault);
            }
        }
    }

    /// What is wrong with a device now. One display fails soon after the start, so that nobody has to wait for the first alarm.
    fn fault(&self, name: &str, at: Time) -> Fault {
        if self.trouble <= 0.0 {
            return Fault::None;
        }
        let age = at.since(self.started);
        let first = Duration::from_secs(75)..Duration::from_secs(600);
        if name == "cedar-l1-05/Display_1" && first.contains(&age) {
            return Fault::Offline;
        }
        trouble::fault(self.seed, name, at, self.trouble)
    }
}

impl LiveBuilding {
    fn of(building: &Building, seed: u64) -> LiveBuilding {
        // A name the time zone database lacks would be a typing error in the plan; a test looks.
        let zone = jiff::tz::TimeZone::get(building.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let (latitude, longitude) = building.position;
        let mut rooms = Vec::new();
        let mut floors = Vec::new();
        for level in building.levels {
            let key = format!("{}-l{}", building.key, level.index);
            let first = rooms.len();
            rooms.extend(level.rooms().map(|room| LiveRoom::new(&key, room, seed)));
            let area: f64 = level.rooms().map(|room| room.area).sum();
            floors.push((format!("{key}-services/Meter_1"), first..rooms.len(), area * 2.5));
        }
        let plant = building.pv.then(|| Plant::new(&format!("{}-roof-pv", building.key)));
        LiveBuilding { site: Site { latitude, longitude, zone }, rooms, floors, plant }
    }

    /// Four hours before now, so that the air of each room is what the day has made of it.
    fn settle(&mut self, seed: u64, now: Time) {
        for back in (1..=240).rev() {
            let at = Time(now.0 - back * 60_000_000);
            let weather = weather(seed, &self.site, at);
            let local = self.site.local(at);
            for room in &mut self.rooms {
                room.breathe(seed, local, weather, 60.0, None);
            }
        }
    }

    fn step(&mut self, seed: u64, moment: Moment, devices: &Devices, counters: &mut Counters) {
        let local = self.site.local(moment.at);
        for room in &mut self.rooms {
            room.step(seed, local, moment, devices, counters);
        }
        let mut building = 0.0;
        for (meter, rooms, base) in &self.floors {
            let load = base + self.rooms[rooms.clone()].iter().map(|room| room.load).sum::<f64>();
            energy::meter(devices, counters, meter, load, moment, seed);
            building += load;
        }
        if let Some(plant) = &self.plant {
            plant.step(seed, &self.site, building, moment, devices, counters);
        }
    }
}

/// What makes a device an individual: serial numbers, batteries, names.
fn introduce(name: &str, fake: &Fake, seed: u64) {
    let me = channel(name);
    let some = |salt: u64| unit(seed, me ^ salt, 0);
    match fake.manifest().driver.name.as_str() {
        "sunspec-inverter" => {
            fake.set("serial", format!("SV30-{:06}", (some(1) * 900_000.0) as u32 + 100_000))
        }
        "zigbee2mqtt-sensor" => {
            let battery = if name == "quay-l0-06/Sensor_1" { 6.0 } else { 52.0 + (some(2) * 48.0).round() };
            fake.set("battery", battery);
            fake.set("linkquality", 60 + (some(3) * 140.0) as i64);
        }
        "modbus-fancoil" => fake.set("filter_dirty", some(4) < 0.08),
        "pjlink-display" => fake.set("name", name.replace('/', " ")),
        "tasmota-relay" => fake.set("wifi_signal", 50 + (some(5) * 45.0) as i64),
        _ => {}
    }
}
