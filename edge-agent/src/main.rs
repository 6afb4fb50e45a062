//! `backoffice-edge`: see `backoffice_edge::cli`.

use backoffice_edge::cli::Cli;
use clap::{CommandFactory, FromArgMatches};

fn main() -> anyhow::Result<()> {
    let matches = bo_runtime::help::teach(Cli::command()).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).run()
}
