//! Meters, and the PV plant on the roof.

use super::{Counters, Devices, Moment};
use crate::world::noise::{channel, smooth};
use crate::world::plant::Inverter;
use crate::world::{Site, sun};

/// Inverters of 30 kWp each: two to the east, two to the west.
const STRINGS: [Inverter; 4] = {
    let east = Inverter { peak: 30_000.0, rated: 27_600.0, tilt: 12.0, azimuth: 100.0 };
    let west = Inverter { azimuth: 280.0, ..east };
    [east, east, west, west]
};

/// Sets a three-phase meter: `watts` drawn, or fed in when negative.
pub fn meter(devices: &Devices, counters: &mut Counters, name: &str, watts: f64, moment: Moment, seed: u64) {
    let Some(fake) = devices.get(name) else { return };
    let seconds = moment.at.0 as f64 / 1e6;
    let me = channel(name);
    let mut shares = [0.0; 3];
    for (phase, share) in shares.iter_mut().enumerate() {
        *share = 0.28 + 0.1 * smooth(seed, me ^ phase as u64, seconds, 400.0);
    }
    let all: f64 = shares.iter().sum();
    let watts = watts * (0.985 + 0.03 * smooth(seed, me ^ 7, seconds, 45.0));
    let factor = 0.95 + 0.04 * smooth(seed, me ^ 8, seconds, 600.0);
    for (phase, share) in shares.iter().enumerate() {
        let line = phase + 1;
        let voltage = 228.5 + 5.0 * smooth(seed, me ^ (20 + phase as u64), seconds, 300.0);
        let power = watts * share / all;
        fake.set(&format!("voltage_l{line}"), round(voltage, 1));
        fake.set(&format!("power_l{line}"), round(power, 0));
        fake.set(&format!("current_l{line}"), round(power.abs() / voltage / factor, 2));
    }
    fake.set("power", round(watts, 0));
    fake.set("apparent_power", round(watts.abs() / factor, 0));
    fake.set("reactive_power", round(watts.abs() * (1.0 / factor / factor - 1.0).sqrt(), 0));
    fake.set("power_factor", round(factor, 2));
    fake.set("power_demand", round(watts.max(0.0), 0));
    fake.set("neutral_current", round(watts.abs() / 23_000.0, 2));
    fake.set("frequency", grid(seed, seconds));
    counters.energy(devices, name, "import_energy", 60_000.0, watts, moment.seconds);
    counters.energy(devices, name, "export_energy", 9_000.0, -watts, moment.seconds);
    fake.set("total_energy", round(fake.number("import_energy") + fake.number("export_energy"), 3));
}

/// The grid's frequency, the same for everybody.
fn grid(seed: u64, seconds: f64) -> f64 {
    round(49.97 + 0.06 * smooth(seed, 50, seconds, 30.0), 2)
}

/// A PV plant, its grid meter and the load that takes its surplus.
pub struct Plant {
    system: String,
}

impl Plant {
    pub fn new(system: &str) -> Plant {
        Plant { system: system.to_owned() }
    }

    /// `building` is what the floors draw, W.
    pub fn step(
        &self,
        seed: u64,
        site: &Site,
        building: f64,
        moment: Moment,
        devices: &Devices,
        counters: &mut Counters,
    ) {
        let position = sun::position(moment.at, site.latitude, site.longitude);
        let seconds = moment.at.0 as f64 / 1e6;
        let mut yielded = 0.0;
        for (index, string) in STRINGS.iter().enumerate() {
            let name = format!("{}/Inverter_{}", self.system, index + 1);
            // Clouds reach the strings one after the other.
            let passing = (smooth(seed, 70 + index as u64, seconds, 40.0) - 0.5) * 0.08;
            let cloud = (moment.weather.cloud + passing).clamp(0.0, 1.0);
            let light = sun::tilted(position, cloud, string.tilt, string.azimuth);
            yielded += inverter(devices, counters, &name, string, light, moment, seed);
        }
        let boiler = format!("{}/Relay_1", self.system);
        let mut heat = 0.0;
        if let Some(relay) = devices.get(&boiler) {
            heat = if relay.truth("power") { 3_000.0 } else { 0.0 };
            relay.set("active_power", heat);
            relay.set("current", round(heat / 230.0, 2));
            counters.energy(devices, &boiler, "energy", 4_000.0, heat, moment.seconds);
        }
        let meter_name = format!("{}/Meter_1", self.system);
        meter(devices, counters, &meter_name, building + heat - yielded, moment, seed);
    }
}

/// Sets one inverter; gives its power in W. An inverter nobody can reach produces all the same.
fn inverter(
    devices: &Devices,
    counters: &mut Counters,
    name: &str,
    string: &Inverter,
    light: f64,
    moment: Moment,
    seed: u64,
) -> f64 {
    let Some(fake) = devices.get(name) else { return 0.0 };
    let limited = fake.number("power_limit_enable") == 1.0;
    let limit = limited.then(|| fake.number("power_limit"));
    let out = string.output(light, moment.weather.temperature, limit);
    let seconds = moment.at.0 as f64 / 1e6;
    let volts = 229.0 + 4.0 * smooth(seed, channel(name), seconds, 300.0) + out.ac / 9_000.0;
    let asleep = out.dc <= 0.0;
    let dc_volts = if asleep { 0.0 } else { 560.0 + 90.0 * (1.0 - out.dc / string.peak) };
    let amps = |watts: f64| if dc_volts > 0.0 { round(watts / dc_volts, 2) } else { 0.0 };
    for (variable, value) in [
        ("power", round(out.ac, 0)),
        ("dc_power", round(out.dc, 0)),
        ("dc_voltage", round(dc_volts, 1)),
        ("dc_current", amps(out.dc)),
        ("ac_voltage", round(volts, 1)),
        ("ac_voltage_b", round(volts + 0.7, 1)),
        ("ac_voltage_c", round(volts - 0.5, 1)),
        ("ac_current", round(out.ac / volts, 2)),
        ("frequency", grid(seed, seconds)),
        ("apparent_power", round(out.ac * 1.003, 0)),
        ("reactive_power", round(out.ac * 0.02, 0)),
        ("power_factor", if asleep { 1.0 } else { 0.99 }),
        ("temperature", round(out.temperature, 1)),
        ("available_power", round(out.available, 0)),
        ("mppt1_power", round(out.dc * 0.52, 0)),
        ("mppt1_voltage", round(dc_volts, 1)),
        ("mppt1_current", amps(out.dc * 0.52)),
        ("mppt2_power", round(out.dc * 0.48, 0)),
        ("mppt2_voltage", round(dc_volts * 0.985, 1)),
        ("mppt2_current", amps(out.dc * 0.48)),
        ("events", 0.0),
    ] {
        fake.set(variable, value);
    }
    fake.set("operating_state", out.state);
    counters.energy(devices, name, "energy", 110_000.0, out.ac, moment.seconds);
    out.ac
}

fn round(number: f64, digits: i32) -> f64 {
    let power = 10f64.powi(digits);
    // Adding zero turns −0 into 0.
    (number * power).round() / power + 0.0
}
