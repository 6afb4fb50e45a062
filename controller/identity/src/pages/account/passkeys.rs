//! One's passkeys: the list, making one with the browser, renaming and removing; and signing in with one.

use super::super::sign_in::told;
use super::super::with;
use super::browser_only;
use super::sessions::browser;
use crate::passkey::{self, Passkey, PasskeyId, Site, store};
use crate::{Identity, IdentityError, sign_in};
use axum::Json;
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Response};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::reply::local_path;
use bo_web::{Ctx, Input, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Ties a question to the browser that asked it.
const COOKIE: &str = "bo_passkey";

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let (own, before) = (Need::account(), Need::anyone("one signs in before being anybody"));
    let text = || json!({"type": "string"});
    Routes::new("identity")
        .post("/account/passkeys/{id}/rename", own, rename)
        .about("Call one of my passkeys something else")
        .post("/account/passkeys/{id}/remove", own, remove)
        .about("Remove one of my passkeys")
        .get("/api/v1/passkeys", own, list)
        .about("My passkeys")
        .post("/api/v1/passkeys/begin", own, with(identity, begin))
        .about("Ask the browser for a new passkey: answers what `navigator.credentials.create` takes")
        .accepts(json!({"type": "object", "required": ["name"], "properties": {"name": text(), "password": text()}}))
        .post("/api/v1/passkeys", own, with(identity, add))
        .about("Store the passkey that the browser made")
        .accepts(json!({"type": "object", "required": ["name", "credential"], "properties": {"name": text(), "credential": {"type": "object"}}}))
        .delete("/api/v1/passkeys/{id}", own, api_remove)
        .about("Remove one of my passkeys")
        .post("/api/v1/session/passkey/begin", before, with(identity, ask))
        .about("Sign in with a passkey: answers what `navigator.credentials.get` takes")
        .post("/api/v1/session/passkey", before, with(identity, enter))
        .about("Sign in with a passkey: the browser's answer; sets the session cookie")
        .accepts(json!({"type": "object", "required": ["credential"], "properties": {
            "credential": {"type": "object"}, "next": text(), "pending": {"type": "string", "description": "Of a sign-in that began with a password"}}}))
}

/// The card of the page about signing in.
pub fn section(identity: &Identity, ctx: &Ctx) -> Result<Markup> {
    let account = ctx.who()?.account;
    let passkeys = ctx.read(|tx| store::of_account(tx, account))?;
    let site = Site::of(identity, ctx);
    Ok(html! {
        section.card.stack #passkeys {
            div.card__head { h2 { "Passkeys" } }
            p { "A passkey signs you in with your fingerprint, face or device PIN. It can't be guessed, phished or read by anybody else." }
            @if passkeys.is_empty() { (parts::empty("key", "No passkeys yet", "Add one on each device you use, or one in a password manager.", None)) }
            @else { (table(ctx, &passkeys)) }
            @match &site {
                Ok(_) => (new_form(ctx)),
                Err(why) => (parts::notice(Tone::Info, html! { (why) })),
            }
        }
    })
}

fn table(ctx: &Ctx, passkeys: &[Passkey]) -> Markup {
    let now = ctx.now();
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Works at" } th scope="col" { "Made" } th scope="col" { "Last used" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for passkey in passkeys { tr {
                td data-label="Name" {
                    (passkey.name)
                    @if passkey.stopped { " " (parts::badge(Tone::Bad, "stopped: may have been copied")) }
                    @else if passkey.key.is_synchronised() { " " (parts::badge(Tone::Idle, "synchronised")) }
                }
                td data-label="Works at" { (passkey.site) }
                td data-label="Made" { (parts::time(passkey.created_at, now)) }
                td data-label="Last used" { (parts::time_or(passkey.used_at, now, "never")) }
                td.num { div.row { (actions(ctx, passkey)) } }
            } } }
        } }
    }
}

fn actions(ctx: &Ctx, passkey: &Passkey) -> Markup {
    let path = |verb: &str| format!("/account/passkeys/{}/{verb}", passkey.id);
    let name = format!("name-{}", passkey.id);
    html! {
        details.menu {
            summary.btn.btn--small aria-label={ "Rename " (passkey.name) } { "Rename" }
            form.menu__items.stack action=(path("rename")) method="post" {
                (ctx.csrf())
                label for=(name) { "Name" }
                input id=(name) type="text" name="name" value=(passkey.name) maxlength="60" required autocomplete="off";
                button.btn.btn--primary type="submit" { "Save" }
            }
        }
        form action=(path("remove")) method="post" data-confirm={ "Remove the passkey “" (passkey.name) "”? It signs nobody in any more. Delete it on its device as well." } {
            (ctx.csrf()) button.btn.btn--small.btn--danger type="submit" aria-label={ "Remove " (passkey.name) } { "Remove" }
        }
    }
}

