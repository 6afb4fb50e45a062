//! Handing the organisation one is in over to another member.

use super::{fields, overview, with};
use crate::letter::Letter;
use crate::{Identity, member, ownership};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::AccountId;
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .post("/workspace/owner", own, with(identity, offer))
        .about("Offer the organisation one owns to another member")
        .post("/workspace/owner/accept", own, with(identity, accept))
        .about("Take over the organisation that was offered")
        .post("/workspace/owner/end", own, with(identity, end))
        .about("Withdraw or decline the offer")
        .post("/api/v1/workspace/owner", own, with(identity, api_offer))
        .about("Offer the organisation one owns to another member")
        .accepts(json!({"type": "object", "required": ["to"], "properties": {"to": {"type": "string", "format": "uuid"}}}))
        .post("/api/v1/workspace/owner/accept", own, with(identity, api_accept))
        .about("Take over the organisation that was offered")
        .delete("/api/v1/workspace/owner", own, with(identity, api_end))
        .about("Withdraw or decline the offer")
}

/// The offer that stands, to whom it concerns.
pub fn waiting(ctx: &Ctx) -> Result<Markup> {
    let viewer = ctx.who()?;
    let Some(offer) = ctx.read(|tx| ownership::pending(tx, viewer.workspace))? else { return Ok(html! {}) };
    let until = parts::time(offer.expires_at, ctx.now());
    Ok(if offer.offered_to == viewer.account {
        parts::notice(
            Tone::Info,
            html! {
                p { strong { (offer.by_name) " offers you to take over " (viewer.workspace_name) "." } }
                p { "You would own it: its members, licences and settings. " (offer.by_name) " stays as an admin. The offer ends " (until) "." }
                div.row {
                    (parts::post_button("Take over", "btn--primary", "/workspace/owner/accept", ctx.csrf()))
                    (parts::post_button("Decline", "", "/workspace/owner/end", ctx.csrf()))
                }
            },
        )
    } else if offer.offered_by == viewer.account {
        parts::notice(
            Tone::Info,
            html! {
                p { "You have offered " (viewer.workspace_name) " to " strong { (offer.to_name) } ". Until they accept, you own it. The offer ends " (until) "." }
                (parts::post_button("Withdraw the offer", "", "/workspace/owner/end", ctx.csrf()))
            },
        )
    } else {
        html! {}
    })
}

/// The form, for an owner.
pub fn card(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let viewer = ctx.who()?;
    let others = ctx.read(|tx| member::active(tx, viewer.workspace))?;
    let options: Vec<(String, String)> = others
        .into_iter()
        .filter(|(id, ..)| *id != viewer.account)
        .map(|(id, name, email)| (id.to_string(), format!("{name} ({email})")))
        .collect();
    Ok(html! {
        section.card {
            div.card__head { h2 { "Hand over" } }
            @if options.is_empty() {
                p { "There is no other member yet who could own it. " a href="/workspace/members" { "Invite somebody" } "." }
            } @else {
                form.form action="/workspace/owner" method="post" {
                    (ctx.csrf())
                    (form::select("to", "New owner", "They get a mail and decide. You stay an admin once they accept.", &options, input))
                    div.form__actions { button.btn type="submit" { "Offer" } }
                }
            }
        }
    })
}

fn letter(identity: &Identity, words: crate::letter::Words) -> Option<Letter> {
    identity.post("/workspace", words)
}

async fn try_offer(identity: &Identity, ctx: &Ctx, to: &str) -> Result<()> {
    let to: AccountId = to.parse().map_err(|_| WebError::field("to", "is required"))?;
    let (viewer, letter) = (ctx.who()?.clone(), letter(identity, ownership::offered));
    Ok(ctx.write(move |tx| ownership::offer(tx, &viewer, to, letter.as_ref())).await?)
}

async fn try_accept(identity: &Identity, ctx: &Ctx) -> Result<()> {
    let (viewer, letter) = (ctx.who()?.clone(), letter(identity, ownership::taken_over));
    Ok(ctx.write(move |tx| ownership::accept(tx, &viewer, letter.as_ref())).await?)
}

async fn try_end(identity: &Identity, ctx: &Ctx) -> Result<()> {
    let (viewer, letter) = (ctx.who()?.clone(), letter(identity, ownership::ended));
    Ok(ctx.write(move |tx| ownership::end(tx, &viewer, letter.as_ref())).await?)
}

async fn offer(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match try_offer(&identity, &ctx, input.text("to")).await {
        Ok(()) => Ok(ctx
            .redirect("/workspace")
            .flash("Offered. Nothing changes until it is accepted.")
            .into_response()),
        Err(error) => {
            let shown = overview::overview(&ctx, &Input::default(), &input.with_errors(fields(error)?))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn accept(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    try_accept(&identity, &ctx).await?;
    let message = format!("You own {} now.", ctx.who()?.workspace_name);
    Ok(ctx.redirect("/workspace").flash(message).into_response())
}

async fn end(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    try_end(&identity, &ctx).await?;
    Ok(ctx.redirect("/workspace").flash("The offer has ended. Nothing changed.").into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    to: String,
}

async fn api_offer(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let to: To = ctx.json()?;
    try_offer(&identity, &ctx, &to.to).await?;
    Ok(reply::done())
}

async fn api_accept(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    try_accept(&identity, &ctx).await?;
    Ok(reply::done())
}

async fn api_end(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    try_end(&identity, &ctx).await?;
    Ok(reply::done())
}
