//! One room: its people, its air, and the devices in it.

use super::{Counters, Devices, Moment};
use crate::demo::plan::Room;
use crate::fake::Fake;
use crate::world::LocalTime;
use crate::world::noise::{channel, unit};
use crate::world::people::{Use, people};
use crate::world::room::{Acting, Air, FanCoil, Told, fan_coil};
use crate::world::weather::Weather;

/// A room at work.
pub struct LiveRoom {
    /// Key of its system.
    key: String,
    room: &'static Room,
    air: Air,
    people: u32,
    /// Seconds since the first of them came.
    occupied_for: f64,
    /// Somebody has switched the display on during this stay.
    presented: bool,
    /// What it draws, W.
    pub load: f64,
}

impl LiveRoom {
    pub fn new(level: &str, room: &'static Room, seed: u64) -> LiveRoom {
        let key = format!("{level}-{}", room.code);
        let air = Air::fresh(20.2 + 1.6 * unit(seed, channel(&key), 9));
        LiveRoom { key, room, air, people: 0, occupied_for: 0.0, presented: false, load: 0.0 }
    }

    /// People come and go, and the air follows. `told` is what the fan-coil was told; its factory settings when absent.
    pub fn breathe(
        &mut self,
        seed: u64,
        local: LocalTime,
        weather: Weather,
        seconds: f64,
        told: Option<Told<'_>>,
    ) -> FanCoil {
        let here = people(seed, &self.key, self.room.kind, self.room.places, local);
        self.occupied_for = if here > 0 && self.people > 0 { self.occupied_for + seconds } else { 0.0 };
        self.presented &= here > 0;
        self.people = here;
        let told = told.unwrap_or(Told { mode: "auto", fan: "auto", setpoint: 21.5 });
        let unit = fan_coil(told, self.air.temperature);
        // A server room warms itself.
        let machines =
            if self.room.kind == Use::Technical { 20.0 * self.room.area } else { f64::from(here) * 60.0 };
        let acting =
            Acting { area: self.room.area, people: here, outdoor: weather.temperature, load: machines };
        self.air = self.air.after(seconds, acting, unit);
        unit
    }

    pub fn step(
        &mut self,
        seed: u64,
        local: LocalTime,
        moment: Moment,
        devices: &Devices,
        counters: &mut Counters,
    ) {
        let name = |device: &str| format!("{}/{device}", self.key);
        let orders = devices
            .get(&name("Hvac_1"))
            .map(|fake| (fake.text("mode"), fake.text("fan_speed"), fake.number("setpoint")));
        let told = orders.as_ref().map(|(mode, fan, setpoint)| Told { mode, fan, setpoint: *setpoint });
        let before = self.people;
        let unit = self.breathe(seed, local, moment.weather, moment.seconds, told);
        self.sense(devices);
        self.load = self.climate(unit, moment, devices, counters);
        self.load += self.lights(seed, before, moment, devices, counters);
        self.load += self.displays(moment, devices, counters);
        self.load += f64::from(self.people) * 75.0;
    }

    fn devices<'d>(&self, devices: &'d Devices, module: &str) -> impl Iterator<Item = (usize, &'d Fake)> {
        let name = format!("{}/{module}_", self.key);
        (1..=2).filter_map(move |index| devices.get(&format!("{name}{index}")).map(|fake| (index, fake)))
    }

    /// Sensors report in steps, as real ones do.
    fn sense(&self, devices: &Devices) {
        for (index, sensor) in self.devices(devices, "Sensor") {
            let share =
                if self.room.sensors == 2 { (self.people + (index as u32 & 1)) / 2 } else { self.people };
            let off = (index as f64 - 1.0) * 0.3;
            sensor.set("people", share);
            sensor.set("occupancy", share > 0);
            sensor.set("co2", (self.air.co2 / 10.0).round() as i64 * 10);
            sensor.set("temperature", tenth(self.air.temperature + off));
            sensor.set("humidity", self.air.humidity.round());
        }
    }

    fn climate(&self, unit: FanCoil, moment: Moment, devices: &Devices, counters: &mut Counters) -> f64 {
        for (index, fake) in self.devices(devices, "Hvac") {
            fake.set("temperature", tenth(self.air.temperature + index as f64 * 0.1));
            fake.set("supply_temperature", tenth(unit.supply));
            fake.set("valve", (unit.valve.abs() * 100.0).round());
            fake.set("running", unit.running);
            let name = format!("{}/Hvac_{index}", self.key);
            counters.hours(
                devices,
                &name,
                "run_hours",
                9000.0,
                if unit.running { moment.seconds } else { 0.0 },
            );
        }
        unit.valve.abs() * 22.0 * self.room.area + unit.air * 14.0
    }

    /// Whoever comes switches the light on; the last one mostly switches it off.
    fn lights(
        &self,
        seed: u64,
        before: u32,
        moment: Moment,
        devices: &Devices,
        counters: &mut Counters,
    ) -> f64 {
        let name = format!("{}/Relay_1", self.key);
        let Some(relay) = devices.get(&name) else { return 0.0 };
        if before == 0 && self.people > 0 {
            relay.set("power", true);
        }
        let forgets = unit(seed, channel(&self.key), moment.at.seconds() as u64) < 0.25;
        if before > 0 && self.people == 0 && !forgets {
            relay.set("power", false);
        }
        let watts = if relay.truth("power") { self.room.area * 7.5 } else { 0.0 };
        relay.set("active_power", watts.round());
        relay.set("current", (watts / 2.3).round() / 100.0);
        counters.energy(devices, &name, "energy", 900.0, watts, moment.seconds);
        watts
    }

    /// In a meeting somebody presents after two minutes; in a lobby the display runs by day.
    fn displays(&mut self, moment: Moment, devices: &Devices, counters: &mut Counters) -> f64 {
        let wanted = match self.room.kind {
            Use::Meeting | Use::Hall => self.people >= 2 && self.occupied_for > 120.0,
            _ => self.people > 0,
        };
        let mut watts = 0.0;
        for (index, display) in self.devices(devices, "Display") {
            if wanted && !self.presented && display.text("power") == "off" {
                display.set("power", "on");
            }
            let on = display.text("power") == "on";
            watts += if on { 160.0 } else { 1.0 };
            let name = format!("{}/Display_{index}", self.key);
            counters.hours(devices, &name, "lamp_hours", 12_000.0, if on { moment.seconds } else { 0.0 });
        }
        if wanted
            && !self.presented
            && let Some(switcher) = devices.get(&format!("{}/Switcher_1", self.key))
        {
            // Whoever presents presses the button of their own place.
            switcher.set("output_1", 1 + (moment.at.seconds() / 60).rem_euclid(4));
        }
        self.presented |= wanted;
        watts
    }
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
