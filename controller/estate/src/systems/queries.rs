//! SQL of systems.

use super::System;
use bo_db::{DbError, Row, SealedColumn, Tx, Vault, params};

const COLUMNS: &str = "id, workspace, key, name, zone, edge, tags, settings, metadata, secrets";

/// Settings, sealed as a whole: what is secret among them depends on drivers that may come later.
pub const SETTINGS: SealedColumn =
    SealedColumn { table: "system", key: "id", column: "settings", place: "settings:system:" };

fn row(row: &Row<'_>, vault: &Vault) -> Result<System, DbError> {
    let id = row.get(0)?;
    Ok(System {
        id,
        workspace: row.get(1)?,
        key: row.get(2)?,
        name: row.get(3)?,
        zone: row.get(4)?,
        edge: row.get(5)?,
        tags: row.json(6)?,
        settings: crate::sealed::json(&SETTINGS, vault, id, row.str(7)?)?,
        metadata: row.json(8)?,
        secrets: row.json(9)?,
    })
}

/// All systems of all workspaces: for the registry.
pub fn all(tx: &mut Tx) -> Result<Vec<System>, DbError> {
    let vault = tx.vault()?;
    tx.query(&format!("SELECT {COLUMNS} FROM system"), params![], |found| row(found, &vault))
}

/// Writes a system, new or changed, found by its id.
pub fn save(tx: &mut Tx, system: &System) -> Result<(), DbError> {
    let settings = SETTINGS.seal(tx, system.id, &crate::json(&system.settings))?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO system (id, workspace, key, name, zone, edge, tags, settings, metadata, changed_at, secrets)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, zone = excluded.zone, edge = excluded.edge,
           tags = excluded.tags, settings = excluded.settings, metadata = excluded.metadata,
           changed_at = excluded.changed_at, secrets = excluded.secrets",
        params![
            system.id,
            system.workspace,
            &system.key,
            &system.name,
            system.zone,
            system.edge,
            crate::json(&system.tags),
            settings,
            crate::json(&system.metadata),
            now,
            crate::json(&system.secrets)
        ],
    )?;
    Ok(())
}
