//! Which account a provider's subject is. A provider speaks for the people of its organisation and can claim anything: what it says
//! makes accounts of its organisation, and nobody signs in as somebody who was here before unless whoever reads their mail agrees. A
//! session it opens reaches its organisation alone ([`bo_web::Viewer::confined`]).

use super::flow::Claims;
use super::store::Provider;
use crate::account::{self, Account, NewAccount, State};
use crate::error::IdentityError;
use crate::letter::Letter;
use crate::profile::Profile;
use crate::relation::{self, Validity};
use crate::session::digest;
use crate::throttle::{self, Key};
use crate::{delegate, group};
use bo_db::audit::Outcome;
use bo_db::{DbError, Event, Tx, params};
use bo_model::command::Actor;
use bo_model::{AccountId, Kind, Object, ProviderId};
use serde_json::json;
use std::time::Duration;

/// The link of a letter works for this long.
const LINK: Duration = Duration::from_secs(3600);

/// What a provider's word leads to.
#[derive(Debug)]
pub enum Person {
    /// This account.
    Known(Account),
    /// Somebody with that address was here before the provider spoke of them: a letter asks them.
    Asked(Account),
}

/// What is needed to make somebody.
pub struct Fresh<'a> {
    /// Id of an account, if one is made.
    pub account: AccountId,
    /// Hash of the secret in the letter's link.
    pub secret_hash: &'a str,
    /// The letter that asks.
    pub letter: Option<&'a Letter>,
}

/// The account somebody is, by what the provider says: known from before, added by the organisation and waiting, or made now. Groups
/// that are mapped are set.
///
/// # Errors
/// [`IdentityError::ProviderRefused`] when they are nobody here.
pub fn resolve(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    fresh: &Fresh<'_>,
) -> Result<Person, IdentityError> {
    let known = tx.query_opt(
        "SELECT account FROM oidc_identity WHERE provider = ?1 AND subject = ?2",
        params![provider.id.to_string(), &claims.subject],
        |row| row.get::<AccountId>(0),
    )?;
    let id = match known {
        Some(id) => id,
        None => {
            let Some(email) = claims.email() else {
                return Err(refused(
                    "it does not vouch for your mail address, so we can't tell who you are.",
                ));
            };
            match account::member_by_email(tx, provider.workspace, email)? {
                Some(account) if account.state == State::Disabled => return Err(nobody()),
                Some(account) if account.state == State::Active => {
                    ask(tx, provider, claims, &account, fresh)?;
                    return Ok(Person::Asked(account));
                }
                // Added by the organisation, and never here: it is the organisation's own.
                Some(account) => link(tx, provider, &claims.subject, account.id)?,
                // Whether the address has an account elsewhere is not looked at.
                None if provider.creates_accounts => {
                    create(tx, provider, claims, email, fresh.account)?;
                    link(tx, provider, &claims.subject, fresh.account)?
                }
                None => return Err(nobody()),
            }
        }
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
    Ok(Person::Known(account::find(tx, id)?.ok_or_else(nobody)?))
}

fn refused(why: &str) -> IdentityError {
    IdentityError::ProviderRefused(why.into())
}

fn nobody() -> IdentityError {
    refused("you have no account here. Ask an administrator for one.")
}

fn create(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    email: &str,
    id: AccountId,
) -> Result<(), IdentityError> {
    let (first, last) = (claims.text("given_name"), claims.text("family_name"));
    let name = if claims.text("name").is_empty() { email } else { claims.text("name") };
    let mut profile = Profile::of_name(name);
    if !first.is_empty() && !last.is_empty() {
        (profile.first_name, profile.last_name) = (first.to_owned(), last.to_owned());
    }
    let new = NewAccount {
        id,
        email: email.to_owned(),
        name: String::new(),
        job: String::new(),
        phone: String::new(),
        password_hash: String::new(),
    };
    account::create_with(tx, provider.workspace, &new, &profile)
}

fn link(tx: &mut Tx, provider: &Provider, subject: &str, id: AccountId) -> Result<AccountId, IdentityError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO oidc_identity (provider, subject, account, linked_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (provider, subject) DO UPDATE SET account = excluded.account, linked_at = excluded.linked_at",
        params![provider.id.to_string(), subject, id, now],
    )?;
    let event = Event::new("account.link", Object::new(Kind::ACCOUNT, id)).workspace(provider.workspace);
    tx.audit(event.after(json!({"provider": provider.name, "subject": subject})));
    Ok(id)
}

