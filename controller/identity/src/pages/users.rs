//! Back-office users: list, form, groups, invitation, disabling.

use super::fields;
use crate::account::{self, Account, NewAccount, State};
use crate::error::IdentityError;
use crate::group::{self, Group};
use crate::{delegate, session};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, GroupId, Level, Object};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, ListSpec, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

const SPEC: ListSpec = ListSpec {
    sorts: &["name", "email", "created", "updated"],
    sort: "name",
    desc: false,
    filters: &["state"],
};

pub fn routes() -> Routes {
    let (view, edit, own) = (
        Need::workspace_area("users", Level::View),
        Need::workspace_area("users", Level::Edit),
        Need::workspace_area("users", Level::Own),
    );
    Routes::new("identity")
        .get("/users", view, list)
        .about("All users of the workspace")
        .get("/users/new", own, new)
        .about("The form for a new user")
        .post("/users", own, create)
        .about("Make a user")
        .get("/users/{id}", view, show)
        .about("A user")
        .post("/users/{id}", edit, update)
        .about("Change a user's name, position and telephone")
        .post("/users/{id}/groups", edit, set_groups)
        .about("Put a user into groups")
        .post("/users/{id}/disable", own, disable)
        .about("Disable a user and end all their access")
        .post("/users/{id}/enable", own, enable)
        .about("Enable a user again")
        .post("/users/{id}/invite", own, invite)
        .about("Make a link with which a user chooses a password")
        .get("/api/v1/users", view, api_list)
        .about("All users of the workspace")
        .accepts(json!({"type": "object", "properties": {"q": {"type": "string"}, "sort": {"type": "string"},
            "state": {"enum": ["active", "invited", "disabled"]}, "limit": {"type": "integer"}, "after": {"type": "string"}}}))
        .get("/api/v1/users/{id}", view, api_show)
        .about("A user")
        .post("/api/v1/users", own, api_create)
        .about("Make a user; answers the activation link")
        .accepts(json!({"type": "object", "required": ["name", "email"], "properties": {"name": {"type": "string"},
            "email": {"type": "string"}, "job": {"type": "string"}, "phone": {"type": "string"},
            "groups": {"type": "array", "items": {"type": "string"}}}}))
        .patch("/api/v1/users/{id}", edit, api_update)
        .about("Change a user's name, position, telephone or groups")
        .post("/api/v1/users/{id}/disable", own, api_disable)
        .about("Disable a user and end all their access")
        .post("/api/v1/users/{id}/enable", own, api_enable)
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
    let body = html! {
        (parts::filters(&list, "/users", "Name or mail address", &[("state", "State", states)]))
        section.card.card--flush {
            @if page.items.is_empty() {
                (parts::empty("users", "Nobody found", "Try another search, or add a user.", may_create.then_some(("New user", "/users/new"))))
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(&list, "/users", "Name", Some("name"))) (parts::heading(&list, "/users", "Mail address", Some("email")))
                        (parts::heading(&list, "/users", "State", None)) (parts::heading(&list, "/users", "Created", Some("created")))
                        (parts::heading(&list, "/users", "Changed", Some("updated"))) (parts::heading(&list, "/users", "Last sign-in", None))
                    } }
                    tbody { @for user in &page.items { tr {
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
    let actions = html! {
        a.btn href="/groups" { (icon("group")) "Groups" }
        @if may_create { a.btn.btn--primary href="/users/new" { (icon("plus")) "New user" } }
    };
    Ok(ctx
        .page(Page::new("Users", "/users", body).lead("Who can sign in, and what they may.").actions(actions))
        .into_response())
}

fn state_badge(state: State) -> Markup {
    match state {
        State::Active => parts::badge(Tone::Good, "active"),
        State::Invited => parts::badge(Tone::Info, "invited"),
        State::Disabled => parts::badge(Tone::Idle, "disabled"),
    }
}

async fn new(ctx: Ctx) -> Result<Markup> {
    new_page(&ctx, &Input::default())
}

fn new_page(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let groups = ctx.read(|tx| group::all(tx, workspace))?;
    let chosen: Vec<String> = input.all("group").to_vec();
    let body = html! {
        form.form.card action="/users" method="post" {
            (ctx.csrf()) (form::problems(input))
            (form::text("name", "Name", "", "text", true, input))
            (form::text("email", "Mail address", "To sign in with; it can't be changed later.", "email", true, input))
            (form::text("job", "Position", "", "text", false, input))
            (form::text("phone", "Telephone", "", "text", false, input))
            (group_choice(&groups, &chosen))
            div.form__actions { button.btn.btn--primary type="submit" { "Save" } a.btn.btn--quiet href="/users" { "Cancel" } }
            p.muted { "You get a link to hand over; with it they choose their own password." }
        }
    };
    Ok(ctx.page(Page::new("New user", "/users", body).crumb("Users", "/users")))
}

fn group_choice(groups: &[Group], chosen: &[String]) -> Markup {
    html! {
        div.field role="group" aria-labelledby="groups-label" {
            span.field__label #groups-label { "Groups" }
            div {
                @for group in groups.iter().filter(|group| group.builtin != "everyone") {
                    label.check {
                        input type="checkbox" name="group" value=(group.id) checked[chosen.contains(&group.id.to_string())];
                        span { (group.name) @if !group.about.is_empty() { span.field__help { " " (group.about) } } }
                    }
                }
            }
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    email: String,
    #[serde(default)]
    job: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    groups: Vec<GroupId>,
}

/// Makes the account, its groups and its activation link, all or nothing. Answers the id and the link.
async fn make(ctx: &Ctx, wanted: Wanted) -> Result<(AccountId, String)> {
    let (id, secret, viewer) = (ctx.make_id::<AccountId>(), session::secret(), ctx.who()?.clone());
    let hash = session::digest(&secret);
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        let wanted = wanted.clone();
        let new = NewAccount {
            id,
            email: wanted.email,
            name: wanted.name,
            job: wanted.job,
            phone: wanted.phone,
            password_hash: String::new(),
        };
        account::create(tx, viewer.workspace, &new)?;
        delegate::set_groups(tx, &viewer, id, &wanted.groups)?;
        Ok(session::add_activation(tx, id, &hash)?)
    })
    .await?;
    Ok((id, activation_link(&secret)))
}

fn activation_link(secret: &str) -> String {
    format!("/activate?code={secret}")
}

fn chosen_groups(input: &Input) -> Result<Vec<GroupId>> {
    let parse = |text: &String| text.parse().map_err(|_| WebError::field("group", "is not a group"));
    input.all("group").iter().map(parse).collect()
}

async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let wanted = chosen_groups(&input).map(|groups| Wanted {
        name: input.text("name").into(),
        email: input.text("email").into(),
        job: input.text("job").into(),
        phone: input.text("phone").into(),
        groups,
    });
    let made = match wanted {
        Ok(wanted) => make(&ctx, wanted).await,
        Err(error) => Err(error),
    };
    match made {
        Ok((id, link)) => Ok(user_page(&ctx, id, &Input::default(), Some(&link))?.into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, new_page(&ctx, &input)?).into_response())
        }
    }
}

