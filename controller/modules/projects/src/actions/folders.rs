//! Phases, and folders in them.

use super::Result;
use crate::model::{Folder, FolderId, ProjectId, object};
use crate::queries;
use bo_content::ModuleError;
use bo_db::{Event, Tx, params};
use bo_identity::relation::{self, Containment};
use serde_json::json;

/// Folders of a project at most, and how deep they go.
const MOST: usize = 1000;
const DEEPEST: usize = 12;

/// Stores a folder and hangs it: a phase gated below its project, a folder in a folder open, so that rights add up down the path.
pub(super) fn put_folder(
    tx: &mut Tx,
    project: ProjectId,
    parent: Option<&Folder>,
    id: FolderId,
    name: &str,
) -> Result<Folder> {
    tx.execute(
        "INSERT INTO project_folder (id, project, parent, name, rank)
         SELECT ?1, ?2, ?3, ?4, COALESCE(MAX(rank), 0) + 1 FROM project_folder WHERE project = ?2",
        params![id, project, parent.map(|folder| folder.id), name],
    )?;
    let folder = Folder { id, project, parent: parent.map(|folder| folder.id), name: name.to_owned() };
    match parent {
        Some(parent) => relation::contain(tx, &parent.object(), &folder.object(), Containment::Open)?,
        None => relation::contain(tx, &object(project), &folder.object(), Containment::Gated)?,
    }
    Ok(folder)
}

fn free_name(known: &[Folder], parent: Option<FolderId>, id: FolderId, name: &str) -> Result<()> {
    let same = |folder: &&Folder| {
        folder.parent == parent && folder.id != id && folder.name.to_lowercase() == name.to_lowercase()
    };
    match known.iter().find(same) {
        Some(_) => Err(ModuleError::field("name", "is the name of another folder here")),
        None => Ok(()),
    }
}

/// Adds a phase, or a folder in one.
pub fn add_folder(
    tx: &mut Tx,
    project: ProjectId,
    parent: Option<&Folder>,
    id: FolderId,
    name: &str,
) -> Result<()> {
    let known = queries::folders(tx, project)?;
    free_name(&known, parent.map(|folder| folder.id), id, name)?;
    let (mut depth, mut at) = (0, parent.map(|folder| folder.id));
    while let Some(folder) = at.and_then(|at| known.iter().find(|folder| folder.id == at)) {
        (depth, at) = (depth + 1, folder.parent);
    }
    if known.len() >= MOST || depth >= DEEPEST {
        let text = format!("A project has at most {MOST} folders, {DEEPEST} in each other.");
        return Err(ModuleError::Conflict(text));
    }
    let folder = put_folder(tx, project, parent, id, name)?;
    tx.audit(Event::new("project-folder.add", folder.object()).name(name).after(json!(folder)));
    Ok(())
}

/// Renames a folder.
pub fn rename_folder(tx: &mut Tx, folder: &Folder, name: &str) -> Result<()> {
    free_name(&queries::folders(tx, folder.project)?, folder.parent, folder.id, name)?;
    tx.execute("UPDATE project_folder SET name = ?2 WHERE id = ?1", params![folder.id, name])?;
    let record = Event::new("project-folder.rename", folder.object()).name(name);
    tx.audit(record.change(json!({"name": folder.name}), json!({"name": name})));
    Ok(())
}

/// Removes an empty folder.
pub fn remove_folder(tx: &mut Tx, folder: &Folder) -> Result<()> {
    let left: i64 = tx.query_one(
        "SELECT (SELECT COUNT(*) FROM project_folder WHERE parent = ?1) + (SELECT COUNT(*) FROM content_attachment WHERE object = ?2)",
        params![folder.id, folder.object()],
        |row| row.get(0),
    )?;
    if left > 0 {
        let text = format!("“{}” still has {left} folders and files. Remove them first.", folder.name);
        return Err(ModuleError::Conflict(text));
    }
    tx.execute("DELETE FROM project_folder WHERE id = ?1", params![folder.id])?;
    relation::forget(tx, &folder.object())?;
    tx.audit(Event::new("project-folder.remove", folder.object()).name(&folder.name).before(json!(folder)));
    Ok(())
}
