//! The audit log: who did what to what, searched and filtered; one record with before, after and its proof; the export.

mod words;

use super::parts as own;
use crate::Estate;
use crate::http::with;
use crate::registry::Registry;
use axum::response::{IntoResponse, Response};
use bo_db::audit::search::{Filter, find, search, status};
use bo_db::audit::{Outcome, Record, export};
use bo_model::{Level, Object, Time};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError, reply};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use std::sync::Arc;

use words::changes;
pub use words::{object_name, verb};

const PATH: &str = "/audit";
/// Records of a page.
const ROWS: usize = 40;
/// Records of a CSV.
const EXPORT: usize = 10_000;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("audit", Level::View);
    Routes::new("estate")
        .get(PATH, view, with(estate, list))
        .about("The audit log")
        .get("/audit/{number}", view, with(estate, show))
        .about("A record with before, after and where it came from")
        .get("/audit/{number}/proof", view, proof)
        .about("The proof that a record is in the signed log, as JSON")
}

fn object_link(registry: &Registry, record: &Record) -> Markup {
    let (kind, id) = (record.object.kind(), record.object.id());
    let text = object_name(registry, record);
    let there = own::name_of(registry, kind, id).is_some();
    html! {
        @match kind {
            "zone" | "system" | "device" | "edge" | "trigger" if there => a href={ "/" (kind) "s/" (id) } { (text) },
            "alarm" | "command" => a href={ "/" (kind) "s/" (id) } { (text) },
            "account" => a href={ "/users/" (id) } { (text) },
            "group" => a href={ "/groups/" (id) } { (text) },
            _ => (text),
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Done => badge(Tone::Good, "Done"),
        Outcome::Denied => badge(Tone::Warn, "Denied"),
        Outcome::Failed => badge(Tone::Bad, "Failed"),
    }
}

fn actor(registry: &Registry, record: &Record) -> Markup {
    use bo_model::command::Actor;
    match &record.actor {
        Actor::Account { id, name } => html! { a href={ "/audit?actor=account:" (id) } { (name) } },
        Actor::Trigger { id, name } => html! { "trigger " a href={ "/triggers/" (id) } { (name) } },
        Actor::Driver { device } => html! { "driver of " (own::device_link(registry, *device)) },
        Actor::Operator => html! { "somebody at the machine" },
        Actor::Edge { id } => own::edge_link(registry, *id),
        Actor::Anonymous => html! { "not signed in" },
        Actor::System => html! { "BackOffice" },
    }
}

/// The kinds of things records are about, as the list offers them: (the verb's noun, for people).
const NOUNS: [(&str, &str); 19] = [
    ("session", "Signing in"),
    ("account", "People"),
    ("group", "Groups"),
    ("relation", "Rights"),
    ("zone", "Zones"),
    ("system", "Systems"),
    ("device", "Devices"),
    ("command", "Commands"),
    ("trigger", "Triggers"),
    ("alarm", "Alarms"),
    ("edge", "Gateways"),
    ("release", "Releases"),
    ("rollout", "Rollouts"),
    ("driver", "Drivers"),
    ("estate", "Files in and out"),
    ("wiki-page", "Wiki pages"),
    ("event", "Events"),
    ("project", "Projects"),
    ("licence", "Licences"),
];

/// The clock of the organisation: that of its outermost place. UTC where none is set.
fn clock_of(ctx: &Ctx, registry: &Registry) -> Result<TimeZone> {
    let workspace = ctx.workspace()?;
    let root = registry.zones.values().find(|zone| zone.workspace == workspace && zone.parent.is_none());
    let name = root.and_then(|zone| registry.time_zone(zone.id));
    Ok(name.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC))
}

/// A day of a form (`2026-05-01`) as the instant it begins.
fn day(text: &str, name: &str, clock: &TimeZone) -> Result<Option<Time>> {
    if text.is_empty() {
        return Ok(None);
    }
    let date: jiff::civil::Date =
        text.parse().map_err(|_| WebError::field(name, "must be a day like 2026-05-01"))?;
    let zoned = date.to_zoned(clock.clone()).map_err(|_| WebError::field(name, "is not a day"))?;
    Ok(Some(Time(zoned.timestamp().as_microsecond())))
}

