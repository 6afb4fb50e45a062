//! SQL of commands and their evidence.

use super::Command;
use bo_db::{DbError, Row, Tx, params};
use bo_model::command::Step;
use bo_model::{CommandId, Time, WorkspaceId};
use bo_web::ListQuery;

const COLUMNS: &str = "workspace, edge, request, stage, final, asked_at";

fn row(row: &Row<'_>) -> Result<Command, DbError> {
    Ok(Command {
        workspace: row.get(0)?,
        edge: row.get(1)?,
        request: row.json(2)?,
        stage: row.get(3)?,
        is_final: row.get(4)?,
        asked_at: row.get(5)?,
        steps: Vec::new(),
    })
}

/// One command with its evidence.
pub fn find(tx: &mut Tx, id: CommandId) -> Result<Option<Command>, DbError> {
    let Some(mut command) =
        tx.query_opt(&format!("SELECT {COLUMNS} FROM command WHERE id = ?1"), params![id], row)?
    else {
        return Ok(None);
    };
    command.steps = steps(tx, id)?;
    Ok(Some(command))
}

/// The evidence of a command, oldest first.
pub fn steps(tx: &mut Tx, id: CommandId) -> Result<Vec<Step>, DbError> {
    tx.query("SELECT step FROM command_step WHERE command = ?1 ORDER BY number", params![id], |row| {
        row.json(0)
    })
}

/// Keeps a command, unless it is known.
pub fn insert(tx: &mut Tx, command: &Command) -> Result<bool, DbError> {
    let request = &command.request;
    let inserted = tx.execute(
        "INSERT INTO command (id, workspace, edge, device, name, request, actor, stage, final, asked_at, deadline)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10) ON CONFLICT (id) DO NOTHING",
        params![
            request.id,
            command.workspace,
            command.edge,
            request.device,
            &request.command,
            crate::json(request),
            bo_db::audit::event::actor_key(&request.actor),
            &command.stage,
            command.asked_at,
            request.deadline
        ],
    )?;
    Ok(inserted == 1)
}

/// Adds a step unless that stage is there already. A final step closes the command; what comes after it is kept
/// as evidence and changes nothing.
pub fn add_step(tx: &mut Tx, workspace: WorkspaceId, step: &Step) -> Result<bool, DbError> {
    let known = steps(tx, step.command)?;
    if known.iter().any(|other| other.stage == step.stage) {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO command_step (command, number, workspace, at, step) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![step.command, known.len() + 1, workspace, step.at, crate::json(step)],
    )?;
    tx.execute(
        "UPDATE command SET stage = ?2, final = ?3 WHERE id = ?1 AND final = 0",
        params![step.command, step.stage.word(), step.stage.is_final()],
    )?;
    Ok(true)
}

/// Commands whose deadline passed before `at` and of which nothing final was heard.
pub fn overdue(tx: &mut Tx, at: Time) -> Result<Vec<Command>, DbError> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM command WHERE final = 0 AND deadline < ?1 LIMIT 200"),
        params![at],
        row,
    )
}

/// A page of commands of a workspace, without their evidence.
pub fn list(tx: &mut Tx, workspace: WorkspaceId, list: &ListQuery) -> Result<Vec<Command>, DbError> {
    let keyset = list.keyset("asked_at", "id", 5);
    let text = |name: &str| list.filter(name).unwrap_or("").to_owned();
    let sql = format!(
        "SELECT {COLUMNS} FROM command WHERE workspace = ?1 AND lower(name) LIKE ?2 ESCAPE '!'
         AND (?3 = '' OR device = ?3) AND (?4 = '' OR stage = ?4) AND {} {}",
        keyset.condition, keyset.order
    );
    let mut values =
        vec![bo_db::Param::from(workspace), list.like().into(), text("device").into(), text("stage").into()];
    values.extend(keyset.params);
    tx.query(&sql, &values, row)
}
