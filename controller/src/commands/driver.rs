//! `backoffice driver`: the library of drivers from the command line, while the daemon runs or not.

use crate::cli::ConfigFlag;
use crate::open::{self, Opened};
use anyhow::{Context, Result};
use bo_estate::drivers::{actions, package, queries};
use bo_estate::registry::Registry;
use bo_model::WorkspaceId;
use bo_model::command::Actor;
use std::path::PathBuf;

/// What to do with the library.
#[derive(clap::Subcommand)]
#[command(after_help = "Examples:\n  \
    Drivers of the shipped library, and one that was packed:\n    \
      backoffice driver add drivers/sunspec-inverter drivers/sdm630-meter\n    \
      backoffice driver add acme-lamp-1.2.0.driver\n  \
    A new version beside the one in use, for the devices that are told to hold it:\n    \
      backoffice driver add --later acme-lamp-1.3.0.driver\n  \
    What is there, in which versions:\n    \
      backoffice driver list\n  \
    Another version for all others, forward or back; gateways get it with their next release:\n    \
      backoffice driver use acme-lamp 1.3.0")]
pub enum Command {
    /// Put drivers into the library: folders, or files that `backoffice-edge driver pack` made.
    Add(Add),
    /// Show the library: each driver, its versions, and which is in use (*).
    List(Of),
    /// Make another version the one in use.
    Use(Use),
}

/// Whose library.
#[derive(clap::Args)]
pub struct Of {
    #[command(flatten)]
    config: ConfigFlag,
    /// The organisation, when there are several.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
}

/// What to put in.
#[derive(clap::Args)]
pub struct Add {
    #[command(flatten)]
    of: Of,
    /// Folders of drivers, or packed drivers.
    #[arg(required = true, value_name = "DRIVER")]
    drivers: Vec<PathBuf>,
    /// Keep the version in use; devices that hold the new one run it.
    #[arg(long)]
    later: bool,
}

/// Which version.
#[derive(clap::Args)]
pub struct Use {
    #[command(flatten)]
    of: Of,
    /// Name of the driver.
    driver: String,
    /// One of its versions.
    version: String,
}

/// Does it.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Add(add) => put_in(add),
        Command::List(of) => list(of),
        Command::Use(wanted) => choose(wanted),
    }
}

fn library(of: &Of) -> Result<(Opened, WorkspaceId)> {
    let opened = open::open(&of.config.load()?)?;
    let workspace = open::workspace(&opened.db, of.workspace.as_deref())?;
    Ok((opened, workspace))
}

fn put_in(add: &Add) -> Result<()> {
    let (opened, workspace) = library(&add.of)?;
    let now = !add.later;
    for path in &add.drivers {
        let packed = if path.is_dir() {
            package::pack_folder(workspace, path)?
        } else {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            package::from_packed(workspace, &bytes).with_context(|| path.display().to_string())?
        };
        let added = opened.db.write_blocking(move |tx| {
            tx.act_as(Actor::Operator);
            actions::add(tx, &packed, now)
        })?;
        let here = if added.new { "added" } else { "was here" };
        let used = if added.in_use { "in use" } else { "for devices that hold it" };
        println!("{} {}: {here}, {used}", added.name, added.version);
    }
    Ok(())
}

fn list(of: &Of) -> Result<()> {
    let (opened, workspace) = library(of)?;
    let registry = Registry::load(&opened.db)?;
    for driver in registry.library(workspace) {
        let versions = opened.db.read(|tx| queries::versions(tx, workspace, driver.name()))?;
        let told = versions.iter().map(|held| match held.hash == driver.hash {
            true => format!("{}*", held.version),
            false => held.version.clone(),
        });
        println!(
            "{:<24} {:<40} {}",
            driver.name(),
            driver.manifest.driver.title,
            told.collect::<Vec<_>>().join(" ")
        );
    }
    if registry.library(workspace).next().is_none() {
        println!("The library is empty. `backoffice driver add FOLDER` puts a driver in.");
    }
    Ok(())
}

fn choose(wanted: &Use) -> Result<()> {
    let (opened, workspace) = library(&wanted.of)?;
    let (driver, version) = (wanted.driver.clone(), wanted.version.clone());
    opened.db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        actions::choose(tx, workspace, &driver, &version)
    })?;
    println!("{} {} is in use; gateways get it with their next release.", wanted.driver, wanted.version);
    Ok(())
}
