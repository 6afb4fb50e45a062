//! SQL of triggers.

use super::{TriggerDefinition, TriggerInstance};
use crate::state::RunEntry;
use bo_db::{DbError, Tx, params};
use bo_model::{Time, TriggerId, WorkspaceId};

/// All definitions of all workspaces: for the registry.
pub fn definitions(tx: &mut Tx) -> Result<Vec<TriggerDefinition>, DbError> {
    tx.query(
        "SELECT workspace, name, title, about, definition, script FROM trigger_definition",
        params![],
        |row| {
            Ok(TriggerDefinition {
                workspace: row.get(0)?,
                name: row.get(1)?,
                title: row.get(2)?,
                about: row.get(3)?,
                definition: row.get(4)?,
                script: row.get(5)?,
            })
        },
    )
}

/// All instances of all workspaces: for the registry.
pub fn instances(tx: &mut Tx) -> Result<Vec<TriggerInstance>, DbError> {
    tx.query("SELECT id, workspace, system, name, params, enabled FROM trigger_instance", params![], |row| {
        Ok(TriggerInstance {
            id: row.get(0)?,
            workspace: row.get(1)?,
            system: row.get(2)?,
            name: row.get(3)?,
            params: row.json(4)?,
            enabled: row.get(5)?,
        })
    })
}

/// Writes a definition, new or changed.
pub fn save_definition(tx: &mut Tx, definition: &TriggerDefinition) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO trigger_definition (workspace, name, title, about, definition, script, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workspace, name) DO UPDATE SET title = excluded.title, about = excluded.about,
           definition = excluded.definition, script = excluded.script, changed_at = excluded.changed_at",
        params![
            definition.workspace,
            &definition.name,
            &definition.title,
            &definition.about,
            &definition.definition,
            definition.script.as_ref(),
            now
        ],
    )?;
    Ok(())
}

/// Writes an instance, new or changed, found by its id.
pub fn save_instance(tx: &mut Tx, instance: &TriggerInstance) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO trigger_instance (id, workspace, system, name, params, enabled, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET params = excluded.params, enabled = excluded.enabled,
           changed_at = excluded.changed_at",
        params![
            instance.id,
            instance.workspace,
            instance.system,
            &instance.name,
            crate::json(&instance.params),
            instance.enabled,
            now
        ],
    )?;
    Ok(())
}

/// Removes an instance with its runs.
pub fn remove_instance(tx: &mut Tx, id: TriggerId) -> Result<(), DbError> {
    tx.execute("DELETE FROM trigger_run WHERE trigger_id = ?1", params![id])?;
    tx.execute("DELETE FROM trigger_instance WHERE id = ?1", params![id])?;
    Ok(())
}

/// Removes a definition; its instances are removed before.
pub fn remove_definition(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM trigger_definition WHERE workspace = ?1 AND name = ?2",
        params![workspace, name],
    )?;
    Ok(())
}

/// The last runs of an instance, newest first.
pub fn runs(tx: &mut Tx, id: TriggerId, limit: usize) -> Result<Vec<RunEntry>, DbError> {
    tx.query(
        "SELECT at, trace FROM trigger_run WHERE trigger_id = ?1 ORDER BY at DESC LIMIT ?2",
        params![id, limit],
        |row| Ok(RunEntry { at: row.get(0)?, run: row.json(1)? }),
    )
}

/// How often an instance became active between two times.
pub fn activations(tx: &mut Tx, id: TriggerId, from: Time, to: Time) -> Result<usize, DbError> {
    let count: i64 = tx.query_one(
        "SELECT count(*) FROM trigger_run WHERE trigger_id = ?1 AND outcome = 'activated' AND at >= ?2 AND at <= ?3",
        params![id, from, to],
        |row| row.get(0),
    )?;
    Ok(usize::try_from(count).unwrap_or_default())
}
