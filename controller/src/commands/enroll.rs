//! `backoffice enroll`: a one-time code for a gateway.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::Result;
use bo_db::{DbError, Tx, params};
use bo_estate::EstateError;
use bo_estate::edges::{actions, queries};
use bo_model::command::Actor;

/// For which gateway.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  Here, where the configuration is:\n    backoffice enroll edge-cedar --config controller.toml\n  On the gateway:\n    backoffice-edge enroll --controller https://CONTROLLER:8884 --code CODE"
)]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// Key, name or id of the gateway.
    edge: String,
}

/// Prints the code, and nothing else, on standard output.
pub fn run(options: &Options) -> Result<()> {
    let opened = open::open(&options.config.load()?)?;
    let (wanted, authority) = (options.edge.clone(), opened.authority.clone());
    let code = opened.db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        let edge = match queries::find(tx, &wanted)? {
            Some(edge) => edge,
            None => by_name(tx, &wanted)?.ok_or_else(|| EstateError::missing("gateway", &wanted))?,
        };
        Ok::<_, EstateError>(actions::make_code(tx, &authority, &edge)?)
    })?;
    println!("{code}");
    Ok(())
}

fn by_name(tx: &mut Tx, name: &str) -> Result<Option<bo_estate::edges::Edge>, DbError> {
    let ids = tx.query("SELECT id FROM edge WHERE name = ?1", params![name], |row| row.get::<String>(0))?;
    match ids.as_slice() {
        [id] => queries::find(tx, id),
        _ => Ok(None),
    }
}
