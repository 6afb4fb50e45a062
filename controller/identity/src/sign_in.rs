//! Signing in with a password and a code, by browser or by API; setting up the installation.

use crate::Identity;
use crate::account::{self, State};
use crate::error::IdentityError;
use crate::session::{self, NewSession};
use crate::throttle::{self, Key};
use crate::workspace::{self, First, NewWorkspace};
use crate::{domain, passkey, password, second_factor};
use bo_db::audit::Outcome;
use bo_db::{DbError, Event, Tx};
use bo_model::command::Actor;
use bo_model::{AccountId, Kind, Object, SessionId, WorkspaceId};
use bo_web::{Ctx, WebError};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Somebody who has just signed in: the secret goes into the cookie and nowhere else.
pub struct SignedIn {
    /// The cookie's value.
    pub secret: String,
    /// Who.
    pub account: AccountId,
    /// Their name.
    pub name: String,
}

/// What the right password leads to.
pub enum Step {
    /// In.
    In(SignedIn),
    /// A code of their app is asked for; holds the secret that says whose.
    Code(String),
}

/// Somebody who signed in with a password must enter a code within this.
const PENDING: Duration = Duration::from_secs(5 * 60);
/// How long a session counts as just opened.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// Signs in. Any session the request came with is closed, and the new one has a new secret.
///
/// # Errors
/// [`IdentityError::WrongPassword`] and [`IdentityError::TooMany`], the same for accounts that exist and that don't.
pub async fn sign_in(
    identity: &Arc<Identity>,
    ctx: &Ctx,
    email: &str,
    password: &str,
) -> Result<Step, IdentityError> {
    let host = ctx.header("host").to_owned();
    if !ctx.read(|tx| domain::offered(tx, &host))?.0 {
        return Err(IdentityError::NotAllowed("Passwords are not taken here. Sign in at a provider.".into()));
    }
    let email_key = Key::Email(account::fold_email(email));
    let keys = vec![email_key.clone(), Key::Address(ctx.address().to_owned())];
    let (wait, found) = ctx.read(|tx| -> Result<_, IdentityError> {
        Ok((throttle::wait(tx, &keys)?, account::by_email(tx, email)?))
    })?;
    if let Some(seconds) = wait {
        return Err(IdentityError::TooMany(seconds));
    }
    let stored = found.as_ref().map(|(_, hash)| hash.clone());
    let fits = identity.verify(password.to_owned(), stored).await?;
    let account = found.map(|(account, _)| account);
    match account.filter(|account| fits && account.state == State::Active) {
        Some(account) if ctx.read(|tx| second_factor::is_on(tx, account.id))? => {
            let (secret, id) = (session::secret(), account.id);
            let hash = session::digest(&secret);
            ctx.write(move |tx| pend(tx, id, &hash)).await?;
            Ok(Step::Code(secret))
        }
        Some(account) => Ok(Step::In(
            open(identity, ctx, account, Proof { forget: Some(email_key), ..Proof::default() }).await?,
        )),
        None => {
            refuse(ctx, email, keys).await?;
            Err(IdentityError::WrongPassword)
        }
    }
}

fn pend(tx: &mut Tx, account: AccountId, secret_hash: &str) -> Result<(), IdentityError> {
    tx.unaudited("half a sign-in; the whole one, or its refusal, is in the log");
    let now = tx.now();
    tx.execute("DELETE FROM pending_sign_in WHERE expires_at < ?1", bo_db::params![now])?;
    tx.execute(
        "INSERT INTO pending_sign_in (secret_hash, account, expires_at) VALUES (?1, ?2, ?3)",
        bo_db::params![secret_hash, account, now.after(PENDING)],
    )?;
    Ok(())
}

/// Whose first half that was, while it waits for the second.
pub(crate) fn pending(tx: &mut Tx, secret_hash: &str) -> Result<Option<AccountId>, DbError> {
    let now = tx.now();
    let sql = "SELECT account FROM pending_sign_in WHERE secret_hash = ?1 AND expires_at > ?2";
    tx.query_opt(sql, bo_db::params![secret_hash, now], |row| row.get(0))
}

/// What somebody can prove themselves with besides the password.
#[derive(Clone, Copy, Default)]
pub(crate) struct Proofs {
    /// A code of their app.
    pub app: bool,
    /// A passkey.
    pub passkey: bool,
}

/// What is asked for in the second half.
pub(crate) fn second_proofs(tx: &mut Tx, secret: &str) -> Result<Proofs, DbError> {
    let Some(id) = pending(tx, &session::digest(secret))? else { return Ok(Proofs::default()) };
    let passkey = passkey::store::of_account(tx, id)?.iter().any(|passkey| !passkey.stopped);
    Ok(Proofs { app: second_factor::has_app(tx, id)?, passkey })
}

