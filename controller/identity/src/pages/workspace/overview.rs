//! The workspace one is in: what it is, who owns it, its name, leaving it.

use super::{closing, fields, ownership, owns, page};
use crate::delegate::Rank;
use crate::workspace::{self, Space};
use crate::{delegate, member, organisation};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::AccountId;
use bo_web::layout::{form, parts};
use bo_web::{Ctx, Input, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde_json::json;

pub fn routes() -> Routes {
    let own = Need::signed_in();
    Routes::new("identity")
        .get("/workspace", own, show)
        .about("The workspace one is in")
        .post("/workspace/name", own, rename)
        .about("Rename the organisation one is in")
        .post("/workspace/leave", own, leave)
        .about("Leave the organisation one is in")
        .get("/api/v1/workspace", own, api_show)
        .about("The workspace one is in, its owners, and an offer to hand it over")
        .patch("/api/v1/workspace", own, api_rename)
        .about("Rename the organisation one is in")
        .accepts(json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 80}}}))
        .post("/api/v1/workspace/leave", own, api_leave)
        .about("Leave the organisation one is in")
}

/// What the page shows.
struct Shown {
    space: Space,
    owners: Vec<(AccountId, String)>,
    members: i64,
    groups: Vec<String>,
}

fn read(ctx: &Ctx) -> Result<Shown> {
    let viewer = ctx.who()?;
    ctx.read(|tx| {
        let all = workspace::spaces(tx, viewer.account)?;
        let space = all.into_iter().find(|space| space.id == viewer.workspace).ok_or(WebError::NotFound)?;
        let (members, mut owners) = (member::count(tx, space.id)?, Vec::new());
        for (id, name) in workspace::direct_owners(tx, space.id)? {
            if delegate::rank(tx, id, space.id)? == Rank::Owner {
                owners.push((id, name));
            }
        }
        let groups = delegate::groups_of(tx, space.id, viewer.account)?;
        Ok(Shown { space, owners, members, groups: groups.into_iter().map(|(_, name)| name).collect() })
    })
}

async fn show(ctx: Ctx) -> Result<Markup> {
    overview(&ctx, &Input::default(), &Input::default())
}

/// `name` and `offer` are the forms for those.
pub fn overview(ctx: &Ctx, name: &Input, offer: &Input) -> Result<Markup> {
    let (shown, owner, now) = (read(ctx)?, owns(ctx)?, ctx.now());
    let body = if shown.space.personal {
        html! { (personal(&shown, now)) }
    } else {
        let names: Vec<&str> = shown.owners.iter().map(|(_, name)| name.as_str()).collect();
        let role = if owner {
            "Owner".to_owned()
        } else if shown.groups.is_empty() {
            "Member, in no group yet".into()
        } else {
            shown.groups.join(", ")
        };
        html! {
            (closing::waiting(ctx, owner)?)
            (ownership::waiting(ctx)?)
            (form::problems(offer))
            div.grid.grid--wide {
                section.card {
                    div.card__head { h2 { "About" } }
                    (parts::facts(&[
                        ("Kind", html! { "Organisation" }),
                        ("Owner", html! { (names.join(", ")) }),
                        ("Members", html! { (shown.members) }),
                        ("You are", html! { (role) }),
                        ("Member since", parts::time(shown.space.joined_at, now)),
                        ("Made", parts::time(shown.space.created_at, now)),
                    ]))
                }
                @if owner { (rename_card(ctx, &shown, name)) (ownership::card(ctx, offer)?) }
                (leave_card(ctx, &shown, owner && names.len() < 2))
                @if owner { (closing::card(ctx)?) }
            }
        }
    };
    let title = shown.space.name.clone();
    Ok(ctx.page(page(ctx, "/workspace", &title, body)?))
}

fn personal(shown: &Shown, now: bo_model::Time) -> Markup {
    html! {
        div.grid.grid--wide {
            section.card {
                div.card__head { h2 { "Yours alone" } }
                p { "Here you work by yourself: your own events, your own licences. Nobody else can be invited, and nobody else sees any of it." }
                (parts::facts(&[("Made", parts::time(shown.space.created_at, now))]))
            }
            section.card {
                div.card__head { h2 { "Working with others" } }
                p { "An organisation has members, shared licences, and an overview of all its events. You can make one, or join one by invitation." }
                p { a.btn.btn--primary href="/workspaces/new" { "New organisation" } " " a.btn href="/workspaces" { "My workspaces" } }
            }
        }
    }
}

fn rename_card(ctx: &Ctx, shown: &Shown, input: &Input) -> Markup {
    let stored = Input::filled([("name", shown.space.name.as_str())]);
    let input = if input.has("name") { input } else { &stored };
    html! {
        section.card {
            div.card__head { h2 { "Name" } }
            form.form action="/workspace/name" method="post" {
                (ctx.csrf()) (form::problems(input))
                (form::text("name", "Name", "", "text", true, input))
                div.form__actions { button.btn type="submit" { "Rename" } }
            }
        }
    }
}

fn leave_card(ctx: &Ctx, shown: &Shown, last_owner: bool) -> Markup {
    html! {
        section.card {
            div.card__head { h2 { "Leave" } }
            @if last_owner {
                p { "You are its only owner. Hand it over to another member first; then you can leave." }
            } @else {
                p { "You lose your groups, seats and slots here, and find yourself in another of your workspaces. What you did stays." }
                (parts::confirm("Leave", &format!("Leave {}?", shown.space.name),
                    html! { p { "You come back only when somebody invites you again." } }, "/workspace/leave", ctx.csrf()))
            }
        }
    }
}

async fn rename(ctx: Ctx) -> Result<Response> {
    let (input, viewer) = (ctx.form()?, ctx.who()?.clone());
    let name = input.text("name").to_owned();
    match ctx.write(move |tx| organisation::rename(tx, &viewer, &name)).await.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect("/workspace").flash("Renamed.").into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            let shown = overview(&ctx, &input, &Input::default())?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn leave(ctx: Ctx) -> Result<Response> {
    let viewer = ctx.who()?.clone();
    let message = format!("You have left {}.", viewer.workspace_name);
    match ctx.write(move |tx| organisation::leave(tx, &viewer)).await.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect("/workspaces").flash(message).into_response()),
        Err(error) => {
            let input = Input::default().with_errors(fields(error)?);
            let shown = overview(&ctx, &Input::default(), &input)?;
            Ok((StatusCode::CONFLICT, shown).into_response())
        }
    }
}

async fn api_show(ctx: Ctx) -> Result<Response> {
    let shown = read(&ctx)?;
    let offer = ctx.read(|tx| crate::ownership::pending(tx, shown.space.id))?;
    let removal = ctx.read(|tx| crate::closing::pending(tx, shown.space.id))?;
    let owners: Vec<_> = shown.owners.iter().map(|(id, name)| json!({"account": id, "name": name})).collect();
    Ok(reply::json(&json!({
        "id": shown.space.id, "name": shown.space.name, "personal": shown.space.personal, "owners": owners,
        "members": shown.members, "groups": shown.groups, "offer": offer, "removal": removal,
    })))
}

async fn api_rename(ctx: Ctx) -> Result<Response> {
    let (named, viewer): (super::Named, _) = (ctx.json()?, ctx.who()?.clone());
    ctx.write(move |tx| organisation::rename(tx, &viewer, &named.name)).await?;
    Ok(reply::done())
}

async fn api_leave(ctx: Ctx) -> Result<Response> {
    let viewer = ctx.who()?.clone();
    ctx.write(move |tx| organisation::leave(tx, &viewer)).await?;
    Ok(reply::done())
}
