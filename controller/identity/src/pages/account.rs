//! One's own account: password, sessions, API tokens, workspaces.

use super::sign_in::same_twice;
use super::{fields, level, with};
use crate::error::IdentityError;
use crate::session::{self, NewToken, Session, TOKEN_PREFIX, Token};
use crate::{Identity, account, password, sign_in, workspace};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{Level, SessionId, WorkspaceId};
use bo_web::layout::{form, parts};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, Via, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .get("/account", own, show)
        .about("My account")
        .post("/account/password", own, with(identity, change_password))
        .about("Change my password")
        .post("/account/sessions/{id}/end", own, end_session)
        .about("End one of my sessions")
        .post("/account/tokens", own, add_token)
        .about("Make an API token")
        .post("/account/tokens/{id}/revoke", own, revoke_token)
        .about("End an API token")
        .post("/account/workspace", own, switch)
        .about("Look at another of my workspaces")
        .get("/api/v1/me", own, api_me)
        .about("Who I am, in which workspace, with which level on its areas")
        .get("/api/v1/tokens", own, api_tokens)
        .about("My API tokens")
        .post("/api/v1/tokens", own, api_add_token)
        .about("Make an API token; its secret is answered once")
        .accepts(json!({"type": "object", "required": ["name", "level"], "properties": {
            "name": {"type": "string"}, "level": {"enum": ["view", "edit", "own"]}, "days": {"type": "integer", "minimum": 1, "maximum": 366}}}))
        .delete("/api/v1/tokens/{id}", own, api_remove_token)
        .about("End an API token")
        .get("/api/v1/sessions", own, api_sessions)
        .about("My sessions")
        .delete("/api/v1/sessions/{id}", own, api_end_session)
        .about("End one of my sessions")
}

struct Mine {
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    spaces: Vec<(WorkspaceId, String)>,
}

fn mine(ctx: &Ctx) -> Result<Mine> {
    let id = ctx.who()?.account;
    ctx.read(|tx| {
        let (sessions, tokens) = (session::of_account(tx, id)?, session::tokens(tx, id)?);
        Ok(Mine { sessions, tokens, spaces: workspace::of_account(tx, id)? })
    })
}

async fn show(ctx: Ctx) -> Result<Markup> {
    page(&ctx, &Input::default(), &Input::default(), None)
}

fn page(ctx: &Ctx, passwords: &Input, token: &Input, fresh: Option<&str>) -> Result<Markup> {
    let (viewer, mine) = (ctx.who()?, mine(ctx)?);
    let body = html! {
        @if let Some(secret) = fresh { (fresh_token(secret)) }
        div.grid.grid--wide {
            section.card {
                div.card__head { h2 { "Who I am" } }
                (parts::facts(&[
                    ("Name", html! { (viewer.name) }),
                    ("Mail address", html! { (viewer.email) }),
                    ("Workspace", html! { (viewer.workspace_name) }),
                ]))
                @if mine.spaces.len() > 1 { (switcher(ctx, &mine.spaces, viewer.workspace)) }
            }
            section.card {
                div.card__head { h2 { "Password" } }
                form.form action="/account/password" method="post" {
                    (ctx.csrf()) (form::problems(passwords))
                    (form::text("password", "Present password", "", "password", true, passwords))
                    (form::text("new_password", "New password", "At least 10 characters; three or four unrelated words are good.", "password", true, passwords))
                    (form::text("new_again", "Once more", "", "password", true, passwords))
                    div.form__actions { button.btn.btn--primary type="submit" { "Change password" } }
                    p.muted { "All your other sessions end." }
                    p { a href="/account/second-factor" { "Authenticator app: a second proof besides the password" } }
                }
            }
            section.card {
                div.card__head { h2 { "On site" } }
                p { "With a PIN of your own you can operate a building at its gateway while this server is out of reach." }
                p { a.btn href="/account/gateway-pin" { "PIN for gateways" } }
            }
        }
        section.card.card--flush { div.card__head { h2 { "Where I am signed in" } } (sessions(ctx, &mine.sessions)) }
        section.card.card--flush { div.card__head { h2 { "API tokens" } } (tokens(ctx, &mine.tokens)) }
        section.card.stack { div.card__head { h2 { "New API token" } } (token_form(ctx, token)) }
    };
    Ok(ctx.page(Page::new("My account", "/account", html! { div.stack { (body) } })))
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

fn switcher(ctx: &Ctx, spaces: &[(WorkspaceId, String)], current: WorkspaceId) -> Markup {
    let options: Vec<(String, String)> =
        spaces.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
    let input = Input::filled([("workspace", current.to_string())]);
    html! {
        form.form.form--inline action="/account/workspace" method="post" {
            (ctx.csrf()) (form::select("workspace", "Work in", "", &options, &input))
            button.btn type="submit" { "Switch" }
        }
    }
}

fn sessions(ctx: &Ctx, sessions: &[Session]) -> Markup {
    let (now, current) = (ctx.now(), ctx.viewer().map(|viewer| viewer.session));
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Browser" } th scope="col" { "From" } th scope="col" { "Signed in" } th scope="col" { "Last used" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for session in sessions { tr {
                td data-label="Browser" { (browser(&session.agent)) @if current == Some(session.id) { " " (parts::badge(parts::Tone::Good, "this one")) } }
                td data-label="From" { (session.address) }
                td data-label="Signed in" { (parts::time(session.created_at, now)) }
                td data-label="Last used" { (parts::time(session.seen_at, now)) }
                td.num { (parts::post_button("End", "btn--small", &format!("/account/sessions/{}/end", session.id), ctx.csrf())) }
            } } }
        } }
    }
}

