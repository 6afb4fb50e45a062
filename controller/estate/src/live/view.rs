//! A live value as pages and the API show it: what it is worth now, and how a person reads it.

use crate::Estate;
use crate::live::table::Cell;
use crate::registry::{DeviceEntry, Registry};
use bo_model::{Data, DeviceId, Quality, Reason, Time, Value};
use serde::Serialize;
use std::sync::Arc;

/// A status variable of a device, now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveValue {
    /// The device.
    pub device: DeviceId,
    /// The status variable.
    pub name: Arc<str>,
    /// Its value; the quality is what it is worth now.
    pub value: Value,
    /// As a person reads it: labels, decimals, unit.
    pub shown: String,
}

/// A device's points that changed after `after` (0 for all that were ever reported), in order of name.
pub fn changes(estate: &Estate, registry: &Registry, device: DeviceId, after: u64) -> Vec<LiveValue> {
    let cells = estate.table.changes(device, after);
    let Some(entry) = registry.devices.get(&device).filter(|_| !cells.is_empty()) else { return Vec::new() };
    let now = estate.clock.now();
    let online = estate.presence.is_online(entry.edge);
    cells.into_iter().map(|cell| show(entry, cell, online, now)).collect()
}

/// One point.
pub fn one(estate: &Estate, registry: &Registry, device: DeviceId, name: &str) -> Option<LiveValue> {
    let entry = registry.devices.get(&device)?;
    let cell = estate.table.get(device, name)?;
    Some(show(entry, cell, estate.presence.is_online(entry.edge), estate.clock.now()))
}

fn show(entry: &DeviceEntry, cell: Cell, online: bool, now: Time) -> LiveValue {
    let declared = entry.driver.as_ref().and_then(|driver| driver.manifest.status.get(cell.name.as_ref()));
    let mut value = cell.value;
    value.quality = value.quality_at(now, declared.and_then(|status| status.stale_after));
    if !online && value.quality == Quality::Good {
        value.quality = Quality::Uncertain(Reason::Stale);
    }
    let shown = match declared {
        Some(status) => readable(status.field.show(&value.data), &status.field.unit, &value.data),
        None if cell.name.as_ref() == "online" => match value.data {
            Data::Bool(true) => "online".into(),
            Data::Bool(false) => "offline".into(),
            ref other => other.to_string(),
        },
        None => value.data.to_string(),
    };
    let shown = match value.data {
        Data::Bool(_) => capital(shown),
        _ => shown,
    };
    LiveValue { device: entry.device.id, name: cell.name, value, shown }
}

/// Large numbers as people read them: powers from ten kilowatts on in kilowatts, all others with their thousands apart.
fn readable(shown: String, unit: &str, data: &Data) -> String {
    let Some(number) = data.number().filter(|number| number.abs() >= 10_000.0) else { return shown };
    if matches!(unit, "W" | "VA" | "var" | "Wh") {
        return format!("{:.1} k{unit}", number / 1000.0);
    }
    let end = shown.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(shown.len());
    let start = usize::from(shown.starts_with('-'));
    // Something else than the number: the label of a choice.
    if end < start + 5 {
        return shown;
    }
    let mut text = shown[..start].to_owned();
    for (place, digit) in shown[start..end].chars().enumerate() {
        if place > 0 && (end - start - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text + &shown[end..]
}

/// A word that stands alone begins like a sentence.
fn capital(text: String) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_at_a_glance() {
        let read = |shown: &str, unit: &str, number: f64| readable(shown.into(), unit, &Data::Float(number));
        assert_eq!(read("-39839 W", "W", -39_839.0), "-39.8 kW");
        assert_eq!(read("95206.6 kWh", "kWh", 95_206.6), "95\u{202f}206.6 kWh");
        assert_eq!(read("1234567", "", 1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(read("6263 h", "h", 6263.0), "6263 h");
        assert_eq!(read("Producing", "", 40_000.0), "Producing");
        assert_eq!(capital("offline".into()), "Offline");
    }
}
