//! The triggers that are shipped do what their cases say, on the drivers that are shipped.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bo_rules::cases;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn passes(name: &str) {
    let report = cases::run_dir(&root().join("triggers").join(name), Some(&root().join("drivers")));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.passed(), "\n{report}");
    assert_eq!(report.trigger, name);
    assert!(report.cases.len() >= 3);
}

#[test]
fn an_empty_room_goes_off() {
    passes("room-empty-off");
}

#[test]
fn the_team_hears_of_a_device_that_is_offline() {
    passes("driver-offline-notify");
}

#[test]
fn surplus_from_the_sun_is_used() {
    passes("pv-surplus-relay");
}

#[test]
fn stuffy_air_is_changed() {
    passes("co2-ventilation");
}

#[test]
fn nights_are_cooler() {
    passes("night-setback");
}

#[test]
fn a_room_nobody_came_to_is_given_back() {
    passes("no-show-release");
}

#[test]
fn every_shipped_trigger_has_a_test_here() {
    let here = include_str!("shipped.rs");
    for entry in std::fs::read_dir(root().join("triggers")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(here.contains(&format!("passes(\"{name}\")")), "triggers/{name} is not tested");
    }
}

#[test]
fn no_water_drips_from_the_ceiling() {
    passes("condensation-guard");
}
