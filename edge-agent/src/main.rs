//! `backoffice-edge`: see `backoffice_edge::cli`.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    backoffice_edge::cli::Cli::parse().run()
}
