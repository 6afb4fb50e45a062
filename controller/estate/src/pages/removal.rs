//! Removing zones, systems, devices, triggers and gateways: a page that says what goes with it and what uses it, before
//! anything is done. One page for all of them.

use super::parts as own;
use crate::Estate;
use crate::configure::{Contents, remove};
use crate::http::with;
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, Object};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Need, Page, Result, Routes};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |kind| Need::object(kind, "id", Level::Own);
    let mut routes = Routes::new("estate");
    for (path, kind) in [
        ("/zones/{id}/remove", Kind::ZONE),
        ("/systems/{id}/remove", Kind::SYSTEM),
        ("/devices/{id}/remove", Kind::DEVICE),
        ("/triggers/{id}/remove", Kind::TRIGGER),
        ("/edges/{id}/remove", Kind::EDGE),
    ] {
        routes = routes
            .get(path, on(kind), with(estate, move |estate, ctx| ask(estate, ctx, kind)))
            .about("What removing it would take along")
            .post(path, on(kind), with(estate, move |estate, ctx| done(estate, ctx, kind)))
            .about("Remove it, and what lies in it when that is confirmed");
    }
    routes
}

fn object(ctx: &Ctx, kind: Kind) -> Result<Object> {
    Ok(Object::new(kind, ctx.param::<String>("id")?))
}

/// Address of the thing, of its list, and what it is called.
fn place(kind: Kind, id: &str) -> (String, &'static str, &'static str) {
    let (list, word) = match kind {
        Kind::ZONE => ("/zones", "zone"),
        Kind::SYSTEM => ("/systems", "system"),
        Kind::TRIGGER => ("/triggers", "trigger"),
        Kind::EDGE => ("/edges", "gateway"),
        _ => ("/devices", "device"),
    };
    (format!("{list}/{id}"), list, word)
}

async fn ask(estate: Arc<Estate>, ctx: Ctx, kind: Kind) -> Result<Markup> {
    let object = object(&ctx, kind)?;
    let (path, list, word) = place(kind, object.id());
    let registry = estate.registry();
    let contents = Contents::of(&registry, ctx.workspace()?, &object)?;
    let name = own::name_of(&registry, word, object.id()).unwrap_or_else(|| contents.name.clone());
    let more = !contents.with.is_empty() || !contents.uses.is_empty();
    let goes = contents.summary();
    let body = html! {
        section.card.stack {
            @if contents.blocked.is_empty() {
                @if contents.with.is_empty() { p { strong { "Nothing else goes with it." } } }
                @else {
                    p { strong { "With it go " (goes) ":" } }
                    ul.plain-list { @for (word, count) in &contents.with { li { (count) " " (own::plural(word, *count)) } } }
                }
                @if !contents.uses.is_empty() {
                    (parts::notice(Tone::Warn, html! { p { "It is used:" } ul { @for sentence in &contents.uses { li { (sentence) } } } }))
                }
                p.muted { "Gateways stop what was removed with their next release. What was recorded stays in the audit log." }
                form.form action={ (path) "/remove" } method="post" {
                    (ctx.csrf())
                    @if more {
                        label.check for="with" { input #with type="checkbox" name="with_contents" value="true" required; "Yes, remove it and everything named here" }
                    }
                    div.form__actions {
                        button.btn.btn--danger type="submit" { (icon("trash")) "Remove " (name) }
                        a.btn.btn--quiet href=(path) { "Cancel" }
                    }
                }
            } @else {
                (parts::notice(Tone::Bad, html! { p { strong { "It can't be removed yet." } } ul { @for sentence in &contents.blocked { li { (sentence) } } } }))
                div.form__actions { a.btn href=(path) { "Back" } }
            }
        }
    };
    let title = format!("Remove the {word} “{name}”?");
    Ok(ctx.page(Page::new(title, list, body).crumb(name, path)))
}

async fn done(estate: Arc<Estate>, ctx: Ctx, kind: Kind) -> Result<Response> {
    let object = object(&ctx, kind)?;
    let (_, list, _) = place(kind, object.id());
    let registry = estate.registry();
    // Where one is afterwards: what it lay in.
    let id = object.id();
    let up = match kind {
        Kind::ZONE => {
            id.parse().ok().and_then(|id| registry.zones.get(&id)?.parent).map(|id| format!("/zones/{id}"))
        }
        Kind::SYSTEM => {
            id.parse().ok().and_then(|id| Some(format!("/zones/{}", registry.systems.get(&id)?.zone)))
        }
        Kind::DEVICE => id
            .parse()
            .ok()
            .and_then(|id| Some(format!("/systems/{}", registry.devices.get(&id)?.device.system))),
        Kind::TRIGGER => {
            id.parse().ok().and_then(|id| Some(format!("/systems/{}", registry.triggers.get(&id)?.system)))
        }
        _ => None,
    };
    let with_contents = ctx.form()?.checked("with_contents");
    let contents = remove(&estate, &ctx, object, with_contents).await?;
    let and = if contents.with.is_empty() {
        String::new()
    } else {
        format!(", and with it {}", contents.summary())
    };
    let flash = format!("Removed {}{and}. Deploy it to the gateways for it to take effect.", contents.name);
    Ok(ctx.redirect(up.unwrap_or_else(|| list.to_owned())).flash(flash).into_response())
}
