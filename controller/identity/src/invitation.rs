//! Invitations: a letter with a link that lets whoever has that mail address join an organisation, once.
//!
//! Nobody learns from inviting whether an address has an account: the answer and the letter are the same. The link goes to
//! the address and to nobody else, so whoever holds it may be told.

use crate::account::{self, NewAccount, State};
use crate::delegate::{self, Rank};
use crate::error::IdentityError;
use crate::letter::Letter;
use crate::profile::{Profile, check_email};
use crate::relation::{self, Validity};
use crate::{group, organisation, session, waiting};
use bo_db::{DbError, Event, Row, Tx, params};
use bo_model::command::Actor;
use bo_model::{AccountId, GroupId, Kind, Object, Time, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

bo_model::ids! {
    /// An invitation.
    InvitationId
}
bo_db::id_columns!(InvitationId);

/// How long a link works.
pub const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// Letters to one address from one organisation within [`DAY`].
const PER_ADDRESS: i64 = 4;
/// Letters by one person within [`DAY`], in all their organisations.
const PER_PERSON: i64 = 100;
const DAY: Duration = Duration::from_secs(86_400);

const INVITATION: Kind = Kind("invitation");

/// An invitation that was not answered yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Into which organisation.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// Whom it is for.
    pub email: String,
    /// What they will be in.
    pub groups: Vec<GroupId>,
    /// Who wants them.
    #[serde(skip)]
    pub invited_by: AccountId,
    /// Their name.
    pub inviter: String,
    /// When the last letter was sent.
    pub sent_at: Time,
    /// From when the link no longer works.
    pub expires_at: Time,
}

/// An invitation as whoever holds its link sees it.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The invitation.
    pub invitation: Invitation,
    /// The organisation's name.
    pub organisation: String,
    /// State of the account with that address, if there is one.
    pub account: Option<State>,
}

const COLUMNS: &str = "i.id, i.workspace, i.email, i.groups, i.invited_by, a.name, i.sent_at, i.expires_at";

fn read(row: &Row<'_>) -> Result<Invitation, DbError> {
    Ok(Invitation {
        id: row.get(0)?,
        workspace: row.get(1)?,
        email: row.get(2)?,
        groups: row.json(3)?,
        invited_by: row.get(4)?,
        inviter: row.get(5)?,
        sent_at: row.get(6)?,
        expires_at: row.get(7)?,
    })
}

/// Invitations of a workspace that were not answered, newest first.
///
/// # Errors
/// When the database fails.
pub fn open(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Invitation>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM invitation i JOIN account a ON a.id = i.invited_by
         WHERE i.workspace = ?1 AND i.state = 'open' ORDER BY i.sent_at DESC, i.id LIMIT 500"
    );
    tx.query(&sql, params![workspace], read)
}

fn find(tx: &mut Tx, workspace: WorkspaceId, id: InvitationId) -> Result<Invitation, IdentityError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM invitation i JOIN account a ON a.id = i.invited_by
         WHERE i.id = ?1 AND i.workspace = ?2 AND i.state = 'open'"
    );
    tx.query_opt(&sql, params![id, workspace], read)?.ok_or(IdentityError::NotFound)
}

/// What somebody who invites sends.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whom.
    pub email: String,
    /// What they will be in.
    pub groups: Vec<GroupId>,
}

/// Invites somebody.
///
/// # Errors
/// [`IdentityError::BadInput`], also for who is a member already (whoever invites sees the members); what delegation refuses;
/// [`IdentityError::TooMany`].
pub fn invite(
    tx: &mut Tx,
    viewer: &Viewer,
    id: InvitationId,
    wanted: &Wanted,
    secret_hash: &str,
    letter: &Letter,
) -> Result<(), IdentityError> {
    organisation::is_one(tx, viewer.workspace)?;
    if let Some(error) = check_email(&wanted.email) {
        return Err(IdentityError::BadInput(vec![error]));
    }
    let email = account::fold_email(&wanted.email);
    let wrong = |text: &str| Err(IdentityError::BadInput(vec![("email".into(), text.into())]));
    if account::member_by_email(tx, viewer.workspace, &email)?.is_some() {
        return wrong("is a member already");
    }
    let sql = "SELECT 1 FROM invitation WHERE workspace = ?1 AND email = ?2 AND state = 'open'";
    if tx.query_opt(sql, params![viewer.workspace, &email], |_| Ok(()))?.is_some() {
        return wrong("was invited already; send the letter again instead");
    }
    for id in &wanted.groups {
        let (_, builtin) = delegate::group(tx, viewer.workspace, *id)?;
        if builtin != "everyone" {
            delegate::assign(tx, viewer, &Object::new(Kind::GROUP, id))?;
        }
    }
    throttle(tx, viewer, &email)?;
    let (now, groups) = (tx.now(), json!(wanted.groups).to_string());
    tx.execute(
        "INSERT INTO invitation (id, workspace, email, secret_hash, groups, invited_by, state, letters, created_at, sent_at, expires_at, ended_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', 1, ?7, ?7, ?8, 0)",
        params![id, viewer.workspace, &email, secret_hash, groups, viewer.account, now, now.after(LIFETIME)],
    )?;
    let object = Object::new(INVITATION, id);
    letter.post_to(tx, (&object, &email), viewer.workspace, (&viewer.name, &viewer.workspace_name));
    tx.audit(Event::new("invitation.send", object).name(&email).after(json!({"groups": wanted.groups})));
    Ok(())
}

