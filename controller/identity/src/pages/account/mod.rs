//! One's own account: who one is. Signing in, sessions and tokens are beside it, each a tab.

pub(super) mod passkeys;
mod second_proof;
mod security;
mod sessions;
mod tokens;

use crate::error::IdentityError;
use crate::{Identity, session, workspace};
use axum::response::{IntoResponse, Response};
use bo_model::{Object, WorkspaceId};
use bo_web::layout::{form, parts};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, Via, WebError, reply};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .get("/account", own, show)
        .about("My account")
        .post("/account/workspace", own, switch)
        .about("Look at another of my workspaces")
        .get("/api/v1/me", own, api_me)
        .about("Who I am, in which workspace, with which level on its areas")
        .and(security::routes(identity))
        .and(second_proof::routes(identity))
        .and(passkeys::routes(identity))
        .and(sessions::routes())
        .and(tokens::routes())
}

/// The pages of an account, as tabs.
const TABS: [(&str, &str); 5] = [
    ("Profile", "/account"),
    ("Signing in", "/account/security"),
    ("Sessions", "/account/sessions"),
    ("API tokens", "/account/tokens"),
    ("On site", "/account/gateway-pin"),
];

/// A page of one's account, below its tabs. A page behind a tab names the tab it belongs to.
pub(super) fn page(ctx: &Ctx, tab: &'static str, title: &str, body: Markup) -> Page {
    let tabs = parts::tabs(&TABS.map(|(title, href)| (title, href.to_owned())), tab);
    let page = Page::new(title, "/account", html! { div.stack { (tabs) (body) } });
    match ctx.path() == tab || tab == "/account" {
        true => page,
        false => {
            let title = TABS.iter().find(|(_, href)| *href == tab).map_or("My account", |(title, _)| title);
            page.crumb("My account", "/account").crumb(title, tab)
        }
    }
}

/// A program must not change how a person signs in, nor end what they opened.
pub(super) fn browser_only(ctx: &Ctx) -> Result<()> {
    match ctx.who()?.via {
        Via::Session => Ok(()),
        Via::Token => {
            Err(WebError::Forbidden("An API token can't do this. Sign in with your password.".into()))
        }
    }
}

async fn show(ctx: Ctx) -> Result<Markup> {
    let viewer = ctx.who()?;
    let spaces = ctx.read(|tx| workspace::of_account(tx, viewer.account))?;
    let body = html! {
        div.grid.grid--wide {
            section.card {
                div.card__head { h2 { "Who I am" } }
                (parts::facts(&[
                    ("Name", html! { (viewer.name) }),
                    ("Mail address", html! { (viewer.email) }),
                    ("Workspace", html! { (viewer.workspace_name) }),
                ]))
                p.muted { "Your name and position are kept by whoever administers users." }
            }
            @if spaces.len() > 1 {
                section.card.stack {
                    div.card__head { h2 { "Where I work" } }
                    (switcher(&ctx, &spaces, viewer.workspace))
                }
            }
        }
    };
    Ok(ctx.page(page(&ctx, "/account", "My account", body)))
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
            let level = ctx.level(tx, &Object::area(viewer.workspace, area.name))?;
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
