//! The letter that asks whether a provider may sign somebody in, and what its link leads to.

use super::cookie;
use crate::error::IdentityError;
use crate::oidc::person;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bo_web::layout::plain_page;
use bo_web::{Ctx, Need, Result, Routes};
use maud::html;

/// Where the letter leads.
pub const PATH: &str = "/sign-in/oidc/link";

pub fn routes() -> Routes {
    let link = Need::anyone("the link is the proof");
    Routes::new("identity")
        .get(PATH, link, show)
        .about("Whether a provider may sign one in, asked by letter")
        .post(PATH, link, agree)
        .about("Let a provider sign one in")
}

/// The answer to whoever is asked first.
pub fn asked(ctx: &Ctx, email: &str) -> Response {
    let body = html! {
        h1 { "Look into your mail" }
        p { "There is an account with the address " (email) " already. We have sent a letter there: open its link once, and the provider signs you in from then on." }
        a.btn href="/sign-in" { "To the sign-in" }
    };
    let page = plain_page(ctx, "Look into your mail", body);
    ([(header::SET_COOKIE, cookie(ctx, ""))], page).into_response()
}

fn dead(ctx: &Ctx) -> Response {
    let body = html! {
        h1 { "This link no longer works" }
        p { "It was used already, replaced by a newer one, or is older than an hour. Sign in at the provider again to get another." }
        a.btn href="/sign-in" { "To the sign-in" }
    };
    (StatusCode::NOT_FOUND, plain_page(ctx, "Link", body)).into_response()
}

async fn show(ctx: Ctx) -> Result<Response> {
    let code = ctx.query_value("code");
    let Some((provider, _, account)) = ctx.read(|tx| person::asked(tx, &code))? else {
        return Ok(dead(&ctx));
    };
    let body = html! {
        h1 { "May " (provider.name) " sign you in?" }
        p { "From then on, whoever " (provider.name) " says is you is signed in to the account of " strong { (account.email) } ", without your password." }
        form.form action=(PATH) method="post" {
            (ctx.csrf()) input type="hidden" name="code" value=(code);
            div.form__actions { a.btn.btn--quiet href="/sign-in" { "No" } button.btn.btn--primary type="submit" { "Yes, it may" } }
        }
    };
    Ok(plain_page(&ctx, "Sign in with a provider", body).into_response())
}

async fn agree(ctx: Ctx) -> Result<Response> {
    let code = ctx.form()?.text("code").to_owned();
    match ctx.write(move |tx| person::agree(tx, &code)).await {
        Ok(provider) => {
            let message = format!("{provider} may sign you in from now on.");
            Ok(ctx.redirect("/sign-in").flash(message).into_response())
        }
        Err(IdentityError::NotFound) => Ok(dead(&ctx)),
        Err(error) => Err(error.into()),
    }
}
