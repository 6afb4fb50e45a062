//! Who may give what to whom: only what one owns, never above one's own level, never to oneself, and a workspace always
//! keeps an owner. Every change of access by people goes through here.

use crate::error::IdentityError;
use crate::level::{granted, level};
use crate::relation::{self, RelationKind, Validity, from_subject};
use crate::token::level_of;
use crate::{account, area, subject};
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
    /// Edits the area `users`.
    Editor,
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
    rank_by(workspace, |object| level(tx, &subject, object, now))
}

/// The rank somebody has with what they came with: that of a program is bounded by its token.
fn rank_of(tx: &mut Tx, viewer: &Viewer) -> Result<Rank, DbError> {
    rank_by(viewer.workspace, |object| level_of(tx, viewer, object))
}

fn rank_by(
    workspace: WorkspaceId,
    mut level: impl FnMut(&Object) -> Result<Level, DbError>,
) -> Result<Rank, DbError> {
    if level(&Object::new(Kind::WORKSPACE, workspace))? == Level::Own {
        return Ok(Rank::Owner);
    }
    Ok(match level(&Object::area(workspace, "users"))? {
        Level::Own => Rank::Admin,
        Level::Edit => Rank::Editor,
        _ => Rank::Member,
    })
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
    let (mine, theirs) = (rank_of(tx, viewer)?, rank(tx, target, viewer.workspace)?);
    if mine == Rank::Owner || mine > theirs {
        return Ok(());
    }
    refuse("You can only administer people who have less access than you.")
}

/// Whether one has everything another has, area by area and module by module: who could act as them gains nothing.
///
/// # Errors
/// [`IdentityError::NotAllowed`] naming what is missing.
pub fn covers(tx: &mut Tx, viewer: &Viewer, target: AccountId) -> Result<(), IdentityError> {
    let (them, now) = (Object::new(Kind::ACCOUNT, target), tx.now());
    for (object, area) in area::objects(viewer.workspace) {
        let (mine, theirs) = (level_of(tx, viewer, &object)?, level(tx, &them, &object, now)?);
        if mine < theirs {
            let text = format!(
                "They have “{}” on {}, and you have “{}”. Somebody with at least their access has to do this.",
                theirs.word(),
                area.title,
                mine.word()
            );
            return Err(IdentityError::NotAllowed(text));
        }
    }
    Ok(())
}

/// Whether one may put people into a group: one must have everything the group gives.
///
/// # Errors
/// [`IdentityError::NotAllowed`] naming what is missing.
pub fn assign(tx: &mut Tx, viewer: &Viewer, group: &Object) -> Result<(), IdentityError> {
    may_give(tx, group, |tx, object| level_of(tx, viewer, object))
}

/// The same for somebody who is not here.
///
/// # Errors
/// [`IdentityError::NotAllowed`] naming what is missing.
pub fn could_assign(tx: &mut Tx, account: AccountId, group: &Object) -> Result<(), IdentityError> {
    let (subject, now) = (Object::new(Kind::ACCOUNT, account), tx.now());
    may_give(tx, group, |tx, object| level(tx, &subject, object, now))
}

