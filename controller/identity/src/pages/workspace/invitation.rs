//! What the link in an invitation leads to: accepting with one's account, or making one; declining.

use super::{fields, with};
use crate::account::State;
use crate::invitation::{self, Offered};
use crate::profile::Profile;
use crate::sign_in::{self, Proof};
use crate::{Identity, account, domain, password};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, WorkspaceId};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon, plain_page};
use bo_web::{Ctx, FieldErrors, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let link = Need::anyone("the link is the proof");
    Routes::new("identity")
        .get("/invitation", link, show)
        .about("An invitation by its link")
        .post("/invitation/accept", Need::account(), accept)
        .about("Accept an invitation with one's account")
        .post("/invitation/join", link, with(identity, join))
        .about("Accept an invitation by making an account")
        .post("/invitation/decline", link, decline)
        .about("Decline an invitation")
}

fn offered(ctx: &Ctx, code: &str) -> Result<Option<Offered>> {
    Ok(ctx.read(|tx| invitation::by_link(tx, code))?)
}

async fn show(ctx: Ctx) -> Result<Response> {
    answer(&ctx, &ctx.query_value("code"), &Input::default(), StatusCode::OK)
}

fn answer(ctx: &Ctx, code: &str, input: &Input, status: StatusCode) -> Result<Response> {
    Ok(match offered(ctx, code)? {
        Some(offered) => (status, invitation_page(ctx, &offered, code, input)?).into_response(),
        None => (StatusCode::NOT_FOUND, dead(ctx)).into_response(),
    })
}

fn heading(ctx: &Ctx, title: &str) -> Markup {
    html! { span.brand { (icon("brand")) (ctx.app().name) } h1 { (title) } }
}

fn dead(ctx: &Ctx) -> Markup {
    let body = html! {
        (heading(ctx, "This invitation no longer works"))
        p { "It was answered already, withdrawn, sent again with a newer link, or is too old. Ask whoever invited you for another." }
        a.btn href="/" { "To the console" }
    };
    plain_page(ctx, "Invitation", body)
}

fn invitation_page(ctx: &Ctx, offered: &Offered, code: &str, input: &Input) -> Result<Markup> {
    let invitation = &offered.invitation;
    let body = html! {
        (heading(ctx, &format!("Join {}", offered.organisation)))
        p { strong { (invitation.inviter) } " invites you to work together in " strong { (offered.organisation) } "." }
        (choice(ctx, offered, code, input)?)
        form action="/invitation/decline" method="post" {
            (ctx.csrf()) input type="hidden" name="code" value=(code);
            button.btn.btn--quiet type="submit" { "Decline" }
        }
        p.muted { "The invitation is for " (invitation.email) ". It ends " (parts::time(invitation.expires_at, ctx.now())) "." }
    };
    Ok(plain_page(ctx, "Invitation", body))
}

fn choice(ctx: &Ctx, offered: &Offered, code: &str, input: &Input) -> Result<Markup> {
    let email = &offered.invitation.email;
    let again = format!("/invitation%3Fcode%3D{code}");
    let with_account =
        || super::super::with_ones_account(ctx, email, ("/invitation/accept", code), &again, input);
    Ok(match offered.account {
        _ if ctx.viewer().is_some() => with_account(),
        Some(State::Active) => with_account(),
        Some(State::Disabled) => parts::notice(
            Tone::Warn,
            html! { "Your account here is disabled. Ask whoever looks after it to enable it." },
        ),
        _ => account_form(ctx, code, input)?,
    })
}

