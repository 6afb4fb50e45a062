//! Settings of a zone, a system or a device: what is in force per key, which level it comes from, and a form that sets it
//! here or takes it back. One tab for all three.

use super::forms;
use super::parts as own;
use crate::Estate;
use crate::configure::{Holder, SetSetting, reset_setting, set_setting};
use crate::registry::Registry;
use crate::settings::{HIDDEN, SettingView, of_device, of_system, of_zone};
use axum::response::{IntoResponse, Response};
use bo_model::WorkspaceId;
use bo_model::settings::{Field, FieldKind, Origin, Values};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::layout::{form, icon};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Result, WebError};
use maud::{Markup, html};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longest value that can be taken back with one press.
const UNDO: usize = 500;

fn path(on: Holder) -> String {
    match on {
        Holder::Zone(id) => format!("/zones/{id}"),
        Holder::System(id) => format!("/systems/{id}"),
        Holder::Device(id) => format!("/devices/{id}"),
    }
}

fn views(registry: &Registry, on: Holder) -> Vec<SettingView> {
    match on {
        Holder::Zone(id) => of_zone(registry, id),
        Holder::System(id) => of_system(registry, id),
        Holder::Device(id) => {
            registry.devices.get(&id).map(|entry| of_device(registry, entry)).unwrap_or_default()
        }
    }
}

/// Who set a value, in words.
pub fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Driver(_) => "the driver's default".into(),
        Origin::Zone(name) => format!("zone {name}"),
        Origin::System(name) => format!("system {name}"),
        Origin::Device => "this device".into(),
    }
}

/// A value as plain text.
pub fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(on) => if *on { "on" } else { "off" }.into(),
        other => other.to_string(),
    }
}

fn title(key: &str, field: Option<&Field>) -> String {
    field
        .map(|field| field.title.clone())
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| own::humane(key))
}

/// A value as people read it: the label of a choice, the unit behind a number.
fn shown(view: &SettingView, value: &Json) -> Markup {
    let field = view.field.as_ref();
    let raw = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let label = field.and_then(|field| field.choices.get(&raw));
    let unit = field.map_or("", |field| field.unit.as_str());
    html! {
        @if view.secret { span.muted { "set, hidden" } }
        @else if text(value).is_empty() { span.muted { "empty" } }
        @else { (label.cloned().unwrap_or_else(|| text(value))) @if !unit.is_empty() { " " (unit) } }
    }
}

/// The tab. `input` is a refused form; whoever may not change settings sees where each comes from.
pub fn tab(ctx: &Ctx, registry: &Registry, on: Holder, may: bool, input: &Input) -> Result<Markup> {
    let mut views = views(registry, on);
    views.sort_by_key(|view| (!view.here, title(&view.key, view.field.as_ref()).to_lowercase()));
    let lead = match on {
        Holder::Device(_) => {
            "What this device runs with. A value set nearer to the device wins: driver, then zones from the outside in, then system, then the device itself."
        }
        _ => {
            "What is set here counts for every device below whose driver knows the setting, unless something nearer to the device sets it too."
        }
    };
    Ok(html! {
        div.stack {
            (changed(ctx, &views, on))
            section.card.card--flush {
                p.card__lead { (lead) }
                @if views.is_empty() {
                    (parts::empty("settings", "No settings", match on { Holder::Device(_) => "This driver has no settings.", _ => "No driver of a device below has settings." }, None))
                }
                div.settings { @for view in &views { (row(ctx, view, on, may, input)) } }
                @if may && !matches!(on, Holder::Device(_)) { (another(ctx, registry, &views, on, input)?) }
            }
        }
    })
}

fn row(ctx: &Ctx, view: &SettingView, on: Holder, may: bool, input: &Input) -> Markup {
    let field = view.field.clone();
    let refused = input.text("key") == view.key && input.errors().next().is_some();
    let from = view.provenance.last();
    let needed = field.as_ref().is_some_and(|field| field.required) && from.is_none();
    html! {
        details.setting id={ "setting-" (view.key) } open[refused] {
            summary {
                span.setting__name { strong { (title(&view.key, field.as_ref())) } @if let Some(field) = field.as_ref().filter(|field| !field.about.is_empty()) { span.field__help { (field.about) } } }
                span.setting__value { @match &view.value { Some(value) => span.value { (shown(view, value)) }, None => span.muted { "not set" } } }
                span.setting__from {
                    @if view.here { (badge(Tone::Info, "Set here")) }
                    @else if needed { (badge(Tone::Warn, "Needed")) }
                    @else if let Some((who, _)) = from { span.muted { "from " (origin(who)) } }
                }
                (icon(if may { "edit" } else { "info" }))
            }
            div.setting__edit {
                @if !view.provenance.is_empty() {
                    ol.chain {
                        @for (index, (who, value)) in view.provenance.iter().enumerate() {
                            @let wins = index + 1 == view.provenance.len();
                            li class=[(!wins).then_some("chain--wait")] {
                                @if wins { strong { (shown(view, value)) } } @else { s.muted { (shown(view, value)) } }
                                " " span.muted { "set by " (origin(who)) @if wins { ": in force" } }
                            }
                        }
                    }
                }
                @if may { (edit(ctx, view, on, refused.then_some(input))) }
                p.field__help { "Key " code { (view.key) } }
            }
        }
    }
}

