//! Host names the organisation one is in is served under: who may sign in there and how, and what opens under which path.

use super::{fields, owns, page};
use crate::domain::{self, Access, App, Domain, Methods};
use crate::oidc::{Provider, store};
use crate::{account, group, workspace};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::{AccountId, Level};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, FieldErrors, Input, Need, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const PATH: &str = "/workspace/domains";

pub fn routes() -> Routes {
    let own = Need::workspace_area("users", Level::Own);
    Routes::new("identity")
        .get(PATH, own, show)
        .about("Domains of the organisation one is in")
        .get("/workspace/domains/{host}", own, edit)
        .about("The form of a domain")
        .post(PATH, own, save)
        .about("Add a domain, or change who may sign in there and what is served")
        .post("/workspace/domains/{host}/remove", own, remove)
        .about("Remove a domain")
        .post("/workspace/domains/{host}/approve", own, approve)
        .about("Agree that another organisation is served under a host name")
        .post("/workspace/domains/{host}/refuse", own, refuse)
        .about("Refuse a host name to another organisation")
        .get("/api/v1/workspace/domains", own, api_list)
        .about("Domains of the organisation one is in")
        .put("/api/v1/workspace/domains/{host}", own, api_put)
        .about("Add a domain, or change who may sign in there and what is served")
        .accepts(json!({"type": "object", "required": ["methods"], "properties": {
            "methods": {"type": "object", "required": ["password", "providers"], "properties": {
                "password": {"type": "boolean"}, "providers": {"type": "array", "items": {"type": "string", "format": "uuid"}}}},
            "access": {"type": "object", "properties": {"members_only": {"type": "boolean"}, "groups": {"type": "array", "items": {"type": "string", "format": "uuid"}}, "people": {"type": "array", "items": {"type": "string", "format": "uuid"}}}},
            "apps": {"type": "array", "items": {"type": "object", "required": ["path", "opens"], "properties": {"path": {"type": "string"}, "opens": {"type": "string"}}}}}}))
        .delete("/api/v1/workspace/domains/{host}", own, api_remove)
        .about("Remove a domain")
}

/// How people sign in can be used to sign in as anybody: only the owner says.
fn only_owner(ctx: &Ctx) -> Result<()> {
    match owns(ctx)? {
        true => Ok(()),
        false => Err(WebError::Forbidden(
            "Only an owner of the organisation decides where and how people sign in.".into(),
        )),
    }
}

struct Known {
    domains: Vec<Domain>,
    providers: Vec<Provider>,
    groups: Vec<group::Group>,
    waiting: Vec<(String, String)>,
    operator: bool,
    /// Everybody who is named by a domain.
    people: BTreeMap<AccountId, String>,
}

fn read(ctx: &Ctx) -> Result<Known> {
    let id = ctx.workspace()?;
    ctx.read(|tx| -> Result<_> {
        if workspace::is_personal(tx, id)? {
            return Err(WebError::NotFound);
        }
        let operator = workspace::operator(tx)? == Some(id);
        let waiting = if operator { domain::waiting(tx)? } else { Vec::new() };
        let mut groups = group::all(tx, id)?;
        groups.retain(|group| group.builtin != "everyone");
        let (domains, mut people) = (domain::all(tx, id)?, BTreeMap::new());
        for person in domains.iter().flat_map(|domain| &domain.access.people) {
            people.extend(account::find_member(tx, id, *person)?.map(|found| (found.id, found.email)));
        }
        Ok(Known { domains, people, providers: store::all(tx, id)?, groups, waiting, operator })
    })
}

async fn show(ctx: Ctx) -> Result<Markup> {
    let known = read(&ctx)?;
    let body = html! {
        (waiting(&ctx, &known))
        section.card.card--flush {
            @if known.domains.is_empty() {
                (parts::empty("link", "No domain yet", "A host name of your own can lead straight to what your people need, with its own ways to sign in.", None))
            } @else { (table(&ctx, &known)) }
        }
        (card(&ctx, &known, "Add a domain", &Input::filled([("password", "true")])))
    };
    Ok(ctx.page(
        page(&ctx, PATH, "Domains", body)?
            .lead("Under which names this organisation is served, to whom, and what opens there."),
    ))
}

fn waiting(ctx: &Ctx, known: &Known) -> Markup {
    html! {
        @for (host, name) in &known.waiting {
            (parts::notice(Tone::Info, html! {
                p { strong { (name) } " wants to be served under " code { (host) } ". Agree only if that name is theirs: they decide how people sign in there." }
                div.row {
                    (parts::post_button("Agree", "btn--primary", &format!("{PATH}/{host}/approve"), ctx.csrf()))
                    (parts::post_button("Refuse", "", &format!("{PATH}/{host}/refuse"), ctx.csrf()))
                }
            }))
        }
    }
}

