//! The schema of metadata: which details are kept about which things, and what may stand in them.

use super::super::{forms, parts as own};
use crate::Estate;
use crate::http::with;
use crate::metadata::actions::{remove_field, save_field};
use crate::metadata::{KINDS, MetadataField, NewField, queries};
use axum::response::Response;
use bo_model::settings::{Field, FieldKind};
use bo_model::{Level, Object};
use bo_web::layout::form;
use bo_web::layout::parts;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub const PATH: &str = "/metadata";
const NAV: &str = "/zones";
const TYPES: [(&str, &str); 5] = [
    ("text", "Words"),
    ("integer", "A whole number"),
    ("number", "A number"),
    ("boolean", "Yes or no"),
    ("choice", "One of several"),
];

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let settings = |level| Need::workspace_area("settings", level);
    Routes::new("estate")
        .get(PATH, settings(Level::View), with(estate, list))
        .about("Which details are kept about zones, systems and devices")
        .get("/metadata/new", settings(Level::Own), with(estate, new))
        .about("The form for a new detail")
        .post("/metadata/new", settings(Level::Own), with(estate, create))
        .about("Add a detail that is kept")
        .get("/metadata/{name}", settings(Level::Own), with(estate, show))
        .about("The form of a detail")
        .post("/metadata/{name}", settings(Level::Own), with(estate, save))
        .about("Change what a detail holds")
        .post("/metadata/{name}/remove", settings(Level::Own), with(estate, remove))
        .about("Keep a detail no longer")
}

fn all(ctx: &Ctx) -> Result<Vec<MetadataField>> {
    let workspace = ctx.workspace()?;
    Ok(ctx.read(|tx| queries::fields(tx, workspace))?)
}

fn word(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Boolean => "boolean",
        FieldKind::Integer => "integer",
        FieldKind::Number => "number",
        FieldKind::Choice => "choice",
        FieldKind::Text | FieldKind::Duration | FieldKind::Json => "text",
    }
}

fn words<'w>(all: &[(&str, &'w str)], word: &str) -> &'w str {
    all.iter().find(|(each, _)| *each == word).map_or("", |(_, words)| words)
}

async fn list(_: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (fields, workspace) = (all(&ctx)?, ctx.workspace()?);
    let may = ctx.read(|tx| ctx.level(tx, &Object::area(workspace, "settings")))? >= Level::Own;
    let body = html! {
        section.card.card--flush {
            @if fields.is_empty() { (parts::empty("book", "No details yet", "Say what you keep about buildings, rooms and devices: a serial number, a contact, a year. It can then be written on the About tab of each.", may.then_some(("New detail", "/metadata/new")))) }
            @else { div.table-wrap tabindex="0" role="region" aria-label="Details" { table.table.table--cards {
                thead { tr { th scope="col" { "Detail" } th scope="col" { "Holds" } th scope="col" { "Of" } th scope="col" { "Required" } } }
                tbody { @for each in &fields { tr {
                    td data-label="Detail" { span { @if may { a href={ (PATH) "/" (each.name) } { (title(each)) } } @else { (title(each)) } @if !each.field.about.is_empty() { div.field__help { (each.field.about) } } } }
                    td data-label="Holds" { span { (words(&TYPES, word(each.field.kind))) @if !each.field.unit.is_empty() { ", " (each.field.unit) } @if !each.field.choices.is_empty() { div.field__help { (each.field.choices.values().cloned().collect::<Vec<_>>().join(", ")) } } } }
                    td data-label="Of" { (each.kinds.iter().map(|kind| words(&KINDS, kind)).collect::<Vec<_>>().join(", ")) }
                    td data-label="Required" { @if each.field.required { "yes" } @else { span.muted { "no" } } }
                } } }
            } } }
        }
    };
    let page = Page::new("Details", NAV, body)
        .crumb("Zones", NAV)
        .lead("What is kept about places, systems and devices besides what they need to work.");
    Ok(ctx.page(if may { page.actions(own::new("New detail", "/metadata/new")) } else { page }))
}

fn title(each: &MetadataField) -> String {
    if each.field.title.is_empty() { own::humane(&each.name) } else { each.field.title.clone() }
}

async fn new(_: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&ctx, None, &Input::filled([("type", "text")]))
}

