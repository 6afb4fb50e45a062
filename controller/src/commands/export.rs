//! `backoffice export`: the estate as files that `import` reads.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::{Context, Result};
use bo_estate::import::export::{to_file, to_folder};
use bo_estate::registry::Registry;
use std::path::PathBuf;

/// Of which organisation, and where to.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// The file to write, zones, systems and devices alone; standard output when absent.
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    out: Option<PathBuf>,
    /// A folder to write everything to: `estate/`, `drivers/`, `triggers/` and `zone-maps/`.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The organisation, when there are several.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
}

/// Writes it. Secrets in settings are left out; an import leaves those that are stored as they are.
pub fn run(options: &Options) -> Result<()> {
    let opened = open::open(&options.config.load()?)?;
    let workspace = open::workspace(&opened.db, options.workspace.as_deref())?;
    let registry = Registry::load(&opened.db)?;
    let name = opened.db.read(|tx| {
        tx.query_one("SELECT name FROM workspace WHERE id = ?1", bo_db::params![workspace], |row| {
            row.get::<String>(0)
        })
    })?;
    if let Some(folder) = &options.folder {
        let count = opened.db.read(|tx| to_folder(tx, &registry, workspace, &name, folder))?;
        println!(
            "{count} files written. They are read again by\n  backoffice import {0}/estate --drivers {0}/drivers",
            folder.display()
        );
        return Ok(());
    }
    let text = toml::to_string(&to_file(&registry, workspace, &name))
        .context("the estate can't be written as TOML")?;
    match &options.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?
        }
        None => print!("{text}"),
    }
    Ok(())
}
