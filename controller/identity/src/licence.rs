//! Licences of a workspace: seats with a name, and slots that every event has. A licence is a capability, not a right: it
//! lifts a [`crate::ceiling`], and what somebody may do is still what they were given.
//!
//! The counts hold however many ask at once, on both databases, and across controllers.

use crate::ceiling::{self, Ceiling, CeilingKind};
use crate::error::IdentityError;
use crate::relation::{self, Containment, Validity};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use serde::Serialize;
use serde_json::json;

/// What can be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Licence {
    /// A named member of the organisation; opens no event by itself.
    OrgStandard,
    /// A named member who works on any event without a slot.
    OrgPro,
    /// One slot on every event.
    EventPro,
}

impl Licence {
    /// All of them.
    pub const ALL: [Licence; 3] = [Licence::OrgStandard, Licence::OrgPro, Licence::EventPro];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Licence::OrgStandard => "org-standard",
            Licence::OrgPro => "org-pro",
            Licence::EventPro => "event-pro",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Licence::OrgStandard => "Org Standard",
            Licence::OrgPro => "Org Pro",
            Licence::EventPro => "Event Pro",
        }
    }
}

const LICENCE: Kind = Kind("licence");

/// The object on which seat holders and slot holders of an event stand: what lifts the event's ceiling.
pub fn of_event(event: &Object) -> Object {
    Object::new(LICENCE, event)
}

/// The object on which Org Pro seats stand: it contains those of all events.
fn pro(workspace: WorkspaceId) -> Object {
    Object::new(LICENCE, format!("{workspace}/org-pro"))
}

/// Holds the workspace's licences of a kind until the transaction ends, and says how many there are.
fn hold(tx: &mut Tx, workspace: WorkspaceId, licence: Licence) -> Result<i64, DbError> {
    tx.execute(
        "INSERT INTO licence (workspace, kind, quantity, changes) VALUES (?1, ?2, 0, 1)
         ON CONFLICT (workspace, kind) DO UPDATE SET changes = licence.changes + 1",
        params![workspace, licence.word()],
    )?;
    let sql = "SELECT quantity FROM licence WHERE workspace = ?1 AND kind = ?2";
    tx.query_one(sql, params![workspace, licence.word()], |row| row.get(0))
}

fn seats(tx: &mut Tx, workspace: WorkspaceId, licence: Licence) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) FROM seat WHERE workspace = ?1 AND kind = ?2";
    tx.query_one(sql, params![workspace, licence.word()], |row| row.get(0))
}

fn slots(tx: &mut Tx, event: &Object) -> Result<i64, DbError> {
    tx.query_one("SELECT COUNT(*) FROM slot WHERE event = ?1", params![event], |row| row.get(0))
}

/// Most slots any event of the workspace has taken.
fn fullest(tx: &mut Tx, workspace: WorkspaceId) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT COALESCE(MAX(taken), 0) FROM (SELECT COUNT(*) AS taken FROM slot WHERE workspace = ?1 GROUP BY event) AS events",
        params![workspace],
        |row| row.get(0),
    )
}

/// Sets how many there are. Fewer than are in use is refused: nobody loses work by a smaller bill.
///
/// # Errors
/// [`IdentityError::Exists`] saying how many are in use.
pub fn set_quantity(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    quantity: i64,
) -> Result<(), IdentityError> {
    let before = hold(tx, workspace, licence)?;
    let used = match licence {
        Licence::EventPro => fullest(tx, workspace)?,
        seat => seats(tx, workspace, seat)?,
    };
    if quantity < used || quantity < 0 {
        let text = format!("{used} of {} are in use. Release them before there are fewer.", licence.title());
        return Err(IdentityError::Exists(text));
    }
    tx.execute(
        "UPDATE licence SET quantity = ?3 WHERE workspace = ?1 AND kind = ?2",
        params![workspace, licence.word(), quantity],
    )?;
    let event = Event::new("licence.set", Object::new(Kind::WORKSPACE, workspace)).workspace(workspace);
    tx.audit(event.name(licence.title()).change(json!({"quantity": before}), json!({"quantity": quantity})));
    Ok(())
}

