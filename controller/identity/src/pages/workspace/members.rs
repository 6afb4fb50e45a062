//! Who belongs to the organisation one is in, who was invited, and removing somebody.

use super::{fields, page, with};
use crate::account::{self, Account, State};
use crate::delegate::Rank;
use crate::group::Group;
use crate::invitation::{self, Invitation, InvitationId, Wanted};
use crate::licence::{self, Holder};
use crate::{Identity, delegate, group, letter, organisation, session, workspace};
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, GroupId, Level, Object};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, ListQuery, ListSpec, Need, Paged, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const SPEC: ListSpec = ListSpec { sorts: &["name", "email"], sort: "name", desc: false, filters: &["state"] };
const PATH: &str = "/workspace/members";

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let (view, own) = (Need::workspace_area("users", Level::View), Need::workspace_area("users", Level::Own));
    Routes::new("identity")
        .get(PATH, view, with(identity, list))
        .about("Members of the organisation one is in, and who was invited")
        .post("/workspace/members/{id}/remove", own, remove)
        .about("Remove a member")
        .post("/workspace/invitations", own, with(identity, invite))
        .about("Invite somebody by mail")
        .post("/workspace/invitations/{id}/resend", own, with(identity, resend))
        .about("Send an invitation again, with a new link")
        .post("/workspace/invitations/{id}/withdraw", own, withdraw)
        .about("Withdraw an invitation")
        .get("/api/v1/workspace/members", view, api_list)
        .about("Members of the organisation one is in, with their groups")
        .lists(&SPEC)
        .delete("/api/v1/workspace/members/{id}", own, api_remove)
        .about("Remove a member")
        .get("/api/v1/workspace/invitations", own, api_invitations)
        .about("Invitations that were not answered yet")
        .post("/api/v1/workspace/invitations", own, with(identity, api_invite))
        .about("Invite somebody by mail")
        .accepts(json!({"type": "object", "required": ["email"], "properties": {
            "email": {"type": "string", "format": "email"}, "groups": {"type": "array", "items": {"type": "string", "format": "uuid"}}}}))
        .post("/api/v1/workspace/invitations/{id}/resend", own, with(identity, api_resend))
        .about("Send an invitation again, with a new link")
        .delete("/api/v1/workspace/invitations/{id}", own, api_withdraw)
        .about("Withdraw an invitation")
}

struct Member {
    account: Account,
    owner: bool,
    groups: Vec<String>,
    seats: Vec<Holder>,
}

fn members(ctx: &Ctx, list: &ListQuery) -> Result<Paged<Member>> {
    let workspace = ctx.workspace()?;
    ctx.read(|tx| -> Result<_> {
        let (page, mut items) = (account::members(tx, workspace, list)?, Vec::new());
        let holders = licence::holders(tx, workspace)?;
        for account in page.items {
            let groups = delegate::groups_of(tx, workspace, account.id)?;
            let seats = holders.iter().filter(|held| held.account == account.id && held.event.is_none());
            items.push(Member {
                owner: delegate::rank(tx, account.id, workspace)? == Rank::Owner,
                groups: groups.into_iter().map(|(_, name)| name).collect(),
                seats: seats.cloned().collect(),
                account,
            });
        }
        Ok(Paged { items, next: page.next })
    })
}

async fn list(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    if list.format == "csv" {
        let rows = members(&ctx, &list)?.items.into_iter().map(|member| {
            let seats: Vec<&str> = member.seats.iter().map(|seat| seat.licence.title()).collect();
            let role = roles(&member);
            vec![member.account.name, member.account.email, role, seats.join(", ")]
        });
        return reply::csv("members", &["name", "mail", "roles", "seats"], rows);
    }
    Ok(members_page(&identity, &ctx, &list, &Input::default())?.into_response())
}

fn roles(member: &Member) -> String {
    let owner = member.owner.then(|| "Owner".to_owned());
    owner.into_iter().chain(member.groups.iter().cloned()).collect::<Vec<_>>().join(", ")
}

