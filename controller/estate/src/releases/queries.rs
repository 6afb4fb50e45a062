//! SQL of releases.

use super::diff::Diff;
use bo_db::{DbError, Row, Tx, params};
use bo_model::{EdgeId, Time, WorkspaceId};
use bo_wire::SignedRelease;
use serde::Serialize;

/// A release in lists: everything but the text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseLine {
    /// Counts up per edge.
    pub number: u64,
    /// What edges name it by.
    pub hash: String,
    /// When it was compiled.
    pub compiled_at: Time,
    /// What it changed, and what was left out.
    pub summary: Summary,
}

/// What a release changed against the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Summary {
    /// New, gone, different.
    pub diff: Diff,
    /// Left out, and why.
    pub faults: Vec<String>,
}

fn signed(row: &Row<'_>) -> Result<SignedRelease, DbError> {
    Ok(SignedRelease {
        number: row.get(0)?,
        compiled_at: row.get(1)?,
        site: row.get(2)?,
        hash: row.get(3)?,
        signature: row.get(4)?,
    })
}

/// The newest release of an edge.
pub fn latest(tx: &mut Tx, edge: EdgeId) -> Result<Option<SignedRelease>, DbError> {
    tx.query_opt(
        "SELECT number, compiled_at, site, hash, signature FROM edge_release WHERE edge = ?1
         ORDER BY number DESC LIMIT 1",
        params![edge],
        signed,
    )
}

/// One release of an edge.
pub fn find(tx: &mut Tx, edge: EdgeId, number: u64) -> Result<Option<SignedRelease>, DbError> {
    tx.query_opt(
        "SELECT number, compiled_at, site, hash, signature FROM edge_release WHERE edge = ?1 AND number = ?2",
        params![edge, number],
        signed,
    )
}

/// The releases of an edge, newest first.
pub fn list(tx: &mut Tx, edge: EdgeId, before: u64, limit: usize) -> Result<Vec<ReleaseLine>, DbError> {
    tx.query(
        "SELECT number, hash, compiled_at, summary FROM edge_release WHERE edge = ?1 AND number < ?2
         ORDER BY number DESC LIMIT ?3",
        params![edge, before, limit],
        |row| {
            Ok(ReleaseLine {
                number: row.get(0)?,
                hash: row.get(1)?,
                compiled_at: row.get(2)?,
                summary: row.json(3)?,
            })
        },
    )
}

/// Hash of the newest release of every edge.
pub fn newest_hashes(tx: &mut Tx) -> Result<Vec<(EdgeId, String)>, DbError> {
    tx.query(
        "SELECT edge, hash FROM edge_release r
         WHERE number = (SELECT max(number) FROM edge_release n WHERE n.edge = r.edge)",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Keeps a release.
pub fn insert(
    tx: &mut Tx,
    workspace: WorkspaceId,
    edge: EdgeId,
    release: &SignedRelease,
    content: &str,
    summary: &Summary,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO edge_release (edge, number, workspace, hash, content, compiled_at, site, signature, summary)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            edge,
            release.number,
            workspace,
            &release.hash,
            content,
            release.compiled_at,
            &release.site,
            &release.signature,
            crate::json(summary)
        ],
    )?;
    Ok(())
}

/// Whether any release of an edge names this driver package.
pub fn names_package(tx: &mut Tx, edge: EdgeId, hash: &str) -> Result<bool, DbError> {
    let releases = tx.query(
        "SELECT site FROM edge_release WHERE edge = ?1 ORDER BY number DESC LIMIT 3",
        params![edge],
        |row| row.get::<String>(0),
    )?;
    Ok(releases.iter().any(|site| site.contains(hash)))
}
