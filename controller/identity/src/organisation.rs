//! Organisations: making one, its name, who belongs to it, and what ends when somebody no longer does.

use crate::error::IdentityError;
use crate::licence::{self, Licence};
use crate::relation::{self, RelationKind, Validity};
use crate::workspace::{self, NewWorkspace};
use crate::{account, delegate, group, level, waiting};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, Kind, Level, Object, WorkspaceId};
use bo_web::Viewer;
use serde_json::json;

/// Longest name, in characters.
const LONGEST: usize = 80;
/// Organisations one person can own: a bound for whoever makes them by program.
const MOST_OWNED: i64 = 50;

/// A name as it is stored.
///
/// # Errors
/// [`IdentityError::BadInput`] on `name`.
pub fn check_name(name: &str) -> Result<String, IdentityError> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong = |text: String| Err(IdentityError::BadInput(vec![("name".into(), text)]));
    if name.is_empty() {
        return wrong("is required".into());
    }
    if name.chars().count() > LONGEST {
        return wrong(format!("must be at most {LONGEST} characters"));
    }
    // It stands in letters to people who were never here.
    if name.chars().any(char::is_control) || name.contains("://") {
        return wrong("must be a name, without addresses or control characters".into());
    }
    Ok(name)
}

/// Makes an organisation; whoever makes it owns it.
///
/// # Errors
/// [`IdentityError::BadInput`].
pub fn create(tx: &mut Tx, new: NewWorkspace, name: &str, founder: AccountId) -> Result<(), IdentityError> {
    let name = check_name(name)?;
    let subject = Object::new(Kind::ACCOUNT, founder);
    let sql = "SELECT COUNT(*) FROM relation WHERE subject = ?1 AND kind = 'grant' AND cap = 4 AND object LIKE 'workspace:%'";
    let owned: i64 = tx.query_one(sql, params![&subject], |row| row.get(0))?;
    if owned >= MOST_OWNED {
        let text = format!("You own {owned} workspaces already, which is the most one person can have.");
        return Err(IdentityError::NotAllowed(text));
    }
    workspace::create(tx, new, &name)?;
    account::join(tx, new.id, founder)?;
    found(tx, new.id, &name, founder, "founder")
}

/// Makes somebody the first owner.
///
/// # Errors
/// When the database fails.
pub(crate) fn found(
    tx: &mut Tx,
    id: WorkspaceId,
    name: &str,
    owner: AccountId,
    reason: &str,
) -> Result<(), IdentityError> {
    let (subject, object) = (Object::new(Kind::ACCOUNT, owner), Object::new(Kind::WORKSPACE, id));
    relation::grant(tx, &subject, &object, Level::Own, Validity::ALWAYS, reason)?;
    let about = json!({"subject": subject.as_str(), "level": "own"});
    let event = Event::new("relation.grant", object).name(name).workspace(id);
    tx.audit(event.after(about).reason(reason));
    Ok(())
}

/// Refuses whoever is in a personal workspace, which is for one person.
///
/// # Errors
/// [`IdentityError::NotAllowed`].
pub fn is_one(tx: &mut Tx, workspace: WorkspaceId) -> Result<(), IdentityError> {
    if workspace::is_personal(tx, workspace)? {
        let text = "A personal workspace is for one person. Make an organisation to work with others.";
        return Err(IdentityError::NotAllowed(text.into()));
    }
    Ok(())
}

/// Gives the organisation one is in another name. It stays the same in the audit log, by its id.
///
/// # Errors
/// [`IdentityError::NotAllowed`] for whoever does not own it, [`IdentityError::BadInput`].
pub fn rename(tx: &mut Tx, viewer: &Viewer, name: &str) -> Result<(), IdentityError> {
    is_one(tx, viewer.workspace)?;
    let object = Object::new(Kind::WORKSPACE, viewer.workspace);
    delegate::own(tx, viewer, &object)?;
    let name = check_name(name)?;
    tx.execute("UPDATE workspace SET name = ?2 WHERE id = ?1", params![viewer.workspace, &name])?;
    let event = Event::new("workspace.rename", object).name(&name);
    tx.audit(event.change(json!({"name": viewer.workspace_name}), json!({"name": name})));
    Ok(())
}

