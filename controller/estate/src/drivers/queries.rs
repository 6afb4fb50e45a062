//! SQL of drivers and their packages.

use super::Driver;
use bo_db::{DbError, Tx, params};
use bo_model::WorkspaceId;
use bo_model::driver::Manifest;

/// All drivers of all workspaces: for the registry. One whose manifest no longer reads is left out with a warning.
pub fn all(tx: &mut Tx) -> Result<Vec<Driver>, DbError> {
    let rows = tx.query("SELECT workspace, name, manifest, hash FROM driver", params![], |row| {
        Ok((row.get::<WorkspaceId>(0)?, row.get::<String>(1)?, row.get::<String>(2)?, row.get::<String>(3)?))
    })?;
    let read = |(workspace, name, text, hash): (WorkspaceId, String, String, String)| {
        Manifest::parse(&text)
            .inspect_err(|error| tracing::warn!(driver = %name, %error, "a stored driver does not read"))
            .ok()
            .map(|manifest| Driver { workspace, manifest, text, hash })
    };
    Ok(rows.into_iter().filter_map(read).collect())
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
        "INSERT INTO driver_package (workspace, hash, name, version, bytes, added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (workspace, hash) DO NOTHING",
        params![driver.workspace, &driver.hash, driver.name(), &driver.manifest.driver.version, bytes, now],
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
