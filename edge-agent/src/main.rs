//! `backoffice-edge`: see `backoffice_edge::cli`.

use backoffice_edge::cli::Cli;
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

fn main() -> ExitCode {
    bo_runtime::program::main("backoffice-edge", || {
        let matches = bo_runtime::help::teach(Cli::command()).get_matches();
        let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        cli.run().map(|()| ExitCode::SUCCESS)
    })
}
