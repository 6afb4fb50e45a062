//! Profiles: what groups of the organisation have on all projects, on fields, and on history.

use super::{Result, scaffold};
use crate::model::{FIELDS, PROFILES, all_projects, field_of_all, history};
use bo_db::Tx;
use bo_identity::group::{self, Group};
use bo_identity::relation::{self, RelationKind, Validity};
use bo_identity::{delegate, level};
use bo_model::{GroupId, Kind, Level, Object, WorkspaceId};
use bo_web::Viewer;

/// Word of the profiles of which somebody has one only.
const ONE_OF: &str = "employment";

/// A group and what it was given: (object, level) of all projects, history, and each field.
pub struct Row {
    /// The group.
    pub group: Group,
    /// In the order of [`columns`].
    pub levels: Vec<Level>,
}

/// What profiles can be given a level on, with its title.
pub fn columns(workspace: WorkspaceId) -> Vec<(Object, &'static str)> {
    let fields = FIELDS.iter().map(|field| (field_of_all(workspace, field), field.title));
    [(all_projects(workspace), "All projects"), (history(workspace), "History")]
        .into_iter()
        .chain(fields)
        .collect()
}

/// All groups with what they were given themselves.
pub fn matrix(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Row>> {
    let columns = columns(workspace);
    let mut rows = Vec::new();
    for group in group::all(tx, workspace)?.into_iter().filter(|group| group.builtin != "everyone") {
        let given = relation::from_subject(tx, &Object::new(Kind::GROUP, group.id), RelationKind::Grant)?;
        let level =
            |object: &Object| given.iter().filter(|row| row.object == *object).map(|row| row.cap).max();
        let levels = columns.iter().map(|(object, _)| level(object).unwrap_or_default()).collect();
        rows.push(Row { group, levels });
    }
    Ok(rows)
}

/// Makes the predefined profiles that are not there yet, with what they have. Those that are there stay as they are.
pub fn set_up(tx: &mut Tx, viewer: &Viewer, ids: &[GroupId]) -> Result<usize> {
    let (workspace, now) = (viewer.workspace, tx.now());
    if level::level(tx, &viewer.subject(), &Object::area(workspace, "users"), now)?.min(viewer.cap)
        < Level::Own
    {
        let text = "Profiles are groups: making them takes “own” on Role & permission management.";
        return Err(bo_content::ModuleError::NotAllowed(text.into()));
    }
    scaffold(tx, workspace)?;
    let known = group::all(tx, workspace)?;
    let mut made = 0;
    for (profile, id) in PROFILES.iter().zip(ids) {
        if known.iter().any(|group| group.name.to_lowercase() == profile.name.to_lowercase()) {
            continue;
        }
        group::create(tx, workspace, *id, profile.name, profile.about)?;
        if profile.exclusive {
            group::set_one_of(tx, workspace, *id, ONE_OF)?;
        }
        let subject = Object::new(Kind::GROUP, id);
        let levels = [profile.projects, profile.history].into_iter().chain(profile.fields);
        for ((object, _), level) in
            columns(workspace).into_iter().zip(levels).filter(|(_, level)| *level > Level::None)
        {
            delegate::set_grant(
                tx,
                viewer,
                &subject,
                &object,
                level,
                Validity::ALWAYS,
                "predefined profile",
            )?;
        }
        made += 1;
    }
    tx.unaudited("all predefined profiles may be there already");
    Ok(made)
}
