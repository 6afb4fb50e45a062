//! SQL of releases.

use super::diff::Diff;
use bo_db::{DbError, Row, SealedColumn, Tx, Vault, params};
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
    /// Hash of the release whose configuration it repeats: it was made because permissions changed.
    pub repeats: Option<String>,
}

/// What a release changed against the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Summary {
    /// New, gone, different.
    pub diff: Diff,
    /// Left out, and why.
    pub faults: Vec<String>,
}

/// What releases hold. The gateway gets it opened, over its own encrypted connection.
pub const SITES: SealedColumn =
    SealedColumn { table: "edge_release", key: "hash", column: "site", place: "release:" };

/// Releases that brought nothing but people, kept per gateway.
const ACCESS_KEPT: u64 = 20;

const SIGNED: &str = "number, compiled_at, site, hash, signature";

fn signed(row: &Row<'_>, vault: &Vault) -> Result<SignedRelease, DbError> {
    let hash: String = row.get(3)?;
    Ok(SignedRelease {
        number: row.get(0)?,
        compiled_at: row.get(1)?,
        site: SITES.open(vault, &hash, row.str(2)?)?,
        hash,
        signature: row.get(4)?,
    })
}

/// The newest release of an edge.
pub fn latest(tx: &mut Tx, edge: EdgeId) -> Result<Option<SignedRelease>, DbError> {
    Ok(newest(tx, edge, 1)?.pop())
}

/// Hash of the newest release of an edge.
pub fn newest_hash(tx: &mut Tx, edge: EdgeId) -> Result<Option<String>, DbError> {
    tx.query_opt(
        "SELECT hash FROM edge_release WHERE edge = ?1 ORDER BY number DESC LIMIT 1",
        params![edge],
        |row| row.get(0),
    )
}

fn newest(tx: &mut Tx, edge: EdgeId, count: usize) -> Result<Vec<SignedRelease>, DbError> {
    let vault = tx.vault()?;
    let sql = format!("SELECT {SIGNED} FROM edge_release WHERE edge = ?1 ORDER BY number DESC LIMIT ?2");
    tx.query(&sql, params![edge, count], |row| signed(row, &vault))
}

/// The release of an edge that has the configuration of that number: itself, or the nearest before when it brought nothing but
/// people and was forgotten since.
pub fn configured(tx: &mut Tx, edge: EdgeId, number: u64) -> Result<Option<SignedRelease>, DbError> {
    let sql = "SELECT number FROM edge_release WHERE edge = ?1 AND number <= ?2 ORDER BY number DESC LIMIT 1";
    let held = tx.query_opt(sql, params![edge, number], |row| row.get::<u64>(0))?;
    held.map_or(Ok(None), |held| find(tx, edge, held))
}

/// One release of an edge.
pub fn find(tx: &mut Tx, edge: EdgeId, number: u64) -> Result<Option<SignedRelease>, DbError> {
    let vault = tx.vault()?;
    let sql = format!("SELECT {SIGNED} FROM edge_release WHERE edge = ?1 AND number = ?2");
    tx.query_opt(&sql, params![edge, number], |row| signed(row, &vault))
}

/// The releases of an edge, newest first.
pub fn list(tx: &mut Tx, edge: EdgeId, before: u64, limit: usize) -> Result<Vec<ReleaseLine>, DbError> {
    tx.query(
        "SELECT number, hash, compiled_at, summary, repeats FROM edge_release WHERE edge = ?1 AND number < ?2
         ORDER BY number DESC LIMIT ?3",
        params![edge, before, limit],
        |row| {
            Ok(ReleaseLine {
                number: row.get(0)?,
                hash: row.get(1)?,
                compiled_at: row.get(2)?,
                summary: row.json(3)?,
                repeats: row.get(4)?,
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
    repeats: &Option<String>,
) -> Result<(), DbError> {
    let site = SITES.seal(tx, &release.hash, &release.site)?;
    tx.execute(
        "INSERT INTO edge_release (edge, number, workspace, hash, content, compiled_at, site, signature, summary, repeats)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            edge,
            release.number,
            workspace,
            &release.hash,
            content,
            release.compiled_at,
            site,
            &release.signature,
            crate::json(summary),
            repeats.as_ref()
        ],
    )?;
    Ok(())
}

/// Forgets releases that brought nothing but other people, but for the newest ones before `number`: each holds as much as a
/// whole configuration.
pub fn tidy(tx: &mut Tx, edge: EdgeId, number: u64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM edge_release WHERE edge = ?1 AND repeats IS NOT NULL AND number < ?2",
        params![edge, number.saturating_sub(ACCESS_KEPT)],
    )?;
    Ok(())
}

/// Whether any release of an edge names this driver package.
pub fn names_package(tx: &mut Tx, edge: EdgeId, hash: &str) -> Result<bool, DbError> {
    Ok(newest(tx, edge, 3)?.iter().any(|release| release.site.contains(hash)))
}
