//! The access review as a page, a CSV file and JSON: per person and per thing.

use super::people_tabs;
use crate::Identity;
use crate::names::Others;
use crate::review::{self, Line, OfPerson};
use axum::response::{IntoResponse, Response};
use bo_db::Event;
use bo_model::{AccountId, Kind, Level, Object, Time};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let view = Need::workspace_area("users", Level::View);
    Routes::new("identity")
        .get("/access/review", view, super::with(identity, show))
        .about("Everything a person may, or everybody who may something with a thing; `format=csv` exports it")
        .get("/api/v1/access-review", view, super::with(identity, api))
        .about("Everything a person may (`subject`), or everybody who may something with a thing (`object`)")
        .accepts(json!({"type": "object", "properties": {"subject": {"type": "string"}, "object": {"type": "string"}}}))
}

enum Review {
    Person(OfPerson),
    Thing(Vec<Line>),
}

fn ask(identity: &Identity, ctx: &Ctx) -> Result<Option<Review>> {
    let (subject, object) = (ctx.query_value("subject"), ctx.query_value("object"));
    let workspace = ctx.workspace()?;
    let names = Others { viewer: ctx.who()?, parts: identity.settings.parts };
    if !subject.is_empty() {
        let id = subject.strip_prefix("account:").and_then(|id| id.parse::<AccountId>().ok());
        let id = id.ok_or_else(|| WebError::field("subject", "must be like `account:<id>`"))?;
        return Ok(Some(Review::Person(ctx.read(|tx| review::of_person(tx, workspace, id, names))?)));
    }
    if object.is_empty() {
        return Ok(None);
    }
    let object =
        Object::parse(&object).ok_or_else(|| WebError::field("object", "must be like `zone:<id>`"))?;
    let lines = ctx.read(|tx| -> Result<_> {
        // Who may look at everybody's access still sees no thing they do not see.
        ctx.require(tx, &object, Level::See)?;
        Ok(review::of_object(tx, workspace, &object, names)?)
    })?;
    Ok(Some(Review::Thing(lines)))
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let review = ask(&identity, &ctx)?;
    if ctx.query_value("format") == "csv" {
        return export(&ctx, review).await;
    }
    let (workspace, subject, object) =
        (ctx.workspace()?, ctx.query_value("subject"), ctx.query_value("object"));
    let mut people = ctx.read(|tx| super::relations::people(tx, workspace))?;
    people.insert(0, (String::new(), "Choose a person".into()));
    let mut things: Vec<(String, String)> = vec![(String::new(), "Choose a thing".into())];
    things.extend(
        crate::area::objects(workspace)
            .into_iter()
            .map(|(object, area)| (object.to_string(), format!("{}: {}", area.section, area.title))),
    );
    if !object.is_empty() && !things.iter().any(|(value, _)| *value == object) {
        things.push((object.clone(), super::named(&identity, &ctx, &object)?));
    }
    let input = Input::filled([("subject", subject.as_str()), ("object", object.as_str())]);
    let body = html! {
        (people_tabs("/access/review"))
        div.split {
            form.card.form action="/access/review" method="get" {
                (form::select("subject", "Everything this person may", "", &people, &input))
                button.btn type="submit" { "Show" }
            }
            form.card.form action="/access/review" method="get" {
                (form::select("object", "Everybody who may something with", "For a single place, device, page, event or project, come here from its own page.", &things, &input))
                button.btn type="submit" { "Show" }
            }
        }
        @match &review {
            None => {}
            Some(Review::Person(person)) => { (person_part(person, ctx.now())) }
            Some(Review::Thing(lines)) => { (lines_part(lines, "Nobody may anything with it.")) }
        }
    };
    let query = asked(&subject, &object);
    let mut page = Page::new("Access review", "/users", html! { div.stack { (body) } })
        .crumb("Backoffice users", "/users")
        .lead("Who may what, and why: to be looked through from time to time.");
    if review.is_some() {
        page = page.actions(
            html! { a.btn href={ "/access/review?" (query) "&format=csv" } { (icon("download")) "CSV" } },
        );
    }
    Ok(ctx.page(page).into_response())
}

