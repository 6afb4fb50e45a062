//! Phases, folders in them, and files.

use super::{Here, change, here};
use crate::actions;
use crate::model::{Folder, FolderId, Project, ProjectId};
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_content::ModuleError;
use bo_content::attachment::{self, Attachment};
use bo_content::files;
use bo_db::Tx;
use bo_model::{Level, Object};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};

/// A folder as its viewer sees it.
pub struct Inside {
    pub here: Here,
    pub folder: Folder,
    pub level: Level,
    /// Those in it that the viewer sees.
    pub folders: Vec<(Folder, Level)>,
    pub files: Vec<Attachment>,
    /// The way here, the phase first, as far as the viewer sees it.
    pub path: Vec<Folder>,
    /// Files that were not taken just now.
    pub refused: Option<files::Refused>,
}

/// The folder in the path, if it is of the project and the viewer may do that much with it.
fn folder_of(ctx: &Ctx, tx: &mut Tx, project: &Project, level: Level) -> Result<Folder> {
    let folder = queries::folder(tx, ctx.param("folder")?)?.filter(|folder| folder.project == project.id);
    let folder = folder.ok_or(WebError::NotFound)?;
    ctx.require(tx, &folder.object(), level)?;
    Ok(folder)
}

/// What of the folder in the path the viewer sees. Files are for those who read it.
pub fn inside(ctx: &Ctx, tx: &mut Tx) -> Result<Inside> {
    let here = here(ctx, tx)?;
    let folder = folder_of(ctx, tx, &here.project, Level::See)?;
    let level = ctx.level(tx, &folder.object())?;
    let all = queries::folders(tx, here.project.id)?;
    let mut folders = Vec::new();
    for inner in all.iter().filter(|inner| inner.parent == Some(folder.id)) {
        let level = ctx.level(tx, &inner.object())?;
        if level >= Level::See {
            folders.push((inner.clone(), level));
        }
    }
    let files = if level >= Level::View { attachment::list(tx, &folder.object())? } else { Vec::new() };
    let (mut path, mut at) = (Vec::new(), folder.parent);
    while let Some(above) = at.and_then(|at| all.iter().find(|folder| folder.id == at)) {
        if ctx.level(tx, &above.object())? >= Level::See {
            path.push(above.clone());
        }
        at = above.parent;
    }
    path.reverse();
    Ok(Inside { here, folder, level, folders, files, path, refused: None })
}

fn shown(ctx: &Ctx, input: &Input) -> Result<Response> {
    let inside = ctx.read(|tx| inside(ctx, tx))?;
    Ok(input.on(views::folders::show(ctx, &inside, input)))
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    shown(&ctx, &Input::default())
}

fn name(input: &Input) -> Result<String> {
    let mut errors = Vec::new();
    let name = input.required("name", 120, &mut errors);
    if errors.is_empty() { Ok(name) } else { Err(WebError::BadInput(errors)) }
}

fn at(ctx: &Ctx) -> Result<String> {
    Ok(format!("/projects/{}", ctx.param::<ProjectId>("id")?))
}

fn to_folder(ctx: &Ctx) -> Result<String> {
    Ok(format!("{}/folders/{}", at(ctx)?, ctx.param::<FolderId>("folder")?))
}

pub async fn add_phase(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, FolderId) = (ctx.form()?, ctx.make_id());
    let added = match name(&input) {
        Ok(name) => {
            change(&ctx, move |tx, project| actions::add_folder(tx, project.id, None, id, &name)).await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(()) => {
            let said = "The phase is there. Say under Rights who may do what in it";
            Ok(ctx.redirect(at(&ctx)?).flash(said).into_response())
        }
        Err(error) => {
            let shown = ctx.read(|tx| super::projects::shown(&ctx, tx))?;
            let input = input.refused(error)?;
            Ok(input.on(views::projects::show_with(&ctx, &shown, &input)))
        }
    }
}

/// Does something to the folder in the path for which the viewer needs that level on it.
async fn to_that<F>(ctx: &Ctx, level: Level, work: F) -> Result<()>
where
    F: Fn(&mut Tx, &Folder) -> std::result::Result<(), ModuleError> + Send + 'static,
{
    let folder = ctx.read(|tx| {
        let here = here(ctx, tx)?;
        folder_of(ctx, tx, &here.project, level)
    })?;
    change(ctx, move |tx, _| {
        let folder = queries::folder(tx, folder.id)?.ok_or(ModuleError::NotFound)?;
        work(tx, &folder)
    })
    .await
}

pub async fn add(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, FolderId) = (ctx.form()?, ctx.make_id());
    let added = match name(&input) {
        Ok(name) => {
            to_that(&ctx, Level::Edit, move |tx, folder| {
                actions::add_folder(tx, folder.project, Some(folder), id, &name)
            })
            .await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(()) => Ok(ctx.redirect(to_folder(&ctx)?).flash("The folder is there").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

pub async fn rename(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let renamed = match name(&input) {
        Ok(name) => {
            to_that(&ctx, Level::Own, move |tx, folder| actions::rename_folder(tx, folder, &name)).await
        }
        Err(error) => Err(error),
    };
    match renamed {
        Ok(()) => Ok(ctx.redirect(to_folder(&ctx)?).flash("Saved").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    to_that(&ctx, Level::Own, actions::remove_folder).await?;
    Ok(ctx.redirect(at(&ctx)?).flash("The folder was removed"))
}

fn owner(ctx: &Ctx, level: Level) -> Result<Object> {
    ctx.read(|tx| {
        let here = here(ctx, tx)?;
        Ok(folder_of(ctx, tx, &here.project, level)?.object())
    })
}

pub async fn add_files(ctx: Ctx) -> Result<Response> {
    files::add(&ctx, owner(&ctx, Level::Edit)?, to_folder(&ctx)?, |refused| {
        let inside = Inside { refused: Some(refused), ..ctx.read(|tx| inside(&ctx, tx))? };
        Ok(views::folders::show(&ctx, &inside, &Input::default()))
    })
    .await
}

pub async fn file(ctx: Ctx) -> Result<Response> {
    let folder = owner(&ctx, Level::See)?;
    ctx.read(|tx| {
        // To see that there is a folder is not to see what is in it.
        if ctx.level(tx, &folder)? < Level::View {
            return Err(WebError::NotFound);
        }
        files::show(tx, &folder, ctx.param("file")?)
    })
}

pub async fn remove_file(ctx: Ctx) -> Result<Redirect> {
    files::remove(&ctx, owner(&ctx, Level::Edit)?, ctx.param("file")?, to_folder(&ctx)?).await
}
