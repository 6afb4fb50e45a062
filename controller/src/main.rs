//! The controller's command line. `serve` is the daemon; everything else works on its database and keys, while it
//! runs or not.

mod cli;
mod commands;
mod config;
mod modules;
mod open;
mod serve;
mod tls;
mod units;

fn main() -> anyhow::Result<()> {
    cli::run()
}
