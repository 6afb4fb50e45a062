//! An event moves to another workspace: where it may go, and what that means for those who work on it.

use super::holdings::quantity;
use super::{Licence, cover, give_slot, slots_of, uncover};
use crate::error::IdentityError;
use crate::level::level;
use crate::relation::{self, Containment, RelationKind};
use crate::workspace::{self, Space};
use crate::{account, group};
use bo_db::{DbError, Event, Tx};
use bo_model::{AccountId, Level, Object, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;

/// A workspace somebody may move an event into.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Destination {
    /// Its id.
    pub id: WorkspaceId,
    /// For people.
    pub name: String,
    /// Whether it is their personal one: nobody else works on the event there.
    pub personal: bool,
    /// Slots it has for each event; an organisation with none can't take one.
    pub slots: i64,
}

/// What became of those who had a slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Moved {
    /// They have one there too, or a seat.
    pub kept: Vec<AccountId>,
    /// They are no members there: they no longer work on the event.
    pub released: Vec<AccountId>,
}

/// The workspaces somebody may move an event into from there: those in which they may make events.
///
/// # Errors
/// When the database fails.
pub fn destinations(tx: &mut Tx, viewer: &Viewer, from: WorkspaceId) -> Result<Vec<Destination>, DbError> {
    let mut found = Vec::new();
    for space in workspace::reached(tx, viewer)? {
        if space.id != from && may_make(tx, viewer, space.id)? {
            let slots = quantity(tx, space.id, Licence::EventPro)?;
            let Space { id, name, personal, .. } = space;
            found.push(Destination { id, name, personal, slots });
        }
    }
    Ok(found)
}

fn may_make(tx: &mut Tx, viewer: &Viewer, workspace: WorkspaceId) -> Result<bool, DbError> {
    let now = tx.now();
    Ok(level(tx, &viewer.subject(), &Object::module(workspace, "events"), now)? >= Level::Edit)
}

/// Moves an event into another workspace, in this transaction: it lies in `parent` from then on, under the licences that are
/// there, and nothing that people or groups of the old workspace alone were given on it stays. Whose tables have a
/// `workspace` changes those in the same transaction.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for whoever does not own the event or may not make one there, [`IdentityError::Exists`] when there
/// are not enough slots there.
pub fn relocate(
    tx: &mut Tx,
    viewer: &Viewer,
    event: &Object,
    (from, to): (WorkspaceId, WorkspaceId),
    (parent, how): (&Object, Containment),
) -> Result<Moved, IdentityError> {
    let now = tx.now();
    if level(tx, &viewer.subject(), event, now)? < Level::Own {
        return Err(IdentityError::NotAllowed("Only an owner of the event can move it.".into()));
    }
    if from == to || !destinations(tx, viewer, from)?.iter().any(|destination| destination.id == to) {
        return Err(IdentityError::NotAllowed("You may not make events in that workspace.".into()));
    }
    let holders = slots_of(tx, event)?;
    uncover(tx, from, event)?;
    relation::move_into(tx, parent, event, how)?;
    strip(tx, event, to)?;
    cover(tx, to, event)?;
    let personal = workspace::is_personal(tx, to)?;
    let mut moved = Moved::default();
    for holder in holders {
        if personal || account::find_member(tx, to, holder)?.is_none() {
            moved.released.push(holder);
        } else {
            give_slot(tx, to, event, holder)?;
            moved.kept.push(holder);
        }
    }
    let about = |workspace: WorkspaceId| json!({"workspace": workspace});
    tx.audit(Event::new("event.move", event.clone()).workspace(from).change(about(from), about(to)));
    tx.audit(Event::new("event.arrive", event.clone()).workspace(to).change(about(from), about(to)));
    Ok(moved)
}

/// Takes back what was given, on the event and all that lies in it, to accounts and groups that are not of the workspace.
fn strip(tx: &mut Tx, event: &Object, workspace: WorkspaceId) -> Result<(), IdentityError> {
    for object in relation::contents(tx, event)? {
        for row in relation::to_object(tx, &object, RelationKind::Grant)? {
            let id = row.subject.id();
            let stays = match row.subject.kind() {
                "account" => match id.parse() {
                    Ok(id) => account::find_member(tx, workspace, id)?.is_some(),
                    Err(_) => false,
                },
                "group" => match id.parse() {
                    Ok(id) => group::find(tx, workspace, id)?.is_some(),
                    Err(_) => false,
                },
                // Roles of the event itself, and the public.
                _ => true,
            };
            if !stays {
                relation::revoke(tx, &row.subject, &object)?;
            }
        }
    }
    Ok(())
}
