//! Setting up an authenticator app for one's own account, and removing somebody's who lost theirs.

use super::{fields, with};
use crate::second_factor::{self, Setup};
use crate::{Identity, delegate, sign_in};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, Level};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, trusted};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, Via, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .get("/account/second-factor", own, show)
        .about("My authenticator app")
        .post("/account/second-factor/begin", own, with(identity, begin))
        .about("Begin to set up an authenticator app")
        .post("/account/second-factor/confirm", own, confirm)
        .about("Confirm my authenticator app by a code it shows")
        .post("/account/second-factor/remove", own, with(identity, remove))
        .about("Remove my authenticator app")
        .post("/users/{id}/second-factor/remove", Need::workspace_area("users", Level::Own), remove_of_user)
        .about("Remove the authenticator app of a user who lost it")
}

async fn show(ctx: Ctx) -> Result<Markup> {
    page(&ctx, &Input::default())
}

fn page(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let viewer = ctx.who()?;
    let (on, waiting, left) = ctx.read(|tx| -> std::result::Result<_, bo_db::DbError> {
        let id = viewer.account;
        Ok((
            second_factor::is_on(tx, id)?,
            second_factor::waiting(tx, id)?,
            second_factor::recovery_left(tx, id)?,
        ))
    })?;
    let waiting = waiting.filter(|_| viewer.behind.is_none());
    let setup = waiting.and_then(|secret| second_factor::setup(&secret, &viewer.email, &ctx.app().name));
    let body = html! {
        (form::problems(input))
        @if on { (is_on(ctx, input, left)) }
        @else if let Some(setup) = &setup { (to_confirm(ctx, input, setup)) }
        @else { (is_off(ctx, input)) }
    };
    Ok(ctx.page(
        Page::new("Authenticator app", "/account", html! { div.stack { (body) } })
            .crumb("My account", "/account")
            .lead("A second proof besides your password: whoever learns the password still can't sign in."),
    ))
}

fn password(input: &Input) -> Markup {
    form::text("password", "Your password", "", "password", true, input)
}

fn is_off(ctx: &Ctx, input: &Input) -> Markup {
    html! {
        section.card.stack {
            p { "No app is set up. Any app that shows six-digit codes will do." }
            form.form action="/account/second-factor/begin" method="post" {
                (ctx.csrf()) (password(input))
                div.form__actions { button.btn.btn--primary type="submit" { "Set up" } }
            }
        }
    }
}

fn to_confirm(ctx: &Ctx, input: &Input, setup: &Setup) -> Markup {
    html! {
        section.card.stack {
            p { "Scan this with your app, or type the key in. Then enter the code that the app shows." }
            div role="img" aria-label="The key as a QR code" { (trusted(&setup.picture)) }
            pre { (setup.secret) }
            form.form action="/account/second-factor/confirm" method="post" {
                (ctx.csrf())
                (form::text("code", "Code", "Six digits.", "text", true, input))
                div.form__actions { button.btn.btn--primary type="submit" { "Confirm" } }
            }
        }
    }
}

fn is_on(ctx: &Ctx, input: &Input, left: i64) -> Markup {
    html! {
        section.card.stack {
            (parts::notice(Tone::Good, html! { "Your app is asked for a code whenever you sign in. " (left) " recovery codes are left." }))
            form.form action="/account/second-factor/remove" method="post" {
                (ctx.csrf()) (password(input))
                div.form__actions { button.btn.btn--danger type="submit" { "Remove the app" } }
            }
        }
    }
}

fn in_person(ctx: &Ctx) -> Result<AccountId> {
    let viewer = ctx.who()?;
    match viewer.via {
        Via::Session => Ok(viewer.account),
        Via::Token => {
            Err(WebError::Forbidden("An API token can't do this. Sign in with your password.".into()))
        }
    }
}

/// The page again, with what is wrong.
fn again(ctx: &Ctx, error: WebError) -> Result<Response> {
    let status = if matches!(error, WebError::BadInput(_)) {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        error.status()
    };
    let shown = page(ctx, &Input::default().with_errors(fields(error)?))?;
    Ok((status, shown).into_response())
}

async fn begin(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (account, input) = (in_person(&ctx)?, ctx.form()?);
    if let Err(error) = sign_in::confirm(&identity, &ctx, input.raw("password"), "password").await {
        return again(&ctx, error);
    }
    let secret = second_factor::secret();
    match ctx.write(move |tx| second_factor::begin(tx, account, &secret)).await.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect("/account/second-factor").into_response()),
        Err(error) => again(&ctx, error),
    }
}

async fn confirm(ctx: Ctx) -> Result<Response> {
    let (account, input) = (in_person(&ctx)?, ctx.form()?);
    let (code, codes) = (input.text("code").to_owned(), second_factor::recovery_codes());
    let stored = codes.clone();
    let outcome = ctx.write(move |tx| second_factor::confirm(tx, account, &code, &stored)).await;
    if let Err(error) = outcome.map_err(WebError::from) {
        return again(&ctx, error);
    }
    let body = html! {
        section.card.stack {
            (parts::notice(Tone::Good, html! { strong { "Your app is set up." } " Keep these recovery codes where you find them without your phone. Each works once, and they are not shown again." }))
            pre { @for code in &codes { (code) "\n" } }
            a.btn.btn--primary href="/account" { "I have kept them" }
        }
    };
    Ok(ctx
        .page(Page::new("Recovery codes", "/account", body).crumb("My account", "/account"))
        .into_response())
}

async fn remove(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (account, input) = (in_person(&ctx)?, ctx.form()?);
    if let Err(error) = sign_in::confirm(&identity, &ctx, input.raw("password"), "password").await {
        return again(&ctx, error);
    }
    ctx.write(move |tx| second_factor::remove(tx, account)).await?;
    Ok(ctx.redirect("/account/second-factor").flash("The app is removed.").into_response())
}

async fn remove_of_user(ctx: Ctx) -> Result<Response> {
    let (id, viewer): (AccountId, _) = (ctx.param("id")?, ctx.who()?.clone());
    ctx.write(move |tx| -> std::result::Result<(), crate::IdentityError> {
        delegate::administer(tx, &viewer, id)?;
        delegate::covers(tx, &viewer, id)?;
        Ok(second_factor::remove(tx, id)?)
    })
    .await?;
    Ok(ctx
        .redirect(format!("/users/{id}"))
        .flash("The app is removed; their password alone signs in.")
        .into_response())
}
