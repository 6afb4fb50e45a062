//! What is asked for besides one's password: an authenticator app, a passkey; the recovery codes for whoever lost them. And
//! taking all of it away from somebody who did.

use super::super::{fields, with};
use super::security::{Forms, shown};
use super::{browser_only, page};
use crate::error::IdentityError;
use crate::second_factor::{self, Setup};
use crate::{Identity, account, delegate, letter, member, sign_in};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_db::Tx;
use bo_model::{AccountId, Level};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, trusted};
use bo_web::{Ctx, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/account/security";
const APP: &str = "/account/second-factor";
/// The field of this form: there are others for passwords on the same page.
const PASSWORD: &str = "proof_password";

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::account();
    Routes::new("identity")
        .get(APP, own, show_setup)
        .about("Setting up my authenticator app")
        .post("/account/second-factor/begin", own, with(identity, begin))
        .about("Begin to set up an authenticator app")
        .post("/account/second-factor/confirm", own, confirm)
        .about("Confirm my authenticator app by a code it shows")
        .post("/account/second-factor/remove", own, with(identity, remove))
        .about("Remove my authenticator app")
        .post("/account/second-factor/passkey", own, with(identity, passkey))
        .about("Ask for a passkey after my password, or no longer")
        .post("/account/second-factor/recovery", own, with(identity, renew))
        .about("Make new recovery codes")
        .post(
            "/users/{id}/second-factor/remove",
            Need::workspace_area("users", Level::Own),
            with(identity, remove_of_user),
        )
        .about("Remove the authenticator app and the passkeys of a user who lost them")
}

struct State {
    app: bool,
    waiting: bool,
    passkey: bool,
    has_passkeys: bool,
    left: i64,
}

fn state(tx: &mut Tx, id: AccountId) -> std::result::Result<State, bo_db::DbError> {
    Ok(State {
        app: second_factor::has_app(tx, id)?,
        waiting: second_factor::waiting(tx, id)?.is_some(),
        passkey: second_factor::asks_for_passkey(tx, id)?,
        has_passkeys: crate::passkey::store::of_account(tx, id)?.iter().any(|passkey| !passkey.stopped),
        left: second_factor::recovery_left(tx, id)?,
    })
}

/// The card of the page about signing in.
pub fn section(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let viewer = ctx.who()?;
    let state = ctx.read(|tx| state(tx, viewer.account))?;
    let word = |on: bool| if on { parts::badge(Tone::Good, "on") } else { parts::badge(Tone::Idle, "off") };
    Ok(html! {
        section.card.stack #second-proof {
            div.card__head { h2 { "A second proof after the password" } }
            p { "Whoever learns your password still can't sign in. A passkey alone is two proofs already and is asked for nothing more." }
            (form::problems(input))
            (parts::facts(&[
                ("Authenticator app", html! { (word(state.app)) " A six-digit code of an app on your phone." }),
                ("Passkey", html! { (word(state.passkey)) " One of your passkeys." }),
                ("Recovery codes", html! { @if state.app || state.passkey { (state.left) " left, for when you have lost all else." } @else { "Made when a second proof is on." } }),
            ]))
            form.form method="post" {
                (ctx.csrf())
                (form::text(PASSWORD, "Your password", "To change any of this.", "password", false, input))
                div.form__actions {
                    @if state.app { button.btn.btn--danger type="submit" formaction="/account/second-factor/remove" { "Remove the app" } }
                    @else { button.btn.btn--primary type="submit" formaction="/account/second-factor/begin" { "Set up an app" } }
                    @if state.passkey { button.btn type="submit" formaction="/account/second-factor/passkey" name="on" value="false" { "Stop asking for a passkey" } }
                    @else if state.has_passkeys { button.btn type="submit" formaction="/account/second-factor/passkey" name="on" value="true" { "Ask for a passkey" } }
                    @if state.app || state.passkey { button.btn type="submit" formaction="/account/second-factor/recovery" { "New recovery codes" } }
                }
            }
            @if state.waiting && !state.app && viewer.behind.is_none() { p { a href=(APP) { "Finish setting up your app" } } }
        }
    })
}

async fn show_setup(ctx: Ctx) -> Result<Response> {
    setup_page(&ctx, &Input::default(), StatusCode::OK)
}

fn setup_page(ctx: &Ctx, input: &Input, status: StatusCode) -> Result<Response> {
    let viewer = ctx.who()?;
    let waiting = ctx.read(|tx| second_factor::waiting(tx, viewer.account))?;
    let waiting = waiting.filter(|_| viewer.behind.is_none());
    let setup = waiting.and_then(|secret| second_factor::setup(&secret, &viewer.email, &ctx.app().name));
    let Some(setup) = setup else { return Ok(ctx.redirect(PATH).into_response()) };
    let shown = page(ctx, PATH, "Set up an authenticator app", to_confirm(ctx, input, &setup));
    Ok((status, ctx.page(shown)).into_response())
}

fn to_confirm(ctx: &Ctx, input: &Input, setup: &Setup) -> Markup {
    html! {
        section.card.stack {
            (form::problems(input))
            ol.stack {
                li { "Scan this with your app. Any app that shows six-digit codes will do." div.qr role="img" aria-label="The key as a QR code" { (trusted(&setup.picture)) } }
                li { "Or type the key in:" pre { (setup.secret) } }
                li { "Enter the code that the app shows then." }
            }
            form.form action="/account/second-factor/confirm" method="post" {
                (ctx.csrf())
                (form::text("code", "Code", "Six digits.", "text", true, input))
                div.form__actions { button.btn.btn--primary type="submit" { "Confirm" } a.btn.btn--quiet href=(PATH) { "Later" } }
            }
        }
    }
}