/// The second half: a code of the app, for whoever holds the secret of the first.
///
/// # Errors
/// [`IdentityError::NotFound`] when the first half is too long ago, [`IdentityError::BadInput`] on `code`, [`IdentityError::TooMany`].
pub async fn enter_code(
    identity: &Arc<Identity>,
    ctx: &Ctx,
    secret: &str,
    code: &str,
) -> Result<SignedIn, IdentityError> {
    let hash = session::digest(secret);
    let found = ctx.read(|tx| -> Result<_, IdentityError> {
        match pending(tx, &hash)? {
            Some(id) => Ok(account::find(tx, id)?.filter(|account| account.state == State::Active)),
            None => Ok(None),
        }
    })?;
    let account = found.ok_or(IdentityError::NotFound)?;
    // Counted apart from passwords, so that a right password does not buy new guesses.
    let keys = vec![Key::Email(format!("code {}", account.id)), Key::Address(ctx.address().to_owned())];
    if let Some(seconds) = ctx.read(|tx| throttle::wait(tx, &keys))? {
        return Err(IdentityError::TooMany(seconds));
    }
    let (id, typed) = (account.id, code.to_owned());
    let taken = ctx
        .write(move |tx| -> Result<bool, IdentityError> {
            tx.unaudited("the sign-in that follows, or its refusal, is in the log");
            Ok(second_factor::take(tx, id, &typed)?)
        })
        .await?;
    if taken {
        let proof = Proof { forget: keys.into_iter().next(), pending: Some(hash), ..Proof::default() };
        return open(identity, ctx, account, proof).await;
    }
    ctx.write(move |tx| -> Result<(), IdentityError> {
        throttle::fail(tx, &keys)?;
        let event = Event::new("session.open", Object::new(Kind::ACCOUNT, id)).by(Actor::Anonymous);
        tx.audit(event.outcome(Outcome::Denied, "wrong code, or one that was taken before"));
        Ok(())
    })
    .await?;
    Err(IdentityError::BadInput(vec![(
        "code".into(),
        "is not right, or was used already; wait for the next one".into(),
    )]))
}

async fn refuse(ctx: &Ctx, email: &str, keys: Vec<Key>) -> Result<(), IdentityError> {
    let email = email.to_owned();
    ctx.write(move |tx| {
        throttle::fail(tx, &keys)?;
        // The typed text is not kept when it is nobody's address: it may be a password in the wrong field.
        let known = account::by_email(tx, &email)?;
        let (object, name) = match &known {
            Some((account, _)) => (Object::new(Kind::ACCOUNT, account.id), account.name.as_str()),
            None => (Object::new(Kind::ACCOUNT, "unknown"), ""),
        };
        let event = Event::new("session.open", object).name(name).by(Actor::Anonymous);
        tx.audit(event.outcome(Outcome::Denied, "wrong mail address or password"));
        Ok(())
    })
    .await
}

/// How somebody proved who they are, and what follows from it.
#[derive(Default)]
pub(crate) struct Proof {
    /// Failures to forget.
    pub forget: Option<Key>,
    /// The first half of the sign-in, to be ended.
    pub pending: Option<String>,
    /// Where the session begins; the first of their workspaces when nothing says.
    pub workspace: Option<WorkspaceId>,
    /// The one workspace whose provider said so: the session reaches that alone.
    pub only: Option<WorkspaceId>,
}

/// Opens a session for somebody who proved who they are.
pub(crate) async fn open(
    identity: &Arc<Identity>,
    ctx: &Ctx,
    account: account::Account,
    proof: Proof,
) -> Result<SignedIn, IdentityError> {
    let secret = session::secret();
    let id: SessionId = ctx.make_id();
    let previous = ctx.viewer().map(|viewer| (viewer.session, viewer.account));
    let (hash, address, agent) =
        (session::digest(&secret), ctx.address().to_owned(), ctx.header("user-agent").to_owned());
    let lifetimes = identity.settings.lifetimes;
    let (who, name, host) = (account.id, account.name.clone(), ctx.header("host").to_owned());
    ctx.write(move |tx| -> Result<(), IdentityError> {
        let mut spaces = workspace::of_account(tx, account.id)?;
        spaces.retain(|(id, _)| proof.only.is_none_or(|only| only == *id));
        let wanted = match domain::admit(tx, &host, account.id)? {
            domain::Begin::Only(workspace) => Some(workspace),
            domain::Begin::In(workspace) => proof.workspace.or(Some(workspace)),
            domain::Begin::Anywhere => proof.workspace,
        };
        let named = spaces.iter().find(|(id, _)| Some(*id) == wanted);
        let Some((space, _)) = named.or(spaces.first()) else {
            return Err(IdentityError::NotAllowed(
                "You are a member of no workspace. Ask an administrator to add you.".into(),
            ));
        };
        if let Some((previous, owner)) = previous {
            session::close(tx, previous, owner)?;
        }
        let new = NewSession {
            id,
            account: account.id,
            workspace: *space,
            secret_hash: hash.clone(),
            address: address.clone(),
            agent: agent.clone(),
            confined: proof.only.is_some(),
        };
        session::open(tx, &new, lifetimes)?;
        if let Some(key) = &proof.forget {
            throttle::clear(tx, key)?;
        }
        if let Some(hash) = &proof.pending {
            tx.execute("DELETE FROM pending_sign_in WHERE secret_hash = ?1", bo_db::params![hash])?;
        }
        let now = tx.now();
        tx.execute("UPDATE account SET signed_in_at = ?2 WHERE id = ?1", bo_db::params![account.id, now])?;
        let actor = Actor::Account { id: account.id, name: account.name.clone() };
        let event = Event::new("session.open", Object::new(Kind::SESSION, id)).by(actor).workspace(*space);
        tx.audit(match proof.only {
            Some(only) => event.after(json!({"only_in": only})),
            None => event,
        });
        Ok(())
    })
    .await?;
    Ok(SignedIn { secret, account: who, name })
}

