//! Every address of projects, with what it needs.

mod api;
mod folders;
mod profiles;
mod projects;
mod team;

pub use folders::Inside;
pub use projects::{Shown, Visible};
pub use team::{Rights, Team};

use crate::actions;
use crate::model::{PROJECT, Project};
use bo_content::ModuleError;
use bo_db::Tx;
use bo_model::Level;
use bo_web::list::ListSpec;
use bo_web::{Ctx, Need, Result, Routes, WebError};
use serde_json::json;

/// The list of projects.
pub const PROJECTS: ListSpec = ListSpec {
    sorts: &["code", "name", "client", "starts", "changed"],
    sort: "code",
    desc: false,
    filters: &["state"],
};

/// A project in the path, as its viewer sees it.
pub struct Here {
    pub project: Project,
    pub level: Level,
}

/// The project in the path, if it is of the workspace one looks at. Whoever only sees that it is there gets its name.
pub fn here(ctx: &Ctx, tx: &mut Tx) -> Result<Here> {
    let mut project = actions::present(tx, ctx.workspace()?, ctx.param("id")?)?;
    let level = ctx.level(tx, &project.object())?;
    if level < Level::View {
        for text in [&mut project.client, &mut project.about, &mut project.starts_on, &mut project.ends_on] {
            text.clear();
        }
    }
    Ok(Here { project, level })
}

/// Does something to the project in the path, which must be of the workspace one looks at, in a transaction.
async fn change<T, F>(ctx: &Ctx, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx, &Project) -> std::result::Result<T, ModuleError> + Send + 'static,
{
    let (workspace, id) = (ctx.workspace()?, ctx.param("id")?);
    ctx.write(move |tx| {
        let project = actions::present(tx, workspace, id)?;
        work(tx, &project)
    })
    .await
    .map_err(WebError::from)
}

/// Pages and API.
pub fn routes() -> Routes {
    let at_least = |level| Need::object(PROJECT, "id", level);
    let (see, view, edit, own) =
        (at_least(Level::See), at_least(Level::View), at_least(Level::Edit), at_least(Level::Own));
    let (make, all) = (Need::module("portfolio", Level::Edit), Need::module("portfolio", Level::Own));
    let pages = Routes::new("projects")
        // Freelancers and clients have single projects and nothing else: these show what there is for them.
        .get("/projects", Need::signed_in(), projects::index)
        .about("The projects one may see")
        .get("/projects/new", make, projects::new)
        .about("The form of a new project")
        .post("/projects", make, projects::create)
        .about("Make a project with the roles and phases of a trade")
        .get("/projects/profiles", all, profiles::index)
        .about("What groups have on all projects, on fields and on history")
        .post("/projects/profiles", all, profiles::set)
        .about("Give a group a level on all projects, a field, or history")
        .post("/projects/profiles/set-up", all, profiles::set_up)
        .about("Make the predefined profiles that are not there yet")
        .get("/projects/{id}", see, projects::show)
        .about("A project with its phases")
        .get("/projects/{id}/edit", edit, projects::edit)
        .about("The form of a project")
        .post("/projects/{id}/change", edit, projects::change)
        .about("Change what is said of a project")
        .post("/projects/{id}/close", own, projects::close)
        .about("Close a project: it is history")
        .post("/projects/{id}/reopen", own, projects::reopen)
        .about("Open a closed project again")
        .get("/projects/{id}/team", view, team::index)
        .about("Who works on a project, in which role")
        .post("/projects/{id}/team", own, team::add)
        .about("Put somebody into a role, always or until a day")
        .post("/projects/{id}/team/remove", own, team::remove)
        .about("Take somebody out of a role")
        .post("/projects/{id}/roles", own, team::add_role)
        .about("Add a role of one's own")
        .get("/projects/{id}/rights", own, team::rights)
        .about("What roles, profiles and people may do on a project and in its folders")
        .post("/projects/{id}/rights", own, team::set_right)
        .about("Give a role, profile or person a level on a project or folder");
    pages.and(inside()).and(programs())
}

/// Folders have levels of their own, which the handlers ask for.
fn inside() -> Routes {
    let at_least = |level| Need::object(PROJECT, "id", level);
    let (see, own) = (at_least(Level::See), at_least(Level::Own));
    Routes::new("projects")
        .post("/projects/{id}/folders", own, folders::add_phase)
        .about("Add a phase")
        .get("/projects/{id}/folders/{folder}", see, folders::show)
        .about("A folder with what is in it")
        .post("/projects/{id}/folders/{folder}/folders", see, folders::add)
        .about("Add a folder in a folder")
        .post("/projects/{id}/folders/{folder}/rename", see, folders::rename)
        .about("Rename a folder")
        .post("/projects/{id}/folders/{folder}/remove", see, folders::remove)
        .about("Remove an empty folder")
        .post("/projects/{id}/folders/{folder}/files", see, folders::add_files)
        .about("Put files into a folder")
        .body_limit(bo_content::files::UPLOAD)
        .get("/projects/{id}/folders/{folder}/files/{file}", see, folders::file)
        .about("A file of a folder")
        .post("/projects/{id}/folders/{folder}/files/{file}/remove", see, folders::remove_file)
        .about("Remove a file from a folder")
}

fn programs() -> Routes {
    let at_least = |level| Need::object(PROJECT, "id", level);
    let text = json!({"type": "string"});
    let project = json!({"type": "object", "required": ["code", "name"], "properties": {
        "code": text, "name": text, "client": text, "about": text, "starts_on": {"type": "string", "format": "date"},
        "ends_on": {"type": "string", "format": "date"}, "trade": {"enum": ["translation", "it", "advertising", "own"]},
        "budget": {"type": "string", "examples": ["12500.00 EUR"]}, "rate": text, "contact": text, "remarks": text}});
    Routes::new("projects")
        .get("/api/v1/projects", Need::signed_in(), api::projects)
        .about("The projects one may see")
        .lists(&PROJECTS)
        .post("/api/v1/projects", Need::module("portfolio", Level::Edit), api::create)
        .about("Make a project with the roles and phases of a trade")
        .accepts(project.clone())
        .get("/api/v1/projects/{id}", at_least(Level::See), api::project)
        .about("A project with its folders, and those of its fields that one sees")
        .put("/api/v1/projects/{id}", at_least(Level::Edit), api::change)
        .about("Change what is said of a project")
        .accepts(project)
        .get("/api/v1/projects/{id}/folders/{folder}", at_least(Level::See), api::folder)
        .about("A folder with its folders and files")
        .post("/api/v1/projects/{id}/team", at_least(Level::Own), api::add_member)
        .about("Put somebody into a role: a mail address or a group's name, always or until a day")
        .accepts(json!({"type": "object", "required": ["subject", "role"], "properties": {
            "subject": text, "role": text, "until": {"type": "string", "format": "date"}}}))
        .put("/api/v1/projects/{id}/rights", at_least(Level::Own), api::set_right)
        .about("Give a role, group or person a level on the project or a folder; `none` takes it back")
        .accepts(json!({"type": "object", "required": ["subject", "level"], "properties": {
            "subject": text, "folder": {"type": "string", "format": "uuid"}, "level": {"enum": ["none", "see", "view", "edit", "own"]}}}))
}
