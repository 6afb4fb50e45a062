//! How to address a person: gender, the parts of their name, the language they prefer, their mail address.

use bo_web::{FieldErrors, Input};
use serde::{Deserialize, Serialize};

/// (stored letter, for people).
pub const GENDERS: [(&str, &str); 3] = [("F", "Female"), ("M", "Male"), ("U", "Unknown")];

/// (ISO 639-1 code, its name in itself).
pub const LANGUAGES: [(&str, &str); 12] = [
    ("en", "English"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("sv", "Svenska"),
    ("tr", "Türkçe"),
];

/// The language of whoever did not choose one.
pub const SYSTEM_LANGUAGE: &str = "en";
/// Longest part of a name, in characters.
const LONGEST: usize = 80;

/// How to address a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// `F`, `M` or `U`.
    #[serde(default = "unknown")]
    pub gender: String,
    /// Required on the form.
    pub first_name: String,
    /// May be empty.
    #[serde(default)]
    pub middle_name: String,
    /// Required on the form; may be empty of accounts made from one name.
    #[serde(default)]
    pub last_name: String,
    /// One of [`LANGUAGES`].
    #[serde(default = "system_language")]
    pub language: String,
}

fn unknown() -> String {
    "U".into()
}

fn system_language() -> String {
    SYSTEM_LANGUAGE.into()
}

impl Profile {
    /// From one name: the first word, and the rest.
    pub fn of_name(name: &str) -> Profile {
        let (first, last) = name.trim().split_once(char::is_whitespace).unwrap_or((name.trim(), ""));
        Profile {
            gender: unknown(),
            first_name: first.into(),
            middle_name: String::new(),
            last_name: last.trim().into(),
            language: system_language(),
        }
    }

    /// What a form sent; what is wrong goes to `errors`.
    pub fn from_form(input: &Input, errors: &mut FieldErrors) -> Profile {
        let profile = Profile {
            gender: or(input.text("gender"), "U"),
            first_name: input.required("first_name", LONGEST, errors),
            middle_name: input.optional("middle_name", LONGEST, errors),
            last_name: input.required("last_name", LONGEST, errors),
            language: or(input.text("language"), SYSTEM_LANGUAGE),
        };
        errors.extend(profile.unknown_words());
        errors.extend(profile.hidden_signs());
        profile
    }

    /// What is wrong with a profile that came as JSON.
    pub fn check(&self) -> FieldErrors {
        let mut errors = self.unknown_words();
        for (field, text, required) in [
            ("first_name", &self.first_name, true),
            ("middle_name", &self.middle_name, false),
            ("last_name", &self.last_name, true),
        ] {
            if required && text.trim().is_empty() {
                errors.push((field.into(), "is required".into()));
            } else if text.chars().count() > LONGEST {
                errors.push((field.into(), format!("must be at most {LONGEST} characters")));
            }
        }
        errors.extend(self.hidden_signs());
        errors
    }

    /// Signs that nobody sees, with which one name can be made to look like another (Unicode TR 36 §2.4): controls, and those that
    /// turn the direction of what follows. Those that join letters belong to names of some scripts.
    fn hidden_signs(&self) -> FieldErrors {
        let hidden =
            |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let parts = [
            ("first_name", &self.first_name),
            ("middle_name", &self.middle_name),
            ("last_name", &self.last_name),
        ];
        parts
            .into_iter()
            .filter(|(_, text)| text.contains(hidden))
            .map(|(field, _)| (field.into(), "holds signs that can't be seen; type it again".into()))
            .collect()
    }

    fn unknown_words(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if !GENDERS.iter().any(|(word, _)| *word == self.gender) {
            errors.push(("gender".into(), "must be F, M or U".into()));
        }
        if !LANGUAGES.iter().any(|(code, _)| *code == self.language) {
            errors.push(("language".into(), "is not one of the languages offered".into()));
        }
        errors
    }

    /// As lists show it.
    pub fn full_name(&self) -> String {
        let parts = [&self.first_name, &self.middle_name, &self.last_name];
        parts
            .map(|part| part.trim())
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// As a form shows it.
    pub fn fields(&self) -> [(&'static str, &str); 5] {
        [
            ("gender", &self.gender),
            ("first_name", &self.first_name),
            ("middle_name", &self.middle_name),
            ("last_name", &self.last_name),
            ("language", &self.language),
        ]
    }
}

/// What is wrong with a mail address.
pub fn check_email(email: &str) -> Option<(String, String)> {
    let email = email.trim();
    let (user, host) = email.rsplit_once('@').unwrap_or(("", ""));
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    if email.is_empty() {
        return Some(("email".into(), "is required".into()));
    }
    let wrong = user.is_empty()
        || host.is_empty()
        || email.len() > 254
        || email.contains(odd)
        || host.starts_with('.')
        || host.ends_with('.');
    wrong.then(|| ("email".into(), "must be a mail address like name@example.org".into()))
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_script_is_taken_apart_and_put_together() {
        for name in ["Noor Haddad", "Ada", "María José de la Cruz", "山田 太郎", "نور حداد"] {
            assert_eq!(Profile::of_name(name).full_name(), name);
        }
    }

    #[test]
    fn a_profile_needs_first_and_last_name_and_known_words() {
        let input = Input::filled([("gender", "X"), ("first_name", "Ada"), ("language", "tlh")]);
        let mut errors = FieldErrors::new();
        Profile::from_form(&input, &mut errors);
        let fields: Vec<&str> = errors.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["last_name", "gender", "language"]);
    }
}
