//! SQL of the schema.

use super::MetadataField;
use bo_db::{DbError, Tx, params};
use bo_model::WorkspaceId;

/// All fields of a workspace, in their order.
pub fn fields(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<MetadataField>, DbError> {
    tx.query(
        "SELECT name, kinds, rank, field FROM metadata_field WHERE workspace = ?1 ORDER BY rank, name LIMIT 500",
        params![workspace],
        |row| {
            let (name, kinds, rank, field) = (row.get(0)?, row.json(1)?, row.get(2)?, row.json(3)?);
            Ok(MetadataField { workspace, name, kinds, rank, field })
        },
    )
}

/// Writes a field, new or changed.
pub fn save(tx: &mut Tx, field: &MetadataField) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO metadata_field (workspace, name, kinds, rank, field, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (workspace, name) DO UPDATE SET kinds = excluded.kinds, rank = excluded.rank,
           field = excluded.field, changed_at = excluded.changed_at",
        params![
            field.workspace,
            &field.name,
            crate::json(&field.kinds),
            field.rank,
            crate::json(&field.field),
            now
        ],
    )?;
    Ok(())
}

/// Removes a field; what was written into it stays where it is.
pub fn remove(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<(), DbError> {
    tx.execute("DELETE FROM metadata_field WHERE workspace = ?1 AND name = ?2", params![workspace, name])?;
    Ok(())
}