fn may_give(
    tx: &mut Tx,
    group: &Object,
    has: impl Fn(&mut Tx, &Object) -> Result<Level, DbError>,
) -> Result<(), IdentityError> {
    let mut open = vec![group.clone()];
    let mut seen = BTreeSet::new();
    while let Some(node) = open.pop() {
        if !seen.insert(node.clone()) {
            continue;
        }
        for row in from_subject(tx, &node, RelationKind::Grant)? {
            let has = has(tx, &row.object)?;
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
    // Who owns things in two workspaces must not tie them together.
    let workspace = Object::new(Kind::WORKSPACE, viewer.workspace);
    if *object != workspace && granted(tx, &workspace, object, now)? == Level::None {
        return Err(IdentityError::NotFound);
    }
    match level_of(tx, viewer, object)? {
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

/// Puts a group into others and takes it out of others, so that it is in exactly these: its members then get what those
/// give.
///
/// # Errors
/// As [`assign`] for each group that changes; [`IdentityError::NotAllowed`] when a group would end up in itself.
pub fn set_parents(
    tx: &mut Tx,
    viewer: &Viewer,
    child: GroupId,
    wanted: &[GroupId],
) -> Result<(), IdentityError> {
    let subject = Object::new(Kind::GROUP, child);
    let (child_name, builtin) = group(tx, viewer.workspace, child)?;
    if builtin == "everyone" {
        return Err(IdentityError::NotAllowed(
            "Everyone can't be put into a group: that would be public.".into(),
        ));
    }
    let present: BTreeSet<GroupId> =
        parents_of(tx, viewer.workspace, child)?.into_iter().map(|(id, _)| id).collect();
    let wanted: BTreeSet<GroupId> = wanted.iter().copied().collect();
    for id in present.symmetric_difference(&wanted) {
        let object = Object::new(Kind::GROUP, id);
        let (name, builtin) = group(tx, viewer.workspace, *id)?;
        if builtin == "everyone" {
            return Err(IdentityError::NotAllowed("Everybody belongs to Everyone already.".into()));
        }
        assign(tx, viewer, &object)?;
        let verb = if wanted.contains(id) {
            let now = tx.now();
            if id == &child || level(tx, &object, &subject, now)? > Level::None {
                let text =
                    format!("“{name}” is in “{child_name}” already, so it can't be the other way round too.");
                return Err(IdentityError::NotAllowed(text));
            }
            relation::join(tx, &subject, &object, Validity::ALWAYS, "")?;
            "group.join"
        } else {
            relation::leave(tx, &subject, &object)?;
            "group.leave"
        };
        let after = json!({"subject": subject.as_str(), "subject_name": child_name});
        tx.audit(Event::new(verb, object).name(name).after(after));
    }
    crate::group::only_one(tx, &subject)?;
    keep_an_owner(tx, viewer.workspace, &child_name)
}

/// Groups a group was put into directly, by name.
///
/// # Errors
/// When the database fails.
pub fn parents_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: GroupId,
) -> Result<Vec<(GroupId, String)>, DbError> {
    groups_with(tx, workspace, &Object::new(Kind::GROUP, id))
}

/// Gives a role in a scope one owns, or takes it back: a translator of a project, the crew of an event. `named` is what the scope
/// is called.
///
/// # Errors
/// As [`own`] for the scope; [`IdentityError::NotFound`] for somebody who is no member of the workspace.
pub fn set_role(
    tx: &mut Tx,
    viewer: &Viewer,
    subject: &Object,
    (word, scope, named): (&str, &Object, &str),
    wanted: Option<Validity>,
    reason: &str,
) -> Result<(), IdentityError> {
    own(tx, viewer, scope)?;
    let name = subject::name(tx, viewer, subject)?;
    let role = relation::role(word, scope);
    // What the role gives may lie outside its scope.
    assign(tx, viewer, &role)?;
    let verb = match wanted {
        Some(validity) => {
            relation::join(tx, subject, &role, validity, reason)?;
            "role.give"
        }
        None => {
            relation::leave(tx, subject, &role)?;
            "role.take"
        }
    };
    let after = json!({"role": word, "subject": subject.as_str(), "subject_name": name});
    tx.audit(Event::new(verb, scope.clone()).name(named).after(after).reason(reason));
    Ok(())
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
    crate::group::only_one(tx, &subject)
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
    groups_with(tx, workspace, &Object::new(Kind::ACCOUNT, account))
}

fn groups_with(
    tx: &mut Tx,
    workspace: WorkspaceId,
    subject: &Object,
) -> Result<Vec<(GroupId, String)>, DbError> {
    tx.query(
        "SELECT g.id, g.name FROM relation r JOIN grp g ON r.object = 'group:' || g.id
         WHERE r.subject = ?1 AND r.kind = 'member' AND g.workspace = ?2 ORDER BY lower(g.name), g.id",
        params![subject, workspace],
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
    let name = subject::name(tx, viewer, subject)?;
    if *subject == viewer.subject() && level != Level::None {
        return Err(IdentityError::NotAllowed("You can't give yourself access. Ask another owner.".into()));
    }
    if *object == Object::area(viewer.workspace, "users")
        && subject.is(Kind::ACCOUNT)
        && *subject != viewer.subject()
    {
        // A level on that area is a rank.
        administer(tx, viewer, subject.id().parse().map_err(|_| IdentityError::NotFound)?)?;
    }
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
