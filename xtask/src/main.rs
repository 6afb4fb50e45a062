//! What the README's commands run: `cargo demo` (= `cargo xtask demo`), `cargo xtask test`, `cargo xtask dist`,
//! `cargo xtask bench`.
//!
//! Each command does all of its own set-up, so that a fresh machine needs nothing but this repository.

mod artefacts;
mod bench;
mod demo;
mod dist;
mod postgres;
mod process;
mod test;
mod tools;
mod work;

use clap::{Parser, Subcommand};

/// Builds, demonstrates, tests and measures BackOffice.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and run a whole estate on this machine: controller, two edges, simulated devices.
    Demo(demo::Options),
    /// Run every check and every test; installs what they need on Debian when run as root.
    Test(test::Options),
    /// Build release binaries and measure them.
    Bench(bench::Options),
    /// Build both daemons as they are installed, into `target/dist`.
    Dist(dist::Options),
    /// Build the WASM components of the shipped drivers.
    Drivers,
    /// Bundle the console's islands and stylesheet.
    Islands,
}

fn main() -> anyhow::Result<()> {
    // `cargo demo -- --http …` reaches us as `demo -- --http …`.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(2).is_some_and(|argument| argument == "--") {
        arguments.remove(2);
    }
    match Cli::parse_from(arguments).task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Dist(options) => dist::run(&options),
        Task::Drivers => artefacts::drivers(),
        Task::Islands => artefacts::islands(),
    }
}
