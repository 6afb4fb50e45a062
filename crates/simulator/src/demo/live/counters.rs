//! Counters that survive a restart of the demo: energy, hours. They only count up.

use super::Devices;
use crate::world::noise::{channel, unit};
use crate::world::plant;
use std::collections::BTreeMap;

/// Device and variable → value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters(BTreeMap<String, f64>);

impl Counters {
    /// From a saved text; empty when it is not one.
    pub fn parse(text: &str) -> Counters {
        Counters(serde_json::from_str(text).unwrap_or_default())
    }

    /// To be saved.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap_or_default()
    }

    /// A counter, which begins somewhere below `most` the first time it is asked for.
    fn entry(&mut self, device: &str, variable: &str, most: f64) -> &mut f64 {
        let key = format!("{device} {variable}");
        let start = most * (0.3 + 0.7 * unit(0, channel(&key), 0));
        self.0.entry(key).or_insert(start)
    }

    /// Counts energy in kWh and shows it.
    pub fn energy(
        &mut self,
        devices: &Devices,
        device: &str,
        variable: &str,
        most: f64,
        watts: f64,
        seconds: f64,
    ) {
        let counter = self.entry(device, variable, most);
        *counter = plant::count(*counter, watts, seconds);
        let shown = (*counter * 1000.0).floor() / 1000.0;
        if let Some(fake) = devices.get(device) {
            fake.set(variable, shown);
        }
    }

    /// Counts whole hours and shows them.
    pub fn hours(&mut self, devices: &Devices, device: &str, variable: &str, most: f64, seconds: f64) {
        let counter = self.entry(device, variable, most);
        *counter += seconds.max(0.0) / 3600.0;
        if let Some(fake) = devices.get(device) {
            fake.set(variable, counter.floor() as i64);
        }
    }
}
