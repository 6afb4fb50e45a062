//! The floor maps in the repository are those of the plan, and their bindings name what is there.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use bo_model::map::ZoneMap;
use bo_simulator::demo::{estate, map, plan};
use std::path::Path;

fn file(map: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../zone-maps").join(map).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_maps_in_the_repository_are_those_of_the_plan() {
    for level in plan::storeys() {
        let hint = "run `cargo run -p bo-simulator --example zone_maps -- zone-maps`";
        assert!(file(level.map, "map.svg") == map::svg(level), "{}: {hint}", level.map);
        assert!(file(level.map, "map.toml") == map::text(level).unwrap(), "{}: {hint}", level.map);
    }
}

#[test]
fn every_element_is_drawn_and_every_device_exists() {
    let estate = estate::demo(plan::Size::Small).estate;
    for zone in estate.zones.iter().filter(|zone| zone.map.is_some()) {
        let name = zone.map.as_deref().unwrap();
        let bindings = ZoneMap::parse(&file(name, "map.toml")).unwrap();
        let svg = file(name, "map.svg");
        for (id, element) in &bindings.elements {
            for id in [Some(id), element.text.as_ref()].into_iter().flatten() {
                assert!(svg.contains(&format!("id=\"{id}\"")), "{name}: `{id}` is not drawn");
            }
            let key = element.system_in(&zone.key);
            let system = estate.systems.iter().find(|system| system.key == key);
            let system = system.unwrap_or_else(|| panic!("{name}: there is no system {key}"));
            if let Some(device) = &element.device {
                assert!(system.devices.iter().any(|d| d.address == *device), "{name}: {key} has no {device}");
            }
        }
        let drawn = svg.matches("class=\"device").count() + svg.matches("class=\"room\"").count();
        assert_eq!(drawn, bindings.elements.len(), "{name}: everything drawn is bound");
        assert!(!svg.contains('#'), "{name}: a map has no colours of its own");
    }
}
