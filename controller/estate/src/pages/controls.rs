//! Commands as people give them: one compact control per command, made from the driver's manifest. A choice is a row of
//! buttons, a number a field with its limits. Without script a control posts and leads to the command's page; with it the
//! evidence appears below the control as it happens.

use crate::Estate;
use crate::commands::actions;
use crate::live::view;
use crate::registry::{DeviceEntry, Registry};
use bo_model::driver::{Command, Safety};
use bo_model::settings::{Field, FieldKind};
use bo_model::{Data, Level};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

/// A choice of up to this many is shown as buttons.
const BUTTONS: usize = 6;

/// Names of commands that everybody needs come first, in this order.
const FIRST: [&str; 8] = ["on", "off", "power", "set_setpoint", "set_mode", "set_fan", "source", "input"];

/// The controls of a device, for whoever has `level` on it. Empty when it takes no commands from them.
pub fn controls(
    estate: &Estate,
    ctx: &Ctx,
    registry: &Registry,
    entry: &DeviceEntry,
    level: Level,
) -> Vec<Markup> {
    let Some(driver) = entry.driver.as_ref().filter(|_| entry.device.enabled) else { return Vec::new() };
    let mut commands: Vec<(&String, &Command)> = driver.manifest.commands.iter().collect();
    commands.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    let allowed =
        |name: &str| actions::needed(registry, entry.device.id, name).is_ok_and(|needed| level >= needed);
    commands
        .into_iter()
        .filter(|(name, _)| allowed(name))
        .map(|(name, command)| control(estate, ctx, registry, entry, name, command, &Input::default()))
        .collect()
}

/// One control. `input` carries what was typed and what was wrong with it.
pub fn control(
    estate: &Estate,
    ctx: &Ctx,
    registry: &Registry,
    entry: &DeviceEntry,
    name: &str,
    command: &Command,
    input: &Input,
) -> Markup {
    let device = entry.device.id;
    let title = title(name, command);
    let question = match command.safety {
        Safety::Normal => None,
        Safety::Access => Some(format!(
            "{title} on {}? This opens or closes something people pass through.",
            entry.device.name
        )),
        Safety::LifeSafety => {
            Some(format!("{title} on {}? This concerns the safety of people.", entry.device.name))
        }
    };
    let watched = command.effect.as_ref().map(|effect| effect.status.as_str());
    let current =
        watched.and_then(|status| view::one(estate, registry, device, status)).map(|live| live.value.data);
    let buttons = command.params.len() == 1
        && command.params.values().all(|field| match field.kind {
            FieldKind::Choice => field.choices.len() <= BUTTONS,
            kind => kind == FieldKind::Boolean,
        });
    html! {
        form.control action={ "/devices/" (device) "/commands/" (name) } method="post" data-command="" data-confirm=[question] {
            (ctx.csrf())
            @if buttons {
                @for (key, field) in &command.params { (choice(device, key, field, &title, watched, current.as_ref())) }
            } @else if command.params.len() > 1 {
                // What takes more than a press is folded away until somebody wants it.
                details.control__more open[input.errors().next().is_some()] {
                    summary.btn.btn--small { (title) " …" }
                    div.control__fields {
                        @for (key, field) in &command.params { (typed(device, name, key, field, &title, current.as_ref(), input)) }
                        button.btn.btn--small.btn--primary type="submit" { (title) }
                    }
                    @if !command.about.is_empty() { p.field__help { (command.about) } }
                }
            } @else {
                div.control__fields {
                    @for (key, field) in &command.params { (typed(device, name, key, field, &title, current.as_ref(), input)) }
                    button.btn.btn--small type="submit" { (title) }
                }
            }
            @if !command.about.is_empty() && command.params.len() < 2 { p.field__help { (command.about) } }
            @if let Some(error) = input.error("") { p.field__error { (error) } }
            div.control__evidence role="status" {}
        }
    }
}

