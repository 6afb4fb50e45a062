//! The command line: one file per command.

mod check_config;
mod driver;
mod enroll;
mod hash_password;
mod link;
mod point;
mod run;
mod serial;
mod status;
mod trigger;

use bo_model::SystemClock;
use bo_model::settings::FieldKind;
use clap::{Args, Parser, Subcommand};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  Run what the controller releases, as a service does:
    backoffice-edge run --config /etc/backoffice/edge.toml
  Try a site without a controller:
    backoffice-edge run --site site.toml --drivers drivers --data /tmp/edge
  Find out what is wrong before a restart:
    backoffice-edge check-config --config /etc/backoffice/edge.toml
  See how the running agent is:
    backoffice-edge status
    backoffice-edge status --json
  Operate a device, as a person on site:
    backoffice-edge point write Hvac_1 set_mode mode=heat
  Make a device that speaks, without the hardware:
    backoffice-edge simulate drivers/sunspec-inverter --listen 127.0.0.1:1502

docs/edge.example.toml explains every key of the configuration, docs/site.example.toml those of a site file.";

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
    /// Makes this edge one of a controller's, with a one-time code.
    Enroll(enroll::Enroll),
    /// Shows how the running agent is: controller, journal, links, devices, holds, alarms.
    Status {
        /// As JSON, with all values.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Tries an endpoint.
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// Reads or operates a device through the running agent.
    #[command(subcommand)]
    Point(point::Point),
    /// Tests and watches triggers.
    #[command(subcommand)]
    Trigger(trigger::Trigger),
    /// Makes, builds, tests and packs drivers.
    Driver(driver::DriverArgs),
    Simulate(Box<bo_simulator::SimulateArgs>),
    /// Reads a password from standard input and prints the hash for `local_page.operator_password_hash`.
    #[command(after_help = "Example:\n  backoffice-edge hash-password < password.txt")]
    HashPassword,
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
            Command::Enroll(arguments) => wait(enroll::run(arguments)),
            Command::Status { json, place } => wait(status::run(&place, json)),
            Command::Link(command) => wait(link::run(command)),
            Command::Point(point) => wait(point::run(point)),
            Command::Trigger(trigger) => wait(trigger::run(trigger)),
            Command::Driver(arguments) => arguments.run(),
            Command::Simulate(arguments) => {
                bo_runtime::logging::init(&Default::default());
                wait(async { Ok(bo_simulator::run(*arguments, Arc::new(SystemClock)).await?) })
            }
            Command::HashPassword => hash_password::run(),
        }
    }
}

fn wait(task: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(task)
}

/// What a person typed, as a field of this kind takes it. What does not fit stays text, and is refused with a
/// sentence by whoever checks it.
pub fn typed(kind: FieldKind, text: &str) -> Json {
    let read = match kind {
        FieldKind::Boolean => text.parse::<bool>().ok().map(Json::from),
        FieldKind::Integer => text.parse::<i64>().ok().map(Json::from),
        FieldKind::Number => serde_json::from_str(text).ok().filter(Json::is_number),
        FieldKind::Json => serde_json::from_str(text).ok(),
        FieldKind::Text | FieldKind::Choice | FieldKind::Duration => None,
    };
    read.unwrap_or_else(|| Json::from(text))
}
