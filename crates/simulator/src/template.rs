//! `{name}` in a text, and a whole text matched against one that has such names. Braces around anything else are
//! left alone, so that JSON can stand in a template.

/// Fills every `{name}` that `lookup` knows.
pub fn fill(template: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let found = from.find('}').and_then(|close| {
            let name = &from[1..close];
            let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            plain.then(|| lookup(name)).flatten().map(|value| (value, close + 1))
        });
        match found {
            Some((value, end)) => {
                filled.push_str(&value);
                rest = &from[end..];
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// What the `{names}` of `template` stand for in `text`, if it fits.
pub fn unfill(template: &str, text: &str) -> Option<Vec<(String, String)>> {
    let mut names = Vec::new();
    let mut pattern = String::from("(?s)^");
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').map(|at| open + at);
        let name = close.map(|close| &rest[open + 1..close]);
        match (name, close) {
            (Some(name), Some(close))
                if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') =>
            {
                pattern.push_str(&regex::escape(&rest[..open]));
                pattern.push_str("(.+?)");
                names.push(name.to_owned());
                rest = &rest[close + 1..];
            }
            _ => {
                pattern.push_str(&regex::escape(&rest[..=open]));
                rest = &rest[open + 1..];
            }
        }
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    let captures = regex::Regex::new(&pattern).ok()?.captures(text)?;
    Some(names.into_iter().enumerate().map(|(index, name)| (name, captures[index + 1].to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_json_is_left_alone() {
        let known = |name: &str| (name == "on").then(|| "true".to_owned());
        assert_eq!(fill(r#"{"state":{on},"x":"{who}"}"#, known), r#"{"state":true,"x":"{who}"}"#);
    }

    #[test]
    fn a_text_gives_back_what_its_template_was_filled_with() {
        let found = unfill(r#"{"state":"{on}"}"#, r#"{"state":"true"}"#).unwrap();
        assert_eq!(found, vec![("on".to_owned(), "true".to_owned())]);
        assert!(unfill("POWER {on}", "VOLUME 3").is_none());
    }
}