/// For somebody new.
fn account_form(ctx: &Ctx, code: &str, input: &Input) -> Result<Markup> {
    let host = ctx.header("host").to_owned();
    if !ctx.read(|tx| domain::offered(tx, &host))?.0 {
        return Ok(html! {
            p { "People sign in at a provider here, and have an account from then on." }
            a.btn.btn--primary href="/sign-in" { "Sign in" }
        });
    }
    Ok(html! {
        form.form action="/invitation/join" method="post" {
            (ctx.csrf()) (form::problems(input)) input type="hidden" name="code" value=(code);
            (form::text("first_name", "First name", "", "text", true, input))
            (form::text("last_name", "Last name", "", "text", true, input))
            (form::text("new_password", "Choose a password", "At least 10 characters; three or four unrelated words are good.", "password", true, input))
            (form::text("new_again", "Once more", "", "password", true, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Make account and join" } }
        }
    })
}

async fn accept(ctx: Ctx) -> Result<Response> {
    let (input, viewer) = (ctx.form()?, ctx.who()?.clone());
    let code = input.text("code").to_owned();
    let secret = code.clone();
    let joined = ctx.write(move |tx| invitation::accept(tx, &secret, &viewer)).await.map_err(WebError::from);
    match joined {
        Ok(workspace) => {
            super::change(&ctx, workspace).await?;
            Ok(ctx
                .redirect("/workspace")
                .flash("Welcome. You work in this organisation now.")
                .into_response())
        }
        Err(WebError::NotFound) => Ok((StatusCode::NOT_FOUND, dead(&ctx)).into_response()),
        Err(error) => {
            let status = error.status();
            answer(&ctx, &code, &input.with_errors(fields(error)?), status)
        }
    }
}

async fn decline(ctx: Ctx) -> Result<Response> {
    let code = ctx.form()?.text("code").to_owned();
    match ctx.write(move |tx| invitation::decline(tx, &code)).await.map_err(WebError::from) {
        Ok(()) => {
            let body = html! { (heading(&ctx, "Declined")) p { "Nothing was joined. You can close this page." } a.btn href="/" { "To the console" } };
            Ok(plain_page(&ctx, "Declined", body).into_response())
        }
        Err(WebError::NotFound) => Ok((StatusCode::NOT_FOUND, dead(&ctx)).into_response()),
        Err(error) => Err(error),
    }
}

async fn join(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let code = input.text("code").to_owned();
    match try_join(&identity, &ctx, &code, &input).await {
        Ok(secret) => Ok(ctx
            .redirect("/workspace")
            .cookie(ctx.app().session_cookie(&secret))
            .flash("Welcome. Your account is ready.")
            .into_response()),
        Err(WebError::NotFound) => Ok((StatusCode::NOT_FOUND, dead(&ctx)).into_response()),
        Err(error) => {
            let status = error.status();
            answer(&ctx, &code, &input.with_errors(fields(error)?), status)
        }
    }
}

async fn try_join(identity: &Arc<Identity>, ctx: &Ctx, code: &str, input: &Input) -> Result<String> {
    let offered = offered(ctx, code)?.ok_or(WebError::NotFound)?;
    let host = ctx.header("host").to_owned();
    if !ctx.read(|tx| domain::offered(tx, &host))?.0 {
        return Err(WebError::Forbidden("Passwords are not taken here. Sign in at a provider.".into()));
    }
    let mut errors = FieldErrors::new();
    let profile = Profile::from_form(input, &mut errors);
    let new = input.raw("new_password").to_owned();
    if let Err(sentence) = password::check(&new, &offered.invitation.email, &profile.full_name()) {
        errors.push(("new_password".into(), sentence));
    }
    if let Err(WebError::BadInput(more)) = super::super::sign_in::same_twice(input) {
        errors.extend(more);
    }
    if !errors.is_empty() {
        return Err(WebError::BadInput(errors));
    }
    let (hash, id, secret) = (identity.hash(new).await?, ctx.make_id::<AccountId>(), code.to_owned());
    let (id, workspace): (AccountId, WorkspaceId) =
        ctx.write(move |tx| invitation::accept_as_new(tx, &secret, id, &profile, &hash)).await?;
    let account = ctx.read(|tx| account::find(tx, id))?.ok_or(WebError::NotFound)?;
    let proof = Proof { workspace: Some(workspace), ..Proof::default() };
    Ok(sign_in::open(identity, ctx, account, proof).await?.secret)
}
