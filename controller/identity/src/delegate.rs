//! Who may give what to whom: only what one owns, never above one's own level, never to oneself, and a workspace always
//! keeps an owner. Every change of access by people goes through here.

use crate::account;
use crate::error::IdentityError;
use crate::level::level;
use crate::relation::{self, RelationKind, Validity, from_subject};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{AccountId, GroupId, Kind, Level, Object, WorkspaceId};
use bo_web::Viewer;
use serde_json::json;
use std::collections::BTreeSet;

/// How far somebody's access to other people's access reaches in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Uses it.
    Member,
    /// Owns the area `users`.
    Admin,
    /// Owns the workspace.
    Owner,
}

/// Somebody's rank.
///
/// # Errors
/// When the database fails.
pub fn rank(tx: &mut Tx, account: AccountId, workspace: WorkspaceId) -> Result<Rank, DbError> {
    let (subject, now) = (Object::new(Kind::ACCOUNT, account), tx.now());
    if level(tx, &subject, &Object::new(Kind::WORKSPACE, workspace), now)? == Level::Own {
        return Ok(Rank::Owner);
    }
    let users = level(tx, &subject, &Object::area(workspace, "users"), now)?;
    Ok(if users == Level::Own { Rank::Admin } else { Rank::Member })
}

/// Whether one may change another's account: their rank must be higher; owners may administer owners, nobody themselves.
///
/// # Errors
/// [`IdentityError::NotAllowed`] with the reason.
pub fn administer(tx: &mut Tx, viewer: &Viewer, target: AccountId) -> Result<(), IdentityError> {
    let refuse = |text: &str| Err(IdentityError::NotAllowed(text.into()));
    if viewer.account == target {
        return refuse("You can't change your own access. Ask another administrator.");
    }
    account::find_member(tx, viewer.workspace, target)?.ok_or(IdentityError::NotFound)?;
    let (mine, theirs) = (rank(tx, viewer.account, viewer.workspace)?, rank(tx, target, viewer.workspace)?);
    if mine == Rank::Owner || mine > theirs {
        return Ok(());
    }
    refuse("You can only administer people who have less access than you.")
}

/// Whether one may put people into a group: one must have everything the group gives.
///
/// # Errors
/// [`IdentityError::NotAllowed`] naming what is missing.
pub fn assign(tx: &mut Tx, viewer: &Viewer, group: &Object) -> Result<(), IdentityError> {
    let (me, now) = (viewer.subject(), tx.now());
    let mut open = vec![group.clone()];
    let mut seen = BTreeSet::new();
    while let Some(node) = open.pop() {
        if !seen.insert(node.clone()) {
            continue;
        }
        for row in from_subject(tx, &node, RelationKind::Grant)? {
            let has = level(tx, &me, &row.object, now)?.min(viewer.cap);
            if has < row.cap {
                let text = format!(
                    "This group gives “{}” on {}, and you have “{}” there.",
                    row.cap.word(),
                    row.object,
                    has.word()
                );
                return Err(IdentityError::NotAllowed(text));
            }
        }
        open.extend(from_subject(tx, &node, RelationKind::Member)?.into_iter().map(|row| row.object));
    }
    Ok(())
}

/// Whether one may give or take a level on an object: one must own it.
///
/// # Errors
/// [`IdentityError::NotFound`] for what one does not see, [`IdentityError::NotAllowed`] otherwise.
pub fn own(tx: &mut Tx, viewer: &Viewer, object: &Object) -> Result<(), IdentityError> {
    let now = tx.now();
    match level(tx, &viewer.subject(), object, now)?.min(viewer.cap) {
        Level::Own => Ok(()),
        Level::None => Err(IdentityError::NotFound),
        _ => Err(IdentityError::NotAllowed("You can only give or take access to what you own.".into())),
    }
}

/// Refuses when the workspace has no owner left who can sign in. Called after the change, inside its transaction.
///
/// # Errors
/// [`IdentityError::LastOwner`] naming who it was.
pub fn keep_an_owner(tx: &mut Tx, workspace: WorkspaceId, name: &str) -> Result<(), IdentityError> {
    let members = tx.query(
        "SELECT a.id FROM member m JOIN account a ON a.id = m.account WHERE m.workspace = ?1 AND a.state = 'active'",
        params![workspace],
        |row| row.get::<AccountId>(0),
    )?;
    for member in members {
        if rank(tx, member, workspace)? == Rank::Owner {
            return Ok(());
        }
    }
    Err(IdentityError::LastOwner(name.to_owned()))
}

