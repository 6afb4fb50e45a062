//! What is said of an event, its statuses, and where it lives.

use super::{Here, forms, here, with_sight};
use crate::actions;
use crate::model::{EVENT, Event, EventId, Stage, State, Status, StatusId};
use crate::{queries, views};
use axum::response::{IntoResponse, Response};
use bo_identity::AccessLinks;
use bo_identity::licence::{self, Destination};
use bo_model::Object;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};

/// What an owner decides on.
pub struct Known {
    pub here: Here,
    pub statuses: Vec<Status>,
    pub restricted: bool,
    pub destinations: Vec<Destination>,
    pub access: AccessLinks,
}

fn known(ctx: &Ctx) -> Result<Known> {
    let access = AccessLinks::of(ctx, &Object::new(EVENT, ctx.param::<EventId>("id")?))?;
    ctx.read(|tx| {
        let here = here(ctx, tx)?;
        Ok(Known {
            access,
            statuses: queries::statuses(tx, here.event.id)?,
            restricted: actions::is_restricted(tx, &here.event)?,
            destinations: licence::destinations(tx, ctx.who()?, here.event.workspace)?,
            here,
        })
    })
}

fn shown(ctx: &Ctx, input: &Input) -> Result<Response> {
    Ok(input.on(views::settings::show(ctx, &known(ctx)?, input)))
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    let known = known(&ctx)?;
    let input = forms::of_event(&known.here.event);
    Ok(views::settings::show(&ctx, &known, &input).into_response())
}

fn id(ctx: &Ctx) -> Result<EventId> {
    ctx.param("id")
}

fn back(ctx: &Ctx) -> Result<Redirect> {
    Ok(ctx.redirect(format!("/events/{}/settings", id(ctx)?)))
}

/// The form again, with what is stored in the fields that were not sent.
fn again(ctx: &Ctx, sent: Input, error: WebError) -> Result<Response> {
    let event = known(ctx)?.here.event;
    shown(ctx, &sent.refused(error)?.or(forms::of_event(&event)))
}

pub async fn change(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let changed = match forms::event(&input) {
        Ok(facts) => with_sight(&ctx, move |tx, _, event| actions::change_event(tx, event.id, &facts)).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(back(&ctx)?.flash("Saved").into_response()),
        Err(error) => shown(&ctx, &input.refused(error)?),
    }
}

pub async fn stage(ctx: Ctx) -> Result<Redirect> {
    let wanted = Stage::from_word(ctx.form()?.text("stage"));
    let stage = wanted.ok_or_else(|| WebError::field("stage", "must be planned, confirmed or cancelled"))?;
    with_sight(&ctx, move |tx, _, event| actions::set_stage(tx, event.id, stage)).await?;
    let said = match stage {
        Stage::Planned => "The event is planned",
        Stage::Confirmed => "The event is confirmed",
        Stage::Cancelled => "The event is cancelled; nothing of it is lost",
    };
    Ok(ctx.redirect(format!("/events/{}", id(&ctx)?)).flash(said))
}

pub async fn restrict(ctx: Ctx) -> Result<Redirect> {
    let on = ctx.form()?.checked("restricted");
    with_sight(&ctx, move |tx, _, event: &Event| actions::set_restricted(tx, event.id, on)).await?;
    let said = if on {
        "Only those who were given access have it now"
    } else {
        "Whoever may edit events has access now"
    };
    Ok(back(&ctx)?.flash(said))
}

/// Where the page shows what was typed as the name of a new status …
pub const NEW_STATUS: &str = "status";

/// … and as that of one that is there: each has a form, and the event's own has a name as well.
pub fn status_field(id: StatusId) -> String {
    format!("status-{id}")
}

fn refused_status(ctx: &Ctx, input: &Input, error: WebError, field: &str) -> Result<Response> {
    let typed = Input::filled([(field, input.raw("name")), ("state", input.text("state"))]);
    let place = |name: String| if name == "name" { field.to_owned() } else { name };
    let error = match error {
        WebError::BadInput(fields) => {
            WebError::BadInput(fields.into_iter().map(|(name, sentence)| (place(name), sentence)).collect())
        }
        other => other,
    };
    again(ctx, typed, error)
}

pub async fn add_status(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, StatusId) = (ctx.form()?, ctx.make_id());
    let state = State::from_word(input.text("state"));
    let added = match (state, forms::name(&input)) {
        (Some(state), Ok(name)) => {
            with_sight(&ctx, move |tx, _, event| actions::add_status(tx, event.id, id, state, &name)).await
        }
        (None, _) => Err(WebError::field("state", "must be one of the five")),
        (_, Err(error)) => Err(error),
    };
    match added {
        Ok(()) => Ok(back(&ctx)?.flash("The status is there").into_response()),
        Err(error) => refused_status(&ctx, &input, error, NEW_STATUS),
    }
}

pub async fn rename_status(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, StatusId) = (ctx.form()?, ctx.param("status")?);
    let renamed = match forms::name(&input) {
        Ok(name) => {
            with_sight(&ctx, move |tx, _, event| actions::rename_status(tx, event.id, id, &name)).await
        }
        Err(error) => Err(error),
    };
    match renamed {
        Ok(()) => Ok(back(&ctx)?.flash("Saved").into_response()),
        Err(error) => refused_status(&ctx, &input, error, &status_field(id)),
    }
}

pub async fn remove_status(ctx: Ctx) -> Result<Redirect> {
    let id: StatusId = ctx.param("status")?;
    with_sight(&ctx, move |tx, _, event| actions::remove_status(tx, event.id, id)).await?;
    Ok(back(&ctx)?.flash("The status was removed; its tasks have another of the same state"))
}

/// Moves the event in the path, for a page or a program.
pub async fn relocate(ctx: &Ctx, workspace: &str) -> Result<()> {
    let target = workspace.parse().map_err(|_| WebError::field("workspace", "must be one of the choices"))?;
    let viewer = ctx.who()?.clone();
    with_sight(ctx, move |tx, _, event| actions::move_event(tx, &viewer, event.id, target)).await
}

pub async fn r#move(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let known = known(&ctx)?;
    match relocate(&ctx, input.text("workspace")).await {
        Ok(()) => {
            let there =
                known.destinations.iter().find(|place| place.id.to_string() == input.text("workspace"));
            let there = there.map_or("the other workspace", |place| place.name.as_str());
            let said =
                format!("“{}” is in {there} now. Switch there to go on with it.", known.here.event.name);
            Ok(ctx.redirect("/events").flash(said).into_response())
        }
        Err(error) => again(&ctx, input, error),
    }
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    with_sight(&ctx, |tx, _, event| actions::remove_event(tx, event.id)).await?;
    Ok(ctx.redirect("/events").flash("The event is in the bin; its owners can bring it back"))
}

pub async fn recover(ctx: Ctx) -> Result<Redirect> {
    let (event, workspace) = (id(&ctx)?, ctx.workspace()?);
    ctx.write(move |tx| -> std::result::Result<(), bo_content::ModuleError> {
        let removed = queries::event(tx, event)?.filter(|event| event.workspace == workspace);
        removed.ok_or(bo_content::ModuleError::NotFound)?;
        actions::recover_event(tx, event)
    })
    .await?;
    Ok(ctx.redirect(format!("/events/{event}")).flash("The event is back"))
}
