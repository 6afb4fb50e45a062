//! Settings with their provenance: what is in force, who set it, and a form for what a device sets itself.

use crate::devices::routes::SettingView;
use crate::registry::Registry;
use bo_model::WorkspaceId;
use bo_model::settings::{Field, FieldKind, Origin, Values};
use bo_web::layout::form;
use bo_web::{Ctx, Input, Result};
use maud::{Markup, html};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Who set a value, in words.
pub fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Driver(_) => "the driver's default".into(),
        Origin::Zone(name) => format!("zone {name}"),
        Origin::System(name) => format!("system {name}"),
        Origin::Device => "this device".into(),
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The settings in force, each with every level that set it.
pub fn table(views: &[SettingView]) -> Markup {
    if views.is_empty() {
        return html! { p.muted { "This driver has no settings." } };
    }
    html! {
        div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Setting" } th scope="col" { "In force" } th scope="col" { "Set by" } } }
            tbody { @for view in views { tr {
                td data-label="Setting" { span {
                    strong { (title(&view.key, view.field.as_ref())) }
                    @if let Some(field) = view.field.as_ref().filter(|field| !field.about.is_empty()) { div.field__help { (field.about) } }
                } }
                td data-label="In force" {
                    @match &view.value {
                        Some(value) => span.value {
                            (text(value)) @if let Some(field) = &view.field { @if !field.unit.is_empty() { " " (field.unit) } }
                        },
                        None => span.muted { "not set" },
                    }
                }
                td data-label="Set by" { span {
                    @if let Some((who, _)) = view.provenance.last() { (origin(who)) }
                    @if view.provenance.len() > 1 {
                        div.field__help {
                            "instead of "
                            @for (index, (who, value)) in view.provenance.iter().rev().skip(1).enumerate() {
                                @if index > 0 { ", " } (text(value)) " (" (origin(who)) ")"
                            }
                        }
                    }
                } }
            } } }
        } }
    }
}

fn title(key: &str, field: Option<&Field>) -> String {
    field
        .map(|field| field.title.clone())
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| super::parts::humane(key))
}

/// What a device sets itself, as a form: an empty field takes what the levels above say.
pub fn edit(
    ctx: &Ctx,
    action: &str,
    fields: &BTreeMap<String, Field>,
    own: &Values,
    input: &Input,
) -> Markup {
    let filled = if input.errors().next().is_some() { input.clone() } else { Input::from_values(own) };
    html! {
        form.form action=(action) method="post" {
            (ctx.csrf())
            (form::problems(input))
            p.muted { "An empty field takes what the system, the zones or the driver say." }
            @for (key, field) in fields {
                @match field.kind {
                    FieldKind::Boolean => {
                        (form::select(key, &title(key, Some(field)), &field.about, &[
                            (String::new(), "As above".into()), ("true".into(), "On".into()), ("false".into(), "Off".into()),
                        ], &filled))
                    }
                    _ => {
                        @let secret = field.secret && own.contains_key(key);
                        @let about = if secret { "Set; leave empty to keep it." } else { field.about.as_str() };
                        (form::field(key, &Field { required: false, default: None, about: about.into(), ..field.clone() }, &filled))
                    }
                }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Save settings" } }
        }
    }
}

/// What such a form sets. Secrets left empty stay as they are.
///
/// # Errors
/// When a field is wrong.
pub fn parse(input: &Input, fields: &BTreeMap<String, Field>, own: &Values) -> Result<Values> {
    let filled = fields.keys().filter(|key| !input.text(key).is_empty());
    let only = Input::filled(filled.map(|key| (key.clone(), input.raw(key).to_owned())));
    let mut values = only.own_values(fields)?;
    for (key, field) in fields.iter().filter(|(_, field)| field.secret) {
        if let (true, Some(kept)) = (field.secret && !values.contains_key(key), own.get(key)) {
            values.insert(key.clone(), kept.clone());
        }
    }
    Ok(values)
}

/// What a zone or system sets for the devices below it. Keys that any driver calls secret are never shown.
pub fn own_level(registry: &Registry, workspace: WorkspaceId, values: &Values) -> Markup {
    let secret: BTreeSet<&str> = registry
        .drivers
        .values()
        .filter(|driver| driver.workspace == workspace)
        .flat_map(|driver| driver.manifest.settings.iter())
        .filter(|(_, field)| field.secret)
        .map(|(key, _)| key.as_str())
        .collect();
    html! {
        @if values.is_empty() { p.muted { "Nothing is set here; devices below take what the zones above and their drivers say." } }
        @else {
            dl.kv { @for (key, value) in values {
                dt { (super::parts::humane(key)) }
                dd { @if secret.contains(key.as_str()) { span.muted { "set, hidden" } } @else { (text(value)) } }
            } }
        }
    }
}

/// Named JSON of a place, as facts where it is flat.
pub fn metadata(values: &Values) -> Markup {
    html! {
        @if values.is_empty() { p.muted { "None." } }
        @for (name, value) in values {
            @match value {
                Json::Object(fields) => {
                    h3 { (super::parts::humane(name)) }
                    dl.kv { @for (key, value) in fields { dt { (super::parts::humane(key)) } dd { (text(value)) } } }
                }
                other => dl.kv { dt { (super::parts::humane(name)) } dd { (text(other)) } },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_empty_field_inherits_and_an_empty_secret_is_kept() {
        let fields = BTreeMap::from([
            ("password".to_owned(), Field { kind: FieldKind::Text, secret: true, ..Field::default() }),
            ("poll".to_owned(), Field { kind: FieldKind::Boolean, ..Field::default() }),
            ("unit".to_owned(), Field { kind: FieldKind::Integer, ..Field::default() }),
        ]);
        let own = Values::from([("password".into(), json!("kept")), ("poll".into(), json!(true))]);
        let sent = Input::filled([("password", ""), ("poll", ""), ("unit", "7")]);
        let values = parse(&sent, &fields, &own).unwrap();
        assert_eq!(values, Values::from([("password".into(), json!("kept")), ("unit".into(), json!(7))]));
    }
}