fn table(ctx: &Ctx, known: &Known) -> Markup {
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Host name" } th scope="col" { "Sign in with" } th scope="col" { "Who" } th scope="col" { "Opens" } th scope="col" { span.sr-only { "Actions" } } } }
            tbody { @for domain in &known.domains { tr {
                td data-label="Host name" { a href={ (PATH) "/" (domain.host) } { (domain.host) } @if !domain.approved { " " (parts::badge(Tone::Warn, "waits for approval")) } }
                td data-label="Sign in with" { (methods(domain, &known.providers)) }
                td data-label="Who" { (who(domain, known)) }
                td data-label="Opens" { (opens(ctx, domain)) }
                td.num { (parts::confirm("Remove", &format!("Remove {}?", domain.host),
                    html! { p { "People can no longer sign in under that name in its own ways. Nothing else changes." } },
                    &format!("{PATH}/{}/remove", domain.host), ctx.csrf())) }
            } } }
        } }
    }
}

fn methods(domain: &Domain, providers: &[Provider]) -> String {
    let password = domain.methods.password.then(|| "password".to_owned());
    let named = providers.iter().filter(|provider| domain.methods.providers.contains(&provider.id));
    password.into_iter().chain(named.map(|provider| provider.name.clone())).collect::<Vec<_>>().join(", ")
}

fn who(domain: &Domain, known: &Known) -> String {
    let groups = known.groups.iter().filter(|group| domain.access.groups.contains(&group.id));
    let people = domain.access.people.iter().filter_map(|id| known.people.get(id));
    let named: Vec<&str> =
        groups.map(|group| group.name.as_str()).chain(people.map(String::as_str)).collect();
    match (domain.access.members_only, named.is_empty()) {
        (false, _) => "whoever has an account".into(),
        (true, true) => "members only".into(),
        (true, false) => named.join(", "),
    }
}

/// As lines: `/ = Wiki`.
fn opens(ctx: &Ctx, domain: &Domain) -> String {
    if domain.apps.is_empty() {
        return "all of the console".into();
    }
    lines(ctx, &domain.apps).join(", ")
}

fn lines(ctx: &Ctx, apps: &[App]) -> Vec<String> {
    let title = |href: &str| {
        let entries = ctx.app().entries();
        entries
            .into_iter()
            .find(|(_, known)| *known == href)
            .map_or(href.to_owned(), |(title, _)| title.to_owned())
    };
    apps.iter().map(|app| format!("{} = {}", app.path, title(&app.opens))).collect()
}

fn stored(ctx: &Ctx, domain: &Domain, known: &Known) -> Input {
    let people = domain.access.people.iter().filter_map(|id| known.people.get(id).cloned());
    let mut pairs = vec![
        ("host".to_owned(), domain.host.clone()),
        ("password".to_owned(), domain.methods.password.to_string()),
        ("members_only".to_owned(), domain.access.members_only.to_string()),
        ("apps".to_owned(), lines(ctx, &domain.apps).join("\n")),
        ("people".to_owned(), people.collect::<Vec<_>>().join("\n")),
    ];
    pairs.extend(domain.methods.providers.iter().map(|id| ("provider".to_owned(), id.to_string())));
    pairs.extend(domain.access.groups.iter().map(|id| ("group".to_owned(), id.to_string())));
    Input::from_pairs(pairs)
}

async fn edit(ctx: Ctx) -> Result<Markup> {
    let (host, known): (String, _) = (ctx.param("host")?, read(&ctx)?);
    let domain = known.domains.iter().find(|domain| domain.host == host).ok_or(WebError::NotFound)?;
    let body = card(&ctx, &known, &format!("Change {host}"), &stored(&ctx, domain, &known));
    Ok(ctx.page(page(&ctx, PATH, &host, body)?.crumb("Domains", PATH)))
}

fn card(ctx: &Ctx, known: &Known, title: &str, input: &Input) -> Markup {
    let entries: Vec<&str> = ctx.app().entries().into_iter().map(|(title, _)| title).collect();
    let among = |name: &str, id: String| input.all(name).contains(&id);
    html! {
        section.card.stack {
            div.card__head { h2 { (title) } }
            form.form action=(PATH) method="post" {
                (ctx.csrf()) (form::problems(input))
                (form::text("host", "Host name", "Like console.example.org. Its name server must lead here.", "text", true, input))
                (form::check("password", "People sign in with their password", "", input))
                @for provider in &known.providers {
                    label.check { input type="checkbox" name="provider" value=(provider.id) checked[among("provider", provider.id.to_string())]; "at " (provider.name) }
                }
                (form::check("members_only", "Only members of this organisation", "They work in no other workspace under that name.", input))
                fieldset.field {
                    legend.field__label { "Of these, only who is in" }
                    @for group in &known.groups { label.check { input type="checkbox" name="group" value=(group.id) checked[among("group", group.id.to_string())]; (group.name) } }
                    div.field__help { "Choose none, and name nobody below, to let all members in." }
                }
                (form::area("people", "And these people", "Mail addresses of members, one per line.", false, input))
                (form::area("apps", "What opens under which path", &format!("One per line: path = entry of the menu, like “/ = {}”. Leave empty to serve all of it. Entries: {}.", entries.first().unwrap_or(&"Overview"), entries.join(", ")), false, input))
                @if !known.operator { p.muted { "It is served once the owners of this installation agree." } }
                div.form__actions { button.btn.btn--primary type="submit" { "Save domain" } a.btn.btn--quiet href=(PATH) { "Cancel" } }
            }
        }
    }
}

