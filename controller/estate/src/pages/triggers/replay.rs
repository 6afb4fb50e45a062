//! A trigger over history, in the console: choose a period, see when it would have become active and why. Of one that is
//! bound, or of a draft that nobody has enabled yet. The page answers whole without script; with it, `<bo-replay>` asks for
//! the same in lines of JSON and shows how far it is.

use super::super::trigger_words::Words;
use super::super::{forms, parts as own};
use super::trace::traces;
use super::{PATH, library};
use crate::Estate;
use crate::configure::triggers::context;
use crate::error::EstateError;
use crate::http::with;
use crate::registry::Registry;
use crate::state::RunEntry;
use crate::triggers::queries;
use crate::triggers::replay::{self, Plan, Replayed};
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bo_db::DbError;
use bo_model::settings::Values;
use bo_model::{Kind, Level, Object, SystemId, Time, TriggerId};
use bo_rules::Definition;
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use bo_wire::{Raw, TriggerRun};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

const ACTION: &str = "/triggers/replay";
const PERIODS: [(&str, &str); 5] = [
    ("86400", "a day"),
    ("259200", "3 days"),
    ("604800", "a week"),
    ("1209600", "2 weeks"),
    ("2592000", "30 days"),
];
/// The answer as lines: `{"progress": 0.4}` …, then `{"html": "…"}` or `{"error": "…"}`.
const LINES: &str = "application/x-ndjson";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/triggers/{id}/replay", Need::object(Kind::TRIGGER, "id", Level::View), with(estate, show))
        .about("Choose a period to replay a trigger over")
        .post(ACTION, Need::signed_in(), with(estate, page))
        .about("Replay a trigger or a draft over history: when it would have become active, and why; changes nothing")
        .long()
        .post("/api/v1/triggers/replay", Need::signed_in(), with(estate, api))
        .about("Replay a trigger (`trigger`) or a draft (`text`, `script`, `system`) over history; changes nothing")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "trigger": {"type": "string", "format": "uuid"}, "text": {"type": "string"}, "script": {"type": "string"},
            "system": {"type": "string", "format": "uuid"},
            "span": {"type": "string", "description": "Seconds, at most 31 days.", "examples": ["86400"]},
            "until": {"type": "string", "description": "Local time of the place, `2026-03-01T12:00`; now when absent."}}}))
        .long()
}

/// What somebody wants to replay.
struct Asked {
    system: SystemId,
    title: String,
    definition: Definition,
    text: String,
    script: Option<String>,
    params: Values,
    trigger: Option<TriggerId>,
}

/// The trigger or draft of the form, if the viewer may look at it.
fn asked(estate: &Estate, ctx: &Ctx, input: &Input) -> Result<Asked> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let bound = match input.text("trigger") {
        "" => None,
        _ => {
            let id: TriggerId = forms::chosen(input, "trigger")?;
            ctx.read(|tx| ctx.require(tx, &Object::new(Kind::TRIGGER, id), Level::View))?;
            Some(registry.triggers.get(&id).cloned().ok_or(WebError::NotFound)?)
        }
    };
    let (system, text, script, mut params) = match &bound {
        Some(instance) => {
            let held = registry.definitions.get(&(workspace, instance.name.clone()));
            let held =
                held.ok_or_else(|| WebError::Conflict("Its definition is not in the library.".into()))?;
            (instance.system, held.definition.clone(), held.script.clone(), instance.params.clone())
        }
        None => {
            let system: SystemId = forms::chosen(input, "system").map_err(|_| {
                WebError::field(
                    "system",
                    "must be chosen: its devices' history is what the trigger is tried on",
                )
            })?;
            let (area, place) = (Object::area(workspace, "triggers"), Object::new(Kind::SYSTEM, system));
            ctx.read(|tx| {
                ctx.require(tx, &area, Level::View)?;
                ctx.require(tx, &place, Level::View)
            })?;
            (system, input.raw("text").replace("\r\n", "\n"), forms::given(input, "script"), Values::new())
        }
    };
    let definition = Definition::parse(&text)
        .map_err(|error| WebError::field("text", format!("does not read: {error}")))?;
    if bound.is_none() {
        let mut held = registry.triggers.values();
        let same = held.find(|held| held.system == system && held.name == definition.name);
        params = same.map_or_else(|| defaults(&definition), |held| held.params.clone());
    }
    let trigger = bound.map(|instance| instance.id);
    Ok(Asked { system, title: definition.title.clone(), definition, text, script, params, trigger })
}