fn members_page(identity: &Identity, ctx: &Ctx, list: &ListQuery, input: &Input) -> Result<Markup> {
    let viewer = ctx.who()?;
    let (found, first) = (members(ctx, list)?, ctx.query_value("after").is_empty());
    let (may, invitations, groups) = ctx.read(|tx| -> Result<_> {
        let may = ctx.level(tx, &Object::area(viewer.workspace, "users"))? == Level::Own
            && !workspace::is_personal(tx, viewer.workspace)?;
        Ok((may, invitation::open(tx, viewer.workspace)?, group::all(tx, viewer.workspace)?))
    })?;
    let states = ["active", "invited", "disabled"].map(|word| (word.to_owned(), word.to_owned())).to_vec();
    let body = html! {
        (parts::filters(list, PATH, "Search members", &[("state", "State", states)]))
        section.card.card--flush {
            div.table-wrap { table.table.table--cards {
                thead { tr {
                    (parts::heading(list, PATH, "Name", Some("name"))) (parts::heading(list, PATH, "Mail address", Some("email")))
                    th scope="col" { "Roles" } th scope="col" { "Seats" } th scope="col" { span.sr-only { "Actions" } }
                } }
                tbody { @for member in &found.items { (row(ctx, member, may && member.account.id != viewer.account)) } }
            } }
            @if found.items.is_empty() { (parts::empty("users", "Nobody found", "No member fits what you search for.", Some(("Show all", PATH)))) }
            (parts::pages(list, PATH, &found, first))
        }
        @if may {
            section.card.card--flush {
                div.card__head { h2 { "Invited" } }
                (invited(ctx, &invitations, &groups))
            }
            (invite_card(identity, ctx, &groups, input))
        }
    };
    Ok(ctx.page(page(ctx, PATH, "Members", body)?.lead("Who works in this organisation, and as what.")))
}

fn row(ctx: &Ctx, member: &Member, may_remove: bool) -> Markup {
    let account = &member.account;
    html! {
        tr {
            td data-label="Name" { a href={ "/users/" (account.id) } { (account.name) }
                @if account.state != State::Active { " " (parts::badge(Tone::Idle, account.state.word())) } }
            td data-label="Mail address" { (account.email) }
            td data-label="Roles" { @let roles = roles(member); @if roles.is_empty() { span.muted { "none yet" } } @else { (roles) } }
            td data-label="Seats" { @for seat in &member.seats { (parts::badge(if seat.paused { Tone::Warn } else { Tone::Info }, seat.licence.title())) " " } }
            td.num { @if may_remove {
                (parts::confirm("Remove", &format!("Remove {}?", account.name),
                    html! { p { "They lose their roles, seats and slots here at once. Their account, and what they did, stay." } },
                    &format!("/workspace/members/{}/remove", account.id), ctx.csrf()))
            } }
        }
    }
}

fn names(ids: &[GroupId], groups: &[Group]) -> String {
    let named = ids.iter().filter_map(|id| groups.iter().find(|group| group.id == *id));
    named.map(|group| group.name.clone()).collect::<Vec<_>>().join(", ")
}

fn invited(ctx: &Ctx, invitations: &[Invitation], groups: &[Group]) -> Markup {
    let now = ctx.now();
    if invitations.is_empty() {
        return parts::empty(
            "users",
            "Nobody is waiting",
            "Whom you invite stands here until they accept or decline.",
            None,
        );
    }
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Mail address" } th scope="col" { "Roles" } th scope="col" { "Invited by" } th scope="col" { "Sent" } th scope="col" { "Works until" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for invitation in invitations { tr {
                td data-label="Mail address" { (invitation.email) }
                td data-label="Roles" { (names(&invitation.groups, groups)) }
                td data-label="Invited by" { (invitation.inviter) }
                td data-label="Sent" { (parts::time(invitation.sent_at, now)) }
                td data-label="Works until" { (parts::time(invitation.expires_at, now)) @if invitation.expires_at < now { " " (parts::badge(Tone::Warn, "too old")) } }
                td.num { div.row {
                    (parts::post_button("Send again", "btn--small", &format!("/workspace/invitations/{}/resend", invitation.id), ctx.csrf()))
                    (parts::post_button("Withdraw", "btn--small", &format!("/workspace/invitations/{}/withdraw", invitation.id), ctx.csrf()))
                } }
            } } }
        } }
    }
}

fn invite_card(identity: &Identity, ctx: &Ctx, groups: &[Group], input: &Input) -> Markup {
    let chosen = |group: &Group| {
        if input.has("email") {
            input.all("group").contains(&group.id.to_string())
        } else {
            group.builtin == "team"
        }
    };
    html! {
        section.card.stack #invite {
            div.card__head { h2 { "Invite somebody" } }
            @if identity.settings.public_url.is_none() {
                p { "This installation sends no mail, so nobody can be invited by it. " a href="/users/new" { "Make an account for them" } " instead." }
            } @else {
                form.form action="/workspace/invitations" method="post" {
                    (ctx.csrf()) (form::problems(input))
                    (form::text("email", "Mail address", "They get a letter with a link that works for a week, for this address alone.", "email", true, input))
                    fieldset.field {
                        legend.field__label { "Roles" }
                        @for group in groups.iter().filter(|group| group.builtin != "everyone") {
                            label.check { input type="checkbox" name="group" value=(group.id) checked[chosen(group)]; (group.name) @if !group.about.is_empty() { span.muted { " " (group.about) } } }
                        }
                    }
                    div.form__actions { button.btn.btn--primary type="submit" { (icon("plus")) "Invite" } }
                }
            }
        }
    }
}

