//! Who works on a project, and what each may do where.

use super::{Here, change, here};
use crate::actions::{self, Member};
use crate::model::{Folder, FolderId, ProjectId, Role};
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_db::Tx;
use bo_identity::account;
use bo_identity::group::{self, Group};
use bo_identity::relation::{self, RelationKind, Validity};
use bo_identity::{AccessLinks, subject};
use bo_model::{Kind, Level, Object, Time};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};
use maud::Markup;

/// The team of a project.
pub struct Team {
    pub here: Here,
    pub roles: Vec<Role>,
    pub members: Vec<Member>,
    pub groups: Vec<Group>,
}

fn team(ctx: &Ctx) -> Result<Team> {
    ctx.read(|tx| {
        let here = here(ctx, tx)?;
        let members = actions::members(tx, &here.project)?;
        let groups =
            if here.level >= Level::Own { group::all(tx, here.project.workspace)? } else { Vec::new() };
        Ok(Team { roles: queries::roles(tx, here.project.id)?, members, groups, here })
    })
}

fn shown(ctx: &Ctx, input: &Input) -> Result<Response> {
    Ok(input.on(views::team::index(ctx, &team(ctx)?, input)))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    shown(&ctx, &Input::default())
}

/// A group by its object or name, or a member by mail address.
fn subject_of(tx: &mut Tx, ctx: &Ctx, typed: &str) -> Result<Object> {
    let found = subject::typed(tx, ctx.workspace()?, typed)?;
    found.ok_or_else(|| WebError::field("subject", "is no group, and no member's mail address"))
}

/// Until the end of a day, in UTC; always when empty.
fn until(input: &Input, now: Time) -> Result<Validity> {
    let typed = input.text("until");
    if typed.is_empty() {
        return Ok(Validity::ALWAYS);
    }
    let day: Option<jiff::civil::Date> = typed.parse().ok();
    let end =
        day.and_then(|day| day.tomorrow().ok()).and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match end.map(|end| Time(end.timestamp().as_microsecond())) {
        Some(to) if to > now => Ok(Validity { from: Validity::ALWAYS.from, to }),
        _ => Err(WebError::field("until", "must be a day to come, or empty")),
    }
}

async fn set(ctx: &Ctx, input: &Input, wanted: Option<Validity>) -> Result<()> {
    let subject = ctx.read(|tx| subject_of(tx, ctx, input.text("subject")))?;
    let (role, viewer) = (input.text("role").to_owned(), ctx.who()?.clone());
    change(ctx, move |tx, project| actions::set_member(tx, &viewer, project, &subject, &role, wanted)).await
}

fn back(ctx: &Ctx, tab: &str) -> Result<Redirect> {
    Ok(ctx.redirect(format!("/projects/{}/{tab}", ctx.param::<ProjectId>("id")?)))
}

/// Puts somebody into a role by what was sent, for a page or a program.
pub async fn put(ctx: &Ctx, input: &Input) -> Result<()> {
    let validity = until(input, ctx.now())?;
    set(ctx, input, Some(validity)).await
}

pub async fn add(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match put(&ctx, &input).await {
        Ok(()) => Ok(back(&ctx, "team")?.flash("They are on the team").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    set(&ctx, &ctx.form()?, None).await?;
    Ok(back(&ctx, "team")?.flash("They are out of that role"))
}

pub async fn add_role(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let mut errors = Vec::new();
    let title = input.required("title", 80, &mut errors);
    let added = match errors.is_empty() {
        true => change(&ctx, move |tx, project| actions::add_role(tx, project.id, &title)).await,
        false => Err(WebError::BadInput(errors)),
    };
    match added {
        Ok(()) => Ok(back(&ctx, "rights")?.flash("The role is there; say what it may do").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

/// What everybody was given on a project and its folders.
pub struct Rights {
    pub here: Here,
    /// The project, then its folders with how deep they lie.
    pub objects: Vec<(Object, String, usize)>,
    /// Subjects with a name, roles first.
    pub subjects: Vec<(Object, String)>,
    /// What each subject was given itself on each object.
    pub given: Vec<(Object, Object, Level)>,
    pub groups: Vec<Group>,
    pub access: AccessLinks,
}

fn all_rights(ctx: &Ctx) -> Result<Rights> {
    let access = AccessLinks::of(ctx, &Object::new(crate::PROJECT, ctx.param::<ProjectId>("id")?))?;
    ctx.read(|tx| {
        let here = here(ctx, tx)?;
        let folders = super::projects::folders(ctx, tx, &here.project)?;
        let mut objects = vec![(here.project.object(), "The project".to_owned(), 0)];
        objects.extend(
            folders
                .into_iter()
                .map(|(folder, _, depth): (Folder, Level, usize)| (folder.object(), folder.name, depth + 1)),
        );
        let roles = queries::roles(tx, here.project.id)?;
        let mut subjects: Vec<(Object, String)> = roles
            .into_iter()
            .map(|role| (relation::role(&role.word, &here.project.object()), role.title))
            .collect();
        let groups = group::all(tx, here.project.workspace)?;
        let mut given = Vec::new();
        for (object, ..) in &objects {
            for row in relation::to_object(tx, object, RelationKind::Grant)? {
                if !subjects.iter().any(|(known, _)| *known == row.subject) {
                    let group = groups.iter().find(|group| Object::new(Kind::GROUP, group.id) == row.subject);
                    let name = match group {
                        Some(group) => group.name.clone(),
                        None => match row.subject.id().parse() {
                            Ok(id) => account::find(tx, id)?.map(|account| account.name).unwrap_or_default(),
                            Err(_) => continue,
                        },
                    };
                    subjects.push((row.subject.clone(), name));
                }
                given.push((row.subject, object.clone(), row.cap));
            }
        }
        Ok(Rights { here, objects, subjects, given, groups, access })
    })
}

fn shown_rights(ctx: &Ctx, input: &Input) -> Result<Markup> {
    Ok(views::team::rights(ctx, &all_rights(ctx)?, input))
}

pub async fn rights(ctx: Ctx) -> Result<Markup> {
    shown_rights(&ctx, &Input::default())
}

/// A level by its word.
pub fn level(word: &str) -> Result<Level> {
    let level = Level::ALL.into_iter().find(|level| level.word() == word);
    level.ok_or_else(|| WebError::field("level", "must be none, see, view, edit or own"))
}

/// Gives a level by what was sent, for a page or a program: on the project, or on one of its folders.
pub async fn give(ctx: &Ctx, input: &Input) -> Result<()> {
    let (level, viewer) = (level(input.text("level"))?, ctx.who()?.clone());
    let folder: Option<FolderId> = match input.text("folder") {
        "" => None,
        typed => Some(typed.parse().map_err(|_| WebError::field("folder", "is no folder of this project"))?),
    };
    let subject = ctx.read(|tx| subject_of(tx, ctx, input.text("subject")))?;
    change(ctx, move |tx, project| {
        let object = match folder {
            None => project.object(),
            Some(id) => {
                let known = queries::folder(tx, id)?.filter(|folder| folder.project == project.id);
                known.ok_or(bo_content::ModuleError::NotFound)?.object()
            }
        };
        actions::set_right(tx, &viewer, project, &subject, &object, level)
    })
    .await
}

pub async fn set_right(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match give(&ctx, &input).await {
        Ok(()) => Ok(back(&ctx, "rights")?.flash("Changed").into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            Ok(input.on(shown_rights(&ctx, &input)?))
        }
    }
}
