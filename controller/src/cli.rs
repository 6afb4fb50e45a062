//! Commands and their help.

use crate::config::Config;
use crate::{commands, serve};
use anyhow::Result;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The BackOffice controller: buildings, people and everything that happens in them, from one place.
#[derive(Parser)]
#[command(
    name = "backoffice",
    version,
    after_help = "Examples:\n  \
    Find out what is wrong with a configuration before a restart:\n    \
      backoffice check-config --config controller.toml\n  \
    A first start prints the address of the console, and a one-time code to set up the first owner:\n    \
      backoffice serve --config controller.toml\n  \
    The first owner without a browser:\n    \
      backoffice bootstrap --workspace Acme --email noor@acme.example --name \"Noor Haddad\" --password-file password\n  \
    Drivers for the devices to come:\n    \
      backoffice driver add drivers/sunspec-inverter\n  \
    Zones, systems, devices, triggers and maps from files, and back into files:\n    \
      backoffice import --plan estate\n    \
      backoffice import estate\n    \
      backoffice export --out estate.toml\n    \
      backoffice export --folder estate-with-its-drivers\n  \
    A one-time code for `backoffice-edge enroll`:\n    \
      backoffice enroll edge-cedar\n  \
    Gateways over an external broker:\n    \
      backoffice broker broker.example.org --out broker\n  \
    How it all is:\n    \
      backoffice status\n  \
    Proof that nobody changed the audit log:\n    \
      backoffice audit verify\n  \
    The whole log, for somebody who does not trust this server:\n    \
      backoffice audit export --out log.jsonl\n  \
    The key that its signatures are checked with; keep it elsewhere:\n    \
      backoffice audit key > audit.pub\n\n\
    docs/controller.example.toml explains every key of the configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration is.
#[derive(Args, Clone)]
pub struct ConfigFlag {
    /// The configuration.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/backoffice/controller.toml",
        env = "BACKOFFICE_CONFIG"
    )]
    config: PathBuf,
}

impl ConfigFlag {
    /// Reads it.
    pub fn load(&self) -> Result<Config> {
        Config::load(&self.config)
    }
}

#[derive(Subcommand)]
enum Command {
    /// Run the controller: console, API, and the way in for gateways.
    Serve(serve::Options),
    /// Read the configuration and say what is wrong with it.
    CheckConfig(ConfigFlag),
    /// Make the first organisation and its owner; refused when there is an account already.
    Bootstrap(commands::bootstrap::Options),
    /// Read an estate from files: zones, systems, devices, triggers, maps. Importing twice changes nothing.
    Import(commands::import::Options),
    /// Write the estate as files that `import` reads.
    Export(commands::export::Options),
    /// The library of drivers: put drivers in, see their versions, choose the one in use.
    #[command(subcommand)]
    Driver(commands::driver::Command),
    /// Make a one-time code with which a gateway enrols; it is printed once and works for a day.
    Enroll(commands::enroll::Options),
    /// Write certificates and a configuration for an external broker that carries gateways.
    Broker(commands::broker::Options),
    /// How the estate is: gateways online, points known.
    Status(commands::status::Options),
    /// The audit log: verify or export it, without trusting the server.
    #[command(subcommand)]
    Audit(commands::audit::Command),
}

/// Reads the command line and does what it says.
pub fn run() -> Result<ExitCode> {
    let matches = bo_runtime::help::teach(Cli::command()).get_matches();
    match Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command {
        Command::Audit(command) => return commands::audit::run(&command),
        Command::Serve(options) => serve::run(&options),
        Command::CheckConfig(flag) => {
            let config = flag.load()?;
            println!(
                "The configuration is good. Data: {}; console: {}.",
                config.data.display(),
                config.http.listen
            );
            Ok(())
        }
        Command::Bootstrap(options) => commands::bootstrap::run(&options),
        Command::Import(options) => commands::import::run(&options),
        Command::Export(options) => commands::export::run(&options),
        Command::Driver(command) => commands::driver::run(&command),
        Command::Enroll(options) => commands::enroll::run(&options),
        Command::Broker(options) => commands::broker::run(&options),
        Command::Status(options) => commands::status::run(&options),
    }
    .map(|()| ExitCode::SUCCESS)
}
