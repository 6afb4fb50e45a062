//! Accounts: people who can sign in, and the workspaces they are members of.

mod find;

pub use find::{addressed, by_email, find, find_all, find_member, member_by_email, members, password_hash};

use crate::ceiling::{self, Ceiling, CeilingKind};
use crate::error::IdentityError;
use crate::profile::{Profile, check_email};
use crate::workspace;
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, Time, WorkspaceId};
use bo_web::FieldErrors;
use serde::Serialize;
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

/// Whether somebody can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Has no password yet.
    Invited,
    /// Can sign in.
    Active,
    /// Can't, and has no session.
    Disabled,
}

impl State {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            State::Invited => "invited",
            State::Active => "active",
            State::Disabled => "disabled",
        }
    }

    fn from_word(word: &str) -> State {
        match word {
            "active" => State::Active,
            "invited" => State::Invited,
            _ => State::Disabled,
        }
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Where letters go, and what one signs in with once it was proved; case-folded.
    pub email: String,
    /// For people: the parts of the profile put together.
    pub name: String,
    /// How to address them.
    #[serde(flatten)]
    pub profile: Profile,
    /// Position.
    pub job: String,
    /// Telephone.
    pub phone: String,
    /// Whether they can sign in.
    pub state: State,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// When they last signed in.
    pub signed_in_at: Option<Time>,
}

/// What is needed for a new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Mail address, any case.
    pub email: String,
    /// Name.
    pub name: String,
    /// Position.
    pub job: String,
    /// Telephone.
    pub phone: String,
    /// Empty: they are invited and choose a password by a link.
    pub password_hash: String,
}

/// The address as it is stored and compared: in lower case, and signs with accents written one way.
pub fn fold_email(email: &str) -> String {
    email.trim().nfc().collect::<String>().to_lowercase()
}

/// Wrong fields of a name and address.
pub fn check(name: &str, email: &str) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if name.trim().is_empty() {
        errors.push(("name".into(), "is required".into()));
    }
    errors.extend(check_email(email));
    errors
}

/// Makes an account and its membership; the name is taken apart into first and last.
///
/// # Errors
/// As [`create_with`].
pub fn create(tx: &mut Tx, workspace: WorkspaceId, new: &NewAccount) -> Result<(), IdentityError> {
    let errors = check(&new.name, &new.email);
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    create_with(tx, workspace, new, &Profile::of_name(&new.name))
}

/// Makes an account with its personal workspace, and its membership of the workspace that looks after it. Without a password it waits
/// for whoever reads the address's mail: others may have an account with the same address, of which nobody here learns.
///
/// # Errors
/// [`IdentityError::BadInput`], among others on `email` when somebody here has the address.
pub fn create_with(
    tx: &mut Tx,
    workspace: WorkspaceId,
    new: &NewAccount,
    profile: &Profile,
) -> Result<(), IdentityError> {
    let mut errors = FieldErrors::new();
    errors.extend(check_email(&new.email));
    errors.extend(check_work(&new.job, &new.phone));
    let email = fold_email(&new.email);
    let proved = !new.password_hash.is_empty();
    if member_by_email(tx, workspace, &email)?.is_some() || (proved && by_email(tx, &email)?.is_some()) {
        errors.push(("email".into(), "belongs to somebody here already".into()));
    }
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let (state, login) = match proved {
        true => (State::Active, email.clone()),
        false => (State::Invited, format!("account:{}", new.id)),
    };
    let (now, name) = (tx.now(), profile.full_name());
    tx.execute(
        "INSERT INTO account (id, email, name, gender, first_name, middle_name, last_name, language, job, phone, state,
           password_hash, created_at, updated_at, home, address)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14, ?15)",
        params![
            new.id,
            login,
            &name,
            &profile.gender,
            &profile.first_name,
            &profile.middle_name,
            &profile.last_name,
            &profile.language,
            new.job.trim(),
            new.phone.trim(),
            state.word(),
            &new.password_hash,
            now,
            workspace.to_string(),
            &email
        ],
    )?;
    workspace::create_personal(tx, new.id)?;
    join(tx, workspace, new.id)?;
    tx.audit(
        Event::new("account.create", Object::new(Kind::ACCOUNT, new.id))
            .name(&name)
            .workspace(workspace)
            .after(json!({"profile": profile, "email": email, "job": new.job, "phone": new.phone, "state": state})),
    );
    Ok(())
}

/// Makes an account a member of a workspace. The record of it is the caller's.
///
/// # Errors
/// When the database fails.
pub fn join(tx: &mut Tx, workspace: WorkspaceId, id: AccountId) -> Result<(), DbError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO member (workspace, account, joined_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![workspace, id, now],
    )?;
    Ok(())
}

fn check_work(job: &str, phone: &str) -> FieldErrors {
    [("job", job, 120), ("phone", phone, 40)]
        .into_iter()
        .filter(|(_, text, longest)| text.chars().count() > *longest)
        .map(|(field, _, longest)| (field.to_owned(), format!("must be at most {longest} characters")))
        .collect()
}

