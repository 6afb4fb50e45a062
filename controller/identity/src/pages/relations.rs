//! Single grants, and why somebody can do something.

use crate::ceiling::Ceiling;
use crate::error::IdentityError;
use crate::level::{self, Step};
use crate::relation::{RelationKind, Validity, to_object};
use crate::review::sentence;
use crate::{Identity, delegate, names};
use axum::response::Response;
use bo_db::{DbError, Tx};
use bo_model::{AccountId, Kind, Level, Object, Time, WorkspaceId};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let view = Need::workspace_area("users", Level::View);
    Routes::new("identity")
        .get("/access", view, super::with(identity, show))
        .about("Why somebody can do something")
        .get("/api/v1/why", view, super::with(identity, api_why))
        .about("The level of a subject on an object, and the widest path that gives it")
        .accepts(json!({"type": "object", "required": ["subject", "object"], "properties": {
            "subject": {"type": "string", "description": "Like `account:<id>`"}, "object": {"type": "string", "description": "Like `zone:<id>`"}}}))
        .get("/api/v1/relations", Need::signed_in(), api_list)
        .about("What was granted on an object one owns")
        .accepts(json!({"type": "object", "required": ["object"], "properties": {
            "object": {"type": "string", "description": "Like `zone:<id>`"}}}))
        .put("/api/v1/relations", Need::signed_in(), api_grant)
        .about("Give a level on an object one owns; `none` takes it back")
        .accepts(json!({"type": "object", "required": ["subject", "object", "level"], "properties": {
            "subject": {"type": "string"}, "object": {"type": "string"}, "level": {"enum": ["none", "see", "view", "edit", "own"]},
            "from": {"type": "string", "format": "date-time"}, "to": {"type": "string", "format": "date-time"}, "reason": {"type": "string"}}}))
}

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    object: String,
}

/// An answer for people: the level, and each step with names.
struct Answer {
    level: Level,
    steps: Vec<(String, String, Step)>,
    /// Ceilings that leave less than everything, and what they leave.
    bounds: Vec<(Ceiling, Level)>,
}

/// Subjects must be of this workspace; of objects one must see at least that they exist.
fn ask(identity: &Identity, ctx: &Ctx, tx: &mut Tx, subject: &Object, object: &Object) -> Result<Answer> {
    let (workspace, now) = (ctx.workspace()?, ctx.now());
    let others = names::Others { viewer: ctx.who()?, parts: identity.settings.parts };
    if !matches!(subject.kind(), "everyone" | "account" | "group")
        || names::of(tx, workspace, subject, others)?.is_none()
    {
        return Err(WebError::field("subject", "is not a user or group here"));
    }
    if ctx.level(tx, object)? < Level::See {
        return Err(WebError::field("object", "is not known, or you may not see it"));
    }
    let level = level::level(tx, subject, object, now)?;
    let mut steps = Vec::new();
    for step in level::why(tx, subject, object, now)? {
        let from = names::or_plain(tx, workspace, &step.relation.subject, others)?;
        let to = names::or_plain(tx, workspace, &step.relation.object, others)?;
        steps.push((from, to, step));
    }
    let bounds = level::bounds(tx, subject, object, now)?;
    let bounds = bounds.into_iter().filter(|(_, leaves)| *leaves < Level::Own).collect();
    Ok(Answer { level, steps, bounds })
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    let question: Question = ctx.query()?;
    let workspace = ctx.workspace()?;
    let input = Input::filled([("subject", question.subject.as_str()), ("object", &question.object)]);
    let asked = Object::parse(&question.subject).zip(Object::parse(&question.object));
    let (answer, input) = match &asked {
        Some((subject, object)) => match ctx.read(|tx| ask(&identity, &ctx, tx, subject, object)) {
            Ok(answer) => (Some(answer), input),
            Err(error) => (None, input.with_errors(super::fields(error)?)),
        },
        None => (None, input),
    };
    let people = ctx.read(|tx| people(tx, workspace))?;
    let areas: Vec<(String, String)> = crate::area::objects(workspace)
        .into_iter()
        .map(|(object, area)| (object.to_string(), format!("{}: {}", area.section, area.title)))
        .collect();
    let mut objects = areas;
    if !question.object.is_empty() && !objects.iter().any(|(value, _)| *value == question.object) {
        objects.push((question.object.clone(), super::named(&identity, &ctx, &question.object)?));
    }
    let body = html! {
        div.stack {
            (super::people_tabs("/access"))
            form.card.form.form--inline action="/access" method="get" {
                (form::select("subject", "Can", "", &people, &input))
                (form::select("object", "do something with", "About a single place, device, page or event, “Who may what” on its own page says it for everybody.", &objects, &input))
                button.btn.btn--primary type="submit" { "Why?" }
            }
            @if let Some(answer) = answer { (explain(&answer, ctx.now())) }
        }
    };
    Ok(ctx.page(
        Page::new("Why can they do that?", "/users", body)
            .crumb("Users", "/users")
            .lead("The widest path from a person to a thing, step by step."),
    ))
}

