//! Names of the estate's things for explanations of permission: `device Main meter in Plant room`.

use bo_db::{DbError, Tx, params};
use bo_model::{Object, WorkspaceId};

/// The name of a zone, system, device, gateway or trigger of a workspace, as the rest of a sentence.
///
/// # Errors
/// When the database fails.
pub fn name_of(tx: &mut Tx, workspace: WorkspaceId, object: &Object) -> Result<Option<String>, DbError> {
    let (sql, word) = match object.kind() {
        "zone" => ("SELECT name FROM zone WHERE id = ?1 AND workspace = ?2", "the zone"),
        "system" => ("SELECT name FROM system WHERE id = ?1 AND workspace = ?2", "the system"),
        "device" => (
            "SELECT d.name || ' in ' || s.name FROM device d JOIN system s ON s.id = d.system
             WHERE d.id = ?1 AND d.workspace = ?2",
            "the device",
        ),
        "edge" => ("SELECT name FROM edge WHERE id = ?1 AND workspace = ?2", "the gateway"),
        "trigger" => (
            "SELECT d.title FROM trigger_instance t
             JOIN trigger_definition d ON d.workspace = t.workspace AND d.name = t.name
             WHERE t.id = ?1 AND t.workspace = ?2",
            "the trigger",
        ),
        _ => return Ok(None),
    };
    let name: Option<String> = tx.query_opt(sql, params![object.id(), workspace], |row| row.get(0))?;
    Ok(name.map(|name| format!("{word} {name}")))
}
