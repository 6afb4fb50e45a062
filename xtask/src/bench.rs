//! `cargo xtask bench`: release builds, measured by the programs in each crate's `examples/*_bench.rs`.
//!
//! Each program prints a table for people on standard error and, as its last line on standard output, one
//! JSON object `{"name": …, "figures": {"<figure>": {"value": …, "unit": …, "target": …}}}`.

use crate::process::{cargo, output, root, say};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Where the figures go.
#[derive(clap::Args)]
pub struct Options {
    /// Write all figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these programs, by name (`poll`, `journal`, `ingest`, …).
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Runs every measuring program one after the other.
pub fn run(options: &Options) -> Result<()> {
    let mut all = Map::new();
    for (package, example) in programs()? {
        let name = example.trim_end_matches("_bench").to_owned();
        if !options.only.is_empty() && !options.only.contains(&name) {
            continue;
        }
        say(&format!("Measuring {name} ({package})"));
        let printed = output(cargo(&["run", "--release", "--quiet", "-p", &package, "--example", &example]))?;
        let line = printed.lines().rev().find(|line| line.starts_with('{'));
        let figures: Value =
            serde_json::from_str(line.with_context(|| format!("{example} printed no figures"))?)?;
        print(&name, &figures);
        all.insert(name, figures);
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&Value::Object(all))? + "\n")?;
    }
    Ok(())
}

/// Every `examples/<name>_bench.rs` of the workspace, as (package, example).
fn programs() -> Result<Vec<(String, String)>> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    metadata.current_dir(root());
    let metadata: Value = serde_json::from_str(&output(metadata)?)?;
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            let (Some(package), Some(name)) = (package["name"].as_str(), target["name"].as_str()) else {
                continue;
            };
            if target["kind"][0] == "example" && name.ends_with("_bench") {
                found.push((package.to_owned(), name.to_owned()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn print(name: &str, figures: &Value) {
    for (figure, measured) in figures["figures"].as_object().into_iter().flatten() {
        let target =
            measured["target"].as_str().map(|target| format!("   target {target}")).unwrap_or_default();
        let (value, unit) = (&measured["value"], measured["unit"].as_str().unwrap_or(""));
        println!("{name:>10}  {figure:<44} {value:>14} {unit:<10}{target}");
    }
}
