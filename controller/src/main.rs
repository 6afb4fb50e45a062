//! The controller's command line. `serve` is the daemon; everything else works on its database and keys, while it
//! runs or not.

mod cli;
mod commands;
mod config;
mod letters;
mod modules;
mod open;
mod serve;
mod tls;
mod units;

use std::process::ExitCode;

fn main() -> ExitCode {
    bo_runtime::program::main("backoffice", cli::run)
}
