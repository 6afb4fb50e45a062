//! Commands: giving one, its evidence step by step, and the list of all.

use super::{controls, parts as own};
use crate::Estate;
use crate::commands::actions::{self, Ask};
use crate::commands::{Command, routes as api};
use crate::http::{device, with};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::command::{Stage, Step};
use bo_model::{Kind, Level, Object, Time};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

const PATH: &str = "/commands";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("Commands, newest first")
        .get("/commands/{id}", Need::signed_in(), with(estate, show))
        .about("A command and its evidence")
        .get("/commands/{id}/evidence", Need::signed_in(), with(estate, evidence))
        .about("The evidence alone, as a piece of a page")
        .post(
            "/devices/{id}/commands/{command}",
            Need::object(Kind::DEVICE, "id", Level::See),
            with(estate, execute),
        )
        .about("Give a command; leads to its evidence")
}

/// Gives the command of the path. A script that asks for JSON gets the id, or what is wrong with which field.
async fn execute(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, entry) = device(&estate, &ctx)?;
    let (id, name): (_, String) = (entry.device.id, ctx.param("command")?);
    let needed = actions::needed(&registry, id, &name).map_err(|_| WebError::NotFound)?;
    ctx.read(|tx| ctx.require(tx, &Object::new(Kind::DEVICE, id), needed))?;
    let declared = entry.driver.as_ref().and_then(|driver| driver.manifest.commands.get(&name));
    let declared = declared.ok_or(WebError::NotFound)?;
    let wants_json = ctx.header("accept").contains("application/json");
    let input = ctx.form()?;
    let asked = input.values(&declared.params);
    let outcome = match asked {
        Ok(params) => {
            let reason = Some(input.text("_reason").to_owned());
            let ask = Ask { command: name.clone(), params, id: None, within: None, reason };
            actions::execute(&estate, ctx.author(), id, ask).await.map_err(WebError::from)
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(command) if wants_json => Ok(reply::json(&json!({ "command": command.request.id }))),
        Ok(command) => Ok(ctx.redirect(format!("/commands/{}", command.request.id)).into_response()),
        Err(error) if wants_json => {
            let fields = match &error {
                WebError::BadInput(fields) => fields.clone(),
                WebError::Internal(_) => return Err(error),
                other => vec![(String::new(), other.to_string())],
            };
            Ok((error.status(), reply::json(&json!({ "fields": fields }))).into_response())
        }
        Err(WebError::BadInput(fields)) => {
            let control = controls::control(
                &estate,
                &ctx,
                &registry,
                &entry,
                &name,
                declared,
                &input.with_errors(fields),
            );
            let page =
                Page::new(controls::title(&name, declared), "/devices", html! { div.card { (control) } })
                    .crumb(entry.device.name.clone(), format!("/devices/{id}"));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, ctx.page(page)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Colour and words of how far a command came.
pub fn outcome(stage: &str) -> Markup {
    let (tone, words) = match stage {
        "requested" | "authorised" => (Tone::Info, "On its way"),
        "arbitrated" => (Tone::Info, "At the gateway"),
        "written" => (Tone::Info, "Sent to the device"),
        "read-back" => (Tone::Info, "Read back"),
        "observed" => (Tone::Good, "Confirmed"),
        "done" => (Tone::Good, "Done"),
        "refused" => (Tone::Warn, "Refused"),
        "timed-out" => (Tone::Bad, "Not confirmed in time"),
        "failed" => (Tone::Bad, "Failed"),
        _ => (Tone::Idle, "Unknown"),
    };
    badge(tone, words)
}

/// A step in words, and what class it has in the chain.
fn words(stage: &Stage) -> (&'static str, String, &'static str) {
    match stage {
        Stage::Requested => ("Asked for", String::new(), ""),
        Stage::Authorised => ("Allowed", String::new(), ""),
        Stage::Arbitrated { displaced: None } => ("Taken by the gateway", String::new(), ""),
        Stage::Arbitrated { displaced: Some(what) } => {
            ("Taken by the gateway", format!("instead of {what}"), "")
        }
        Stage::Written => ("Sent", "the device accepted it".into(), ""),
        Stage::ReadBack => ("Read back", "the device holds the new value".into(), ""),
        Stage::Observed => ("Confirmed", "the device shows the effect".into(), ""),
        Stage::Done => ("Done", String::new(), ""),
        Stage::Refused { why } => ("Refused", why.clone(), "chain--bad"),
        Stage::Failed { why } => ("Failed", why.clone(), "chain--bad"),
        Stage::TimedOut { waiting_for } => {
            ("Not confirmed in time", format!("still waiting for {waiting_for}"), "chain--bad")
        }
    }
}

/// The evidence chain: every step with its time, and what is waited for.
pub fn chain(steps: &[Step], is_final: bool) -> Markup {
    let begin = steps.first().map_or(Time(0), |step| step.at);
    html! {
        ol.chain data-final=(is_final) {
            @for step in steps {
                @let (title, more, class) = words(&step.stage);
                li class=[(!class.is_empty()).then_some(class)] {
                    strong { (title) } @if !more.is_empty() { ": " (more) } " "
                    span.age title=(step.at.rfc3339()) { (after(begin, step.at)) }
                }
            }
            @if !is_final { li.chain--wait { span.muted { "Waiting for the next step …" } } }
        }
    }
}

/// How long after the request: `+0.3 s`.
fn after(begin: Time, at: Time) -> String {
    if at == begin { String::new() } else { format!("+{:.1} s", at.since(begin).as_secs_f64()) }
}

async fn evidence(_: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let command = api::find(&ctx)?;
    Ok(chain(&command.steps, command.is_final))
}

/// A command's parameters in words: `setpoint = 21.5`.
pub fn params(command: &Command) -> String {
    let pairs = command.request.params.iter().map(|(key, value)| {
        let value = match value {
            serde_json::Value::Bool(on) if key == "on" => return if *on { "on" } else { "off" }.to_owned(),
            serde_json::Value::Bool(on) => if *on { "yes" } else { "no" }.to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("{} {value}", own::humane(key).to_lowercase())
    });
    pairs.collect::<Vec<_>>().join(", ")
}

/// What a command is called, by its device's driver.
pub fn name(estate: &Estate, command: &Command) -> String {
    let registry = estate.registry();
    let entry = registry.devices.get(&command.request.device);
    let declared =
        entry.and_then(|entry| entry.driver.as_ref()?.manifest.commands.get(&command.request.command));
    declared.map_or_else(
        || own::humane(&command.request.command),
        |declared| controls::title(&command.request.command, declared),
    )
}

/// Rows of a table of commands.
pub fn table(estate: &Estate, commands: &[Command], now: Time) -> Markup {
    let registry = estate.registry();
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr {
                th scope="col" { "When" } th scope="col" { "Command" } th scope="col" { "Device" }
                th scope="col" { "By" } th scope="col" { "Outcome" }
            } }
            tbody { @for command in commands { tr {
                td data-label="When" { (parts::time(command.asked_at, now)) }
                td data-label="Command" {
                    a href={ "/commands/" (command.request.id) } { (name(estate, command)) }
                    @if !command.request.params.is_empty() { " " span.muted { (params(command)) } }
                }
                td data-label="Device" { span { (own::device_link(&registry, command.request.device)) } }
                td data-label="By" { span { (own::actor(&registry, &command.request.actor)) } }
                td data-label="Outcome" { (outcome(&command.stage)) }
            } } }
        } }
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&api::SPEC)?;
    let page = api::page(&ctx)?;
    if list.format == "csv" {
        let rows = page.items.iter().map(|command| {
            vec![
                command.asked_at.rfc3339(),
                command.request.id.to_string(),
                command.request.device.to_string(),
                command.request.command.clone(),
                params(command),
                bo_db::audit::event::actor_key(&command.request.actor),
                command.stage.clone(),
            ]
        });
        let header = ["time", "id", "device", "command", "parameters", "by", "outcome"];
        return reply::csv("commands", &header, rows);
    }
    let stages = [
        ("observed", "Confirmed"),
        ("done", "Done"),
        ("refused", "Refused"),
        ("failed", "Failed"),
        ("timed-out", "Not confirmed in time"),
    ];
    let stages = stages.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect();
    let body = html! {
        (parts::filters(&list, PATH, "Name of the command", &[("stage", "Outcome", stages)]))
        section.card.card--flush data-fresh="10" id="commands" {
            @if page.items.is_empty() {
                (parts::empty("play", "No commands here", "Commands that people, triggers and rooms give to devices are listed here with their evidence. Give one on a device's or a room's page.", Some(("To the devices", "/devices"))))
            } @else {
                (table(&estate, &page.items, ctx.now()))
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let lead = "Who asked which device for what, and whether it happened.";
    Ok(ctx.page(Page::new("Commands", PATH, body).lead(lead)).into_response())
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (command, registry) = (api::find(&ctx)?, estate.registry());
    let request = &command.request;
    let entry = registry.devices.get(&request.device);
    let facts = [
        ("Device", own::device_link(&registry, request.device)),
        ("Asked by", own::actor(&registry, &request.actor)),
        ("Asked", own::exact(command.asked_at)),
        ("Not after", own::exact(request.deadline)),
        ("Gateway", own::edge_link(&registry, command.edge)),
        (
            "Parameters",
            html! { @if request.params.is_empty() { span.muted { "none" } } @else { (params(&command)) } },
        ),
        (
            "Reason",
            html! { @match &request.reason { Some(reason) => (reason), None => span.muted { "none given" } } },
        ),
        ("Id", html! { code { (request.id) } }),
    ];
    let body = html! {
        div.split {
            (own::card("Evidence", own::none(), html! {
                div data-evidence=(request.id) { (chain(&command.steps, command.is_final)) }
            }))
            (own::card("Request", own::none(), parts::facts(&facts)))
        }
    };
    let mut page =
        Page::new(name(&estate, &command), PATH, body).crumb("Commands", PATH).state(outcome(&command.stage));
    if let Some(entry) = entry {
        page = page.lead(format!("On {}.", entry.device.name));
    }
    Ok(ctx.page(page))
}