async fn show(ctx: Ctx) -> Result<Markup> {
    user_page(&ctx, ctx.param("id")?, &Input::default(), None)
}

fn user_page(ctx: &Ctx, id: AccountId, input: &Input, link: Option<&str>) -> Result<Markup> {
    let viewer = ctx.who()?;
    let (user, groups, mine, may) = ctx.read(|tx| -> Result<_> {
        let user = account::find_member(tx, viewer.workspace, id)?.ok_or(WebError::NotFound)?;
        let groups = group::all(tx, viewer.workspace)?;
        let mine = delegate::groups_of(tx, viewer.workspace, id)?;
        Ok((user, groups, mine, delegate::administer(tx, viewer, id).map_err(|error| error.to_string())))
    })?;
    let chosen: Vec<String> = mine.iter().map(|(id, _)| id.to_string()).collect();
    let body = html! {
        div.stack {
            @if let Some(link) = link { (link_notice(ctx, link)) }
            (form::problems(input))
            @if let Err(why) = &may { (parts::notice(Tone::Info, html! { (why) })) }
            div.grid.grid--wide {
                (general(ctx, &user, input, may.is_ok()))
                (group_form(ctx, &user, &groups, &chosen, may.is_ok()))
                (information(ctx, &user))
            }
        }
    };
    let mut page = Page::new(&user.name, "/users", body)
        .crumb("Users", "/users")
        .lead(&user.email)
        .state(state_badge(user.state));
    if may.is_ok() {
        page = page.actions(actions(ctx, &user));
    }
    Ok(ctx.page(page))
}