/// Removes a member: everything they were given in the organisation ends, what they did stays.
///
/// # Errors
/// What [`delegate::administer`] refuses; [`IdentityError::LastOwner`].
pub fn remove(tx: &mut Tx, viewer: &Viewer, member: AccountId, reason: &str) -> Result<(), IdentityError> {
    is_one(tx, viewer.workspace)?;
    delegate::administer(tx, viewer, member)?;
    part(tx, viewer.workspace, member, "member.remove", reason)
}

/// Leaves the organisation one is in.
///
/// # Errors
/// [`IdentityError::LastOwner`].
pub fn leave(tx: &mut Tx, viewer: &Viewer) -> Result<(), IdentityError> {
    is_one(tx, viewer.workspace)?;
    part(tx, viewer.workspace, viewer.account, "member.leave", "")
}

fn part(
    tx: &mut Tx,
    workspace: WorkspaceId,
    member: AccountId,
    verb: &'static str,
    reason: &str,
) -> Result<(), IdentityError> {
    let found = account::find_member(tx, workspace, member)?.ok_or(IdentityError::NotFound)?;
    for licence in Licence::ALL {
        licence::take_seat(tx, workspace, licence, member)?;
    }
    for event in events_with(tx, workspace, member)? {
        licence::take_slot(tx, workspace, &event, member)?;
    }
    sever(tx, workspace, member)?;
    tx.execute("DELETE FROM member WHERE workspace = ?1 AND account = ?2", params![workspace, member])?;
    // Open pages go on in the personal workspace; programs end.
    let personal = workspace::personal(member);
    tx.execute(
        "UPDATE session SET workspace = ?3, view_as = '' WHERE workspace = ?1 AND account = ?2",
        params![workspace, member, personal],
    )?;
    tx.execute("DELETE FROM api_token WHERE workspace = ?1 AND account = ?2", params![workspace, member])?;
    let offers = "DELETE FROM ownership_offer WHERE workspace = ?1 AND (offered_by = ?2 OR offered_to = ?2)";
    tx.execute(offers, params![workspace, member])?;
    tx.execute(
        "UPDATE account SET home = '' WHERE id = ?2 AND home = ?1",
        params![workspace.to_string(), member],
    )?;
    waiting::discard_unused(tx, &found)?;
    let subject = Object::new(Kind::ACCOUNT, member);
    tx.audit(Event::new(verb, subject).name(&found.name).workspace(workspace).reason(reason));
    delegate::keep_an_owner(tx, workspace, &found.name)
}

fn events_with(tx: &mut Tx, workspace: WorkspaceId, member: AccountId) -> Result<Vec<Object>, DbError> {
    let sql = "SELECT event FROM slot WHERE workspace = ?1 AND account = ?2";
    tx.query(sql, params![workspace, member], |row| row.get(0))
}

/// Ends what an account has in a workspace: groups and roles it is in, levels it was given.
pub(crate) fn sever(tx: &mut Tx, workspace: WorkspaceId, member: AccountId) -> Result<(), IdentityError> {
    let subject = Object::new(Kind::ACCOUNT, member);
    let here = Object::new(Kind::WORKSPACE, workspace);
    for kind in [RelationKind::Member, RelationKind::Grant] {
        for row in relation::from_subject(tx, &subject, kind)? {
            let scope = relation::role_parts(&row.object).map(|(_, scope)| scope);
            let place = scope.as_ref().unwrap_or(&row.object);
            let inside = match place.kind() {
                "group" => match place.id().parse() {
                    Ok(id) => group::find(tx, workspace, id)?.is_some(),
                    Err(_) => false,
                },
                _ => level::workspaces_of(tx, place)?.contains(&here),
            };
            if !inside {
                continue;
            }
            if kind == RelationKind::Member {
                relation::leave(tx, &subject, &row.object)?;
            } else {
                relation::revoke(tx, &subject, &row.object)?;
            }
        }
    }
    Ok(())
}
