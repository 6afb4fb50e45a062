//! Form fields: label above, control, help and the error below, all tied together for a screen reader.

use crate::input::Input;
use bo_model::settings::{Field, FieldKind};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// A field from its description: settings, command parameters. `name` is its key.
pub fn field(name: &str, field: &Field, input: &Input) -> Markup {
    let title = if field.title.is_empty() { name } else { &field.title };
    let typed = if input.has(name) { input.raw(name).to_owned() } else { shown_default(field) };
    match field.kind {
        FieldKind::Boolean => boolean(name, title, &field.about, &typed, input.error(name)),
        FieldKind::Choice => {
            let options: Vec<(String, String)> = field.choices.clone().into_iter().collect();
            select_with(name, title, &field.about, &options, &typed, field.required, input.error(name))
        }
        FieldKind::Json => wrap(
            name,
            title,
            &field.about,
            field.required,
            input.error(name),
            html! {
                textarea id=(id(name)) name=(name) rows="6" spellcheck="false" class="mono" required[field.required]
                    aria-invalid=[invalid(input.error(name))] aria-describedby=(described(name)) { (typed) }
            },
        ),
        kind => wrap(
            name,
            title,
            &field.about,
            field.required,
            input.error(name),
            html! {
                div.field__control {
                    input id=(id(name)) name=(name) type=(control_type(kind, field)) value=[(!field.secret).then_some(typed)]
                        required[field.required] min=[number_bound(kind, field.min)] max=[number_bound(kind, field.max)]
                        step=[step(kind, field)] inputmode=[input_mode(kind)] autocomplete="off"
                        placeholder=[(kind == FieldKind::Duration).then_some("10s, 5min, 1h 30min")]
                        aria-invalid=[invalid(input.error(name))] aria-describedby=(described(name));
                    @if !field.unit.is_empty() { span.field__unit { (field.unit) } }
                }
            },
        ),
    }
}

/// All fields of a description, in order of their keys.
pub fn fields(all: &BTreeMap<String, Field>, input: &Input) -> Markup {
    html! { @for (name, description) in all { (field(name, description, input)) } }
}

/// A line of text. `kind` is the control's type: `text`, `email`, `password`, `search`; or `login`, the mail address one signs in
/// with, where the browser offers passkeys besides.
pub fn text(name: &str, title: &str, help: &str, kind: &str, required: bool, input: &Input) -> Markup {
    let value = (kind != "password").then(|| input.raw(name).to_owned());
    let complete = match kind {
        "login" => "username webauthn",
        "email" => "username",
        "password" if name.contains("new") => "new-password",
        "password" => "current-password",
        _ => "off",
    };
    wrap(
        name,
        title,
        help,
        required,
        input.error(name),
        html! {
            input id=(id(name)) name=(name) type=(if kind == "login" { "email" } else { kind }) value=[value] required[required] autocomplete=(complete)
                aria-invalid=[invalid(input.error(name))] aria-describedby=(described(name));
        },
    )
}

/// Several lines of text.
pub fn area(name: &str, title: &str, help: &str, required: bool, input: &Input) -> Markup {
    wrap(
        name,
        title,
        help,
        required,
        input.error(name),
        html! {
            textarea id=(id(name)) name=(name) rows="4" required[required]
                aria-invalid=[invalid(input.error(name))] aria-describedby=(described(name)) { (input.raw(name)) }
        },
    )
}

/// One of (value, label).
pub fn select(name: &str, title: &str, help: &str, options: &[(String, String)], input: &Input) -> Markup {
    select_with(name, title, help, options, input.text(name), false, input.error(name))
}

/// One of (value, label) that has to be chosen, unless one of them is empty.
pub fn choose(name: &str, title: &str, help: &str, options: &[(String, String)], input: &Input) -> Markup {
    let must = options.iter().all(|(key, _)| !key.is_empty());
    select_with(name, title, help, options, input.text(name), must, input.error(name))
}

/// A checkbox.
pub fn check(name: &str, title: &str, help: &str, input: &Input) -> Markup {
    boolean(name, title, help, input.text(name), input.error(name))
}

/// What is wrong with the form as a whole, and where the wrong fields are.
pub fn problems(input: &Input) -> Markup {
    let count = input.errors().filter(|(name, _)| !name.is_empty()).count();
    html! {
        @if input.errors().next().is_some() {
            div.notice.notice--bad role="alert" {
                @if let Some(text) = input.error("") { p { (text) } }
                @if count > 0 { p { "Not saved: " (count) @if count == 1 { " field needs" } @else { " fields need" } " another look." } }
            }
        }
    }
}

