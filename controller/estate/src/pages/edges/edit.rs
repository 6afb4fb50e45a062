//! Making and changing gateways.

use super::super::forms;
use super::{PATH, page};
use crate::Estate;
use crate::configure::{self, EdgePatch, NewEdge};
use crate::edges::Edge;
use crate::http::with;
use crate::registry::Registry;
use axum::response::Response;
use bo_model::{EdgeId, Kind, Level};
use bo_web::layout::form;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let area = Need::workspace_area("edges", Level::Own);
    Routes::new("estate")
        .get("/edges/new", area, with(estate, new))
        .about("The form for a new gateway")
        .post("/edges/new", area, with(estate, create))
        .about("Make a gateway")
        .post("/edges/{id}/properties", Need::object(Kind::EDGE, "id", Level::Own), with(estate, save))
        .about("Change what a gateway is called and which zone it serves")
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let input = Input::filled([("zone", ctx.query_value("zone"))]);
    render_new(&estate, &ctx, &input)
}

fn render_new(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    if let Some(first) = forms::first_a_place(ctx, &registry)? {
        return Ok(ctx.page(Page::new("New gateway", PATH, first).crumb("Gateways", PATH)));
    }
    let zones = forms::zones(ctx, &registry, Level::View, |_| true)?;
    let fields = html! {
        (form::text("name", "Name", "As people call it: Harbour House gateway.", "text", true, input))
        (form::choose("zone", "Serves", "The building or floor whose devices it runs.", &zones, input))
    };
    let body = forms::whole(ctx, "/edges/new", input, fields, "Create the gateway", PATH);
    let lead = "A small machine on site that runs a building, with or without this controller in reach. Next you let the machine in with a one-time code.";
    Ok(ctx.page(Page::new("New gateway", PATH, body).crumb("Gateways", PATH).lead(lead)))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = match forms::chosen(&input, "zone") {
        Ok(zone) => {
            let new = NewEdge {
                name: input.text("name").to_owned(),
                zone,
                key: None,
                links: BTreeMap::new(),
                shares: BTreeMap::new(),
            };
            configure::edges::create_edge(&estate, &ctx, new).await
        }
        Err(error) => Err(error),
    };
    let outcome = outcome
        .map(|edge| Redirect::to(format!("/edges/{}", edge.id)).flash(format!("{} is made.", edge.name)));
    forms::answer(outcome, input, |input| render_new(&estate, &ctx, input))
}

/// The form with what a gateway is.
pub fn properties(ctx: &Ctx, registry: &Registry, edge: &Edge, input: &Input) -> Result<Markup> {
    let zones = forms::zones(ctx, registry, Level::View, |_| true)?;
    let filled = forms::filled(input, [("name", edge.name.clone()), ("zone", edge.zone.to_string())]);
    let fields = html! {
        (form::text("name", "Name", "", "text", true, &filled))
        (form::select("zone", "Serves", "", &zones, &filled))
    };
    Ok(forms::card(ctx, "What it is", &format!("/edges/{}/properties", edge.id), &filled, fields, "Save"))
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: EdgeId = ctx.param("id")?;
    let input = ctx.form()?;
    let outcome = match forms::chosen(&input, "zone") {
        Ok(zone) => {
            let patch = EdgePatch {
                name: Some(input.text("name").to_owned()),
                zone: Some(zone),
                ..EdgePatch::default()
            };
            configure::edge(&estate, &ctx, id, patch).await
        }
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|()| Redirect::to(format!("/edges/{id}")).flash("Saved."));
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, None, input))
}