/// Enough to recognise a browser by.
fn browser(agent: &str) -> String {
    let find = |names: &[(&str, &str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| (*name).to_owned())
    };
    let name = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name,
        _ if agent.is_empty() => "Unknown".into(),
        _ => agent.chars().take(40).collect(),
    }
}

fn tokens(ctx: &Ctx, tokens: &[Token]) -> Markup {
    let now = ctx.now();
    if tokens.is_empty() {
        return parts::empty(
            "key",
            "No tokens",
            "A token lets a program use the API in your name, with no more than the level you give it.",
            None,
        );
    }
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Name" } th scope="col" { "At most" } th scope="col" { "Last used" } th scope="col" { "Ends" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for token in tokens { tr {
                td data-label="Name" { (token.name) }
                td data-label="At most" { (token.cap.word()) }
                td data-label="Last used" { @if token.seen_at == token.created_at { "never" } @else { (parts::time(token.seen_at, now)) } }
                td data-label="Ends" { (parts::time(token.expires_at, now)) @if token.expires_at < now { " " (parts::badge(parts::Tone::Bad, "ended")) } }
                td.num { (parts::post_button("Revoke", "btn--small btn--danger", &format!("/account/tokens/{}/revoke", token.id), ctx.csrf())) }
            } } }
        } }
    }
}

fn token_form(ctx: &Ctx, input: &Input) -> Markup {
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
            div.form__actions { button.btn.btn--primary type="submit" { "Make token" } }
        }
    }
}

/// A program must not change how a person signs in.
fn browser_only(ctx: &Ctx) -> Result<()> {
    match ctx.who()?.via {
        Via::Session => Ok(()),
        Via::Token => {
            Err(WebError::Forbidden("An API token can't do this. Sign in with your password.".into()))
        }
    }
}

