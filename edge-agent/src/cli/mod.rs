//! The command line: one file per command.

mod check_config;
mod driver;
mod run;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  Run what the controller releases, as a service does:
    backoffice-edge run --config /etc/backoffice/edge.toml
  Try a site without a controller:
    backoffice-edge run --site site.toml --drivers drivers --data /tmp/edge
  Find out what is wrong before a restart:
    backoffice-edge check-config --config /etc/backoffice/edge.toml";

/// BackOffice's agent on site: it reads and operates devices, evaluates triggers, and keeps a building running
/// with no controller in reach.
#[derive(Debug, Parser)]
#[command(name = "backoffice-edge", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the agent until SIGTERM or Ctrl-C.
    Run(Where),
    /// Says what is wrong with a configuration and the site it names, and changes nothing.
    CheckConfig(Where),
    /// Makes, builds, tests and packs drivers.
    Driver(driver::DriverArgs),
}

/// Which configuration and which data.
#[derive(Debug, Args)]
pub struct Where {
    /// Configuration file; the defaults hold without one.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data directory, instead of the configuration's.
    #[arg(long, value_name = "DIR", env = "BACKOFFICE_EDGE_DATA")]
    pub data: Option<PathBuf>,
    /// Site file to run instead of the controller's releases.
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// Folder of driver folders, for a site file.
    #[arg(long, value_name = "DIR")]
    pub drivers: Option<PathBuf>,
    /// Folder of trigger folders, for a site file.
    #[arg(long, value_name = "DIR")]
    pub triggers: Option<PathBuf>,
}

impl Where {
    /// The configuration file with what the command line says instead.
    pub fn config(&self) -> Result<crate::config::EdgeConfig, crate::EdgeError> {
        use crate::config::EdgeConfig;
        let mut config = match &self.config {
            Some(path) => EdgeConfig::load(path)?,
            None => EdgeConfig::default(),
        };
        let instead = |of: &mut Option<PathBuf>, with: &Option<PathBuf>| {
            if with.is_some() {
                of.clone_from(with);
            }
        };
        instead(&mut config.site, &self.site);
        instead(&mut config.drivers, &self.drivers);
        instead(&mut config.triggers, &self.triggers);
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(place) => run::run(&place),
            Command::CheckConfig(place) => check_config::run(&place),
            Command::Driver(args) => args.run(),
        }
    }
}
