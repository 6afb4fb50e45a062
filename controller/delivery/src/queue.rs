//! The table of messages: queued, claimed, ended, looked at.

use crate::error::DeliveryError;
use crate::message::New;
use bo_db::{DbError, Row, SealedColumn, Tx, params};
use bo_model::{Object, Time, WorkspaceId};
use serde::Serialize;
use std::time::Duration;

/// The first pause after a failure; each is four times the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4 * 3600);
/// A claimed message that was neither sent nor given back in this time is free again: its process died.
const CLAIM: Duration = Duration::from_secs(120);

/// What messages say.
pub(crate) const MESSAGES: SealedColumn =
    SealedColumn { table: "delivery", key: "CAST(id AS TEXT)", column: "message", place: "delivery" };

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Is sent when its time comes.
    Waiting,
    /// The other side took it.
    Sent,
    /// Given up.
    Failed,
}

impl State {
    /// Its word in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Sent => "sent",
            State::Failed => "failed",
        }
    }

    fn parse(word: &str) -> State {
        match word {
            "sent" => State::Sent,
            "failed" => State::Failed,
            _ => State::Waiting,
        }
    }
}

/// A message as people see it: without its content.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// `mail`, `webhook`, `mqtt`.
    pub channel: String,
    /// Who gets it.
    pub target: String,
    /// What it is about, in a line.
    pub subject: String,
    /// The object it is about.
    pub about: Option<Object>,
    /// What became of it.
    pub state: State,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, while it waits.
    pub next_at: Option<Time>,
    /// Why the last attempt failed.
    pub error: String,
    /// When it was queued.
    pub created_at: Time,
    /// When it was sent or given up.
    pub ended_at: Option<Time>,
    /// What it goes through.
    pub via: Option<Object>,
    /// Whether it may be tried once more: it was given up, and is still worth sending.
    pub can_retry: bool,
}

/// Which messages are looked for; what is not named does not matter.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What became of them.
    pub state: Option<State>,
    /// What they are about.
    pub about: Option<Object>,
    /// What they go through.
    pub via: Option<Object>,
    /// Words of the receiver or the subject, as a lower-case `LIKE` pattern with `!` in front of what is meant literally.
    pub like: Option<String>,
}

const COLUMNS: &str =
    "id, channel, target, subject, about, state, attempts, next_at, error, created_at, ended_at, via,
     CASE WHEN state = 'failed' AND message <> '' AND expires_at > ?1 THEN 1 ELSE 0 END";

fn row(row: &Row<'_>) -> Result<Delivery, DbError> {
    let state = State::parse(row.str(5)?);
    Ok(Delivery {
        id: row.get(0)?,
        channel: row.get(1)?,
        target: row.get(2)?,
        subject: row.get(3)?,
        about: Object::parse(row.str(4)?),
        state,
        attempts: row.get(6)?,
        next_at: if state == State::Waiting { Some(row.get(7)?) } else { None },
        error: row.get(8)?,
        created_at: row.get(9)?,
        ended_at: row.get(10)?,
        via: Object::parse(row.str(11)?),
        can_retry: row.get(12)?,
    })
}

/// Queues a message; it is sent after the commit.
///
/// # Errors
/// When the database fails.
pub fn queue(tx: &mut Tx, new: &New) -> Result<i64, DbError> {
    let now = tx.now();
    let first = new.not_before.unwrap_or(now).max(now);
    let text = serde_json::to_string(&new.message)
        .map_err(|source| DbError::Json { what: "a message to send", source })?;
    // It may hold a link that lets somebody in, or the key it is signed with.
    let text = MESSAGES.seal(tx, "", &text)?;
    let about = new.about.as_ref().map_or("", Object::as_str);
    let line =
        |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect::<String>();
    tx.query_one(
        "INSERT INTO delivery (workspace, channel, target, subject, about, message, state, next_at, expires_at, created_at, via)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?8, ?9, ?10) RETURNING id",
        params![
            new.workspace,
            new.message.channel(),
            line(&new.message.target()),
            line(new.message.subject()),
            about,
            text,
            first,
            first.after(new.within),
            now,
            new.via.as_ref().map_or("", Object::as_str)
        ],
        |row| row.get(0),
    )
}

/// Messages of a workspace below a number, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    tx: &mut Tx,
    workspace: WorkspaceId,
    wanted: &Wanted,
    below: i64,
    limit: usize,
) -> Result<Vec<Delivery>, DbError> {
    let now = tx.now();
    let sql = format!(
        "SELECT {COLUMNS} FROM delivery WHERE workspace = ?2 AND id < ?3 AND (?4 = '' OR state = ?4)
         AND (?5 = '' OR about = ?5) AND (?6 = '' OR via = ?6)
         AND (?7 = '%' OR lower(target) LIKE ?7 ESCAPE '!' OR lower(subject) LIKE ?7 ESCAPE '!')
         ORDER BY id DESC LIMIT ?8"
    );
    let word = |object: &Option<Object>| object.as_ref().map_or(String::new(), |it| it.as_str().to_owned());
    let values = params![
        now,
        workspace,
        below,
        wanted.state.map_or("", State::word),
        word(&wanted.about),
        word(&wanted.via),
        wanted.like.as_deref().unwrap_or("%"),
        limit
    ];
    tx.query(&sql, values, row)
}

