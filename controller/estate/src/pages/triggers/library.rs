//! The library of triggers, and the editor of one: a form and the source are two views of the same definition. What is
//! wrong is said at the line, while it is written; what it means stands beside it in plain words.

use super::super::trigger_words::Words;
use super::super::{forms, parts as own};
use crate::Estate;
use crate::configure::triggers::{Draft, diagnose, remove_definition, save_definition};
use crate::http::with;
use crate::registry::Registry;
use axum::response::{IntoResponse, Response};
use bo_model::{Kind, Level, SystemId, WorkspaceId};
use bo_rules::{Definition, Diagnostic};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::layout::{form, icon};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Where the library is.
pub const PATH: &str = "/triggers/library";

/// What a new trigger begins as: nothing that would happen by mistake.
const BLANK: &str = "name = \"new-trigger\"\ntitle = \"New trigger\"\n";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let area = |level| Need::workspace_area("triggers", level);
    Routes::new("estate")
        .get(PATH, area(Level::View), with(estate, list))
        .about("The triggers of the library")
        .get("/triggers/library/new", area(Level::Edit), with(estate, new))
        .about("The editor for a new trigger")
        .post("/triggers/library/new", area(Level::Edit), with(estate, save))
        .about("Save a new trigger")
        .get("/triggers/library/{name}", area(Level::View), with(estate, show))
        .about("A trigger of the library: form, source, what it means")
        .post("/triggers/library/{name}", area(Level::Edit), with(estate, save))
        .about("Save a trigger of the library")
        .post("/triggers/library/{name}/remove", area(Level::Edit), with(estate, remove))
        .about("Remove a trigger from the library, and where it is bound when that is confirmed")
        .post("/triggers/check", area(Level::View), with(estate, check))
        .about("What is wrong with a draft, at which line, and what it means; changes nothing")
        .get("/triggers/context/{id}", Need::object(Kind::SYSTEM, "id", Level::View), with(estate, devices))
        .about("The devices of a system as a trigger can name them")
}

fn bound(registry: &Registry, workspace: WorkspaceId, name: &str) -> Vec<SystemId> {
    let of = registry.triggers.values().filter(|each| each.workspace == workspace && each.name == name);
    of.map(|each| each.system).collect()
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let wanted = ctx.query_value("q").to_lowercase();
    let mut held: Vec<_> = registry
        .definitions
        .values()
        .filter(|held| held.workspace == workspace)
        .filter(|held| {
            [&held.title, &held.about, &held.name].iter().any(|text| text.to_lowercase().contains(&wanted))
        })
        .collect();
    held.sort_by_key(|held| held.title.clone());
    let may = super::may_bind(&ctx)?;
    let body = html! {
        (parts::tabs(&[("In the buildings", super::PATH.to_owned()), ("Library", PATH.to_owned())], PATH))
        form.toolbar action=(PATH) method="get" role="search" { (parts::search("library-q", &ctx.query_value("q"), "Title or words")) }
        section.card.card--flush {
            @if held.is_empty() { (parts::empty("trigger", "No triggers here", "A trigger is written once and bound to the systems it is for.", may.then_some(("New trigger", "/triggers/library/new")))) }
            @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Trigger" } th scope="col" { "Does" } th scope="col" { "Made with" } th.num scope="col" { "Systems" } @if may { th scope="col" { span.sr-only { "Bind" } } } } }
                tbody { @for each in &held { tr {
                    td data-label="Trigger" { a href={ (PATH) "/" (each.name) } { (each.title) } }
                    td data-label="Does" { (each.about) }
                    td data-label="Made with" { @if each.script.is_some() { "form and script" } @else { "form" } }
                    td.num data-label="Systems" { a href={ (super::PATH) "?name=" (each.name) } { (bound(&registry, workspace, &each.name).len()) } }
                    @if may { td { a.btn.btn--small href={ "/triggers/new?name=" (each.name) } { "Bind" } } }
                } } }
            } } }
        }
    };
    let page =
        Page::new("Triggers", super::PATH, body).lead("Written once, bound to as many systems as it is for.");
    Ok(ctx.page(if may { page.actions(own::new("New trigger", "/triggers/library/new")) } else { page }))
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, None, &Input::filled([("text", BLANK)]))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (name, registry) = (ctx.param::<String>("name")?, estate.registry());
    let held = registry.definitions.get(&(ctx.workspace()?, name.clone())).ok_or(WebError::NotFound)?;
    let stored = [("text", held.definition.clone()), ("script", held.script.clone().unwrap_or_default())];
    render(&estate, &ctx, Some(&name), &Input::filled(stored))
}

