//! Who works on an event.

use super::events::{Seen, seen};
use super::{forms, with_sight};
use crate::actions::{self, Access};
use crate::model::{Collaborator, CollaboratorId, Event};
use crate::queries::{self, Of};
use crate::views;
use axum::response::{IntoResponse, Response};
use bo_content::ModuleError;
use bo_db::Tx;
use bo_identity::licence;
use bo_model::Level;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};
use std::collections::BTreeMap;

/// Slots of the event that are taken, and those there are; nothing in a personal workspace.
pub type Slots = Option<(usize, i64)>;

fn shown(ctx: &Ctx, input: &Input) -> Result<Response> {
    let (seen, slots, access) = ctx.read(|tx| -> Result<_> {
        let seen = seen(ctx, tx)?;
        let event = &seen.here.event;
        let slots = match seen.here.personal || seen.here.level < Level::View {
            true => None,
            false => {
                let taken = licence::slots_of(tx, &event.object())?.len();
                let all = licence::holdings(tx, event.workspace)?;
                let pro = all.iter().find(|holding| !holding.licence.is_seat());
                Some((taken, pro.map_or(0, |holding| holding.quantity)))
            }
        };
        let mut access = Vec::new();
        for (person, _) in &seen.people {
            access.push(actions::access_of(tx, person)?);
        }
        Ok((seen, slots, access))
    })?;
    Ok(input.on(views::people::index(ctx, &seen, &access, slots, input)))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    shown(&ctx, &Input::default())
}

fn back(ctx: &Ctx) -> Result<Redirect> {
    Ok(ctx.redirect(format!("/events/{}/people", ctx.param::<crate::EventId>("id")?)))
}

fn person_of(
    tx: &mut Tx,
    event: &Event,
    id: CollaboratorId,
) -> std::result::Result<Collaborator, ModuleError> {
    let people = queries::people(tx, Of::Event(event.id))?;
    people.into_iter().find(|person| person.id == id).ok_or(ModuleError::NotFound)
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, CollaboratorId) = (ctx.form()?, ctx.make_id());
    let added = match forms::person(&input) {
        Ok(facts) => {
            with_sight(&ctx, move |tx, _, event| actions::add_person(tx, event.id, id, &facts)).await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(()) => Ok(back(&ctx)?.flash("They are on the list; they have no access yet").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

fn one(ctx: &Ctx) -> Result<(Seen, Collaborator, Access)> {
    ctx.read(|tx| {
        let seen = seen(ctx, tx)?;
        let person = person_of(tx, &seen.here.event, ctx.param("person")?)?;
        let access = actions::access_of(tx, &person)?;
        Ok((seen, person, access))
    })
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    let (seen, person, access) = one(&ctx)?;
    Ok(views::people::show(&ctx, &seen, &person, &access, &forms::of_person(&person)).into_response())
}

fn again(ctx: &Ctx, input: Input, error: WebError) -> Result<Response> {
    let input = input.refused(error)?;
    let (seen, person, access) = one(ctx)?;
    Ok(input.on(views::people::show(ctx, &seen, &person, &access, &input)))
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, CollaboratorId) = (ctx.form()?, ctx.param("person")?);
    let changed = match forms::person(&input) {
        Ok(facts) => {
            with_sight(&ctx, move |tx, _, event| {
                let person = person_of(tx, event, id)?;
                actions::change_person(tx, &person, &facts)
            })
            .await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(back(&ctx)?.flash("Saved").into_response()),
        Err(error) => again(&ctx, input, error),
    }
}

/// `access` is `none`, `slice`, or a level on the event; of a slice each `area-ID` is a level.
fn wanted(input: &Input) -> Result<Access> {
    let level = |word: &str| Level::ALL.into_iter().find(|level| level.word() == word);
    match input.text("access") {
        "none" => Ok(Access::None),
        "slice" => {
            let mut areas = BTreeMap::new();
            for typed in input.all("area") {
                // `ID` and `ID:level` are two ways to choose the same.
                let (area, word) = typed.split_once(':').unwrap_or((typed, "edit"));
                let area = area.parse().map_err(|_| WebError::field("area", "must be of the choices"))?;
                match level(word) {
                    Some(Level::None) => {}
                    Some(level @ (Level::View | Level::Edit)) => drop(areas.insert(area, level)),
                    _ => return Err(WebError::field("area", "must be of the choices")),
                }
            }
            Ok(Access::Slice(areas))
        }
        word => match level(word) {
            Some(level @ (Level::View | Level::Edit | Level::Own)) => Ok(Access::Event(level)),
            _ => Err(WebError::field("access", "must be one of the choices")),
        },
    }
}

pub async fn access(ctx: Ctx) -> Result<Response> {
    let (input, id, viewer): (_, CollaboratorId, _) = (ctx.form()?, ctx.param("person")?, ctx.who()?.clone());
    let given = match wanted(&input) {
        Ok(wanted) => {
            with_sight(&ctx, move |tx, _, event| {
                let person = person_of(tx, event, id)?;
                actions::set_access(tx, &viewer, &person, &wanted)
            })
            .await
        }
        Err(error) => Err(error),
    };
    match given {
        Ok(()) => Ok(back(&ctx)?.flash("Access changed").into_response()),
        Err(error) => {
            let (_, person, _) = one(&ctx)?;
            again(&ctx, input.or(forms::of_person(&person)), error)
        }
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let (id, viewer): (CollaboratorId, _) = (ctx.param("person")?, ctx.who()?.clone());
    with_sight(&ctx, move |tx, _, event| {
        let person = person_of(tx, event, id)?;
        actions::remove_person(tx, &viewer, &person)
    })
    .await?;
    Ok(back(&ctx)?.flash("They are off the event"))
}