const SETUP: &str = "setup_code_sha256";

/// The one-time code for setting up a fresh installation: printed by `serve`, asked for by `/setup`. `None` when there is
/// an account already. Each call makes a new code; the one before ends.
///
/// # Errors
/// When the database fails.
pub fn setup_code(tx: &mut Tx, code: &str) -> Result<bool, IdentityError> {
    if !workspace::is_empty(tx)? {
        return Ok(false);
    }
    tx.unaudited("the set-up code of an installation nobody uses yet");
    tx.set_kv(SETUP, session::digest(code).as_bytes())?;
    Ok(true)
}

/// What the set-up page sends.
pub struct Setup {
    /// The code.
    pub code: String,
    /// Name of the organisation.
    pub organisation: String,
    /// The owner's name.
    pub name: String,
    /// The owner's mail address.
    pub email: String,
    /// The owner's password.
    pub password: String,
}

/// Makes the first workspace and owner.
///
/// # Errors
/// [`IdentityError::BadInput`] with every wrong field, the code among them.
pub async fn set_up(identity: &Arc<Identity>, ctx: &Ctx, setup: Setup) -> Result<(), IdentityError> {
    let key = Key::Address(ctx.address().to_owned());
    if let Some(seconds) = ctx.read(|tx| throttle::wait(tx, std::slice::from_ref(&key)))? {
        return Err(IdentityError::TooMany(seconds));
    }
    let mut errors = account::check(&setup.name, &setup.email);
    if setup.organisation.trim().is_empty() {
        errors.push(("organisation".into(), "is required".into()));
    }
    if let Err(sentence) = password::check(&setup.password, &setup.email, &setup.name) {
        errors.push(("new_password".into(), sentence));
    }
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let first = First {
        workspace: NewWorkspace::ids(&ctx.app().ids),
        owner: ctx.make_id(),
        name: setup.organisation.trim().to_owned(),
        owner_name: setup.name.trim().to_owned(),
        owner_email: setup.email,
        password_hash: identity.hash(setup.password).await?,
    };
    let code = session::digest(setup.code.trim());
    let right = ctx
        .write(move |tx| -> Result<bool, IdentityError> {
            if tx.kv(SETUP)?.is_none_or(|stored| stored != code.as_bytes()) {
                throttle::fail(tx, std::slice::from_ref(&key))?;
                let event = Event::new("workspace.create", Object::new(Kind::WORKSPACE, "first"))
                    .by(Actor::Anonymous);
                tx.audit(event.outcome(Outcome::Denied, "wrong set-up code"));
                return Ok(false);
            }
            tx.act_as(Actor::Account { id: first.owner, name: first.owner_name.clone() });
            workspace::bootstrap(tx, &first)?;
            tx.set_kv(SETUP, b"used")?;
            Ok(true)
        })
        .await?;
    match right {
        true => Ok(()),
        false => Err(IdentityError::BadInput(vec![(
            "code".into(),
            "is not the code that the server printed".into(),
        )])),
    }
}

/// Checks the password of whoever is signed in, before something that matters: counted like a sign-in.
///
/// # Errors
/// [`IdentityError::BadInput`] on `field`.
pub async fn confirm(
    identity: &Arc<Identity>,
    ctx: &Ctx,
    password: &str,
    field: &str,
) -> Result<(), WebError> {
    let (email, id) = ctx.who().map(|viewer| (viewer.email.clone(), viewer.account))?;
    let key = vec![Key::Email(email.clone())];
    let (wait, stored) = ctx.read(|tx| -> Result<_, IdentityError> {
        Ok((throttle::wait(tx, &key)?, account::password_hash(tx, id)?))
    })?;
    if let Some(seconds) = wait {
        return Err(WebError::TooMany(seconds));
    }
    if stored.is_empty() {
        return fresh(ctx, field);
    }
    if identity.verify(password.to_owned(), Some(stored)).await? {
        return Ok(());
    }
    refuse(ctx, &email, key).await?;
    Err(WebError::field(field, "is not your password"))
}

/// Whoever has no password, because they sign in at a provider, proves it is them by having done so just now.
fn fresh(ctx: &Ctx, field: &str) -> Result<(), WebError> {
    let viewer = ctx.who()?;
    let sessions = ctx.read(|tx| session::of_account(tx, viewer.account))?;
    let opened =
        sessions.iter().find(|session| session.id == viewer.session).map(|session| session.created_at);
    match opened.is_some_and(|opened| ctx.now().since(opened) < FRESH) {
        true => Ok(()),
        false => Err(WebError::field(
            field,
            "is something you do not have. Sign out, sign in at your provider again, and come back within ten minutes",
        )),
    }
}
