//! The log as JSON lines, to keep elsewhere and to verify anywhere: one header, every record byte for byte as it is
//! stored, and the checkpoints.

use super::verify::{Line, Stored};
use crate::error::DbError;
use crate::params;
use crate::tx::Tx;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    format: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    checkpoint: String,
}

/// First line of an export.
const FORMAT: &str = "backoffice-audit/1";

/// Writes the whole log. Records first, in order, then the checkpoints.
///
/// # Errors
/// When the database can't be read or the output can't be written.
pub fn export(tx: &mut Tx, to: &mut dyn Write) -> Result<u64, ExportError> {
    let header = serde_json::to_string(&HeaderLine { format: FORMAT.into() }).map_err(ExportError::Json)?;
    writeln!(to, "{header}").map_err(ExportError::Write)?;
    let mut count = 0;
    let mut failed = None;
    for_each_stored(tx, |stored| {
        count += 1;
        if failed.is_none() {
            failed = writeln!(to, "{}", stored.body).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(ExportError::Write(error));
    }
    for checkpoint in checkpoints(tx)? {
        let line = serde_json::to_string(&CheckpointLine { checkpoint }).map_err(ExportError::Json)?;
        writeln!(to, "{line}").map_err(ExportError::Write)?;
    }
    to.flush().map_err(ExportError::Write)?;
    Ok(count)
}

/// Why an export was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The output.
    #[error("the export can't be written: {0}")]
    Write(#[source] std::io::Error),
    /// The input.
    #[error("the export can't be read: {0}")]
    Read(#[source] std::io::Error),
    /// A line.
    #[error("the export is not JSON lines: {0}")]
    Json(#[source] serde_json::Error),
    /// The first line is not this format's.
    #[error("this is not an audit export (its first line must name `{FORMAT}`)")]
    Format,
}

/// Reads an export into what [`super::verify::verify`] takes.
///
/// # Errors
/// When it can't be read or is not an export. What is wrong inside is the verification's to say.
pub fn read(from: impl BufRead) -> Result<(Vec<Line>, Vec<String>), ExportError> {
    let mut lines = from.lines();
    let header = lines.next().ok_or(ExportError::Format)?.map_err(ExportError::Read)?;
    let header: HeaderLine = serde_json::from_str(&header).map_err(|_| ExportError::Format)?;
    if header.format != FORMAT {
        return Err(ExportError::Format);
    }
    let (mut records, mut checkpoints) = (Vec::new(), Vec::new());
    for line in lines {
        let line = line.map_err(ExportError::Read)?;
        match serde_json::from_str::<CheckpointLine>(&line) {
            Ok(note) => checkpoints.push(note.checkpoint),
            Err(_) if line.trim().is_empty() => {}
            Err(_) => records.push(Line::exported(line)),
        }
    }
    Ok((records, checkpoints))
}

/// Reads a database into what [`super::verify::verify`] takes.
///
/// # Errors
/// When it can't be read.
pub fn stored(tx: &mut Tx) -> Result<(Vec<Line>, Vec<String>), DbError> {
    let mut records = Vec::new();
    for_each_stored(tx, |stored| records.push(Line::stored(stored)))?;
    Ok((records, checkpoints(tx)?))
}

fn for_each_stored(tx: &mut Tx, mut each: impl FnMut(Stored)) -> Result<(), DbError> {
    tx.for_each(
        "SELECT seq, at, workspace, actor, verb, object, outcome, body, leaf FROM audit_record ORDER BY seq",
        &[],
        |row| {
            each(Stored {
                seq: row.get(0)?,
                at: row.get(1)?,
                workspace: row.get(2)?,
                actor: row.get(3)?,
                verb: row.get(4)?,
                object: row.get(5)?,
                outcome: row.get(6)?,
                body: row.get(7)?,
                leaf: row.get(8)?,
            });
            Ok(())
        },
    )
}

fn checkpoints(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    tx.query("SELECT note FROM audit_checkpoint ORDER BY size", &[], |row| row.get(0))
}

/// One record with the proof that it is in the log that the newest checkpoint signs: what a third party needs to
/// believe this one record without seeing the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// The record's JSON, byte for byte.
    pub record: String,
    /// Its place.
    pub index: u64,
    /// Audit path, nearest first, hex.
    pub path: Vec<String>,
    /// The signed note whose root the path leads to.
    pub checkpoint: String,
}

/// Proof of one record; `None` when there is no such record, or none of the checkpoints covers it yet.
///
/// # Errors
/// When the database can't be read.
pub fn prove(tx: &mut Tx, seq: u64) -> Result<Option<Proof>, DbError> {
    let newest =
        tx.query_opt("SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[], |row| {
            Ok((row.get::<u64>(0)?, row.get::<String>(1)?))
        })?;
    let Some((size, checkpoint)) = newest.filter(|(size, _)| seq < *size) else { return Ok(None) };
    let record =
        tx.query_opt("SELECT body FROM audit_record WHERE seq = ?1", params![seq], |row| row.get(0))?;
    let Some(record) = record else { return Ok(None) };
    let leaves =
        tx.query("SELECT leaf FROM audit_record WHERE seq < ?1 ORDER BY seq", params![size], |row| {
            row.bytes(0)?.try_into().map_err(|_| DbError::Column {
                column: 0,
                found: "bytes",
                expected: "32 bytes",
            })
        })?;
    let path = super::merkle::inclusion_proof(&leaves, seq as usize).iter().map(hex::encode).collect();
    Ok(Some(Proof { record, index: seq, path, checkpoint }))
}
