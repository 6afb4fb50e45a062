//! Triggers: the list, and an instance with what it does in plain words, how it is, and why it did or did not fire.

use super::parts as own;
use super::trigger_words::Words;
use crate::Estate;
use crate::configure::{self, TriggerPatch};
use crate::http::with;
use crate::registry::Registry;
use crate::state::RunEntry;
use crate::triggers::routes::{self as api, TriggerLine};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object, SystemId, Time, TriggerId};
use bo_rules::{Definition, Trace, Truth};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/triggers";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let edit = Need::object(Kind::TRIGGER, "id", Level::Edit);
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All trigger instances")
        .get("/triggers/{id}", Need::object(Kind::TRIGGER, "id", Level::View), with(estate, show))
        .about("A trigger: what it does, how it is, its last traces, its source")
        .post("/triggers/{id}/enabled", edit, with(estate, set_enabled))
        .about("Enable or disable a trigger")
        .post("/triggers/{id}/params", edit, with(estate, save_params))
        .about("Change a trigger's parameters")
}

/// Colour and words of a run's outcome.
fn outcome(word: &str) -> Markup {
    match word {
        "activated" => badge(Tone::Info, "Became active"),
        "cleared" => badge(Tone::Good, "Over"),
        "held-back" => badge(Tone::Warn, "Held back"),
        "failed" => badge(Tone::Bad, "Failed"),
        other => badge(Tone::Idle, other),
    }
}

fn state(line: &TriggerLine) -> Markup {
    match &line.last_run {
        _ if !line.instance.enabled => badge(Tone::Idle, "Disabled"),
        None => badge(Tone::Good, "Watching"),
        Some(run) => match run.run.outcome.as_str() {
            "activated" => badge(Tone::Info, "Active"),
            "held-back" => badge(Tone::Warn, "Held back"),
            "failed" => badge(Tone::Bad, "Failed"),
            _ => badge(Tone::Good, "Watching"),
        },
    }
}

/// Instances of a system that the viewer may see.
pub fn of_system(estate: &Estate, ctx: &Ctx, system: SystemId) -> Result<Vec<TriggerLine>> {
    let registry = estate.registry();
    let mut found: Vec<TriggerLine> = ctx.read(|tx| {
        let mut found = Vec::new();
        for instance in registry.triggers.values().filter(|instance| instance.system == system) {
            if ctx.level(tx, &Object::new(Kind::TRIGGER, instance.id))? >= Level::View {
                found.push(api::line(estate, instance));
            }
        }
        Ok::<_, WebError>(found)
    })?;
    found.sort_by(|a, b| a.title.cmp(&b.title));
    Ok(found)
}

