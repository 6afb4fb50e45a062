//! The SQL of projects. Nothing here checks permission.

use crate::model::{Folder, FolderId, Project, ProjectId, Role};
use bo_db::{DbError, Row, Tx, params};
use bo_model::WorkspaceId;
use std::collections::BTreeMap;

/// Rows of one kind that are looked at together at most.
pub const MOST: usize = 20_000;

const PROJECT: &str =
    "SELECT id, workspace, code, name, client, about, starts_on, ends_on, state, updated_at FROM project";

fn read_project(row: &Row<'_>) -> Result<Project, DbError> {
    Ok(Project {
        id: row.get(0)?,
        workspace: row.get(1)?,
        code: row.get(2)?,
        name: row.get(3)?,
        client: row.get(4)?,
        about: row.get(5)?,
        starts_on: row.get(6)?,
        ends_on: row.get(7)?,
        closed: row.str(8)? == "closed",
        updated_at: row.get(9)?,
    })
}

/// One project.
pub fn project(tx: &mut Tx, id: ProjectId) -> Result<Option<Project>, DbError> {
    tx.query_opt(&format!("{PROJECT} WHERE id = ?1"), params![id], read_project)
}

/// The projects of a workspace, by code.
pub fn projects(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Project>, DbError> {
    let sql = format!("{PROJECT} WHERE workspace = ?1 ORDER BY lower(code), id LIMIT ?2");
    tx.query(&sql, params![workspace, MOST], read_project)
}

/// What is said of a project that not everybody sees: by field.
pub fn fields(tx: &mut Tx, project: ProjectId) -> Result<BTreeMap<String, String>, DbError> {
    let sql = "SELECT name, value FROM project_field WHERE project = ?1";
    Ok(tx.query(sql, params![project], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

/// The roles of a project, by title.
pub fn roles(tx: &mut Tx, project: ProjectId) -> Result<Vec<Role>, DbError> {
    let sql = "SELECT word, title FROM project_role WHERE project = ?1 ORDER BY lower(title), word";
    tx.query(sql, params![project], |row| Ok(Role { word: row.get(0)?, title: row.get(1)? }))
}

const FOLDER: &str = "SELECT id, project, parent, name FROM project_folder";

fn read_folder(row: &Row<'_>) -> Result<Folder, DbError> {
    Ok(Folder { id: row.get(0)?, project: row.get(1)?, parent: row.get(2)?, name: row.get(3)? })
}

/// One folder.
pub fn folder(tx: &mut Tx, id: FolderId) -> Result<Option<Folder>, DbError> {
    tx.query_opt(&format!("{FOLDER} WHERE id = ?1"), params![id], read_folder)
}

/// All folders of a project, in their order.
pub fn folders(tx: &mut Tx, project: ProjectId) -> Result<Vec<Folder>, DbError> {
    let sql = format!("{FOLDER} WHERE project = ?1 ORDER BY rank, lower(name), id LIMIT ?2");
    tx.query(&sql, params![project, MOST], read_folder)
}
