//! SQL of maps.

use super::ZoneMap;
use bo_db::{DbError, Row, Tx, params};
use bo_model::WorkspaceId;

fn row(row: &Row<'_>) -> Result<ZoneMap, DbError> {
    Ok(ZoneMap {
        workspace: row.get(0)?,
        name: row.get(1)?,
        title: row.get(2)?,
        svg: row.get(3)?,
        bindings: row.json(4)?,
    })
}

/// One map.
pub fn find(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<Option<ZoneMap>, DbError> {
    tx.query_opt(
        "SELECT workspace, name, title, svg, bindings FROM zone_map WHERE workspace = ?1 AND name = ?2",
        params![workspace, name],
        row,
    )
}

/// All maps of a workspace.
pub fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<ZoneMap>, DbError> {
    tx.query(
        "SELECT workspace, name, title, svg, bindings FROM zone_map WHERE workspace = ?1 ORDER BY name",
        params![workspace],
        row,
    )
}

/// Writes a map, new or changed.
pub fn save(tx: &mut Tx, map: &ZoneMap) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO zone_map (workspace, name, title, svg, bindings, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (workspace, name) DO UPDATE SET title = excluded.title, svg = excluded.svg,
           bindings = excluded.bindings, changed_at = excluded.changed_at",
        params![map.workspace, &map.name, &map.title, &map.svg, crate::json(&map.bindings), now],
    )?;
    Ok(())
}
