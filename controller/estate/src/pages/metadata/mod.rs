//! Metadata in the console, called details there: the card on the page of a zone, system or device, and what saves it. The
//! schema has its own pages in [`schema`].

mod schema;

use super::{devices, forms, parts as own, settings, systems, zones};
use crate::Estate;
use crate::configure::Holder;
use crate::http::with;
use crate::metadata::{MetadataField, actions, of_kind, queries};
use axum::response::Response;
use bo_model::settings::{Field, Values};
use bo_model::{Kind, Level, Object};
use bo_web::layout::{form, parts};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Result, Routes, WebError};
use maud::{Markup, html};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Before the names of metadata, so that none is taken for another field of the page.
const PREFIX: &str = "meta.";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let own = |kind| Need::object(kind, "id", Level::Own);
    Routes::new("estate")
        .post("/zones/{id}/metadata", own(Kind::ZONE), with(estate, save_zone))
        .about("Change the details of a zone")
        .post("/systems/{id}/metadata", own(Kind::SYSTEM), with(estate, save_system))
        .about("Change the details of a system")
        .post("/devices/{id}/metadata", own(Kind::DEVICE), with(estate, save_device))
        .about("Change the details of a device")
        .and(schema::routes(estate))
}

/// The fields for a kind of thing, under names of their own.
fn named(fields: &[MetadataField], kind: &str) -> BTreeMap<String, Field> {
    let field = |each: &MetadataField| {
        let title =
            if each.field.title.is_empty() { own::humane(&each.name) } else { each.field.title.clone() };
        (format!("{PREFIX}{}", each.name), Field { title, ..each.field.clone() })
    };
    of_kind(fields, kind).map(field).collect()
}

/// What is kept about a thing: a form for its owner, facts for everybody else. `path` is the thing's page.
pub fn card(
    ctx: &Ctx,
    path: &str,
    kind: &str,
    values: &Values,
    level: Level,
    input: &Input,
) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let area = Object::area(workspace, "settings");
    let (fields, manages) = ctx.read(|tx| {
        let manages = ctx.level(tx, &area)? >= Level::Own;
        Ok::<_, WebError>((queries::fields(tx, workspace)?, manages))
    })?;
    let ours: Vec<&MetadataField> = of_kind(&fields, kind).collect();
    let rest: Values = values
        .iter()
        .filter(|(name, _)| !ours.iter().any(|field| field.name == **name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if ours.is_empty() && rest.is_empty() && !manages {
        return Ok(own::none());
    }
    let end = if manages { own::more("Which details", schema::PATH) } else { own::none() };
    let stored = ours.iter().map(|each| {
        (format!("{PREFIX}{}", each.name), values.get(&each.name).map(settings::text).unwrap_or_default())
    });
    let filled = forms::filled(input, stored);
    let named = named(&fields, kind);
    let in_order = ours.iter().filter_map(|each| {
        let name = format!("{PREFIX}{}", each.name);
        let field = named.get(&name)?;
        Some((name, field))
    });
    let body = html! {
        @if ours.is_empty() && rest.is_empty() { p.muted { "Nothing is kept about this kind of thing yet: a serial number, a contact, when it was built." } }
        @else if level >= Level::Own && !ours.is_empty() {
            form.form action={ (path) "/metadata" } method="post" {
                (ctx.csrf()) (form::problems(&filled))
                @for (name, field) in in_order { (form::field(&name, field, &filled)) }
                div.form__actions { button.btn type="submit" { "Save" } }
            }
        } @else if !ours.is_empty() { (facts(&ours, values)) }
        @if !rest.is_empty() { (settings::metadata(&rest)) }
    };
    Ok(own::card("Details", end, body))
}

fn facts(fields: &[&MetadataField], values: &Values) -> Markup {
    let rows: Vec<(String, Markup)> = fields
        .iter()
        .map(|each| {
            let title =
                if each.field.title.is_empty() { own::humane(&each.name) } else { each.field.title.clone() };
            let shown = values
                .get(&each.name)
                .map(|value| each.field.show(&bo_model::Data::from_json(value.clone())));
            (title, html! { @match &shown { Some(text) => (text), None => span.muted { "not known" } } })
        })
        .collect();
    let rows: Vec<(&str, Markup)> =
        rows.iter().map(|(title, value)| (title.as_str(), value.clone())).collect();
    parts::facts(&rows)
}

/// What the form says: every field for this kind of thing, null when it was left empty.
fn read(ctx: &Ctx, kind: &str, input: &Input) -> Result<BTreeMap<String, Json>> {
    let workspace = ctx.workspace()?;
    let fields = named(&ctx.read(|tx| queries::fields(tx, workspace))?, kind);
    let values = input.own_values(&fields)?;
    let plain = |name: &String| name.trim_start_matches(PREFIX).to_owned();
    Ok(fields.keys().map(|name| (plain(name), values.get(name).cloned().unwrap_or(Json::Null))).collect())
}

async fn save(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    on: Holder,
    kind: &str,
    path: String,
    input: &Input,
) -> Result<Redirect> {
    let values = read(ctx, kind, input)?;
    let done = actions::set(estate, ctx, on, values).await;
    done.map(|()| Redirect::to(format!("{path}?tab=about")).flash("Saved.")).map_err(|error| match error {
        // The sentences stand beside the fields as they were sent.
        WebError::BadInput(errors) => WebError::BadInput(
            errors.into_iter().map(|(name, why)| (format!("{PREFIX}{name}"), why)).collect(),
        ),
        other => other,
    })
}

async fn save_zone(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (id, input): (bo_model::ZoneId, _) = (ctx.param("id")?, ctx.form()?);
    let kind = estate.registry().zones.get(&id).map(|zone| zone.kind.word()).ok_or(WebError::NotFound)?;
    let outcome = save(&estate, &ctx, Holder::Zone(id), kind, format!("/zones/{id}"), &input).await;
    forms::answer(outcome, input, |input| zones::page::render(&estate, &ctx, "about", input))
}

async fn save_system(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (id, input): (bo_model::SystemId, _) = (ctx.param("id")?, ctx.form()?);
    let outcome = save(&estate, &ctx, Holder::System(id), "system", format!("/systems/{id}"), &input).await;
    forms::answer(outcome, input, |input| systems::page::render(&estate, &ctx, "about", input))
}

async fn save_device(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (id, input): (bo_model::DeviceId, _) = (ctx.param("id")?, ctx.form()?);
    let outcome = save(&estate, &ctx, Holder::Device(id), "device", format!("/devices/{id}"), &input).await;
    forms::answer(outcome, input, |input| devices::page::render(&estate, &ctx, "about", input))
}
