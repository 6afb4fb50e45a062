//! Comments of a page.

use super::pages::{here, shown};
use crate::model::{self, PageId};
use crate::{actions, queries, views};
use axum::response::{IntoResponse, Response};
use bo_content::comment::{self, State};
use bo_content::{CommentId, ContentError};
use bo_db::Tx;
use bo_model::Level;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};

fn back(ctx: &Ctx, page: PageId) -> Redirect {
    ctx.redirect(format!("/wiki/pages/{page}#comments"))
}

/// The page again, with what was typed in that field and why it is not taken.
fn again(ctx: &Ctx, field: &str, typed: &str, error: WebError) -> Result<Response> {
    let error = match error {
        WebError::BadInput(fields) => {
            WebError::BadInput(fields.into_iter().map(|(_, sentence)| (field.to_owned(), sentence)).collect())
        }
        other => other,
    };
    let input = Input::filled([(field, typed)]).refused(error)?;
    Ok(input.on(views::page::show(ctx, &shown(ctx)?, &input)))
}

pub async fn add(ctx: Ctx) -> Result<Response> {
    let (here, account) = (ctx.read(|tx| here(&ctx, tx))?, ctx.who()?.account);
    let (id, typed): (CommentId, String) = (ctx.make_id(), ctx.form()?.raw("body").to_owned());
    let state = actions::comment_state(&here.space, here.level >= Level::Edit)?;
    let (object, body) = (here.page.object(), typed.clone());
    match ctx.write(move |tx| comment::add(tx, id, &object, account, &body, state)).await {
        Ok(()) => {
            let held = "Sent; it is shown once somebody has looked at it";
            let said = if state == State::Held { held } else { "Said" };
            Ok(back(&ctx, here.page.id).flash(said).into_response())
        }
        Err(error) => again(&ctx, "body", &typed, error.into()),
    }
}

pub async fn edit(ctx: Ctx) -> Result<Response> {
    let (page, id, account): (PageId, CommentId, _) =
        (ctx.param("id")?, ctx.param("comment")?, ctx.who()?.account);
    let typed = ctx.form()?.raw("body").to_owned();
    let body = typed.clone();
    let changed = ctx
        .write(move |tx| -> Result<()> {
            of_page(tx, page, id)?;
            Ok(comment::edit(tx, id, account, &body)?)
        })
        .await;
    match changed {
        Ok(()) => Ok(back(&ctx, page).flash("Changed").into_response()),
        Err(error) => again(&ctx, &views::page::comment_field(id), &typed, error),
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let (page, id, account): (PageId, CommentId, _) =
        (ctx.param("id")?, ctx.param("comment")?, ctx.who()?.account);
    ctx.write(move |tx| -> Result<()> {
        of_page(tx, page, id)?;
        Ok(comment::remove(tx, id, account)?)
    })
    .await?;
    Ok(back(&ctx, page).flash("The comment is gone"))
}

pub async fn moderate(ctx: Ctx) -> Result<Redirect> {
    let (page, id): (PageId, CommentId) = (ctx.param("id")?, ctx.param("comment")?);
    let state = if ctx.form()?.checked("show") { State::Shown } else { State::Hidden };
    ctx.write(move |tx| -> Result<()> {
        of_page(tx, page, id)?;
        Ok(comment::moderate(tx, id, state)?)
    })
    .await?;
    Ok(back(&ctx, page).flash(if state == State::Shown { "Shown" } else { "Hidden" }))
}

/// A comment is only reached through the page it is about: that is what was checked.
fn of_page(tx: &mut Tx, page: PageId, id: CommentId) -> std::result::Result<(), ContentError> {
    let found = comment::find(tx, id)?.filter(|comment| comment.object == model::object(page));
    let there = queries::page(tx, page)?.is_some_and(|page| page.bin.is_none());
    found.filter(|_| there).map(|_| ()).ok_or(ContentError::NotFound)
}
