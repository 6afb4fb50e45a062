//! Signing in and out, choosing a password by link, setting up.

use super::{fields, with};
use crate::sign_in::{self, Setup, Step};
use crate::{Identity, session, waiting, workspace};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bo_web::layout::{form, icon, plain_page};
use bo_web::reply::local_path;
use bo_web::{Ctx, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let before = Need::anyone("one signs in before being anybody");
    Routes::new("identity")
        .get("/sign-in", before, with(identity, show))
        .about("The sign-in page")
        .post("/sign-in", before, with(identity, submit))
        .about("Sign in")
        .post("/sign-in/code", before, with(identity, submit_code))
        .about("Sign in: the code of the app")
        .get("/forgot", before, with(identity, show_forgot))
        .about("Ask for a link to choose a new password")
        .post("/forgot", before, with(identity, forgot))
        .about("Ask for a link to choose a new password")
        .post("/sign-out", Need::anyone("whoever is not signed in is out already"), sign_out)
        .about("Sign out")
        .get("/activate", Need::anyone("the link is the proof"), show_activate)
        .about("Choose a password by link")
        .post("/activate", Need::anyone("the link is the proof"), with(identity, activate))
        .about("Choose a password by link")
        .post("/activate/join", Need::account(), join_with_account)
        .about("Join the organisation that added one, with the account one has")
        .get("/setup", Need::anyone("there is nobody yet; the printed code is the proof"), show_setup)
        .about("Set up a fresh installation")
        .post(
            "/setup",
            Need::anyone("there is nobody yet; the printed code is the proof"),
            with(identity, set_up),
        )
        .about("Set up a fresh installation")
        .post("/api/v1/session", before, with(identity, api_open))
        .about("Sign in; sets the session cookie and answers the token for `x-csrf-token`")
        .accepts(json!({"type": "object", "required": ["email", "password"], "properties": {
            "email": {"type": "string"}, "password": {"type": "string"}, "code": {"type": "string", "description": "Of the app, when one is set up"}}}))
        .delete("/api/v1/session", Need::signed_in(), api_close)
        .about("Sign out")
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    if ctx.read(workspace::is_empty)? {
        return Ok(ctx.redirect("/setup").into_response());
    }
    let next = local_path(&ctx.query_value("next"));
    if ctx.viewer().is_some() {
        return Ok(ctx.redirect(next).into_response());
    }
    Ok(sign_in_page(&identity, &ctx, &Input::default(), &next).into_response())
}

