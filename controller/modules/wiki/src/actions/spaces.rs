//! Spaces: made, changed, closed, removed.

use super::{Result, module};
use crate::error::WikiError;
use crate::model::{self, Space, SpaceId};
use crate::queries;
use bo_db::{DbError, Event, Tx, params};
use bo_identity::relation::{self, Containment};
use serde_json::json;

/// Makes a space. Whoever may use the wiki may use it; see [`restrict`].
pub fn create_space(tx: &mut Tx, space: &Space) -> Result<()> {
    check_name(tx, space)?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO wiki_space (id, workspace, name, about, comments, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![space.id, space.workspace, &space.name, &space.about, space.comments.word(), now],
    )?;
    relation::contain(tx, &module(space.workspace), &space.object(), Containment::Open)?;
    tx.audit(Event::new("wiki-space.create", space.object()).name(&space.name).after(facts(space)));
    Ok(())
}

/// Changes name, description and who may comment.
pub fn change_space(tx: &mut Tx, space: &Space) -> Result<()> {
    let before = queries::space(tx, space.id)?.ok_or(WikiError::NotFound)?;
    check_name(tx, space)?;
    tx.execute(
        "UPDATE wiki_space SET name = ?2, about = ?3, comments = ?4 WHERE id = ?1",
        params![space.id, &space.name, &space.about, space.comments.word()],
    )?;
    let event = Event::new("wiki-space.change", space.object()).name(&space.name);
    tx.audit(event.change(facts(&before), facts(space)));
    Ok(())
}

fn facts(space: &Space) -> serde_json::Value {
    json!({"name": space.name, "about": space.about, "comments": space.comments})
}

fn check_name(tx: &mut Tx, space: &Space) -> Result<()> {
    if space.name.is_empty() || space.name.chars().count() > 100 {
        return Err(WikiError::Field("name", "must have 1 to 100 characters".into()));
    }
    if space.about.chars().count() > 500 {
        return Err(WikiError::Field("about", "must be at most 500 characters".into()));
    }
    let wanted = model::label(&space.name);
    let taken = queries::spaces(tx, space.workspace)?;
    if taken.iter().any(|other| other.id != space.id && model::label(&other.name) == wanted) {
        return Err(WikiError::Field("name", "is the name of another space".into()));
    }
    Ok(())
}

/// Closes a space to all but its own guests and the wiki's owners, or opens it again to whoever may use the wiki.
pub fn restrict(tx: &mut Tx, space: SpaceId, restricted: bool) -> Result<()> {
    let space = queries::space(tx, space)?.ok_or(WikiError::NotFound)?;
    let how = if restricted { Containment::Gated } else { Containment::Open };
    relation::move_into(tx, &module(space.workspace), &space.object(), how)?;
    let event = Event::new("wiki-space.restrict", space.object()).name(space.name);
    tx.audit(event.after(json!({"restricted": restricted})));
    Ok(())
}

/// Whether a space is closed to those who have no access of their own.
pub fn is_restricted(tx: &mut Tx, space: &Space) -> std::result::Result<bool, DbError> {
    let rows = relation::to_object(tx, &space.object(), relation::RelationKind::Contain)?;
    Ok(rows.iter().any(|row| row.floor > bo_model::Level::None))
}

/// Removes an empty space.
pub fn remove_space(tx: &mut Tx, space: SpaceId) -> Result<()> {
    let space = queries::space(tx, space)?.ok_or(WikiError::NotFound)?;
    let left = tx.query_one("SELECT COUNT(*) FROM wiki_page WHERE space = ?1", params![space.id], |row| {
        row.get::<i64>(0)
    })?;
    if left > 0 {
        let text = format!(
            "The space still has {left} pages, those in the bin included. Remove them and empty the bin first."
        );
        return Err(WikiError::Conflict(text));
    }
    tx.execute("DELETE FROM wiki_space WHERE id = ?1", params![space.id])?;
    relation::forget(tx, &space.object())?;
    tx.audit(Event::new("wiki-space.remove", space.object()).name(&space.name).before(facts(&space)));
    Ok(())
}
