//! API tokens: what a program may do in one's name, for how long, and ending it.

use super::super::{fields, level};
use super::{browser_only, page};
use crate::area::{AREAS, Area, MODULES};
use crate::session::{self, digest};
use crate::token::{self, NewToken, PREFIX, Scope, Token};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{Level, Object, SessionId, WorkspaceId};
use bo_web::layout::{form, parts};
use bo_web::{Ctx, FieldErrors, Input, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn routes() -> Routes {
    let own = Need::account();
    Routes::new("identity")
        .get("/account/tokens", own, show)
        .about("My API tokens")
        .post("/account/tokens", own, add)
        .about("Make an API token")
        .post("/account/tokens/{id}/revoke", own, revoke)
        .about("End an API token")
        .get("/api/v1/tokens", own, api_list)
        .about("My API tokens")
        .post("/api/v1/tokens", own, api_add)
        .about("Make an API token; its secret is answered once")
        .accepts(json!({"type": "object", "required": ["name", "level"], "properties": {
            "name": {"type": "string"}, "level": {"enum": ["view", "edit", "own"]}, "days": {"type": "integer", "minimum": 1, "maximum": 366},
            "areas": {"type": "object", "additionalProperties": {"enum": ["view", "edit", "own"]}, "description": "Only these management areas"},
            "modules": {"type": "object", "additionalProperties": {"enum": ["view", "edit", "own"]}, "description": "Only these business modules"}}}))
        .delete("/api/v1/tokens/{id}", own, api_remove)
        .about("End an API token")
}

async fn show(ctx: Ctx) -> Result<Markup> {
    shown(&ctx, &blank(), None)
}

/// The form before anything is chosen: the least that is of use.
fn blank() -> Input {
    Input::filled([("level", "view")])
}

fn shown(ctx: &Ctx, input: &Input, fresh: Option<&str>) -> Result<Markup> {
    let account = ctx.who()?.account;
    let tokens = ctx.read(|tx| token::of_account(tx, account))?;
    let body = html! {
        @if let Some(secret) = fresh { (fresh_token(secret)) }
        section.card.card--flush { (table(ctx, &tokens)) }
        section.card.stack { div.card__head { h2 { "New API token" } } (new_form(ctx, input)) }
    };
    Ok(ctx.page(page(ctx, "/account/tokens", "API tokens", body)))
}

fn fresh_token(secret: &str) -> Markup {
    parts::notice(
        parts::Tone::Good,
        html! {
            p { strong { "Your new token. It is shown this once; copy it now." } }
            pre { (secret) }
            p { "Send it as " code { "Authorization: Bearer …" } "." }
        },
    )
}

fn table(ctx: &Ctx, tokens: &[Token]) -> Markup {
    let now = ctx.now();
    if tokens.is_empty() {
        return parts::empty(
            "key",
            "No tokens",
            "A token lets a program use the API in your name, with no more than you give it.",
            None,
        );
    }
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Name" } th scope="col" { "May" } th scope="col" { "Made" } th scope="col" { "Last used" } th scope="col" { "Ends" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for token in tokens { tr {
                td data-label="Name" { (token.name) }
                td data-label="May" { (may(token)) }
                td data-label="Made" { (parts::time(token.created_at, now)) }
                td data-label="Last used" { @if token.seen_at == token.created_at { "never" } @else { (parts::time(token.seen_at, now)) } }
                td data-label="Ends" { (parts::time(token.expires_at, now)) @if token.expires_at < now { " " (parts::badge(parts::Tone::Bad, "ended")) } }
                td.num { (parts::post_button("Revoke", "btn--small btn--danger", &format!("/account/tokens/{}/revoke", token.id), ctx.csrf())) }
            } } }
        } }
    }
}

