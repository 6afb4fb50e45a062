//! What is wrong with a trigger, and where: file, line, column and place, for a terminal and an editor alike.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `trigger.toml`, `rule.rhai`, `cases.toml`, or `parameters` for those of an instance.
    pub file: String,
    /// Line from 1, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column from 1, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Dotted place in a TOML file: `when.all[1].input`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// A sentence for people.
    pub message: String,
}

impl Diagnostic {
    /// Something wrong at a place of `trigger.toml`.
    pub(crate) fn at(place: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: "trigger.toml".into(),
            line: None,
            column: None,
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        f.write_str(": ")?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

/// Why a trigger can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition, its script or its parameters are wrong; all of it is listed.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
    /// A file of a trigger's folder can't be read.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// What is wrong, for an editor; empty when a file could not be read.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Error::Invalid(all) => all,
            Error::Read { .. } => &[],
        }
    }
}

fn lines(all: &[Diagnostic]) -> String {
    all.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads a TOML file of this crate. The error names the line, and what was expected there.
pub(crate) fn read_toml<T: DeserializeOwned>(file: &str, text: &str, limit: usize) -> Result<T, Error> {
    let wrong = |line, column, message| {
        Error::Invalid(vec![Diagnostic { file: file.into(), line, column, place: String::new(), message }])
    };
    if text.len() > limit {
        return Err(wrong(None, None, format!("is longer than {} KiB", limit / 1024)));
    }
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| line_and_column(text, span.start));
        wrong(at.map(|at| at.0), at.map(|at| at.1), error.message().to_owned())
    })
}

/// Fills in lines for diagnostics that know their place in `text` only by name.
pub(crate) fn locate(file: &str, text: &str, diagnostics: &mut [Diagnostic]) {
    let Ok(root) = DeTable::parse(text) else { return };
    for diagnostic in diagnostics.iter_mut().filter(|d| d.file == file && d.line.is_none()) {
        if let Some(offset) = offset_of(root.get_ref(), &diagnostic.place) {
            let (line, column) = line_and_column(text, offset);
            diagnostic.line = Some(line);
            diagnostic.column = Some(column);
        }
    }
}

/// Byte offset of the deepest part of `place` that exists.
fn offset_of(root: &DeTable<'_>, place: &str) -> Option<usize> {
    let mut found = None;
    let mut table = Some(root);
    for part in place.split('.') {
        let (key, index) = match part.split_once('[') {
            Some((key, rest)) => (key, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((name, mut value)) = table.and_then(|t| t.get_key_value(key)) else { break };
        found = Some(name.span().start);
        if let (Some(index), DeValue::Array(items)) = (index, value.get_ref()) {
            let Some(item) = items.get(index) else { break };
            found = Some(item.span().start);
            value = item;
        }
        table = value.get_ref().as_table();
    }
    found
}

fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_tables_arrays_and_inline_tables() {
        let text = "name = \"x\"\n[when]\nall = [\n  { input = \"a\" },\n  { input = \"b\", above = 3 },\n]\n\
                    [[on_active]]\nemit = { event = \"e\" }\n[[on_active]]\ncommand = \"A_1.b\"\n";
        let line = |place: &str| {
            let mut all = [Diagnostic::at(place, "wrong")];
            locate("trigger.toml", text, &mut all);
            all[0].line
        };
        assert_eq!(line("name"), Some(1));
        assert_eq!(line("when.all[1].above"), Some(5));
        assert_eq!(line("when.all[0].nothing"), Some(4));
        assert_eq!(line("on_active[1].command"), Some(10));
        assert_eq!(line("nowhere"), None);
    }
}
