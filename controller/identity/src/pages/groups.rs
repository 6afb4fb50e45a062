//! Groups: what each gives, and to whom.

use super::fields;
use crate::area::AREAS;
use crate::error::IdentityError;
use crate::group::Group;
use crate::relation::{Relation, RelationKind, Validity, from_subject};
use crate::{Identity, delegate, group, names};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{GroupId, Kind, Level, Object};
use bo_web::layout::parts::{self, Tone};
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub fn routes(identity: &Arc<Identity>) -> Routes {
    let (view, own) = (Need::workspace_area("users", Level::View), Need::workspace_area("users", Level::Own));
    Routes::new("identity")
        .get("/groups", view, list)
        .about("All groups of the workspace")
        .post("/groups", own, create)
        .about("Make a group")
        .get("/groups/{id}", view, super::with(identity, show))
        .about("A group: what it gives, and to whom")
        .post("/groups/{id}", own, super::with(identity, update))
        .about("Rename a group")
        .post("/groups/{id}/areas", view, super::with(identity, set_areas))
        .about("Set a group's levels on the management areas one owns")
        .post("/groups/{id}/parents", own, super::with(identity, set_parents))
        .about("Put a group into others: its members get what those give")
        .post("/groups/{id}/remove", own, super::with(identity, remove))
        .about("Remove a group with everything it gave")
        .get("/api/v1/groups", view, api_list)
        .about("All groups of the workspace")
        .post("/api/v1/groups", own, api_create)
        .about("Make a group")
        .accepts(json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "about": {"type": "string"}}}))
        .get("/api/v1/groups/{id}", view, api_show)
        .about("A group, what it gives, and its members")
        .delete("/api/v1/groups/{id}", own, api_remove)
        .about("Remove a group with everything it gave")
}

async fn list(ctx: Ctx) -> Result<Markup> {
    list_page(&ctx, &Input::default())
}

fn list_page(ctx: &Ctx, input: &Input) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let groups = ctx.read(|tx| group::all(tx, workspace))?;
    let body = html! {
        div.stack {
            (super::people_tabs("/groups"))
            section.card.card--flush { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Group" } th scope="col" { "What it is for" } th.num scope="col" { "People" } } }
                tbody { @for group in &groups { tr {
                    td data-label="Group" {
                        a href={ "/groups/" (group.id) } { (group.name) }
                        @if !group.builtin.is_empty() { " " (parts::badge(Tone::Idle, "built in")) }
                    }
                    td data-label="What it is for" { (group.about) }
                    td.num data-label="People" { @if group.builtin == "everyone" { "all" } @else { (group.members) } }
                } } }
            } } }
            section.card.stack {
                div.card__head { h2 { "New group" } }
                form.form action="/groups" method="post" {
                    (ctx.csrf()) (form::problems(input))
                    (form::text("name", "Name", "", "text", true, input))
                    (form::text("about", "What it is for", "", "text", false, input))
                    div.form__actions { button.btn.btn--primary type="submit" { (icon("plus")) "Make group" } }
                }
            }
        }
    };
    Ok(ctx.page(
        Page::new("Groups", "/users", body)
            .crumb("Users", "/users")
            .lead("Who belongs together, and what that opens."),
    ))
}

async fn make(ctx: &Ctx, name: String, about: String) -> Result<GroupId> {
    let (id, workspace) = (ctx.make_id::<GroupId>(), ctx.workspace()?);
    ctx.write(move |tx| group::create(tx, workspace, id, &name, &about)).await?;
    Ok(id)
}

async fn create(ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    match make(&ctx, input.text("name").into(), input.text("about").into()).await {
        Ok(id) => Ok(ctx
            .redirect(format!("/groups/{id}"))
            .flash("Group made. Now say what it gives.")
            .into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, list_page(&ctx, &input)?).into_response())
        }
    }
}

async fn show(identity: Arc<Identity>, ctx: Ctx) -> Result<Markup> {
    group_page(&identity, &ctx, &Input::default())
}

