//! The shipped profile drivers are sound, as a reader of the repository would expect.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use bo_model::driver::Manifest;
use bo_simulator::Fake;
use std::path::Path;

fn shipped(name: &str) -> Manifest {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers").join(name).join("driver.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    Manifest::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_profile_driver_reads_without_a_complaint() {
    for name in [
        "sunspec-inverter",
        "sunspec-meter",
        "sunspec-storage",
        "sdm630-meter",
        "modbus-fancoil",
        "zigbee2mqtt-sensor",
        "tasmota-relay",
        "shelly-relay",
        "shelly-relay-mqtt",
        "huawei-sun2000",
    ] {
        let manifest = shipped(name);
        assert_eq!(manifest.driver.name, name, "the folder is the name");
        assert!(manifest.simulate.is_some(), "{name} can be simulated");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers").join(name);
        let settings = serde_json::from_value(serde_json::json!({ "topic": "x", "name": "x" })).unwrap();
        Fake::from_folder(name, &folder, settings).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
