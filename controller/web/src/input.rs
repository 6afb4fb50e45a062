//! What a form sent: every field as it was typed, and the sentences that belong beside them.

use crate::error::{FieldErrors, WebError};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_model::settings::{Field, FieldKind, Values, check_all};
use maud::Markup;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::str::FromStr;

/// A form's fields. Kept as typed, so that a refused form shows again what the person wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    fields: BTreeMap<String, Vec<String>>,
    errors: BTreeMap<String, String>,
}

impl Input {
    /// From `application/x-www-form-urlencoded` bytes.
    ///
    /// # Errors
    /// [`WebError::BadInput`] when it is not that.
    pub fn parse_form(body: &[u8]) -> Result<Input, WebError> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body)
            .map_err(|error| WebError::field("", format!("the form could not be read: {error}")))?;
        Ok(Input::from_pairs(pairs))
    }

    /// From names and values in the order they were sent.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Input {
        let mut input = Input::default();
        for (name, value) in pairs {
            input.fields.entry(name).or_default().push(value);
        }
        input
    }

    /// A form filled in from what is stored: the first showing of an edit form.
    pub fn filled<K: Into<String>, V: Into<String>>(fields: impl IntoIterator<Item = (K, V)>) -> Input {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), vec![value.into()])).collect();
        Input { fields, errors: BTreeMap::new() }
    }

    /// A form filled in from settings.
    pub fn from_values(values: &Values) -> Input {
        Input::filled(values.iter().map(|(key, value)| {
            (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }))
    }

    /// The field, trimmed; empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The field exactly as typed (passwords, code); empty when it is missing.
    pub fn raw(&self, name: &str) -> &str {
        self.fields.get(name).and_then(|values| values.last()).map_or("", String::as_str)
    }

    /// All values of a repeated field.
    pub fn all(&self, name: &str) -> &[String] {
        self.fields.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a checkbox is on.
    pub fn checked(&self, name: &str) -> bool {
        matches!(self.text(name), "on" | "true" | "1" | "yes")
    }

    /// Whether the field was sent at all.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The text, which must not be empty nor longer than `max` characters; else a sentence in `errors`.
    pub fn required(&self, name: &str, max: usize, errors: &mut FieldErrors) -> String {
        let text = self.text(name);
        if text.is_empty() {
            errors.push((name.into(), "is required".into()));
        } else if text.chars().count() > max {
            errors.push((name.into(), format!("must be at most {max} characters")));
        }
        text.to_owned()
    }

    /// The text, empty allowed, at most `max` characters; else a sentence in `errors`.
    pub fn optional(&self, name: &str, max: usize, errors: &mut FieldErrors) -> String {
        let text = self.text(name);
        if text.chars().count() > max {
            errors.push((name.into(), format!("must be at most {max} characters")));
        }
        text.to_owned()
    }

    /// Anything that can be read from text; `None` and a sentence in `errors` when it can't.
    pub fn parse<T: FromStr>(&self, name: &str, errors: &mut FieldErrors) -> Option<T> {
        match self.text(name) {
            "" => {
                errors.push((name.into(), "is required".into()));
                None
            }
            text => match text.parse() {
                Ok(value) => Some(value),
                Err(_) => {
                    errors.push((name.into(), "is not understood; choose or type another value".into()));
                    None
                }
            },
        }
    }

    /// Settings or command parameters, by their description. An empty field is not set (or its default).
    ///
    /// # Errors
    /// [`WebError::BadInput`] with all wrong fields.
    pub fn values(&self, fields: &BTreeMap<String, Field>) -> Result<Values, WebError> {
        check_all(fields, &self.typed(fields)?).map_err(WebError::BadInput)
    }

    /// Like [`Input::values`], of one level only: no defaults are filled in, nothing is required.
    ///
    /// # Errors
    /// [`WebError::BadInput`] with all wrong fields.
    pub fn own_values(&self, fields: &BTreeMap<String, Field>) -> Result<Values, WebError> {
        let values = self.typed(fields)?;
        let errors: FieldErrors = values
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), fields.get(key)?.check(value).err()?)))
            .collect();
        if errors.is_empty() { Ok(values) } else { Err(WebError::BadInput(errors)) }
    }

    fn typed(&self, fields: &BTreeMap<String, Field>) -> Result<Values, WebError> {
        let mut values = Values::new();
        let mut errors = FieldErrors::new();
        for (key, field) in fields.iter().filter(|(key, _)| self.has(key)) {
            let text = self.text(key);
            if text.is_empty() && field.kind != FieldKind::Boolean {
                continue;
            }
            match typed(field, text) {
                Ok(value) => drop(values.insert(key.clone(), value)),
                Err(sentence) => errors.push((key.clone(), sentence)),
            }
        }
        if errors.is_empty() { Ok(values) } else { Err(WebError::BadInput(errors)) }
    }

    /// The same input with sentences beside its fields.
    pub fn with_errors(mut self, errors: FieldErrors) -> Input {
        self.errors.extend(errors);
        self
    }

    /// The same input with the sentences of a refusal where they belong, so that the form can be shown again; any other
    /// error is handed on.
    ///
    /// # Errors
    /// Whatever is not about what was typed.
    pub fn refused(self, error: WebError) -> Result<Input, WebError> {
        match error {
            WebError::BadInput(fields) => Ok(self.with_errors(fields)),
            WebError::Conflict(sentence) => Ok(self.with_errors(vec![(String::new(), sentence)])),
            other => Err(other),
        }
    }

    /// The same input, with what is stored in the fields that were not sent: of a page with several forms.
    pub fn or(mut self, stored: Input) -> Input {
        for (name, values) in stored.fields {
            self.fields.entry(name).or_insert(values);
        }
        self
    }

    /// The page this is shown on as an answer: 422 when it was refused.
    pub fn on(&self, page: Markup) -> Response {
        let status = if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        (status, page).into_response()
    }

    /// A program's JSON object as a form: texts, numbers, booleans, and lists of them. What is null or missing is empty.
    ///
    /// # Errors
    /// [`WebError::BadInput`] for anything else, and for fields the form does not have.
    pub fn from_json(object: Json, known: &[&str]) -> Result<Input, WebError> {
        let Json::Object(fields) = object else {
            return Err(WebError::field("", "the body must be an object"));
        };
        let mut input = Input::default();
        for (name, value) in fields {
            if !known.contains(&name.as_str()) {
                return Err(WebError::field(name, format!("is not known; there are {}", known.join(", "))));
            }
            let values = match value {
                Json::Array(values) => values,
                Json::Null => vec![Json::from("")],
                value => vec![value],
            };
            // An empty list is there, and empty.
            input.fields.entry(name.clone()).or_default();
            for value in values {
                let text = match value {
                    Json::String(text) => text,
                    Json::Number(_) | Json::Bool(_) => value.to_string(),
                    _ => return Err(WebError::field(name, "must be a text, a number, true or false")),
                };
                input.fields.entry(name.clone()).or_default().push(text);
            }
        }
        Ok(input)
    }

    /// The sentence beside a field; the one of `""` is about the whole form.
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.get(name).map(String::as_str)
    }

    /// All sentences.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|(field, sentence)| (field.as_str(), sentence.as_str()))
    }
}

