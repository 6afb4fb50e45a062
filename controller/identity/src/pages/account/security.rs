//! How one signs in: password, passkeys, and what is asked for besides the password.

use super::super::sign_in::same_twice;
use super::super::{fields, with};
use super::{browser_only, page, passkeys, second_proof};
use crate::{Identity, account, password, sign_in};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_web::layout::form;
use bo_web::{Ctx, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::account();
    Routes::new("identity")
        .get("/account/security", own, with(identity, show))
        .about("How I sign in")
        .post("/account/password", own, with(identity, change_password))
        .about("Change my password")
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    shown(&identity, &ctx, Forms::default())
}

/// What was typed into the forms of the page, and refused.
#[derive(Default)]
pub struct Forms {
    pub password: Input,
    pub steps: Input,
}

pub fn shown(identity: &Identity, ctx: &Ctx, forms: Forms) -> Result<Markup> {
    let body = html! {
        (passkeys::section(identity, ctx)?)
        (second_proof::section(ctx, &forms.steps)?)
        (password_form(ctx, &forms.password)?)
    };
    Ok(ctx.page(page(ctx, "/account/security", "Signing in", body)))
}

fn password_form(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let viewer = ctx.who()?;
    let has = !ctx.read(|tx| account::password_hash(tx, viewer.account))?.is_empty();
    Ok(html! {
        section.card.stack {
            div.card__head { h2 { "Password" } }
            @if has {
                form.form action="/account/password" method="post" {
                    (ctx.csrf()) (form::problems(input))
                    (form::text("password", "Present password", "", "password", true, input))
                    (form::text("new_password", "New password", "At least 10 characters; three or four unrelated words are good.", "password", true, input))
                    (form::text("new_again", "Once more", "", "password", true, input))
                    div.form__actions { button.btn.btn--primary type="submit" { "Change password" } }
                    p.muted { "All your other sessions end." }
                }
            } @else {
                p { "You have none: you sign in at your provider. To get one, sign out and ask for a link at “Forgot your password?”." }
            }
        }
    })
}

async fn change_password(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let input = ctx.form()?;
    match try_password(&identity, &ctx, &input).await {
        Ok(()) => Ok(ctx
            .redirect("/account/security")
            .flash("Your password is changed. Your other sessions have ended.")
            .into_response()),
        Err(error) => {
            let password = input.with_errors(fields(error)?);
            let shown = shown(&identity, &ctx, Forms { password, ..Forms::default() })?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn try_password(identity: &Arc<Identity>, ctx: &Ctx, input: &Input) -> Result<()> {
    same_twice(input)?;
    let viewer = ctx.who()?.clone();
    let new = input.raw("new_password").to_owned();
    password::check(&new, &viewer.email, &viewer.name)
        .map_err(|sentence| WebError::field("new_password", sentence))?;
    sign_in::confirm(identity, ctx, input.raw("password"), "password").await?;
    let hash = identity.hash(new).await?;
    ctx.write(move |tx| account::set_password(tx, viewer.account, &hash, Some(viewer.session))).await?;
    Ok(())
}
