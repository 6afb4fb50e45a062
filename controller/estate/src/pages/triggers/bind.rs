//! Binding a trigger of the library to a system: which one, where, with which parameters.

use super::super::trigger_words::Words;
use super::super::{forms, parts as own};
use super::{PATH, library};
use crate::Estate;
use crate::configure::NewTrigger;
use crate::configure::triggers::create_trigger;
use crate::http::with;
use crate::registry::Registry;
use crate::triggers::TriggerDefinition;
use axum::response::Response;
use bo_model::{Level, SystemId};
use bo_rules::Definition;
use bo_web::layout::form;
use bo_web::layout::parts;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let edit = Need::workspace_area("triggers", Level::Edit);
    Routes::new("estate")
        .get("/triggers/new", edit, with(estate, new))
        .about("The form that binds a trigger to a system")
        .post("/triggers/new", edit, with(estate, create))
        .about("Bind a trigger to a system")
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let input = Input::filled([("system", ctx.query_value("system")), ("trigger", ctx.query_value("name"))]);
    match ctx.query_value("name").as_str() {
        "" => choose(&estate, &ctx),
        _ => render(&estate, &ctx, &input),
    }
}

/// Definitions of the workspace by title, each with whether a system has what it names.
fn choose(estate: &Arc<Estate>, ctx: &Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let system = ctx.query_value("system");
    let mut held: Vec<_> =
        registry.definitions.values().filter(|definition| definition.workspace == workspace).collect();
    held.sort_by_key(|definition| definition.title.clone());
    let bound = |definition: &TriggerDefinition| {
        system.parse().is_ok_and(|system: SystemId| {
            registry.triggers.values().any(|each| each.system == system && each.name == definition.name)
        })
    };
    let body = html! {
        @if held.is_empty() { section.card { (parts::empty("trigger", "The library is empty", "Make the first trigger; then bind it to the systems it is for.", Some(("New trigger", "/triggers/library/new")))) } }
        div.grid { @for definition in held {
            @if bound(definition) { div.card.zone-card { strong { (definition.title) } span.muted { "Bound to this system already." } } }
            @else { a.card.zone-card href={ "/triggers/new?system=" (system) "&name=" (definition.name) } { strong { (definition.title) } span.muted { (definition.about) } } }
        } }
    };
    let page = Page::new("Bind a trigger", PATH, body).lead("Which of the library?").crumb("Triggers", PATH);
    Ok(ctx.page(page.actions(own::new("New trigger", "/triggers/library/new"))))
}

fn stored(ctx: &Ctx, registry: &Registry, input: &Input) -> Result<(Arc<TriggerDefinition>, Definition)> {
    let name = input.text("trigger").to_owned();
    let held = registry.definitions.get(&(ctx.workspace()?, name)).cloned().ok_or(WebError::NotFound)?;
    let parsed =
        Definition::parse(&held.definition).map_err(|error| WebError::Conflict(error.to_string()))?;
    Ok((held, parsed))
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let (held, parsed) = stored(ctx, &registry, input)?;
    let systems = forms::systems(ctx, &registry, Level::View)?;
    let fields = html! {
        input type="hidden" name="trigger" value=(held.name);
        (form::select("system", "System", "The room or plant whose devices it watches and operates.", &systems, input))
        @if !parsed.params.is_empty() { h2 { "Tuned for this system" } (form::fields(&parsed.params, input)) }
    };
    let body = html! {
        div.split {
            (forms::whole(ctx, "/triggers/new", input, fields, "Bind it", PATH))
            (own::card("What it does", own::more("In the library", &format!("{}/{}", library::PATH, held.name)), Words::new(&parsed, &Default::default()).all()))
        }
    };
    let page = Page::new(held.title.clone(), PATH, body).lead(held.about.clone());
    Ok(ctx.page(page.crumb("Triggers", PATH).crumb("Bind a trigger", "/triggers/new")))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let registry = estate.registry();
    let (held, parsed) = stored(&ctx, &registry, &input)?;
    let read = |input: &Input| -> Result<NewTrigger> {
        Ok(NewTrigger {
            system: forms::chosen(input, "system")?,
            name: held.name.clone(),
            params: input.own_values(&parsed.params)?,
            disabled: false,
        })
    };
    let outcome = match read(&input) {
        Ok(new) => create_trigger(&estate, &ctx, new).await,
        Err(error) => Err(error),
    };
    let flash = "Bound. Deploy it to the gateway for it to begin.";
    let outcome = outcome.map(|made| Redirect::to(format!("/triggers/{}", made.id)).flash(flash));
    forms::answer(outcome, input, |input| render(&estate, &ctx, input))
}
