//! SQL of edges, their certificates and one-time codes.

use super::{Edge, EdgeState};
use bo_db::{DbError, Row, Tx, params};
use bo_model::{EdgeId, Time, WorkspaceId};

const COLUMNS: &str = "id, workspace, key, name, zone, links, state, enrolled_at, revoked_at, shares";

fn row(row: &Row<'_>) -> Result<Edge, DbError> {
    Ok(Edge {
        id: row.get(0)?,
        workspace: row.get(1)?,
        key: row.get(2)?,
        name: row.get(3)?,
        zone: row.get(4)?,
        links: row.json(5)?,
        state: EdgeState::parse(row.str(6)?),
        enrolled_at: row.get(7)?,
        revoked_at: row.get(8)?,
        shares: row.json(9)?,
    })
}

/// All edges of all workspaces: for the registry.
pub fn all(tx: &mut Tx) -> Result<Vec<Edge>, DbError> {
    tx.query(&format!("SELECT {COLUMNS} FROM edge"), params![], row)
}

/// One edge by its id or, for the command line, its key.
pub fn find(tx: &mut Tx, id_or_key: &str) -> Result<Option<Edge>, DbError> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM edge WHERE id = ?1 OR key = ?1"), params![id_or_key], row)
}

/// Writes an edge's description, new or changed; its enrolment is not touched.
pub fn save(tx: &mut Tx, edge: &Edge) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO edge (id, workspace, key, name, zone, links, changed_at, shares) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, zone = excluded.zone, links = excluded.links,
           changed_at = excluded.changed_at, shares = excluded.shares",
        params![
            edge.id,
            edge.workspace,
            &edge.key,
            &edge.name,
            edge.zone,
            crate::json(&edge.links),
            now,
            crate::json(&edge.shares)
        ],
    )?;
    Ok(())
}

/// When each edge was last proved, and what it ran, as of the last checkpoint.
pub fn presence(tx: &mut Tx) -> Result<Vec<(EdgeId, Option<Time>, String, String)>, DbError> {
    tx.query("SELECT id, proved_at, agent, running FROM edge", params![], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })
}

/// Checkpoints an edge's presence.
pub fn save_presence(tx: &mut Tx, edge: EdgeId, at: Time, agent: &str, running: &str) -> Result<(), DbError> {
    tx.execute(
        "UPDATE edge SET proved_at = ?2, agent = ?3, running = ?4 WHERE id = ?1",
        params![edge, at, agent, running],
    )?;
    Ok(())
}

/// Adds a one-time code.
pub fn add_code(tx: &mut Tx, edge: &Edge, hash: &str, expires_at: Time) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO edge_code (hash, workspace, edge, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![hash, edge.workspace, edge.id, now, expires_at],
    )?;
    Ok(())
}

/// What is known of a code: its edge, workspace, expiry, and when it was used.
pub fn code(tx: &mut Tx, hash: &str) -> Result<Option<(EdgeId, WorkspaceId, Time, Option<Time>)>, DbError> {
    tx.query_opt(
        "SELECT edge, workspace, expires_at, used_at FROM edge_code WHERE hash = ?1",
        params![hash],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )
}

/// Uses a code up; false when somebody was faster.
pub fn use_code(tx: &mut Tx, hash: &str) -> Result<bool, DbError> {
    let now = tx.now();
    let used = tx.execute(
        "UPDATE edge_code SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL",
        params![hash, now],
    )?;
    Ok(used == 1)
}

/// Notes a certificate and that its edge is enrolled.
pub fn add_certificate(
    tx: &mut Tx,
    workspace: WorkspaceId,
    edge: EdgeId,
    serial: &str,
    expires_at: Time,
) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO edge_certificate (serial, workspace, edge, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![serial, workspace, edge, now, expires_at],
    )?;
    tx.execute(
        "UPDATE edge SET state = 'enrolled', enrolled_at = ?2, revoked_at = NULL WHERE id = ?1",
        params![edge, now],
    )?;
    Ok(())
}

/// Certificates that are not revoked: serial, edge, when they end.
pub fn certificates(tx: &mut Tx) -> Result<Vec<(String, EdgeId, Time)>, DbError> {
    tx.query(
        "SELECT serial, edge, expires_at FROM edge_certificate WHERE revoked_at IS NULL",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Issued to this edge, and good.
    Good,
    /// Refused since then.
    Revoked(Time),
    /// Not ours, or another edge's.
    Unknown,
}

/// How the certificate with this serial number stands. Without a number an external broker has looked at the certificate, and
/// the edge alone is asked about.
pub fn standing(tx: &mut Tx, edge: EdgeId, serial: &str) -> Result<Standing, DbError> {
    let revoked: Vec<Option<Time>> = tx.query(
        "SELECT revoked_at FROM edge_certificate WHERE edge = ?1 AND (serial = ?2 OR ?2 = '')",
        params![edge, serial],
        |row| row.get(0),
    )?;
    let latest = revoked.iter().flatten().max();
    Ok(match latest {
        _ if revoked.iter().any(Option::is_none) => Standing::Good,
        Some(at) => Standing::Revoked(*at),
        None => Standing::Unknown,
    })
}

/// Refuses all certificates an edge has.
pub fn revoke(tx: &mut Tx, edge: EdgeId) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "UPDATE edge_certificate SET revoked_at = ?2 WHERE edge = ?1 AND revoked_at IS NULL",
        params![edge, now],
    )?;
    tx.execute("UPDATE edge_code SET used_at = ?2 WHERE edge = ?1 AND used_at IS NULL", params![edge, now])?;
    tx.execute("UPDATE edge SET state = 'revoked', revoked_at = ?2 WHERE id = ?1", params![edge, now])?;
    Ok(())
}

/// Removes an edge with its certificates, codes, releases and marks. What it held is refused from then on.
pub fn remove(tx: &mut Tx, edge: EdgeId) -> Result<(), DbError> {
    for table in ["edge_certificate", "edge_code", "edge_release", "watermark", "gap"] {
        tx.execute(&format!("DELETE FROM {table} WHERE edge = ?1"), params![edge])?;
    }
    tx.execute("DELETE FROM edge WHERE id = ?1", params![edge])?;
    Ok(())
}
