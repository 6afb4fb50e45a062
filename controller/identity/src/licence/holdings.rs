//! What a workspace has, and who has which of it.

use super::Licence;
use bo_db::{DbError, Tx, params};
use bo_model::{AccountId, Object, Time, WorkspaceId};
use serde::Serialize;

/// One kind of licence of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Holding {
    /// Which.
    pub licence: Licence,
    /// How many there are: seats, or slots on every event.
    pub quantity: i64,
    /// In use and not paused; of slots, on the fullest event.
    pub used: i64,
    /// Holders who only read because there are too few.
    pub paused: i64,
}

/// Somebody with a seat or a slot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Holder {
    /// Which.
    pub licence: Licence,
    /// Who.
    pub account: AccountId,
    /// Their name.
    pub name: String,
    /// Their mail address.
    pub email: String,
    /// Of a slot: on which event.
    pub event: Option<Object>,
    /// Since when.
    pub given_at: Time,
    /// Reads only.
    pub paused: bool,
}

/// What a workspace has of each kind.
///
/// # Errors
/// When the database fails.
pub fn holdings(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Holding>, DbError> {
    let mut found = Vec::new();
    for licence in Licence::ALL {
        // The second value only so that both statements take the same two.
        let counts = if licence.is_seat() {
            "SELECT CAST(COALESCE(SUM(1 - paused), 0) AS BIGINT), CAST(COALESCE(SUM(paused), 0) AS BIGINT)
             FROM seat WHERE workspace = ?1 AND kind = ?2"
        } else {
            "SELECT CAST(COALESCE(MAX(used), 0) AS BIGINT), CAST(COALESCE(SUM(idle), 0) AS BIGINT) FROM (
               SELECT SUM(1 - paused) AS used, SUM(paused) AS idle FROM slot WHERE workspace = ?1 AND ?2 <> '' GROUP BY event) AS events"
        };
        let (used, paused) = tx.query_one(counts, params![workspace, licence.word()], |row| {
            Ok((row.get::<i64>(0)?, row.get::<i64>(1)?))
        })?;
        found.push(Holding { licence, quantity: quantity(tx, workspace, licence)?, used, paused });
    }
    Ok(found)
}

/// How many there are, without holding them.
pub(super) fn quantity(tx: &mut Tx, workspace: WorkspaceId, licence: Licence) -> Result<i64, DbError> {
    let sql = "SELECT quantity FROM licence WHERE workspace = ?1 AND kind = ?2";
    Ok(tx.query_opt(sql, params![workspace, licence.word()], |row| row.get(0))?.unwrap_or(0))
}

/// Everybody with a seat or a slot, by name.
///
/// # Errors
/// When the database fails.
pub fn holders(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Holder>, DbError> {
    tx.query(
        "SELECT s.kind, s.account, a.name, a.address, s.event, s.given_at, s.paused FROM (
           SELECT kind, account, '' AS event, given_at, paused, workspace FROM seat
           UNION ALL SELECT 'event-pro', account, event, given_at, paused, workspace FROM slot) AS s
         JOIN account a ON a.id = s.account WHERE s.workspace = ?1
         ORDER BY s.kind, s.event, lower(a.name), s.account LIMIT 2000",
        params![workspace],
        |row| {
            let event = row.str(4)?.to_owned();
            Ok(Holder {
                licence: Licence::from_word(row.str(0)?).unwrap_or(Licence::OrgStandard),
                account: row.get(1)?,
                name: row.get(2)?,
                email: row.get(3)?,
                event: Object::parse(&event),
                given_at: row.get(5)?,
                paused: row.get(6)?,
            })
        },
    )
}
