//! Pages and API of identity: a file per noun, pages and API side by side over the same actions.

mod account;
mod gateway_pin;
mod groups;
mod modules;
mod oidc;
mod relations;
mod review;
mod sign_in;
mod users;
mod view_as;
mod workspace;

use crate::Identity;
use bo_model::Level;
use bo_web::{Ctx, Result, Routes, WebError};
use std::future::Future;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    sign_in::routes(identity)
        .and(account::routes(identity))
        .and(gateway_pin::routes(identity))
        .and(users::routes(identity))
        .and(groups::routes())
        .and(modules::routes())
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

/// The pages about people and access, as tabs.
fn people_tabs(current: &str) -> maud::Markup {
    let tabs = [
        ("Users", "/users"),
        ("Groups", "/groups"),
        ("Modules", "/access/modules"),
        ("Signing in", "/access/sign-in"),
        ("Review", "/access/review"),
        ("Why?", "/access"),
    ];
    bo_web::layout::parts::tabs(&tabs.map(|(title, href)| (title, href.to_owned())), current)
}

/// A level from its word.
fn level(word: &str) -> Option<Level> {
    Level::ALL.into_iter().find(|level| level.word() == word)
}
