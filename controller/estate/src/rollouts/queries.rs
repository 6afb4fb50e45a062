//! SQL of rollouts.

use super::{Rollout, RolloutId, Stage};
use bo_db::{DbError, Row, Tx, params};
use bo_model::{EdgeId, WorkspaceId};

const COLUMNS: &str = "id, workspace, title, rings, contents, watch_seconds, state, ring, ring_at, published, unwell, why, made_by, made_at, approved_by, approved_at";

fn row(row: &Row<'_>) -> Result<Rollout, DbError> {
    Ok(Rollout {
        id: row.get(0)?,
        workspace: row.get(1)?,
        title: row.get(2)?,
        rings: row.json(3)?,
        contents: row.json(4)?,
        watch_seconds: row.get(5)?,
        state: Stage::parse(row.str(6)?),
        ring: usize::try_from(row.get::<i64>(7)?).unwrap_or_default(),
        ring_at: row.get(8)?,
        published: row.json(9)?,
        unwell: row.json(10)?,
        why: row.get(11)?,
        made_by: row.get(12)?,
        made_at: row.get(13)?,
        approved_by: row.get(14)?,
        approved_at: row.get(15)?,
    })
}

/// One rollout.
pub fn find(tx: &mut Tx, id: RolloutId) -> Result<Option<Rollout>, DbError> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM rollout WHERE id = ?1"), params![id], row)
}

/// The rollouts of a workspace, newest first.
pub fn list(tx: &mut Tx, workspace: WorkspaceId, limit: usize) -> Result<Vec<Rollout>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM rollout WHERE workspace = ?1 ORDER BY made_at DESC, id DESC LIMIT ?2");
    tx.query(&sql, params![workspace, limit], row)
}

/// Those that go on by themselves, in all workspaces.
pub fn running(tx: &mut Tx) -> Result<Vec<Rollout>, DbError> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM rollout WHERE state = 'running' ORDER BY made_at"),
        params![],
        row,
    )
}

/// Notes in rollouts under way that a gateway's release was followed by one with the same configuration and other people: what
/// the gateway runs then is still what was rolled out.
pub fn repeated(tx: &mut Tx, edge: EdgeId, before: &str, after: &str) -> Result<(), DbError> {
    let under_way = format!("SELECT {COLUMNS} FROM rollout WHERE state IN ('running', 'paused')");
    for mut rollout in tx.query(&under_way, params![], row)? {
        if let Some(published) = rollout.published.get_mut(&edge).filter(|held| held.hash == before) {
            published.hash = after.to_owned();
            save(tx, &rollout)?;
        }
    }
    Ok(())
}

/// Writes a rollout, new or changed.
pub fn save(tx: &mut Tx, rollout: &Rollout) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO rollout (id, workspace, title, rings, contents, watch_seconds, state, ring, ring_at, published, unwell,
           why, made_by, made_at, approved_by, approved_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, ring = excluded.ring, ring_at = excluded.ring_at,
           published = excluded.published, unwell = excluded.unwell, why = excluded.why,
           approved_by = excluded.approved_by, approved_at = excluded.approved_at",
        params![
            rollout.id,
            rollout.workspace,
            &rollout.title,
            crate::json(&rollout.rings),
            crate::json(&rollout.contents),
            rollout.watch_seconds,
            rollout.state.word(),
            rollout.ring,
            rollout.ring_at,
            crate::json(&rollout.published),
            crate::json(&rollout.unwell),
            &rollout.why,
            &rollout.made_by,
            rollout.made_at,
            rollout.approved_by.as_ref(),
            rollout.approved_at
        ],
    )?;
    Ok(())
}
