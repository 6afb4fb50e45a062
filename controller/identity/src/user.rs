//! Use cases of back-office users: making one, saving their form, inviting them again. One transaction each, by the rules of
//! delegation.

use crate::account::{self, NewAccount};
use crate::area::{AREAS, Area};
use crate::error::IdentityError;
use crate::profile::Profile;
use crate::relation::{RelationKind, Validity, from_subject};
use crate::{delegate, member, session};
use bo_db::{DbError, Tx, params};
use bo_model::{AccountId, GroupId, Kind, Level, Object, WorkspaceId};
use bo_web::Viewer;
use std::collections::BTreeMap;

/// What the form of a user asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// To sign in with. Only looked at when the user is made.
    pub email: String,
    /// How to address them.
    pub profile: Profile,
    /// Position.
    pub job: String,
    /// Telephone.
    pub phone: String,
    /// The groups they are in directly; nothing leaves them as they are.
    pub groups: Option<Vec<GroupId>>,
    /// Levels on areas, by the area's name; areas that are not named stay as they are.
    pub areas: BTreeMap<String, Level>,
}

/// Makes a user with everything on the form, and the link that activates them.
///
/// # Errors
/// [`IdentityError::BadInput`], or what delegation refuses.
pub fn create(
    tx: &mut Tx,
    viewer: &Viewer,
    id: AccountId,
    wanted: &Wanted,
    activation: &str,
) -> Result<(), IdentityError> {
    let new = NewAccount {
        id,
        email: wanted.email.clone(),
        name: String::new(),
        job: wanted.job.clone(),
        phone: wanted.phone.clone(),
        password_hash: String::new(),
    };
    account::create_with(tx, viewer.workspace, &new, &wanted.profile)?;
    set_access(tx, viewer, id, wanted)?;
    Ok(session::add_activation(tx, id, activation)?)
}

/// Saves the form of a user.
///
/// # Errors
/// [`IdentityError::BadInput`], [`IdentityError::NotFound`], or what delegation refuses.
pub fn save(tx: &mut Tx, viewer: &Viewer, id: AccountId, wanted: &Wanted) -> Result<(), IdentityError> {
    delegate::administer(tx, viewer, id)?;
    let known = account::find(tx, id)?.ok_or(IdentityError::NotFound)?;
    let work = (wanted.job.trim(), wanted.phone.trim());
    // What somebody is called is their account's, wherever they work; what they may do here is not.
    if known.profile != wanted.profile || (known.job.as_str(), known.phone.as_str()) != work {
        member::look_after(tx, viewer, id)?;
        account::update(tx, id, &wanted.profile, &wanted.job, &wanted.phone)?;
    }
    set_access(tx, viewer, id, wanted)?;
    delegate::keep_an_owner(tx, viewer.workspace, &wanted.profile.full_name())
}

fn set_access(tx: &mut Tx, viewer: &Viewer, id: AccountId, wanted: &Wanted) -> Result<(), IdentityError> {
    if let Some(groups) = &wanted.groups {
        delegate::set_groups(tx, viewer, id, groups)?;
    }
    set_areas(tx, viewer, id, &wanted.areas)
}

/// Sets levels on areas, given to the person directly.
///
/// # Errors
/// What delegation refuses: areas the viewer does not own, people they may not administer.
pub fn set_areas(
    tx: &mut Tx,
    viewer: &Viewer,
    id: AccountId,
    wanted: &BTreeMap<String, Level>,
) -> Result<(), IdentityError> {
    delegate::administer(tx, viewer, id)?;
    let (subject, present) = (Object::new(Kind::ACCOUNT, id), areas_of(tx, viewer.workspace, id)?);
    for (name, level) in wanted {
        let area = crate::area::find(name).ok_or(IdentityError::NotFound)?;
        if present.get(area.name).copied().unwrap_or_default() == *level {
            continue;
        }
        let object = Object::area(viewer.workspace, area.name);
        delegate::set_grant(tx, viewer, &subject, &object, *level, Validity::ALWAYS, "")
            .map_err(|error| in_area(error, area))?;
    }
    Ok(())
}

/// The refusal beside the field it is about.
fn in_area(error: IdentityError, area: &Area) -> IdentityError {
    match error {
        IdentityError::NotAllowed(text) => {
            IdentityError::BadInput(vec![(format!("area-{}", area.name), text)])
        }
        IdentityError::NotFound => {
            let text = "You can only give or take access to what you own.".to_owned();
            IdentityError::BadInput(vec![(format!("area-{}", area.name), text)])
        }
        other => other,
    }
}

/// Levels on areas somebody was given directly.
///
/// # Errors
/// When the database fails.
pub fn areas_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    id: AccountId,
) -> Result<BTreeMap<&'static str, Level>, DbError> {
    let grants = from_subject(tx, &Object::new(Kind::ACCOUNT, id), RelationKind::Grant)?;
    let level = |area: &Area| {
        let object = Object::area(workspace, area.name);
        grants.iter().filter(|row| row.object == object).map(|row| row.cap).max()
    };
    Ok(AREAS.iter().filter_map(|area| Some((area.name, level(area)?))).collect())
}

/// Whether somebody has any role in a workspace: a group, or a level on it, an area or a module. Without one, and nothing given to
/// them on single things, they can sign in and find nothing, which is how access is taken for a while.
///
/// # Errors
/// When the database fails.
pub fn has_roles(tx: &mut Tx, workspace: WorkspaceId, id: AccountId) -> Result<bool, DbError> {
    let found = tx.query_opt(
        "SELECT 1 FROM relation r WHERE r.subject = ?1 AND (
           r.object = 'workspace:' || ?2 OR r.object LIKE 'area:' || ?2 || '/%' OR r.object LIKE 'module:' || ?2 || '/%'
           OR EXISTS (SELECT 1 FROM grp g WHERE r.object = 'group:' || g.id AND g.workspace = ?2))
         LIMIT 1",
        params![Object::new(Kind::ACCOUNT, id), workspace],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}
