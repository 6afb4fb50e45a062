//! What is installed: both daemons, optimised for how a busy gateway spends its time.
//!
//! The compiler is told by `edge-agent/training.profdata` which branches are taken and which functions are hot. That file is
//! made by `--train`, on the benchmark of the edge, and kept with the source: everybody builds the same program, in one pass.
//! A function that changed since then is optimised as usual; train again when the hot path has changed much.

use crate::process::{cargo, command, output, root, run as step, say};
use crate::{artefacts, tools};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

const EDGE: &str = "backoffice-edge";
/// Where profiles of the training are kept.
const PROFILE: &str = "edge-agent/training.profdata";
/// The parts of the edge's benchmark it is trained on.
const TRAINING: [&str; 4] = ["rule", "kinds", "start", "meters"];

/// What to do besides building.
#[derive(clap::Args)]
pub struct Options {
    /// Renew the training first: builds the edge once more, runs its benchmark and writes `edge-agent/training.profdata`.
    #[arg(long)]
    train: bool,
}

/// Builds `backoffice` and `backoffice-edge` into `target/dist`.
pub fn run(options: &Options) -> Result<()> {
    if options.train {
        train()?;
    }
    build()?;
    say("Built target/dist/backoffice and target/dist/backoffice-edge");
    Ok(())
}

/// The daemons as they are installed.
pub fn build() -> Result<()> {
    artefacts::islands()?;
    say("Building the daemons as they are installed");
    let profile = root().join(PROFILE);
    // One after the other: built together they would share what either asks of a library, and names of functions depend on that.
    for daemon in [EDGE, "backoffice"] {
        let mut build = cargo(&["build", "--profile", "dist", "--bins", "-p", daemon]);
        if profile.exists() {
            // What changed since the training is no news.
            let flags = format!("-Cprofile-use={} -Cllvm-args=-no-pgo-warn-mismatch", profile.display());
            build.env("RUSTFLAGS", flags);
        }
        step(build)?;
    }
    Ok(())
}

/// Builds an edge that counts, puts it to work, and keeps the counts.
fn train() -> Result<()> {
    tools::for_bench()?;
    artefacts::drivers()?;
    let merge = profdata()?;
    let folder = root().join("target/training");
    let counts = folder.join("counts");
    let _ = std::fs::remove_dir_all(&counts);
    std::fs::create_dir_all(&counts)?;
    say("Building an edge that counts what it does");
    // With the very settings of what is installed: they are part of the names by which functions are found again.
    let mut edge = cargo(&["build", "--profile", "dist", "--bins", "-p", EDGE, "--target-dir"]);
    edge.arg(&folder);
    edge.env("RUSTFLAGS", format!("-Cprofile-generate={}", folder.join("build").display()));
    step(edge)?;
    let mut bench = cargo(&["run", "--release", "-p", "bo-testkit", "--example", "edge_bench", "--"]);
    bench.args(["--quick"]).args(TRAINING);
    bench.env("BO_TEST_BINARIES", folder.join("dist"));
    bench.env("LLVM_PROFILE_FILE", counts.join("edge-%p.profraw"));
    bench.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
    say("Training on the edge's benchmark");
    step(bench)?;
    let mut merged = command(merge, &["merge", "--sparse", "-o", PROFILE]);
    merged.arg(&counts);
    step(merged)
}

/// `llvm-profdata` of this toolchain: another one may not read what this one writes.
fn profdata() -> Result<PathBuf> {
    let sysroot = output(command("rustc", &["--print", "sysroot"]))?;
    let host = output(command("rustc", &["--print", "host-tuple"]))?;
    let program = Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin/llvm-profdata");
    if !program.exists() {
        say("Adding the Rust component llvm-tools for the training");
        step(command("rustup", &["component", "add", "llvm-tools"]))
            .context("training needs llvm-profdata. Install it with `rustup component add llvm-tools`")?;
    }
    Ok(program)
}