fn filter(ctx: &Ctx, clock: &TimeZone) -> Result<Filter> {
    let text = |name: &str| Some(ctx.query_value(name)).filter(|value| !value.is_empty());
    let to = day(&ctx.query_value("to"), "to", clock)?;
    Ok(Filter {
        workspace: Some(ctx.workspace()?),
        actor: text("actor"),
        verb: text("verb"),
        object: text("object").and_then(|object| Object::parse(&object)),
        outcome: text("outcome"),
        from: day(&ctx.query_value("from"), "from", clock)?,
        // The last day counts whole.
        to: to.map(|to| to.after(std::time::Duration::from_secs(86_400))),
        text: text("q"),
        below: text("below").and_then(|below| below.parse().ok()),
    })
}

fn address(ctx: &Ctx, extra: &[(&str, String)]) -> String {
    let mut pairs: Vec<(String, String)> = ctx.query().unwrap_or_default();
    pairs.retain(|(key, value)| !value.is_empty() && !extra.iter().any(|(name, _)| name == key));
    pairs.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    format!("{PATH}?{}", serde_urlencoded::to_string(&pairs).unwrap_or_default())
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let filter = filter(&ctx, &clock_of(&ctx, &registry)?)?;
    let csv = ctx.query_value("format") == "csv";
    let limit = if csv { EXPORT } else { ROWS + 1 };
    let (mut records, state) =
        ctx.read(|tx| Ok::<_, WebError>((search(tx, &filter, limit)?, status(tx)?)))?;
    if csv {
        let rows = records.into_iter().map(|record| {
            vec![
                record.seq.to_string(),
                record.at.rfc3339(),
                bo_db::audit::event::actor_key(&record.actor),
                record.origin.address.clone(),
                record.verb.clone(),
                record.object.to_string(),
                record.name.clone(),
                record.outcome.word().to_owned(),
                record.reason.clone(),
            ]
        });
        return reply::csv(
            "audit",
            &["number", "time", "actor", "address", "verb", "object", "name", "outcome", "reason"],
            rows,
        );
    }
    let more = records.len() > ROWS;
    records.truncate(ROWS);
    let now = ctx.now();
    let chosen = ctx.query_value("verb");
    let value = |name: &str| ctx.query_value(name);
    let body = html! {
        form.toolbar action=(PATH) method="get" role="search" {
            (parts::search("audit-q", &value("q"), "Anything in a record"))
            label.sr-only for="audit-verb" { "What" }
            select #audit-verb name="verb" data-submit="" { option value="" { "What: all" } @for (noun, title) in NOUNS { option value=(noun) selected[chosen == noun] { (title) } } }
            label.sr-only for="audit-outcome" { "Outcome" }
            select #audit-outcome name="outcome" data-submit="" { option value="" { "Outcome: all" } @for (word, text) in [("done", "Done"), ("denied", "Denied"), ("failed", "Failed")] { option value=(word) selected[value("outcome") == word] { (text) } } }
            span.toolbar__group { label for="audit-from" { "From" } input #audit-from.input--day type="date" name="from" value=(value("from")) data-submit=""; }
            span.toolbar__group { label for="audit-to" { "to" } input #audit-to.input--day type="date" name="to" value=(value("to")) data-submit=""; }
            @if !value("actor").is_empty() { input type="hidden" name="actor" value=(value("actor")); }
            @if !value("object").is_empty() { input type="hidden" name="object" value=(value("object")); }
            @if ["q", "verb", "outcome", "from", "to"].iter().any(|name| !value(name).is_empty()) { a.btn.btn--quiet href=(PATH) { (icon("close")) "Clear" } }
            div.toolbar__end { a.btn.btn--quiet href=(address(&ctx, &[("format", "csv".into())])) { (icon("download")) "CSV" } }
        }
        @if !value("actor").is_empty() || !value("object").is_empty() {
            p.row { "Only " @if !value("actor").is_empty() { "what one person or part did" } @else { "what was done to one thing" } ". " a href=(PATH) { "Show everything" } }
        }
        (seal(&state, now))
        section.card.card--flush {
            @if records.is_empty() { (parts::empty("audit", "No records here", "No record fits. Change the search or the filters.", None)) }
            @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Did" } th scope="col" { "To" } th scope="col" { "Outcome" } } }
                    tbody { @for record in &records { tr {
                        td data-label="When" { (parts::time(record.at, now)) }
                        td data-label="Who" { span { (actor(&registry, record)) } }
                        td data-label="Did" { a href={ "/audit/" (record.seq) } { (verb(&record.verb)) } }
                        td data-label="To" { span { (object_link(&registry, record)) } }
                        td data-label="Outcome" { span { (outcome(record.outcome)) @if record.outcome != Outcome::Done && !record.reason.is_empty() { div.field__help { (record.reason) } } } }
                    } } }
                } }
                nav.pages aria-label="Pages" {
                    span { (records.len()) " shown" }
                    div.row {
                        @if !value("below").is_empty() { a.btn.btn--small href=(address(&ctx, &[("below", String::new())])) { "Newest" } }
                        @if let Some(last) = records.last().filter(|_| more) { a.btn.btn--small rel="next" href=(address(&ctx, &[("below", last.seq.to_string())])) { "Older" (icon("next")) } }
                    }
                }
            }
        }
    };
    Ok(ctx
        .page(
            Page::new("Audit", PATH, body)
                .lead("Everything that was changed, given or refused, in a log that can be proved."),
        )
        .into_response())
}