/// Changes profile, position and telephone. The mail address stays: it is what one signs in with.
///
/// # Errors
/// [`IdentityError::BadInput`], [`IdentityError::NotFound`].
pub fn update(
    tx: &mut Tx,
    id: AccountId,
    profile: &Profile,
    job: &str,
    phone: &str,
) -> Result<(), IdentityError> {
    let before = find(tx, id)?.ok_or(IdentityError::NotFound)?;
    let errors = check_work(job, phone);
    if !errors.is_empty() {
        return Err(IdentityError::BadInput(errors));
    }
    let (now, name, job, phone) = (tx.now(), profile.full_name(), job.trim(), phone.trim());
    tx.execute(
        "UPDATE account SET name = ?2, gender = ?3, first_name = ?4, middle_name = ?5, last_name = ?6, language = ?7,
           job = ?8, phone = ?9, updated_at = ?10 WHERE id = ?1",
        params![
            id,
            &name,
            &profile.gender,
            &profile.first_name,
            &profile.middle_name,
            &profile.last_name,
            &profile.language,
            job,
            phone,
            now
        ],
    )?;
    let describe =
        |profile: &Profile, job: &str, phone: &str| json!({"profile": profile, "job": job, "phone": phone});
    tx.audit(
        Event::new("account.update", Object::new(Kind::ACCOUNT, id))
            .name(&name)
            .change(describe(&before.profile, &before.job, &before.phone), describe(profile, job, phone)),
    );
    Ok(())
}

/// Disables or enables an account. Disabling ends every session and token at once.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn set_enabled(tx: &mut Tx, id: AccountId, enabled: bool, reason: &str) -> Result<(), IdentityError> {
    let before = find(tx, id)?.ok_or(IdentityError::NotFound)?;
    let has_password = !password_hash(tx, id)?.is_empty();
    let state = match (enabled, has_password) {
        (false, _) => State::Disabled,
        (true, true) => State::Active,
        (true, false) => State::Invited,
    };
    let now = tx.now();
    tx.execute(
        "UPDATE account SET state = ?2, updated_at = ?3 WHERE id = ?1",
        params![id, state.word(), now],
    )?;
    let object = Object::new(Kind::ACCOUNT, id);
    if enabled {
        ceiling::lift(tx, &object, CeilingKind::Account)?;
    } else {
        end_access(tx, id)?;
        // Whoever asks the graph without a session, a gateway's release among them, gets the same answer.
        let (cap, reason) = (Level::None, "The account is disabled.".to_owned());
        let (kind, lifted_by) = (CeilingKind::Account, None);
        ceiling::put(tx, &Ceiling { object, kind, cap, lifted_by, deep: false, reason })?;
    }
    tx.audit(
        Event::new(
            if enabled { "account.enable" } else { "account.disable" },
            Object::new(Kind::ACCOUNT, id),
        )
        .name(&before.name)
        .change(json!({"state": before.state}), json!({"state": state}))
        .reason(reason),
    );
    Ok(())
}

/// Makes an account's address the one it signs in with: whoever holds it reads the address's mail.
///
/// # Errors
/// [`IdentityError::NotAllowed`] when another account signs in with it.
pub fn claim(tx: &mut Tx, id: AccountId) -> Result<(), IdentityError> {
    let sql =
        "SELECT 1 FROM account a JOIN account b ON b.email = a.address AND b.id <> a.id WHERE a.id = ?1";
    if tx.query_opt(sql, params![id], |_| Ok(()))?.is_some() {
        return Err(IdentityError::NotAllowed(
            "There is an account with this address. Sign in to accept.".into(),
        ));
    }
    tx.execute("UPDATE account SET email = address WHERE id = ?1", params![id])?;
    Ok(())
}

/// Whether somebody proved that an account's address is theirs.
///
/// # Errors
/// When the database fails.
pub fn is_proved(tx: &mut Tx, id: AccountId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM account WHERE id = ?1 AND email = address";
    Ok(tx.query_opt(sql, params![id], |_| Ok(()))?.is_some())
}

/// Sets a new password hash and ends all sessions but one.
///
/// # Errors
/// As [`claim`].
pub fn set_password(
    tx: &mut Tx,
    id: AccountId,
    hash: &str,
    keep: Option<bo_model::SessionId>,
) -> Result<(), IdentityError> {
    let before = find(tx, id)?.ok_or(IdentityError::NotFound)?;
    claim(tx, id)?;
    let now = tx.now();
    tx.execute(
        "UPDATE account SET password_hash = ?2, state = 'active', updated_at = ?3 WHERE id = ?1",
        params![id, hash, now],
    )?;
    let keep = keep.map(|id| id.to_string()).unwrap_or_default();
    tx.execute("DELETE FROM session WHERE account = ?1 AND id <> ?2", params![id, &keep])?;
    tx.execute("DELETE FROM activation WHERE account = ?1", params![id])?;
    tx.audit(Event::new("account.password", Object::new(Kind::ACCOUNT, id)).name(&before.name));
    Ok(())
}

fn end_access(tx: &mut Tx, id: AccountId) -> Result<(), DbError> {
    tx.execute("DELETE FROM session WHERE account = ?1", params![id])?;
    tx.execute("DELETE FROM api_token WHERE account = ?1", params![id])?;
    tx.execute("DELETE FROM activation WHERE account = ?1", params![id])?;
    Ok(())
}
