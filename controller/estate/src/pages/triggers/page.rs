//! One trigger in a system: what it does in plain words, how it is, why it did or did not, what is tuned here.

use super::super::trigger_words::Words;
use super::super::{forms, parts as own};
use super::trace::traces;
use super::{PATH, library, state};
use crate::Estate;
use crate::configure::{self, TriggerPatch};
use crate::http::with;
use crate::registry::Registry;
use crate::triggers::routes::{self as api, TriggerLine};
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object, TriggerId};
use bo_rules::Definition;
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let edit = Need::object(Kind::TRIGGER, "id", Level::Edit);
    Routes::new("estate")
        .get("/triggers/{id}", Need::object(Kind::TRIGGER, "id", Level::View), with(estate, show))
        .about("A trigger: what it does, how it is, its last traces, its source")
        .post("/triggers/{id}/enabled", edit, with(estate, set_enabled))
        .about("Enable or disable a trigger")
        .post("/triggers/{id}/params", edit, with(estate, save_params))
        .about("Change a trigger's parameters")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &Input::default())
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let id: TriggerId = ctx.param("id")?;
    let instance = registry.triggers.get(&id).ok_or(WebError::NotFound)?;
    let stored = registry.definitions.get(&(instance.workspace, instance.name.clone()));
    let parsed = stored.and_then(|stored| Definition::parse(&stored.definition).ok());
    let mut line = api::line(estate, instance);
    let runs = api::runs(estate, ctx, id)?;
    // After a restart what is in memory begins anew; what was kept says how it is.
    line.last_run = runs.first().cloned();
    let level = ctx.read(|tx| ctx.level(tx, &Object::new(Kind::TRIGGER, id)))?;
    let now = ctx.now();
    let words =
        parsed.as_ref().map(|parsed| Words::new(parsed, &instance.params).at(&registry, instance.system));
    let body = html! {
        div.stack {
            @if !instance.enabled { (parts::notice(Tone::Warn, html! { "This trigger is disabled: nothing of what follows happens." })) }
            div.split {
                div.stack {
                    (own::card("What it does", own::none(), html! {
                        @match (&words, stored) {
                            (Some(words), _) => (words.all()),
                            (None, Some(_)) => p { "Its definition does not read. See the source below." },
                            (None, None) => p { "Its definition “" (instance.name) "” is not in the library." },
                        }
                    }))
                    (own::flush("Why it did, and did not", own::none(), html! {
                        div id="runs" data-fresh={ "trigger:" (id) } { (traces(words.as_ref(), &runs, now)) }
                    }))
                }
                div.stack {
                    (facts(ctx, &registry, &line, level))
                    @if let Some(definition) = parsed.as_ref().filter(|definition| !definition.params.is_empty()) {
                        (own::card("Tuned here", own::none(), params(ctx, definition, &line, level, input)))
                    }
                    @if level >= Level::Own { (forms::remove_card(&format!("/triggers/{id}"), &line.title)) }
                }
            }
            @if let Some(stored) = stored {
                details.card { summary { strong { "Source" } " " span.muted { "trigger.toml" @if stored.script.is_some() { " and rule.rhai" } } }
                    div.stack.source {
                        pre tabindex="0" { code { (stored.definition) } }
                        @if let Some(script) = &stored.script { h3 { "rule.rhai" } pre tabindex="0" { code { (script) } } }
                    }
                }
            }
        }
    };
    let over = html! { a.btn href={ (PATH) "/" (id) "/replay" } { (icon("history")) "Over history" } };
    let mut page = Page::new(line.title.clone(), PATH, body).crumb("Triggers", PATH).state(state(&line));
    page = page.actions(over);
    if let Some(about) = stored.map(|stored| stored.about.clone()).filter(|about| !about.is_empty()) {
        page = page.lead(about);
    }
    Ok(ctx.page(page))
}

fn facts(ctx: &Ctx, registry: &Registry, line: &TriggerLine, level: Level) -> Markup {
    let instance = &line.instance;
    let edge = registry.systems.get(&instance.system).map(|system| system.edge);
    let rows = [
        ("System", own::system_link(registry, instance.system)),
        ("Runs on", html! { @if let Some(edge) = edge { (own::edge_link(registry, edge)) } }),
        ("State", state(line)),
        ("Definition", html! { a href={ (library::PATH) "/" (instance.name) } { (line.title) } }),
    ];
    let action = format!("/triggers/{}/enabled", instance.id);
    own::card(
        "About",
        own::none(),
        html! {
            (parts::facts(&rows))
            @if level >= Level::Edit { div.form__actions {
                @if instance.enabled {
                    (parts::confirm("Disable", "Disable this trigger?", html! { p { "It stops with the gateway's next release. What it switched stays as it is." } },
                        &action, html! { (ctx.csrf()) input type="hidden" name="enabled" value="false"; }))
                } @else {
                    (parts::post_button("Enable", "btn--primary", &action, html! { (ctx.csrf()) input type="hidden" name="enabled" value="true"; }))
                }
            } }
        },
    )
}

fn params(ctx: &Ctx, definition: &Definition, line: &TriggerLine, level: Level, input: &Input) -> Markup {
    let filled = if input.errors().next().is_some() {
        input.clone()
    } else {
        Input::from_values(&line.instance.params)
    };
    html! {
        form.form action={ "/triggers/" (line.instance.id) "/params" } method="post" {
            (ctx.csrf()) (form::problems(input))
            fieldset.plain-set disabled[level < Level::Edit] { legend.sr-only { "Parameters" } (form::fields(&definition.params, &filled)) }
            @if level >= Level::Edit { div.form__actions { button.btn.btn--primary type="submit" { "Save" } } }
        }
    }
}

async fn set_enabled(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: TriggerId = ctx.param("id")?;
    let enabled = ctx.form()?.checked("enabled");
    configure::trigger(&estate, &ctx, id, TriggerPatch { enabled: Some(enabled), params: None }).await?;
    let words = if enabled { "Enabled." } else { "Disabled." };
    Ok(ctx
        .redirect(format!("/triggers/{id}"))
        .flash(format!("{words} The gateway gets it with its next release."))
        .into_response())
}

async fn save_params(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let id: TriggerId = ctx.param("id")?;
    let instance = registry.triggers.get(&id).ok_or(WebError::NotFound)?;
    let stored =
        registry.definitions.get(&(instance.workspace, instance.name.clone())).ok_or(WebError::NotFound)?;
    let definition =
        Definition::parse(&stored.definition).map_err(|error| WebError::Conflict(error.to_string()))?;
    let input = ctx.form()?;
    let outcome = match input.own_values(&definition.params) {
        Ok(values) => {
            let patch = TriggerPatch { enabled: None, params: Some(values) };
            configure::trigger(&estate, &ctx, id, patch).await
        }
        Err(error) => Err(error),
    };
    let flash = "Saved. The gateway gets it with its next release.";
    let outcome = outcome.map(|()| Redirect::to(format!("/triggers/{id}")).flash(flash));
    forms::answer(outcome, input, |input| render(&estate, &ctx, input))
}