fn defaults(definition: &Definition) -> Values {
    let with_default =
        definition.params.iter().filter_map(|(key, field)| Some((key.clone(), field.default.clone()?)));
    with_default.collect()
}

fn zone_of(registry: &Registry, system: SystemId) -> TimeZone {
    let zone = registry.systems.get(&system).and_then(|system| registry.time_zone(system.zone));
    zone.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC)
}

/// What is to be done, if the viewer may see the history of every device in it.
fn plan(estate: &Estate, ctx: &Ctx, asked: &Asked, input: &Input) -> Result<Plan> {
    let registry = estate.registry();
    let span: u64 = forms::chosen(input, "span")?;
    let span = Duration::from_secs(span);
    if span.is_zero() || span > replay::LONGEST {
        return Err(WebError::field("span", "must be at most 31 days"));
    }
    let now = ctx.now();
    let to = match input.text("until") {
        "" => now,
        text => {
            let civil: DateTime = text
                .parse()
                .map_err(|_| WebError::field("until", "must be a day and a time, like 2026-03-01T12:00"))?;
            let at = civil.to_zoned(zone_of(&registry, asked.system));
            let at = at.map_err(|_| WebError::field("until", "is no time there"))?;
            Time(at.timestamp().as_microsecond()).min(now)
        }
    };
    let wanted = context(&registry, asked.system);
    let compiled = bo_rules::load(&asked.text, asked.script.as_deref(), &asked.params, &wanted)
        .map_err(|error| WebError::field("text", error.to_string()))?;
    let from = Time(to.0.saturating_sub(span.as_micros() as i64));
    let plan = Plan { system: asked.system, compiled, from, to };
    ctx.read(|tx| {
        for device in replay::devices(&registry, &plan) {
            if ctx.level(tx, &device)? < Level::View {
                return Err(WebError::Forbidden(
                    "It looks at a device whose history is not yours to see.".into(),
                ));
            }
        }
        Ok(plan)
    })
}

fn turn(estate: &Estate) -> Result<OwnedSemaphorePermit> {
    let free = estate.replays.clone().try_acquire_owned();
    free.map_err(|_| {
        WebError::Unavailable("Others replay triggers at this moment. Try again shortly.".into())
    })
}

/// Replays on a thread of its own; `progress` as in [`replay::run`].
async fn work(
    estate: &Arc<Estate>,
    plan: Plan,
    turn: OwnedSemaphorePermit,
    progress: impl FnMut(f64) -> bool + Send + 'static,
) -> Result<Replayed> {
    let estate = estate.clone();
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        replay::run(&estate, &estate.registry(), &plan, progress)
    });
    let done =
        done.await.map_err(|error| EstateError::Db(DbError::Panicked { message: error.to_string() }))?;
    Ok(done?)
}

async fn api(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: std::collections::BTreeMap<String, String> = ctx.json()?;
    let input = Input::filled(body);
    let asked = asked(&estate, &ctx, &input)?;
    let (plan, turn) = (plan(&estate, &ctx, &asked, &input)?, turn(&estate)?);
    Ok(reply::json(&work(&estate, plan, turn, |_| true).await?))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let id: TriggerId = ctx.param("id")?;
    let input = Input::filled([("trigger", id.to_string()), ("span", "604800".to_owned())]);
    let asked = asked(&estate, &ctx, &input)?;
    Ok(render(&estate, &ctx, &asked, &input, html! {}))
}

