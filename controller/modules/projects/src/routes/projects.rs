//! The list of projects, a new one, and one of them.

use super::{Here, PROJECTS, here};
use crate::actions::{self, Facts};
use crate::model::{self, FIELDS, Field, Folder, FolderId, Project, ProjectId};
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_db::Tx;
use bo_model::{Level, Object};
use bo_web::reply::Redirect;
use bo_web::{Ctx, FieldErrors, Input, ListQuery, Paged, Result, WebError, reply};
use maud::Markup;
use std::collections::BTreeMap;

/// Fields of a project's form.
pub const FORM: [&str; 11] = [
    "code",
    "name",
    "client",
    "about",
    "starts_on",
    "ends_on",
    "trade",
    "budget",
    "rate",
    "contact",
    "remarks",
];

/// A field the viewer sees, what it says, and their level on it.
pub type Visible = (Field, String, Level);

/// A project as its viewer sees it.
pub struct Shown {
    pub here: Here,
    pub fields: Vec<Visible>,
    /// The folders the viewer sees, each behind what it lies in.
    pub folders: Vec<(Folder, Level, usize)>,
}

/// The viewer's level on a field: never more than they have on the project.
fn field_level(ctx: &Ctx, tx: &mut Tx, here: &Here, field: &Field) -> Result<Level> {
    if here.level < Level::View {
        return Ok(Level::None);
    }
    let level = ctx.level(tx, &model::field_of(here.project.id, field))?;
    Ok(if here.level < Level::Edit { level.min(Level::View) } else { level })
}

/// The fields the viewer sees.
pub fn visible(ctx: &Ctx, tx: &mut Tx, here: &Here) -> Result<Vec<Visible>> {
    let mut values = queries::fields(tx, here.project.id)?;
    let mut seen = Vec::new();
    for field in &FIELDS {
        let level = field_level(ctx, tx, here, field)?;
        if level >= Level::View {
            seen.push((*field, values.remove(field.name).unwrap_or_default(), level));
        }
    }
    Ok(seen)
}

/// The folders the viewer sees, with how deep they lie; a folder one sees in one that one doesn't stands at the top.
pub fn folders(ctx: &Ctx, tx: &mut Tx, project: &Project) -> Result<Vec<(Folder, Level, usize)>> {
    let mut seen: Vec<(Folder, Level)> = Vec::new();
    for folder in queries::folders(tx, project.id)? {
        let level = ctx.level(tx, &folder.object())?;
        if level >= Level::See {
            seen.push((folder, level));
        }
    }
    let known: Vec<FolderId> = seen.iter().map(|(folder, _)| folder.id).collect();
    let mut sorted = Vec::new();
    let mut open: Vec<(Option<FolderId>, usize)> = vec![(None, 0)];
    while let Some((parent, depth)) = open.pop() {
        let at = |folder: &Folder| folder.parent.filter(|parent| known.contains(parent));
        if let Some(id) = parent
            && let Some((folder, level)) = seen.iter().find(|(folder, _)| folder.id == id)
        {
            sorted.push((folder.clone(), *level, depth - 1));
        }
        let inside = seen.iter().filter(|(folder, _)| at(folder) == parent);
        open.extend(inside.rev().map(|(folder, _)| (Some(folder.id), depth + 1)));
    }
    Ok(sorted)
}

/// The viewer's projects in the workspace they look at: a page of the list.
pub fn listed(ctx: &Ctx, tx: &mut Tx, list: &ListQuery) -> Result<Paged<(Project, Level)>> {
    let mut seen = Vec::new();
    for mut project in queries::projects(tx, ctx.workspace()?)? {
        let level = ctx.level(tx, &project.object())?;
        if level < Level::View {
            // Not to be searched, sorted or exported by either.
            for text in
                [&mut project.client, &mut project.about, &mut project.starts_on, &mut project.ends_on]
            {
                text.clear();
            }
        }
        let state = if project.closed { "closed" } else { "open" };
        let wanted = list.filter("state").is_none_or(|word| word == state);
        if level >= Level::See
            && wanted
            && list.finds([project.code.as_str(), &project.name, &project.client])
        {
            seen.push((project, level));
        }
    }
    let key = |project: &Project| match list.sort {
        "name" => project.name.to_lowercase(),
        "client" => project.client.to_lowercase(),
        "starts" => project.starts_on.clone(),
        "changed" => format!("{:020}", project.updated_at.0),
        _ => project.code.to_lowercase(),
    };
    Ok(list.page_of(seen, |(project, _)| (key(project), project.id.to_string())))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&PROJECTS)?;
    let (page, module) = ctx.read(|tx| -> Result<_> {
        Ok((listed(&ctx, tx, &list)?, ctx.level(tx, &actions::module(ctx.workspace()?))?))
    })?;
    if list.format == "csv" {
        let rows = page.items.into_iter().map(|(project, _)| {
            let state = if project.closed { "closed" } else { "open" };
            vec![project.code, project.name, project.client, project.starts_on, project.ends_on, state.into()]
        });
        return reply::csv("projects", &["code", "name", "client", "starts_on", "ends_on", "state"], rows);
    }
    Ok(views::projects::index(&ctx, &list, &page, module).into_response())
}

pub async fn new(ctx: Ctx) -> Result<Markup> {
    Ok(views::projects::new(&ctx, &Input::filled([("trade", "translation")])))
}