async fn change_password(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let input = ctx.form()?;
    match try_password(&identity, &ctx, &input).await {
        Ok(()) => Ok(ctx
            .redirect("/account")
            .flash("Your password is changed. Your other sessions have ended.")
            .into_response()),
        Err(error) => {
            let shown = page(&ctx, &input.with_errors(fields(error)?), &Input::default(), None)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn try_password(identity: &Arc<Identity>, ctx: &Ctx, input: &Input) -> Result<()> {
    same_twice(input)?;
    let viewer = ctx.who()?.clone();
    let new = input.raw("new_password").to_owned();
    password::check(&new, &viewer.email, &viewer.name)
        .map_err(|sentence| WebError::field("new_password", sentence))?;
    sign_in::confirm(identity, ctx, input.raw("password"), "password").await?;
    let hash = identity.hash(new).await?;
    ctx.write(move |tx| account::set_password(tx, viewer.account, &hash, Some(viewer.session))).await?;
    Ok(())
}

async fn end_session(ctx: Ctx) -> Result<Response> {
    close(&ctx).await?;
    Ok(ctx.redirect("/account").flash("The session has ended.").into_response())
}

async fn close(ctx: &Ctx) -> Result<()> {
    let (id, account): (SessionId, _) = (ctx.param("id")?, ctx.who()?.account);
    match ctx.write(move |tx| session::close(tx, id, account)).await? {
        true => Ok(()),
        false => Err(WebError::NotFound),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedToken {
    name: String,
    level: String,
    #[serde(default = "ninety")]
    days: u64,
}

fn ninety() -> u64 {
    90
}

async fn make_token(ctx: &Ctx, wanted: WantedToken) -> Result<(SessionId, String)> {
    browser_only(ctx)?;
    let cap = level(&wanted.level).unwrap_or(Level::None);
    let secret = format!("{TOKEN_PREFIX}{}", session::secret());
    let viewer = ctx.who()?;
    let new = NewToken {
        id: ctx.make_id(),
        account: viewer.account,
        workspace: viewer.workspace,
        name: wanted.name,
        secret_hash: session::digest(&secret),
        cap,
        expires_at: ctx.now().after(Duration::from_secs(wanted.days.min(100_000) * 86_400)),
    };
    let id = new.id;
    ctx.write(move |tx| session::add_token(tx, &new)).await?;
    Ok((id, secret))
}

async fn add_token(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let days = match input.text("days") {
        "" => Ok(90),
        text => text.parse().map_err(|_| WebError::field("days", "must be a whole number")),
    };
    let wanted = days.map(|days| WantedToken {
        name: input.text("name").into(),
        level: input.text("level").into(),
        days,
    });
    let made = match wanted {
        Ok(wanted) => make_token(&ctx, wanted).await,
        Err(error) => Err(error),
    };
    match made {
        Ok((_, secret)) => {
            Ok(page(&ctx, &Input::default(), &Input::default(), Some(&secret))?.into_response())
        }
        Err(error) => {
            let shown = page(&ctx, &Input::default(), &input.with_errors(fields(error)?), None)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn remove_token(ctx: &Ctx) -> Result<()> {
    let (id, account): (SessionId, _) = (ctx.param("id")?, ctx.who()?.account);
    ctx.write(move |tx| session::remove_token(tx, id, account)).await?;
    Ok(())
}

async fn revoke_token(ctx: Ctx) -> Result<Response> {
    remove_token(&ctx).await?;
    Ok(ctx.redirect("/account").flash("The token has ended.").into_response())
}

async fn switch(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let (session, account) = ctx.who().map(|viewer| (viewer.session, viewer.account))?;
    let wanted: WorkspaceId = input.text("workspace").parse().map_err(|_| WebError::NotFound)?;
    ctx.write(move |tx| session::switch(tx, session, account, wanted)).await?;
    Ok(ctx.redirect("/").into_response())
}

async fn api_me(ctx: Ctx) -> Result<Response> {
    let viewer = ctx.who()?;
    let areas = ctx.read(|tx| -> std::result::Result<_, IdentityError> {
        let mut areas = serde_json::Map::new();
        for area in crate::area::AREAS {
            let level = ctx.level(tx, &bo_model::Object::area(viewer.workspace, area.name))?;
            areas.insert(area.name.into(), json!(level));
        }
        Ok(areas)
    })?;
    Ok(reply::json(&json!({
        "account": viewer.account, "name": viewer.name, "email": viewer.email,
        "workspace": {"id": viewer.workspace, "name": viewer.workspace_name},
        "via": if viewer.via == Via::Token { "token" } else { "session" }, "at_most": viewer.cap, "areas": areas,
        "csrf": ctx.csrf_token(),
    })))
}

async fn api_tokens(ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&json!({"items": mine(&ctx)?.tokens})))
}

async fn api_add_token(ctx: Ctx) -> Result<Response> {
    let (id, secret) = make_token(&ctx, ctx.json()?).await?;
    Ok(reply::created(&format!("/api/v1/tokens/{id}"), &json!({"id": id, "token": secret})))
}

async fn api_remove_token(ctx: Ctx) -> Result<Response> {
    remove_token(&ctx).await?;
    Ok(reply::done())
}

async fn api_sessions(ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&json!({"items": mine(&ctx)?.sessions})))
}

async fn api_end_session(ctx: Ctx) -> Result<Response> {
    close(&ctx).await?;
    Ok(reply::done())
}
