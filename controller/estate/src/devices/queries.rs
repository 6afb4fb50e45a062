//! SQL of devices.

use super::Device;
use bo_db::{DbError, Row, SealedColumn, Tx, Vault, params};
use bo_model::DeviceId;

const COLUMNS: &str =
    "id, workspace, system, address, name, driver, link, settings, enabled, secrets, metadata";

/// Settings, sealed as a whole: what is secret among them depends on drivers that may come later.
pub const SETTINGS: SealedColumn =
    SealedColumn { table: "device", key: "id", column: "settings", place: "settings:device:" };

fn row(row: &Row<'_>, vault: &Vault) -> Result<Device, DbError> {
    let id = row.get(0)?;
    Ok(Device {
        id,
        workspace: row.get(1)?,
        system: row.get(2)?,
        address: row.get(3)?,
        name: row.get(4)?,
        driver: row.get(5)?,
        link: row.get(6)?,
        settings: crate::sealed::json(&SETTINGS, vault, id, row.str(7)?)?,
        enabled: row.get(8)?,
        secrets: row.json(9)?,
        metadata: row.json(10)?,
    })
}

/// All devices of all workspaces: for the registry.
pub fn all(tx: &mut Tx) -> Result<Vec<Device>, DbError> {
    let vault = tx.vault()?;
    tx.query(&format!("SELECT {COLUMNS} FROM device"), params![], |found| row(found, &vault))
}

/// Writes a device, new or changed, found by its id.
pub fn save(tx: &mut Tx, device: &Device) -> Result<(), DbError> {
    let settings = SETTINGS.seal(tx, device.id, &crate::json(&device.settings))?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO device (id, workspace, system, address, name, driver, link, settings, enabled, changed_at, secrets, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET system = excluded.system, address = excluded.address, name = excluded.name,
           driver = excluded.driver, link = excluded.link, settings = excluded.settings, enabled = excluded.enabled,
           changed_at = excluded.changed_at, secrets = excluded.secrets, metadata = excluded.metadata",
        params![
            device.id,
            device.workspace,
            device.system,
            &device.address,
            &device.name,
            &device.driver,
            device.link.as_ref(),
            settings,
            device.enabled,
            now,
            crate::json(&device.secrets),
            crate::json(&device.metadata)
        ],
    )?;
    Ok(())
}

/// Removes a device; its history stays until it is too old.
pub fn remove(tx: &mut Tx, id: DeviceId) -> Result<(), DbError> {
    tx.execute("DELETE FROM device WHERE id = ?1", params![id])?;
    Ok(())
}