/// The newest message through each channel of a workspace.
///
/// # Errors
/// When the database fails.
pub fn latest(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Delivery>, DbError> {
    let now = tx.now();
    let sql = format!(
        "SELECT {COLUMNS} FROM delivery WHERE id IN
         (SELECT MAX(id) FROM delivery WHERE workspace = ?2 AND via <> '' GROUP BY via)"
    );
    tx.query(&sql, params![now, workspace], row)
}

/// One message.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, workspace: WorkspaceId, id: i64) -> Result<Option<Delivery>, DbError> {
    let now = tx.now();
    tx.query_opt(
        &format!("SELECT {COLUMNS} FROM delivery WHERE workspace = ?2 AND id = ?3"),
        params![now, workspace, id],
        row,
    )
}

/// Tries a message that was given up once more; false when there is none, or nothing is left of it to send.
///
/// # Errors
/// When the database fails.
pub fn retry(tx: &mut Tx, workspace: WorkspaceId, id: i64) -> Result<bool, DbError> {
    let now = tx.now();
    let changed = tx.execute(
        "UPDATE delivery SET state = 'waiting', next_at = ?3, ended_at = NULL
         WHERE workspace = ?1 AND id = ?2 AND state = 'failed' AND message <> '' AND expires_at > ?3",
        params![workspace, id, now],
    )?;
    Ok(changed == 1)
}

/// Forgets messages that ended before then, and the content of those that can't be tried again.
///
/// # Errors
/// When the database fails.
pub fn prune(tx: &mut Tx, ended_before: Time) -> Result<usize, DbError> {
    let now = tx.now();
    tx.execute(
        "UPDATE delivery SET message = '' WHERE ended_at IS NOT NULL AND message <> '' AND expires_at <= ?1",
        params![now],
    )?;
    let gone = tx.execute("DELETE FROM delivery WHERE ended_at < ?1", params![ended_before])?;
    Ok(gone)
}

/// A message this process may send now.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub id: i64,
    pub message: String,
    pub attempts: i64,
    pub expires_at: Time,
}

/// When the next message is due; for waiting without asking the writer.
pub(crate) fn is_due(tx: &mut Tx) -> Result<bool, DbError> {
    let now = tx.now();
    let sql = "SELECT 1 FROM delivery WHERE state = 'waiting' AND next_at <= ?1 LIMIT 1";
    Ok(tx.query_opt(sql, params![now], |_| Ok(()))?.is_some())
}

/// Takes what is due; nobody else sends it meanwhile.
pub(crate) fn claim(tx: &mut Tx, limit: usize) -> Result<Vec<Claimed>, DbError> {
    let (now, vault) = (tx.now(), tx.vault()?);
    let due = tx.query(
        "SELECT id, message, attempts, expires_at FROM delivery WHERE state = 'waiting' AND next_at <= ?1
         ORDER BY next_at LIMIT ?2",
        params![now, limit],
        |row| {
            Ok(Claimed {
                id: row.get(0)?,
                // One that can't be opened must not keep the others: it fails when it is read.
                message: MESSAGES.open(&vault, "", row.str(1)?).unwrap_or_default(),
                attempts: row.get::<i64>(2)? + 1,
                expires_at: row.get(3)?,
            })
        },
    )?;
    for claimed in &due {
        tx.execute(
            "UPDATE delivery SET next_at = ?2, attempts = ?3 WHERE id = ?1",
            params![claimed.id, now.after(CLAIM), claimed.attempts],
        )?;
    }
    Ok(due)
}

/// Notes how an attempt ended.
pub(crate) fn note(
    tx: &mut Tx,
    claimed: &Claimed,
    outcome: Result<(), &DeliveryError>,
) -> Result<State, DbError> {
    let now = tx.now();
    let Err(error) = outcome else {
        tx.execute(
            "UPDATE delivery SET state = 'sent', ended_at = ?2, error = '', message = '' WHERE id = ?1",
            params![claimed.id, now],
        )?;
        return Ok(State::Sent);
    };
    let next = now.after(pause(claimed.attempts));
    let over = error.is_permanent() || next >= claimed.expires_at;
    let text: String = error.to_string().chars().take(500).collect();
    if over {
        tx.execute(
            "UPDATE delivery SET state = 'failed', ended_at = ?2, error = ?3 WHERE id = ?1",
            params![claimed.id, now, text],
        )?;
        return Ok(State::Failed);
    }
    tx.execute(
        "UPDATE delivery SET next_at = ?2, error = ?3 WHERE id = ?1",
        params![claimed.id, next, text],
    )?;
    Ok(State::Waiting)
}

/// The pause after so many attempts.
fn pause(attempts: i64) -> Duration {
    let grown = (1..attempts.clamp(1, 10)).fold(FIRST_PAUSE, |pause, _| pause * 4);
    grown.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_hours() {
        let seconds: Vec<u64> = (1..8).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [30, 120, 480, 1920, 7680, 14400, 14400]);
        assert_eq!(pause(i64::MAX), LONGEST_PAUSE);
    }
}
