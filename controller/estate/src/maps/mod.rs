//! Floor maps: a drawing and what its elements stand for. The library's `zone-maps/<name>/` holds both.

pub mod actions;
pub mod queries;
pub mod routes;

use bo_model::{Time, WorkspaceId};
use serde::Serialize;
use serde_json::Value as Json;

/// A map as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZoneMap {
    /// Whose.
    #[serde(skip)]
    pub workspace: WorkspaceId,
    /// The folder's name.
    pub name: String,
    /// For people.
    pub title: String,
    /// The drawing.
    #[serde(skip)]
    pub svg: String,
    /// `map.toml` as JSON: elements and what they are bound to.
    pub bindings: Json,
}

/// What a map was bound to at some time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Revision {
    /// From 1.
    pub number: i64,
    /// As in [`ZoneMap::bindings`].
    #[serde(skip)]
    pub bindings: Json,
    /// What was changed, in a line.
    pub about: String,
    /// By whom, by name.
    pub made_by: String,
    /// When.
    pub made_at: Time,
}

/// What must not be in a drawing that is shown inside a page: the first forbidden thing found.
pub fn forbidden(svg: &str) -> Option<String> {
    let lower = svg.to_lowercase();
    let words =
        ["<script", "<foreignobject", "<iframe", "<object", "<embed", "javascript:", "<!entity", "<!doctype"];
    if let Some(word) = words.iter().find(|word| lower.contains(**word)) {
        return Some(format!("`{word}`"));
    }
    // Attributes that run something: ` onload=`, `\nonclick =`.
    let mut rest = lower.as_str();
    while let Some(at) = rest.find("on") {
        let before = rest[..at].chars().next_back().is_some_and(char::is_whitespace);
        let after = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let named = after.len() < rest[at + 2..].len();
        if before && named && after.trim_start().starts_with('=') {
            return Some("an attribute that runs a script".into());
        }
        rest = &rest[at + 2..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_that_runs_something_is_refused() {
        assert_eq!(
            forbidden("<svg><path id=\"room-1\" d=\"M0 0\"/><text>Upon request = yes</text></svg>"),
            None
        );
        assert!(forbidden("<svg><SCRIPT>1</SCRIPT></svg>").is_some());
        assert!(forbidden("<svg onload=\"x()\"/>").is_some());
        assert!(forbidden("<a href=\"javascript:x()\"/>").is_some());
    }
}
