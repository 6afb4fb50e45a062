//! `cargo xtask test`: every check and every test, with what they need.

use crate::postgres::Postgres;
use crate::process::{self, cargo, command, root, say};
use crate::{artefacts, demo, tools};
use anyhow::Result;

/// What to run; everything by default.
#[derive(clap::Args)]
pub struct Options {
    /// Leave out formatting, lints and documentation.
    #[arg(long)]
    no_lints: bool,
    /// Only tests whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Runs it all; the first failure ends it, tests excepted: they all run and then fail together.
pub fn run(options: &Options) -> Result<()> {
    tools::for_tests()?;
    let peers = tools::python_peers()?;
    tools::npm_peers()?;
    artefacts::islands()?;
    artefacts::drivers()?;
    if !options.no_lints {
        lints()?;
    }
    say("Building everything the tests start");
    process::run(cargo(&demo::BUILD))?;
    say("Starting PostgreSQL");
    let postgres = Postgres::start()?;
    say("Running the tests on SQLite and PostgreSQL");
    let mut tests = match cargo(&["nextest", "--version"]).output() {
        Ok(output) if output.status.success() => cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]),
        _ => cargo(&["test", "--workspace", "--no-fail-fast"]),
    };
    if let Some(filter) = &options.filter {
        tests.arg(filter);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    tests.env("PATH", format!("{}:{path}:/usr/sbin", peers.display()));
    tests.env("BO_TEST_POSTGRES", postgres.url());
    tests.env("BO_TEST_PEERS", "required");
    process::run(tests)
}

fn lints() -> Result<()> {
    say("Checking format and lints");
    process::run(cargo(&["fmt", "--all", "--check"]))?;
    process::run(cargo(&["clippy", "--workspace", "--lib", "--bins", "--", "-D", "warnings"]))?;
    // Helper functions of tests and benches may unwrap, which clippy's own exception does not cover.
    let tests = [
        "clippy",
        "--workspace",
        "--tests",
        "--examples",
        "--",
        "-D",
        "warnings",
        "-A",
        "clippy::unwrap_used",
    ];
    process::run(cargo(&tests))?;
    let drivers = root().join("drivers/Cargo.toml");
    if drivers.exists() {
        process::run(cargo(&["fmt", "--all", "--check", "--manifest-path", &drivers.to_string_lossy()]))?;
    }
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    docs.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
    process::run(docs)?;
    let mut types = command("npx", &["--no-install", "tsc", "--noEmit"]);
    types.current_dir(root().join("controller/web/islands"));
    process::run(types)
}
