//! An event goes to another workspace with everything in it, or nothing changes: one transaction takes it out of one
//! organisation's licences and groups and puts it under the other's.

use super::access::{self, Access};
use super::events::{PLACE, admit_member, is_restricted};
use super::{Result, module, payload, present, touch};
use crate::model::{Collaborator, EventId};
use crate::queries::{self, Of};
use bo_db::{Tx, params};
use bo_identity::relation::{self, Containment, Validity};
use bo_identity::{account, licence, workspace};
use bo_model::{AccountId, Level, WorkspaceId};
use bo_web::Viewer;

/// Moves an event. Whoever had access and is a member there keeps it, and with it their slot or slice; everybody else's ends.
/// Refused when there are too few slots for those who had one.
pub fn move_event(tx: &mut Tx, viewer: &Viewer, id: EventId, target: WorkspaceId) -> Result<()> {
    let event = present(tx, id)?;
    let object = event.object();
    let people = queries::people(tx, Of::Event(id))?;
    let had = had_slices(tx, &people)?;
    let how = if is_restricted(tx, &event)? { Containment::Gated } else { PLACE };
    let parent = module(target);
    licence::relocate(tx, viewer, &object, (event.workspace, target), (&parent, how))?;
    tx.execute("UPDATE event SET workspace = ?2 WHERE id = ?1", params![id, target])?;
    // Addresses that were given away for the old workspace end with it.
    tx.execute("DELETE FROM event_calendar WHERE event = ?1", params![id])?;
    relation::grant(tx, &viewer.subject(), &object, Level::Own, Validity::ALWAYS, "moved it")?;
    let personal = workspace::is_personal(tx, target)?;
    if !personal {
        admit_member(tx, target, &object, viewer.account)?;
    }
    for (person, account, areas) in had {
        if personal || account::find_member(tx, target, account)?.is_none() {
            tx.execute("UPDATE event_collaborator SET account = NULL WHERE id = ?1", params![person.id])?;
        } else if let Access::Slice(areas) = areas {
            access::open_slice(tx, (target, &object), &person, account, areas.keys())?;
        }
    }
    touch(tx, id)?;
    let after = present(tx, id)?;
    tx.emit("events.moved", &object, payload(&after));
    Ok(())
}

/// Those with an account, and what they had.
fn had_slices(tx: &mut Tx, people: &[Collaborator]) -> Result<Vec<(Collaborator, AccountId, Access)>> {
    let mut found = Vec::new();
    for person in people {
        if let Some(account) = person.account {
            found.push((person.clone(), account, access::access_of(tx, person)?));
        }
    }
    Ok(found)
}
