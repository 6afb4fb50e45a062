//! SQL of maps.

use super::{Revision, ZoneMap};
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

const REVISION: &str = "number, bindings, about, made_by, made_at";

fn revision_row(row: &Row<'_>) -> Result<Revision, DbError> {
    Ok(Revision {
        number: row.get(0)?,
        bindings: row.json(1)?,
        about: row.get(2)?,
        made_by: row.get(3)?,
        made_at: row.get(4)?,
    })
}

/// Revisions of a map, newest first.
pub fn revisions(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &str,
    limit: usize,
) -> Result<Vec<Revision>, DbError> {
    let sql = format!(
        "SELECT {REVISION} FROM zone_map_revision WHERE workspace = ?1 AND name = ?2 ORDER BY number DESC LIMIT ?3"
    );
    tx.query(&sql, params![workspace, name, limit], revision_row)
}

/// One revision of a map.
pub fn revision(
    tx: &mut Tx,
    workspace: WorkspaceId,
    name: &str,
    number: i64,
) -> Result<Option<Revision>, DbError> {
    let sql = format!(
        "SELECT {REVISION} FROM zone_map_revision WHERE workspace = ?1 AND name = ?2 AND number = ?3"
    );
    tx.query_opt(&sql, params![workspace, name, number], revision_row)
}

/// Keeps what a map is bound to.
pub fn add_revision(tx: &mut Tx, map: &ZoneMap, number: i64, about: &str, by: &str) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO zone_map_revision (workspace, name, number, bindings, about, made_by, made_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![map.workspace, &map.name, number, crate::json(&map.bindings), about, by, now],
    )?;
    Ok(())
}
