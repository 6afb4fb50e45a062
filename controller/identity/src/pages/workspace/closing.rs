//! Removing the organisation one is in: what is lost, and how it is taken back.

use super::{fields, owns, page, with};
use crate::closing::{self, Loss};
use crate::{Identity, sign_in};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/workspace/remove";

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .get(PATH, own, with(identity, show))
        .about("What is lost when the organisation one is in is removed")
        .post(PATH, own, with(identity, ask))
        .about("Ask for the organisation one owns to be removed")
        .post("/workspace/keep", own, with(identity, keep))
        .about("Take back that the organisation one owns is removed")
}

/// To everybody in it, while it is to be removed.
pub fn waiting(ctx: &Ctx, owner: bool) -> Result<Markup> {
    let viewer = ctx.who()?;
    let Some(closing) = ctx.read(|tx| closing::pending(tx, viewer.workspace))? else { return Ok(html! {}) };
    Ok(parts::notice(
        Tone::Bad,
        html! {
            p { strong { (viewer.workspace_name) " is removed " (parts::time(closing.due_at, ctx.now())) ", with everything in it." } }
            p { (closing.by_name) " has asked for it. Until then it works as before" @if owner { ", and you can keep it." } @else { ", and its owners can keep it." } }
            @if owner { (parts::post_button("Keep it", "btn--primary", "/workspace/keep", ctx.csrf())) }
        },
    ))
}

/// The way to the page, for an owner.
pub fn card(ctx: &Ctx) -> Result<Markup> {
    let asked = ctx.read(|tx| closing::pending(tx, ctx.workspace()?).map_err(WebError::from))?.is_some();
    Ok(html! {
        @if !asked {
            section.card {
                div.card__head { h2 { "Remove" } }
                p { "The organisation and everything in it, for good. You see first what that is, and it can be taken back for two weeks." }
                a.btn.btn--danger href=(PATH) { "Remove the organisation" }
            }
        }
    })
}

fn only_owner(ctx: &Ctx) -> Result<()> {
    match owns(ctx)? {
        true => Ok(()),
        false => Err(WebError::Forbidden("Only an owner of the organisation can remove it.".into())),
    }
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    shown(&identity, &ctx, &Input::default())
}

fn shown(identity: &Identity, ctx: &Ctx, input: &Input) -> Result<Markup> {
    only_owner(ctx)?;
    let viewer = ctx.who()?;
    if ctx.read(|tx| crate::workspace::is_personal(tx, viewer.workspace))? {
        return Err(WebError::NotFound);
    }
    let loss = ctx.read(|tx| closing::loss(tx, viewer.workspace, identity.settings.parts))?;
    let body = html! {
        section.card.stack {
            div.card__head { h2 { "What is lost" } }
            (lost(&loss))
            p { "What was done here stays in the installation's audit log. Everybody keeps their account, their personal workspace, and what they have in other organisations." }
        }
        @match &loss.refused {
            Some(why) => { (parts::notice(Tone::Warn, html! { p { strong { "It can't be removed." } } p { (why) } })) }
            None => {
                section.card.stack {
                    div.card__head { h2 { "Remove " (viewer.workspace_name) } }
                    form.form action=(PATH) method="post" {
                        (ctx.csrf()) (form::problems(input))
                        p { "Its owners get a letter now. In 14 days it is gone; until then any of them can keep it." }
                        (form::text("name", "Its name", &format!("Type “{}”, so that it is not another one by mistake.", viewer.workspace_name), "text", true, input))
                        (form::text("password", "Your password", "Leave it empty if you sign in at a provider and did so just now.", "password", false, input))
                        div.form__actions { a.btn.btn--quiet href="/workspace" { "Cancel" } button.btn.btn--danger type="submit" { "Remove in 14 days" } }
                    }
                }
            }
        }
    };
    Ok(ctx.page(page(ctx, "/workspace", "Remove the organisation", body)?.crumb("Workspace", "/workspace")))
}

fn lost(loss: &Loss) -> Markup {
    html! {
        @if loss.of.is_empty() { p { "There is nothing in it." } }
        @else { ul { @for (count, title) in &loss.of { li { strong { (count) } " " (title) } } } }
    }
}

async fn try_ask(identity: &Arc<Identity>, ctx: &Ctx, input: &Input) -> Result<()> {
    super::super::account::browser_only(ctx)?;
    only_owner(ctx)?;
    let viewer = ctx.who()?.clone();
    let typed = input.text("name").to_owned();
    if typed != viewer.workspace_name {
        return Err(WebError::field("name", format!("is not “{}”, as it is called", viewer.workspace_name)));
    }
    sign_in::confirm(identity, ctx, input.raw("password"), "password").await?;
    let (letter, parts) = (identity.post("/workspace", closing::asked), identity.settings.parts);
    Ok(ctx.write(move |tx| closing::ask(tx, &viewer, &typed, parts, letter.as_ref())).await?)
}

async fn ask(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match try_ask(&identity, &ctx, &input).await {
        Ok(()) => {
            let message = "It is removed in 14 days. Its owners are told, and can keep it until then.";
            Ok(ctx.redirect("/workspace").flash(message).into_response())
        }
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&identity, &ctx, &input)?).into_response())
        }
    }
}

async fn keep(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (viewer, letter) = (ctx.who()?.clone(), identity.post("/workspace", closing::kept));
    ctx.write(move |tx| closing::keep(tx, &viewer, letter.as_ref())).await?;
    Ok(ctx.redirect("/workspace").flash("It stays. Its owners are told.").into_response())
}
