//! Back-office users: the list; their form, page and API are beside it.

mod api;
pub mod form;
mod opens;
mod page;

use crate::Identity;
use crate::account::{self, State};
use axum::response::{IntoResponse, Response};
use bo_model::{Level, Object};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, ListSpec, Need, Result, Routes, reply};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;

pub(super) const SPEC: ListSpec = ListSpec {
    sorts: &["name", "email", "id", "created", "updated"],
    sort: "name",
    desc: false,
    filters: &["state"],
};

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let (view, edit, own) = (
        Need::workspace_area("users", Level::View),
        Need::workspace_area("users", Level::Edit),
        Need::workspace_area("users", Level::Own),
    );
    Routes::new("identity")
        .get("/users", view, list)
        .about("All users of the workspace")
        .get("/users/new", own, page::new)
        .about("The form for a new user")
        .post("/users", own, super::with(identity, page::create))
        .about("Make a user")
        .get("/users/{id}", view, super::with(identity, page::show))
        .about("A user")
        .post("/users/{id}", edit, super::with(identity, page::save))
        .about("Save a user's form")
        .post("/users/{id}/disable", own, super::with(identity, page::disable))
        .about("Disable a user and end all their access")
        .post("/users/{id}/enable", own, super::with(identity, page::enable))
        .about("Enable a user again")
        .post("/users/{id}/invite", own, super::with(identity, page::invite))
        .about("Send a link with which a user chooses a password")
        .get("/api/v1/users", view, api::list)
        .about("All users of the workspace")
        .accepts(json!({"type": "object", "properties": {"q": {"type": "string"}, "sort": {"type": "string"},
            "state": {"enum": ["active", "invited", "disabled"]}, "limit": {"type": "integer"}, "after": {"type": "string"}}}))
        .get("/api/v1/users/{id}", view, api::show)
        .about("A user, their groups and levels")
        .post("/api/v1/users", own, super::with(identity, api::create))
        .about("Make a user; answers the activation link when no mail can be sent")
        .accepts(api::schema(&["email"]))
        .patch("/api/v1/users/{id}", edit, api::update)
        .about("Change a user's profile, groups or levels")
        .accepts(api::schema(&[]))
        .post("/api/v1/users/{id}/disable", own, api::disable)
        .about("Disable a user and end all their access")
        .post("/api/v1/users/{id}/enable", own, api::enable)
        .about("Enable a user again")
}

async fn list(ctx: Ctx) -> Result<Response> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    let (page, may_create) = ctx.read(|tx| -> Result<_> {
        let users = ctx.level(tx, &Object::area(workspace, "users"))?;
        Ok((account::members(tx, workspace, &list)?, users == Level::Own))
    })?;
    if list.format == "csv" {
        let rows = page.items.iter().map(|user| {
            vec![
                user.id.to_string(),
                user.name.clone(),
                user.email.clone(),
                user.state.word().into(),
                user.created_at.rfc3339(),
                user.updated_at.rfc3339(),
            ]
        });
        return reply::csv("users", &["id", "name", "email", "state", "created", "updated"], rows);
    }
    let now = ctx.now();
    let states = ["active", "invited", "disabled"].map(|word| (word.to_owned(), word.to_owned())).to_vec();
    let heading = |title, sort| parts::heading(&list, "/users", title, sort);
    let body = html! {
        (super::people_tabs("/users"))
        (parts::filters(&list, "/users", "Name or mail address", &[("state", "State", states)]))
        section.card.card--flush {
            @if page.items.is_empty() {
                (parts::empty("users", "Nobody found", "Try another search, or add a user.", may_create.then_some(("New user", "/users/new"))))
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (heading("User", Some("id"))) (heading("Name", Some("name"))) (heading("Mail address", Some("email")))
                        (heading("State", None)) (heading("Created", Some("created"))) (heading("Changed", Some("updated")))
                        (heading("Last sign-in", None))
                    } }
                    tbody { @for user in &page.items { tr {
                        td data-label="User" { a.mono href={ "/users/" (user.id) } title=(user.id) { (short(&user.id.to_string())) } }
                        td data-label="Name" { a href={ "/users/" (user.id) } { (user.name) } }
                        td data-label="Mail address" { (user.email) }
                        td data-label="State" { (state_badge(user.state)) }
                        td data-label="Created" { (parts::time(user.created_at, now)) }
                        td data-label="Changed" { (parts::time(user.updated_at, now)) }
                        td data-label="Last sign-in" { (parts::time_or(user.signed_in_at, now, "never")) }
                    } } }
                } }
                (parts::pages(&list, "/users", &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let actions = html! { @if may_create { a.btn.btn--primary href="/users/new" { (icon("plus")) "New backoffice user" } } };
    let page = bo_web::Page::new("Backoffice users", "/users", body);
    Ok(ctx.page(page.lead("Who can sign in, and what they may.").actions(actions)).into_response())
}

/// The end of an id tells people apart; its beginning is a time.
fn short(id: &str) -> String {
    id.chars().skip(id.len().saturating_sub(8)).collect()
}

fn state_badge(state: State) -> Markup {
    match state {
        State::Active => parts::badge(Tone::Good, "active"),
        State::Invited => parts::badge(Tone::Info, "invited"),
        State::Disabled => parts::badge(Tone::Idle, "disabled"),
    }
}