/// The query of this page again. Objects are ids and words: what needs escaping is none.
fn asked(subject: &str, object: &str) -> String {
    let clean = |text: &str| {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || ":-/@._".contains(*c)).collect::<String>()
    };
    match subject.is_empty() {
        true => format!("object={}", clean(object)),
        false => format!("subject={}", clean(subject)),
    }
}

fn person_part(person: &OfPerson, now: Time) -> Markup {
    html! {
        (lines_part(&person.lines, "They have no area and no module."))
        @if !person.counts.is_empty() { section.card.card--flush {
            div.card__head { h2 { "How many single things" } }
            div.table-wrap tabindex="0" role="region" aria-label="How many single things" { table.table {
                thead { tr { th scope="col" { "Of what" } th.num scope="col" { "at least see" } th.num scope="col" { "view" } th.num scope="col" { "edit" } th.num scope="col" { "own" } } }
                tbody { @for count in &person.counts { tr { th scope="row" { (count.title) } @for (_, number) in count.levels { td.num { (number) } } } } }
            } }
        } }
        section.card.card--flush {
            div.card__head { h2 { "Given to them by name" } }
            @if person.given.is_empty() { p.muted { "Nothing." } }
            @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "What" } th scope="col" { "When" } th scope="col" { "Reason" } } }
                tbody { @for given in &person.given { tr {
                    td data-label="What" { (given.says) }
                    td data-label="When" { (super::given::when(given.relation.validity, now)) }
                    td data-label="Reason" { @if given.relation.reason.is_empty() { span.muted { "none was given" } } @else { (given.relation.reason) } }
                } } }
            } } }
        }
    }
}

fn lines_part(lines: &[Line], empty: &str) -> Markup {
    html! {
        section.card.card--flush {
            @if lines.is_empty() { (parts::empty("key", "Nothing", empty, None)) }
            @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Level" } th scope="col" { "Why" } } }
                tbody { @for line in lines { tr {
                    td data-label="Who" { @if line.subject.is(Kind::ACCOUNT) { a href={ "/users/" (line.subject.id()) } { (line.who) } } @else { (line.who) } }
                    td data-label="What" { (line.what) }
                    td data-label="Level" { (parts::badge(if line.level == Level::Own { Tone::Warn } else { Tone::Info }, line.level.word())) }
                    td data-label="Why" { (line.why.join("; ")) }
                } } }
            } } }
        }
    }
}

/// Exports are in the log: they leave the building.
async fn export(ctx: &Ctx, review: Option<Review>) -> Result<Response> {
    let lines = match review {
        Some(Review::Person(person)) => person.lines,
        Some(Review::Thing(lines)) => lines,
        None => Vec::new(),
    };
    let (object, count) = (Object::area(ctx.workspace()?, "users"), lines.len());
    ctx.write(move |tx| -> std::result::Result<(), bo_db::DbError> {
        tx.audit(Event::new("access.export", object.clone()).after(json!({"lines": count})));
        Ok(())
    })
    .await?;
    let rows = lines.into_iter().map(|line| {
        let (who, what) = (line.subject.to_string(), line.object.to_string());
        vec![who, line.who, what, line.what, line.level.word().into(), line.why.join("; ")]
    });
    reply::csv("access-review", &["subject", "who", "object", "what", "level", "why"], rows)
}

async fn api(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    match ask(&identity, &ctx)? {
        Some(Review::Person(person)) => Ok(reply::json(&person)),
        Some(Review::Thing(lines)) => Ok(reply::json(&json!({"items": lines}))),
        None => Err(WebError::field("", "name a `subject` or an `object`")),
    }
}