/// Nobody is buried in letters, and nobody sends letters to the world.
fn throttle(tx: &mut Tx, viewer: &Viewer, email: &str) -> Result<(), IdentityError> {
    let since = Time(tx.now().0 - DAY.as_micros() as i64);
    let count = "SELECT COALESCE(CAST(SUM(letters) AS BIGINT), 0) FROM invitation WHERE sent_at > ?1";
    let sql = format!("{count} AND workspace = ?2 AND email = ?3");
    let to: i64 = tx.query_one(&sql, params![since, viewer.workspace, email], |row| row.get(0))?;
    let by: i64 =
        tx.query_one(&format!("{count} AND invited_by = ?2"), params![since, viewer.account], |row| {
            row.get(0)
        })?;
    if to >= PER_ADDRESS || by >= PER_PERSON {
        return Err(IdentityError::TooMany(3600));
    }
    Ok(())
}

/// Sends the letter again, with a new link; the one before ends.
///
/// # Errors
/// [`IdentityError::NotFound`], [`IdentityError::TooMany`].
pub fn resend(
    tx: &mut Tx,
    viewer: &Viewer,
    id: InvitationId,
    secret_hash: &str,
    letter: &Letter,
) -> Result<(), IdentityError> {
    let invitation = find(tx, viewer.workspace, id)?;
    for group in &invitation.groups {
        delegate::assign(tx, viewer, &Object::new(Kind::GROUP, group))?;
    }
    throttle(tx, viewer, &invitation.email)?;
    let now = tx.now();
    tx.execute(
        "UPDATE invitation SET secret_hash = ?2, letters = letters + 1, sent_at = ?3, expires_at = ?4, invited_by = ?5 WHERE id = ?1",
        params![id, secret_hash, now, now.after(LIFETIME), viewer.account],
    )?;
    let object = Object::new(INVITATION, id);
    let to = (&object, invitation.email.as_str());
    letter.post_to(tx, to, viewer.workspace, (&viewer.name, &viewer.workspace_name));
    tx.audit(Event::new("invitation.resend", object).name(&invitation.email));
    Ok(())
}

/// Takes an invitation back; its link ends.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn withdraw(tx: &mut Tx, viewer: &Viewer, id: InvitationId) -> Result<(), IdentityError> {
    let invitation = find(tx, viewer.workspace, id)?;
    end(tx, &invitation, "withdrawn")
}

/// Ends an open invitation; of two who do it at once, one finds it gone.
fn end(tx: &mut Tx, invitation: &Invitation, state: &'static str) -> Result<(), IdentityError> {
    let now = tx.now();
    let sql = "UPDATE invitation SET state = ?2, ended_at = ?3 WHERE id = ?1 AND state = 'open'";
    if tx.execute(sql, params![invitation.id, state, now])? == 0 {
        return Err(IdentityError::NotFound);
    }
    let verb = match state {
        "accepted" => "invitation.accept",
        "declined" => "invitation.decline",
        _ => "invitation.withdraw",
    };
    let object = Object::new(INVITATION, invitation.id);
    tx.audit(Event::new(verb, object).name(&invitation.email).workspace(invitation.workspace));
    Ok(())
}

/// The invitation a link stands for, while it works: not answered, not withdrawn, not too old, and whoever sent it may still
/// invite.
///
/// # Errors
/// When the database fails.
pub fn by_link(tx: &mut Tx, secret: &str) -> Result<Option<Offered>, IdentityError> {
    let now = tx.now();
    let sql = format!(
        "SELECT {COLUMNS}, w.name FROM invitation i JOIN account a ON a.id = i.invited_by JOIN workspace w ON w.id = i.workspace
         WHERE i.secret_hash = ?1 AND i.state = 'open' AND i.expires_at > ?2"
    );
    let found = tx.query_opt(&sql, params![session::digest(secret), now], |row| {
        Ok((read(row)?, row.get::<String>(8)?))
    })?;
    let Some((invitation, organisation)) = found else { return Ok(None) };
    let inviter = account::find_member(tx, invitation.workspace, invitation.invited_by)?;
    let active = inviter.is_some_and(|inviter| inviter.state == State::Active);
    if !active || delegate::rank(tx, invitation.invited_by, invitation.workspace)? < Rank::Admin {
        return Ok(None);
    }
    let account = account::by_email(tx, &invitation.email)?.map(|(account, _)| account.state);
    Ok(Some(Offered { invitation, organisation, account }))
}

