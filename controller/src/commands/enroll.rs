//! `backoffice enroll`: a one-time code for a gateway.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::{Result, bail};
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
    let made = opened.db.write_blocking(move |tx| {
        tx.act_as(Actor::Operator);
        let found = match queries::find(tx, &wanted)? {
            Some(edge) => Some(edge),
            None => by_name(tx, &wanted)?,
        };
        match found {
            Some(edge) => Ok::<_, EstateError>(Ok(actions::make_code(tx, &authority, &edge)?)),
            None => Ok(Err(queries::all(tx)?.into_iter().map(|edge| edge.key).collect::<Vec<_>>())),
        }
    })?;
    let code = match made {
        Ok(code) => code,
        Err(none) if none.is_empty() => bail!(
            "there is no gateway yet: add one in the console under Gateways, or with `[[edge]]` in an estate's files"
        ),
        Err(keys) => bail!("there is no gateway `{}`; there are {}", options.edge, keys.join(", ")),
    };
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