/// Filled in by the island `passkey.ts`; without script it says why nothing can be done.
fn new_form(ctx: &Ctx) -> Markup {
    let input = Input::filled([("passkey_name", browser(ctx.header("user-agent")))]);
    html! {
        form.form data-passkey-new="" {
            h3 { "Add a passkey" }
            noscript { (parts::notice(Tone::Info, html! { "Passkeys need JavaScript in your browser." })) }
            div.notice.notice--bad role="alert" data-problem="" hidden {}
            (form::text("passkey_name", "Name", "By which you will know it.", "text", true, &input))
            (form::text("passkey_password", "Your password", "", "password", false, &input))
            div.form__actions { button.btn.btn--primary type="submit" { "Add a passkey" } }
        }
    }
}

/// The button of the sign-in page, when passkeys can be used at this site. `pending` is the first half of a sign-in.
pub fn sign_in_button(identity: &Identity, ctx: &Ctx, next: &str, pending: &str) -> Markup {
    html! {
        @if Site::of(identity, ctx).is_ok() {
            form.form data-passkey-enter="" hidden {
                input type="hidden" name="next" value=(next);
                input type="hidden" name="pending" value=(pending);
                div.notice.notice--bad role="alert" data-problem="" hidden {}
                button.btn type="submit" { (bo_web::layout::icon("key")) "Sign in with a passkey" }
            }
        }
    }
}

async fn rename(ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let (id, account): (PasskeyId, _) = (ctx.param("id")?, ctx.who()?.account);
    let name = ctx.form()?.text("name").to_owned();
    ctx.write(move |tx| store::rename(tx, id, account, &name)).await?;
    Ok(ctx.redirect("/account/security").flash("Renamed.").into_response())
}

async fn take_away(ctx: &Ctx) -> Result<()> {
    browser_only(ctx)?;
    let (id, account): (PasskeyId, _) = (ctx.param("id")?, ctx.who()?.account);
    ctx.write(move |tx| store::remove(tx, id, account)).await?;
    Ok(())
}

async fn remove(ctx: Ctx) -> Result<Response> {
    take_away(&ctx).await?;
    Ok(ctx.redirect("/account/security").flash("The passkey is removed.").into_response())
}

async fn api_remove(ctx: Ctx) -> Result<Response> {
    take_away(&ctx).await?;
    Ok(reply::done())
}

async fn list(ctx: Ctx) -> Result<Response> {
    let account = ctx.who()?.account;
    Ok(reply::json(&json!({"items": ctx.read(|tx| store::of_account(tx, account))?})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    name: String,
    #[serde(default)]
    password: String,
}

async fn begin(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let wanted: Begin = ctx.json()?;
    let account = ctx.who()?.account;
    ctx.read(|tx| store::check_new(tx, account, &wanted.name))?;
    sign_in::confirm(&identity, &ctx, &wanted.password, "password").await?;
    Ok(reply::json(&passkey::sign_in::ask_new(&identity, &ctx, &wanted.name).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    name: String,
    credential: Value,
}

async fn add(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let made: Made = ctx.json()?;
    let id = passkey::sign_in::add(&identity, &ctx, &made.name, &made.credential).await?;
    Ok(reply::created(&format!("/api/v1/passkeys/{id}"), &json!({"id": id})))
}

fn cookie(ctx: &Ctx, value: &str) -> String {
    let secure = if ctx.app().secure { "; Secure" } else { "" };
    let age = if value.is_empty() { 0 } else { 300 };
    format!("{COOKIE}={value}; Path=/api/v1/session; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
}

async fn ask(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (options, secret) = passkey::sign_in::ask_any(&identity, &ctx).await?;
    Ok(([(header::SET_COOKIE, cookie(&ctx, &secret))], Json(options)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    credential: Value,
    #[serde(default)]
    next: String,
    #[serde(default)]
    pending: String,
}

async fn enter(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let answer: Answer = ctx.json()?;
    let secret = ctx.cookie(COOKIE).unwrap_or("").to_owned();
    let signed =
        passkey::sign_in::sign_in(&identity, &ctx, &secret, &answer.credential, &answer.pending).await;
    let signed = signed.map_err(|error| match error {
        IdentityError::NotFound => WebError::field("", "That took too long. Sign in again."),
        other => other.into(),
    });
    let signed = signed.map_err(|error| match told(error) {
        Ok(fields) => WebError::BadInput(fields),
        Err(other) => other,
    })?;
    let csrf = ctx.csrf_token_of(&signed.secret)?;
    let cookies = AppendHeaders([
        (header::SET_COOKIE, ctx.app().session_cookie(&signed.secret)),
        (header::SET_COOKIE, cookie(&ctx, "")),
    ]);
    let body = json!({"account": signed.account, "name": signed.name, "csrf": csrf, "next": local_path(&answer.next)});
    Ok((cookies, Json(body)).into_response())
}