/// Says no.
///
/// # Errors
/// [`IdentityError::NotFound`] for a link that does not work.
pub fn decline(tx: &mut Tx, secret: &str) -> Result<(), IdentityError> {
    let offered = by_link(tx, secret)?.ok_or(IdentityError::NotFound)?;
    end(tx, &offered.invitation, "declined")
}

/// Joins the organisation with the account one is signed in with, which must have the invited address.
///
/// # Errors
/// [`IdentityError::NotFound`] for a link that does not work, [`IdentityError::NotAllowed`] for another address.
pub fn accept(tx: &mut Tx, secret: &str, viewer: &Viewer) -> Result<WorkspaceId, IdentityError> {
    let offered = by_link(tx, secret)?.ok_or(IdentityError::NotFound)?;
    if offered.invitation.email != viewer.email {
        let text = format!("This invitation is for {}.", offered.invitation.email);
        return Err(IdentityError::NotAllowed(text));
    }
    waiting::proved(tx, viewer.account)?;
    join(tx, &offered, viewer.account)
}

/// Makes the account with the invited address, with a password, and joins. An account that waits for its first password gets
/// this one: whoever reads the address's mail is its owner.
///
/// # Errors
/// [`IdentityError::NotFound`] for a link that does not work, [`IdentityError::BadInput`]; [`IdentityError::NotAllowed`] when there is an
/// account in use: it has a password already.
pub fn accept_as_new(
    tx: &mut Tx,
    secret: &str,
    id: AccountId,
    profile: &Profile,
    password_hash: &str,
) -> Result<(AccountId, WorkspaceId), IdentityError> {
    let offered = by_link(tx, secret)?.ok_or(IdentityError::NotFound)?;
    let email = offered.invitation.email.clone();
    tx.act_as(Actor::Account { id, name: profile.full_name() });
    let waiting = account::member_by_email(tx, offered.invitation.workspace, &email)?;
    let id = match waiting {
        Some(waiting) => {
            tx.act_as(Actor::Account { id: waiting.id, name: waiting.name.clone() });
            account::set_password(tx, waiting.id, password_hash, None)?;
            waiting.id
        }
        None if account::by_email(tx, &email)?.is_none() => {
            let (job, phone, password_hash) = (String::new(), String::new(), password_hash.to_owned());
            let new = NewAccount { id, email, name: String::new(), job, phone, password_hash };
            account::create_with(tx, offered.invitation.workspace, &new, profile)?;
            // Whoever came by themselves is nobody's to look after.
            tx.execute("UPDATE account SET home = '' WHERE id = ?1", params![id])?;
            id
        }
        None => {
            return Err(IdentityError::NotAllowed(
                "There is an account with this address. Sign in to accept.".into(),
            ));
        }
    };
    Ok((id, join(tx, &offered, id)?))
}

fn join(tx: &mut Tx, offered: &Offered, account: AccountId) -> Result<WorkspaceId, IdentityError> {
    let invitation = &offered.invitation;
    end(tx, invitation, "accepted")?;
    let waited = account::member_by_email(tx, invitation.workspace, &invitation.email)?;
    account::join(tx, invitation.workspace, account)?;
    if let Some(waited) = waited.filter(|waited| waited.id != account) {
        waiting::absorb(tx, &waited, invitation.workspace, account)?;
    }
    let subject = Object::new(Kind::ACCOUNT, account);
    for id in &invitation.groups {
        // Gone meanwhile, or more than who invites still has: not given.
        let object = Object::new(Kind::GROUP, id);
        let Some(found) = group::find(tx, invitation.workspace, *id)? else { continue };
        match delegate::could_assign(tx, invitation.invited_by, &object) {
            Ok(()) => relation::join(tx, &subject, &object, Validity::ALWAYS, "invitation")?,
            Err(IdentityError::NotAllowed(_)) => continue,
            Err(error) => return Err(error),
        }
        let about = json!({"subject": subject.as_str()});
        let event = Event::new("group.join", object).name(&found.name).workspace(invitation.workspace);
        tx.audit(event.after(about).reason("invitation"));
    }
    group::only_one(tx, &subject)?;
    let event = Event::new("member.join", subject).workspace(invitation.workspace);
    tx.audit(event.after(json!({"invited_by": invitation.invited_by})));
    Ok(invitation.workspace)
}

/// The letter: from whom, into which organisation, and the link.
pub fn words(by: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("{by} invites you to {organisation}"),
        format!(
            "Hello,\n\n{by} would like to work with you in {organisation}. Open this link to accept or to decline:\n\n{link}\n\n\
             It works once, within 7 days, and only for this mail address. If you don't know {by}, do nothing.\n"
        ),
    )
}
