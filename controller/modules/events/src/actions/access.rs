//! Who of the people on an event has access to it: all of it with a seat or slot, or their slice as free collaborators.

use super::events::admit_member;
use super::{Result, present};
use crate::model::{AreaId, Collaborator, Event};
use crate::queries::{self, Of};
use bo_content::ModuleError;
use bo_db::{DbError, Event as Record, Tx, params};
use bo_identity::relation::{self, RelationKind, Validity};
use bo_identity::{account, delegate, licence, workspace};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use bo_web::Viewer;
use serde_json::json;
use std::collections::BTreeMap;

/// What somebody on an event has of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// Nothing: they are a name on a list.
    None,
    /// What is assigned to them, and these areas; no licence.
    Slice(BTreeMap<AreaId, Level>),
    /// The event, with a seat or slot.
    Event(Level),
}

/// What somebody was given on an event.
pub fn access_of(tx: &mut Tx, person: &Collaborator) -> std::result::Result<Access, DbError> {
    let Some(account) = person.account else { return Ok(Access::None) };
    let subject = Object::new(Kind::ACCOUNT, account);
    let mut slice = BTreeMap::new();
    let event = crate::model::home(person.event, None);
    for row in relation::from_subject(tx, &subject, RelationKind::Grant)? {
        if row.object == event && row.cap > Level::See {
            return Ok(Access::Event(row.cap));
        }
        if let Some(id) = row.object.is(crate::AREA).then(|| row.object.id().parse().ok()).flatten() {
            slice.insert(id, row.cap);
        }
    }
    let own: Vec<AreaId> = queries::areas(tx, Of::Event(person.event))?.iter().map(|area| area.id).collect();
    slice.retain(|area, _| own.contains(area));
    Ok(Access::Slice(slice))
}

/// Gives or takes access, by the rules of delegation: what one owns, to members, never to oneself.
pub fn set_access(tx: &mut Tx, viewer: &Viewer, person: &Collaborator, wanted: &Access) -> Result<()> {
    let event = present(tx, person.event)?;
    delegate::own(tx, viewer, &event.object())?;
    if let Some(account) = person.account {
        take_all(tx, &event, person, account)?;
    }
    tx.execute("UPDATE event_collaborator SET account = NULL WHERE id = ?1", params![person.id])?;
    if *wanted != Access::None {
        let account = member(tx, &event, person)?;
        tx.execute("UPDATE event_collaborator SET account = ?2 WHERE id = ?1", params![person.id, account])?;
        match wanted {
            Access::Slice(areas) => give_slice(tx, viewer, &event, person, account, areas)?,
            Access::Event(level) => give_event(tx, viewer, &event, account, *level)?,
            Access::None => {}
        }
    }
    let after = match wanted {
        Access::None => json!({"access": "none"}),
        Access::Slice(areas) => json!({"access": "slice", "areas": areas}),
        Access::Event(level) => json!({"access": "event", "level": level}),
    };
    tx.audit(Record::new("event-collaborator.access", person.object()).name(&person.name).after(after));
    Ok(())
}

/// The account of somebody on an event, if they are a member of the event's organisation.
fn member(tx: &mut Tx, event: &Event, person: &Collaborator) -> Result<AccountId> {
    if workspace::is_personal(tx, event.workspace)? {
        let text = "A personal workspace is for one person. Move the event into an organisation to work on it with others.";
        return Err(ModuleError::Conflict(text.into()));
    }
    if person.email.is_empty() {
        return Err(ModuleError::field("email", "is needed to give access: it is what they sign in with"));
    }
    let member = account::member_by_email(tx, event.workspace, &person.email)?;
    let taken = |account: AccountId, people: Vec<Collaborator>| {
        people.iter().any(|other| other.id != person.id && other.account == Some(account))
    };
    match member {
        Some(account) if taken(account.id, queries::people(tx, Of::Event(event.id))?) => {
            Err(ModuleError::Conflict("Somebody else on this event has that account already.".into()))
        }
        Some(account) => Ok(account.id),
        None => {
            let text = format!("{} is no member of this organisation yet. Invite them first.", person.email);
            Err(ModuleError::Conflict(text))
        }
    }
}

fn give_event(tx: &mut Tx, viewer: &Viewer, event: &Event, account: AccountId, level: Level) -> Result<()> {
    let subject = Object::new(Kind::ACCOUNT, account);
    if viewer.account != account {
        delegate::set_grant(tx, viewer, &subject, &event.object(), level, Validity::ALWAYS, "on the event")?;
    }
    admit_member(tx, event.workspace, &event.object(), account)
}

fn give_slice(
    tx: &mut Tx,
    viewer: &Viewer,
    event: &Event,
    person: &Collaborator,
    account: AccountId,
    areas: &BTreeMap<AreaId, Level>,
) -> Result<()> {
    let subject = Object::new(Kind::ACCOUNT, account);
    let known: Vec<AreaId> = queries::areas(tx, Of::Event(event.id))?.iter().map(|area| area.id).collect();
    let give = |tx: &mut Tx, object: &Object, level: Level| {
        delegate::set_grant(tx, viewer, &subject, object, level, Validity::ALWAYS, "free collaborator")
    };
    give(tx, &event.object(), Level::See)?;
    give(tx, &person.object(), Level::Edit)?;
    for (area, level) in areas {
        if !known.contains(area) || *level < Level::View || *level > Level::Edit {
            return Err(ModuleError::field("areas", "names an area or a level that can't be given"));
        }
        give(tx, &Object::new(crate::AREA, area), *level)?;
    }
    open_slice(tx, (event.workspace, &event.object()), person, account, areas.keys())
}

/// Lets a free collaborator have, without a licence, what is assigned to them and those areas, and see that there is the event.
pub(super) fn open_slice<'a>(
    tx: &mut Tx,
    (workspace, event): (WorkspaceId, &Object),
    person: &Collaborator,
    account: AccountId,
    areas: impl Iterator<Item = &'a AreaId>,
) -> Result<()> {
    let (subject, sees) = (Object::new(Kind::ACCOUNT, account), licence::of_event(event));
    relation::grant(tx, &subject, &sees, Level::See, Validity::ALWAYS, "free collaborator")?;
    licence::give_slice(tx, workspace, event, &person.object(), account)?;
    for area in areas {
        licence::give_slice(tx, workspace, event, &Object::new(crate::AREA, area), account)?;
    }
    Ok(())
}

/// Takes everything somebody was given on an event, licences included. What their groups give stays.
fn take_all(tx: &mut Tx, event: &Event, person: &Collaborator, account: AccountId) -> Result<()> {
    let (subject, object) = (Object::new(Kind::ACCOUNT, account), event.object());
    licence::take_slot(tx, event.workspace, &object, account)?;
    relation::revoke(tx, &subject, &licence::of_event(&object))?;
    relation::revoke(tx, &subject, &object)?;
    let areas = queries::areas(tx, Of::Event(event.id))?;
    for part in areas.iter().map(crate::model::Area::object).chain([person.object()]) {
        relation::revoke(tx, &subject, &part)?;
        licence::take_slice(tx, event.workspace, &object, &part, account)?;
    }
    Ok(())
}
