//! Every component driver of `drivers/` passes its own transcripts. The components must have been built
//! (`cargo xtask drivers`, or `cargo build --manifest-path drivers/Cargo.toml --release --target wasm32-wasip2`).

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use bo_driver_host::transcript::{Transcript, replay};
use bo_driver_host::{Device, Engine, Package};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn component_drivers() -> Vec<PathBuf> {
    let drivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers");
    let mut found: Vec<PathBuf> = std::fs::read_dir(drivers)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            std::fs::read_to_string(path.join("driver.toml")).is_ok_and(|text| text.contains("\n[component]"))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn every_shipped_component_passes_its_transcripts() {
    let engine = Engine::new(None).unwrap();
    let drivers = component_drivers();
    assert!(drivers.len() >= 3, "drivers with components: {drivers:?}");
    let mut failures = Vec::new();
    for folder in drivers {
        let package = common::load(&folder);
        let loaded = engine.load(&package).unwrap();
        let transcripts: Vec<_> = package.transcripts().collect();
        assert!(!transcripts.is_empty(), "{} has no transcripts", folder.display());
        for (path, text) in transcripts {
            let place = format!("{}/{path}", package.manifest.driver.name);
            let transcript = Transcript::parse(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
            let outcome = replay(&package.manifest, &transcript, &|bench| {
                let (config, links) = (bench.config, bench.links);
                let device =
                    Device::spawn(&engine, &package, loaded.clone(), config, links, bench.sink, bench.clock);
                Ok(Arc::new(device))
            });
            if let Err(failure) = outcome {
                failures.push(format!("{place}: {failure}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn a_driver_packs_and_comes_back_the_same() {
    for folder in component_drivers() {
        let package = common::load(&folder);
        let packed = package.packed().unwrap();
        let back = Package::from_packed(&packed).unwrap();
        assert_eq!(back.hash, package.hash);
        assert_eq!(back.component_hash, package.component_hash);
        assert_eq!(back.manifest, package.manifest);
    }
}
