//! Starting and ending to look through somebody's eyes.

use crate::view_as;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, Level};
use bo_web::layout::END_VIEW_AS;
use bo_web::{Ctx, Need, Result, Routes, Via, WebError};

pub fn routes() -> Routes {
    Routes::new("identity")
        .post("/users/{id}/view-as", Need::workspace_area("users", Level::Own), start)
        .about("Look at the console as a user sees it, without changing anything")
        .post(END_VIEW_AS, Need::signed_in(), end)
        .about("Look with one's own eyes again")
}

async fn start(ctx: Ctx) -> Result<Response> {
    let (target, viewer): (AccountId, _) = (ctx.param("id")?, ctx.who()?.clone());
    if viewer.via == Via::Token {
        return Err(WebError::Forbidden("An API token has no eyes to look through.".into()));
    }
    ctx.write(move |tx| view_as::start(tx, &viewer, target)).await?;
    Ok(ctx.redirect("/").into_response())
}

async fn end(ctx: Ctx) -> Result<Response> {
    let session = ctx.who()?.session;
    ctx.write(move |tx| view_as::end(tx, session)).await?;
    Ok(ctx.redirect("/users").into_response())
}
