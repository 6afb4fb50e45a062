//! How many licences there are: more, or fewer. Fewer than are in use loses nothing: those who got theirs last read only,
//! which is said before, and work again as soon as there is room.

use super::{CHANGED, Licence, hold, seats, slots};
use crate::error::IdentityError;
use crate::workspace;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Object, WorkspaceId};
use serde::Serialize;
use serde_json::json;

/// More than anybody needs; keeps sums far from what a number can hold.
pub const MOST: i64 = 100_000;

/// Somebody who would only read after a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pausing {
    /// Who.
    pub account: AccountId,
    /// Their name.
    pub name: String,
    /// On which event; on all of them for a seat.
    pub event: Option<Object>,
}

/// What a change would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// How many there are.
    pub before: i64,
    /// How many there would be.
    pub quantity: i64,
    /// Who would read only.
    pub pausing: Vec<Pausing>,
}

impl Plan {
    /// Stands for what it says: whoever agrees to it shows it again.
    pub fn mark(&self) -> String {
        crate::session::digest(&json!(self).to_string())
    }
}

/// What another number of licences would do. Changes nothing.
///
/// # Errors
/// When the database fails.
pub fn plan(tx: &mut Tx, workspace: WorkspaceId, licence: Licence, quantity: i64) -> Result<Plan, DbError> {
    let before = super::holdings::quantity(tx, workspace, licence)?;
    // Of those that are in use, the first given stay.
    let holders = if licence.is_seat() {
        "SELECT s.account, a.name, '' AS event, ROW_NUMBER() OVER (ORDER BY s.given_at, s.account) AS place
         FROM seat s JOIN account a ON a.id = s.account WHERE s.workspace = ?1 AND s.kind = ?2 AND s.paused = 0"
    } else {
        "SELECT s.account, a.name, s.event, ROW_NUMBER() OVER (PARTITION BY s.event ORDER BY s.given_at, s.account) AS place
         FROM slot s JOIN account a ON a.id = s.account WHERE s.workspace = ?1 AND ?2 <> '' AND s.paused = 0"
    };
    let sql = format!(
        "SELECT account, name, event FROM ({holders}) AS holders WHERE place > ?3 ORDER BY event, place LIMIT 1000"
    );
    let pausing = tx.query(&sql, params![workspace, licence.word(), quantity], |row| {
        let event = row.str(2)?.to_owned();
        Ok(Pausing { account: row.get(0)?, name: row.get(1)?, event: Object::parse(&event) })
    })?;
    Ok(Plan { before, quantity, pausing })
}

/// Sets how many there are. Fewer than are in use is refused: see [`change`].
///
/// # Errors
/// [`IdentityError::Exists`] saying how many are in use.
pub fn set_quantity(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    quantity: i64,
) -> Result<(), IdentityError> {
    change(tx, workspace, licence, quantity, "")
}

/// Sets how many there are. With fewer than are in use, those who got theirs last read only from then on: `agreed` is the
/// [`Plan::mark`] of what was said about it.
///
/// # Errors
/// [`IdentityError::Exists`] when somebody would read only and that was not said, or no longer is what was said.
pub fn change(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    quantity: i64,
    agreed: &str,
) -> Result<(), IdentityError> {
    let wrong = |text: &str| Err(IdentityError::BadInput(vec![("quantity".into(), text.into())]));
    if !(0..=MOST).contains(&quantity) {
        return wrong(&format!("must be from 0 to {MOST}"));
    }
    if workspace::is_personal(tx, workspace)? && !licence.is_personal() {
        return wrong("must be 0: seats are for the members of an organisation");
    }
    let before = hold(tx, workspace, licence)?;
    let plan = plan(tx, workspace, licence, quantity)?;
    if !plan.pausing.is_empty() && plan.mark() != agreed {
        let used = plan.pausing.len() as i64 + quantity;
        let text = format!(
            "{used} of {} are in use. Release them before there are fewer, or let those who got theirs last only read.",
            licence.title()
        );
        return Err(IdentityError::Exists(text));
    }
    store(tx, workspace, licence, (before, quantity), None)?;
    for pausing in &plan.pausing {
        match &pausing.event {
            Some(event) => slots::pause(tx, workspace, event, pausing.account, true)?,
            None => seats::pause(tx, workspace, licence, pausing.account, true)?,
        }
    }
    restore(tx, workspace, licence, quantity)
}

/// Writes the number down, says so, and tells whoever invoices.
pub(super) fn store(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    (before, quantity): (i64, i64),
    other: Option<WorkspaceId>,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE licence SET quantity = ?3 WHERE workspace = ?1 AND kind = ?2",
        params![workspace, licence.word(), quantity],
    )?;
    let object = Object::new(Kind::WORKSPACE, workspace);
    let event = Event::new("licence.set", object.clone()).workspace(workspace).name(licence.title());
    tx.audit(event.change(json!({"quantity": before}), json!({"quantity": quantity, "other": other})));
    if before != quantity {
        let about = json!({"kind": licence, "before": before, "quantity": quantity, "other": other});
        tx.emit(CHANGED, &object, about);
    }
    Ok(())
}

pub(super) fn restore(
    tx: &mut Tx,
    workspace: WorkspaceId,
    licence: Licence,
    quantity: i64,
) -> Result<(), IdentityError> {
    if licence.is_seat() {
        return seats::restore(tx, workspace, licence, quantity);
    }
    let sql = "SELECT DISTINCT event FROM slot WHERE workspace = ?1 AND paused = 1";
    let events: Vec<Object> = tx.query(sql, params![workspace], |row| row.get(0))?;
    for event in events {
        slots::restore(tx, workspace, &event, quantity)?;
    }
    Ok(())
}
