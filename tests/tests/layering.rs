//! The directions of `ARCHITECTURE.md`, checked with `cargo metadata`: who may depend on whom.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Package → packages of ours it depends on (without tests).
fn dependencies() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(bo_testkit::root())
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut all = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let ours = package["dependencies"].as_array().into_iter().flatten();
        let ours = ours
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| names.contains(dependency));
        all.insert(name.to_owned(), ours.map(str::to_owned).collect());
    }
    Ok(all)
}

/// Everything reachable from `start`.
fn reach<'a>(all: &'a BTreeMap<String, BTreeSet<String>>, start: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = all.get(start).into_iter().flatten().map(String::as_str).collect();
    while let Some(next) = open.pop() {
        if let Some((name, further)) = all.get_key_value(next)
            && found.insert(name.as_str())
        {
            open.extend(further.iter().map(String::as_str));
        }
    }
    found
}

#[test]
fn the_words_depend_on_nothing_of_ours() -> Result<()> {
    assert_eq!(reach(&dependencies()?, "bo-model"), BTreeSet::new());
    Ok(())
}

#[test]
fn the_edge_knows_nothing_of_the_controller_nor_the_controller_of_devices() -> Result<()> {
    let all = dependencies()?;
    let edge = reach(&all, "backoffice-edge");
    for controller in ["backoffice", "bo-web", "bo-identity", "bo-estate", "bo-uplink", "bo-db"] {
        assert!(!edge.contains(controller), "the edge agent depends on {controller}");
    }
    let controller = reach(&all, "backoffice");
    for device in [
        "bo-driver-host",
        "bo-link",
        "bo-link-stream",
        "bo-link-modbus",
        "bo-link-mqtt",
        "bo-link-bytes",
        "bo-simulator",
    ] {
        assert!(!controller.contains(device), "the controller depends on {device}");
    }
    Ok(())
}

#[test]
fn layers_point_one_way() -> Result<()> {
    let all = dependencies()?;
    let never = [
        (
            "bo-driver-host",
            ["bo-link-stream", "bo-link-modbus", "bo-link-mqtt", "bo-link-bytes", "bo-link-http"].as_slice(),
        ),
        ("bo-web", &["bo-identity", "bo-estate", "bo-uplink"]),
        ("bo-identity", &["bo-estate", "bo-uplink"]),
        ("bo-delivery", &["bo-web", "bo-identity", "bo-estate", "bo-uplink"]),
        ("bo-rules", &["bo-runtime", "bo-db", "bo-link"]),
        ("bo-wire", &["bo-runtime", "bo-db", "bo-link"]),
    ];
    for (from, forbidden) in never {
        let found = reach(&all, from);
        for to in forbidden {
            assert!(!found.contains(to), "{from} depends on {to}");
        }
    }
    Ok(())
}

#[test]
fn a_business_module_knows_no_other() -> Result<()> {
    let all = dependencies()?;
    let folders = std::fs::read_dir(bo_testkit::root().join("controller/modules"))?;
    let modules: Vec<String> = folders
        .map(|folder| Ok(format!("bo-{}", folder?.file_name().to_string_lossy())))
        .collect::<Result<_>>()?;
    assert!(!modules.is_empty());
    for module in &modules {
        assert!(all.contains_key(module), "the crate of a module is named after its folder: {module}");
        let found = reach(&all, module);
        for other in modules.iter().filter(|other| *other != module) {
            assert!(
                !found.contains(other.as_str()),
                "{module} depends on {other}; modules meet through events"
            );
        }
        assert!(!found.contains("bo-estate"), "{module} depends on the estate; they meet through events");
    }
    Ok(())
}

#[test]
fn wasmtime_stays_behind_one_crate() -> Result<()> {
    let manifests = std::fs::read_to_string(bo_testkit::root().join("crates/driver-host/Cargo.toml"))?;
    assert!(manifests.contains("wasmtime"));
    for package in ["crates/simulator", "edge-agent", "controller", "controller/estate", "crates/rules"] {
        let manifest = std::fs::read_to_string(bo_testkit::root().join(package).join("Cargo.toml"))?;
        assert!(!manifest.contains("wasmtime"), "{package} uses wasmtime directly");
    }
    Ok(())
}
