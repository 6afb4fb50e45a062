//! Spaces: the front page, a space, its settings and its archive.

use crate::error::WikiError;
use crate::model::{self, Comments, PageId, Space, SpaceId, Tree};
use crate::{actions, queries, transfer, views};
use axum::response::{IntoResponse, Response};
use bo_content::AttachmentId;
use bo_db::Tx;
use bo_identity::relation::{self, RelationKind, Validity};
use bo_identity::{AccessLinks, IdentityError, delegate, group, subject};
use bo_model::{Kind, Level, Object};
use bo_web::reply::{Redirect, download};
use bo_web::{Ctx, Input, Result, WebError};
use maud::Markup;
use std::collections::HashSet;

/// The space in the path.
pub fn of_path(ctx: &Ctx, tx: &mut Tx) -> Result<Space> {
    queries::space(tx, ctx.param("id")?)?.ok_or(WebError::NotFound)
}

/// The pages of a space that the viewer may read, and the way to each.
pub fn readable(ctx: &Ctx, tx: &mut Tx, space: SpaceId) -> Result<(Tree, HashSet<PageId>)> {
    let tree = queries::tree(tx, space)?;
    let mut seen = HashSet::new();
    for (_, page) in tree.walk() {
        if ctx.level(tx, &page.object())? >= Level::View {
            seen.insert(page.id);
        }
    }
    Ok((tree.only(&seen), seen))
}

pub async fn index(ctx: Ctx) -> Result<Markup> {
    let front = ctx.read(|tx| front(&ctx, tx))?;
    Ok(views::space::index(&ctx, &front))
}

fn front(ctx: &Ctx, tx: &mut Tx) -> Result<views::space::Front> {
    let viewer = ctx.who()?.clone();
    let mut front = views::space::Front {
        may_create: ctx.level(tx, &Object::module(viewer.workspace, "wiki"))? >= Level::Edit,
        ..Default::default()
    };
    for space in queries::spaces(tx, viewer.workspace)? {
        if ctx.level(tx, &space.object())? >= Level::View {
            front.spaces.push(space);
        }
    }
    let own: Vec<SpaceId> = front.spaces.iter().map(|space| space.id).collect();
    for page in queries::changed(tx, viewer.workspace, 200)? {
        if front.changed.len() < 12 && ctx.level(tx, &page.object())? >= Level::View {
            front.changed.push(page);
        }
    }
    for (page, seen) in queries::watched(tx, viewer.account, viewer.workspace)? {
        if ctx.level(tx, &page.object())? >= Level::View {
            front.watched.push((page, seen));
        }
    }
    for (page, waiting) in queries::held(tx, viewer.workspace)? {
        if ctx.level(tx, &page.object())? >= Level::Own {
            front.held.push((page, waiting));
        }
    }
    // Somebody can be given a single page of a space that is closed to them.
    for page in queries::outside(tx, viewer.workspace, &own)? {
        if front.shared.len() < 100 && ctx.level(tx, &model::object(page))? >= Level::View {
            front.shared.extend(queries::page(tx, page)?);
        }
    }
    Ok(front)
}

pub async fn new(ctx: Ctx) -> Result<Markup> {
    let input = Input::filled([("comments", Comments::Open.word())]);
    Ok(views::space::new(&ctx, &input))
}

fn from_form(input: &Input, id: SpaceId, workspace: bo_model::WorkspaceId) -> Result<Space> {
    let comments = Comments::from_word(input.text("comments"))
        .ok_or_else(|| WebError::field("comments", "must be one of the choices"))?;
    let (name, about) = (input.text("name").to_owned(), input.text("about").to_owned());
    Ok(Space { id, workspace, name, about, comments })
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let (input, id) = (ctx.form()?, ctx.make_id::<SpaceId>());
    let made = match from_form(&input, id, ctx.workspace()?) {
        Ok(space) => ctx.write(move |tx| actions::create_space(tx, &space)).await.map_err(WebError::from),
        Err(error) => Err(error),
    };
    match made {
        Ok(()) => Ok(ctx.redirect(format!("/wiki/spaces/{id}")).flash("The space is ready").into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            Ok(input.on(views::space::new(&ctx, &input)))
        }
    }
}

pub async fn show(ctx: Ctx) -> Result<Markup> {
    shown(&ctx, &Input::default())
}

fn shown(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (space, tree, seen, level) = ctx.read(|tx| -> Result<_> {
        let space = of_path(ctx, tx)?;
        let (tree, seen) = readable(ctx, tx, space.id)?;
        let level = ctx.level(tx, &space.object())?;
        Ok((space, tree, seen, level))
    })?;
    Ok(views::space::show(ctx, &space, (&tree, &seen), level, input))
}

pub async fn settings(ctx: Ctx) -> Result<Markup> {
    let facts = facts(&ctx)?;
    Ok(views::space::settings(&ctx, &facts, &stored(&facts.space), &Input::default()))
}

/// A space as its form shows it.
fn stored(space: &Space) -> Input {
    Input::filled([
        ("name", space.name.clone()),
        ("about", space.about.clone()),
        ("comments", space.comments.word().to_owned()),
    ])
}

fn facts(ctx: &Ctx) -> Result<views::space::Facts> {
    let access = AccessLinks::of(ctx, &Object::new(crate::SPACE, ctx.param::<SpaceId>("id")?))?;
    ctx.read(|tx| stored_facts(ctx, tx, access))
}

