//! Licences move between workspaces of the same owner, so that nothing has to be bought twice.

use super::change::{restore, store};
use super::{Licence, hold, plan};
use crate::delegate::{Rank, rank};
use crate::error::IdentityError;
use crate::workspace;
use bo_db::Tx;
use bo_model::{AccountId, WorkspaceId};

/// Moves some licences to another workspace. Only free ones go: nobody loses work by it.
///
/// # Errors
/// [`IdentityError::NotFound`] for a workspace one does not own, [`IdentityError::BadInput`] for what it can't hold,
/// [`IdentityError::Exists`] when fewer are free.
pub fn transfer(
    tx: &mut Tx,
    account: AccountId,
    licence: Licence,
    (from, to): (WorkspaceId, WorkspaceId),
    count: i64,
) -> Result<(), IdentityError> {
    let wrong = |field: &str, text: &str| Err(IdentityError::BadInput(vec![(field.into(), text.into())]));
    for workspace in [from, to] {
        if rank(tx, account, workspace)? != Rank::Owner {
            return Err(IdentityError::NotFound);
        }
    }
    if from == to {
        return wrong("to", "must be another workspace");
    }
    if workspace::is_personal(tx, to)? && !licence.is_personal() {
        return wrong("to", "is a personal workspace, which has no seats");
    }
    // Always in the same order: two transfers that cross must not wait for each other.
    let mut both = [from, to];
    both.sort();
    let mut had = [0; 2];
    for (place, workspace) in both.iter().enumerate() {
        had[place] = hold(tx, *workspace, licence)?;
    }
    let (mine, theirs) = if both[0] == from { (had[0], had[1]) } else { (had[1], had[0]) };
    if count < 1 || count > mine {
        return wrong("count", &format!("must be from 1 to {mine}"));
    }
    if !plan(tx, from, licence, mine - count)?.pausing.is_empty() {
        let text = format!("Fewer than {count} of {} are free here. Release some first.", licence.title());
        return Err(IdentityError::Exists(text));
    }
    store(tx, from, licence, (mine, mine - count), Some(to))?;
    store(tx, to, licence, (theirs, theirs + count), Some(from))?;
    restore(tx, to, licence, theirs + count)
}
