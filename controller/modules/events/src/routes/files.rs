//! Files of an event, and of its areas.

use super::areas::area_of;
use super::events::seen;
use super::here;
use crate::model::AreaId;
use crate::views;
use axum::response::Response;
use bo_content::attachment::{self, Attachment};
use bo_content::files;
use bo_db::Tx;
use bo_model::{Level, Object};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Result, WebError};
use maud::Markup;

/// A heading, an address, whether one may attach, and the files.
pub type Shelf = (String, String, bool, Vec<Attachment>);

pub async fn index(ctx: Ctx) -> Result<Markup> {
    shown(&ctx, None)
}

fn shown(ctx: &Ctx, refused: Option<&files::Refused>) -> Result<Markup> {
    let (seen, shelves) = ctx.read(|tx| -> Result<_> {
        let seen = seen(ctx, tx)?;
        let at = format!("/events/{}", seen.here.event.id);
        let mut shelves: Vec<Shelf> = Vec::new();
        if seen.here.level >= Level::View {
            let all = attachment::list(tx, &seen.here.event.object())?;
            shelves.push(("The whole event".into(), at.clone(), seen.here.level >= Level::Edit, all));
        }
        for (area, level) in seen.areas.iter().filter(|(_, level)| *level >= Level::View) {
            let all = attachment::list(tx, &area.object())?;
            shelves.push((area.name.clone(), format!("{at}/areas/{}", area.id), *level >= Level::Edit, all));
        }
        Ok((seen, shelves))
    })?;
    Ok(views::event::files(ctx, &seen, &shelves, refused))
}

fn back(ctx: &Ctx) -> Result<String> {
    Ok(format!("/events/{}/files", ctx.param::<crate::EventId>("id")?))
}

/// The event in the path, or the area of it; whoever may not do that much with it is refused.
fn owner(ctx: &Ctx, tx: &mut Tx, area: bool, level: Level) -> Result<Object> {
    let here = here(ctx, tx)?;
    let object = match area {
        true => area_of(tx, &here.event, ctx.param::<AreaId>("area")?)?.object(),
        false => here.event.object(),
    };
    match ctx.level(tx, &object)? {
        has if has >= level => Ok(object),
        has if has < Level::View => Err(WebError::NotFound),
        _ => Err(WebError::Forbidden("You may look at these files, and not change them.".into())),
    }
}

async fn take(ctx: Ctx, area: bool) -> Result<Response> {
    let object = ctx.read(|tx| owner(&ctx, tx, area, Level::Edit))?;
    files::add(&ctx, object, back(&ctx)?, |refused| shown(&ctx, Some(&refused))).await
}

pub async fn add(ctx: Ctx) -> Result<Response> {
    take(ctx, false).await
}

pub async fn add_in_area(ctx: Ctx) -> Result<Response> {
    take(ctx, true).await
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    ctx.read(|tx| {
        let object = owner(&ctx, tx, false, Level::View)?;
        files::show(tx, &object, ctx.param("file")?)
    })
}

pub async fn show_in_area(ctx: Ctx) -> Result<Response> {
    ctx.read(|tx| {
        let object = owner(&ctx, tx, true, Level::View)?;
        files::show(tx, &object, ctx.param("file")?)
    })
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let object = ctx.read(|tx| owner(&ctx, tx, false, Level::Edit))?;
    files::remove(&ctx, object, ctx.param("file")?, back(&ctx)?).await
}

pub async fn remove_in_area(ctx: Ctx) -> Result<Redirect> {
    let object = ctx.read(|tx| owner(&ctx, tx, true, Level::Edit))?;
    files::remove(&ctx, object, ctx.param("file")?, back(&ctx)?).await
}
