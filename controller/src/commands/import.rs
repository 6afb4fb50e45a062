//! `backoffice import`: an estate from files.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::Result;
use bo_estate::import::library::Folders;
use bo_estate::import::{self, Library, Plan};
use bo_estate::registry::Registry;
use bo_estate::{EstateError, maps, releases};
use bo_model::command::Actor;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What and from where.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    backoffice import --config controller.toml estate --plan     shows what would change\n  \
    backoffice import --config controller.toml estate            changes it and publishes releases to the gateways\n\n\
    What is in the database and not in the files is left as it is, and named; --prune removes it. Secrets are never in\n    \
    files: those that are stored stay.")]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// Folder of `*.toml` files, or one file, as `export --out` writes it.
    estate: PathBuf,
    /// Folder that holds `<driver>/driver.toml`.
    #[arg(long, value_name = "DIR", default_value = "drivers")]
    drivers: PathBuf,
    /// Folder that holds `<trigger>/trigger.toml`; `triggers` beside the drivers when absent.
    #[arg(long, value_name = "DIR")]
    triggers: Option<PathBuf>,
    /// Folder that holds `<map>/map.toml`; `zone-maps` beside the drivers when absent.
    #[arg(long, value_name = "DIR")]
    maps: Option<PathBuf>,
    /// The organisation, when there are several.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// Show what would change and change nothing.
    #[arg(long)]
    plan: bool,
    /// Remove what is in the database and not in the files: zones, systems, devices, triggers, gateways that are not enrolled.
    #[arg(long)]
    prune: bool,
    /// Publish no releases: gateways go on with what they have.
    #[arg(long)]
    no_release: bool,
}

/// Does it.
pub fn run(options: &Options) -> Result<()> {
    let opened = open::open(&options.config.load()?)?;
    let workspace = open::workspace(&opened.db, options.workspace.as_deref())?;
    let root = options.drivers.parent().map(PathBuf::from).unwrap_or_default();
    let folders = Folders {
        drivers: options.drivers.clone(),
        triggers: options.triggers.clone().unwrap_or_else(|| root.join("triggers")),
        maps: options.maps.clone().unwrap_or_else(|| root.join("zone-maps")),
    };
    let file = import::read_folder(&options.estate)?;
    let library = Library::read(workspace, &folders, &file)?;
    let registry = Registry::load(&opened.db)?;
    let stored = opened.db.read(|tx| maps::queries::all(tx, workspace))?;
    let plan = Plan::make(workspace, &registry, &stored, &file, &library, &opened.ids);
    describe(&registry, &plan, options.prune);
    if options.plan {
        return Ok(());
    }
    let (ids, pruning) = (opened.ids.clone(), options.prune);
    opened.db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        import::apply(tx, &plan, &ids)?;
        if pruning {
            import::prune(tx, &registry, &plan)?;
        }
        Ok::<_, EstateError>(())
    })?;
    if !options.no_release {
        publish(&opened)?;
    }
    Ok(())
}

fn describe(registry: &Registry, plan: &Plan, pruning: bool) {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for change in &plan.changes {
        let count = counts.entry(change.kind).or_default();
        if change.new {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
    }
    for (kind, (new, changed)) in &counts {
        println!("{kind}: {new} new, {changed} changed");
    }
    for line in import::prune::differences(registry, plan) {
        println!("changed  {line}");
    }
    for change in plan.changes.iter().filter(|change| change.new) {
        println!("new      {} {}", change.kind, change.key);
    }
    for thing in &plan.gone {
        let word = if pruning { "removed " } else { "left as it is, not in the files:" };
        println!("{word} {}", import::prune::label(registry, thing));
    }
    if plan.changes.is_empty() && (plan.gone.is_empty() || !pruning) {
        println!("Everything is as the files say.");
    }
}

/// A release for each edge whose configuration changed.
fn publish(opened: &open::Opened) -> Result<()> {
    let registry = std::sync::Arc::new(Registry::load(&opened.db)?);
    let mut edges: Vec<_> = registry.edges.values().cloned().collect();
    edges.sort_by(|a, b| a.key.cmp(&b.key));
    for edge in edges {
        let (id, key, registry) = (edge.id, opened.release_key.clone(), registry.clone());
        let release = opened.db.write_blocking(move |tx| {
            tx.act_as(Actor::Operator);
            let release = releases::actions::publish(tx, &registry, id, &key)?;
            let newest = releases::queries::list(tx, id, i64::MAX as u64, 1)?;
            Ok::<_, EstateError>((release, newest.into_iter().next()))
        })?;
        let (Some(release), Some(line)) = release else { continue };
        println!("{}: release {} ({})", edge.name, release.number, line.summary.diff.summary());
        for fault in &line.summary.faults {
            println!("  left out: {fault}");
        }
    }
    Ok(())
}
