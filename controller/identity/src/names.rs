//! Names of what the permission graph speaks about, for people.

use crate::account;
use crate::area;
use crate::group;
use crate::relation::role_parts;
use crate::token::level_of;
use bo_db::{DbError, Part, Tx};
use bo_model::{AccountId, GroupId, Level, Object, WorkspaceId};
use bo_web::Viewer;

/// Names of objects that other parts own, as far as somebody may know of them.
#[derive(Clone, Copy)]
pub struct Others<'a> {
    /// Who is told.
    pub viewer: &'a Viewer,
    /// Who else has names.
    pub parts: &'a [Part],
}

impl Others<'_> {
    fn of(&self, tx: &mut Tx, workspace: WorkspaceId, object: &Object) -> Result<Option<String>, DbError> {
        for part in self.parts {
            if let Some(name) = (part.name)(tx, workspace, object)? {
                let sees = level_of(tx, self.viewer, object)? >= Level::See;
                return Ok(Some(if sees { name } else { "something you may not see".into() }));
            }
        }
        Ok(None)
    }
}

/// The name of an object of a workspace, as the rest of a sentence; `None` for what is not of it, or has none.
///
/// # Errors
/// When the database fails.
pub fn of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    object: &Object,
    others: Others<'_>,
) -> Result<Option<String>, DbError> {
    Ok(match object.kind() {
        "everyone" => Some("Everyone".into()),
        "account" => match object.id().parse::<AccountId>() {
            Ok(id) => account::find_member(tx, workspace, id)?.map(|account| account.name),
            Err(_) => None,
        },
        "group" => match object.id().parse::<GroupId>() {
            Ok(id) => group::find(tx, workspace, id)?.map(|group| format!("group {}", group.name)),
            Err(_) => None,
        },
        "area" | "module" => {
            let word = if object.kind() == "area" { "area" } else { "module" };
            let found = area::objects(workspace).into_iter().find(|(known, _)| known == object);
            found.map(|(_, area)| format!("the {word} {}", area.title))
        }
        "workspace" => Some("the workspace".into()),
        "role" => match role_parts(object) {
            Some((role, scope)) => {
                let scope = of(tx, workspace, &scope, others)?.unwrap_or_else(|| scope.to_string());
                Some(format!("the role {role} in {scope}"))
            }
            None => None,
        },
        _ => others.of(tx, workspace, object)?,
    })
}

/// The name, or what is stored where there is none.
///
/// # Errors
/// When the database fails.
pub fn or_plain(
    tx: &mut Tx,
    workspace: WorkspaceId,
    object: &Object,
    others: Others<'_>,
) -> Result<String, DbError> {
    Ok(of(tx, workspace, object, others)?.unwrap_or_else(|| object.to_string()))
}
