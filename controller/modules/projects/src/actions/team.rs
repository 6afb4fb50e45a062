//! Who works on a project: roles, members, and what each may do where.

use super::Result;
use crate::model::{self, Project, ProjectId, Role};
use crate::queries;
use bo_content::ModuleError;
use bo_db::{Event, Tx, params};
use bo_identity::relation::{self, RelationKind, Validity};
use bo_identity::{account, delegate, group};
use bo_model::{Kind, Level, Object, Time};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::json;

/// Roles of a project at most.
const MOST: usize = 60;

pub(super) fn put_role(tx: &mut Tx, project: ProjectId, word: &str, title: &str, level: Level) -> Result<()> {
    tx.execute(
        "INSERT INTO project_role (project, word, title) VALUES (?1, ?2, ?3)",
        params![project, word, title],
    )?;
    let object = model::object(project);
    let role = relation::role(word, &object);
    Ok(relation::grant(tx, &role, &object, level, Validity::ALWAYS, "its role")?)
}

/// Adds a role of one's own: its holders see that there is the project, until it is given more.
pub fn add_role(tx: &mut Tx, project: ProjectId, title: &str) -> Result<()> {
    let (known, word) = (queries::roles(tx, project)?, model::word_of(title));
    if word.is_empty() {
        return Err(ModuleError::field("title", "needs letters or digits"));
    }
    if known.iter().any(|role| role.word == word) {
        return Err(ModuleError::field("title", "is a role of this project already"));
    }
    if known.len() >= MOST {
        return Err(ModuleError::field(
            "title",
            format!("can't be added: a project has at most {MOST} roles"),
        ));
    }
    put_role(tx, project, &word, title, Level::See)?;
    tx.audit(Event::new("project-role.add", model::object(project)).name(title).after(json!({"role": word})));
    Ok(())
}

/// Somebody in a role.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// An account or a group.
    pub subject: Object,
    /// Their name.
    pub name: String,
    /// Which role.
    pub role: String,
    /// Until when; always when absent.
    pub until: Option<Time>,
}

/// Everybody in a role of a project, by role and name.
pub fn members(tx: &mut Tx, project: &Project) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for role in queries::roles(tx, project.id)? {
        let object = relation::role(&role.word, &project.object());
        for row in relation::to_object(tx, &object, RelationKind::Member)? {
            let name = match row.subject.kind() {
                "group" => match row.subject.id().parse() {
                    Ok(id) => group::find(tx, project.workspace, id)?.map(|group| group.name),
                    Err(_) => None,
                },
                _ => match row.subject.id().parse() {
                    Ok(id) => account::find_member(tx, project.workspace, id)?.map(|account| account.name),
                    Err(_) => None,
                },
            };
            let Some(name) = name else { continue };
            let until = (row.validity.to != Validity::ALWAYS.to).then_some(row.validity.to);
            found.push(Member { subject: row.subject, name, role: role.word.clone(), until });
        }
    }
    Ok(found)
}

/// Puts somebody into a role, for a time or always, or takes them out of it.
pub fn set_member(
    tx: &mut Tx,
    viewer: &Viewer,
    project: &Project,
    subject: &Object,
    role: &str,
    wanted: Option<Validity>,
) -> Result<()> {
    if !queries::roles(tx, project.id)?.iter().any(|known: &Role| known.word == role) {
        return Err(ModuleError::field("role", "is no role of this project"));
    }
    if !matches!(subject.kind(), "account" | "group") {
        return Err(ModuleError::field("subject", "is no group, and no member's mail address"));
    }
    let scope = project.object();
    if wanted.is_some() {
        // Not twice, once always and once for a time.
        relation::leave(tx, subject, &relation::role(role, &scope))?;
    }
    Ok(delegate::set_role(tx, viewer, subject, (role, &scope, &project.name), wanted, "on the project")?)
}

/// Gives a role, a profile or a person a level on the project or a folder of it.
pub fn set_right(
    tx: &mut Tx,
    viewer: &Viewer,
    project: &Project,
    subject: &Object,
    object: &Object,
    level: Level,
) -> Result<()> {
    let own_role = relation::role_parts(subject).is_some_and(|(_, scope)| scope == project.object());
    if !own_role && !subject.is(Kind::GROUP) && !subject.is(Kind::ACCOUNT) {
        return Err(ModuleError::field("subject", "is no role of this project, no group and no member"));
    }
    Ok(delegate::set_grant(tx, viewer, subject, object, level, Validity::ALWAYS, "on the project")?)
}
