//! Making, changing and moving systems.

use super::super::forms;
use super::{PATH, page};
use crate::Estate;
use crate::configure::{self, MoveSystem, NewSystem, SystemPatch};
use crate::http::with;
use crate::registry::Registry;
use crate::systems::System;
use axum::response::Response;
use bo_model::{Kind, Level, SystemId, ZoneId};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let own = Need::object(Kind::SYSTEM, "id", Level::Own);
    Routes::new("estate")
        .get("/systems/new", Need::signed_in(), with(estate, new))
        .about("The form for a new system")
        .post("/systems/new", Need::signed_in(), with(estate, create))
        .about("Make a system")
        .post("/systems/{id}/properties", own, with(estate, save))
        .about("Change what a system is called")
        .post("/systems/{id}/move", own, with(estate, move_it))
        .about("Move a system to another zone or gateway")
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let zone = ctx.query_value("zone");
    let nearest = zone.parse().ok().and_then(|id: ZoneId| forms::nearest_edge(&estate.registry(), id));
    let input = Input::filled([("zone", zone), ("edge", nearest.unwrap_or_default())]);
    render_new(&estate, &ctx, &input)
}

fn render_new(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let zones = forms::zones(ctx, &registry, Level::Own, |_| true)?;
    let edges = forms::edges(ctx, &registry)?;
    if let Some(first) = forms::first_a_place(ctx, &registry)? {
        return Ok(ctx.page(Page::new("New system", PATH, first).crumb("Systems", PATH)));
    }
    if zones.is_empty() {
        return Err(WebError::Forbidden("Only whoever owns a zone can make systems in it.".into()));
    }
    let back = if input.text("zone").is_empty() {
        PATH.to_owned()
    } else {
        format!("/zones/{}", input.text("zone"))
    };
    let body = if edges.is_empty() {
        parts::notice(
            Tone::Warn,
            html! { p { "A system runs on a gateway, and there is none yet." } a.btn href="/edges/new" { "New gateway" } },
        )
    } else {
        let fields = html! {
            (form::text("name", "Name", "As people call it: Boardroom, PV plant.", "text", true, input))
            (form::choose("zone", "Place", "", &zones, input))
            (form::select("edge", "Gateway", "The machine on site that runs it, with or without this controller in reach.", &edges, input))
            (form::text("tags", "Tags", "Separated by commas: meeting, energy. Lists can be filtered by them.", "text", false, input))
        };
        forms::whole(ctx, "/systems/new", input, fields, "Create the system", &back)
    };
    let page = Page::new("New system", PATH, body).crumb("Systems", PATH);
    Ok(ctx.page(page.lead("A room, a plant or anything else whose devices work as one.")))
}

fn read_new(input: &Input) -> Result<NewSystem> {
    Ok(NewSystem {
        name: input.text("name").to_owned(),
        zone: forms::chosen(input, "zone")?,
        edge: forms::chosen(input, "edge")?,
        key: None,
        tags: forms::words(input.text("tags")),
    })
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = match read_new(&input) {
        Ok(new) => configure::places::create_system(&estate, &ctx, new).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|system| {
        let flash = format!("{} is made. Give it its first device.", system.name);
        Redirect::to(format!("/systems/{}", system.id)).flash(flash)
    });
    forms::answer(outcome, input, |input| render_new(&estate, &ctx, input))
}

/// The form with what a system is.
pub fn properties(ctx: &Ctx, system: &System, input: &Input) -> Markup {
    let filled = forms::filled(input, [("name", system.name.clone()), ("tags", system.tags.join(", "))]);
    let fields = html! {
        (form::text("name", "Name", "", "text", true, &filled))
        (form::text("tags", "Tags", "Separated by commas; lists can be filtered by them.", "text", false, &filled))
    };
    forms::card(ctx, "What it is", &format!("/systems/{}/properties", system.id), &filled, fields, "Save")
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: SystemId = ctx.param("id")?;
    let input = ctx.form()?;
    let patch = SystemPatch {
        name: Some(input.text("name").to_owned()),
        tags: Some(forms::words(input.text("tags"))),
        ..SystemPatch::default()
    };
    let outcome = configure::system(&estate, &ctx, id, patch).await;
    let outcome = outcome.map(|()| Redirect::to(format!("/systems/{id}?tab=about")).flash("Saved."));
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, "about", input))
}

/// The card with which a system is put elsewhere.
pub fn move_card(ctx: &Ctx, registry: &Registry, system: &System, input: &Input) -> Result<Markup> {
    let zones = forms::zones(ctx, registry, Level::Own, |_| true)?;
    let edges = forms::edges(ctx, registry)?;
    let stored = [("zone", system.zone.to_string()), ("edge", system.edge.to_string())];
    let filled = forms::filled(input, stored);
    let fields = html! {
        p.muted { "Its devices and triggers go along. Settings and rights of the new place count then." }
        (form::select("zone", "Place", "", &zones, &filled))
        (form::select("edge", "Gateway", "It needs links of the same names for the devices.", &edges, &filled))
    };
    Ok(forms::card(ctx, "Move", &format!("/systems/{}/move", system.id), &Input::default(), fields, "Move"))
}

async fn move_it(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: SystemId = ctx.param("id")?;
    let was = estate.registry().systems.get(&id).map(|system| system.zone);
    let input = ctx.form()?;
    let read = |input: &Input| -> Result<MoveSystem> {
        let edge = forms::given(input, "edge").map(|_| forms::chosen(input, "edge")).transpose()?;
        Ok(MoveSystem { zone: Some(forms::chosen(input, "zone")?), edge })
    };
    let outcome = match read(&input) {
        Ok(to) => configure::places::move_system(&estate, &ctx, id, to).await.map(|()| to.zone),
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|zone| {
        let was = was.filter(|was| Some(*was) != zone).map(|was| format!("&was={was}")).unwrap_or_default();
        Redirect::to(format!("/systems/{id}?tab=about{was}"))
    });
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, "about", input))
}
