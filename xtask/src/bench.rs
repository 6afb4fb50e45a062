//! `cargo xtask bench`: release builds, measured by the programs in each crate's `examples/*_bench.rs`.
//!
//! Everything they need is built first, then they run one after the other. Each tells people on standard error
//! what it does and prints, as its last line on standard output, one JSON object
//! `{"name": …, "figures": {"<figure>": {"value": …, "unit": …, "target": "<= …" | ">= …" | null}}}`
//! (`bo_testkit::measure::Figures` writes it). The file of `--json` holds `{"machine", "quick", "benches"}`, with
//! `"pass"` added to every figure that has a target.

mod machine;
mod table;

use crate::postgres::Postgres;
use crate::process::{self, Running, cargo, output, root, say};
use crate::{artefacts, dist, tools};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest one program may take: `scale` imports a hundred thousand devices into either database.
const LIMIT: Duration = Duration::from_secs(600);

/// Where the figures go.
#[derive(clap::Args)]
pub struct Options {
    /// Write all figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these programs, by name (`edge`, `poll`, `journal`, `ingest`, …). Can be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Short runs: less exact, good enough to see that all of it works.
    #[arg(long)]
    quick: bool,
}

/// One measuring program.
struct Program {
    /// Without `_bench`.
    name: String,
    package: String,
    example: String,
}

/// Builds all of it, runs each program, shows the table. A program that fails is named at the end; the others
/// run all the same.
pub fn run(options: &Options) -> Result<()> {
    let metadata = metadata()?;
    let programs = chosen(programs(&metadata), &options.only)?;
    let folder =
        PathBuf::from(metadata["target_directory"].as_str().context("cargo names no target folder")?);
    build(&programs)?;
    let postgres = Postgres::start();
    if let Err(error) = &postgres {
        say(&format!("PostgreSQL is left out: {error:#}"));
    }
    let machine = machine::describe();
    let (mut benches, mut failed) = (Map::new(), Vec::new());
    for program in &programs {
        say(&format!("Measuring {} ({})", program.name, program.package));
        let mut command = process::command(folder.join("release/examples").join(&program.example), &[]);
        command.args(options.quick.then_some("--quick"));
        command.env("BO_TEST_BINARIES", folder.join("dist"));
        command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
        if let Ok(postgres) = &postgres {
            command.env("BO_TEST_POSTGRES", postgres.url());
        }
        match measure(&program.name, command) {
            Ok(figures) => drop(benches.insert(program.name.clone(), figures)),
            Err(error) => {
                say(&format!("{} failed: {error:#}", program.name));
                failed.push(program.name.as_str());
            }
        }
    }
    drop(postgres);
    print!("{}", table::show(&machine, &benches));
    if let Some(path) = &options.json {
        let all = json!({ "machine": machine, "quick": options.quick, "benches": benches });
        std::fs::write(path, serde_json::to_string_pretty(&all)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !failed.is_empty() {
        bail!("these programs failed, see above: {}", failed.join(", "));
    }
    Ok(())
}

fn metadata() -> Result<Value> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    metadata.current_dir(root());
    Ok(serde_json::from_str(&output(metadata)?)?)
}

/// Every `examples/<name>_bench.rs` of the workspace.
fn programs(metadata: &Value) -> Vec<Program> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            let (Some(package), Some(example)) = (package["name"].as_str(), target["name"].as_str()) else {
                continue;
            };
            if target["kind"][0] == "example"
                && let Some(name) = example.strip_suffix("_bench")
            {
                let (name, package, example) = (name.to_owned(), package.to_owned(), example.to_owned());
                found.push(Program { name, package, example });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn chosen(mut programs: Vec<Program>, only: &[String]) -> Result<Vec<Program>> {
    let known: Vec<String> = programs.iter().map(|program| program.name.clone()).collect();
    if let Some(unknown) = only.iter().find(|name| !known.contains(name)) {
        bail!("there is no measuring program `{unknown}`, only {}", known.join(", "));
    }
    programs.retain(|program| only.is_empty() || only.contains(&program.name));
    Ok(programs)
}

/// Builds the programs, both daemons (some programs start the real ones) and what those need.
fn build(programs: &[Program]) -> Result<()> {
    tools::for_bench()?;
    artefacts::drivers()?;
    dist::build()?;
    say("Building what measures them");
    let mut examples = cargo(&["build", "--release"]);
    for program in programs {
        examples.args(["-p", &program.package, "--example", &program.example]);
    }
    process::run(examples)
}

/// Runs one program and returns its last line, with `pass` filled in.
fn measure(name: &str, mut command: Command) -> Result<Value> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running::start(name, command)?;
    let stdout = running.child().stdout.take();
    let reader = std::thread::spawn(move || {
        let mut printed = String::new();
        let read = stdout.map(|mut pipe| pipe.read_to_string(&mut printed));
        read.transpose().map(|_| printed)
    });
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = running.child().try_wait()? {
            break status;
        }
        if Instant::now() > end {
            bail!("it took longer than {} s and was ended", LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let printed = reader.join().map_err(|_| anyhow::anyhow!("its output could not be read"))??;
    if !status.success() {
        bail!("{status}");
    }
    let line = printed.lines().rev().find(|line| line.starts_with('{')).context("it printed no figures")?;
    let mut measured: Value = serde_json::from_str(line).context("its last line is not JSON")?;
    let figures = measured["figures"].as_object_mut().context("its last line has no `figures`")?;
    for figure in figures.values_mut() {
        if let (Some(value), Some(target)) = (figure["value"].as_f64(), figure["target"].as_str()) {
            figure["pass"] = json!(table::passes(value, target));
        }
    }
    Ok(measured)
}