/// Sends the letter that asks whether the provider may sign somebody in.
fn ask(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    to: &Account,
    fresh: &Fresh<'_>,
) -> Result<(), IdentityError> {
    let key = [Key::Email(format!("link {}", to.email))];
    if let Some(seconds) = throttle::wait(tx, &key)? {
        return Err(IdentityError::TooMany(seconds));
    }
    throttle::fail(tx, &key)?;
    let now = tx.now();
    let old = "DELETE FROM oidc_link WHERE expires_at < ?1 OR (provider = ?2 AND account = ?3)";
    tx.execute(old, params![now, provider.id.to_string(), to.id])?;
    tx.execute(
        "INSERT INTO oidc_link (secret_hash, provider, subject, account, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![fresh.secret_hash, provider.id.to_string(), &claims.subject, to.id, now.after(LINK)],
    )?;
    if let Some(letter) = fresh.letter {
        letter.post(tx, to, &provider.name)?;
    }
    let event = Event::new("account.link", Object::new(Kind::ACCOUNT, to.id)).workspace(provider.workspace);
    let about = json!({"provider": provider.name, "subject": claims.subject});
    tx.audit(
        event.after(about).by(Actor::Anonymous).outcome(Outcome::Denied, "they are asked by mail first"),
    );
    Ok(())
}

/// What the link of such a letter leads to, while it works: the provider, its name for them, and the account.
///
/// # Errors
/// When the database fails.
pub fn asked(tx: &mut Tx, secret: &str) -> Result<Option<(Provider, String, Account)>, DbError> {
    let now = tx.now();
    let found = tx.query_opt(
        "SELECT provider, subject, account FROM oidc_link WHERE secret_hash = ?1 AND expires_at > ?2",
        params![digest(secret), now],
        |row| Ok((row.get::<ProviderId>(0)?, row.get::<String>(1)?, row.get::<AccountId>(2)?)),
    )?;
    let Some((provider, subject, id)) = found else { return Ok(None) };
    let Some(provider) = super::store::find(tx, provider)? else { return Ok(None) };
    let account = account::find_member(tx, provider.workspace, id)?;
    Ok(account.filter(|account| account.state == State::Active).map(|account| (provider, subject, account)))
}

/// Whoever reads an account's mail agrees that a provider signs them in. Answers the provider's name.
///
/// # Errors
/// [`IdentityError::NotFound`] for a link that does not work.
pub fn agree(tx: &mut Tx, secret: &str) -> Result<String, IdentityError> {
    let (provider, subject, account) = asked(tx, secret)?.ok_or(IdentityError::NotFound)?;
    tx.execute("DELETE FROM oidc_link WHERE secret_hash = ?1", params![digest(secret)])?;
    tx.act_as(Actor::Account { id: account.id, name: account.name.clone() });
    link(tx, &provider, &subject, account.id)?;
    Ok(provider.name)
}

/// The letter that asks.
pub fn words(name: &str, provider: &str, link: &str) -> (String, String) {
    (
        format!("May {provider} sign you in?"),
        format!(
            "Hello {name},\n\nsomebody, you we hope, has just signed in at {provider} with this mail address. You have an account already. Open this link if \
             {provider} may sign you in from now on:\n\n{link}\n\nIt works once, within an hour. If it was not you, do nothing: nobody got in.\n"
        ),
    )
}

fn follow_groups(
    tx: &mut Tx,
    provider: &Provider,
    claims: &Claims,
    account: &Account,
) -> Result<(), IdentityError> {
    let named = claims.words(&provider.group_claim);
    let subject = Object::new(Kind::ACCOUNT, account.id);
    let present = delegate::groups_of(tx, provider.workspace, account.id)?;
    for group in provider.group_map.values() {
        let wanted = provider.group_map.iter().any(|(word, id)| id == group && named.contains(word));
        let is_in = present.iter().any(|(id, _)| id == group);
        let object = Object::new(Kind::GROUP, group);
        let reason = format!("as {} says", provider.name);
        let verb = match (wanted, is_in) {
            (true, false) => {
                if let Some(why) = not_given(tx, provider, &object)? {
                    let event = Event::new("group.join", object).workspace(provider.workspace);
                    let about = json!({"subject": subject.as_str()});
                    tx.audit(event.after(about).reason(reason).outcome(Outcome::Denied, why));
                    continue;
                }
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
    group::only_one(tx, &subject)
}

/// Why a group is not given: whoever named the provider could not give it any more, or is gone.
fn not_given(tx: &mut Tx, provider: &Provider, group: &Object) -> Result<Option<String>, IdentityError> {
    let Some(by) = provider.named_by else { return Ok(None) };
    let active =
        account::find_member(tx, provider.workspace, by)?.is_some_and(|by| by.state == State::Active);
    if !active {
        return Ok(Some("whoever named the provider is not here any more".into()));
    }
    match delegate::could_assign(tx, by, group) {
        Ok(()) => Ok(None),
        Err(IdentityError::NotAllowed(why)) => Ok(Some(why)),
        Err(error) => Err(error),
    }
}