/// Instances as a table.
pub fn table(lines: &[TriggerLine], registry: &Registry, now: Time, with_system: bool) -> Markup {
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Trigger" } @if with_system { th scope="col" { "System" } } th scope="col" { "State" } th scope="col" { "Last happened" } } }
            tbody { @for line in lines { tr {
                td data-label="Trigger" { a href={ "/triggers/" (line.instance.id) } { (line.title) } }
                @if with_system { td data-label="System" { span { (own::system_link(registry, line.instance.system)) } } }
                td data-label="State" { (state(line)) }
                td data-label="Last happened" {
                    @match &line.last_run {
                        Some(run) => span { (outcome(&run.run.outcome)) " " (parts::time(run.at, now)) },
                        None => span.muted { "not since the controller started" },
                    }
                }
            } } }
        } }
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let list = ctx.list(&api::SPEC)?;
    let page = api::page_of_lines(&estate, &ctx)?;
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let names = registry.definitions.values().filter(|held| held.workspace == workspace);
    let names = names.map(|held| (held.name.clone(), held.title.clone())).collect();
    let body = html! {
        (parts::filters(&list, PATH, "Title or system", &[("name", "Trigger", names)]))
        section.card.card--flush id="triggers" data-fresh="15" {
            @if page.items.is_empty() {
                (parts::empty("trigger", "No triggers here", "A trigger does something by itself when a condition holds: switch an empty room off, tell somebody that a device is away. Bind one to a system in the estate's files.", None))
            } @else {
                (table(&page.items, &registry, ctx.now(), true))
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    Ok(ctx.page(
        Page::new("Triggers", PATH, body)
            .lead("What happens by itself. Triggers run on the gateway, with or without the controller."),
    ))
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
    let body = html! {
        div.stack {
            @if !instance.enabled { (parts::notice(Tone::Warn, html! { "This trigger is disabled: nothing of what follows happens." })) }
            div.split {
                div.stack {
                    (own::card("What it does", own::none(), html! {
                        @match (&parsed, stored) {
                            (Some(definition), _) => (Words::new(definition, &instance.params).all()),
                            (None, Some(_)) => p { "Its definition does not read. See the source below." },
                            (None, None) => p { "Its definition `" (instance.name) "` is not in the library." },
                        }
                    }))
                    (own::flush("Why it did, and did not", own::none(), html! {
                        div id="runs" data-fresh={ "trigger:" (id) } { (traces(&runs, now)) }
                    }))
                }
                div.stack {
                    (facts(ctx, &registry, &line, level))
                    @if let Some(definition) = parsed.as_ref().filter(|definition| !definition.params.is_empty()) {
                        (own::card("Tuned here", own::none(), params(ctx, definition, &line, level, input)))
                    }
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
    let mut page = Page::new(line.title.clone(), PATH, body).crumb("Triggers", PATH).state(state(&line));
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
        ("Definition", html! { code { "triggers/" (instance.name) } }),
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

/// The last runs, each opening into its inputs and conditions.
fn traces(runs: &[RunEntry], now: Time) -> Markup {
    if runs.is_empty() {
        return parts::empty(
            "trigger",
            "Nothing happened yet",
            "When it fires, clears or is held back, the reason is kept here: which values it saw, how good they were, which condition decided.",
            None,
        );
    }
    html! {
        ul.feed { @for entry in runs { li {
            @let trace: Option<Trace> = serde_json::from_value(entry.run.trace.clone()).ok();
            details {
                summary.feed__head { (outcome(&entry.run.outcome)) span { (trace.as_ref().map_or("", |trace| trace.why.as_str())) } (parts::time(entry.at, now)) }
                @match &trace {
                    Some(trace) => (explained(trace)),
                    None => pre tabindex="0" { code { (entry.run.trace) } },
                }
            }
        } } }
    }
}

fn explained(trace: &Trace) -> Markup {
    html! {
        div.trace {
            @if !trace.inputs.is_empty() {
                h3 { "What it saw" }
                div.table-wrap { table.table {
                    thead { tr { th scope="col" { "Input" } th scope="col" { "Value" } th scope="col" { "Quality" } th scope="col" { "Age" } } }
                    tbody { @for input in &trace.inputs { tr {
                        td { (input.of) }
                        td { (input.data) @if input.defaulted { span.muted { " (stand-in)" } } }
                        td { (badge(tone(&input.quality), &input.quality)) @if let Some(reason) = &input.reason { " " span.muted { (reason) } }
                            @if !input.accepted && !input.defaulted { " " strong { "not to be acted on" } } }
                        td.num { (format!("{:.0} s", input.age)) }
                    } } }
                } }
            }
            h3 { "What it made of it" }
            ul.trace__nodes { @for node in &trace.nodes { li data-decided=[trace.decided_by.contains(&node.place).then_some("")] {
                @match node.result { Truth::True => (badge(Tone::Good, "yes")), Truth::False => (badge(Tone::Idle, "no")), Truth::Unknown => (badge(Tone::Warn, "can't tell")) }
                " " (node.text)
                @if let Some(due) = node.due { span.muted { ", holds until " (own::exact(due)) } }
                @if trace.decided_by.contains(&node.place) { strong { " — this decided" } }
            } } }
            @for line in &trace.withheld { p.muted { "Not done: " (line) } }
        }
    }
}

fn tone(quality: &str) -> Tone {
    match quality {
        "good" => Tone::Good,
        "uncertain" => Tone::Warn,
        _ => Tone::Bad,
    }
}

async fn set_enabled(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: TriggerId = ctx.param("id")?;
    let enabled = ctx.form()?.checked("enabled");
    configure::trigger(&estate, ctx.author(), id, TriggerPatch { enabled: Some(enabled), params: None })
        .await?;
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
    let saved = match input.own_values(&definition.params) {
        Ok(values) => {
            let patch = TriggerPatch { enabled: None, params: Some(values) };
            configure::trigger(&estate, ctx.author(), id, patch).await.map_err(WebError::from)
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => Ok(ctx
            .redirect(format!("/triggers/{id}"))
            .flash("Saved. The gateway gets it with its next release.")
            .into_response()),
        Err(WebError::BadInput(errors)) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&estate, &ctx, &input.with_errors(errors))?)
                .into_response())
        }
        Err(error) => Err(error),
    }
}
