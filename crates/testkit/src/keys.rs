//! Whether an annotated example shows every key there is: the reader of a configuration names the keys it knows when it is
//! given one it does not know, so it is asked in every table of the example.

/// A key that no configuration has.
const UNKNOWN: &str = "no_such_key_anywhere";

/// The example with the lines behind `mark` in force, without its other comments.
#[must_use]
pub fn uncommented(example: &str, mark: &str) -> String {
    let lines = example.lines().map(|line| line.strip_prefix(mark).unwrap_or(line));
    let kept = lines.filter(|line| !line.trim_start().starts_with('#'));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// Keys that `read` knows in one of the text's tables and that are not set there, as `table: key`.
///
/// `read` answers with the message of serde's error, which lists them: ``unknown field `x`, expected one of `a`, `b` ``.
/// A table whose reader names none (a map of names) has none that could be missing.
pub fn missing(text: &str, read: impl Fn(&str) -> Result<(), String>) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let heads: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with('[')).collect();
    let mut missing = Vec::new();
    for start in std::iter::once(None).chain(heads.iter().copied().map(Some)) {
        let first = start.map_or(0, |at| at + 1);
        let end = heads.iter().copied().find(|head| *head >= first).unwrap_or(lines.len());
        let name = start.map_or("", |at| lines[at].trim_matches(['[', ']']));
        let mut with = lines.clone();
        let key = format!("{UNKNOWN} = 1");
        with.insert(first, &key);
        let Err(message) = read(&with.join("\n")) else { continue };
        // Tables below count as keys: `[log]` sets `log`, and so does `[[x.y]]` for `y` in `x`.
        let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
        let below = |key: &str| {
            let table = format!("{prefix}{key}");
            heads.iter().map(|head| lines[*head].trim_matches(['[', ']'])).any(|head| {
                head.strip_prefix(&table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        // Of a list of tables it is enough that one shows the key.
        let alike = heads.iter().filter(|head| start.is_some_and(|start| lines[start] == lines[**head]));
        let bodies: Vec<&str> = match start {
            None => lines[..end].to_vec(),
            Some(_) => alike
                .flat_map(|head| lines[head + 1..].iter().take_while(|line| !line.starts_with('[')).copied())
                .collect(),
        };
        let set = |key: &str| {
            bodies.iter().any(|line| line.split(['=', '.']).next().unwrap_or_default().trim() == key)
        };
        let known = expected(&message).filter(|key| !set(key) && !below(key));
        missing.extend(known.map(|key| format!("[{name}]: {key}")));
    }
    missing.dedup();
    missing
}

/// The keys that an error names behind "expected".
fn expected(message: &str) -> impl Iterator<Item = &str> {
    let list = message.split_once(UNKNOWN).and_then(|(_, rest)| rest.split_once("expected"));
    list.map_or("", |(_, list)| list).split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_known_and_not_shown_is_named_with_its_table() {
        let example = "# Says what.\na = 1\n#: b = 2\n[log]\nlevel = 1\n";
        assert_eq!(uncommented(example, "#: "), "a = 1\nb = 2\n[log]\nlevel = 1\n");
        let read = |text: &str| {
            let at = text.lines().position(|line| line.starts_with(UNKNOWN));
            let known = if at == Some(0) { "`a`, `b`, `log`" } else { "`level`, `format`" };
            Err(format!("unknown field `{UNKNOWN}`, expected one of {known}"))
        };
        assert_eq!(missing(&uncommented(example, "#: "), read), ["[log]: format"]);
        assert_eq!(missing(&uncommented(example, "#@ "), read), ["[]: b", "[log]: format"]);
        let list = "a = 1\nb = 2\n[[log]]\nlevel = 1\n[[log]]\nformat = 1\n";
        assert_eq!(missing(list, read), Vec::<String>::new(), "each entry of a list shows a part");
    }
}
