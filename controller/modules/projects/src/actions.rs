//! What people do with projects. Each function is a part of one transaction; the routes have checked the object in the path, and
//! who may give what to whom is decided by `bo_identity::delegate` alone.

mod folders;
mod profiles;
mod team;

pub use folders::{add_folder, remove_folder, rename_folder};
pub use profiles::{Row, columns, matrix, set_up};
pub use team::{Member, add_role, members, set_member, set_right};

use crate::model::{self, FIELDS, FolderId, Project, ProjectId, Trade};
use crate::queries;
use bo_content::ModuleError;
use bo_db::{Event, Tx, params};
use bo_identity::ceiling::{self, Ceiling, CeilingKind};
use bo_identity::relation::{self, Containment, Validity};
use bo_model::{Level, Object, WorkspaceId};
use bo_web::Viewer;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ModuleError>;

/// Where the module stands in the permission graph.
pub fn module(workspace: WorkspaceId) -> Object {
    Object::module(workspace, "portfolio")
}

/// What is said of a project that everybody sees who reads it.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Short.
    pub code: String,
    /// For people.
    pub name: String,
    /// For whom.
    pub client: String,
    /// What it is.
    pub about: String,
    /// First day; may be empty.
    pub starts_on: String,
    /// Last day; may be empty.
    pub ends_on: String,
}

impl Facts {
    fn of(project: &Project) -> Facts {
        Facts {
            code: project.code.clone(),
            name: project.name.clone(),
            client: project.client.clone(),
            about: project.about.clone(),
            starts_on: project.starts_on.clone(),
            ends_on: project.ends_on.clone(),
        }
    }
}

/// One project of a workspace.
pub fn present(tx: &mut Tx, workspace: WorkspaceId, id: ProjectId) -> Result<Project> {
    queries::project(tx, id)?.filter(|project| project.workspace == workspace).ok_or(ModuleError::NotFound)
}

fn payload(project: &Project) -> Json {
    json!({"workspace": project.workspace, "code": project.code, "name": project.name})
}

/// What all projects of a workspace hang below: only its owners come through from the module.
pub fn scaffold(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    let parent = module(workspace);
    let fields = FIELDS.iter().map(|field| model::field_of_all(workspace, field));
    for object in [model::all_projects(workspace), model::history(workspace)].into_iter().chain(fields) {
        relation::contain(tx, &parent, &object, Containment::Gated)?;
    }
    Ok(())
}

fn free_code(tx: &mut Tx, workspace: WorkspaceId, id: ProjectId, code: &str) -> Result<()> {
    let sql = "SELECT 1 FROM project WHERE workspace = ?1 AND lower(code) = lower(?2) AND id <> ?3";
    match tx.query_opt(sql, params![workspace, code, id], |_| Ok(()))? {
        None => Ok(()),
        Some(()) => Err(ModuleError::field("code", "is that of another project")),
    }
}

/// Makes a project with the roles and phases of a trade; its maker is its manager. `folders` are ids for the phases.
pub fn create(
    tx: &mut Tx,
    viewer: &Viewer,
    id: ProjectId,
    facts: &Facts,
    trade: &Trade,
    folders: &[FolderId],
) -> Result<()> {
    let workspace = viewer.workspace;
    free_code(tx, workspace, id, &facts.code)?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO project (id, workspace, code, name, client, about, starts_on, ends_on, state, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open', ?9, ?9)",
        params![
            id, workspace, &facts.code, &facts.name, &facts.client, &facts.about, &facts.starts_on, &facts.ends_on, now
        ],
    )?;
    scaffold(tx, workspace)?;
    let object = model::object(id);
    relation::contain(tx, &model::all_projects(workspace), &object, Containment::Open)?;
    for field in &FIELDS {
        let own = model::field_of(id, field);
        relation::contain(tx, &object, &own, Containment::Gated)?;
        relation::contain(tx, &model::field_of_all(workspace, field), &own, Containment::Open)?;
    }
    for (word, title, level) in trade.roles {
        team::put_role(tx, id, word, title, *level)?;
    }
    for ((name, rights), folder) in trade.phases.iter().zip(folders) {
        folders::put_folder(tx, id, None, *folder, name)?;
        for (word, level) in *rights {
            let (role, folder) = (relation::role(word, &object), Object::new(crate::FOLDER, folder));
            relation::grant(tx, &role, &folder, *level, Validity::ALWAYS, trade.title)?;
        }
    }
    let manager = relation::role("manager", &object);
    relation::join(tx, &viewer.subject(), &manager, Validity::ALWAYS, "made it")?;
    let project = present(tx, workspace, id)?;
    tx.audit(
        Event::new("project.create", object.clone())
            .name(&facts.name)
            .after(json!({"facts": facts, "trade": trade.word})),
    );
    tx.emit("projects.created", &object, payload(&project));
    Ok(())
}

/// Changes what is said of a project, and those of its fields that are given: whoever gives them may write them. The log says
/// which of these changed and not to what: it has other readers than they have.
pub fn change(
    tx: &mut Tx,
    project: &Project,
    facts: &Facts,
    fields: &BTreeMap<&'static str, String>,
) -> Result<()> {
    free_code(tx, project.workspace, project.id, &facts.code)?;
    let now = tx.now();
    tx.execute(
        "UPDATE project SET code = ?2, name = ?3, client = ?4, about = ?5, starts_on = ?6, ends_on = ?7, updated_at = ?8
         WHERE id = ?1",
        params![
            project.id, &facts.code, &facts.name, &facts.client, &facts.about, &facts.starts_on, &facts.ends_on, now
        ],
    )?;
    let known = queries::fields(tx, project.id)?;
    let mut changed = Vec::new();
    for (name, value) in fields.iter().filter(|(name, value)| known.get(**name) != Some(*value)) {
        tx.execute(
            "INSERT INTO project_field (project, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (project, name) DO UPDATE SET value = excluded.value",
            params![project.id, *name, value],
        )?;
        changed.push(*name);
    }
    let record = Event::new("project.change", project.object()).name(&facts.name);
    let (mut before, mut after) = (json!(Facts::of(project)), json!(facts));
    if !changed.is_empty() {
        before["fields"] = json!("as before");
        after["fields"] = json!(changed);
    }
    tx.audit(record.change(before, after));
    tx.emit("projects.changed", &project.object(), payload(project));
    Ok(())
}

/// Closes a project: it is gone for all but those with the right to history, who read it. Or opens it again.
pub fn set_closed(tx: &mut Tx, project: &Project, closed: bool) -> Result<()> {
    let (now, state) = (tx.now(), if closed { "closed" } else { "open" });
    tx.execute(
        "UPDATE project SET state = ?2, updated_at = ?3 WHERE id = ?1",
        params![project.id, state, now],
    )?;
    if closed {
        let (kind, cap, lifted_by) =
            (CeilingKind::State, Level::None, Some(model::history(project.workspace)));
        let reason = "The project is closed; it takes the right to history.".to_owned();
        ceiling::put(tx, &Ceiling { object: project.object(), kind, cap, lifted_by, deep: true, reason })?;
    } else {
        ceiling::lift(tx, &project.object(), CeilingKind::State)?;
    }
    let verb = if closed { "project.close" } else { "project.reopen" };
    tx.audit(Event::new(verb, project.object()).name(&project.name));
    tx.emit(
        if closed { "projects.closed" } else { "projects.reopened" },
        &project.object(),
        payload(project),
    );
    Ok(())
}
