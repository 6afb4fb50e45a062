//! Pages and API of identity: a file per noun, pages and API side by side over the same actions.

mod account;
mod gateway_pin;
pub mod given;
mod groups;
mod modules;
mod oidc;
mod relations;
mod review;
mod sign_in;
mod users;
mod view_as;
mod workspace;

use crate::{Identity, names};
use bo_model::{Level, Object};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input, Result, Routes, WebError};
use maud::{Markup, html};
use std::future::Future;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    sign_in::routes(identity)
        .and(account::routes(identity))
        .and(gateway_pin::routes(identity))
        .and(users::routes(identity))
        .and(groups::routes(identity))
        .and(modules::routes())
        .and(given::routes(identity))
        .and(relations::routes(identity))
        .and(review::routes(identity))
        .and(oidc::routes(identity))
        .and(view_as::routes())
        .and(workspace::routes(identity))
}

/// A handler that also needs identity's own state.
fn with<F, Fut, R>(identity: &Arc<Identity>, handler: F) -> impl Fn(Ctx) -> Fut + Send + Sync + 'static
where
    F: Fn(Arc<Identity>, Ctx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
{
    let identity = identity.clone();
    move |ctx| handler(identity.clone(), ctx)
}

/// What is wrong with a form, to be shown beside its fields; any other error goes on.
fn fields(error: WebError) -> Result<bo_web::FieldErrors> {
    match error {
        WebError::BadInput(fields) => Ok(fields),
        WebError::Conflict(text) | WebError::Forbidden(text) => Ok(vec![(String::new(), text)]),
        other => Err(other),
    }
}

/// Accepting what a link offers with the account one has: whoever is signed in with the address accepts, others sign in first. `again`
/// is the link itself, as it stands in an address.
fn with_ones_account(
    ctx: &Ctx,
    email: &str,
    (action, code): (&str, &str),
    again: &str,
    input: &Input,
) -> Markup {
    let sign_out = || html! { form action="/sign-out" method="post" { (ctx.csrf()) button.btn type="submit" { "Sign out" } } };
    match ctx.viewer() {
        Some(viewer) if viewer.confined => html! {
            (parts::notice(Tone::Warn, html! { "You are signed in at the provider of " (viewer.workspace_name) ". Sign out, open the link again and sign in another way." }))
            (sign_out())
        },
        Some(viewer) if viewer.email == email => html! {
            form.form action=(action) method="post" {
                (ctx.csrf()) (form::problems(input)) input type="hidden" name="code" value=(code);
                div.form__actions { button.btn.btn--primary type="submit" { "Accept" } }
            }
        },
        Some(viewer) => html! {
            (parts::notice(Tone::Warn, html! { "You are signed in as " (viewer.email) ", and this is for " (email) ". Sign out, and open the link again." }))
            (sign_out())
        },
        // The code was found, so it holds nothing that would need another form in an address.
        None => html! {
            p { "You have an account here. Sign in to accept." }
            a.btn.btn--primary href={ "/sign-in?next=" (again) } { "Sign in" }
        },
    }
}

/// The name of an object as a choice; what was asked when it has none, or is not for whoever asks.
fn named(identity: &Identity, ctx: &Ctx, object: &str) -> Result<String> {
    let (viewer, parsed) = (ctx.who()?, Object::parse(object));
    let others = names::Others { viewer, parts: identity.settings.parts };
    let name = match parsed {
        Some(parsed) => ctx.read(|tx| names::of(tx, viewer.workspace, &parsed, others))?,
        None => None,
    };
    Ok(name.unwrap_or_else(|| object.to_owned()))
}

/// The pages about people and access, as tabs.
fn people_tabs(current: &str) -> Markup {
    let tabs = [
        ("Users", "/users"),
        ("Groups", "/groups"),
        ("Modules", "/access/modules"),
        ("Signing in", "/access/sign-in"),
        ("Review", "/access/review"),
        ("Why?", "/access"),
    ];
    parts::tabs(&tabs.map(|(title, href)| (title, href.to_owned())), current)
}

/// A level from its word.
fn level(word: &str) -> Option<Level> {
    Level::ALL.into_iter().find(|level| level.word() == word)
}
