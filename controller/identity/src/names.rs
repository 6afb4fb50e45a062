//! Names of what the permission graph speaks about, for people.

use crate::account;
use crate::area;
use crate::group;
use crate::relation::role_parts;
use bo_db::{DbError, Tx};
use bo_model::{AccountId, GroupId, Object, WorkspaceId};

/// Names of objects that other modules own: zones, systems, devices.
pub type NameOf = fn(&mut Tx, WorkspaceId, &Object) -> Result<Option<String>, DbError>;

/// Nobody else has names.
pub fn nobody(_: &mut Tx, _: WorkspaceId, _: &Object) -> Result<Option<String>, DbError> {
    Ok(None)
}

/// The name of an object of a workspace, as the rest of a sentence; `None` for what is not of it, or has none.
///
/// # Errors
/// When the database fails.
pub fn of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    object: &Object,
    others: NameOf,
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
        _ => others(tx, workspace, object)?,
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
    others: NameOf,
) -> Result<String, DbError> {
    Ok(of(tx, workspace, object, others)?.unwrap_or_else(|| object.to_string()))
}