/// What a form or program says of a project.
pub fn facts(input: &Input) -> Result<Facts> {
    let mut errors = FieldErrors::new();
    let day = |name: &str, errors: &mut FieldErrors| {
        let typed = input.text(name).to_owned();
        if !typed.is_empty() && typed.parse::<jiff::civil::Date>().is_err() {
            errors.push((name.into(), "must be a day, like 2026-05-14".into()));
        }
        typed
    };
    let (starts_on, ends_on) = (day("starts_on", &mut errors), day("ends_on", &mut errors));
    if !starts_on.is_empty() && !ends_on.is_empty() && ends_on < starts_on {
        errors.push(("ends_on".into(), "must not be before the first day".into()));
    }
    let facts = Facts {
        code: input.required("code", 40, &mut errors),
        name: input.required("name", 200, &mut errors),
        client: input.optional("client", 200, &mut errors),
        about: input.optional("about", 5000, &mut errors),
        starts_on,
        ends_on,
    };
    if errors.is_empty() { Ok(facts) } else { Err(WebError::BadInput(errors)) }
}

/// Makes a project, for a page or a program.
pub async fn make(ctx: &Ctx, input: &Input) -> Result<ProjectId> {
    let (facts, viewer, id) = (facts(input)?, ctx.who()?.clone(), ctx.make_id());
    let word = if input.text("trade").is_empty() { "own" } else { input.text("trade") };
    let trade = model::trade(word).ok_or_else(|| WebError::field("trade", "must be one of the choices"))?;
    let folders: Vec<FolderId> = trade.phases.iter().map(|_| ctx.make_id()).collect();
    ctx.write(move |tx| actions::create(tx, &viewer, id, &facts, trade, &folders)).await?;
    Ok(id)
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match make(&ctx, &input).await {
        Ok(id) => Ok(ctx.redirect(format!("/projects/{id}")).flash("The project is ready").into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            Ok(input.on(views::projects::new(&ctx, &input)))
        }
    }
}

/// The project in the path as the viewer sees it.
pub fn shown(ctx: &Ctx, tx: &mut Tx) -> Result<Shown> {
    let here = here(ctx, tx)?;
    Ok(Shown { fields: visible(ctx, tx, &here)?, folders: folders(ctx, tx, &here.project)?, here })
}

pub async fn show(ctx: Ctx) -> Result<Markup> {
    let shown = ctx.read(|tx| shown(&ctx, tx))?;
    Ok(views::projects::show(&ctx, &shown))
}

pub async fn edit(ctx: Ctx) -> Result<Markup> {
    let shown = ctx.read(|tx| shown(&ctx, tx))?;
    let project = &shown.here.project;
    let mut pairs = vec![
        ("code", project.code.clone()),
        ("name", project.name.clone()),
        ("client", project.client.clone()),
        ("about", project.about.clone()),
        ("starts_on", project.starts_on.clone()),
        ("ends_on", project.ends_on.clone()),
    ];
    pairs.extend(shown.fields.iter().map(|(field, value, _)| (field.name, value.clone())));
    Ok(views::projects::edit(&ctx, &shown, &Input::filled(pairs)))
}

/// Changes a project by what was sent: a field the viewer may not write is refused, not ignored.
pub async fn alter(ctx: &Ctx, input: &Input) -> Result<()> {
    let facts = facts(input)?;
    let mut fields = BTreeMap::new();
    let mut errors = FieldErrors::new();
    for field in FIELDS.iter().filter(|field| input.has(field.name)) {
        let typed = if field.money {
            model::money(input.text(field.name))
        } else {
            Ok(input.text(field.name).to_owned())
        };
        match typed {
            Ok(value) if value.chars().count() <= 2000 => drop(fields.insert(field.name, value)),
            Ok(_) => errors.push((field.name.into(), "must be at most 2000 characters".into())),
            Err(sentence) => errors.push((field.name.into(), sentence)),
        }
    }
    if !errors.is_empty() {
        return Err(WebError::BadInput(errors));
    }
    let level_of = ctx.checker();
    super::change(ctx, move |tx, project| {
        for field in FIELDS.iter().filter(|field| fields.contains_key(field.name)) {
            let object: Object = model::field_of(project.id, field);
            if level_of(tx, &object)? < Level::Edit {
                let text = format!("You may not change “{}” of this project.", field.title);
                return Err(bo_content::ModuleError::NotAllowed(text));
            }
        }
        actions::change(tx, project, &facts, &fields)
    })
    .await
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match alter(&ctx, &input).await {
        Ok(()) => Ok(back(&ctx)?.flash("Saved").into_response()),
        Err(error) => {
            let shown = ctx.read(|tx| shown(&ctx, tx))?;
            let input = input.refused(error)?;
            Ok(input.on(views::projects::edit(&ctx, &shown, &input)))
        }
    }
}

fn back(ctx: &Ctx) -> Result<Redirect> {
    Ok(ctx.redirect(format!("/projects/{}", ctx.param::<ProjectId>("id")?)))
}

pub async fn close(ctx: Ctx) -> Result<Redirect> {
    super::change(&ctx, |tx, project| actions::set_closed(tx, project, true)).await?;
    Ok(ctx.redirect("/projects").flash("The project is closed; whoever has the right to history can read it"))
}

pub async fn reopen(ctx: Ctx) -> Result<Redirect> {
    super::change(&ctx, |tx, project| actions::set_closed(tx, project, false)).await?;
    Ok(back(&ctx)?.flash("The project is open again, with everybody's roles as they were"))
}