fn sign_in_page(identity: &Identity, ctx: &Ctx, input: &Input, next: &str) -> Markup {
    let host = ctx.header("host").to_owned();
    // A database that does not answer will say so when the form is sent.
    let (passwords, providers) =
        ctx.read(|tx| crate::domain::offered(tx, &host)).unwrap_or((true, Vec::new()));
    let body = html! {
        (heading(ctx, "Sign in"))
        @for provider in &providers { a.btn href={ "/sign-in/oidc/" (provider.id) "?next=" (next) } { "Sign in with " (provider.name) } }
        @if !passwords { (form::problems(input)) }
        @if passwords { form.form action="/sign-in" method="post" {
            (ctx.csrf())
            input type="hidden" name="next" value=(next);
            (form::problems(input))
            (form::text("email", "Mail address", "", "login", true, input))
            (form::text("password", "Password", "", "password", true, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Sign in" } }
        } }
        @if passwords { (super::account::passkeys::sign_in_button(identity, ctx, next, "")) }
        @if passwords { p.muted { a href="/forgot" { "Forgot your password?" } } }
    };
    plain_page(ctx, "Sign in", body)
}

fn heading(ctx: &Ctx, title: &str) -> Markup {
    html! { span.brand { (icon("brand")) (ctx.app().name) } h1 { (title) } }
}

async fn submit(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let next = local_path(input.text("next"));
    match sign_in::sign_in(&identity, &ctx, input.text("email"), input.raw("password"))
        .await
        .map_err(WebError::from)
    {
        Ok(Step::In(signed)) => {
            Ok(ctx.redirect(next).cookie(ctx.app().session_cookie(&signed.secret)).into_response())
        }
        Ok(Step::Code(secret)) => {
            Ok(code_page(&identity, &ctx, &Input::default(), &secret, &next)?.into_response())
        }
        Err(error) => {
            let status = error.status();
            let errors = told(error)?;
            Ok((status, sign_in_page(&identity, &ctx, &input.with_errors(errors), &next)).into_response())
        }
    }
}

/// Beside the fields, waiting included.
pub(super) fn told(error: WebError) -> Result<bo_web::FieldErrors> {
    match error {
        WebError::TooMany(seconds) => {
            Ok(vec![(String::new(), format!("Too many attempts. Wait {seconds} seconds and try again."))])
        }
        other => fields(other),
    }
}

fn code_page(identity: &Identity, ctx: &Ctx, input: &Input, secret: &str, next: &str) -> Result<Markup> {
    let proofs = ctx.read(|tx| sign_in::second_proofs(tx, secret))?;
    let help = match proofs.app {
        true => "The six digits your authenticator app shows, or one of your recovery codes.",
        false => "One of your recovery codes.",
    };
    let body = html! {
        (heading(ctx, "One more proof"))
        @if proofs.passkey { (super::account::passkeys::sign_in_button(identity, ctx, next, secret)) }
        form.form action="/sign-in/code" method="post" {
            (ctx.csrf())
            input type="hidden" name="next" value=(next);
            input type="hidden" name="pending" value=(secret);
            (form::problems(input))
            (form::text("code", "Code", help, "text", true, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Sign in" } a.btn.btn--quiet href="/sign-in" { "Start over" } }
        }
        p.muted { "Lost all of them? An administrator can take the second proof off your account." }
    };
    Ok(plain_page(ctx, "One more proof", body))
}

async fn submit_code(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let (next, secret) = (local_path(input.text("next")), input.text("pending").to_owned());
    match sign_in::enter_code(&identity, &ctx, &secret, input.text("code")).await.map_err(WebError::from) {
        Ok(signed) => Ok(ctx.redirect(next).cookie(ctx.app().session_cookie(&signed.secret)).into_response()),
        Err(WebError::NotFound) => {
            Ok(ctx.redirect("/sign-in").flash("That took too long. Sign in again.").into_response())
        }
        Err(error) => {
            let status = error.status();
            // A code is never shown again.
            let input = Input::default().with_errors(told(error)?);
            Ok((status, code_page(&identity, &ctx, &input, &secret, &next)?).into_response())
        }
    }
}

async fn show_forgot(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    Ok(forgot_page(&identity, &ctx, &Input::default()))
}

fn forgot_page(identity: &Identity, ctx: &Ctx, input: &Input) -> Markup {
    let body = html! {
        (heading(ctx, "Choose a new password"))
        @if identity.settings.public_url.is_none() {
            p { "This installation sends no mail. An administrator can give you a link to choose a new password." }
        } @else {
            form.form action="/forgot" method="post" {
                (ctx.csrf()) (form::problems(input))
                (form::text("email", "Mail address", "We send you a link that works once, within an hour.", "email", true, input))
                div.form__actions { button.btn.btn--primary type="submit" { "Send the link" } }
            }
        }
        a.btn.btn--quiet href="/sign-in" { "To the sign-in" }
    };
    plain_page(ctx, "Choose a new password", body)
}

async fn forgot(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = match crate::profile::check_email(input.text("email")) {
        Some(error) => Err(WebError::BadInput(vec![error])),
        None => crate::forgot::forgot(&identity, &ctx, input.text("email")).await.map_err(WebError::from),
    };
    match outcome {
        Ok(()) => {
            let body = html! {
                (heading(&ctx, "Look into your mail"))
                p { "If the address belongs to an account, a link is on its way. It works once, within an hour." }
                a.btn href="/sign-in" { "To the sign-in" }
            };
            Ok(plain_page(&ctx, "Look into your mail", body).into_response())
        }
        Err(error) => {
            let status = error.status();
            Ok((status, forgot_page(&identity, &ctx, &input.with_errors(told(error)?))).into_response())
        }
    }
}

async fn sign_out(ctx: Ctx) -> Result<Response> {
    if let Some(viewer) = ctx.viewer() {
        let (id, account) = (viewer.session, viewer.account);
        ctx.write(move |tx| session::close(tx, id, account)).await?;
    }
    Ok(ctx
        .redirect("/sign-in")
        .cookie(ctx.app().session_cookie(""))
        .flash("You are signed out.")
        .into_response())
}

async fn show_activate(ctx: Ctx) -> Result<Response> {
    let code = ctx.query_value("code");
    activation(&ctx, &code, &Input::default(), StatusCode::OK)
}

/// What the link leads to: a password to choose, or the account one has to join with.
fn activation(ctx: &Ctx, code: &str, input: &Input, status: StatusCode) -> Result<Response> {
    Ok(match ctx.read(|tx| waiting::by_link(tx, code))? {
        None => (StatusCode::NOT_FOUND, dead_link(ctx)).into_response(),
        Some(link) if link.has_other => {
            (status, join_page(ctx, &link.account.email, code, input)).into_response()
        }
        Some(_) => (status, activate_page(ctx, input, code)).into_response(),
    })
}

fn join_page(ctx: &Ctx, email: &str, code: &str, input: &Input) -> Markup {
    let again = format!("/activate%3Fcode%3D{code}");
    let body = html! {
        (heading(ctx, "You were added"))
        p { "Somebody would like to work with you, and you have an account already." }
        (super::with_ones_account(ctx, email, ("/activate/join", code), &again, input))
        p.muted { "The link is for " (email) ". If you don't know who sent it, do nothing." }
    };
    plain_page(ctx, "You were added", body)
}

async fn join_with_account(ctx: Ctx) -> Result<Response> {
    let (input, viewer) = (ctx.form()?, ctx.who()?.clone());
    let code = input.text("code").to_owned();
    let secret = code.clone();
    match ctx.write(move |tx| waiting::accept(tx, &secret, &viewer)).await.map_err(WebError::from) {
        Ok(joined) => {
            super::workspace::change(&ctx, joined).await?;
            Ok(ctx
                .redirect("/workspace")
                .flash("Welcome. You work in this organisation now.")
                .into_response())
        }
        Err(WebError::NotFound) => Ok((StatusCode::NOT_FOUND, dead_link(&ctx)).into_response()),
        Err(error) => {
            let status = error.status();
            activation(&ctx, &code, &input.with_errors(fields(error)?), status)
        }
    }
}

fn dead_link(ctx: &Ctx) -> Markup {
    let body = html! {
        (heading(ctx, "This link no longer works"))
        p { "It was used already, replaced by a newer one, or is too old. Ask for a new one." }
        div.row { a.btn.btn--primary href="/forgot" { "New link" } a.btn href="/sign-in" { "To the sign-in" } }
    };
    plain_page(ctx, "Link", body)
}

fn activate_page(ctx: &Ctx, input: &Input, code: &str) -> Markup {
    let body = html! {
        (heading(ctx, "Choose a password"))
        form.form action="/activate" method="post" {
            (ctx.csrf())
            input type="hidden" name="code" value=(code);
            (form::problems(input))
            (form::text("new_password", "New password", "At least 10 characters; three or four unrelated words are good.", "password", true, input))
            (form::text("new_again", "Once more", "", "password", true, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Save password" } }
        }
    };
    plain_page(ctx, "Choose a password", body)
}

async fn activate(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let code = input.text("code").to_owned();
    let outcome = match same_twice(&input) {
        Ok(()) => crate::forgot::activate(&identity, &ctx, &code, input.raw("new_password"))
            .await
            .map_err(WebError::from),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            Ok(ctx.redirect("/sign-in").flash("Your password is saved. Sign in with it.").into_response())
        }
        Err(WebError::NotFound) => Ok((StatusCode::NOT_FOUND, dead_link(&ctx)).into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            activation(&ctx, &code, &input, StatusCode::UNPROCESSABLE_ENTITY)
        }
    }
}

pub(super) fn same_twice(input: &Input) -> Result<()> {
    match input.raw("new_password") == input.raw("new_again") {
        true => Ok(()),
        false => Err(WebError::field("new_again", "is not the same as the first")),
    }
}

async fn show_setup(ctx: Ctx) -> Result<Response> {
    if !ctx.read(workspace::is_empty)? {
        return Ok(ctx.redirect("/sign-in").into_response());
    }
    let input = Input::filled([("code", ctx.query_value("code"))]);
    Ok(setup_page(&ctx, &input).into_response())
}

fn setup_page(ctx: &Ctx, input: &Input) -> Markup {
    let body = html! {
        (heading(ctx, "Set up this installation"))
        p.muted { "You become its first owner. The server printed a code when it started." }
        form.form action="/setup" method="post" {
            (ctx.csrf())
            (form::problems(input))
            (form::text("code", "Set-up code", "In the server's output.", "text", true, input))
            (form::text("organisation", "Organisation", "Who runs the buildings.", "text", true, input))
            (form::text("name", "Your name", "", "text", true, input))
            (form::text("email", "Mail address", "To sign in with.", "email", true, input))
            (form::text("new_password", "Password", "At least 10 characters; three or four unrelated words are good.", "password", true, input))
            (form::text("new_again", "Once more", "", "password", true, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Set up" } }
        }
    };
    plain_page(ctx, "Set up", body)
}

async fn set_up(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let setup = Setup {
        code: input.text("code").into(),
        organisation: input.text("organisation").into(),
        name: input.text("name").into(),
        email: input.text("email").into(),
        password: input.raw("new_password").into(),
    };
    let outcome = match same_twice(&input) {
        Ok(()) => sign_in::set_up(&identity, &ctx, setup).await.map_err(WebError::from),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(ctx.redirect("/sign-in").flash("Everything is set up. Sign in.").into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, setup_page(&ctx, &input)).into_response())
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    email: String,
    password: String,
    #[serde(default)]
    code: String,
}

async fn api_open(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let open: Open = ctx.json()?;
    let signed = match sign_in::sign_in(&identity, &ctx, &open.email, &open.password).await? {
        Step::In(signed) => signed,
        Step::Code(_) if open.code.is_empty() => {
            return Err(WebError::field("code", "of your authenticator app is needed as well"));
        }
        Step::Code(secret) => sign_in::enter_code(&identity, &ctx, &secret, &open.code).await?,
    };
    let cookie = ctx.app().session_cookie(&signed.secret);
    // The CSRF token belongs to the new session, which the next request shows.
    let csrf = ctx.csrf_token_of(&signed.secret)?;
    let body = json!({"account": signed.account, "name": signed.name, "csrf": csrf});
    Ok(([(header::SET_COOKIE, cookie)], Json(body)).into_response())
}

async fn api_close(ctx: Ctx) -> Result<Response> {
    let (id, account) = ctx.who().map(|viewer| (viewer.session, viewer.account))?;
    ctx.write(move |tx| session::close(tx, id, account)).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, ctx.app().session_cookie(""))]).into_response())
}
