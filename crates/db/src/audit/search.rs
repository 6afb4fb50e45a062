//! Looking records up: newest first, page by page.

use super::event::Record;
use crate::error::DbError;
use crate::param::Param;
use crate::tx::Tx;
use bo_model::{Object, Time, WorkspaceId};
use serde::Serialize;

/// Which records. Everything that is set must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this workspace; records that belong to none (the installation's own) are left out then.
    pub workspace: Option<WorkspaceId>,
    /// `account:0190…`, as [`super::event::actor_key`] writes it.
    pub actor: Option<String>,
    /// The verb, or its first part: `session` finds `session.open`.
    pub verb: Option<String>,
    /// The object.
    pub object: Option<Object>,
    /// `done`, `denied` or `failed`.
    pub outcome: Option<String>,
    /// Recorded from then on.
    pub from: Option<Time>,
    /// Recorded before then.
    pub to: Option<Time>,
    /// Anywhere in the record.
    pub text: Option<String>,
    /// Numbers below this: the next page begins below the last number of this one.
    pub below: Option<u64>,
}

/// Records that fit, newest first.
///
/// # Errors
/// When the database can't be read.
pub fn search(tx: &mut Tx, filter: &Filter, limit: usize) -> Result<Vec<Record>, DbError> {
    let mut conditions: Vec<String> = Vec::new();
    let mut values: Vec<Param<'_>> = Vec::new();
    let mut add = |condition: &str, value: Param<'static>| {
        values.push(value);
        conditions.push(condition.replace("?", &format!("?{}", values.len())));
    };
    if let Some(workspace) = filter.workspace {
        add("workspace = ?", workspace.into());
    }
    if let Some(actor) = &filter.actor {
        add("actor = ?", actor.clone().into());
    }
    if let Some(verb) = &filter.verb {
        let exact = verb.contains('.');
        add("verb LIKE ? ESCAPE '!'", format!("{}{}", literal(verb), if exact { "" } else { ".%" }).into());
    }
    if let Some(object) = &filter.object {
        add("object = ?", object.clone().into());
    }
    if let Some(outcome) = &filter.outcome {
        add("outcome = ?", outcome.clone().into());
    }
    if let Some(from) = filter.from {
        add("at >= ?", from.into());
    }
    if let Some(to) = filter.to {
        add("at < ?", to.into());
    }
    if let Some(text) = filter.text.as_ref().filter(|text| !text.is_empty()) {
        add("lower(body) LIKE ? ESCAPE '!'", format!("%{}%", literal(&text.to_lowercase())).into());
    }
    if let Some(below) = filter.below {
        add("seq < ?", below.into());
    }
    let condition = if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") };
    values.push(limit.into());
    let sql =
        format!("SELECT body FROM audit_record WHERE {condition} ORDER BY seq DESC LIMIT ?{}", values.len());
    tx.query(&sql, &values, |row| row.json(0))
}

fn literal(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// One record.
///
/// # Errors
/// When the database can't be read.
pub fn find(tx: &mut Tx, seq: u64) -> Result<Option<Record>, DbError> {
    tx.query_opt("SELECT body FROM audit_record WHERE seq = ?1", &[seq.into()], |row| row.json(0))
}

/// How far the log reaches, and how far it is signed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Records.
    pub records: u64,
    /// How many of them the newest checkpoint signs.
    pub signed: u64,
    /// When it was signed.
    pub signed_at: Option<Time>,
    /// The newest checkpoint, as a signed note: keep it elsewhere, and a later verification can start from it.
    pub checkpoint: Option<String>,
}

/// The state of the log.
///
/// # Errors
/// When the database can't be read.
pub fn status(tx: &mut Tx) -> Result<Status, DbError> {
    let records = super::append::head(tx)?.frontier.size();
    let newest =
        tx.query_opt("SELECT size, at, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[], |row| {
            Ok((row.get::<u64>(0)?, row.get::<Time>(1)?, row.get::<String>(2)?))
        })?;
    Ok(match newest {
        Some((signed, at, note)) => Status { records, signed, signed_at: Some(at), checkpoint: Some(note) },
        None => Status { records, signed: 0, signed_at: None, checkpoint: None },
    })
}
