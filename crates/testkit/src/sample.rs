//! One small estate that many tests share: a building, a gateway, and two meters of one driver with a rule.

/// `estate.toml`: one organisation, zones `root` and `harbour`, the system `plant` with `Meter_1` and `Meter_2`.
pub const ESTATE: &str = include_str!("../samples/estate.toml");
/// The manifest of their driver, `acme-meter`: a Modbus profile with a number, a text and a limit that can be set.
pub const METER: &str = include_str!("../samples/meter.toml");
/// The rule of the plant, `too-much`: an alarm while `Meter_1` is above 5 kW.
pub const TRIGGER: &str = include_str!("../samples/trigger.toml");