fn link_notice(ctx: &Ctx, link: &str) -> Markup {
    let scheme = if ctx.app().secure { "https" } else { "http" };
    let whole = format!("{scheme}://{}{link}", ctx.header("host"));
    parts::notice(
        Tone::Good,
        html! {
            p { strong { "Hand this link over. It works once, for three days, and is not shown again." } }
            pre { (whole) }
        },
    )
}

fn general(ctx: &Ctx, user: &Account, input: &Input, may: bool) -> Markup {
    let stored = Input::filled([("name", user.name.as_str()), ("job", &user.job), ("phone", &user.phone)]);
    let input = if input.has("name") { input } else { &stored };
    html! {
        section.card {
            div.card__head { h2 { "General" } }
            @if may {
                form.form action={ "/users/" (user.id) } method="post" {
                    (ctx.csrf())
                    (form::text("name", "Name", "", "text", true, input))
                    (form::text("job", "Position", "", "text", false, input))
                    (form::text("phone", "Telephone", "", "text", false, input))
                    div.form__actions { button.btn.btn--primary type="submit" { "Save" } }
                }
            } @else {
                (parts::facts(&[("Name", html! { (user.name) }), ("Position", html! { (user.job) }), ("Telephone", html! { (user.phone) })]))
            }
        }
    }
}

fn group_form(ctx: &Ctx, user: &Account, groups: &[Group], chosen: &[String], may: bool) -> Markup {
    html! {
        section.card {
            div.card__head { h2 { "Groups and permissions" } a href={ "/access?subject=account:" (user.id) } { "Why can they …?" } }
            @if may {
                form.form action={ "/users/" (user.id) "/groups" } method="post" {
                    (ctx.csrf()) (group_choice(groups, chosen))
                    div.form__actions { button.btn.btn--primary type="submit" { "Save groups" } }
                    p.muted { "Changes count from their next request on." }
                }
            } @else {
                ul { @for group in groups.iter().filter(|group| chosen.contains(&group.id.to_string())) { li { (group.name) } } }
            }
        }
    }
}

fn information(ctx: &Ctx, user: &Account) -> Markup {
    let now = ctx.now();
    html! {
        section.card {
            div.card__head { h2 { "Information" } }
            (parts::facts(&[
                ("User id", html! { code { (user.id) } }),
                ("Created", parts::time(user.created_at, now)),
                ("Changed", parts::time(user.updated_at, now)),
                ("Last sign-in", parts::time_or(user.signed_in_at, now, "never")),
            ]))
            a href={ "/audit?actor=account:" (user.id) } { "What they did" }
        }
    }
}

fn actions(ctx: &Ctx, user: &Account) -> Markup {
    let path = |verb: &str| format!("/users/{}/{verb}", user.id);
    html! {
        @if user.state == State::Disabled {
            (parts::post_button("Enable", "", &path("enable"), ctx.csrf()))
        } @else {
            (parts::post_button(if user.state == State::Invited { "New activation link" } else { "Password link" }, "", &path("invite"), ctx.csrf()))
            (parts::confirm("Disable", &format!("Disable {}?", user.name),
                html! { p { "Their sessions and API tokens end at once. What they did stays. You can enable them again." } }, &path("disable"), ctx.csrf()))
        }
    }
}

/// Runs a change of somebody else's account, by the rules of delegation.
async fn change<F>(ctx: &Ctx, work: F) -> Result<()>
where
    F: Fn(&mut bo_db::Tx, AccountId) -> std::result::Result<(), IdentityError> + Send + 'static,
{
    let (id, viewer): (AccountId, _) = (ctx.param("id")?, ctx.who()?.clone());
    ctx.write(move |tx| -> std::result::Result<(), IdentityError> {
        delegate::administer(tx, &viewer, id)?;
        let name = account::find(tx, id)?.map(|account| account.name).unwrap_or_default();
        work(tx, id)?;
        delegate::keep_an_owner(tx, viewer.workspace, &name)
    })
    .await?;
    Ok(())
}