/// The system a draft is held against: the one chosen, else the first it is bound to.
fn system_of(ctx: &Ctx, registry: &Registry, name: Option<&str>, input: &Input) -> Result<Option<SystemId>> {
    let asked = [input.text("system").to_owned(), ctx.query_value("system")];
    if let Some(id) = asked.iter().find_map(|text| text.parse().ok()) {
        return Ok(Some(id));
    }
    let workspace = ctx.workspace()?;
    Ok(name.and_then(|name| bound(registry, workspace, name).into_iter().min()))
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, name: Option<&str>, input: &Input) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let systems = forms::systems(ctx, &registry, Level::View)?;
    let system = system_of(ctx, &registry, name, input)?
        .filter(|id| systems.iter().any(|(held, _)| *held == id.to_string()));
    let may = super::may_bind(ctx)?;
    let draft =
        Draft { definition: input.raw("text").to_owned(), script: forms::given(input, "script"), system };
    let view = view(&registry, &draft);
    let used = name.map(|name| bound(&registry, workspace, name)).unwrap_or_default();
    let context = system.map(|id| context(&registry, id)).unwrap_or(Json::Null);
    let filled = Input::filled([("system", system.map(|id| id.to_string()).unwrap_or_default())]);
    let mut options = vec![(String::new(), "No system: only the wording is checked".to_owned())];
    options.extend(systems);
    let action = name.map_or_else(|| format!("{PATH}/new"), |name| format!("{PATH}/{name}"));
    let body = html! {
        form.trigger-editor action=(action) method="post" {
            (ctx.csrf()) (form::problems(input))
            div.split {
                bo-trigger.stack data-view=(view) data-context=(context) data-may[may] {
                    section.card.stack.trigger-source {
                        div.field { label for="f-text" { "Definition" } textarea.mono #f-text name="text" rows="24" spellcheck="false" disabled[!may] { (input.raw("text")) } }
                        div.field { label for="f-script" { "Script" } span.field__help { "For what a form can't say: a " code { "condition" } " and actions in Rhai. Empty for none." }
                            textarea.mono #f-script name="script" rows="8" spellcheck="false" disabled[!may] { (input.raw("script")) } }
                    }
                    div.trigger-diagnostics aria-live="polite" { (diagnostics(&view)) }
                    @if may { div.form__actions {
                        button.btn.btn--primary type="submit" { @if name.is_some() { "Save" } @else { "Create the trigger" } }
                        button.btn type="submit" formaction="/triggers/replay" { "Try it on the past" }
                        a.btn.btn--quiet href=(PATH) { "Cancel" }
                    } }
                }
                div.stack {
                    (own::card("Checked for", own::none(), html! {
                        (form::select("system", "System", "Its devices are offered in the form, and the trigger is checked against them.", &options, &filled))
                    }))
                    (own::card("What it means", own::none(), html! { div.trigger-words { (words(&draft)) } }))
                    @if !used.is_empty() { (own::card("Bound to", own::none(), html! {
                        ul.plain-list { @for id in used.iter().take(10) { li { (own::system_link(&registry, *id)) } } }
                        @if used.len() > 10 { p { a href={ (super::PATH) "?name=" (name.unwrap_or("")) } { "All " (used.len()) } } }
                        p.muted { "Saving changes it for all of them; it takes effect when it is deployed." }
                    })) }
                }
            }
        }
        @if let (Some(name), true) = (name, may) { (remove_form(ctx, name, used.len())) }
    };
    let title =
        view["definition"]["title"].as_str().filter(|_| name.is_some()).unwrap_or("New trigger").to_owned();
    let mut page = Page::new(title, super::PATH, body).crumb("Triggers", super::PATH).crumb("Library", PATH);
    if let Some(name) = name.filter(|_| may) {
        page = page.actions(own::new("Bind to a system", &format!("/triggers/new?name={name}")));
    }
    Ok(ctx.page(page))
}

fn remove_form(ctx: &Ctx, name: &str, used: usize) -> Markup {
    html! { div.form__actions { (parts::confirm("Remove", "Remove this trigger?", html! {
        p { @if used > 0 { "It is bound to " (own::count(used, "system")) ", and is removed there too." } @else { "No system uses it." } }
    }, &format!("{PATH}/{name}/remove"), html! { (ctx.csrf()) input type="hidden" name="with_contents" value="true"; })) } }
}

/// What the editor shows of a draft.
fn view(registry: &Registry, draft: &Draft) -> Json {
    let parsed = Definition::parse(&draft.definition).ok();
    json!({
        "text": draft.definition,
        "definition": parsed.and_then(|parsed| serde_json::to_value(parsed).ok()),
        "diagnostics": diagnose(registry, draft),
    })
}

fn words(draft: &Draft) -> Markup {
    match Definition::parse(&draft.definition) {
        Ok(parsed) => Words::new(&parsed, &Default::default()).all(),
        Err(_) => html! { p.muted { "It can be told when the definition reads." } },
    }
}

fn diagnostics(view: &Json) -> Markup {
    let found: Vec<Diagnostic> = serde_json::from_value(view["diagnostics"].clone()).unwrap_or_default();
    html! {
        @if found.is_empty() { (badge(Tone::Good, "Nothing wrong")) }
        @else { ul.diagnostics { @for each in &found { li data-line=[each.line] data-file=(each.file) {
            (icon("warning"))
            span { @if let Some(line) = each.line { strong { (each.file) ", line " (line) } " " } @else { strong { (each.file) } " " }
                @if !each.place.is_empty() { code { (each.place) } " " } (each.message) }
        } } } }
    }
}

/// The devices of a system: what a trigger can look at and what it can tell them.
fn context(registry: &Registry, id: SystemId) -> Json {
    let devices = registry.devices_in(id).iter().filter_map(|id| registry.devices.get(id));
    let devices = devices.map(|entry| {
        let manifest = entry.driver.as_ref().map(|driver| &driver.manifest);
        json!({
            "address": entry.device.address,
            "name": entry.device.name,
            "status": manifest.map(|manifest| &manifest.status),
            "commands": manifest.map(|manifest| &manifest.commands),
        })
    });
    json!({ "devices": devices.collect::<Vec<_>>() })
}

async fn devices(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&context(&estate.registry(), ctx.param("id")?)))
}

