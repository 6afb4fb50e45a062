//! Events themselves: made, changed, confirmed, cancelled, removed and brought back.

use super::{Result, module, payload, present, touch};
use crate::model::{Event, EventId, Stage, State, StatusId};
use crate::{queries, when};
use bo_content::ModuleError;
use bo_db::{Event as Record, Tx, params};
use bo_identity::relation::{self, Containment, Validity};
use bo_identity::{level, licence, workspace};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use bo_web::FieldErrors;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

/// What is said of an event.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// For people.
    pub name: String,
    /// Where.
    pub place: String,
    /// What it is.
    pub about: String,
    /// IANA name.
    pub zone: String,
    /// First day.
    pub starts_on: Date,
    /// Last day.
    pub ends_on: Date,
}

impl Facts {
    fn of(event: &Event) -> Facts {
        Facts {
            name: event.name.clone(),
            place: event.place.clone(),
            about: event.about.clone(),
            zone: event.zone.clone(),
            starts_on: event.starts_on,
            ends_on: event.ends_on,
        }
    }

    fn check(&self) -> Result<()> {
        let mut errors = FieldErrors::new();
        if let Err(ModuleError::Fields(wrong)) = when::zone(&self.zone) {
            errors.extend(wrong);
        }
        if self.ends_on < self.starts_on {
            errors.push(("ends_on".into(), "must not be before the first day".into()));
        } else if self.starts_on.until(self.ends_on).is_ok_and(|span| span.get_days() > 366) {
            errors.push(("ends_on".into(), "must be within a year of the first day".into()));
        }
        if errors.is_empty() { Ok(()) } else { Err(ModuleError::Fields(errors)) }
    }
}

/// Makes an event that its maker owns, with one status in each state. In an organisation it is put under its licences, and its
/// maker takes a slot unless they have no need of one.
pub fn create_event(
    tx: &mut Tx,
    (id, owner, maker): (EventId, WorkspaceId, AccountId),
    statuses: [StatusId; 5],
    facts: &Facts,
) -> Result<()> {
    facts.check()?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO event (id, workspace, name, place, about, zone, starts_on, ends_on, stage, revision, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'planned', 1, ?9, ?9)",
        params![
            id, owner, &facts.name, &facts.place, &facts.about, &facts.zone, facts.starts_on.to_string(),
            facts.ends_on.to_string(), now
        ],
    )?;
    for (rank, (status, (_, state, title))) in statuses.into_iter().zip(State::ALL).enumerate() {
        tx.execute(
            "INSERT INTO event_status (id, event, state, name, rank) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![status, id, state, title, rank],
        )?;
    }
    let event = present(tx, id)?;
    let maker_object = Object::new(Kind::ACCOUNT, maker);
    relation::contain(tx, &module(owner), &event.object(), PLACE)?;
    relation::grant(tx, &maker_object, &event.object(), Level::Own, Validity::ALWAYS, "made it")?;
    licence::cover(tx, owner, &event.object())?;
    if !workspace::is_personal(tx, owner)? {
        admit_member(tx, owner, &event.object(), maker)?;
    }
    tx.audit(
        Record::new("event.create", event.object()).name(&facts.name).workspace(owner).after(json!(facts)),
    );
    tx.emit("events.created", &event.object(), payload(&event));
    Ok(())
}

/// How an event hangs below its workspace's module: whoever may edit there reaches it, and the public does not.
pub(super) const PLACE: Containment = Containment::AtLeast(Level::Edit);

/// Gives somebody a slot, unless a seat or their place in the organisation opens the event for them.
pub(super) fn admit_member(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    account: AccountId,
) -> Result<()> {
    let (subject, now) = (Object::new(Kind::ACCOUNT, account), tx.now());
    if level::granted(tx, &subject, &licence::of_event(event), now)? < Level::Own {
        licence::give_slot(tx, workspace, event, account)?;
    }
    Ok(())
}

/// Changes what is said of an event.
pub fn change_event(tx: &mut Tx, id: EventId, facts: &Facts) -> Result<()> {
    let before = present(tx, id)?;
    facts.check()?;
    tx.execute(
        "UPDATE event SET name = ?2, place = ?3, about = ?4, zone = ?5, starts_on = ?6, ends_on = ?7 WHERE id = ?1",
        params![
            id, &facts.name, &facts.place, &facts.about, &facts.zone, facts.starts_on.to_string(),
            facts.ends_on.to_string()
        ],
    )?;
    touch(tx, id)?;
    let after = present(tx, id)?;
    let record = Record::new("event.change", after.object()).name(&facts.name);
    tx.audit(record.change(json!(Facts::of(&before)), json!(facts)));
    tx.emit("events.changed", &after.object(), payload(&after));
    Ok(())
}

/// Confirms or cancels an event, or takes that back.
pub fn set_stage(tx: &mut Tx, id: EventId, stage: Stage) -> Result<()> {
    let before = present(tx, id)?;
    if before.stage == stage {
        tx.unaudited("an event is as it was wanted already");
        return Ok(());
    }
    tx.execute("UPDATE event SET stage = ?2 WHERE id = ?1", params![id, stage.word()])?;
    // What is in calendars follows: their items say whether the event is on.
    tx.execute("UPDATE event_item SET revision = revision + 1 WHERE event = ?1", params![id])?;
    touch(tx, id)?;
    let after = present(tx, id)?;
    let record = Record::new("event.stage", after.object()).name(&after.name);
    tx.audit(record.change(json!({"stage": before.stage}), json!({"stage": stage})));
    let topic = match stage {
        Stage::Planned => "events.changed",
        Stage::Confirmed => "events.confirmed",
        Stage::Cancelled => "events.cancelled",
    };
    tx.emit(topic, &after.object(), payload(&after));
    Ok(())
}

/// Puts an event into the bin. Nothing of it is lost.
pub fn remove_event(tx: &mut Tx, id: EventId) -> Result<()> {
    let event = present(tx, id)?;
    let now = tx.now();
    tx.execute("UPDATE event SET removed_at = ?2 WHERE id = ?1", params![id, now])?;
    tx.audit(Record::new("event.remove", event.object()).name(&event.name).before(json!(Facts::of(&event))));
    tx.emit("events.removed", &event.object(), payload(&event));
    Ok(())
}

/// Takes an event out of the bin.
pub fn recover_event(tx: &mut Tx, id: EventId) -> Result<()> {
    let event = queries::event(tx, id)?.ok_or(ModuleError::NotFound)?;
    tx.execute("UPDATE event SET removed_at = NULL WHERE id = ?1", params![id])?;
    tx.audit(Record::new("event.recover", event.object()).name(&event.name));
    tx.emit("events.recovered", &event.object(), payload(&event));
    Ok(())
}

/// Closes an event to all but those who were given access to it and the module's owners, or opens it to whoever may edit
/// in the module.
pub fn set_restricted(tx: &mut Tx, id: EventId, restricted: bool) -> Result<()> {
    let event = present(tx, id)?;
    let how = if restricted { Containment::Gated } else { PLACE };
    relation::move_into(tx, &module(event.workspace), &event.object(), how)?;
    tx.audit(
        Record::new("event.restrict", event.object())
            .name(&event.name)
            .after(json!({"restricted": restricted})),
    );
    Ok(())
}

/// Whether an event is closed to those who have no access of their own.
pub fn is_restricted(tx: &mut Tx, event: &Event) -> Result<bool> {
    let rows = relation::to_object(tx, &event.object(), relation::RelationKind::Contain)?;
    Ok(rows.iter().any(|row| row.floor == Level::Own))
}
