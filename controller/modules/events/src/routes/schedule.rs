//! The schedule of an event.

use super::events::{Seen, seen};
use super::{forms, may_put, with_sight};
use crate::actions::{self, ItemFacts};
use crate::model::{Event, Item, ItemId, home, own_part};
use crate::sight::Sight;
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_content::ModuleError;
use bo_db::Tx;
use bo_model::Level;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};

fn shown(ctx: &Ctx, input: &Input) -> Result<Response> {
    let seen = ctx.read(|tx| seen(ctx, tx))?;
    let clashes = super::rollup::clashes_of(ctx, &seen.here.event)?;
    Ok(input.on(views::schedule::index(ctx, &seen, &clashes, input)))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    shown(&ctx, &Input::default())
}

/// What is in the event's schedule as a form gives it: its times are the event's.
pub fn facts(ctx: &Ctx, input: &Input) -> Result<ItemFacts> {
    let tz = ctx.read(|tx| super::here(ctx, tx))?.event.tz();
    forms::item(input, &tz)
}

/// Adds an item, for a page or a program.
pub async fn add(ctx: &Ctx, facts: ItemFacts) -> Result<ItemId> {
    let id: ItemId = ctx.make_id();
    with_sight(ctx, move |tx, sight, event| {
        may_put(tx, sight, home(event.id, facts.area), facts.people.iter().copied().map(own_part))?;
        actions::add_item(tx, event.id, id, &facts)
    })
    .await?;
    Ok(id)
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let added = match facts(&ctx, &input) {
        Ok(facts) => add(&ctx, facts).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(_) => Ok(back(&ctx)?.flash("It is in the schedule").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

fn back(ctx: &Ctx) -> Result<Redirect> {
    Ok(ctx.redirect(format!("/events/{}/schedule", ctx.param::<crate::EventId>("id")?)))
}

fn one(ctx: &Ctx) -> Result<(Seen, Item, Level)> {
    let seen = ctx.read(|tx| seen(ctx, tx))?;
    let id: ItemId = ctx.param("item")?;
    let found = seen.items.iter().find(|(item, _)| item.id == id).cloned();
    let (item, level) = found.ok_or(WebError::NotFound)?;
    Ok((seen, item, level))
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    let (seen, item, level) = one(&ctx)?;
    Ok(views::schedule::show(&ctx, &seen, (&item, level), &forms::of_item(&item)).into_response())
}

fn item_of(
    tx: &mut Tx,
    sight: &mut Sight<'_>,
    event: &Event,
    id: ItemId,
) -> std::result::Result<Item, ModuleError> {
    let item = queries::item(tx, id)?.filter(|item| item.event == event.id).ok_or(ModuleError::NotFound)?;
    sight.need(tx, &item.parts(), Level::Edit)?;
    Ok(item)
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, ItemId) = (ctx.form()?, ctx.param("item")?);
    let changed = match facts(&ctx, &input) {
        Ok(facts) => {
            with_sight(&ctx, move |tx, sight, event| {
                let item = item_of(tx, sight, event, id)?;
                let mut facts = facts.clone();
                // People one does not see stay in it.
                let hidden = sight.people(tx, item.people.clone())?;
                let hidden = |id| hidden.iter().all(|(person, _)| person.id != id);
                let kept = item.people.iter().map(|person| person.id).filter(|id| hidden(*id));
                let added: Vec<_> = facts.people.iter().copied().map(own_part).collect();
                facts.people.extend(kept);
                may_put(tx, sight, home(event.id, facts.area), added.into_iter())?;
                actions::change_item(tx, &item, &facts)
            })
            .await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(back(&ctx)?.flash("Saved").into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            let (seen, item, level) = one(&ctx)?;
            Ok(input.on(views::schedule::show(&ctx, &seen, (&item, level), &input)))
        }
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let id: ItemId = ctx.param("item")?;
    with_sight(&ctx, move |tx, sight, event| {
        let item = item_of(tx, sight, event, id)?;
        actions::remove_item(tx, &item)
    })
    .await?;
    Ok(back(&ctx)?.flash("It was taken out of the schedule; the audit log keeps what it was"))
}
