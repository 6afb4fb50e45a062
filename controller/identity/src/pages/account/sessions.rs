//! Where one is signed in, and ending it from elsewhere.

use super::{browser_only, page};
use crate::session::{self, Session};
use axum::response::{IntoResponse, Response};
use bo_model::SessionId;
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde_json::json;

pub fn routes() -> Routes {
    let own = Need::account();
    Routes::new("identity")
        .get("/account/sessions", own, show)
        .about("Where I am signed in")
        .post("/account/sessions/{id}/end", own, end)
        .about("End one of my sessions")
        .post("/account/sessions/end-others", own, end_others)
        .about("End all my sessions but this one")
        .get("/api/v1/sessions", own, api_list)
        .about("My sessions")
        .delete("/api/v1/sessions/{id}", own, api_end)
        .about("End one of my sessions")
}

async fn show(ctx: Ctx) -> Result<Markup> {
    let account = ctx.who()?.account;
    let sessions = ctx.read(|tx| session::of_account(tx, account))?;
    let body = html! {
        section.card.card--flush { (table(&ctx, &sessions)) }
        @if sessions.len() > 1 {
            form action="/account/sessions/end-others" method="post" data-confirm="End all your sessions but this one? Whoever uses them is signed out at once." {
                (ctx.csrf()) button.btn.btn--danger type="submit" { "End all others" }
            }
        }
        p.muted { "If you do not know one of these, end it and change your password." }
    };
    Ok(ctx.page(page(&ctx, "/account/sessions", "Sessions", body)))
}

fn table(ctx: &Ctx, sessions: &[Session]) -> Markup {
    let (now, current) = (ctx.now(), ctx.viewer().map(|viewer| viewer.session));
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Browser" } th scope="col" { "From" } th scope="col" { "Signed in" } th scope="col" { "Last used" } th scope="col" { "Ends" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for session in sessions { tr {
                td data-label="Browser" { (browser(&session.agent)) @if current == Some(session.id) { " " (parts::badge(parts::Tone::Good, "this one")) } @if session.confined { " " (parts::badge(parts::Tone::Info, "one organisation only")) } }
                td data-label="From" { (session.address) }
                td data-label="Signed in" { (parts::time(session.created_at, now)) }
                td data-label="Last used" { (parts::time(session.seen_at, now)) }
                td data-label="Ends" { (parts::time(session.expires_at, now)) }
                td.num { (parts::post_button(if current == Some(session.id) { "Sign out" } else { "End" }, "btn--small", &format!("/account/sessions/{}/end", session.id), ctx.csrf())) }
            } } }
        } }
    }
}

/// Enough to recognise a browser by.
pub fn browser(agent: &str) -> String {
    let find = |names: &[(&str, &str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| (*name).to_owned())
    };
    let name = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name,
        _ if agent.is_empty() => "Unknown".into(),
        _ => agent.chars().take(40).collect(),
    }
}

async fn end(ctx: Ctx) -> Result<Response> {
    close(&ctx).await?;
    Ok(ctx.redirect("/account/sessions").flash("The session has ended.").into_response())
}

async fn end_others(ctx: Ctx) -> Result<Response> {
    browser_only(&ctx)?;
    let (account, keep) = ctx.who().map(|viewer| (viewer.account, viewer.session))?;
    let ended = ctx.write(move |tx| session::close_others(tx, account, keep)).await?;
    let text = if ended == 1 {
        "One session has ended.".to_owned()
    } else {
        format!("{ended} sessions have ended.")
    };
    Ok(ctx.redirect("/account/sessions").flash(text).into_response())
}

async fn close(ctx: &Ctx) -> Result<()> {
    browser_only(ctx)?;
    let (id, account): (SessionId, _) = (ctx.param("id")?, ctx.who()?.account);
    match ctx.write(move |tx| session::close(tx, id, account)).await? {
        true => Ok(()),
        false => Err(WebError::NotFound),
    }
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let account = ctx.who()?.account;
    Ok(reply::json(&json!({"items": ctx.read(|tx| session::of_account(tx, account))?})))
}

async fn api_end(ctx: Ctx) -> Result<Response> {
    close(&ctx).await?;
    Ok(reply::done())
}
