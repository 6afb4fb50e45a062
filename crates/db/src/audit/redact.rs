//! What never reaches the log in clear.

use bo_model::settings::{Field, Values};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

const HIDDEN: &str = "(hidden)";

/// Settings as the log may hold them: the value of every field marked `secret` is hidden.
pub fn redact(fields: &BTreeMap<String, Field>, values: &Values) -> Json {
    let shown = values.iter().map(|(key, value)| {
        let secret = fields.get(key).is_some_and(|field| field.secret);
        (key.clone(), if secret { Json::from(HIDDEN) } else { value.clone() })
    });
    Json::Object(shown.collect::<Map<_, _>>())
}

/// The fields of two states that differ. A field that is hidden on both sides and differs in the original
/// can't be told from one that did not, so redact before and compare what the caller knows changed.
pub fn changes(before: Json, after: Json) -> (Json, Json) {
    match (before, after) {
        (Json::Object(mut before), Json::Object(mut after)) => {
            let same: Vec<String> = before
                .iter()
                .filter(|(key, value)| after.get(*key) == Some(value))
                .map(|(k, _)| k.clone())
                .collect();
            for key in same {
                before.remove(&key);
                after.remove(&key);
            }
            (Json::Object(before), Json::Object(after))
        }
        other => other,
    }
}

/// A second net under [`redact`]: a key that is named like a secret is hidden wherever it stands.
pub(crate) fn scrub(value: Json) -> Json {
    match value {
        Json::Object(map) => Json::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let value = if names_a_secret(&key) && !value.is_null() && !value.is_boolean() {
                        Json::from(HIDDEN)
                    } else {
                        scrub(value)
                    };
                    (key, value)
                })
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(scrub).collect()),
        other => other,
    }
}

fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "secret", "private_key", "api_key", "token_hash", "credential"]
        .iter()
        .any(|word| key.contains(word))
        || key == "token"
        || key == "pin"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_field_is_hidden_by_its_description() {
        let fields = BTreeMap::from([
            ("community".to_owned(), Field { secret: true, ..Field::default() }),
            ("host".to_owned(), Field::default()),
        ]);
        let values =
            Values::from([("community".to_owned(), json!("s3cret")), ("host".to_owned(), json!("10.0.0.7"))]);
        assert_eq!(redact(&fields, &values), json!({"community": "(hidden)", "host": "10.0.0.7"}));
    }

    #[test]
    fn a_key_that_is_named_like_a_secret_is_hidden_at_any_depth() {
        let state = json!({"link": [{"mqtt_password": "x", "user": "u"}], "pin": 1234, "password_set": true});
        let shown = json!({"link": [{"mqtt_password": "(hidden)", "user": "u"}], "pin": "(hidden)", "password_set": true});
        assert_eq!(scrub(state), shown);
    }

    #[test]
    fn only_what_changed_is_kept() {
        let (before, after) =
            changes(json!({"name": "A", "size": 3}), json!({"name": "B", "size": 3, "new": 1}));
        assert_eq!((before, after), (json!({"name": "A"}), json!({"name": "B", "new": 1})));
    }
}
