//! Accounts by id, by mail address, and as lists.

use super::{Account, State, fold_email};
use crate::profile::Profile;
use bo_db::{DbError, Param, Row, Tx, params, places};
use bo_model::{AccountId, WorkspaceId};
use bo_web::{ListQuery, Paged, list::Key};
use std::collections::HashMap;

const COLUMNS: &str =
    "a.id, a.address, a.name, a.job, a.phone, a.state, a.created_at, a.updated_at, a.signed_in_at,
  a.gender, a.first_name, a.middle_name, a.last_name, a.language";

fn read(row: &Row<'_>) -> Result<Account, DbError> {
    Ok(Account {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        job: row.get(3)?,
        phone: row.get(4)?,
        state: State::from_word(row.str(5)?),
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        signed_in_at: row.get(8)?,
        profile: Profile {
            gender: row.get(9)?,
            first_name: row.get(10)?,
            middle_name: row.get(11)?,
            last_name: row.get(12)?,
            language: row.get(13)?,
        },
    })
}

/// An account by id.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, id: AccountId) -> Result<Option<Account>, DbError> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM account a WHERE a.id = ?1"), params![id], read)
}

/// Accounts that are looked for at once.
const AT_ONCE: usize = 500;

/// Accounts by id, those that exist.
///
/// # Errors
/// When the database fails.
pub fn find_all(tx: &mut Tx, ids: &[AccountId]) -> Result<HashMap<AccountId, Account>, DbError> {
    let mut found = HashMap::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let sql = format!("SELECT {COLUMNS} FROM account a WHERE a.id IN ({})", places(1, some.len()));
        let values: Vec<Param<'_>> = some.iter().map(Param::from).collect();
        tx.for_each(&sql, &values, |row| {
            let account = read(row)?;
            found.insert(account.id, account);
            Ok(())
        })?;
    }
    Ok(found)
}

/// An account by id, if it is a member of that workspace.
///
/// # Errors
/// When the database fails.
pub fn find_member(tx: &mut Tx, workspace: WorkspaceId, id: AccountId) -> Result<Option<Account>, DbError> {
    tx.query_opt(
        &format!("SELECT {COLUMNS} FROM member m JOIN account a ON a.id = m.account WHERE m.workspace = ?1 AND a.id = ?2"),
        params![workspace, id],
        read,
    )
}

/// A member of a workspace by mail address, whether they have signed in or not.
///
/// # Errors
/// When the database fails.
pub fn member_by_email(tx: &mut Tx, workspace: WorkspaceId, email: &str) -> Result<Option<Account>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM member m JOIN account a ON a.id = m.account WHERE m.workspace = ?1 AND a.address = ?2 ORDER BY a.id LIMIT 1"
    );
    tx.query_opt(&sql, params![workspace, fold_email(email)], read)
}

/// The account a letter to an address is for: the one that signs in with it, else the first that waits for whoever reads it.
///
/// # Errors
/// When the database fails.
pub fn addressed(tx: &mut Tx, email: &str) -> Result<Option<Account>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM account a WHERE a.address = ?1 AND (a.email = a.address OR a.state <> 'disabled')
         ORDER BY CASE WHEN a.email = a.address THEN 0 ELSE 1 END, a.id LIMIT 1"
    );
    tx.query_opt(&sql, params![fold_email(email)], read)
}

/// The account that signs in with a mail address, with its password hash. Who uses it must not tell others than its owner.
///
/// # Errors
/// When the database fails.
pub fn by_email(tx: &mut Tx, email: &str) -> Result<Option<(Account, String)>, DbError> {
    tx.query_opt(
        &format!("SELECT {COLUMNS}, a.password_hash FROM account a WHERE a.email = ?1"),
        params![fold_email(email)],
        |row| Ok((read(row)?, row.get(14)?)),
    )
}

/// What a password is checked against; empty for whoever has none.
///
/// # Errors
/// When the database fails.
pub fn password_hash(tx: &mut Tx, id: AccountId) -> Result<String, DbError> {
    let sql = "SELECT password_hash FROM account WHERE id = ?1";
    Ok(tx.query_opt(sql, params![id], |row| row.get(0))?.unwrap_or_default())
}

/// A page of a workspace's members.
///
/// # Errors
/// When the database fails.
pub fn members(tx: &mut Tx, workspace: WorkspaceId, list: &ListQuery) -> Result<Paged<Account>, DbError> {
    let by = match list.sort {
        "email" => "a.address",
        "id" => "a.id",
        "created" => "a.created_at",
        "updated" => "a.updated_at",
        _ => "lower(a.name)",
    };
    let keyset = list.keyset(by, "a.id", 4);
    let state = list.filter("state").unwrap_or("%");
    let sql = format!(
        "SELECT {COLUMNS} FROM member m JOIN account a ON a.id = m.account
         WHERE m.workspace = ?1 AND (lower(a.name) LIKE ?2 ESCAPE '!' OR a.address LIKE ?2 ESCAPE '!') AND a.state LIKE ?3
         AND {} {}",
        keyset.condition, keyset.order
    );
    let values = [params![workspace, list.like(), state], &keyset.params].concat();
    let rows = tx.query(&sql, &values, read)?;
    Ok(list.paged(rows, |account| {
        let key = match list.sort {
            "email" => Key::from(account.email.as_str()),
            "id" => Key::from(account.id.to_string()),
            "created" => Key::from(account.created_at),
            "updated" => Key::from(account.updated_at),
            // ASCII only, as `lower` of the database does it.
            _ => Key::from(account.name.to_ascii_lowercase()),
        };
        (key, account.id.to_string())
    }))
}
