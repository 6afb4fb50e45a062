//! One's own account: a tab and a file for who one is, signing in, sessions and tokens.

pub(super) mod passkeys;
mod profile;
mod second_proof;
mod security;
mod sessions;
mod tokens;

use crate::Identity;
use crate::error::IdentityError;
use axum::response::Response;
use bo_model::Object;
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Page, Result, Routes, Via, WebError, reply};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .get("/api/v1/me", own, api_me)
        .about("Who I am, in which workspace, with which level on its areas")
        .and(profile::routes())
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
    let all = TABS.map(|(title, href)| (title, href.to_owned()));
    let confined = ctx.viewer().is_some_and(|viewer| viewer.confined);
    let tabs = parts::tabs(if confined { &all[..1] } else { &all }, tab);
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
