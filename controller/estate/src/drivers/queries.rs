//! SQL of drivers and their packages.

use super::Driver;
use bo_db::{DbError, Tx, params};
use bo_model::driver::Manifest;
use bo_model::{Time, WorkspaceId};
use serde::Serialize;

/// All drivers of all workspaces: for the registry. One whose manifest no longer reads is left out with a warning.
pub fn all(tx: &mut Tx) -> Result<Vec<Driver>, DbError> {
    let rows = tx.query("SELECT workspace, name, manifest, hash FROM driver", params![], |row| {
        Ok((row.get::<WorkspaceId>(0)?, row.get::<String>(1)?, row.get::<String>(2)?, row.get::<String>(3)?))
    })?;
    let driver = |(workspace, name, text, hash): (WorkspaceId, String, String, String)| {
        read(&name, &text).map(|manifest| Driver { workspace, manifest, text, hash, held: false })
    };
    let mut drivers: Vec<Driver> = rows.into_iter().filter_map(driver).collect();
    let labels = tx.query(
        "SELECT DISTINCT workspace, driver FROM device WHERE driver LIKE '%@%'",
        params![],
        |row| Ok((row.get::<WorkspaceId>(0)?, row.get::<String>(1)?)),
    )?;
    for (workspace, label) in labels {
        drivers.extend(held(tx, workspace, &label)?);
    }
    Ok(drivers)
}

/// The version that `acme-lamp@1.2.0` names, when the library has it.
pub fn held(tx: &mut Tx, workspace: WorkspaceId, label: &str) -> Result<Option<Driver>, DbError> {
    let Some((name, version)) = super::held(label) else { return Ok(None) };
    let found = tx.query_opt(
        "SELECT hash, manifest FROM driver_package WHERE workspace = ?1 AND name = ?2 AND version = ?3
         ORDER BY added_at DESC, hash LIMIT 1",
        params![workspace, name, version],
        |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)),
    )?;
    let driver = match found {
        Some((hash, text)) if text.is_empty() => unpacked(tx, workspace, label, &hash)?,
        Some((hash, text)) => {
            read(label, &text).map(|manifest| Driver { workspace, manifest, text, hash, held: true })
        }
        None => None,
    };
    Ok(driver)
}

fn read(driver: &str, text: &str) -> Option<Manifest> {
    Manifest::parse(text)
        .inspect_err(|error| tracing::warn!(%driver, %error, "a stored driver does not read"))
        .ok()
}

/// One that was kept before manifests were kept beside the bytes.
fn unpacked(tx: &mut Tx, workspace: WorkspaceId, label: &str, hash: &str) -> Result<Option<Driver>, DbError> {
    let Some(bytes) = package(tx, workspace, hash)? else { return Ok(None) };
    let packed = super::package::from_packed(workspace, &bytes)
        .inspect_err(|error| tracing::warn!(driver = %label, %error, "a stored driver does not read"));
    Ok(packed.ok().map(|packed| Driver { held: true, ..packed.driver }))
}

/// A version of a driver that the library keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// As its manifest says.
    pub version: String,
    /// Hex SHA-256 of the packed driver.
    pub hash: String,
    /// Since when it is here.
    pub added_at: Time,
}

/// All versions of a driver, the newest first.
pub fn versions(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<Vec<Version>, DbError> {
    tx.query(
        "SELECT version, hash, added_at FROM driver_package WHERE workspace = ?1 AND name = ?2
         ORDER BY added_at DESC, version DESC, hash",
        params![workspace, name],
        |row| Ok(Version { version: row.get(0)?, hash: row.get(1)?, added_at: row.get(2)? }),
    )
}

/// Hash of the version in use.
pub fn in_use(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<Option<String>, DbError> {
    tx.query_opt(
        "SELECT hash FROM driver WHERE workspace = ?1 AND name = ?2",
        params![workspace, name],
        |row| row.get(0),
    )
}

/// Makes this version the one in use.
pub fn save(tx: &mut Tx, driver: &Driver) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO driver (workspace, name, version, title, manifest, hash, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workspace, name) DO UPDATE SET version = excluded.version, title = excluded.title,
           manifest = excluded.manifest, hash = excluded.hash, changed_at = excluded.changed_at",
        params![
            driver.workspace,
            driver.name(),
            &driver.manifest.driver.version,
            &driver.manifest.driver.title,
            &driver.text,
            &driver.hash,
            now
        ],
    )?;
    Ok(())
}

/// Keeps a package's bytes.
pub fn save_package(tx: &mut Tx, driver: &Driver, bytes: &[u8]) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO driver_package (workspace, hash, name, version, bytes, added_at, manifest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (workspace, hash) DO NOTHING",
        params![
            driver.workspace,
            &driver.hash,
            driver.name(),
            &driver.manifest.driver.version,
            bytes,
            now,
            &driver.text
        ],
    )?;
    Ok(())
}

/// The bytes of a package.
pub fn package(tx: &mut Tx, workspace: WorkspaceId, hash: &str) -> Result<Option<Vec<u8>>, DbError> {
    tx.query_opt(
        "SELECT bytes FROM driver_package WHERE workspace = ?1 AND hash = ?2",
        params![workspace, hash],
        |row| row.get(0),
    )
}