/// The page again, with what is wrong.
fn again(identity: &Identity, ctx: &Ctx, error: WebError) -> Result<Response> {
    let status = if matches!(error, WebError::BadInput(_)) {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        error.status()
    };
    let steps = Input::default().with_errors(fields(error)?);
    Ok((status, shown(identity, ctx, Forms { steps, ..Forms::default() })?).into_response())
}

/// The form, its password confirmed; or the page with what is wrong.
async fn confirmed(
    identity: &Arc<Identity>,
    ctx: &Ctx,
) -> Result<std::result::Result<(AccountId, Input), Response>> {
    browser_only(ctx)?;
    let (account, input) = (ctx.who()?.account, ctx.form()?);
    match sign_in::confirm(identity, ctx, input.raw(PASSWORD), PASSWORD).await {
        Ok(()) => Ok(Ok((account, input))),
        Err(error) => again(identity, ctx, error).map(Err),
    }
}

async fn begin(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let account = match confirmed(&identity, &ctx).await? {
        Ok((account, _)) => account,
        Err(page) => return Ok(page),
    };
    let secret = second_factor::secret();
    match ctx.write(move |tx| second_factor::begin(tx, account, &secret)).await.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect(APP).into_response()),
        Err(error) => again(&identity, &ctx, error),
    }
}

async fn confirm(ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let (account, input) = (ctx.who()?.account, ctx.form()?);
    let (code, codes) = (input.text("code").to_owned(), second_factor::recovery_codes());
    let stored = codes.clone();
    let outcome = ctx.write(move |tx| second_factor::confirm(tx, account, &code, &stored)).await;
    match outcome.map_err(WebError::from) {
        Ok(()) => Ok(recovery_page(&ctx, "Your app is set up.", &codes)),
        Err(error) => {
            let input = Input::default().with_errors(fields(error)?);
            setup_page(&ctx, &input, StatusCode::UNPROCESSABLE_ENTITY)
        }
    }
}

fn recovery_page(ctx: &Ctx, done: &str, codes: &[String]) -> Response {
    let body = html! {
        section.card.stack {
            (parts::notice(Tone::Good, html! { strong { (done) } " Keep these recovery codes where you find them without your phone. Each works once instead of your second proof, and they are not shown again." }))
            pre { @for code in codes { (code) "\n" } }
            div { a.btn.btn--primary href=(PATH) { "I have kept them" } }
        }
    };
    ctx.page(page(ctx, PATH, "Recovery codes", body)).into_response()
}

async fn passkey(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (account, input) = match confirmed(&identity, &ctx).await? {
        Ok(confirmed) => confirmed,
        Err(page) => return Ok(page),
    };
    let (on, codes) = (input.checked("on"), second_factor::recovery_codes());
    let (stored, notice) = (codes.clone(), identity.post(PATH, letter::second_proof_off));
    let outcome = ctx
        .write(move |tx| {
            second_factor::ask_for_passkey(tx, account, on, &stored)?;
            tell_if_off(tx, account, notice.as_ref())
        })
        .await;
    match outcome.map_err(WebError::from) {
        Ok(()) if on => Ok(recovery_page(&ctx, "A passkey is asked for after your password.", &codes)),
        Ok(()) => Ok(ctx.redirect(PATH).flash("A passkey is no longer asked for.").into_response()),
        Err(error) => again(&identity, &ctx, error),
    }
}

async fn renew(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let account = match confirmed(&identity, &ctx).await? {
        Ok((account, _)) => account,
        Err(page) => return Ok(page),
    };
    let codes = second_factor::recovery_codes();
    let stored = codes.clone();
    ctx.write(move |tx| second_factor::renew_recovery(tx, account, &stored)).await?;
    Ok(recovery_page(&ctx, "These are your new recovery codes; the old ones are worth nothing.", &codes))
}

/// Tells its owner by mail when an account is left with its password alone.
fn tell_if_off(
    tx: &mut Tx,
    account: AccountId,
    letter: Option<&letter::Letter>,
) -> std::result::Result<(), IdentityError> {
    if second_factor::is_on(tx, account)? {
        return Ok(());
    }
    let organisation = crate::workspace::of_account(tx, account)?.into_iter().next().map(|(_, name)| name);
    match (letter, account::find(tx, account)?) {
        (Some(letter), Some(owner)) => letter.post(tx, &owner, &organisation.unwrap_or_default()),
        _ => Ok(()),
    }
}

async fn remove(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let account = match confirmed(&identity, &ctx).await? {
        Ok((account, _)) => account,
        Err(page) => return Ok(page),
    };
    let notice = identity.post(PATH, letter::second_proof_off);
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        second_factor::remove_app(tx, account)?;
        tell_if_off(tx, account, notice.as_ref())
    })
    .await?;
    Ok(ctx.redirect(PATH).flash("The app is removed.").into_response())
}

async fn remove_of_user(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (id, viewer): (AccountId, _) = (ctx.param("id")?, ctx.who()?.clone());
    let notice = identity.post(PATH, letter::second_proof_off);
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        member::look_after(tx, &viewer, id)?;
        delegate::covers(tx, &viewer, id)?;
        second_factor::remove_all(tx, id)?;
        tell_if_off(tx, id, notice.as_ref())
    })
    .await?;
    Ok(ctx
        .redirect(format!("/users/{id}"))
        .flash("Removed; their password alone signs in now.")
        .into_response())
}
