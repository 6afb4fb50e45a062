//! Use cases of passkeys: making one, and signing in with one, alone or after the password.

use super::Site;
use super::ceremony::{self, Key, Refusal};
use super::store::{self, Passkey, PasskeyId};
use crate::account::{self, Account, State};
use crate::error::IdentityError;
use crate::sign_in::{self, Proof, SignedIn};
use crate::throttle::{self, Key as Counted};
use crate::{Identity, domain, letter, session};
use bo_db::audit::Outcome;
use bo_db::{Event, Tx};
use bo_model::command::Actor;
use bo_model::{Kind, Object};
use bo_web::Ctx;
use serde_json::Value as Json;
use std::sync::Arc;

/// What a question about a new passkey is tied to: the session of whoever asked.
fn binding(ctx: &Ctx) -> Result<String, IdentityError> {
    let viewer = ctx.who().map_err(|_| IdentityError::NotFound)?;
    Ok(format!("new passkey {}", viewer.session))
}

/// Asks the browser of whoever is signed in for a new passkey. That they may has been confirmed.
///
/// # Errors
/// [`IdentityError::NotAllowed`] where passkeys can't be used, [`IdentityError::BadInput`].
pub async fn ask_new(identity: &Identity, ctx: &Ctx, name: &str) -> Result<Json, IdentityError> {
    let (site, binding) = (Site::of(identity, ctx)?, binding(ctx)?);
    let viewer = ctx.who().map_err(|_| IdentityError::NotFound)?;
    let has = ctx.read(|tx| -> Result<_, IdentityError> {
        store::check_new(tx, viewer.account, name)?;
        Ok(store::of_account(tx, viewer.account)?)
    })?;
    let has: Vec<Key> = has.into_iter().filter(|key| key.site == site.id).map(|key| key.key).collect();
    let asked = ceremony::ask_new(&site, viewer.account, (&viewer.email, &viewer.name), &has)?;
    let (id, state) = (site.id, asked.state);
    ctx.write(move |tx| store::ask(tx, &binding, &id, &state)).await?;
    Ok(asked.options)
}