fn group_page(identity: &Identity, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (id, workspace): (GroupId, _) = (ctx.param("id")?, ctx.workspace()?);
    let (group, members, grants, owned, all, parents) = ctx.read(|tx| -> Result<_> {
        let group = group::find(tx, workspace, id)?.ok_or(WebError::NotFound)?;
        let grants = from_subject(tx, &Object::new(Kind::GROUP, id), RelationKind::Grant)?;
        let mut owned = Vec::new();
        for area in AREAS {
            if ctx.level(tx, &Object::area(workspace, area.name))? == Level::Own {
                owned.push(area.name);
            }
        }
        let others = group::all(tx, workspace)?;
        Ok((group, group::members(tx, id)?, grants, owned, others, delegate::parents_of(tx, workspace, id)?))
    })?;
    let may_rename = owned.contains(&"users");
    let stored = Input::filled([("name", group.name.as_str()), ("about", &group.about)]);
    let named = if input.has("name") { input } else { &stored };
    let granted =
        |object: &Object| grants.iter().find(|row| row.object == *object).map_or(Level::None, |row| row.cap);
    let areas: Vec<_> =
        AREAS.iter().map(|area| (area, granted(&Object::area(workspace, area.name)))).collect();
    let others = names::Others { viewer: ctx.who()?, parts: identity.settings.parts };
    let elsewhere = grants.iter().filter(|row| !row.object.is(Kind::AREA));
    let single: Vec<(String, &Relation)> = ctx.read(|tx| {
        elsewhere
            .map(|row| Ok::<_, WebError>((names::or_plain(tx, workspace, &row.object, others)?, row)))
            .collect()
    })?;
    let body = html! {
        div.stack {
            (form::problems(input))
            div.split {
                section.card {
                    div.card__head { h2 { "What it gives" } }
                    form.form action={ "/groups/" (id) "/areas" } method="post" {
                        (ctx.csrf())
                        @for (area, level) in &areas { (area_choice(area.name, area.title, &area.about(), *level, owned.contains(&area.name))) }
                        @if owned.is_empty() { p.muted { "You own none of these areas, so you can't change what this group gives." } }
                        @else { div.form__actions { button.btn.btn--primary type="submit" { "Save" } } }
                    }
                    @if !single.is_empty() {
                        h3 { "And elsewhere" }
                        ul { @for (name, row) in &single { li { (name) ": " (row.cap.word()) @if row.validity != Validity::ALWAYS { " " span.muted { (super::given::when(row.validity, ctx.now())) } } } } }
                    }
                }
                div.stack {
                    section.card {
                        div.card__head { h2 { "People" } }
                        @if group.builtin == "everyone" { p { "Everybody, signed in or not. What you give here is public." } }
                        @else if members.is_empty() { p.muted { "Nobody yet. Open a user to put them in." } }
                        @else { ul { @for (id, name) in &members { li { a href={ "/users/" (id) } { (name) } } } } }
                    }
                    @if may_rename && group.builtin != "everyone" { (parents_part(ctx, &group, &all, &parents)) }
                    @if may_rename {
                        section.card {
                            div.card__head { h2 { "Name" } }
                            form.form action={ "/groups/" (id) } method="post" {
                                (ctx.csrf())
                                (form::text("name", "Name", "", "text", true, named))
                                (form::text("about", "What it is for", "", "text", false, named))
                                div.form__actions { button.btn type="submit" { "Save" } }
                            }
                        }
                    }
                }
            }
        }
    };
    let mut page = Page::new(&group.name, "/users", body)
        .crumb("Users", "/users")
        .crumb("Groups", "/groups")
        .lead(&group.about);
    if group.builtin.is_empty() {
        let question = format!("Remove {}?", group.name);
        let text = html! { p { (members.len()) " people lose what it gives, at once." } };
        page = page.actions(parts::confirm(
            "Remove",
            &question,
            text,
            &format!("/groups/{id}/remove"),
            ctx.csrf(),
        ));
    }
    Ok(ctx.page(page))
}

fn parents_part(ctx: &Ctx, group: &Group, others: &[Group], parents: &[(GroupId, String)]) -> Markup {
    let possible = others.iter().filter(|other| other.id != group.id && other.builtin != "everyone");
    html! {
        section.card {
            div.card__head { h2 { "Is also in" } }
            form.form action={ "/groups/" (group.id) "/parents" } method="post" {
                (ctx.csrf())
                @for other in possible {
                    label.check {
                        input type="checkbox" name="group" value=(other.id) checked[parents.iter().any(|(id, _)| *id == other.id)];
                        span { (other.name) }
                    }
                }
                div.form__actions { button.btn type="submit" { "Save" } }
                p.muted { "Everybody in " (group.name) " then has what the chosen groups give as well." }
            }
        }
    }
}

async fn set_parents(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (input, id, viewer): (Input, GroupId, _) = (ctx.form()?, ctx.param("id")?, ctx.who()?.clone());
    let parse = |text: &String| text.parse().map_err(|_| WebError::field("", "a group is not known"));
    let wanted: Vec<GroupId> = input.all("group").iter().map(parse).collect::<Result<_>>()?;
    let outcome = ctx.write(move |tx| delegate::set_parents(tx, &viewer, id, &wanted)).await;
    answer(
        &identity,
        &ctx,
        outcome.map_err(WebError::from),
        "Saved. It counts from everybody's next request on.",
    )
}