/// What a command is called.
pub fn title(name: &str, command: &Command) -> String {
    if command.title.is_empty() { super::parts::humane(name) } else { command.title.clone() }
}

fn choice(
    device: bo_model::DeviceId,
    key: &str,
    field: &Field,
    title: &str,
    watched: Option<&str>,
    current: Option<&Data>,
) -> Markup {
    let options: Vec<(String, String)> = match field.kind {
        FieldKind::Boolean => {
            let label =
                |raw: &str, word: &str| field.choices.get(raw).cloned().unwrap_or_else(|| word.into());
            vec![("true".into(), label("true", "On")), ("false".into(), label("false", "Off"))]
        }
        _ => field.choices.clone().into_iter().collect(),
    };
    let now = current.map(raw);
    html! {
        div.control__choice role="group" aria-label=(title) {
            span.control__title { (title) }
            span.segments {
                @for (value, label) in &options {
                    button.segment type="submit" name=(key) value=(value)
                        data-live-choice=[watched.map(|status| format!("{device}/{status}"))]
                        aria-pressed=(if now.as_ref() == Some(value) { "true" } else { "false" }) { (label) }
                }
            }
        }
    }
}

/// A datum as a form sends it.
fn raw(data: &Data) -> String {
    match data {
        Data::Bool(on) => on.to_string(),
        other => other.to_string(),
    }
}

fn typed(
    device: bo_model::DeviceId,
    command: &str,
    key: &str,
    field: &Field,
    title: &str,
    current: Option<&Data>,
    input: &Input,
) -> Markup {
    let id = format!("c-{device}-{command}-{key}");
    let label = if field.title.is_empty() { super::parts::humane(key) } else { field.title.clone() };
    let value = match (input.has(key), field.kind, current) {
        (true, ..) => Some(input.raw(key).to_owned()),
        (_, FieldKind::Number | FieldKind::Integer, Some(data)) if field.required => {
            data.number().map(|number| number.to_string())
        }
        _ => field
            .default
            .as_ref()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    };
    let numeric = matches!(field.kind, FieldKind::Number | FieldKind::Integer);
    let step = numeric.then(|| match (field.step, field.kind) {
        (Some(step), _) => step.to_string(),
        (None, FieldKind::Integer) => "1".into(),
        _ => "any".into(),
    });
    let limits = match (numeric, field.min, field.max) {
        (true, Some(min), Some(max)) => Some(format!("{min} to {max}")),
        _ => None,
    };
    html! {
        div.control__field {
            label for=(id) {
                @if label == title { (title) } @else { (label) }
                @if let Some(limits) = &limits { span.muted { ", " (limits) } }
                @if !field.required { span.muted { " (optional)" } }
            }
            span.field__control {
                @match field.kind {
                    FieldKind::Choice => {
                        select id=(id) name=(key) {
                            @if !field.required { option value="" { "–" } }
                            @for (raw, text) in &field.choices { option value=(raw) selected[value.as_deref() == Some(raw)] { (text) } }
                        }
                    }
                    FieldKind::Boolean => {
                        select id=(id) name=(key) {
                            option value="true" selected[value.as_deref() == Some("true")] { "On" }
                            option value="false" selected[value.as_deref() == Some("false")] { "Off" }
                        }
                    }
                    _ => {
                        input id=(id) name=(key) type=(if numeric { "number" } else { "text" }) value=[value] required[field.required]
                            min=[field.min.filter(|_| numeric)] max=[field.max.filter(|_| numeric)] step=[step] autocomplete="off"
                            aria-invalid=[input.error(key).map(|_| "true")] aria-describedby={ (id) "-about" };
                    }
                }
                @if !field.unit.is_empty() { span.field__unit { (field.unit) } }
            }
            span.field__help id={ (id) "-about" } {
                @if let Some(error) = input.error(key) { span.field__error { (label) " " (error) ". " } }
                span.field__error data-field-error=(key) {}
            }
        }
    }
}
