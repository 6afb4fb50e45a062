//! One's PIN for gateways: made, shown once, taken away.

use super::account::{self, browser_only};
use super::with;
use crate::{Identity, gateway_pin};
use axum::response::{IntoResponse, Response};
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Result, Routes};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let own = Need::account();
    Routes::new("identity")
        .get("/account/gateway-pin", own, show)
        .about("My PIN for gateways")
        .post("/account/gateway-pin", own, with(identity, make))
        .about("Make a PIN for gateways; it is shown once")
        .post("/account/gateway-pin/remove", own, remove)
        .about("Take my PIN for gateways away")
}

async fn show(ctx: Ctx) -> Result<Markup> {
    page(&ctx, None)
}

fn page(ctx: &Ctx, fresh: Option<&str>) -> Result<Markup> {
    let (account, email) = (ctx.who()?.account, ctx.who()?.email.clone());
    let made = ctx.read(|tx| gateway_pin::made_at(tx, account))?;
    let body = html! {
        @if let Some(pin) = fresh {
            (parts::notice(parts::Tone::Good, html! {
                p { strong { "Your PIN for gateways. It is shown this once." } }
                pre { (gateway_pin::shown(pin)) }
                p { "Sign in with it on a gateway's own page as " strong { (email) } ". Gateways know it from their next release on." }
            }))
        }
        section.card.stack {
            p { "While this server is out of reach, a building is operated at its gateway. There you sign in with this PIN and may do what you may do here; what you do is on record under your name." }
            p.muted { "It is no password: whoever learns it from a stolen gateway can't open anything here. When a gateway has not heard from this server for a week, people may only look." }
            @match made {
                Some(at) => { p { "You have one, made " (parts::time(at, ctx.now())) "." } }
                None => { p { "You have none." } }
            }
            div.form__actions {
                form action="/account/gateway-pin" method="post" {
                    (ctx.csrf())
                    button.btn.btn--primary type="submit" { @if made.is_some() { "Make a new one" } @else { "Make a PIN" } }
                }
                @if made.is_some() {
                    (parts::post_button("Take it away", "btn--danger", "/account/gateway-pin/remove", ctx.csrf()))
                }
            }
        }
    };
    Ok(ctx.page(account::page(ctx, "/account/gateway-pin", "PIN for gateways", body)))
}

async fn make(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let (account, pin) = (ctx.who()?.account, gateway_pin::make());
    let hash = identity.hash(pin.clone()).await?;
    ctx.write(move |tx| gateway_pin::set(tx, account, &hash)).await?;
    Ok(page(&ctx, Some(&pin))?.into_response())
}

async fn remove(ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let account = ctx.who()?.account;
    ctx.write(move |tx| gateway_pin::remove(tx, account)).await?;
    Ok(ctx
        .redirect("/account/gateway-pin")
        .flash("Your PIN is gone; gateways forget it with their next release.")
        .into_response())
}
