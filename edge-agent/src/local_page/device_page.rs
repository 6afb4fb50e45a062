//! The page of one device: its values with quality and age, who holds it, and forms for its commands.

use super::page::{age, frame, state, title, value};
use super::visitor::Visitor;
use crate::status::{DeviceStatus, HoldStatus, Status};
use bo_model::Level;
use bo_model::driver::{Command, Manifest};
use bo_model::settings::{Field, FieldKind, Values};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The page of a device; `said` is what came of the last command.
pub fn device(
    status: &Status,
    device: &DeviceStatus,
    manifest: &Manifest,
    holds: &[&HoldStatus],
    visitor: &Visitor,
    level: Level,
    said: Option<&str>,
) -> Markup {
    let body = html! {
        p .soft { (device.system) " · " (device.address) " · " (manifest.driver.title) " · " (state(device, status.at)) }
        @if let Some(said) = said { p .said role="status" { (said) } }
        @if level < Level::View { p { "You may know of this device and not look at it. Whoever administers it can grant you more in the controller." } }
        @else { table {
            tr { th { "Value" } th { "" } th { "Age" } }
            @for shown in &device.values {
                tr { td { (shown.title) } td { (value(shown)) } td .soft { (age(shown.value.observed_at, status.at)) } }
            }
        } }
        @for hold in holds {
            p .said {
                (hold.who) " holds " b { (hold.target) } " until " (hold.until) " (" (hold.priority) "). "
                @if let Some(form) = visitor.form.as_ref().filter(|_| level >= Level::Edit) {
                    form .plain method="post" action={ "/device/" (device.id) "/release/" (hold.target) } {
                        input type="hidden" name="form" value=(form);
                        button { "Let triggers act again" }
                    }
                }
            }
        }
        h2 { "Operate" }
        @let may: Vec<_> = manifest.commands.iter().filter(|(_, command)| level >= command.level()).collect();
        @if manifest.commands.is_empty() { p .soft { "This device only tells; it takes no commands." } }
        @else { @match &visitor.form {
            Some(form) => {
                @for (name, command) in &may { (command_form(device, name, command, form)) }
                @if may.is_empty() { p .soft { "You may look at this device and not operate it." } }
                @else if may.len() < manifest.commands.len() { p .soft { "Other commands of this device take a higher permission than yours." } }
            }
            None if visitor.can_sign_in => { p { a href="/sign-in" { "Sign in" } " to operate it." } }
            None => { p .soft { "Operating is switched off: nobody can sign in on this edge." } }
        } }
    };
    frame(title(device), Some(status), visitor, said.is_none() && visitor.form.is_none(), body)
}

fn command_form(device: &DeviceStatus, name: &str, command: &Command, form: &str) -> Markup {
    let title = if command.title.is_empty() { name } else { &command.title };
    html! {
        form .command method="post" action={ "/device/" (device.id) "/command/" (name) } {
            input type="hidden" name="form" value=(form);
            @if !command.about.is_empty() { p .soft { (command.about) } }
            @for (key, field) in &command.params { (input(key, field)) }
            button { (title) }
        }
    }
}

fn input(key: &str, field: &Field) -> Markup {
    let label = if field.title.is_empty() { key } else { &field.title };
    let default =
        field.default.as_ref().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let default = default.unwrap_or_default();
    let step = field.step.map_or("any".to_owned(), |step| step.to_string());
    html! {
        label {
            (label) @if !field.unit.is_empty() { " (" (field.unit) ")" } br;
            @if is_switch(field) {
                select name=(key) { option value="true" { "on" } option value="false" selected[default == "false"] { "off" } }
            } @else if !field.choices.is_empty() {
                select name=(key) { @for (raw, text) in &field.choices { option value=(raw) selected[*raw == default] { (text) } } }
            } @else if matches!(field.kind, FieldKind::Number | FieldKind::Integer) {
                input type="number" name=(key) value=(default) step=(step) required[field.required]
                    min=[field.min.map(|min| min.to_string())] max=[field.max.map(|max| max.to_string())];
            } @else {
                input type=(if field.secret { "password" } else { "text" }) name=(key) value=(default) required[field.required];
            }
        }
    }
}

/// What a form sends is text; the fields say what it means. What does not fit is left to the command's own check.
pub fn typed(fields: &BTreeMap<String, Field>, form: &BTreeMap<String, String>) -> Values {
    let mut values = Values::new();
    for (key, field) in fields {
        let Some(text) = form.get(key).map(|text| text.trim()).filter(|text| !text.is_empty()) else {
            continue;
        };
        values.insert(key.clone(), crate::cli::typed(field.kind, text));
    }
    values
}

/// Whether a field is shown as a choice between on and off.
fn is_switch(field: &Field) -> bool {
    field.kind == FieldKind::Boolean
}