/// Back to the user's page: with the message, or with what is wrong.
fn answer(ctx: &Ctx, outcome: Result<()>, input: Input, message: &str) -> Result<Response> {
    let id: AccountId = ctx.param("id")?;
    match outcome {
        Ok(()) => Ok(ctx.redirect(format!("/users/{id}")).flash(message).into_response()),
        Err(error) => {
            let status = error.status();
            Ok((status, user_page(ctx, id, &input.with_errors(fields(error)?), None)?).into_response())
        }
    }
}

async fn update(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let typed = input.clone();
    let outcome = change(&ctx, move |tx, id| {
        account::update(tx, id, typed.text("name"), typed.text("job"), typed.text("phone"))
    })
    .await;
    answer(&ctx, outcome, input, "Saved.")
}

async fn change_groups(ctx: &Ctx, groups: Vec<GroupId>) -> Result<()> {
    let viewer = ctx.who()?.clone();
    change(ctx, move |tx, id| delegate::set_groups(tx, &viewer, id, &groups)).await
}

async fn set_groups(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let groups = chosen_groups(&input)?;
    let outcome = change_groups(&ctx, groups).await;
    answer(&ctx, outcome, Input::default(), "Groups saved.")
}

async fn disable(ctx: Ctx) -> Result<Response> {
    let outcome = change(&ctx, |tx, id| account::set_enabled(tx, id, false, "")).await;
    answer(&ctx, outcome, Input::default(), "Disabled. All their sessions have ended.")
}

async fn enable(ctx: Ctx) -> Result<Response> {
    let outcome = change(&ctx, |tx, id| account::set_enabled(tx, id, true, "")).await;
    answer(&ctx, outcome, Input::default(), "Enabled.")
}

async fn invite(ctx: Ctx) -> Result<Response> {
    let secret = session::secret();
    let hash = session::digest(&secret);
    let outcome = change(&ctx, move |tx, id| Ok(session::add_activation(tx, id, &hash)?)).await;
    match outcome {
        Ok(()) => Ok(user_page(&ctx, ctx.param("id")?, &Input::default(), Some(&activation_link(&secret)))?
            .into_response()),
        Err(error) => answer(&ctx, Err(error), Input::default(), ""),
    }
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let (list, workspace) = (ctx.list(&SPEC)?, ctx.workspace()?);
    Ok(reply::json(&ctx.read(|tx| account::members(tx, workspace, &list))?))
}

async fn api_show(ctx: Ctx) -> Result<Response> {
    let (id, workspace): (AccountId, _) = (ctx.param("id")?, ctx.workspace()?);
    let (user, groups) = ctx.read(|tx| -> Result<_> {
        let user = account::find_member(tx, workspace, id)?.ok_or(WebError::NotFound)?;
        Ok((user, delegate::groups_of(tx, workspace, id)?))
    })?;
    let groups: Vec<_> = groups.into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    Ok(reply::json(&json!({"user": user, "groups": groups})))
}

async fn api_create(ctx: Ctx) -> Result<Response> {
    let (id, link) = make(&ctx, ctx.json()?).await?;
    Ok(reply::created(&format!("/api/v1/users/{id}"), &json!({"id": id, "activation": link})))
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    name: Option<String>,
    job: Option<String>,
    phone: Option<String>,
    groups: Option<Vec<GroupId>>,
}

async fn api_update(ctx: Ctx) -> Result<Response> {
    let patch: Patch = ctx.json()?;
    let viewer = ctx.who()?.clone();
    change(&ctx, move |tx, id| {
        let before = account::find(tx, id)?.ok_or(IdentityError::NotFound)?;
        let patch = patch.clone();
        if patch.name.is_some() || patch.job.is_some() || patch.phone.is_some() {
            let (name, job) = (patch.name.unwrap_or(before.name), patch.job.unwrap_or(before.job));
            account::update(tx, id, &name, &job, &patch.phone.unwrap_or(before.phone))?;
        }
        match &patch.groups {
            Some(groups) => delegate::set_groups(tx, &viewer, id, groups),
            None => Ok(()),
        }
    })
    .await?;
    api_show(ctx).await
}

async fn api_disable(ctx: Ctx) -> Result<Response> {
    change(&ctx, |tx, id| account::set_enabled(tx, id, false, "")).await?;
    Ok(reply::done())
}

async fn api_enable(ctx: Ctx) -> Result<Response> {
    change(&ctx, |tx, id| account::set_enabled(tx, id, true, "")).await?;
    Ok(reply::done())
}
