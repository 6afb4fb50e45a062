//! Choosing a password by a link: of somebody who was invited, and of somebody who forgot theirs.

use crate::account::{self, State};
use crate::error::IdentityError;
use crate::throttle::{self, Key};
use crate::{Identity, letter, password, session, workspace};
use bo_model::AccountId;
use bo_model::command::Actor;
use bo_web::Ctx;
use std::sync::Arc;

/// Sets the password of whoever holds an activation link; the link works once.
///
/// # Errors
/// [`IdentityError::NotFound`] for a link that does not work, [`IdentityError::BadInput`] for a weak password.
pub async fn activate(
    identity: &Arc<Identity>,
    ctx: &Ctx,
    code: &str,
    new: &str,
) -> Result<(), IdentityError> {
    let found = ctx.read(|tx| -> Result<_, IdentityError> {
        let Some(id) = session::activation(tx, code)? else { return Ok(None) };
        Ok(account::find(tx, id)?)
    })?;
    let account = found.ok_or(IdentityError::NotFound)?;
    password::check(new, &account.email, &account.name)
        .map_err(|sentence| IdentityError::BadInput(vec![("new_password".into(), sentence)]))?;
    let hash = identity.hash(new.to_owned()).await?;
    let code = code.to_owned();
    let organisation = home(ctx, account.id)?;
    let notice = identity.post("/forgot", letter::changed);
    ctx.write(move |tx| {
        // Asked again inside the transaction: of two that use the link at once, one finds it gone.
        let id = session::activation(tx, &code)?.ok_or(IdentityError::NotFound)?;
        tx.act_as(Actor::Account { id, name: account.name.clone() });
        account::set_password(tx, id, &hash, None)?;
        match &notice {
            // Somebody new needs no warning.
            Some(letter) if account.state == State::Active => letter.post(tx, &account, &organisation),
            _ => Ok(()),
        }
    })
    .await
}

/// The name of the workspace that letters to somebody come from.
fn home(ctx: &Ctx, id: AccountId) -> Result<String, IdentityError> {
    let spaces = ctx.read(|tx| workspace::of_account(tx, id))?;
    spaces.into_iter().next().map(|(_, name)| name).ok_or(IdentityError::NotFound)
}

/// Sends whoever asks a link for a new password, if the address is somebody's. What is answered is the same if it is not.
///
/// # Errors
/// [`IdentityError::TooMany`].
pub async fn forgot(identity: &Arc<Identity>, ctx: &Ctx, email: &str) -> Result<(), IdentityError> {
    let email = account::fold_email(email);
    let keys = vec![Key::Email(format!("forgot {email}")), Key::Address(ctx.address().to_owned())];
    let (wait, found) = ctx.read(|tx| -> Result<_, IdentityError> {
        Ok((throttle::wait(tx, &keys)?, account::addressed(tx, &email)?))
    })?;
    if let Some(seconds) = wait {
        return Err(IdentityError::TooMany(seconds));
    }
    let secret = session::secret();
    let (hash, path) = (session::digest(&secret), letter::path(&secret));
    let to = found.filter(|account| account.state != State::Disabled);
    let mut post = None;
    if let Some(account) = to {
        let organisation = home(ctx, account.id)?;
        let fresh = account.state == State::Invited;
        let (words, life): (letter::Words, _) =
            if fresh { (letter::activation, session::ACTIVATION) } else { (letter::reset, session::RESET) };
        post = identity.post(&path, words).map(|letter| (letter, account, organisation, life));
    }
    ctx.write(move |tx| -> Result<(), IdentityError> {
        tx.unaudited("asking for a new password changes nothing by itself");
        throttle::fail(tx, &keys)?;
        if let Some((letter, account, organisation, life)) = &post {
            session::add_link(tx, account.id, &hash, *life)?;
            letter.post(tx, account, organisation)?;
        }
        Ok(())
    })
    .await
}