fn edit(ctx: &Ctx, view: &SettingView, on: Holder, refused: Option<&Input>) -> Markup {
    let base = path(on);
    let own = view.provenance.last().filter(|_| view.here).map(|(_, value)| value).or(view.value.as_ref());
    let stored = own.filter(|_| !view.secret).map(|value| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    });
    let filled =
        refused.cloned().unwrap_or_else(|| Input::filled(stored.map(|text| (view.key.clone(), text))));
    let label = if view.here { "Save" } else { "Set here" };
    html! {
        form.form action={ (base) "/settings" } method="post" {
            (ctx.csrf()) input type="hidden" name="key" value=(view.key);
            @if let Some(text) = filled.error("") { p.field__error { (text) } }
            @match &view.field {
                Some(field) => (form::field(&view.key, &Field {
                    title: "Value here".into(), about: if view.secret { "What is set is never shown. Type a new value to replace it.".into() } else { String::new() },
                    required: field.kind != FieldKind::Boolean, secret: view.secret, default: None, ..field.clone() }, &filled)),
                None => (form::text(&view.key, "Value here", "Text, or JSON.", if view.secret { "password" } else { "text" }, true, &filled)),
            }
            div.form__actions { button.btn.btn--primary type="submit" { (label) } }
        }
        @if view.here {
            form action={ (base) "/settings/reset" } method="post" {
                (ctx.csrf()) input type="hidden" name="key" value=(view.key);
                @let above = view.provenance.iter().rev().nth(1);
                button.btn type="submit" { "Reset" @if let Some((who, value)) = above { " to " (shown(view, value)) " (" (origin(who)) ")" } @else { ": no longer set" } }
            }
        }
    }
}

/// A setting that no driver below knows yet.
fn another(
    ctx: &Ctx,
    registry: &Registry,
    views: &[SettingView],
    on: Holder,
    input: &Input,
) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let known: BTreeSet<&str> = views.iter().map(|view| view.key.as_str()).collect();
    let refused = input.errors().next().is_some() && !known.contains(input.text("key"));
    let filled = if refused { input.clone() } else { Input::default() };
    Ok(html! {
        details.setting open[refused] {
            summary { span.setting__name { strong { "Another setting" } span.field__help { "For devices that will come: name the key their driver knows." } } span {} span {} (icon("plus")) }
            form.form.setting__edit action={ (path(on)) "/settings" } method="post" {
                (ctx.csrf()) (form::problems(&filled))
                (form::text("key", "Key", "As the driver names it.", "text", true, &filled))
                p.field__help { "Drivers here know: " @for (index, key) in all_keys(registry, workspace).iter().filter(|key| !known.contains(key.as_str())).take(30).enumerate() { @if index > 0 { ", " } code { (key) } } }
                (form::text("raw", "Value", "Text, a number, or JSON.", "text", true, &filled))
                (form::check("secret", "Secret: never show it again", "", &filled))
                div.form__actions { button.btn.btn--primary type="submit" { "Set here" } }
            }
        }
    })
}

fn all_keys(registry: &Registry, workspace: WorkspaceId) -> BTreeSet<String> {
    let drivers = registry.drivers.values().filter(|driver| driver.workspace == workspace);
    drivers.flat_map(|driver| driver.manifest.settings.keys().cloned()).collect()
}