async fn try_invite(identity: &Identity, ctx: &Ctx, wanted: Wanted) -> Result<InvitationId> {
    let (id, secret, viewer) = (ctx.make_id::<InvitationId>(), session::secret(), ctx.who()?.clone());
    let (letter, hash) = (letter_with(identity, &secret)?, session::digest(&secret));
    ctx.write(move |tx| invitation::invite(tx, &viewer, id, &wanted, &hash, &letter)).await?;
    Ok(id)
}

fn letter_with(identity: &Identity, secret: &str) -> Result<letter::Letter> {
    identity.post(&format!("/invitation?code={secret}"), invitation::words).ok_or_else(|| {
        WebError::Unavailable(
            "This installation sends no mail: it has no public address. Make an account under Users instead."
                .into(),
        )
    })
}

/// Back to the list: with the message, or with what is wrong beside its field.
fn answer(
    identity: &Identity,
    ctx: &Ctx,
    outcome: Result<()>,
    typed: Input,
    message: &str,
) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(ctx.redirect(PATH).flash(message).into_response()),
        Err(error) => {
            let status = error.status();
            let errors = match error {
                WebError::TooMany(_) => vec![(
                    String::new(),
                    "So many letters were sent today that no more can be. Try again tomorrow.".to_owned(),
                )],
                other => fields(other)?,
            };
            let list = ListQuery::parse(&SPEC, Vec::new())?;
            Ok((status, members_page(identity, ctx, &list, &typed.with_errors(errors))?).into_response())
        }
    }
}

async fn invite(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let groups = input.all("group").iter().filter_map(|id| id.parse().ok()).collect();
    let outcome = try_invite(&identity, &ctx, Wanted { email: input.text("email").into(), groups }).await;
    answer(&identity, &ctx, outcome.map(drop), input, "Invited. The letter is on its way.")
}

async fn try_resend(identity: &Identity, ctx: &Ctx) -> Result<()> {
    let (id, secret, viewer): (InvitationId, _, _) =
        (ctx.param("id")?, session::secret(), ctx.who()?.clone());
    let (letter, hash) = (letter_with(identity, &secret)?, session::digest(&secret));
    Ok(ctx.write(move |tx| invitation::resend(tx, &viewer, id, &hash, &letter)).await?)
}

async fn resend(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let outcome = try_resend(&identity, &ctx).await;
    answer(&identity, &ctx, outcome, Input::default(), "Sent again. The link before no longer works.")
}

async fn try_withdraw(ctx: &Ctx) -> Result<()> {
    let (id, viewer): (InvitationId, _) = (ctx.param("id")?, ctx.who()?.clone());
    Ok(ctx.write(move |tx| invitation::withdraw(tx, &viewer, id)).await?)
}

async fn withdraw(ctx: Ctx) -> Result<Response> {
    try_withdraw(&ctx).await?;
    Ok(ctx.redirect(PATH).flash("Withdrawn. Its link no longer works.").into_response())
}

async fn try_remove(ctx: &Ctx) -> Result<()> {
    let (id, viewer): (AccountId, _) = (ctx.param("id")?, ctx.who()?.clone());
    Ok(ctx.write(move |tx| organisation::remove(tx, &viewer, id, "")).await?)
}

async fn remove(ctx: Ctx) -> Result<Response> {
    try_remove(&ctx).await?;
    Ok(ctx.redirect(PATH).flash("Removed. They have nothing here any more.").into_response())
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let found = members(&ctx, &ctx.list(&SPEC)?)?;
    let items: Vec<_> = found
        .items
        .into_iter()
        .map(|member| {
            let seats: Vec<_> = member.seats.iter().map(|seat| seat.licence).collect();
            json!({"account": member.account, "owner": member.owner, "groups": member.groups, "seats": seats})
        })
        .collect();
    Ok(reply::json(&json!({"items": items, "next": found.next})))
}

async fn api_remove(ctx: Ctx) -> Result<Response> {
    try_remove(&ctx).await?;
    Ok(reply::done())
}

async fn api_invitations(ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    Ok(reply::json(&json!({"items": ctx.read(|tx| invitation::open(tx, workspace))?})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invite {
    email: String,
    #[serde(default)]
    groups: Vec<GroupId>,
}

async fn api_invite(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let Invite { email, groups } = ctx.json()?;
    let id = try_invite(&identity, &ctx, Wanted { email, groups }).await?;
    Ok(reply::created(&format!("/api/v1/workspace/invitations/{id}"), &json!({"id": id})))
}

async fn api_resend(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    try_resend(&identity, &ctx).await?;
    Ok(reply::done())
}

async fn api_withdraw(ctx: Ctx) -> Result<Response> {
    try_withdraw(&ctx).await?;
    Ok(reply::done())
}
