//! Calendars: making and revoking addresses, and what programs read there.

use crate::actions;
use crate::calendar::{self, Contents};
use crate::model::{Calendar, CalendarId, Event, EventId};
use crate::queries::{self, EVER, Of};
use crate::sight::Sight;
use crate::views;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bo_db::Tx;
use bo_identity::{level, session};
use bo_model::{Kind, Level, Object};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};
use std::time::Duration;

/// How far back a calendar goes.
const PAST: Duration = Duration::from_secs(90 * 86_400);

fn known(ctx: &Ctx) -> Result<(Vec<Calendar>, Vec<(Event, Level)>)> {
    let (who, level_of) = (ctx.who()?, ctx.checker());
    ctx.read(|tx| {
        let events = queries::events(tx, who.workspace, false)?;
        let events = Sight::new(&level_of).events(tx, events)?;
        Ok((queries::calendars(tx, who.account, who.workspace)?, events))
    })
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    let (calendars, events) = known(&ctx)?;
    Ok(views::calendars::index(&ctx, &calendars, &events, &Input::default(), None).into_response())
}

/// What addresses of this installation begin with, as the asking program reached it.
fn base(ctx: &Ctx) -> String {
    format!("{}://{}", if ctx.app().secure { "https" } else { "http" }, ctx.header("host"))
}

/// The only time the address is shown is in this answer: what is stored is its hash.
pub async fn create(ctx: Ctx) -> Result<Response> {
    let (input, id): (_, CalendarId) = (ctx.form()?, ctx.make_id());
    let (_, events) = known(&ctx)?;
    let event: Option<EventId> = input.text("event").parse().ok();
    let one = events.iter().find(|(known, _)| Some(known.id) == event);
    let mut errors = Vec::new();
    let name = input.required("name", 100, &mut errors);
    if !input.text("event").is_empty() && one.is_none() {
        errors.push(("event".into(), "is not one of yours".into()));
    }
    let secret = session::secret();
    let made = if errors.is_empty() {
        let (who, hash) = (ctx.who()?.clone(), session::digest(&secret));
        let own = (id, who.account, who.workspace);
        ctx.write(move |tx| actions::make_calendar(tx, own, event, &name, &hash))
            .await
            .map_err(WebError::from)
    } else {
        Err(WebError::BadInput(errors))
    };
    let (input, address) = match made {
        Ok(()) => (Input::default(), Some(format!("{}/calendars/{secret}.ics", base(&ctx)))),
        Err(error) => (input.refused(error)?, None),
    };
    let (calendars, events) = known(&ctx)?;
    Ok(input.on(views::calendars::index(&ctx, &calendars, &events, &input, address.as_deref())))
}

pub async fn revoke(ctx: Ctx) -> Result<Redirect> {
    let (id, who): (CalendarId, _) = (ctx.param("calendar")?, ctx.who()?.clone());
    ctx.write(move |tx| actions::revoke_calendar(tx, who.account, who.workspace, id)).await?;
    Ok(ctx.redirect("/events/calendars").flash("The address answers nothing any more"))
}

pub async fn read(ctx: Ctx) -> Result<Response> {
    let path: String = ctx.param("secret")?;
    let hash = session::digest(path.strip_suffix(".ics").unwrap_or(&path));
    let (calendar, contents) = ctx.read(|tx| -> Result<_> {
        let calendar = queries::calendar_at(tx, &hash)?.ok_or(WebError::NotFound)?;
        let contents = contents(&ctx, tx, &calendar)?;
        Ok((calendar, contents))
    })?;
    if actions::is_stale(&calendar, ctx.now()) {
        ctx.write(move |tx| actions::note_read(tx, calendar.id)).await?;
    }
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"events.ics\""),
    ];
    Ok((headers, calendar::text(&contents)).into_response())
}

/// What the calendar's owner may see at this moment.
fn contents(ctx: &Ctx, tx: &mut Tx, calendar: &Calendar) -> Result<Contents> {
    let (subject, now) = (Object::new(Kind::ACCOUNT, calendar.account), ctx.now());
    let level_of = move |tx: &mut Tx, object: &Object| level::level(tx, &subject, object, now);
    let mut sight = Sight::new(&level_of);
    let events = queries::events(tx, calendar.workspace, false)?;
    let wanted = |event: &EventId| calendar.event.is_none_or(|one| one == *event);
    let mut events = sight.events(tx, events.into_iter().filter(|event| wanted(&event.id)).collect())?;
    events.retain(|(_, level)| *level >= Level::View);
    let range = (bo_model::Time(now.0 - PAST.as_micros() as i64), EVER.1);
    let items = queries::items(tx, Of::Calendars(calendar.workspace), range)?;
    let items = sight.items(tx, items.into_iter().filter(|item| wanted(&item.event)).collect())?;
    Ok(Contents {
        name: calendar.name.clone(),
        events: events.into_iter().map(|(event, _)| event).collect(),
        items: items.into_iter().map(|(item, _)| item).collect(),
        base: base(ctx),
    })
}
