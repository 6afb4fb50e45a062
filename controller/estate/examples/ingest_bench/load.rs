//! What four buildings send: temperatures, powers, counters and switches, and an alarm now and then, as the bytes
//! of messages.

use bo_model::{Data, DeviceId, Time, Value};
use bo_wire::{AlarmEvent, Body, Class, Record, Records, StatusChange, Up};

/// Values in one message, which then has about 190 kB, as a gateway that catches up fills them.
const VALUES: u64 = 1000;
/// An alarm begins or ends in each message.
const NAMES: [&str; 4] = ["temperature", "power", "energy", "running"];
/// Every ten seconds each device reports all four.
const EVERY: u64 = 10_000_000;

/// The messages of one gateway in order.
pub fn payloads(devices: &[DeviceId], messages: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for message in 0..messages {
        let first = message * VALUES;
        let record =
            |number: u64| Record { seq: number + 1, at: at(number, devices), body: value(number, devices) };
        let records = Records {
            class: Class::History,
            epoch: 1,
            backfill: false,
            records: (first..first + VALUES).map(record).collect(),
        };
        all.push(Up::Records(records).encode().1);
        let event = AlarmEvent {
            key: format!("trigger:{}", message / 2 % 20),
            active: message % 2 == 0,
            severity: "warning".into(),
            text: "Too warm".into(),
            system: None,
            device: devices.first().copied(),
        };
        let alarm = Record { seq: message + 1, at: at(first, devices), body: Body::Alarm(event) };
        let records = Records { class: Class::Alarm, epoch: 1, backfill: false, records: vec![alarm] };
        all.push(Up::Records(records).encode().1);
    }
    all
}

fn round(number: u64, devices: &[DeviceId]) -> u64 {
    number / (NAMES.len() * devices.len()) as u64
}

/// Devices answer a few milliseconds sooner or later.
fn at(number: u64, devices: &[DeviceId]) -> Time {
    Time((1_790_000_000_000_000 + round(number, devices) * EVERY + noise(number) % 6 * 1000) as i64)
}

fn noise(seed: u64) -> u64 {
    let mixed = (seed ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 40
}

fn value(number: u64, devices: &[DeviceId]) -> Body {
    let name = NAMES[(number % 4) as usize];
    let device = devices[(number / 4) as usize % devices.len()];
    let (round, jitter) = (round(number, devices), (noise(number) % 1000) as f64 / 1000.0);
    let data = match name {
        "temperature" => {
            Data::Float(((21.0 + (round as f64 / 300.0).sin() + jitter * 0.2) * 10.0).round() / 10.0)
        }
        "power" => Data::Float((24_000.0 * (round as f64 / 600.0).sin().abs() + jitter * 80.0).round()),
        "energy" => Data::Float((123_456.0 + round as f64 * 6.6).round() / 100.0),
        _ => Data::Bool(round / 40 % 2 == 0),
    };
    let change = StatusChange {
        device,
        name: name.into(),
        value: Value { data, ..Value::good(0, at(number, devices)) },
    };
    Body::Status(change)
}
