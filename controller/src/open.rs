//! Opening what every command needs: database, keys, authority.

use crate::config::Config;
use crate::modules;
use anyhow::{Context, Result, bail};
use bo_db::{Db, DbError, SealedColumn, Tx, Vault, params};
use bo_model::clock::SharedClock;
use bo_model::{IdGen, SystemClock, WorkspaceId};
use bo_uplink::Authority;
use ed25519_dalek::SigningKey;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// A controller's database and keys.
pub struct Opened {
    /// The database, migrated.
    pub db: Db,
    /// The machine's clock.
    pub clock: SharedClock,
    /// Where ids come from.
    pub ids: Arc<IdGen>,
    /// Signs releases.
    pub release_key: SigningKey,
    /// Signs the audit log.
    pub audit_key: Arc<bo_db::audit::SigningKey>,
    /// Issues gateways' certificates.
    pub authority: Arc<Authority>,
}

/// Opens everything; makes what is not there yet.
pub fn open(config: &Config) -> Result<Opened> {
    let clock: SharedClock = Arc::new(SystemClock);
    let keys = config.keys()?;
    let db = Db::open(&config.database_url()?, clock.clone())?;
    db.keep_secrets(Vault::load_or_create(&keys.join("secrets.key"))?);
    db.migrate(&modules::migrations())?;
    Ok(Opened {
        ids: Arc::new(IdGen::new(clock.clone(), rand::random())),
        release_key: release_key(&keys.join("release.key"))?,
        audit_key: Arc::new(bo_db::audit::SigningKey::load_or_create(&keys.join("audit.pem"))?),
        authority: Arc::new(Authority::open(&keys, clock.clone())?),
        db,
        clock,
    })
}

/// Brings stored secrets under the newest key of the key file. For the server alone, when it starts: one that runs may not have
/// the newest key yet.
pub fn reseal(db: &Db) -> Result<()> {
    let sealed: Vec<SealedColumn> =
        [&bo_identity::SEALED[..], &bo_delivery::SEALED, &bo_estate::sealed::SEALED].concat();
    bo_db::reseal(db, &sealed)?;
    Ok(())
}

/// The key releases are signed with: 32 bytes in hex, in a file for its owner only.
fn release_key(path: &Path) -> Result<SigningKey> {
    use std::os::unix::fs::OpenOptionsExt;
    if !path.exists() {
        let key: [u8; 32] = rand::random();
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = made.with_context(|| format!("cannot make {}", path.display()))?;
        file.write_all(hex::encode(key).as_bytes())?;
        file.sync_all()?;
    }
    let text = bo_runtime::config::secret("the release key", path)?;
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes =
        bytes.with_context(|| format!("{} does not hold a key of 32 bytes in hex", path.display()))?;
    Ok(SigningKey::from_bytes(&bytes))
}

/// The secret CSRF tokens are made with: one for all processes of the installation.
pub fn web_secret(db: &Db) -> Result<[u8; 32]> {
    const NAME: &str = "web.secret";
    let stored = db.write_blocking(|tx: &mut Tx| -> Result<Vec<u8>, DbError> {
        tx.unaudited("the installation's own secret, made once");
        if tx.kv(NAME)?.is_none() {
            tx.set_kv(NAME, &rand::random::<[u8; 32]>())?;
        }
        Ok(tx.kv(NAME)?.unwrap_or_default())
    })?;
    stored.try_into().map_err(|_| anyhow::anyhow!("the installation's secret is damaged"))
}

/// The organisation meant on the command line: by name, or the only one there is.
pub fn workspace(db: &Db, name: Option<&str>) -> Result<WorkspaceId> {
    let all = db.read(|tx: &mut Tx| -> Result<Vec<(WorkspaceId, String)>, DbError> {
        tx.query(
            "SELECT id, name FROM workspace WHERE kind = 'organisation' ORDER BY name",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    })?;
    let names = || all.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        Some(wanted) => match all.iter().find(|(_, name)| name == wanted) {
            Some((id, _)) => Ok(*id),
            None => bail!("there is no organisation `{wanted}`; there are: {}", names()),
        },
        None if all.len() == 1 => Ok(all[0].0),
        None if all.is_empty() => bail!("there is no organisation yet; make one with `backoffice bootstrap`"),
        None => bail!("there are several organisations; name one with --workspace: {}", names()),
    }
}

/// Writes where people reach the console to where every part of the product finds it.
pub fn publish_address(db: &Db, public_url: Option<&str>) -> Result<()> {
    let url = public_url.unwrap_or_default().as_bytes().to_vec();
    db.write_blocking(move |tx: &mut Tx| -> Result<(), DbError> {
        tx.unaudited("what the configuration says");
        tx.set_kv(bo_identity::letter::PUBLIC_URL, &url)
    })?;
    Ok(())
}
