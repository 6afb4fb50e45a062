//! What is built besides the daemons: driver components and the console's bundle.

use crate::process::{cargo, command, root, run, say};
use crate::tools::{self, WASM_TARGET};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::SystemTime;

/// Compiles every driver that has a component and puts the components where the driver host looks for them.
pub fn drivers() -> Result<()> {
    let drivers = root().join("drivers");
    if !drivers.join("Cargo.toml").exists() {
        return Ok(());
    }
    tools::wasm_target()?;
    say("Building the driver components");
    let manifest = drivers.join("Cargo.toml");
    run(cargo(&[
        "build",
        "--release",
        // As `backoffice-edge driver build` does: the top of the stack lies on one page with the constants behind it.
        "--config",
        "target.wasm32-wasip2.rustflags=['-Clink-arg=-zstack-size=1046528']",
        "--target",
        WASM_TARGET,
        "--target-dir",
        &drivers.join("target").to_string_lossy(),
        "--manifest-path",
        &manifest.to_string_lossy(),
    ]))?;
    let built = drivers.join("target").join(WASM_TARGET).join("release");
    let components = drivers.join("target/components");
    std::fs::create_dir_all(&components)?;
    for entry in std::fs::read_dir(&built).with_context(|| format!("cannot read {}", built.display()))? {
        let path = entry?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.extension().is_some_and(|extension| extension == "wasm") {
            std::fs::copy(&path, components.join(stem.replace('_', "-") + ".wasm"))?;
        }
    }
    Ok(())
}

/// Bundles the islands and the stylesheet, unless the bundle is newer than all they are made of.
pub fn islands() -> Result<()> {
    let folder = root().join("controller/web/islands");
    let bundle = root().join("controller/web/dist/app.js");
    let sources = [
        folder.join("src"),
        folder.join("styles"),
        folder.join("package-lock.json"),
        folder.join("build.mjs"),
    ];
    let newest = sources.iter().filter_map(|source| newest(source)).max();
    if modified(&bundle).is_some_and(|made| newest.is_none_or(|source| source < made)) {
        return Ok(());
    }
    tools::npm()?;
    say("Bundling the console");
    let lock = modified(&folder.join("package-lock.json"));
    if modified(&folder.join("node_modules/.package-lock.json"))
        .is_none_or(|installed| Some(installed) < lock)
    {
        let mut install = command("npm", &["ci", "--no-audit", "--no-fund", "--silent"]);
        install.current_dir(&folder);
        run(install)?;
    }
    let mut bundle = command("node", &["build.mjs"]);
    bundle.current_dir(&folder);
    run(bundle)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = std::fs::read_dir(path) else { return modified(path) };
    entries.flatten().filter_map(|entry| newest(&entry.path())).max()
}
