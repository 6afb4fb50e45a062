//! Areas of an event.

use super::events::seen;
use super::{forms, with_sight};
use crate::actions;
use crate::model::{Area, AreaId, Event};
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_content::ModuleError;
use bo_db::Tx;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result};

fn shown(ctx: &Ctx, input: &Input, changed: Option<AreaId>) -> Result<Response> {
    let seen = ctx.read(|tx| seen(ctx, tx))?;
    Ok(input.on(views::people::areas(ctx, &seen, input, changed)))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    shown(&ctx, &Input::default(), None)
}

fn back(ctx: &Ctx) -> Result<Redirect> {
    Ok(ctx.redirect(format!("/events/{}/areas", ctx.param::<crate::EventId>("id")?)))
}

/// An area of an event.
pub fn area_of(tx: &mut Tx, event: &Event, id: AreaId) -> std::result::Result<Area, ModuleError> {
    queries::area(tx, id)?.filter(|area| area.event == event.id).ok_or(ModuleError::NotFound)
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, AreaId) = (ctx.form()?, ctx.make_id());
    let added = match forms::area(&input) {
        Ok(facts) => with_sight(&ctx, move |tx, _, event| actions::add_area(tx, event.id, id, &facts)).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(()) => Ok(back(&ctx)?.flash("The area is there").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?, None),
    }
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, AreaId) = (ctx.form()?, ctx.param("area")?);
    let changed = match forms::area(&input) {
        Ok(facts) => {
            with_sight(&ctx, move |tx, _, event| {
                let area = area_of(tx, event, id)?;
                actions::change_area(tx, &area, &facts)
            })
            .await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(back(&ctx)?.flash("Saved").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?, Some(id)),
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let id: AreaId = ctx.param("area")?;
    with_sight(&ctx, move |tx, _, event| {
        let area = area_of(tx, event, id)?;
        actions::remove_area(tx, &area)
    })
    .await?;
    Ok(back(&ctx)?.flash("The area was removed"))
}
