//! The list of events, a new one, and one of them.

use super::{EVENTS, Here, forms, here};
use crate::actions::{self, Facts};
use crate::model::{Event, EventId, Stage, State, StatusId, Task};
use crate::queries::{self, EVER, Of};
use crate::sight::Sight;
use crate::{views, when};
use axum::response::{IntoResponse, Response};
use bo_db::Tx;
use bo_model::Level;
use bo_web::{Ctx, Input, ListQuery, Paged, Result, reply};
use maud::Markup;

/// The viewer's events in the workspace they look at: a page of the list.
pub fn listed(ctx: &Ctx, tx: &mut Tx, list: &ListQuery) -> Result<Paged<(Event, Level)>> {
    let level_of = ctx.checker();
    let when = list.filter("when").unwrap_or("");
    let all = queries::events(tx, ctx.workspace()?, when == "removed")?;
    let mut seen = Sight::new(&level_of).events(tx, all)?;
    // The bin is for those who can take something out of it.
    seen.retain(|(event, level)| {
        let today = when::today(ctx.now(), &event.tz());
        let time = match when {
            "" => true,
            "past" => event.ends_on < today,
            "coming" => event.ends_on >= today,
            _ => *level >= Level::Own,
        };
        let stage = list.filter("stage").is_none_or(|word| Stage::from_word(word) == Some(event.stage));
        time && stage && list.finds([event.name.as_str(), &event.place])
    });
    let key = |event: &Event| match list.sort {
        "name" => event.name.to_lowercase(),
        "place" => event.place.to_lowercase(),
        "changed" => format!("{:020}", event.updated_at.0),
        _ => event.starts_on.to_string(),
    };
    Ok(list.page_of(seen, |(event, _)| (key(event), event.id.to_string())))
}

pub async fn index(ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&EVENTS)?;
    let may_make =
        ctx.read(|tx| ctx.level(tx, &actions::module(ctx.workspace()?)).map_err(bo_web::WebError::from))?;
    let page = ctx.read(|tx| listed(&ctx, tx, &list))?;
    if list.format == "csv" {
        let rows = page.items.into_iter().map(|(event, _)| {
            let days = [event.starts_on.to_string(), event.ends_on.to_string()];
            vec![
                event.name,
                event.place,
                days[0].clone(),
                days[1].clone(),
                event.zone,
                event.stage.word().into(),
            ]
        });
        return reply::csv("events", &["name", "place", "starts_on", "ends_on", "zone", "stage"], rows);
    }
    Ok(views::list::index(&ctx, &list, &page, may_make >= Level::Edit).into_response())
}

pub async fn new(ctx: Ctx) -> Result<Markup> {
    // The time zone of what was planned last is most likely that of the next.
    let all = ctx.read(|tx| queries::events(tx, ctx.workspace()?, false).map_err(bo_web::WebError::from))?;
    let last = all.iter().max_by_key(|event| event.updated_at);
    let zone = last.map_or("UTC", |event| event.zone.as_str());
    Ok(views::list::new(&ctx, &Input::filled([("zone", zone)])))
}

/// Makes an event, for a page or a program.
pub async fn make(ctx: &Ctx, facts: Facts) -> Result<EventId> {
    let id: EventId = ctx.make_id();
    let statuses: [StatusId; 5] = State::ALL.map(|_| ctx.make_id());
    let (workspace, account) = (ctx.workspace()?, ctx.who()?.account);
    ctx.write(move |tx| actions::create_event(tx, (id, workspace, account), statuses, &facts)).await?;
    Ok(id)
}

pub async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let made = match forms::event(&input) {
        Ok(facts) => make(&ctx, facts).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => Ok(ctx
            .redirect(format!("/events/{id}"))
            .flash("The event is ready to be planned")
            .into_response()),
        Err(error) => {
            let input = input.refused(error)?;
            Ok(input.on(views::list::new(&ctx, &input)))
        }
    }
}

/// What of an event its viewer may see.
pub struct Seen {
    pub here: Here,
    pub tasks: Vec<(Task, Level)>,
    pub items: Vec<(crate::model::Item, Level)>,
    pub areas: Vec<(crate::model::Area, Level)>,
    pub people: Vec<(crate::model::Collaborator, Level)>,
}

/// Everything of the event in the path that the viewer may see.
pub fn seen(ctx: &Ctx, tx: &mut Tx) -> Result<Seen> {
    let here = here(ctx, tx)?;
    let (level_of, of) = (ctx.checker(), Of::Event(here.event.id));
    let mut sight = Sight::new(&level_of);
    let (tasks, items) = (queries::tasks(tx, of)?, queries::items(tx, of, EVER)?);
    let (areas, people) = (queries::areas(tx, of)?, queries::people(tx, of)?);
    Ok(Seen {
        tasks: sight.tasks(tx, tasks)?,
        items: sight.items(tx, items)?,
        areas: sight.areas(tx, areas)?,
        people: sight.people(tx, people)?,
        here,
    })
}

pub async fn show(ctx: Ctx) -> Result<Markup> {
    let seen = ctx.read(|tx| seen(&ctx, tx))?;
    Ok(views::event::show(&ctx, &seen))
}
