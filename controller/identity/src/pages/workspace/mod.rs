//! Workspaces: the ones I belong to, making an organisation, going from one to another; and the pages about the one I am in,
//! a file per tab.

mod closing;
mod domains;
mod invitation;
mod licences;
mod members;
mod overview;
mod ownership;

use super::{fields, with};
use crate::workspace::{self, NewWorkspace, Space};
use crate::{Identity, domain, organisation, session};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object, WorkspaceId};
use bo_web::layout::{SWITCH_WORKSPACE, form, icon, parts};
use bo_web::reply::local_path;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let (own, whole) = (Need::signed_in(), Need::account());
    let named = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 80}}});
    Routes::new("identity")
        .get("/workspaces", own, list)
        .about("My workspaces")
        .get("/workspaces/new", whole, new)
        .about("The form for a new organisation")
        .post("/workspaces", whole, create)
        .about("Make an organisation and go there")
        .post(SWITCH_WORKSPACE, own, switch)
        .about("Work in another of my workspaces")
        .get("/api/v1/workspaces", own, api_list)
        .about("My workspaces")
        .post("/api/v1/workspaces", whole, api_create)
        .about("Make an organisation")
        .accepts(named)
        .and(overview::routes())
        .and(members::routes(identity))
        .and(ownership::routes(identity))
        .and(invitation::routes(identity))
        .and(licences::routes())
        .and(closing::routes(identity))
        .and(domains::routes())
}

fn mine(ctx: &Ctx) -> Result<Vec<Space>> {
    let viewer = ctx.who()?;
    Ok(ctx.read(|tx| workspace::reached(tx, viewer))?)
}

async fn list(ctx: Ctx) -> Result<Markup> {
    let (spaces, now, viewer) = (mine(&ctx)?, ctx.now(), ctx.who()?);
    let (current, confined) = (viewer.workspace, viewer.whole().err());
    let body = html! {
        @if let Some(why) = &confined { (parts::notice(parts::Tone::Info, html! { (why) })) }
        section.card.card--flush { div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Workspace" } th scope="col" { "Kind" } th scope="col" { "Since" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for space in &spaces { tr {
                td data-label="Workspace" { strong { (space.name) } @if space.id == current { " " (parts::badge(parts::Tone::Good, "you are here")) } }
                td data-label="Kind" { @if space.personal { "Yours alone" } @else { "Organisation" } }
                td data-label="Since" { (parts::time(space.joined_at, now)) }
                td.num { @if space.id != current { (switch_button(&ctx, space)) } }
            } } }
        } } }
    };
    Ok(ctx.page(
        Page::new("My workspaces", "/workspace", html! { div.stack { (body) } })
            .lead("Your personal workspace is for you alone; in organisations you work with others.")
            .actions(html! {
                @if confined.is_none() { a.btn.btn--primary href="/workspaces/new" { (icon("plus")) "New organisation" } }
            }),
    ))
}

fn switch_button(ctx: &Ctx, space: &Space) -> Markup {
    html! {
        form action=(SWITCH_WORKSPACE) method="post" {
            (ctx.csrf()) input type="hidden" name="workspace" value=(space.id);
            button.btn.btn--small type="submit" aria-label={ "Switch to " (space.name) } { "Switch" }
        }
    }
}

async fn new(ctx: Ctx) -> Result<Markup> {
    Ok(new_page(&ctx, &Input::default()))
}

fn new_page(ctx: &Ctx, input: &Input) -> Markup {
    let body = html! {
        section.card.stack {
            form.form action="/workspaces" method="post" {
                (ctx.csrf()) (form::problems(input))
                (form::text("name", "Name of the organisation", "As its members know it. It can be changed later.", "text", true, input))
                div.form__actions { button.btn.btn--primary type="submit" { "Make organisation" } a.btn.btn--quiet href="/workspaces" { "Cancel" } }
            }
            p.muted { "You own it, invite others, and manage its licences. Nothing of your other workspaces is visible there." }
        }
    };
    ctx.page(Page::new("New organisation", "/workspace", body).crumb("My workspaces", "/workspaces"))
}