/// Gives somebody a seat.
///
/// # Errors
/// [`IdentityError::Exists`] when none is free, [`IdentityError::NotFound`] for somebody who is no member.
pub fn give_seat(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    account: AccountId,
) -> Result<(), IdentityError> {
    let quantity = hold(tx, workspace, licence)?;
    crate::account::find_member(tx, workspace, account)?.ok_or(IdentityError::NotFound)?;
    let now = tx.now();
    let given = tx.execute(
        "INSERT INTO seat (workspace, kind, account, given_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![workspace, licence.word(), account, now],
    )?;
    if given == 0 {
        return Ok(());
    }
    if licence == Licence::EventPro || seats(tx, workspace, licence)? > quantity {
        return Err(IdentityError::Exists(format!("No seat of {} is free.", licence.title())));
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    if licence == Licence::OrgPro {
        relation::join(tx, &subject, &pro(workspace), Validity::ALWAYS, "Org Pro seat")?;
    }
    tx.audit(Event::new("seat.give", subject).name(licence.title()).workspace(workspace));
    Ok(())
}

/// Takes a seat back. What its holder was given stays; the ceiling is over it again.
///
/// # Errors
/// When the database fails.
pub fn take_seat(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    account: AccountId,
) -> Result<(), IdentityError> {
    hold(tx, workspace, licence)?;
    let sql = "DELETE FROM seat WHERE workspace = ?1 AND kind = ?2 AND account = ?3";
    if tx.execute(sql, params![workspace, licence.word(), account])? == 0 {
        return Ok(());
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    if licence == Licence::OrgPro {
        relation::leave(tx, &subject, &pro(workspace))?;
    }
    tx.audit(Event::new("seat.take", subject).name(licence.title()).workspace(workspace));
    Ok(())
}

/// Puts an event of an organisation under its licences: nobody has anything on it without a seat or a slot.
///
/// # Errors
/// [`IdentityError::Exists`] when the organisation has no Event Pro at all.
pub fn cover(tx: &mut Tx, workspace: WorkspaceId, event: &Object) -> Result<(), IdentityError> {
    if hold(tx, workspace, Licence::EventPro)? < 1 {
        let text = "An organisation needs at least one Event Pro before it can have events.";
        return Err(IdentityError::Exists(text.into()));
    }
    let org = Object::new(Kind::WORKSPACE, workspace);
    relation::contain(tx, &org, &pro(workspace), Containment::Gated)?;
    relation::contain(tx, &pro(workspace), &of_event(event), Containment::Open)?;
    let (kind, cap, lifted_by) = (CeilingKind::Licence, Level::None, Some(of_event(event)));
    let reason = "The event takes an Org Pro seat or one of its slots.".to_owned();
    Ok(ceiling::put(tx, &Ceiling { object: event.clone(), kind, cap, lifted_by, deep: true, reason })?)
}

/// Gives somebody a slot of an event. Whoever has an Org Pro seat needs none, and takes none.
///
/// # Errors
/// [`IdentityError::Exists`] when none is free.
pub fn give_slot(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    account: AccountId,
) -> Result<(), IdentityError> {
    let quantity = hold(tx, workspace, Licence::EventPro)?;
    let sql = "SELECT 1 FROM seat WHERE workspace = ?1 AND kind = ?2 AND account = ?3";
    let exempt = tx.query_opt(sql, params![workspace, Licence::OrgPro.word(), account], |_| Ok(()))?;
    if exempt.is_some() {
        return Ok(());
    }
    let now = tx.now();
    let given = tx.execute(
        "INSERT INTO slot (workspace, event, account, given_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![workspace, event, account, now],
    )?;
    if given == 0 {
        return Ok(());
    }
    if slots(tx, event)? > quantity {
        return Err(IdentityError::Exists(
            "All slots of this event are taken. Release one, or get more.".into(),
        ));
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    relation::join(tx, &subject, &of_event(event), Validity::ALWAYS, "slot")?;
    tx.audit(
        Event::new("slot.give", event.clone())
            .workspace(workspace)
            .after(json!({"subject": subject.as_str()})),
    );
    Ok(())
}

/// Takes a slot back, for somebody else.
///
/// # Errors
/// When the database fails.
pub fn take_slot(
    tx: &mut Tx,
    workspace: WorkspaceId,
    event: &Object,
    account: AccountId,
) -> Result<(), IdentityError> {
    hold(tx, workspace, Licence::EventPro)?;
    if tx.execute("DELETE FROM slot WHERE event = ?1 AND account = ?2", params![event, account])? == 0 {
        return Ok(());
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    relation::leave(tx, &subject, &of_event(event))?;
    tx.audit(
        Event::new("slot.take", event.clone())
            .workspace(workspace)
            .before(json!({"subject": subject.as_str()})),
    );
    Ok(())
}