/// A draft as the editor sends it: as source, or as what its form holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    definition: Option<Definition>,
    #[serde(default)]
    script: Option<String>,
    #[serde(default)]
    system: Option<SystemId>,
}

async fn check(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let asked: Asked = ctx.json()?;
    if let Some(system) = asked.system {
        ctx.read(|tx| ctx.require(tx, &bo_model::Object::new(Kind::SYSTEM, system), Level::View))?;
    }
    let text = match (asked.definition, asked.text) {
        (Some(definition), _) => {
            toml::to_string(&definition).map_err(|error| WebError::field("", error.to_string()))?
        }
        (None, text) => text.unwrap_or_default(),
    };
    let script = asked.script.filter(|script| !script.trim().is_empty());
    let draft = Draft { definition: text, script, system: asked.system };
    let mut view = view(&estate.registry(), &draft);
    view["words"] = json!(words(&draft).into_string());
    view["shown"] = json!(diagnostics(&view).into_string());
    Ok(reply::json(&view))
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let name = ctx.param::<String>("name").ok();
    let draft = Draft {
        definition: input.raw("text").replace("\r\n", "\n"),
        script: forms::given(&input, "script"),
        system: None,
    };
    let wanted = match (&name, Definition::parse(&draft.definition)) {
        (Some(name), _) => Ok(name.clone()),
        (None, Ok(parsed)) => Ok(parsed.name),
        (None, Err(error)) => Err(WebError::field("", error.to_string())),
    };
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let taken = |wanted: &str| registry.definitions.contains_key(&(workspace, wanted.to_owned()));
    let outcome = match wanted {
        Ok(wanted) if name.is_none() && taken(&wanted) => Err(WebError::field(
            "",
            format!("There is a trigger named {wanted} already. Give this one another name."),
        )),
        Ok(wanted) => save_definition(&estate, &ctx, wanted, draft).await.map(|held| held.name),
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|name| {
        Redirect::to(format!("{PATH}/{name}")).flash("Saved. Deploy it for the gateways to get it.")
    });
    let whole = |error| match error {
        WebError::BadInput(errors) => {
            WebError::BadInput(errors.into_iter().map(|(_, text)| (String::new(), text)).collect())
        }
        other => other,
    };
    forms::answer(outcome.map_err(whole), input, |input| render(&estate, &ctx, name.as_deref(), input))
}

async fn remove(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let with_contents = ctx.form()?.checked("with_contents");
    remove_definition(&estate, &ctx, ctx.param("name")?, with_contents).await?;
    Ok(ctx.redirect(PATH).flash("Removed.").into_response())
}