fn apps(ctx: &Ctx, text: &str, errors: &mut FieldErrors) -> Vec<App> {
    let entries = ctx.app().entries();
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let app = line.split_once('=').and_then(|(path, title)| {
            let entry = entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(title.trim()))?;
            Some(App { path: path.trim().to_owned(), opens: entry.1.to_owned() })
        });
        match app {
            Some(app) => found.push(app),
            None => errors.push(("apps".into(), format!("has a line that is not understood: {line}"))),
        }
    }
    found
}

/// Members by their mail addresses, one per line.
fn people(ctx: &Ctx, text: &str, errors: &mut FieldErrors) -> Result<Vec<AccountId>> {
    let (workspace, mut found) = (ctx.workspace()?, Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()).take(200) {
        match ctx.read(|tx| account::member_by_email(tx, workspace, line))? {
            Some(member) => found.push(member.id),
            None => errors.push(("people".into(), format!("names somebody who is no member: {line}"))),
        }
    }
    Ok(found)
}

async fn save(ctx: Ctx) -> Result<Response> {
    only_owner(&ctx)?;
    let (input, known, mut errors) = (ctx.form()?, read(&ctx)?, FieldErrors::new());
    let domain = Domain {
        host: input.text("host").into(),
        workspace: ctx.workspace()?,
        methods: Methods {
            password: input.checked("password"),
            providers: input.all("provider").iter().filter_map(|id| id.parse().ok()).collect(),
        },
        access: Access {
            members_only: input.checked("members_only"),
            groups: input.all("group").iter().filter_map(|id| id.parse().ok()).collect(),
            people: people(&ctx, input.text("people"), &mut errors)?,
        },
        apps: apps(&ctx, input.text("apps"), &mut errors),
        approved: false,
    };
    let outcome = match errors.is_empty() {
        true => ctx.write(move |tx| domain::put(tx, &domain)).await.map_err(WebError::from),
        false => Err(WebError::BadInput(errors)),
    };
    match outcome {
        Ok(()) => Ok(ctx.redirect(PATH).flash("Saved.").into_response()),
        Err(error) => {
            let body = card(&ctx, &known, "Domain", &input.with_errors(fields(error)?));
            let shown = ctx.page(page(&ctx, PATH, "Domain", body)?.crumb("Domains", PATH));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

async fn try_remove(ctx: &Ctx) -> Result<()> {
    only_owner(ctx)?;
    let (host, workspace): (String, _) = (ctx.param("host")?, ctx.workspace()?);
    Ok(ctx.write(move |tx| domain::remove(tx, workspace, &host)).await?)
}

async fn remove(ctx: Ctx) -> Result<Response> {
    try_remove(&ctx).await?;
    Ok(ctx.redirect(PATH).flash("Removed.").into_response())
}

async fn decide(ctx: &Ctx, agreed: bool) -> Result<()> {
    only_owner(ctx)?;
    if !read(ctx)?.operator {
        return Err(WebError::NotFound);
    }
    let host: String = ctx.param("host")?;
    Ok(ctx.write(move |tx| domain::decide(tx, &host, agreed)).await?)
}

async fn approve(ctx: Ctx) -> Result<Response> {
    decide(&ctx, true).await?;
    Ok(ctx.redirect(PATH).flash("Agreed. It is served from now on.").into_response())
}

async fn refuse(ctx: Ctx) -> Result<Response> {
    decide(&ctx, false).await?;
    Ok(ctx.redirect(PATH).flash("Refused.").into_response())
}

async fn api_list(ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&json!({"items": read(&ctx)?.domains})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    methods: Methods,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    apps: Vec<App>,
}

async fn api_put(ctx: Ctx) -> Result<Response> {
    only_owner(&ctx)?;
    let Wanted { methods, access, apps } = ctx.json()?;
    let entries = ctx.app().entries();
    if let Some(app) = apps.iter().find(|app| !entries.iter().any(|(_, href)| *href == app.opens)) {
        return Err(WebError::field("apps", format!("opens what is no entry of the menu: {}", app.opens)));
    }
    let (host, workspace): (String, _) = (ctx.param("host")?, ctx.workspace()?);
    let domain = Domain { host, workspace, methods, access, apps, approved: false };
    ctx.write(move |tx| domain::put(tx, &domain)).await?;
    Ok(reply::done())
}

async fn api_remove(ctx: Ctx) -> Result<Response> {
    try_remove(&ctx).await?;
    Ok(reply::done())
}
