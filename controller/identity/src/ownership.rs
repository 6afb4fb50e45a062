//! Handing an organisation over: its owner offers, another member accepts, and both are told by mail.

use crate::account::{self, Account, State};
use crate::delegate::{self, Rank};
use crate::error::IdentityError;
use crate::letter::Letter;
use crate::organisation;
use crate::relation::{self, Validity};
use crate::workspace::{self, Builtin};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, Time, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// How long an offer stands.
pub const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// An offer that stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offer {
    /// Who wants to hand over.
    pub offered_by: AccountId,
    /// Their name.
    pub by_name: String,
    /// To whom.
    pub offered_to: AccountId,
    /// Their name.
    pub to_name: String,
    /// Until when.
    pub expires_at: Time,
}

/// The offer that stands in a workspace.
///
/// # Errors
/// When the database fails.
pub fn pending(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<Offer>, DbError> {
    let now = tx.now();
    tx.query_opt(
        "SELECT o.offered_by, b.name, o.offered_to, t.name, o.expires_at FROM ownership_offer o
         JOIN account b ON b.id = o.offered_by JOIN account t ON t.id = o.offered_to
         WHERE o.workspace = ?1 AND o.expires_at > ?2",
        params![workspace, now],
        |row| {
            Ok(Offer {
                offered_by: row.get(0)?,
                by_name: row.get(1)?,
                offered_to: row.get(2)?,
                to_name: row.get(3)?,
                expires_at: row.get(4)?,
            })
        },
    )
}

fn tell(tx: &mut Tx, letter: Option<&Letter>, to: AccountId, viewer: &Viewer) -> Result<(), IdentityError> {
    if let (Some(letter), Some(to)) = (letter, account::find(tx, to)?) {
        let about = Object::new(Kind::ACCOUNT, to.id);
        letter.post_to(tx, (&about, &to.email), viewer.workspace, (&viewer.name, &viewer.workspace_name));
    }
    Ok(())
}

fn member(tx: &mut Tx, workspace: WorkspaceId, id: AccountId) -> Result<Account, IdentityError> {
    let found = account::find_member(tx, workspace, id)?.filter(|found| found.state == State::Active);
    let text = "must be a member who can sign in".to_owned();
    found.ok_or(IdentityError::BadInput(vec![("to".into(), text)]))
}

/// Offers the organisation one is in to another member; an earlier offer ends.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for whoever does not own it, [`IdentityError::BadInput`] on `to`.
pub fn offer(
    tx: &mut Tx,
    viewer: &Viewer,
    to: AccountId,
    letter: Option<&Letter>,
) -> Result<(), IdentityError> {
    organisation::is_one(tx, viewer.workspace)?;
    let object = Object::new(Kind::WORKSPACE, viewer.workspace);
    delegate::own(tx, viewer, &object)?;
    let other = member(tx, viewer.workspace, to)?;
    if to == viewer.account {
        let text = "must be another member".to_owned();
        return Err(IdentityError::BadInput(vec![("to".into(), text)]));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO ownership_offer (workspace, offered_by, offered_to, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (workspace) DO UPDATE SET offered_by = excluded.offered_by, offered_to = excluded.offered_to,
           created_at = excluded.created_at, expires_at = excluded.expires_at",
        params![viewer.workspace, viewer.account, to, now, now.after(LIFETIME)],
    )?;
    tell(tx, letter, to, viewer)?;
    tx.audit(
        Event::new("ownership.offer", object)
            .name(&viewer.workspace_name)
            .after(json!({"to": to, "name": other.name})),
    );
    Ok(())
}

/// Ends the offer: whoever made it withdraws it, whoever it was made to declines, and the other is told.
///
/// # Errors
/// [`IdentityError::NotFound`] when there is none between those two.
pub fn end(tx: &mut Tx, viewer: &Viewer, letter: Option<&Letter>) -> Result<(), IdentityError> {
    let offer = pending(tx, viewer.workspace)?.ok_or(IdentityError::NotFound)?;
    let (verb, other) = match viewer.account {
        me if me == offer.offered_by => ("ownership.withdraw", offer.offered_to),
        me if me == offer.offered_to => ("ownership.decline", offer.offered_by),
        _ => return Err(IdentityError::NotFound),
    };
    take(tx, viewer.workspace, &offer)?;
    tell(tx, letter, other, viewer)?;
    let object = Object::new(Kind::WORKSPACE, viewer.workspace);
    tx.audit(Event::new(verb, object).name(&viewer.workspace_name));
    Ok(())
}

fn take(tx: &mut Tx, workspace: WorkspaceId, offer: &Offer) -> Result<(), IdentityError> {
    let sql = "DELETE FROM ownership_offer WHERE workspace = ?1 AND offered_by = ?2 AND offered_to = ?3";
    match tx.execute(sql, params![workspace, offer.offered_by, offer.offered_to])? {
        0 => Err(IdentityError::NotFound),
        _ => Ok(()),
    }
}

/// Takes the organisation over. Whoever offered it is an admin of it from then on; both are told.
///
/// # Errors
/// [`IdentityError::NotFound`] when there is no offer to the viewer, or who made it is no owner any more.
pub fn accept(tx: &mut Tx, viewer: &Viewer, letter: Option<&Letter>) -> Result<(), IdentityError> {
    let offer = pending(tx, viewer.workspace)?.filter(|offer| offer.offered_to == viewer.account);
    let offer = offer.ok_or(IdentityError::NotFound)?;
    take(tx, viewer.workspace, &offer)?;
    if delegate::rank(tx, offer.offered_by, viewer.workspace)? != Rank::Owner {
        return Err(IdentityError::NotFound);
    }
    let object = Object::new(Kind::WORKSPACE, viewer.workspace);
    let before = Object::new(Kind::ACCOUNT, offer.offered_by);
    relation::grant(tx, &viewer.subject(), &object, Level::Own, Validity::ALWAYS, "taken over")?;
    relation::revoke(tx, &before, &object)?;
    for builtin in [Builtin::Admin, Builtin::Webmaster] {
        if let Some(group) = workspace::builtin_group(tx, viewer.workspace, builtin)? {
            let group = Object::new(Kind::GROUP, group);
            relation::join(tx, &before, &group, Validity::ALWAYS, "handed the organisation over")?;
        }
    }
    delegate::keep_an_owner(tx, viewer.workspace, &offer.by_name)?;
    tell(tx, letter, offer.offered_by, viewer)?;
    tell(tx, letter, viewer.account, viewer)?;
    let names = |name: &str| json!({"owner": name});
    let event = Event::new("ownership.accept", object).name(&viewer.workspace_name);
    tx.audit(event.change(names(&offer.by_name), names(&offer.to_name)));
    Ok(())
}

/// For whoever is offered an organisation.
pub fn offered(by: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("{by} wants to hand {organisation} over to you"),
        format!(
            "Hello,\n\n{by} offers you to take over {organisation}: its members, licences and settings would be yours to manage. \
             Sign in, switch to {organisation}, and accept or decline:\n\n{link}\n\nThe offer stands for 7 days. Nothing changes until you accept.\n"
        ),
    )
}

/// For both, when it was accepted.
pub fn taken_over(by: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("{by} has taken over {organisation}"),
        format!(
            "Hello,\n\n{by} is the owner of {organisation} from now on. Whoever owned it before manages it as an admin and webmaster, no longer as \
             its owner.\n\n{link}\n"
        ),
    )
}

/// For the other, when it was withdrawn or declined.
pub fn ended(by: &str, organisation: &str, link: &str) -> (String, String) {
    (
        format!("{organisation} is not handed over"),
        format!(
            "Hello,\n\n{by} has withdrawn or declined the offer to hand {organisation} over. Nothing changed.\n\n{link}\n"
        ),
    )
}