pub(super) fn people(
    tx: &mut Tx,
    workspace: WorkspaceId,
) -> std::result::Result<Vec<(String, String)>, DbError> {
    tx.query(
        "SELECT a.id, a.name FROM member m JOIN account a ON a.id = m.account WHERE m.workspace = ?1 ORDER BY lower(a.name), a.id LIMIT 500",
        bo_db::params![workspace],
        |row| Ok((Object::new(Kind::ACCOUNT, row.get::<AccountId>(0)?).to_string(), row.get(1)?)),
    )
}

fn explain(answer: &Answer, now: Time) -> Markup {
    let words = match answer.level {
        Level::None => "Nothing: for them it does not exist.",
        Level::See => "They see that it exists, by name.",
        Level::View => "They may read it.",
        Level::Edit => "They may operate and change it.",
        Level::Own => "They may configure and remove it, and decide who else may.",
    };
    html! {
        section.card.stack {
            div.row {
                (parts::badge(if answer.level == Level::None { Tone::Idle } else { Tone::Good }, answer.level.word()))
                strong { (words) }
            }
            @if answer.steps.is_empty() { p { "There is no path from them to it." } }
            ol.chain { @for (from, to, step) in &answer.steps { li {
                (sentence(from, to, &step.relation))
                span.muted { " → " (step.level.word()) }
                @if !step.relation.reason.is_empty() { div.field__help { "Reason: " (step.relation.reason) } }
                @if step.relation.validity != Validity::ALWAYS { div.field__help { "Counts " (super::given::when(step.relation.validity, now)) } }
            } } }
            @for (ceiling, leaves) in &answer.bounds {
                (parts::notice(Tone::Warn, html! { "At most “" (leaves.word()) "”, whatever was given: " (ceiling.reason) }))
            }
        }
    }
}

async fn api_why(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let question: Question = ctx.query()?;
    let parse = |name: &str, text: &str| {
        Object::parse(text).ok_or_else(|| WebError::field(name, "must be like `account:<id>`"))
    };
    let (subject, object) = (parse("subject", &question.subject)?, parse("object", &question.object)?);
    let answer = ctx.read(|tx| ask(&identity, &ctx, tx, &subject, &object))?;
    let path: Vec<_> = answer
        .steps
        .iter()
        .map(|(from, to, step)| json!({"says": sentence(from, to, &step.relation), "relation": step.relation, "level": step.level}))
        .collect();
    let bounds: Vec<_> =
        answer.bounds.iter().map(|(ceiling, leaves)| json!({"ceiling": ceiling, "leaves": leaves})).collect();
    Ok(reply::json(&json!({"level": answer.level, "path": path, "ceilings": bounds})))
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let text = ctx.query_value("object");
    let object = Object::parse(&text).ok_or_else(|| WebError::field("object", "must be like `zone:<id>`"))?;
    let rows = ctx.read(|tx| -> Result<_> {
        ctx.require(tx, &object, Level::Own)?;
        Ok(to_object(tx, &object, RelationKind::Grant)?)
    })?;
    Ok(reply::json(&json!({"items": rows})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    subject: Object,
    object: Object,
    level: Level,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    reason: String,
}

fn instant(name: &str, text: Option<&str>, otherwise: Time) -> Result<Time> {
    let Some(text) = text else { return Ok(otherwise) };
    let parsed: std::result::Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|at| Time(at.as_microsecond()))
        .map_err(|_| WebError::field(name, "must be a time like 2026-05-01T08:00:00Z"))
}

async fn api_grant(ctx: Ctx) -> Result<Response> {
    let wanted: Wanted = ctx.json()?;
    let validity = Validity {
        from: instant("from", wanted.from.as_deref(), Validity::ALWAYS.from)?,
        to: instant("to", wanted.to.as_deref(), Validity::ALWAYS.to)?,
    };
    if validity.to <= validity.from {
        return Err(WebError::field("to", "must be later than `from`"));
    }
    let viewer = ctx.who()?.clone();
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        delegate::set_grant(
            tx,
            &viewer,
            &wanted.subject,
            &wanted.object,
            wanted.level,
            validity,
            &wanted.reason,
        )
    })
    .await?;
    Ok(reply::done())
}
