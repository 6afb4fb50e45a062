//! Who one is: name, telephone, position, the language one prefers. The mail address stays: it is what one signs in with.

use super::super::fields;
use super::super::users::form::general;
use super::{browser_only, page};
use crate::account;
use crate::error::IdentityError;
use crate::profile::Profile;
use axum::response::{IntoResponse, Response};
use bo_web::layout::{form, parts};
use bo_web::{Ctx, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};

pub fn routes() -> Routes {
    Routes::new("identity")
        .get("/account", Need::signed_in(), show)
        .about("My account")
        .post("/account", Need::account(), save)
        .about("Change my name, telephone, position and language")
}

async fn show(ctx: Ctx) -> Result<Markup> {
    let id = ctx.who()?.account;
    let me = ctx.read(|tx| account::find(tx, id))?.ok_or(WebError::NotFound)?;
    let stored = match me.profile.first_name.is_empty() {
        true => Profile { language: me.profile.language.clone(), ..Profile::of_name(&me.name) },
        false => me.profile,
    };
    let fields = stored.fields().map(|(name, value)| (name, value.to_owned()));
    let work = [("job", me.job), ("phone", me.phone)];
    shown(&ctx, &Input::filled(fields.into_iter().chain(work)))
}

fn shown(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let viewer = ctx.who()?;
    let body = html! {
        p { "You work in " (viewer.workspace_name) ". " a href="/workspaces" { "All my workspaces" } }
        @match viewer.whole() {
            Err(why) => (parts::notice(parts::Tone::Info, html! { (why) })),
            Ok(()) => form.form.stack action="/account" method="post" {
                (ctx.csrf()) (form::problems(input))
                (general(input, Some(&viewer.email)))
                div.form__actions { button.btn.btn--primary type="submit" { "Save" } }
            },
        }
    };
    Ok(ctx.page(page(ctx, "/account", "My account", body).lead(&viewer.email)))
}

async fn save(ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let (input, id) = (ctx.form()?, ctx.who()?.account);
    let mut errors = Vec::new();
    let profile = Profile::from_form(&input, &mut errors);
    let (job, phone) = (input.optional("job", 120, &mut errors), input.optional("phone", 40, &mut errors));
    let saved = match errors.is_empty() {
        true => ctx
            .write(move |tx| -> std::result::Result<(), IdentityError> {
                account::update(tx, id, &profile, &job, &phone)
            })
            .await
            .map_err(WebError::from),
        false => Err(WebError::BadInput(errors)),
    };
    match saved {
        Ok(()) => Ok(ctx.redirect("/account").flash("Saved.").into_response()),
        Err(error) => {
            let status = error.status();
            Ok((status, shown(&ctx, &input.with_errors(fields(error)?))?).into_response())
        }
    }
}
