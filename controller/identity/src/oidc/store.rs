//! What is kept of OpenID providers: who they are, sign-ins under way, and which account a subject is.

use super::flow::{Attempt, Claims};
use crate::account::{self, Account, NewAccount, State};
use crate::error::IdentityError;
use crate::profile::Profile;
use crate::relation::{self, Validity};
use crate::session::digest;
use crate::{member, workspace};
use bo_db::{DbError, Event, Row, Tx, Vault, params};
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
}

/// A provider to be.
pub type NewProvider = Provider;

const KIND: Kind = Kind("provider");
const COLUMNS: &str =
    "id, workspace, name, issuer, client_id, client_secret, group_claim, group_map, creates_accounts";

/// Where a provider's secret is sealed for.
fn place(id: ProviderId) -> String {
    format!("provider:{id}")
}

fn read(row: &Row<'_>, vault: &Vault) -> Result<Provider, DbError> {
    let id = row.get(0)?;
    Ok(Provider {
        id,
        workspace: row.get(1)?,
        name: row.get(2)?,
        issuer: row.get(3)?,
        client_id: row.get(4)?,
        client_secret: vault.open(&place(id), row.str(5)?)?,
        group_claim: row.get(6)?,
        group_map: row.json(7)?,
        creates_accounts: row.get::<i64>(8)? != 0,
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
    let secret = tx.vault()?.seal(&place(provider.id), &provider.client_secret)?;
    let (now, map) = (tx.now(), json!(provider.group_map).to_string());
    tx.execute(
        "INSERT INTO oidc_provider (id, workspace, name, issuer, client_id, client_secret, group_claim, group_map, creates_accounts, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, issuer = excluded.issuer, client_id = excluded.client_id,
           client_secret = excluded.client_secret, group_claim = excluded.group_claim, group_map = excluded.group_map,
           creates_accounts = excluded.creates_accounts",
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
            now
        ],
    )?;
    let event = Event::new("provider.save", Object::new(KIND, provider.id)).name(&provider.name);
    tx.audit(event.after(json!({
        "issuer": provider.issuer, "client_id": provider.client_id, "group_claim": provider.group_claim,
        "group_map": provider.group_map, "creates_accounts": provider.creates_accounts,
    })));
    Ok(())
}

/// Seals every secret that is not sealed under the newest key yet. How many there were.
///
/// # Errors
/// When a key is missing, or the database fails.
pub fn reseal(tx: &mut Tx) -> Result<usize, DbError> {
    let vault = tx.vault()?;
    let mut old = tx.query("SELECT id, client_secret FROM oidc_provider", &[], |row| {
        Ok((row.get::<ProviderId>(0)?, row.get::<String>(1)?))
    })?;
    old.retain(|(_, stored)| !vault.is_current(stored));
    for (id, stored) in &old {
        let fresh = vault.seal(&place(*id), &vault.open(&place(*id), stored)?)?;
        tx.execute("UPDATE oidc_provider SET client_secret = ?2 WHERE id = ?1", params![id, fresh])?;
    }
    Ok(old.len())
}

/// Removes a provider; who signed in there keeps their account.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn remove(tx: &mut Tx, workspace: WorkspaceId, id: ProviderId) -> Result<(), IdentityError> {
    let found = find(tx, id)?.filter(|provider| provider.workspace == workspace);
    let provider = found.ok_or(IdentityError::NotFound)?;
    tx.execute("DELETE FROM oidc_identity WHERE provider = ?1", params![id.to_string()])?;
    tx.execute("DELETE FROM oidc_provider WHERE id = ?1", params![id])?;
    tx.audit(Event::new("provider.remove", Object::new(KIND, id)).name(provider.name));
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

/// The account somebody is, by what the provider says: known from before, found by an address it vouches for, or made now.
/// Groups that are mapped are set.
///
/// # Errors
/// [`IdentityError::ProviderRefused`] when they are nobody here.
pub fn resolve(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    fresh: AccountId,
) -> Result<Account, IdentityError> {
    let known = tx.query_opt(
        "SELECT account FROM oidc_identity WHERE provider = ?1 AND subject = ?2",
        params![provider.id.to_string(), &claims.subject],
        |row| row.get::<AccountId>(0),
    )?;
    let id = match known {
        Some(id) => id,
        None => first_time(tx, provider, claims, fresh)?,
    };
    let account = account::find_member(tx, provider.workspace, id)?.ok_or_else(nobody)?;
    if account.state == State::Disabled {
        return Err(nobody());
    }
    if account.state == State::Invited {
        tx.execute("UPDATE account SET state = 'active' WHERE id = ?1", params![id])?;
        tx.execute("DELETE FROM activation WHERE account = ?1", params![id])?;
    }
    follow_groups(tx, provider, claims, &account)?;
    account::find(tx, id)?.ok_or_else(nobody)
}

fn nobody() -> IdentityError {
    IdentityError::ProviderRefused("you have no account here. Ask an administrator for one.".into())
}

fn first_time(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    fresh: AccountId,
) -> Result<AccountId, IdentityError> {
    let Some(email) = claims.email() else {
        return Err(IdentityError::ProviderRefused(
            "it does not vouch for your mail address, so we can't tell who you are.".into(),
        ));
    };
    let id = match account::by_email(tx, email)? {
        Some((account, _)) => {
            // A provider speaks for the people of its workspace. Whoever belongs to others too could be taken over by it.
            let others = workspace::organisations_of(tx, account.id)?;
            if others.iter().any(|other| *other != provider.workspace) || others.is_empty() {
                return Err(nobody());
            }
            // Anybody can make an organisation, name a provider and invite somebody: that must not make their account its own.
            let home = member::home(tx, account.id)?;
            if workspace::operator(tx)? != Some(provider.workspace) && home != Some(provider.workspace) {
                return Err(nobody());
            }
            account.id
        }
        None if provider.creates_accounts => {
            let (first, last) = (claims.text("given_name"), claims.text("family_name"));
            let name = if claims.text("name").is_empty() { email } else { claims.text("name") };
            let mut profile = Profile::of_name(name);
            if !first.is_empty() && !last.is_empty() {
                (profile.first_name, profile.last_name) = (first.to_owned(), last.to_owned());
            }
            let new = NewAccount {
                id: fresh,
                email: email.to_owned(),
                name: String::new(),
                job: String::new(),
                phone: String::new(),
                password_hash: String::new(),
            };
            account::create_with(tx, provider.workspace, &new, &profile)?;
            fresh
        }
        None => return Err(nobody()),
    };
    let now = tx.now();
    tx.execute(
        "INSERT INTO oidc_identity (provider, subject, account, linked_at) VALUES (?1, ?2, ?3, ?4)",
        params![provider.id.to_string(), &claims.subject, id, now],
    )?;
    let event = Event::new("account.link", Object::new(Kind::ACCOUNT, id));
    tx.audit(event.after(json!({"provider": provider.name, "subject": claims.subject})));
    Ok(id)
}

fn follow_groups(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    account: &Account,
) -> Result<(), IdentityError> {
    let named = claims.words(&provider.group_claim);
    let subject = Object::new(Kind::ACCOUNT, account.id);
    let present = crate::delegate::groups_of(tx, provider.workspace, account.id)?;
    for group in provider.group_map.values() {
        let wanted = provider.group_map.iter().any(|(word, id)| id == group && named.contains(word));
        let is_in = present.iter().any(|(id, _)| id == group);
        let object = Object::new(Kind::GROUP, group);
        let reason = format!("as {} says", provider.name);
        let verb = match (wanted, is_in) {
            (true, false) => {
                relation::join(tx, &subject, &object, Validity::ALWAYS, &reason)?;
                "group.join"
            }
            (false, true) => {
                relation::leave(tx, &subject, &object)?;
                "group.leave"
            }
            _ => continue,
        };
        tx.audit(Event::new(verb, object).after(json!({"subject": subject.as_str()})).reason(reason));
    }
    crate::group::only_one(tx, &subject)
}