/// `view` everywhere, or where and what.
fn may(token: &Token) -> String {
    if token.scopes.is_empty() {
        return format!("{}, wherever you may", token.cap.word());
    }
    let one = |scope: &Scope| {
        let name = scope.on.id().rsplit('/').next().unwrap_or_default();
        let known = AREAS.iter().chain(&MODULES).find(|area| area.name == name);
        format!("{} {}", scope.level.min(token.cap).word(), known.map_or(name, |area| area.title))
    };
    token.scopes.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn new_form(ctx: &Ctx, input: &Input) -> Markup {
    let levels =
        [("view", "View: read only"), ("edit", "Edit: operate and change"), ("own", "Own: everything I may")];
    let levels: Vec<(String, String)> =
        levels.iter().map(|(word, title)| ((*word).into(), (*title).into())).collect();
    html! {
        form.form action="/account/tokens" method="post" {
            (ctx.csrf()) (form::problems(input))
            (form::text("name", "What is it for?", "", "text", true, input))
            (form::select("level", "At most", "A token never may more than you.", &levels, input))
            (form::text("days", "Days until it ends", "From 1 to 366; 90 when left empty.", "text", false, input))
            details open[kinds().iter().any(|(kind, areas)| areas.iter().any(|area| !input.text(&format!("{kind}-{}", area.name)).is_empty()))] {
                summary { "Only in some places" }
                p.muted { "Leave all of it empty for everywhere you may. Choose any, and the token reaches nothing else." }
                @for (kind, areas) in kinds() {
                    fieldset.scopes {
                        legend { @if kind == "area" { "Management areas" } @else { "Business modules" } }
                        div.grid { @for area in areas { (choice(kind, area, input)) } }
                    }
                }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Make token" } }
        }
    }
}

fn kinds() -> [(&'static str, &'static [Area]); 2] {
    [("area", &AREAS), ("module", &MODULES)]
}

fn choice(kind: &str, area: &Area, input: &Input) -> Markup {
    let words = [("", "—"), ("view", "view"), ("edit", "edit"), ("own", "own")];
    let options: Vec<(String, String)> =
        words.iter().map(|(word, title)| ((*word).into(), (*title).into())).collect();
    form::select(&format!("{kind}-{}", area.name), area.title, "", &options, input)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    level: String,
    #[serde(default = "ninety")]
    days: u64,
    #[serde(default)]
    areas: BTreeMap<String, Level>,
    #[serde(default)]
    modules: BTreeMap<String, Level>,
}

fn ninety() -> u64 {
    90
}

impl Wanted {
    fn of_form(input: &Input) -> Result<Wanted> {
        let mut errors = FieldErrors::new();
        let days = match input.text("days") {
            "" => ninety(),
            text => text.parse().unwrap_or_else(|_| {
                errors.push(("days".into(), "must be a whole number".into()));
                0
            }),
        };
        let mut chosen = |kind: &str, areas: &[Area]| {
            let mut levels = BTreeMap::new();
            for area in areas {
                let name = format!("{kind}-{}", area.name);
                match (input.text(&name), level(input.text(&name))) {
                    ("", _) => {}
                    (_, Some(level)) => drop(levels.insert(area.name.to_owned(), level)),
                    (_, None) => errors.push((name, "must be view, edit or own".into())),
                }
            }
            levels
        };
        let (areas, modules) = (chosen("area", &AREAS), chosen("module", &MODULES));
        let (name, level) = (input.text("name").into(), input.text("level").into());
        if errors.is_empty() {
            Ok(Wanted { name, level, days, areas, modules })
        } else {
            Err(WebError::BadInput(errors))
        }
    }

    fn scopes(&self, workspace: WorkspaceId) -> Result<Vec<Scope>> {
        type Named = fn(WorkspaceId, &str) -> Object;
        let kinds: [(_, Named, &[Area], &str); 2] = [
            (&self.areas, Object::area, &AREAS, "areas"),
            (&self.modules, Object::module, &MODULES, "modules"),
        ];
        let mut scopes = Vec::new();
        for (wanted, object, known, field) in kinds {
            for (name, level) in wanted {
                let there = known.iter().any(|area| area.name == name) && *level >= Level::View;
                if !there {
                    return Err(WebError::field(
                        field,
                        format!("has none called {name}, or no level for it"),
                    ));
                }
                scopes.push(Scope { on: object(workspace, name), level: *level });
            }
        }
        Ok(scopes)
    }
}

async fn make(ctx: &Ctx, wanted: Wanted) -> Result<(SessionId, String)> {
    browser_only(ctx)?;
    let secret = format!("{PREFIX}{}", session::secret());
    let viewer = ctx.who()?;
    let new = NewToken {
        id: ctx.make_id(),
        account: viewer.account,
        workspace: viewer.workspace,
        secret_hash: digest(&secret),
        cap: level(&wanted.level).unwrap_or(Level::None),
        scopes: wanted.scopes(viewer.workspace)?,
        expires_at: ctx.now().after(Duration::from_secs(wanted.days.min(100_000) * 86_400)),
        name: wanted.name,
    };
    let id = new.id;
    ctx.write(move |tx| token::add(tx, &new)).await?;
    Ok((id, secret))
}

async fn add(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let made = match Wanted::of_form(&input) {
        Ok(wanted) => make(&ctx, wanted).await,
        Err(error) => Err(error),
    };
    match made {
        Ok((_, secret)) => Ok(shown(&ctx, &blank(), Some(&secret))?.into_response()),
        Err(error) => {
            let shown = shown(&ctx, &input.with_errors(fields(error)?), None)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn take_away(ctx: &Ctx) -> Result<()> {
    browser_only(ctx)?;
    let (id, account): (SessionId, _) = (ctx.param("id")?, ctx.who()?.account);
    ctx.write(move |tx| token::remove(tx, id, account)).await?;
    Ok(())
}

async fn revoke(ctx: Ctx) -> Result<Response> {
    take_away(&ctx).await?;
    Ok(ctx.redirect("/account/tokens").flash("The token has ended.").into_response())
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let account = ctx.who()?.account;
    Ok(reply::json(&json!({"items": ctx.read(|tx| token::of_account(tx, account))?})))
}

async fn api_add(ctx: Ctx) -> Result<Response> {
    let (id, secret) = make(&ctx, ctx.json()?).await?;
    Ok(reply::created(&format!("/api/v1/tokens/{id}"), &json!({"id": id, "token": secret})))
}

async fn api_remove(ctx: Ctx) -> Result<Response> {
    take_away(&ctx).await?;
    Ok(reply::done())
}