fn stored_facts(ctx: &Ctx, tx: &mut Tx, access: AccessLinks) -> Result<views::space::Facts> {
    let space = of_path(ctx, tx)?;
    let restricted = actions::is_restricted(tx, &space)?;
    let bin = queries::bin(tx, space.id)?;
    let groups = group::all(tx, space.workspace)?;
    let mut guests = Vec::new();
    for row in relation::to_object(tx, &space.object(), RelationKind::Grant)? {
        let known = groups.iter().find(|group| Object::new(Kind::GROUP, group.id) == row.subject);
        let name = match known {
            Some(group) => group.name.clone(),
            None => account_name(tx, &row.subject)?,
        };
        guests.push((row.subject, name, row.cap));
    }
    Ok(views::space::Facts { space, restricted, bin, groups, guests, access })
}

fn account_name(tx: &mut Tx, subject: &Object) -> Result<String> {
    let account = match subject.id().parse() {
        Ok(id) if subject.is(Kind::ACCOUNT) => bo_identity::account::find(tx, id)?,
        _ => None,
    };
    Ok(account.map_or_else(|| subject.to_string(), |account| account.name))
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let known = ctx.read(|tx| of_path(&ctx, tx))?;
    let changed = match from_form(&input, known.id, known.workspace) {
        Ok(space) => ctx.write(move |tx| actions::change_space(tx, &space)).await.map_err(WebError::from),
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(back(&ctx, known.id).flash("Saved").into_response()),
        Err(error) => {
            let (facts, input) = (facts(&ctx)?, input.refused(error)?);
            Ok(input.on(views::space::settings(&ctx, &facts, &input, &Input::default())))
        }
    }
}

fn back(ctx: &Ctx, space: SpaceId) -> Redirect {
    ctx.redirect(format!("/wiki/spaces/{space}/settings"))
}

pub async fn restrict(ctx: Ctx) -> Result<Redirect> {
    let (id, restricted): (SpaceId, bool) = (ctx.param("id")?, ctx.form()?.checked("restricted"));
    ctx.write(move |tx| actions::restrict(tx, id, restricted)).await?;
    let said = if restricted {
        "Only the people below have access now"
    } else {
        "Whoever may use the wiki has access now"
    };
    Ok(back(&ctx, id).flash(said))
}

pub async fn grant(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match give(&ctx, &input).await {
        Ok(id) => Ok(back(&ctx, id).flash("Access changed").into_response()),
        Err(error) => {
            let (facts, grant) = (facts(&ctx)?, input.refused(error)?);
            Ok(grant.on(views::space::settings(&ctx, &facts, &stored(&facts.space), &grant)))
        }
    }
}

async fn give(ctx: &Ctx, input: &Input) -> Result<SpaceId> {
    let (id, viewer): (SpaceId, _) = (ctx.param("id")?, ctx.who()?.clone());
    let wanted = Level::ALL.into_iter().find(|level| level.word() == input.text("level"));
    let wanted = wanted.ok_or_else(|| WebError::field("subject", "needs one of the levels"))?;
    let (typed, object) = (input.text("subject").to_owned(), Object::new(crate::SPACE, id));
    ctx.write(move |tx| -> Result<()> {
        let found = subject::typed(tx, viewer.workspace, &typed)?;
        let subject =
            found.ok_or_else(|| WebError::field("subject", "is no group, and no member's mail address"))?;
        delegate::set_grant(tx, &viewer, &subject, &object, wanted, Validity::ALWAYS, "access to a space")
            .map_err(denied)
    })
    .await?;
    Ok(id)
}

fn denied(error: IdentityError) -> WebError {
    error.into()
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let id: SpaceId = ctx.param("id")?;
    ctx.write(move |tx| actions::remove_space(tx, id)).await?;
    Ok(ctx.redirect("/wiki").flash("The space was removed"))
}

pub async fn empty_bin(ctx: Ctx) -> Result<Redirect> {
    let id: SpaceId = ctx.param("id")?;
    let gone = ctx.write(move |tx| actions::empty_bin(tx, id)).await?;
    Ok(back(&ctx, id).flash(format!("{gone} pages were removed for ever")))
}

pub async fn export(ctx: Ctx) -> Result<Response> {
    let (space, bytes) = ctx.read(|tx| -> Result<_> {
        let space = of_path(&ctx, tx)?;
        let (tree, seen) = readable(&ctx, tx, space.id)?;
        let bytes = transfer::export(tx, &tree, &seen)?;
        Ok((space, bytes))
    })?;
    let author = ctx.author();
    let (object, name) = (space.object(), space.name.clone());
    ctx.db()
        .write(move |tx| -> std::result::Result<(), WikiError> {
            tx.attribute(author.clone());
            tx.audit(bo_db::Event::new("wiki-space.export", object.clone()).name(&name));
            Ok(())
        })
        .await?;
    Ok(download(&format!("{}.zip", space.name), "application/zip", bytes))
}

pub async fn import(ctx: Ctx) -> Result<Response> {
    let id: SpaceId = ctx.param("id")?;
    match take_in(&ctx, id).await {
        Ok(made) => {
            let said = format!("{made} pages were taken in");
            Ok(ctx.redirect(format!("/wiki/spaces/{id}")).flash(said).into_response())
        }
        Err(error) => {
            let input = Input::default().refused(error)?;
            Ok(input.on(shown(&ctx, &input)?))
        }
    }
}

/// Answers how many pages were made.
async fn take_in(ctx: &Ctx, id: SpaceId) -> Result<usize> {
    let (_, files) = ctx.form_with_files().await?;
    let file =
        files.first().ok_or_else(|| WebError::field("file", "choose an archive or a Markdown file first"))?;
    let archive = transfer::read(&file.name, &file.bytes)?;
    let ids: Vec<PageId> = (0..transfer::ids_needed(&archive)).map(|_| ctx.make_id()).collect();
    let of_files: Vec<AttachmentId> = archive.files.iter().map(|_| ctx.make_id()).collect();
    Ok(ctx.write(move |tx| transfer::import(tx, id, None, &archive, (&ids, &of_files))).await?)
}
