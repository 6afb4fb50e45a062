//! Projects: what is worked on for clients, by whom, and who sees what of it. See the README for nouns and invariants.

mod actions;
mod model;
mod queries;
mod routes;
mod views;

pub use model::{FIELD, FOLDER, FolderId, PROJECT, ProjectId};

use bo_db::part::Owned;
use bo_db::{DbError, Migration, Part, Tx, migration, params};
use bo_model::{Object, WorkspaceId};
use bo_web::{Module, NavItem, Need};

const MIGRATIONS: [Migration; 1] =
    [migration!("projects", 1, "projects, roles, phase folders", "../migrations/0001_projects.sql")];

// Freelancers and clients have single projects and nothing else: the page shows what there is for them.
const NAVIGATION: [NavItem; 1] = [NavItem {
    section: "Work",
    title: "Projects",
    href: "/projects",
    icon: "folder",
    need: Need::signed_in(),
}];

/// All there is to say about projects to the controller.
pub const MODULE: Module = Module {
    id: "projects",
    migrations: &MIGRATIONS,
    routes: routes::routes,
    navigation: &NAVIGATION,
    handlers: &[],
    part: PART,
};

const OF_PROJECTS: &str = "project IN (SELECT id FROM project WHERE workspace = ?1)";

const PART: Part = Part {
    owned: &[
        Owned::found("project_field", "project, name", OF_PROJECTS),
        Owned::found("project_role", "project, word", OF_PROJECTS),
        Owned::found("project_folder", "id", OF_PROJECTS).objects("project-folder", ""),
        Owned::rows("project", "id").objects("project", "projects, with their folders and files"),
    ],
    name: name_of,
    ..Part::NONE
};

fn name_of(tx: &mut Tx, workspace: WorkspaceId, object: &Object) -> Result<Option<String>, DbError> {
    let (place, field) =
        object.id().split_once('/').map_or((object.id(), ""), |(place, field)| (place, field));
    let here = place == workspace.to_string();
    let title = model::FIELDS.iter().find(|known| known.name == field).map_or(field, |known| known.title);
    let project = |tx: &mut Tx, id: &str| -> Result<Option<String>, DbError> {
        let sql = "SELECT name FROM project WHERE id = ?1 AND workspace = ?2";
        tx.query_opt(sql, params![id, workspace], |row| row.get(0))
    };
    Ok(match object.kind() {
        "projects" if here => Some("all projects".into()),
        "project-history" if here => Some("closed projects".into()),
        "project-field" if here => Some(format!("the field {title} of all projects")),
        "project-field" => project(tx, place)?.map(|name| format!("the field {title} of the project {name}")),
        "project" => project(tx, place)?.map(|name| format!("the project {name}")),
        "project-folder" => {
            let sql = "SELECT f.name, p.name FROM project_folder f JOIN project p ON p.id = f.project WHERE f.id = ?1 AND p.workspace = ?2";
            let names: Option<(String, String)> =
                tx.query_opt(sql, params![place, workspace], |row| Ok((row.get(0)?, row.get(1)?)))?;
            names.map(|(folder, project)| format!("the folder {folder} of the project {project}"))
        }
        _ => None,
    })
}
