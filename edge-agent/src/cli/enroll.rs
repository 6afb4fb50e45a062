//! `enroll`: become one of a controller's edges.

use super::Where;
use crate::agent::lock_data;
use anyhow::Context;
use clap::Args;

const EXAMPLES: &str = "\
Example:
  In the console: Gateways, New gateway. Then here, with the code it shows:
    backoffice-edge enroll --controller https://backoffice.example.org --code XXXX-XXXX-…";

/// Where and with what.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Enroll {
    /// The controller's address.
    #[arg(long, value_name = "URL")]
    controller: String,
    /// The one-time code its console shows; it expires.
    #[arg(long, value_name = "CODE", env = "BACKOFFICE_ENROLL_CODE", hide_env_values = true)]
    code: String,
    #[command(flatten)]
    place: Where,
}

pub async fn run(enroll: Enroll) -> anyhow::Result<()> {
    let data = enroll.place.config()?.data;
    let _lock = lock_data(&data)?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let identity = crate::enroll::enroll(&enroll.controller, &enroll.code, &data, host.trim())
        .await
        .context("this edge was not enrolled")?;
    println!("enrolled as edge {}; start it with `backoffice-edge run`", identity.edge);
    Ok(())
}