fn area_choice(name: &str, title: &str, about: &str, level: Level, owned: bool) -> Markup {
    let words = [("none", "Nothing"), ("view", "View"), ("edit", "Edit"), ("own", "Own")];
    html! {
        div.field {
            label for={ "area-" (name) } { (title) }
            select id={ "area-" (name) } name=(name) disabled[!owned] {
                @for (word, label) in words { option value=(word) selected[level.word() == word] { (label) } }
            }
            div.field__help { (about) }
        }
    }
}

async fn set_areas(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (input, id, viewer): (Input, GroupId, _) = (ctx.form()?, ctx.param("id")?, ctx.who()?.clone());
    let typed = input.clone();
    let outcome = ctx
        .write(move |tx| -> std::result::Result<(), IdentityError> {
            let subject = Object::new(Kind::GROUP, id);
            let present = from_subject(tx, &subject, RelationKind::Grant)?;
            for area in AREAS.iter().filter(|area| typed.has(area.name)) {
                let object = Object::area(viewer.workspace, area.name);
                let wanted = super::level(typed.text(area.name)).ok_or(IdentityError::NotFound)?;
                let had = present.iter().find(|row| row.object == object).map_or(Level::None, |row| row.cap);
                if wanted != had {
                    delegate::set_grant(tx, &viewer, &subject, &object, wanted, Validity::ALWAYS, "")?;
                }
            }
            Ok(())
        })
        .await
        .map_err(WebError::from);
    answer(&identity, &ctx, outcome, "Saved. It counts from everybody's next request on.")
}

fn answer(identity: &Identity, ctx: &Ctx, outcome: Result<()>, message: &str) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(ctx
            .redirect(ctx.path().rsplit_once('/').map_or("/groups", |(page, _)| page))
            .flash(message)
            .into_response()),
        Err(error) => {
            let status = error.status();
            let input = Input::default().with_errors(fields(error)?);
            Ok((status, group_page(identity, ctx, &input)?).into_response())
        }
    }
}

async fn update(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    let (input, id, workspace): (Input, GroupId, _) = (ctx.form()?, ctx.param("id")?, ctx.workspace()?);
    let typed = input.clone();
    let outcome =
        ctx.write(move |tx| group::update(tx, workspace, id, typed.text("name"), typed.text("about"))).await;
    match outcome.map_err(WebError::from) {
        Ok(()) => Ok(ctx.redirect(format!("/groups/{id}")).flash("Saved.").into_response()),
        Err(error) => {
            let input = input.with_errors(fields(error)?);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, group_page(&identity, &ctx, &input)?).into_response())
        }
    }
}

async fn drop_group(ctx: &Ctx) -> Result<()> {
    let (id, viewer): (GroupId, _) = (ctx.param("id")?, ctx.who()?.clone());
    ctx.write(move |tx| group::remove(tx, &viewer, id)).await?;
    Ok(())
}

async fn remove(identity: Arc<Identity>, ctx: Ctx) -> Result<Response> {
    match drop_group(&ctx).await {
        Ok(()) => Ok(ctx.redirect("/groups").flash("Group removed.").into_response()),
        Err(error) => answer(&identity, &ctx, Err(error), ""),
    }
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    let workspace = ctx.workspace()?;
    Ok(reply::json(&json!({"items": ctx.read(|tx| group::all(tx, workspace))?})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    about: String,
}

async fn api_create(ctx: Ctx) -> Result<Response> {
    let wanted: Wanted = ctx.json()?;
    let id = make(&ctx, wanted.name, wanted.about).await?;
    Ok(reply::created(&format!("/api/v1/groups/{id}"), &json!({"id": id})))
}

async fn api_show(ctx: Ctx) -> Result<Response> {
    let (id, workspace): (GroupId, _) = (ctx.param("id")?, ctx.workspace()?);
    let (group, members, grants) = ctx.read(|tx| -> Result<_> {
        let group = group::find(tx, workspace, id)?.ok_or(WebError::NotFound)?;
        let grants = from_subject(tx, &Object::new(Kind::GROUP, id), RelationKind::Grant)?;
        Ok((group, group::members(tx, id)?, grants))
    })?;
    let members: Vec<_> = members.into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    Ok(reply::json(&json!({"group": group, "members": members, "gives": grants})))
}

async fn api_remove(ctx: Ctx) -> Result<Response> {
    drop_group(&ctx).await?;
    Ok(reply::done())
}
