//! `backoffice-edge driver …`: what an integrator needs from the first file to a packed driver, without a building.

mod build;
mod loose;
mod new;
mod pack;
mod profile;
mod record;
mod test;

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  A device described by its registers, no code:
    backoffice-edge driver new acme-meter --link modbus
    backoffice-edge driver new acme-plug --link mqtt
    backoffice-edge driver test acme-meter
  A device that needs code:
    backoffice-edge driver new acme-lamp --component
    backoffice-edge driver build acme-lamp
    backoffice-edge driver test acme-lamp
  Turn a conversation with the real device into a test:
    backoffice-edge driver record acme-lamp --tcp 192.0.2.7:4001 --seconds 30
  Make one file of it, to upload in the console:
    backoffice-edge driver pack acme-lamp
  Sign it, and tell gateways whose signature to trust (`trusted_driver_keys` in edge.toml):
    backoffice-edge driver key signing.pem
    backoffice-edge driver pack acme-lamp --key signing.pem";

/// Makes, builds, tests and packs drivers. `docs/drivers.md` is the guide.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DriverArgs {
    #[command(subcommand)]
    command: DriverCommand,
}

/// What to do with a driver.
#[derive(Debug, Subcommand)]
pub enum DriverCommand {
    /// Makes the folder of a new driver that builds and passes its test at once.
    New {
        /// `vendor-model` in small letters; the folder gets this name.
        name: String,
        /// What the device speaks.
        #[arg(long, value_enum, default_value_t = Link::Modbus)]
        link: Link,
        /// With a component in Rust, for what data cannot describe. Speaks lines of text over TCP or a serial line.
        #[arg(long)]
        component: bool,
        /// Where to make the folder.
        #[arg(long, value_name = "DIR", default_value = ".")]
        within: PathBuf,
    },
    /// Builds a driver's component from its Rust sources and checks that a gateway can load it.
    Build {
        /// The driver's folder.
        folder: PathBuf,
        /// Pack it and sign it with this key too: an Ed25519 private key, PKCS#8 PEM.
        #[arg(long, value_name = "KEY")]
        sign: Option<PathBuf>,
    },
    /// Prints the public half of a signing key, for `trusted_driver_keys` of gateways; makes the key when there is none.
    Key {
        /// File of the private key, PKCS#8 PEM.
        file: PathBuf,
    },
    /// Plays a driver's transcripts, without hardware and without waiting.
    Test {
        /// The driver's folder, or a packed driver.
        folder: PathBuf,
        /// Only transcripts whose name contains this.
        filter: Option<String>,
    },
    /// Lets a driver talk to its real device and writes the conversation down as a transcript.
    Record(record::RecordArgs),
    /// Packs a driver into one file and prints its hash. With a key, signs it.
    Pack {
        /// The driver's folder.
        folder: PathBuf,
        /// File to write; `<name>-<version>.driver` when absent.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Ed25519 private key, PKCS#8 PEM (`openssl genpkey -algorithm ed25519`).
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// What a new driver's device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Link {
    /// Modbus, TCP or serial.
    Modbus,
    /// MQTT.
    Mqtt,
}

impl DriverArgs {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            DriverCommand::New { name, link, component, within } => {
                let folder = new::create(&within, &name, link, component)?;
                println!("{} is ready.", folder.display());
                if component {
                    println!("Build it:  backoffice-edge driver build {}", folder.display());
                }
                println!("Test it:   backoffice-edge driver test {}", folder.display());
                Ok(())
            }
            DriverCommand::Build { folder, sign } => {
                let file = build::build(&folder)?;
                println!("{} is ready.", file.display());
                sign.map_or(Ok(()), |key| pack::run(&folder, None, Some(&key)))
            }
            DriverCommand::Key { file } => pack::key(&file),
            DriverCommand::Test { folder, filter } => test::run(&folder, filter.as_deref()),
            DriverCommand::Record(args) => args.run(),
            DriverCommand::Pack { folder, out, key } => pack::run(&folder, out, key.as_deref()),
        }
    }
}