/// Stores the passkey that the browser made.
///
/// # Errors
/// [`IdentityError::BadInput`] when the answer does not hold.
pub async fn add(
    identity: &Identity,
    ctx: &Ctx,
    name: &str,
    answer: &Json,
) -> Result<PasskeyId, IdentityError> {
    let (site, binding) = (Site::of(identity, ctx)?, binding(ctx)?);
    let at = site.id.clone();
    let state = ctx.write(move |tx| store::take(tx, &binding, &at)).await?;
    let key = ceremony::take_new(&site, &state, answer)?;
    let (id, account, name) =
        (ctx.make_id(), ctx.who().map_err(|_| IdentityError::NotFound)?.account, name.to_owned());
    let notice = identity.post("/account/security", letter::passkey_added);
    let organisation = ctx.who().map(|viewer| viewer.workspace_name.clone()).unwrap_or_default();
    ctx.write(move |tx| {
        store::add(tx, (id, account), (&name, &site.id), &key)?;
        match (&notice, account::find(tx, account)?) {
            (Some(letter), Some(owner)) => letter.post(tx, &owner, &organisation),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(id)
}

/// Asks a browser for any passkey of this site. The secret it answers belongs into a cookie: only that browser can answer.
///
/// # Errors
/// [`IdentityError::NotAllowed`] where passkeys are not taken, [`IdentityError::TooMany`].
pub async fn ask_any(identity: &Identity, ctx: &Ctx) -> Result<(Json, String), IdentityError> {
    let site = Site::of(identity, ctx)?;
    let host = ctx.header("host").to_owned();
    let key = Counted::Address(ctx.address().to_owned());
    let (taken, wait) = ctx.read(|tx| -> Result<_, IdentityError> {
        Ok((domain::offered(tx, &host)?.0, throttle::wait(tx, std::slice::from_ref(&key))?))
    })?;
    if !taken {
        let text = "Passkeys are not taken here. Sign in at a provider.";
        return Err(IdentityError::NotAllowed(text.into()));
    }
    if let Some(seconds) = wait {
        return Err(IdentityError::TooMany(seconds));
    }
    let (asked, secret) = (ceremony::ask_any(&site)?, session::secret());
    let (cookie, state) = (secret.clone(), asked.state);
    ctx.write(move |tx| store::ask(tx, &secret, &site.id, &state)).await?;
    Ok((asked.options, cookie))
}

/// Signs in with the passkey a browser answered with. `pending` is the first half of a sign-in with a password, if it began so.
///
/// # Errors
/// [`IdentityError::BadInput`] with one sentence for all that can be wrong with it, [`IdentityError::TooMany`].
pub async fn sign_in(
    identity: &Arc<Identity>,
    ctx: &Ctx,
    secret: &str,
    answer: &Json,
    pending: &str,
) -> Result<SignedIn, IdentityError> {
    let site = Site::of(identity, ctx)?;
    let (at, secret) = (site.id.clone(), secret.to_owned());
    let state = ctx.write(move |tx| store::take(tx, &secret, &at)).await?;
    let claimed = ceremony::read(answer)?;
    let (found, account, first) = ctx.read(|tx| -> Result<_, IdentityError> {
        let first = match pending {
            "" => None,
            secret => Some(sign_in::pending(tx, &session::digest(secret))?.ok_or(IdentityError::NotFound)?),
        };
        let found = store::find(tx, claimed.account, &claimed.credential)?;
        Ok((found, account::find(tx, claimed.account)?, first))
    })?;
    let found = found.filter(|passkey| passkey.site == site.id);
    let Some((passkey, account)) = found.zip(account) else {
        return refuse(ctx, None, "an unknown passkey").await;
    };
    if passkey.stopped {
        return refuse(ctx, Some(&account), "a passkey that was stopped").await;
    }
    if account.state != State::Active || first.is_some_and(|first| first != account.id) {
        return refuse(ctx, Some(&account), "a passkey of somebody who can't sign in with it here").await;
    }
    match ceremony::check(&site, &state, &claimed, &passkey.key) {
        Ok(state) => {
            let id = passkey.id;
            ctx.write(move |tx| -> Result<(), IdentityError> {
                tx.unaudited("a passkey's counter; the sign-in that follows is in the log");
                Ok(store::used(tx, id, &state)?)
            })
            .await?;
            let pending = first.map(|_| session::digest(pending));
            sign_in::open(identity, ctx, account, Proof { pending, ..Proof::default() }).await
        }
        Err(Refusal::Copied) => {
            copied(ctx, passkey).await?;
            refuse(ctx, Some(&account), "a passkey whose counter went back").await
        }
        Err(Refusal::Wrong(why)) => refuse(ctx, Some(&account), &why).await,
    }
}

async fn copied(ctx: &Ctx, passkey: Passkey) -> Result<(), IdentityError> {
    ctx.write(move |tx: &mut Tx| -> Result<(), IdentityError> {
        tx.act_as(Actor::Anonymous);
        Ok(store::stop(tx, &passkey)?)
    })
    .await
}

/// Counts and notes a refusal; what is said of it is the same whatever it was.
async fn refuse<T>(ctx: &Ctx, account: Option<&Account>, why: &str) -> Result<T, IdentityError> {
    let keys = vec![Counted::Address(ctx.address().to_owned())];
    let object =
        Object::new(Kind::ACCOUNT, account.map_or("unknown".into(), |account| account.id.to_string()));
    let (name, why) = (account.map(|account| account.name.clone()).unwrap_or_default(), why.to_owned());
    ctx.write(move |tx| -> Result<(), IdentityError> {
        throttle::fail(tx, &keys)?;
        let event = Event::new("session.open", object.clone()).name(&name).by(Actor::Anonymous);
        tx.audit(event.outcome(Outcome::Denied, &why));
        Ok(())
    })
    .await?;
    let text = "This passkey signs nobody in here. It may have been removed; sign in another way.";
    Err(IdentityError::BadInput(vec![(String::new(), text.into())]))
}