fn wrap(name: &str, title: &str, help: &str, required: bool, error: Option<&str>, control: Markup) -> Markup {
    html! {
        div.field {
            label for=(id(name)) { (title) @if required { span.field__required title="required" { " *" } } }
            (control)
            div id=(described(name)) {
                @if let Some(error) = error { div.field__error { (sentence(title, error)) } }
                @if !help.is_empty() { div.field__help { (help) } }
            }
        }
    }
}

fn boolean(name: &str, title: &str, help: &str, value: &str, error: Option<&str>) -> Markup {
    let on = matches!(value, "on" | "true" | "1" | "yes");
    html! {
        div.field {
            label.check for=(id(name)) {
                // Sent first, so that "off" is sent at all; the last value of a name counts.
                input type="hidden" name=(name) value="false";
                input id=(id(name)) name=(name) type="checkbox" value="true" checked[on] aria-describedby=(described(name));
                (title)
            }
            div id=(described(name)) {
                @if let Some(error) = error { div.field__error { (sentence(title, error)) } }
                @if !help.is_empty() { div.field__help { (help) } }
            }
        }
    }
}

fn select_with(
    name: &str,
    title: &str,
    help: &str,
    options: &[(String, String)],
    value: &str,
    required: bool,
    error: Option<&str>,
) -> Markup {
    wrap(
        name,
        title,
        help,
        required,
        error,
        html! {
            select id=(id(name)) name=(name) required[required] aria-invalid=[invalid(error)] aria-describedby=(described(name)) {
                @if value.is_empty() && !options.iter().any(|(key, _)| key.is_empty()) { option value="" { "Choose…" } }
                @for (key, label) in options { option value=(key) selected[key == value] { (label) } }
            }
        },
    )
}

/// `Port must be at most 65535.` from `must be at most 65535`.
fn sentence(title: &str, error: &str) -> String {
    if error.starts_with(char::is_uppercase) {
        return error.to_owned();
    }
    format!("{title} {error}.")
}

fn id(name: &str) -> String {
    format!("f-{name}")
}

fn described(name: &str) -> String {
    format!("f-{name}-about")
}

fn invalid(error: Option<&str>) -> Option<&'static str> {
    error.map(|_| "true")
}

fn shown_default(field: &Field) -> String {
    match &field.default {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn control_type(kind: FieldKind, field: &Field) -> &'static str {
    match kind {
        _ if field.secret => "password",
        FieldKind::Integer | FieldKind::Number => "number",
        _ => "text",
    }
}

fn input_mode(kind: FieldKind) -> Option<&'static str> {
    match kind {
        FieldKind::Integer => Some("numeric"),
        FieldKind::Number => Some("decimal"),
        _ => None,
    }
}

fn number_bound(kind: FieldKind, bound: Option<f64>) -> Option<String> {
    matches!(kind, FieldKind::Integer | FieldKind::Number).then_some(bound?).map(|bound| bound.to_string())
}

fn step(kind: FieldKind, field: &Field) -> Option<String> {
    match kind {
        FieldKind::Integer => Some(field.step.map_or("1".into(), |step| step.to_string())),
        FieldKind::Number => Some(field.step.map_or("any".into(), |step| step.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_shows_what_was_typed_and_why_it_is_wrong() {
        let description =
            Field { kind: FieldKind::Integer, title: "Port".into(), max: Some(65535.0), ..Field::default() };
        let input = Input::filled([("port", "70000\"><script>")])
            .with_errors(vec![("port".into(), "must be at most 65535".into())]);
        let html = field("port", &description, &input).into_string();
        assert!(html.contains("Port must be at most 65535."), "{html}");
        assert!(html.contains("value=\"70000&quot;&gt;&lt;script&gt;\""), "{html}");
        assert!(html.contains("aria-invalid=\"true\"") && html.contains("max=\"65535\""), "{html}");
    }

    #[test]
    fn a_secret_is_never_sent_back() {
        let description = Field { kind: FieldKind::Text, secret: true, ..Field::default() };
        let html = field("password", &description, &Input::filled([("password", "hunter2")])).into_string();
        assert!(html.contains("type=\"password\"") && !html.contains("hunter2"), "{html}");
    }
}
