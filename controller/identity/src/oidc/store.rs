//! What is kept of OpenID providers: who they are, and sign-ins under way.

use super::flow::Attempt;
use crate::error::IdentityError;
use crate::session::digest;
use bo_db::{DbError, Event, Row, SealedColumn, Tx, Vault, params};
use bo_model::{AccountId, GroupId, Kind, Object, ProviderId, WorkspaceId};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Somebody must come back from the provider within this.
const UNDER_WAY: Duration = Duration::from_secs(10 * 60);

/// A provider of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// Whose people sign in there.
    pub workspace: WorkspaceId,
    /// On the button.
    pub name: String,
    /// Its address, which is also its name in tokens.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our password there.
    pub client_secret: String,
    /// The claim that lists groups; empty for none.
    pub group_claim: String,
    /// Its groups to ours. Membership of these groups follows the provider at each sign-in.
    pub group_map: BTreeMap<String, GroupId>,
    /// Whether people it vouches for get an account when they first come.
    pub creates_accounts: bool,
    /// Who named it: its groups are given only while they could give them. Of providers from before that was kept: nobody.
    pub named_by: Option<AccountId>,
}

/// A provider to be.
pub type NewProvider = Provider;

const KIND: Kind = Kind("provider");
const COLUMNS: &str = "id, workspace, name, issuer, client_id, client_secret, group_claim, group_map, creates_accounts, named_by";

/// Secrets of providers.
pub(crate) const SECRETS: SealedColumn =
    SealedColumn { table: "oidc_provider", key: "id", column: "client_secret", place: "provider:" };

fn read(row: &Row<'_>, vault: &Vault) -> Result<Provider, DbError> {
    let id = row.get(0)?;
    Ok(Provider {
        id,
        workspace: row.get(1)?,
        name: row.get(2)?,
        issuer: row.get(3)?,
        client_id: row.get(4)?,
        client_secret: SECRETS.open(vault, id, row.str(5)?)?,
        group_claim: row.get(6)?,
        group_map: row.json(7)?,
        creates_accounts: row.get::<i64>(8)? != 0,
        named_by: row.str(9)?.parse().ok(),
    })
}

/// All providers of a workspace, by name.
///
/// # Errors
/// When the database fails.
pub fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Provider>, DbError> {
    let sql =
        format!("SELECT {COLUMNS} FROM oidc_provider WHERE workspace = ?1 ORDER BY lower(name), id LIMIT 50");
    let vault = tx.vault()?;
    tx.query(&sql, params![workspace], |row| read(row, &vault))
}

/// One provider.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, id: ProviderId) -> Result<Option<Provider>, DbError> {
    let vault = tx.vault()?;
    let sql = format!("SELECT {COLUMNS} FROM oidc_provider WHERE id = ?1");
    tx.query_opt(&sql, params![id], |row| read(row, &vault))
}

/// Stores a provider, new or changed.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn put(tx: &mut Tx, provider: &Provider) -> Result<(), IdentityError> {
    let mut errors = Vec::new();
    for (field, text) in [
        ("name", &provider.name),
        ("client_id", &provider.client_id),
        ("client_secret", &provider.client_secret),
    ] {
        if text.trim().is_empty() || text.len() > 500 {
            errors.push((field.to_owned(), "is required, at most 500 characters".to_owned()));
        }
    }
    if super::flow::safe(&provider.issuer).is_none() {
        errors.push(("issuer".into(), "must be an address that begins with https://".into()));
    }
    for group in provider.group_map.values() {
        if crate::group::find(tx, provider.workspace, *group)?.is_none_or(|group| group.builtin == "everyone")
        {
            errors.push(("group_map".into(), "names a group that is not here".into()));
        }
    }
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let secret = SECRETS.seal(tx, provider.id, &provider.client_secret)?;
    let (now, map) = (tx.now(), json!(provider.group_map).to_string());
    tx.execute(
        "INSERT INTO oidc_provider (id, workspace, name, issuer, client_id, client_secret, group_claim, group_map, creates_accounts, created_at, named_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, issuer = excluded.issuer, client_id = excluded.client_id,
           client_secret = excluded.client_secret, group_claim = excluded.group_claim, group_map = excluded.group_map,
           creates_accounts = excluded.creates_accounts, named_by = excluded.named_by",
        params![
            provider.id,
            provider.workspace,
            provider.name.trim(),
            provider.issuer.trim(),
            &provider.client_id,
            secret,
            &provider.group_claim,
            map,
            provider.creates_accounts,
            now,
            provider.named_by.map(|id| id.to_string()).unwrap_or_default()
        ],
    )?;
    let event = Event::new("provider.save", Object::new(KIND, provider.id)).name(&provider.name);
    tx.audit(event.after(json!({
        "issuer": provider.issuer, "client_id": provider.client_id, "group_claim": provider.group_claim,
        "group_map": provider.group_map, "creates_accounts": provider.creates_accounts,
    })));
    Ok(())
}

/// Removes a provider and ends what it opened; who signed in there keeps their account.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn remove(tx: &mut Tx, workspace: WorkspaceId, id: ProviderId) -> Result<(), IdentityError> {
    let found = find(tx, id)?.filter(|provider| provider.workspace == workspace);
    let provider = found.ok_or(IdentityError::NotFound)?;
    let ended = tx.execute(
        "DELETE FROM session WHERE only_in = ?1 AND account IN (SELECT account FROM oidc_identity WHERE provider = ?2)",
        params![workspace.to_string(), id.to_string()],
    )?;
    for table in ["oidc_identity", "oidc_link"] {
        tx.execute(&format!("DELETE FROM {table} WHERE provider = ?1"), params![id.to_string()])?;
    }
    tx.execute("DELETE FROM oidc_provider WHERE id = ?1", params![id])?;
    let event = Event::new("provider.remove", Object::new(KIND, id)).name(provider.name);
    tx.audit(event.after(json!({"sessions_ended": ended})));
    Ok(())
}

/// Keeps a sign-in that begins. `secret` is the cookie's value.
///
/// # Errors
/// When the database fails.
pub fn begin(tx: &mut Tx, provider: ProviderId, secret: &str, attempt: &Attempt) -> Result<(), DbError> {
    tx.unaudited("a sign-in under way; what it ends with is in the log");
    let now = tx.now();
    tx.execute("DELETE FROM oidc_sign_in WHERE expires_at < ?1", params![now])?;
    tx.execute(
        "INSERT INTO oidc_sign_in (secret_hash, provider, state, nonce, verifier, next, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            digest(secret),
            provider.to_string(),
            &attempt.state,
            &attempt.nonce,
            &attempt.verifier,
            &attempt.next,
            now.after(UNDER_WAY)
        ],
    )?;
    Ok(())
}

/// Takes the sign-in that a browser began: it can be ended once.
///
/// # Errors
/// When the database fails.
pub fn take(tx: &mut Tx, secret: &str) -> Result<Option<(ProviderId, Attempt)>, DbError> {
    tx.unaudited("a sign-in under way; what it ends with is in the log");
    let (now, hash) = (tx.now(), digest(secret));
    let found = tx.query_opt(
        "SELECT provider, state, nonce, verifier, next FROM oidc_sign_in WHERE secret_hash = ?1 AND expires_at > ?2",
        params![&hash, now],
        |row| {
            let attempt =
                Attempt { state: row.get(1)?, nonce: row.get(2)?, verifier: row.get(3)?, next: row.get(4)? };
            Ok((row.get(0)?, attempt))
        },
    )?;
    tx.execute("DELETE FROM oidc_sign_in WHERE secret_hash = ?1", params![&hash])?;
    Ok(found)
}