/// A group by id, if it belongs to that workspace: its name and built-in word.
///
/// # Errors
/// When the database fails, or [`IdentityError::NotFound`].
pub fn group(tx: &mut Tx, workspace: WorkspaceId, id: GroupId) -> Result<(String, String), IdentityError> {
    tx.query_opt(
        "SELECT name, builtin FROM grp WHERE id = ?1 AND workspace = ?2",
        params![id, workspace],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?
    .ok_or(IdentityError::NotFound)
}

/// Puts somebody into groups and takes them out of others, so that they are in exactly these.
///
/// # Errors
/// As [`administer`] and [`assign`], for each group that changes.
pub fn set_groups(
    tx: &mut Tx,
    viewer: &Viewer,
    target: AccountId,
    wanted: &[GroupId],
) -> Result<(), IdentityError> {
    administer(tx, viewer, target)?;
    let subject = Object::new(Kind::ACCOUNT, target);
    let present = groups_of(tx, viewer.workspace, target)?;
    let present: BTreeSet<GroupId> = present.into_iter().map(|(id, _)| id).collect();
    let wanted: BTreeSet<GroupId> = wanted.iter().copied().collect();
    for id in present.symmetric_difference(&wanted) {
        let object = Object::new(Kind::GROUP, id);
        let (name, builtin) = group(tx, viewer.workspace, *id)?;
        if builtin == "everyone" {
            return Err(IdentityError::NotAllowed("Everyone belongs to Everyone already.".into()));
        }
        assign(tx, viewer, &object)?;
        let verb = if wanted.contains(id) {
            relation::join(tx, &subject, &object, Validity::ALWAYS, "")?;
            "group.join"
        } else {
            relation::leave(tx, &subject, &object)?;
            "group.leave"
        };
        tx.audit(Event::new(verb, object).name(name).after(json!({"subject": subject.as_str()})));
    }
    Ok(())
}

/// Groups somebody was put into directly, by name.
///
/// # Errors
/// When the database fails.
pub fn groups_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    account: AccountId,
) -> Result<Vec<(GroupId, String)>, DbError> {
    tx.query(
        "SELECT g.id, g.name FROM relation r JOIN grp g ON r.object = 'group:' || g.id
         WHERE r.subject = ?1 AND r.kind = 'member' AND g.workspace = ?2 ORDER BY lower(g.name), g.id",
        params![Object::new(Kind::ACCOUNT, account), workspace],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Gives a level on an object (`none` takes it back), by the rules.
///
/// # Errors
/// As [`own`], [`administer`] for accounts, and [`keep_an_owner`] for workspaces.
pub fn set_grant(
    tx: &mut Tx,
    viewer: &Viewer,
    subject: &Object,
    object: &Object,
    level: Level,
    validity: Validity,
    reason: &str,
) -> Result<(), IdentityError> {
    own(tx, viewer, object)?;
    let name = match subject.kind() {
        "account" => {
            let id: AccountId = subject.id().parse().map_err(|_| IdentityError::NotFound)?;
            let account = account::find_member(tx, viewer.workspace, id)?.ok_or(IdentityError::NotFound)?;
            if id == viewer.account && level != Level::None {
                return Err(IdentityError::NotAllowed(
                    "You can't give yourself access. Ask another owner.".into(),
                ));
            }
            account.name
        }
        "group" => group(tx, viewer.workspace, subject.id().parse().map_err(|_| IdentityError::NotFound)?)?.0,
        _ => return Err(IdentityError::NotFound),
    };
    let verb = if level == Level::None {
        relation::revoke(tx, subject, object)?;
        "relation.revoke"
    } else {
        relation::grant(tx, subject, object, level, validity, reason)?;
        "relation.grant"
    };
    if object.is(Kind::WORKSPACE) {
        keep_an_owner(tx, viewer.workspace, &name)?;
    }
    let mut after = json!({"subject": subject.as_str(), "subject_name": name, "level": level});
    if validity != Validity::ALWAYS {
        after["from"] = json!(validity.from.rfc3339());
        after["to"] = json!(validity.to.rfc3339());
    }
    tx.audit(Event::new(verb, object.clone()).after(after).reason(reason));
    Ok(())
}
