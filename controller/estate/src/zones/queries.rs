//! SQL of zones.

use super::Zone;
use bo_db::{DbError, Row, SealedColumn, Tx, Vault, params};
use bo_model::estate::ZoneKind;

const COLUMNS: &str = "id, workspace, key, parent, kind, name, rank, tags, time_zone, latitude, longitude, map, settings, metadata, secrets";

/// Settings, sealed as a whole: what is secret among them depends on drivers that may come later.
pub const SETTINGS: SealedColumn =
    SealedColumn { table: "zone", key: "id", column: "settings", place: "settings:zone:" };

fn row(row: &Row<'_>, vault: &Vault) -> Result<Zone, DbError> {
    let id = row.get(0)?;
    let (latitude, longitude) = (row.get::<Option<f64>>(9)?, row.get::<Option<f64>>(10)?);
    Ok(Zone {
        id,
        workspace: row.get(1)?,
        key: row.get(2)?,
        parent: row.get(3)?,
        kind: ZoneKind::parse(row.str(4)?).unwrap_or_default(),
        name: row.get(5)?,
        rank: row.get(6)?,
        tags: row.json(7)?,
        time_zone: row.get(8)?,
        position: latitude.zip(longitude),
        map: row.get(11)?,
        settings: crate::sealed::json(&SETTINGS, vault, id, row.str(12)?)?,
        metadata: row.json(13)?,
        secrets: row.json(14)?,
    })
}

/// All zones of all workspaces: for the registry.
pub fn all(tx: &mut Tx) -> Result<Vec<Zone>, DbError> {
    let vault = tx.vault()?;
    tx.query(&format!("SELECT {COLUMNS} FROM zone"), params![], |found| row(found, &vault))
}

/// Writes a zone, new or changed, found by its id.
pub fn save(tx: &mut Tx, zone: &Zone) -> Result<(), DbError> {
    let settings = SETTINGS.seal(tx, zone.id, &crate::json(&zone.settings))?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO zone (id, workspace, key, parent, kind, name, rank, tags, time_zone, latitude, longitude, map,
           settings, metadata, changed_at, secrets)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, kind = excluded.kind, name = excluded.name,
           rank = excluded.rank, tags = excluded.tags, time_zone = excluded.time_zone, latitude = excluded.latitude,
           longitude = excluded.longitude, map = excluded.map, settings = excluded.settings,
           metadata = excluded.metadata, changed_at = excluded.changed_at, secrets = excluded.secrets",
        params![
            zone.id,
            zone.workspace,
            &zone.key,
            zone.parent,
            zone.kind.word(),
            &zone.name,
            zone.rank,
            crate::json(&zone.tags),
            zone.time_zone.as_ref(),
            zone.position.map(|p| p.0),
            zone.position.map(|p| p.1),
            zone.map.as_ref(),
            settings,
            crate::json(&zone.metadata),
            now,
            crate::json(&zone.secrets)
        ],
    )?;
    Ok(())
}