/// After a change: what was changed, and the way back.
fn changed(ctx: &Ctx, views: &[SettingView], on: Holder) -> Markup {
    let key = ctx.query_value("changed");
    let Some(view) = views.iter().find(|view| view.key == key) else { return own::none() };
    let was: Option<Json> = serde_json::from_str(&ctx.query_value("was")).ok();
    let base = path(on);
    parts::notice(
        Tone::Good,
        html! {
            div.row {
                span { strong { (title(&view.key, view.field.as_ref())) } @match (&view.value, view.here) {
                    (Some(value), true) => { " is now " (shown(view, value)) " here." }
                    (Some(value), false) => { " is reset: " (shown(view, value)) "." }
                    (None, _) => " is no longer set.",
                } " Gateways get it when it is deployed." }
                @if let Some(was) = &was {
                    form action={ (base) "/settings" } method="post" { (ctx.csrf())
                        input type="hidden" name="key" value=(view.key); input type="hidden" name="json" value=(was);
                        button.btn.btn--small type="submit" { "Undo: back to " (shown(view, was)) } }
                } @else if view.here && !view.secret && ctx.query_value("new") == "1" {
                    form action={ (base) "/settings/reset" } method="post" { (ctx.csrf())
                        input type="hidden" name="key" value=(view.key);
                        button.btn.btn--small type="submit" { "Undo" } }
                }
            }
        },
    )
}

/// Back to the tab, with what it needs to offer the way back.
fn onward(on: Holder, before: Option<&SettingView>, key: &str) -> Redirect {
    let was = before.filter(|view| view.here && !view.secret).and_then(|view| view.provenance.last());
    let was = was.map(|(_, value)| value.to_string()).filter(|text| text.len() < UNDO);
    let mut pairs = vec![("tab", "settings".to_owned()), ("changed", key.to_owned())];
    pairs.extend(was.map(|was| ("was", was)));
    if before.is_none_or(|view| !view.here) {
        pairs.push(("new", "1".into()));
    }
    let query = serde_urlencoded::to_string(&pairs).unwrap_or_default();
    Redirect::to(format!("{}?{query}", path(on)))
}

/// The value a form sent for a setting.
fn value_of(input: &Input, view: Option<&SettingView>, key: &str) -> Result<Json> {
    let loose = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Json::from(text));
    if input.has("json") {
        return Ok(loose(input.raw("json")));
    }
    if input.has("raw") {
        return Ok(loose(input.text("raw")));
    }
    match view.and_then(|view| view.field.clone()) {
        Some(field) => {
            let fields = BTreeMap::from([(key.to_owned(), field)]);
            let value = input.own_values(&fields)?.remove(key);
            value.ok_or_else(|| WebError::field(key, "is required; use Reset to take what is set above"))
        }
        None => Ok(loose(input.text(key))),
    }
}

/// Sets one key; `again` draws the page when it was refused.
pub async fn save(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    on: Holder,
    again: impl FnOnce(&Input) -> Result<Markup>,
) -> Result<Response> {
    let input = ctx.form()?;
    let key = input.text("key").to_owned();
    let before = views(&estate.registry(), on).into_iter().find(|view| view.key == key);
    let outcome = match value_of(&input, before.as_ref(), &key) {
        // A secret field left as it was.
        Ok(value) if value == HIDDEN => Ok(onward(on, before.as_ref(), &key)),
        Ok(value) => {
            let set = SetSetting { value, secret: input.checked("secret") };
            let done = set_setting(estate, ctx, on, key.clone(), set).await;
            done.map(|()| onward(on, before.as_ref(), &key))
        }
        Err(error) => Err(error),
    };
    let beside = |error| match error {
        WebError::BadInput(errors) if before.is_some() => {
            let move_to_key =
                |(name, text): (String, String)| (if name == "value" { key.clone() } else { name }, text);
            WebError::BadInput(errors.into_iter().map(move_to_key).collect())
        }
        WebError::BadInput(errors) => {
            let of_raw =
                |(name, text): (String, String)| (if name == "key" { name } else { "raw".into() }, text);
            WebError::BadInput(errors.into_iter().map(of_raw).collect())
        }
        other => other,
    };
    forms::answer(outcome.map_err(beside), input, again)
}

/// Takes one key back.
pub async fn reset(estate: &Arc<Estate>, ctx: &Ctx, on: Holder) -> Result<Response> {
    let key = ctx.form()?.text("key").to_owned();
    let before = views(&estate.registry(), on).into_iter().find(|view| view.key == key);
    reset_setting(estate, ctx, on, key.clone()).await?;
    Ok(onward(on, before.as_ref(), &key).into_response())
}

/// Named JSON of a place, as facts where it is flat.
pub fn metadata(values: &Values) -> Markup {
    html! {
        @if values.is_empty() { p.muted { "None." } }
        @for (name, value) in values {
            @match value {
                Json::Object(fields) => {
                    h3 { (own::humane(name)) }
                    dl.kv { @for (key, value) in fields { dt { (own::humane(key)) } dd { (text(value)) } } }
                }
                other => dl.kv { dt { (own::humane(name)) } dd { (text(other)) } },
            }
        }
    }
}