/// How far the log is signed, and how to check it.
fn seal(state: &bo_db::audit::search::Status, now: Time) -> Markup {
    html! {
        details.card.seal {
            summary {
                @if state.signed > 0 { (badge(Tone::Good, "Signed")) } @else { (badge(Tone::Info, "Not signed yet")) }
                " " (state.records) " records"
                @if let Some(at) = state.signed_at { span.muted { ", " (state.signed) " of them signed " (parts::time(at, now)) } }
            }
            div.stack {
                p { "Each record is a leaf of one tree whose root is signed every few minutes. Whoever keeps a signed root elsewhere can prove later that nothing was removed, changed or inserted, with no trust in this server: " code { "backoffice audit verify" } "." }
                @if let Some(note) = &state.checkpoint { h3 { "The newest signed root" } pre tabindex="0" { code { (note) } } }
            }
        }
    }
}

/// The record of the path, if it belongs to the workspace.
fn found(ctx: &Ctx) -> Result<Record> {
    let (number, workspace): (u64, _) = (ctx.param("number")?, ctx.workspace()?);
    ctx.read(|tx| find(tx, number))?
        .filter(|record| record.workspace == Some(workspace))
        .ok_or(WebError::NotFound)
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let record = found(&ctx)?;
    let registry = estate.registry();
    let state = ctx.read(status)?;
    let signed = record.seq < state.signed;
    let mut facts = vec![
        ("When", own::exact(record.at)),
        ("Who", actor(&registry, &record)),
        ("To", object_link(&registry, &record)),
        ("Outcome", outcome(record.outcome)),
        (
            "Reason",
            html! { @if record.reason.is_empty() { span.muted { "none given" } } @else { (record.reason) } },
        ),
        (
            "From",
            html! { @if record.origin.address.is_empty() { span.muted { "inside BackOffice" } } @else { code { (record.origin.address) } } },
        ),
        (
            "Request",
            html! { @if record.origin.request.is_empty() { "–" } @else { code { (record.origin.request) } } },
        ),
        ("Word", html! { code { (record.verb) } }),
        ("Number", html! { (record.seq) }),
    ];
    if let Some(edge) = &record.origin.edge {
        facts.push(("On site", html! { (own::exact(edge.at)) ", record " (edge.seq) " of " a href={ "/edges/" (edge.id) } { "the gateway" } }));
    }
    let body = html! {
        div.split {
            div.stack {
                (own::flush("What changed", own::none(), changes(&registry, &record)))
                details.card { summary { strong { "The whole record" } } pre.source tabindex="0" { code { (serde_json::to_string_pretty(&record).unwrap_or_default()) } } }
            }
            div.stack {
                (own::card("Record", own::none(), parts::facts(&facts)))
                (own::card("Proof", if signed { badge(Tone::Good, "Signed") } else { badge(Tone::Info, "Signed soon") }, html! {
                    @if signed {
                        p { "A signed root covers this record. The proof shows to anybody, without the rest of the log, that it stands there unchanged." }
                        a.btn href={ "/audit/" (record.seq) "/proof" } { (icon("download")) "Proof as JSON" }
                    } @else { p.muted { "The log is signed every few minutes; the proof is there afterwards." } }
                }))
            }
        }
    };
    Ok(ctx.page(
        Page::new(verb(&record.verb), PATH, body).crumb("Audit", PATH).lead(object_name(&registry, &record)),
    ))
}

async fn proof(ctx: Ctx) -> Result<Response> {
    let record = found(&ctx)?;
    let proof = ctx.read(|tx| export::prove(tx, record.seq))?.ok_or(WebError::NotFound)?;
    let bytes = serde_json::to_vec_pretty(&proof).map_err(WebError::internal)?;
    Ok(reply::download(&format!("audit-{}-proof.json", record.seq), "application/json", bytes))
}
