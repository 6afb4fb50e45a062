//! `driver build`: cargo does the work; this finds what it needs and what came out.

use anyhow::{Context, bail};
use bo_driver_host::{Engine, Package};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-wasip2";
/// A stack of 2 KiB less than a MiB: a driver's calls seldom take more, and what they take lies on one page with the constants behind it.
const STACK: &str = "target.wasm32-wasip2.rustflags=['-Clink-arg=-zstack-size=1046528']";

/// Builds the component of a driver's folder; returns where it lies.
pub fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let manifest = folder.join("driver.toml");
    let text =
        std::fs::read_to_string(&manifest).with_context(|| format!("can't read {}", manifest.display()))?;
    let driver = bo_model::driver::Manifest::parse(&text)
        .map_err(|why| anyhow::anyhow!("{}:\n{why}", manifest.display()))?;
    let Some(component) = &driver.component else {
        bail!("{} is a profile without a component: there is nothing to build", driver.driver.name);
    };
    let cargo_toml = folder.join("Cargo.toml");
    if !cargo_toml.is_file() {
        bail!(
            "{} has no Cargo.toml. A component in another language is built with that language's own tools; put the \
             result there as {}",
            folder.display(),
            component.file
        );
    }
    let built = compile(&cargo_toml)?;
    let place = place(folder, &built, &component.file, &driver.driver.name);
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    }
    std::fs::copy(&built, &place).with_context(|| format!("can't write {}", place.display()))?;
    let package = Package::load_folder(folder)?;
    Engine::new(None)?.load(&package)?;
    Ok(place)
}

/// In a workspace of drivers what was built stays out of the sources.
fn place(folder: &Path, built: &Path, file: &str, driver: &str) -> PathBuf {
    let target = built.ancestors().find(|path| path.file_name().is_some_and(|name| name == "target"));
    let own = folder.canonicalize().ok().map(|folder| folder.join("target"));
    match target {
        Some(target) if own.as_deref() != Some(target) => {
            target.join("components").join(format!("{driver}.wasm"))
        }
        _ => folder.join(file),
    }
}

/// Runs cargo; returns the component it made.
fn compile(cargo_toml: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--config",
            STACK,
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(cargo_toml)
        // What is built lies beside the driver or its workspace, where the other commands look for it.
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo: a component in Rust needs Rust (https://rustup.rs)")?;
    if !output.status.success() {
        bail!(
            "cargo could not build it. If it misses the target: rustup target add {TARGET}. The first build fetches the \
             libraries of Cargo.lock, for which it needs the network or a filled cache"
        );
    }
    let wanted = cargo_toml.canonicalize().context("the driver's folder is gone")?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    made.filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == wanted))
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .context("cargo built no component: Cargo.toml needs [lib] crate-type = [\"cdylib\"]")
}