async fn page(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let asked = asked(&estate, &ctx, &input)?;
    if !input.has("span") {
        // Just arrived with a draft from the editor.
        let kept = ["text", "script", "system"].map(|name| (name, input.raw(name).to_owned()));
        let input = Input::filled(kept.into_iter().chain([("span", "604800".to_owned())]));
        return Ok(render(&estate, &ctx, &asked, &input, html! {}).into_response());
    }
    let started = plan(&estate, &ctx, &asked, &input).and_then(|plan| Ok((plan, turn(&estate)?)));
    let lines = ctx.header("accept").contains(LINES);
    match started {
        Ok((plan, turn)) if lines => Ok(stream(estate, ctx, asked, plan, turn)),
        Ok((plan, turn)) => {
            let done = work(&estate, plan, turn, |_| true).await?;
            let shown = results(&estate, &ctx, &asked, &done)?;
            Ok(render(&estate, &ctx, &asked, &input, shown).into_response())
        }
        Err(error) if lines => {
            let line = json!({ "error": told(&error) });
            Ok(([(header::CONTENT_TYPE, LINES)], format!("{line}\n")).into_response())
        }
        Err(WebError::BadInput(errors)) => {
            let input = input.with_errors(errors);
            let again = render(&estate, &ctx, &asked, &input, html! {});
            Ok((axum::http::StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
        }
        Err(error) => Err(error),
    }
}

/// A refusal in one sentence.
fn told(error: &WebError) -> String {
    match error {
        WebError::BadInput(errors) => errors
            .iter()
            .map(|(field, why)| own::sentence(&format!("{field} {why}")))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}

/// The answer in lines while the work goes on. Who goes away ends it.
fn stream(estate: Arc<Estate>, ctx: Ctx, asked: Asked, plan: Plan, turn: OwnedSemaphorePermit) -> Response {
    let (lines, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(16);
    let progress = lines.clone();
    let step = move |part: f64| progress.blocking_send(line(&json!({ "progress": part }))).is_ok();
    tokio::spawn(async move {
        let outcome =
            work(&estate, plan, turn, step).await.and_then(|done| results(&estate, &ctx, &asked, &done));
        let last = match outcome {
            Ok(shown) => json!({ "html": shown.into_string() }),
            Err(error) => json!({ "error": told(&error) }),
        };
        // Nobody listens any more when this fails.
        drop(lines.send(line(&last)).await);
    });
    // May be asked again after its end: compression does.
    let body = futures_util::stream::poll_fn(move |task| {
        receiver.poll_recv(task).map(|line| line.map(Ok::<_, std::convert::Infallible>))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(body)).into_response()
}

fn line(json: &serde_json::Value) -> Bytes {
    Bytes::from(format!("{json}\n"))
}

fn render(estate: &Estate, ctx: &Ctx, asked: &Asked, input: &Input, shown: Markup) -> Markup {
    let registry = estate.registry();
    let periods: forms::Options = PERIODS.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let zone = zone_of(&registry, asked.system);
    let help = format!("Empty for now. Time of the place: {}.", zone.iana_name().unwrap_or("UTC"));
    let body = html! {
        bo-replay.stack {
            section.card {
                form.form action=(ACTION) method="post" {
                    (ctx.csrf()) (form::problems(input))
                    @for name in ["trigger", "text", "script", "system"] { @if !input.raw(name).is_empty() { input type="hidden" name=(name) value=(input.raw(name)); } }
                    @if let Some(error) = input.error("text") { (parts::notice(Tone::Bad, html! { p { (own::sentence(error)) } })) }
                    div.form--pair {
                        (form::select("span", "Over", "", &periods, input))
                        (form::text("until", "Until", &help, "datetime-local", false, input))
                    }
                    div.form__actions {
                        button.btn.btn--primary type="submit" { "Replay" }
                        button.btn.btn--quiet type="button" data-stop="" hidden { "Stop" }
                        progress max="1" value="0" hidden aria-label="How far it is" {}
                    }
                }
            }
            div.stack data-results="" aria-live="polite" { (shown) }
        }
    };
    let title = format!("{} over history", asked.title);
    let mut page = Page::new(title, PATH, body).crumb("Triggers", PATH);
    page = match asked.trigger {
        Some(id) => page.crumb(asked.title.clone(), format!("{PATH}/{id}")),
        None => page.crumb("Library", library::PATH),
    };
    let place = registry.systems.get(&asked.system).map_or("", |system| system.name.as_str());
    ctx.page(page.lead(format!("When it would have become active in {place}, by the values that were recorded. Nothing is switched, nobody is told.")))
}

/// How often it really became active in that time.
fn really(ctx: &Ctx, asked: &Asked, done: &Replayed) -> Result<Option<usize>> {
    let Some(id) = asked.trigger else { return Ok(None) };
    Ok(Some(ctx.read(|tx| queries::activations(tx, id, done.from, done.to))?))
}

fn results(estate: &Estate, ctx: &Ctx, asked: &Asked, done: &Replayed) -> Result<Markup> {
    let (really, now, registry) = (really(ctx, asked, done)?, ctx.now(), estate.registry());
    let words = Words::new(&asked.definition, &asked.params).at(&registry, asked.system);
    let id = asked.trigger.unwrap_or_else(|| estate.ids.make());
    let runs: Vec<RunEntry> = done
        .happened
        .iter()
        .map(|one| {
            let trace = one.trace.as_ref().map(|trace| Raw::of(&**trace)).unwrap_or_default();
            RunEntry {
                at: one.at,
                run: TriggerRun { trigger: id, outcome: one.outcome.into(), trace, notify: Vec::new() },
            }
        })
        .collect();
    let blind: Vec<String> =
        done.sources.iter().filter(|line| !line.known).map(|line| words.datum(&line.of)).collect();
    let total = done.activated + done.held_back;
    Ok(html! {
        @if done.cut { (parts::notice(Tone::Warn, html! { p { "There was too much to look at: what comes after " (own::exact(done.to)) " was left out. Choose a shorter time." } })) }
        @if !blind.is_empty() { (parts::notice(Tone::Warn, html! { p { "History knows nothing of " (blind.join(", ")) ". Conditions on it could not be told." } })) }
        div.stats {
            (parts::stat("Would have become active", &done.activated.to_string(), if done.activated == 1 { "time" } else { "times" }, html! { @if let Some(really) = really { "Really: " (own::count(really, "time")) } }))
            (parts::stat("Active in total", &own::minutes((done.active_seconds / 60) as i64), "", html! { "from " (own::exact(done.from)) }))
            (parts::stat("Held back", &done.held_back.to_string(), if done.held_back == 1 { "time" } else { "times" }, html! { "by values that can't be relied on" }))
            (parts::stat("Looked at", &done.values.to_string(), if done.values == 1 { "value" } else { "values" }, html! { (own::count(done.sources.len(), "source")) }))
        }
        (own::card("When", own::none(), own::strip(done.from, done.to, done.active.iter().map(|(from, to)| (*from, *to, "on")), "When it would have been active")))
        (own::flush("Why", own::none(), html! {
            @if runs.is_empty() { (parts::empty("trigger", "Nothing would have happened", "Its condition did not hold in that time, or the values to tell were missing.", None)) }
            @else { (traces(Some(&words), &runs, now)) }
            @if total > 0 && runs.len() >= 200 { p.card__foot { "The first " (runs.len()) " are told; all are counted." } }
        }))
        details.card { summary { strong { "What it looks at" } }
            div.table-wrap tabindex="0" role="region" aria-label="What it looks at" { table.table {
                thead { tr { th scope="col" { "Source" } th.num scope="col" { "Values in that time" } } }
                tbody { @for line in &done.sources { tr { td { (line.of) } td.num { @if line.known { (line.values) } @else { span.muted { "not known" } } } } } }
            } }
        }
    })
}
