//! What people say about something. A comment may wait for a moderator; it can be hidden and shown again, and only its
//! author changes its words or takes it back.

use crate::{CommentId, ContentError};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, Time};
use serde::Serialize;
use serde_json::json;

/// A comment, in the audit log.
pub const COMMENT: Kind = Kind("comment");
/// Characters of a comment at most.
const LONGEST: usize = 10_000;

/// Whether others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for a moderator.
    Held,
    /// Everybody who sees the object sees it.
    Shown,
    /// A moderator took it out of sight.
    Hidden,
}

impl State {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            State::Held => "held",
            State::Shown => "shown",
            State::Hidden => "hidden",
        }
    }

    fn from_word(word: &str) -> State {
        match word {
            "shown" => State::Shown,
            "hidden" => State::Hidden,
            _ => State::Held,
        }
    }
}

/// Something said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// About what.
    pub object: Object,
    /// By whom.
    pub author: AccountId,
    /// Their name.
    pub author_name: String,
    /// When.
    pub at: Time,
    /// When its author last changed it.
    pub edited_at: Option<Time>,
    /// Who sees it.
    pub state: State,
    /// Markdown.
    pub body: String,
}

const COLUMNS: &str =
    "SELECT c.id, c.object, c.author, COALESCE(a.name, ''), c.at, c.edited_at, c.state, c.body
    FROM content_comment c LEFT JOIN account a ON a.id = c.author";

fn read(row: &bo_db::Row<'_>) -> Result<Comment, DbError> {
    Ok(Comment {
        id: row.get(0)?,
        object: row.get(1)?,
        author: row.get(2)?,
        author_name: row.get(3)?,
        at: row.get(4)?,
        edited_at: row.get(5)?,
        state: State::from_word(row.str(6)?),
        body: row.get(7)?,
    })
}

fn checked(body: &str) -> Result<&str, ContentError> {
    let body = body.trim();
    match body.chars().count() {
        0 => Err(ContentError::Field("body", "is required".into())),
        count if count > LONGEST => {
            Err(ContentError::Field("body", format!("must be at most {LONGEST} characters")))
        }
        _ => Ok(body),
    }
}

/// Says something about an object.
///
/// # Errors
/// [`ContentError::Field`] when it is empty or too long.
pub fn add(
    tx: &mut Tx,
    id: CommentId,
    object: &Object,
    author: AccountId,
    body: &str,
    state: State,
) -> Result<(), ContentError> {
    let (body, now) = (checked(body)?, tx.now());
    tx.execute(
        "INSERT INTO content_comment (id, object, author, at, state, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![id, object, author, now, state.word(), body],
    )?;
    let after = json!({"about": object.as_str(), "state": state.word(), "body": body});
    tx.audit(Event::new("comment.add", Object::new(COMMENT, id)).after(after));
    Ok(())
}

/// Changes the words of one's own comment.
///
/// # Errors
/// [`ContentError::NotFound`] when it is not one's own; [`ContentError::Field`] as [`add`].
pub fn edit(tx: &mut Tx, id: CommentId, author: AccountId, body: &str) -> Result<(), ContentError> {
    let (body, now) = (checked(body)?, tx.now());
    let before = find(tx, id)?.filter(|comment| comment.author == author).ok_or(ContentError::NotFound)?;
    tx.execute("UPDATE content_comment SET body = ?2, edited_at = ?3 WHERE id = ?1", params![id, body, now])?;
    let change = Event::new("comment.edit", Object::new(COMMENT, id));
    tx.audit(change.change(json!({"body": before.body}), json!({"body": body})));
    Ok(())
}

/// Removes one's own comment for ever.
///
/// # Errors
/// [`ContentError::NotFound`] when it is not one's own.
pub fn remove(tx: &mut Tx, id: CommentId, author: AccountId) -> Result<(), ContentError> {
    let before = find(tx, id)?.filter(|comment| comment.author == author).ok_or(ContentError::NotFound)?;
    tx.execute("DELETE FROM content_comment WHERE id = ?1", params![id])?;
    let gone = json!({"about": before.object.as_str(), "body": before.body});
    tx.audit(Event::new("comment.remove", Object::new(COMMENT, id)).before(gone));
    Ok(())
}

/// Shows, holds or hides a comment: a moderator's word.
///
/// # Errors
/// [`ContentError::NotFound`].
pub fn moderate(tx: &mut Tx, id: CommentId, state: State) -> Result<(), ContentError> {
    let before = find(tx, id)?.ok_or(ContentError::NotFound)?;
    tx.execute("UPDATE content_comment SET state = ?2 WHERE id = ?1", params![id, state.word()])?;
    let change = Event::new("comment.moderate", Object::new(COMMENT, id));
    tx.audit(change.change(json!({"state": before.state.word()}), json!({"state": state.word()})));
    Ok(())
}

/// One comment.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, id: CommentId) -> Result<Option<Comment>, DbError> {
    tx.query_opt(&format!("{COLUMNS} WHERE c.id = ?1"), params![id], read)
}

/// What was said about an object, oldest first: what is shown, one's own, and everything for a moderator.
///
/// # Errors
/// When the database fails.
pub fn list(
    tx: &mut Tx,
    object: &Object,
    viewer: Option<AccountId>,
    moderator: bool,
) -> Result<Vec<Comment>, DbError> {
    let sql = format!("{COLUMNS} WHERE c.object = ?1 ORDER BY c.at, c.id LIMIT 1000");
    let mut found = tx.query(&sql, params![object], read)?;
    found.retain(|comment| {
        moderator || comment.state == State::Shown || viewer.is_some_and(|viewer| viewer == comment.author)
    });
    Ok(found)
}