/// The fields of the form; a field that exists keeps its name.
fn render(ctx: &Ctx, held: Option<&MetadataField>, input: &Input) -> Result<Markup> {
    let types: forms::Options = TYPES.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let fields = html! {
        (form::text("title", "Title", "As people read it: Serial number.", "text", true, input))
        @if held.is_none() { (form::text("name", "Name in files", "Lower-case letters, digits, dashes. Empty makes it from the title.", "text", false, input)) }
        (form::select("type", "Holds", "", &types, input))
        (form::area("choices", "Choices", "For one of several: one on each line.", false, input))
        (form::text("unit", "Unit", "For numbers: m², kW.", "text", false, input))
        (form::text("about", "Help", "One sentence, shown below the field.", "text", false, input))
        fieldset.field {
            legend { "Kept about" span.field__required title="required" { " *" } }
            @for (word, words) in KINDS { label.check { input type="checkbox" name="kinds" value=(word) checked[input.all("kinds").iter().any(|kind| kind == word)]; (words) } }
            @if let Some(error) = input.error("kinds") { div.field__error { "Kept about " (error) "." } }
        }
        (form::check("required", "Required", "Details can't be saved without it.", input))
        (form::text("rank", "Place", "A number; details are shown from the smallest on.", "text", false, input))
    };
    let (action, submit) = match held {
        Some(field) => (format!("{PATH}/{}", field.name), "Save"),
        None => (format!("{PATH}/new"), "Add the detail"),
    };
    let body = html! { div.stack {
        (forms::whole(ctx, &action, input, fields, submit, PATH))
        @if let Some(field) = held { (own::card("Remove", own::none(), html! {
            p.muted { "What was written into it stays where it is, and is shown as it is." }
            (parts::confirm("Remove", "Keep this detail no longer?", own::none(), &format!("{PATH}/{}/remove", field.name), ctx.csrf()))
        })) }
    } };
    let name = held.map_or_else(|| "New detail".to_owned(), title);
    Ok(ctx.page(Page::new(name, NAV, body).crumb("Zones", NAV).crumb("Details", PATH)))
}

/// A name in files from a title: `Serial number` is `serial_number`.
fn slug(title: &str) -> String {
    let plain: String =
        title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join("_").chars().take(64).collect()
}

fn read(input: &Input) -> Result<NewField> {
    let kind = match input.text("type") {
        "integer" => FieldKind::Integer,
        "number" => FieldKind::Number,
        "boolean" => FieldKind::Boolean,
        "choice" => FieldKind::Choice,
        "text" => FieldKind::Text,
        _ => return Err(WebError::field("type", "is not one of the choices")),
    };
    let choices = input.raw("choices").lines().map(str::trim).filter(|line| !line.is_empty());
    let rank = match input.text("rank") {
        "" => 0,
        text => text.parse().map_err(|_| WebError::field("rank", "must be a whole number"))?,
    };
    if input.text("title").is_empty() {
        return Err(WebError::field("title", "is required"));
    }
    let field = Field {
        kind,
        title: input.text("title").to_owned(),
        about: input.text("about").to_owned(),
        unit: if matches!(kind, FieldKind::Integer | FieldKind::Number) {
            input.text("unit").to_owned()
        } else {
            String::new()
        },
        max: (kind == FieldKind::Text).then_some(1000.0),
        choices: match kind {
            FieldKind::Choice => choices.map(|line| (line.to_owned(), line.to_owned())).collect(),
            _ => Default::default(),
        },
        required: input.checked("required"),
        ..Field::default()
    };
    Ok(NewField { kinds: input.all("kinds").to_vec(), rank, field })
}

async fn create(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let name = forms::given(&input, "name").unwrap_or_else(|| slug(input.text("title")));
    let outcome = match read(&input) {
        Ok(new) => save_field(&ctx, name, new, true).await,
        Err(error) => Err(error),
    };
    let outcome =
        outcome.map(|_| Redirect::to(PATH).flash("It is kept from now on: on the About tab of each."));
    forms::answer(outcome, input, |input| render(&ctx, None, input))
}

fn held(ctx: &Ctx) -> Result<MetadataField> {
    let name: String = ctx.param("name")?;
    all(ctx)?.into_iter().find(|field| field.name == name).ok_or(WebError::NotFound)
}

async fn show(_: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let held = held(&ctx)?;
    let field = &held.field;
    let mut pairs = vec![
        ("title".to_owned(), title(&held)),
        ("type".into(), word(field.kind).into()),
        ("choices".into(), field.choices.values().cloned().collect::<Vec<_>>().join("\n")),
        ("unit".into(), field.unit.clone()),
        ("about".into(), field.about.clone()),
        ("required".into(), field.required.to_string()),
        ("rank".into(), held.rank.to_string()),
    ];
    pairs.extend(held.kinds.iter().map(|kind| ("kinds".to_owned(), kind.clone())));
    render(&ctx, Some(&held), &Input::from_pairs(pairs))
}

async fn save(_: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (held, input) = (held(&ctx)?, ctx.form()?);
    let outcome = match read(&input) {
        Ok(new) => save_field(&ctx, held.name.clone(), new, false).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|_| Redirect::to(PATH).flash("Saved."));
    forms::answer(outcome, input, |input| render(&ctx, Some(&held), input))
}

async fn remove(_: Arc<Estate>, ctx: Ctx) -> Result<Redirect> {
    remove_field(&ctx, ctx.param("name")?).await?;
    Ok(ctx.redirect(PATH).flash("Removed. What was written into it stays."))
}