async fn make(ctx: &Ctx, name: String) -> Result<WorkspaceId> {
    let (new, viewer) = (NewWorkspace::ids(&ctx.app().ids), ctx.who()?.clone());
    super::account::browser_only(ctx)?;
    ctx.write(move |tx| organisation::create(tx, new, &name, viewer.account)).await?;
    Ok(new.id)
}

async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match make(&ctx, input.text("name").into()).await {
        Ok(id) => {
            change(&ctx, id).await?;
            let message = "Your organisation is made. Invite those you work with.";
            Ok(ctx.redirect("/workspace").flash(message).into_response())
        }
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, new_page(&ctx, &input)).into_response())
        }
    }
}

pub(super) async fn change(ctx: &Ctx, wanted: WorkspaceId) -> Result<()> {
    let viewer = ctx.who()?;
    let (session, account) = (viewer.session, viewer.account);
    if !viewer.reaches(wanted) {
        viewer.whole()?;
    }
    let host = ctx.header("host").to_owned();
    let only = ctx.read(|tx| domain::find(tx, &host))?.and_then(|domain| domain.site().pinned);
    if only.is_some_and(|only| only != wanted) {
        let text = "Under this name one works in one organisation only. Use the installation's own address.";
        return Err(WebError::Forbidden(text.into()));
    }
    Ok(ctx.write(move |tx| session::switch(tx, session, account, wanted)).await?)
}

/// With `then` in the address, what was sent here goes on there: a form of a page that was opened in the other workspace.
/// With `open`, the browser goes there.
async fn switch(ctx: Ctx) -> Result<Response> {
    let named = ctx.query_value("workspace");
    let wanted = if named.is_empty() { ctx.form()?.text("workspace").to_owned() } else { named };
    let wanted: WorkspaceId = wanted.parse().map_err(|_| WebError::NotFound)?;
    change(&ctx, wanted).await?;
    let (then, open) = (ctx.query_value("then"), ctx.query_value("open"));
    if !then.is_empty() {
        // 307: with the same method and body.
        return Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, local_path(&then))]).into_response());
    }
    Ok(ctx.redirect(if open.is_empty() { "/".to_owned() } else { open }).into_response())
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let current = ctx.workspace()?;
    let items: Vec<_> = mine(&ctx)?
        .into_iter()
        .map(|space| json!({"id": space.id, "name": space.name, "personal": space.personal, "current": space.id == current}))
        .collect();
    Ok(reply::json(&json!({"items": items})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

async fn api_create(ctx: Ctx) -> Result<Response> {
    let named: Named = ctx.json()?;
    let id = make(&ctx, named.name).await?;
    Ok(reply::created("/api/v1/workspaces", &json!({"id": id})))
}

/// The pages about the workspace one is in, as tabs: only what the viewer may open.
fn tabs(ctx: &Ctx, current: &str) -> Result<Markup> {
    let viewer = ctx.who()?;
    let (users, licences) = ctx.read(|tx| -> Result<_> {
        let level = |tx: &mut bo_db::Tx, area| ctx.level(tx, &Object::area(viewer.workspace, area));
        Ok((level(tx, "users")?, level(tx, "licences")?))
    })?;
    let mut items = vec![("Overview", "/workspace".to_owned())];
    for (title, href, open) in [
        ("Members", "/workspace/members", users >= Level::View),
        ("Licences", "/workspace/licences", licences >= Level::View),
        ("Domains", "/workspace/domains", users >= Level::Own),
    ] {
        if open {
            items.push((title, href.to_owned()));
        }
    }
    Ok(parts::tabs(&items, current))
}

/// A page about the workspace one is in.
fn page(ctx: &Ctx, path: &str, title: &str, body: Markup) -> Result<Page> {
    let content = html! { div.stack { (tabs(ctx, path)?) (body) } };
    Ok(Page::new(title, "/workspace", content))
}

/// Whether the viewer owns the workspace they are in.
fn owns(ctx: &Ctx) -> Result<bool> {
    let object = Object::new(Kind::WORKSPACE, ctx.workspace()?);
    Ok(ctx.read(|tx| ctx.level(tx, &object))? == Level::Own)
}
