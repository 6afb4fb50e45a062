//! Licences of a workspace: seats with a name, and slots that every event has. A licence is a capability, not a right: it
//! lifts a [`crate::ceiling`], and what somebody may do is still what they were given.
//!
//! The counts hold however many ask at once, on both databases, and across controllers.
//!
//! # For the events module
//! All inside the transaction that makes the change:
//! - an event is made: [`cover`], then [`hang`] for each area of it (instead of [`relation::contain`]);
//! - somebody is to work on it: [`give_slot`], and [`take_slot`] when they no longer do; [`slots_of`] says who has one;
//! - a free collaborator works on an area alone: [`give_slice`] and [`take_slice`]; they take no slot;
//! - it moves: [`destinations`] are the workspaces to offer, [`relocate`] does it; it is removed: [`uncover`].
//!
//! In a personal workspace events need no licence, and nobody else works on them.

mod change;
mod events;
mod holdings;
mod seats;
mod slots;
mod transfer;

pub use change::{Pausing, Plan, change, plan, set_quantity};
pub use events::{Destination, Moved, destinations, relocate};
pub use holdings::{Holder, Holding, holders, holdings};
pub use seats::{give_seat, has_seat, take_seat};
pub use slots::{cover, give_slice, give_slot, hang, slots_of, take_slice, take_slot, uncover};
pub use transfer::transfer;

use crate::relation::{self, Validity};
use bo_db::{DbError, Tx, params};
use bo_model::{Kind, Level, Object, WorkspaceId};
use serde::{Deserialize, Serialize};

/// What can be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// From its word.
    pub fn from_word(word: &str) -> Option<Licence> {
        Licence::ALL.into_iter().find(|licence| licence.word() == word)
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Licence::OrgStandard => "Org Standard",
            Licence::OrgPro => "Org Pro",
            Licence::EventPro => "Event Pro",
        }
    }

    /// What one gets for it: a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Licence::OrgStandard => {
                "A seat for a named member: works in the organisation, and on events with a slot."
            }
            Licence::OrgPro => {
                "A seat for a named member: works on every event of the organisation without a slot."
            }
            Licence::EventPro => {
                "One slot on every event: for a member or a guest, given to another at any time."
            }
        }
    }

    /// Whether it has named seats; otherwise it is slots on events.
    pub fn is_seat(self) -> bool {
        self != Licence::EventPro
    }

    /// Whether a personal workspace can hold it: seats are for members, and it has one.
    pub fn is_personal(self) -> bool {
        self == Licence::EventPro
    }
}

/// Outbox topic of every change of how many licences a workspace has: `{kind, before, quantity, other}`; `other` is the
/// workspace they came from or went to. What invoices them listens here.
pub const CHANGED: &str = "licence.changed";

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

/// Lets a holder stand on what lifts ceilings: wholly, or only to read while paused.
fn stand(tx: &mut Tx, holder: &Object, on: &Object, paused: bool, why: &str) -> Result<(), DbError> {
    let cap = if paused { Level::View } else { Level::Own };
    relation::join_at_most(tx, holder, on, cap, Validity::ALWAYS, why)
}
