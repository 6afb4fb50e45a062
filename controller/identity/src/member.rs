//! Members of a workspace, and which organisation looks after somebody's account.

use crate::delegate;
use crate::error::IdentityError;
use bo_db::{DbError, Tx, params};
use bo_model::{AccountId, WorkspaceId};
use bo_web::Viewer;

/// The organisation that looks after an account, if one does.
///
/// # Errors
/// When the database fails.
pub fn home(tx: &mut Tx, id: AccountId) -> Result<Option<WorkspaceId>, DbError> {
    let sql = "SELECT home FROM account WHERE id = ?1";
    let home: Option<String> = tx.query_opt(sql, params![id], |row| row.get(0))?;
    Ok(home.and_then(|home| home.parse().ok()))
}

/// How many members a workspace has.
///
/// # Errors
/// When the database fails.
pub fn count(tx: &mut Tx, workspace: WorkspaceId) -> Result<i64, DbError> {
    tx.query_one("SELECT COUNT(*) FROM member WHERE workspace = ?1", params![workspace], |row| row.get(0))
}

/// Members of a workspace who can sign in, by name: (id, name, mail address).
///
/// # Errors
/// When the database fails.
pub fn active(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<(AccountId, String, String)>, DbError> {
    tx.query(
        "SELECT a.id, a.name, a.address FROM member m JOIN account a ON a.id = m.account
         WHERE m.workspace = ?1 AND a.state = 'active' ORDER BY lower(a.name), a.id LIMIT 1000",
        params![workspace],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// Whether one may change another's account itself: how they sign in, whether they can. By the same rules, and only in the
/// organisation that made the account: anybody can make an organisation and invite somebody, and must not get hold of their
/// account by that.
///
/// # Errors
/// [`IdentityError::NotAllowed`] with the reason.
pub fn look_after(tx: &mut Tx, viewer: &Viewer, target: AccountId) -> Result<(), IdentityError> {
    delegate::administer(tx, viewer, target)?;
    if home(tx, target)? == Some(viewer.workspace) {
        return Ok(());
    }
    Err(IdentityError::NotAllowed(
        "Their account was not made by this organisation, so it is not looked after here. You can remove them from the organisation.".into(),
    ))
}