/// A program's body. What does not fit is said of the field, by its name in the API: `scopes[0].level`.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, WebError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let broken =
        |error: serde_json::Error| WebError::field("", format!("the body is not understood: {error}"));
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (field, error) = (error.path().to_string(), error.into_inner());
        if field == "." || error.classify() != serde_json::error::Category::Data {
            return broken(error);
        }
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text);
        let sentence = match reason.starts_with("UUID") {
            true => "is not an id".to_owned(),
            false => format!("is not understood: {reason}"),
        };
        WebError::field(field, sentence)
    })?;
    reader.end().map_err(broken)?;
    Ok(value)
}

fn typed(field: &Field, text: &str) -> Result<Json, String> {
    match field.kind {
        FieldKind::Boolean => match text {
            "on" | "true" | "1" | "yes" => Ok(Json::Bool(true)),
            "" | "off" | "false" | "0" | "no" => Ok(Json::Bool(false)),
            _ => Err("must be on or off".into()),
        },
        FieldKind::Integer => {
            text.parse::<i64>().map(Json::from).map_err(|_| "must be a whole number".into())
        }
        FieldKind::Number => {
            let number = text.replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Json::from).ok_or_else(|| "must be a number".into())
        }
        FieldKind::Json => serde_json::from_str(text).map_err(|error| format!("is not valid JSON: {error}")),
        FieldKind::Text | FieldKind::Duration => Ok(Json::from(text)),
        // A choice whose keys are numbers keeps its text; the check compares both forms.
        FieldKind::Choice => Ok(Json::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> BTreeMap<String, Field> {
        BTreeMap::from([
            ("level".into(), Field { kind: FieldKind::Number, max: Some(100.0), ..Field::default() }),
            ("on".into(), Field { kind: FieldKind::Boolean, ..Field::default() }),
            ("unit".into(), Field { kind: FieldKind::Integer, default: Some(json!(1)), ..Field::default() }),
        ])
    }

    #[test]
    fn a_form_becomes_typed_values_with_defaults() {
        let input = Input::parse_form(b"level=12%2C5&on=true&unit=&_csrf=x").unwrap();
        let values = input.values(&fields()).unwrap();
        assert_eq!(values["level"], json!(12.5));
        assert_eq!(values["on"], json!(true));
        assert_eq!(values["unit"], json!(1));
    }

    #[test]
    fn wrong_fields_are_named_and_what_was_typed_is_kept() {
        let input = Input::parse_form(b"level=lots&unit=x").unwrap();
        let Err(WebError::BadInput(errors)) = input.values(&fields()) else { panic!("accepted") };
        let again = input.with_errors(errors);
        assert_eq!(again.error("level"), Some("must be a number"));
        assert_eq!(again.error("unit"), Some("must be a whole number"));
        assert_eq!(again.text("level"), "lots");
    }

    #[test]
    fn a_program_sends_the_same_fields_as_a_form() {
        let input = Input::from_json(
            json!({"name": "Gala", "seats": 3, "people": ["a", "b"], "note": null}),
            &["name", "seats", "people", "note"],
        );
        let input = input.unwrap();
        assert_eq!((input.text("name"), input.text("seats"), input.text("note")), ("Gala", "3", ""));
        assert_eq!(input.all("people"), ["a", "b"]);
        let none = Input::from_json(json!({"people": []}), &["people"]).unwrap();
        assert!(none.has("people") && none.all("people").is_empty() && !none.has("name"));
        assert!(
            Input::from_json(json!({"nmae": "Gala"}), &["name"]).is_err(),
            "a typing error is not ignored"
        );
        assert!(Input::from_json(json!({"name": {"a": 1}}), &["name"]).is_err());
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it can be read is asked")]
    struct Order {
        to: bo_model::WorkspaceId,
        lines: Vec<Line>,
    }

    #[derive(serde::Deserialize, Debug)]
    #[allow(dead_code, reason = "only whether it can be read is asked")]
    struct Line {
        count: i64,
    }

    #[test]
    fn what_a_program_sends_and_does_not_fit_is_said_of_its_field() {
        let wrong = |body: &str| match from_json::<Order>(body.as_bytes()) {
            Err(WebError::BadInput(fields)) => fields.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        };
        let id = "01900000-0000-7000-8000-000000000000";
        assert_eq!(wrong(r#"{"to": "nobody", "lines": []}"#), ("to".into(), "is not an id".into()));
        let (field, why) =
            wrong(&format!(r#"{{"to": "{id}", "lines": [{{"count": 1}}, {{"count": "x"}}]}}"#));
        assert_eq!((field.as_str(), why.contains("expected i64")), ("lines[1].count", true), "{why}");
        assert!(!why.contains("column"), "{why}");
        let (field, why) = wrong(r#"{"to": "#);
        assert!(field.is_empty() && why.contains("line 1 column"), "{why}");
        let (_, why) = wrong(&format!(r#"{{"to": "{id}", "lines": [], "from": 1}}"#));
        assert!(why.contains("unknown field `from`"), "{why}");
        assert!(from_json::<Order>(format!(r#"{{"to": "{id}", "lines": []}}"#).as_bytes()).is_ok());
        assert!(from_json::<Order>(format!(r#"{{"to": "{id}", "lines": []}} x"#).as_bytes()).is_err());
    }

    #[test]
    fn one_level_of_settings_takes_no_defaults() {
        let input = Input::parse_form(b"level=5").unwrap();
        assert_eq!(input.own_values(&fields()).unwrap().len(), 1);
    }
}
