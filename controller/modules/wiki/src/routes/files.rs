//! Files of a page.

use crate::model::{self, PageId};
use crate::views;
use axum::response::Response;
use bo_content::files;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result};

fn back(page: PageId) -> String {
    format!("/wiki/pages/{page}#files-{page}")
}

pub async fn add(ctx: Ctx) -> Result<Response> {
    let page = ctx.read(|tx| super::pages::here(&ctx, tx))?.page.id;
    files::add(&ctx, model::object(page), back(page), |refused| {
        let shown = views::page::Shown { refused: Some(refused), ..super::pages::shown(&ctx)? };
        Ok(views::page::show(&ctx, &shown, &Input::default()))
    })
    .await
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    ctx.read(|tx| {
        let here = super::pages::here(&ctx, tx)?;
        files::show(tx, &here.page.object(), ctx.param("file")?)
    })
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let page = ctx.read(|tx| super::pages::here(&ctx, tx))?.page.id;
    files::remove(&ctx, model::object(page), ctx.param("file")?, back(page)).await
}
