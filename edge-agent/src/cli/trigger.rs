//! `trigger`: try a trigger's folder without a building, over the past, and see what the running ones are doing.

mod replay;

use super::Where;
use crate::control::{Ask, ask};
use anyhow::{Context, bail};
use clap::Subcommand;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  backoffice-edge trigger test triggers/room-empty-off --drivers drivers
  backoffice-edge trigger replay triggers/room-empty-off --history monday.csv --set empty_for=5min
  backoffice-edge trigger show";

/// Test, replay and watch triggers.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Trigger {
    /// Plays the cases of one trigger's folder, or of each folder in it.
    Test {
        /// `triggers/<name>`, or `triggers`.
        folder: PathBuf,
        /// Folder of driver folders, to check names against.
        #[arg(long, value_name = "DIR")]
        drivers: Option<PathBuf>,
    },
    /// Says what a trigger would have done over recorded history, before it is enabled.
    Replay(replay::Replay),
    /// Shows the running triggers: active or not, why, and their last runs.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
}

pub async fn run(trigger: Trigger) -> anyhow::Result<()> {
    match trigger {
        Trigger::Test { folder, drivers } => test(&folder, drivers.as_deref()),
        Trigger::Replay(replay) => replay.run(),
        Trigger::Show { json, place } => show(&place, json).await,
    }
}

fn test(folder: &std::path::Path, drivers: Option<&std::path::Path>) -> anyhow::Result<()> {
    let mut folders = vec![folder.to_owned()];
    if !folder.join("trigger.toml").is_file() {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
        folders = entries.flatten().map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.join("trigger.toml").is_file());
        folders.sort();
    }
    if folders.is_empty() {
        bail!("{} has no trigger.toml, and no folder with one", folder.display());
    }
    let mut failed = 0;
    for folder in folders {
        println!("{}", folder.display());
        match bo_rules::cases::run_dir(&folder, drivers) {
            Ok(report) => {
                println!("{report}");
                failed += usize::from(!report.passed());
            }
            Err(error) => {
                println!("{error}");
                failed += 1;
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => bail!("a trigger failed"),
        _ => bail!("{failed} triggers failed"),
    }
}

async fn show(place: &Where, json: bool) -> anyhow::Result<()> {
    let answer = ask(&place.config()?.data, &Ask::Triggers).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    for trigger in answer.as_array().into_iter().flatten() {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let active = if trigger["active"] == true { "active" } else { "not active" };
        println!(
            "{}: {} ({}): {active}. {}",
            text(&trigger["system_name"]),
            text(&trigger["title"]),
            text(&trigger["name"]),
            text(&trigger["now"]["why"])
        );
        for trace in trigger["traces"].as_array().into_iter().flatten() {
            println!("  {} {}", text(&trace["verdict"]), text(&trace["why"]));
        }
    }
    Ok(())
}
