//! Groups: named sets of members, made by people or built in.

use crate::delegate;
use crate::error::IdentityError;
use crate::relation;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, GroupId, Kind, Object, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;

/// A group as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// For people.
    pub name: String,
    /// `everyone`, `team`, `admin`, `webmaster`, or empty.
    pub builtin: String,
    /// One sentence.
    pub about: String,
    /// People put into it directly.
    pub members: i64,
}

const COLUMNS: &str = "g.id, g.name, g.builtin, g.about,
  (SELECT COUNT(*) FROM relation r WHERE r.object = 'group:' || g.id AND r.kind = 'member' AND r.leaf = 1)";

fn read(row: &bo_db::Row<'_>) -> Result<Group, DbError> {
    Ok(Group {
        id: row.get(0)?,
        name: row.get(1)?,
        builtin: row.get(2)?,
        about: row.get(3)?,
        members: row.get(4)?,
    })
}

/// All groups of a workspace, built-in ones first.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Group>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM grp g WHERE g.workspace = ?1
         ORDER BY CASE WHEN g.builtin = '' THEN 1 ELSE 0 END, lower(g.name), g.id LIMIT 1000"
    );
    tx.query(&sql, params![workspace], read)
}

/// One group of a workspace.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, workspace: WorkspaceId, id: GroupId) -> Result<Option<Group>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM grp g WHERE g.workspace = ?1 AND g.id = ?2");
    tx.query_opt(&sql, params![workspace, id], read)
}

/// People put into a group directly.
///
/// # Errors
/// When the database fails.
pub fn members(tx: &mut Tx, id: GroupId) -> Result<Vec<(AccountId, String)>, DbError> {
    tx.query(
        "SELECT a.id, a.name FROM relation r JOIN account a ON r.subject = 'account:' || a.id
         WHERE r.object = ?1 AND r.kind = 'member' ORDER BY lower(a.name), a.id LIMIT 1000",
        params![Object::new(Kind::GROUP, id)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

fn check(name: &str, about: &str) -> Result<(), IdentityError> {
    let mut errors = Vec::new();
    if name.is_empty() || name.chars().count() > 80 {
        errors.push(("name".to_owned(), "is required, at most 80 characters".to_owned()));
    }
    if about.chars().count() > 300 {
        errors.push(("about".to_owned(), "must be at most 300 characters".to_owned()));
    }
    if errors.is_empty() { Ok(()) } else { Err(IdentityError::BadInput(errors)) }
}

fn free_name(tx: &mut Tx, workspace: WorkspaceId, name: &str, id: GroupId) -> Result<(), IdentityError> {
    let sql = "SELECT 1 FROM grp WHERE workspace = ?1 AND lower(name) = lower(?2) AND id <> ?3";
    match tx.query_opt(sql, params![workspace, name, id], |_| Ok(()))? {
        None => Ok(()),
        Some(()) => {
            Err(IdentityError::BadInput(vec![("name".into(), "is the name of another group".into())]))
        }
    }
}

/// Makes a group. It gives nothing until it is granted something.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn create(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: GroupId,
    name: &str,
    about: &str,
) -> Result<(), IdentityError> {
    let (name, about, now) = (name.trim(), about.trim(), tx.now());
    check(name, about)?;
    free_name(tx, workspace, name, id)?;
    tx.execute(
        "INSERT INTO grp (id, workspace, name, builtin, about, created_at) VALUES (?1, ?2, ?3, '', ?4, ?5)",
        params![id, workspace, name, about, now],
    )?;
    let event = Event::new("group.create", Object::new(Kind::GROUP, id)).name(name);
    tx.audit(event.after(json!({"name": name, "about": about})));
    Ok(())
}

/// Renames a group. Built-in ones too: they are known by their word.
///
/// # Errors
/// [`IdentityError::BadInput`], [`IdentityError::NotFound`].
pub fn update(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: GroupId,
    name: &str,
    about: &str,
) -> Result<(), IdentityError> {
    let before = find(tx, workspace, id)?.ok_or(IdentityError::NotFound)?;
    let (name, about) = (name.trim(), about.trim());
    check(name, about)?;
    free_name(tx, workspace, name, id)?;
    tx.execute("UPDATE grp SET name = ?2, about = ?3 WHERE id = ?1", params![id, name, about])?;
    let event = Event::new("group.update", Object::new(Kind::GROUP, id)).name(name);
    tx.audit(
        event.change(
            json!({"name": before.name, "about": before.about}),
            json!({"name": name, "about": about}),
        ),
    );
    Ok(())
}

/// Removes a group with everything it gave. Built-in ones stay.
///
/// # Errors
/// [`IdentityError::NotFound`], [`IdentityError::NotAllowed`].
pub fn remove(tx: &mut Tx, viewer: &Viewer, id: GroupId) -> Result<(), IdentityError> {
    let group = find(tx, viewer.workspace, id)?.ok_or(IdentityError::NotFound)?;
    if !group.builtin.is_empty() {
        return Err(IdentityError::NotAllowed("Built-in groups stay.".into()));
    }
    let object = Object::new(Kind::GROUP, id);
    delegate::assign(tx, viewer, &object)?;
    relation::forget(tx, &object)?;
    tx.execute("DELETE FROM grp WHERE id = ?1", params![id])?;
    delegate::keep_an_owner(tx, viewer.workspace, &group.name)?;
    tx.audit(
        Event::new("group.remove", object)
            .name(&group.name)
            .before(json!({"name": group.name, "members": group.members})),
    );
    Ok(())
}

/// Makes a group one of those that exclude each other: of the groups of a workspace with the same word somebody is in one only.
/// An empty word takes that back.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn set_one_of(tx: &mut Tx, workspace: WorkspaceId, id: GroupId, word: &str) -> Result<(), IdentityError> {
    let group = find(tx, workspace, id)?.ok_or(IdentityError::NotFound)?;
    tx.execute("UPDATE grp SET one_of = ?2 WHERE id = ?1", params![id, word])?;
    let event = Event::new("group.one-of", Object::new(Kind::GROUP, id)).name(group.name);
    tx.audit(event.after(json!({"one_of": word})));
    Ok(())
}

/// Refuses when somebody, or a group, is in two groups that exclude each other, directly or by others. Called after the change,
/// inside its transaction.
///
/// # Errors
/// [`IdentityError::NotAllowed`] naming both.
pub fn only_one(tx: &mut Tx, subject: &Object) -> Result<(), IdentityError> {
    let sql = "WITH RECURSIVE up (node) AS (
        SELECT object FROM relation WHERE subject = ?1 AND kind = 'member' UNION
        SELECT r.object FROM up u CROSS JOIN relation r WHERE r.subject = u.node AND r.kind = 'member')
        SELECT g.workspace, g.one_of, g.name FROM up JOIN grp g ON up.node = 'group:' || g.id
        WHERE g.one_of <> '' ORDER BY g.workspace, g.one_of, lower(g.name)";
    let found = tx.query(sql, params![subject], |row| {
        Ok(((row.get::<WorkspaceId>(0)?, row.get::<String>(1)?), row.get::<String>(2)?))
    })?;
    match found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            let text =
                format!("Nobody can be in “{}” and “{}” at the same time: choose one.", pair[0].1, pair[1].1);
            Err(IdentityError::NotAllowed(text))
        }
    }
}
