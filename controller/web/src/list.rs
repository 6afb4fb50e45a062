//! Lists: search, sort, filter, and keyset pages with an opaque cursor.
//!
//! ```text
//! const SPEC: ListSpec = ListSpec { sorts: &["name", "seen"], sort: "name", desc: false, filters: &["state"] };
//! let list = ctx.list(&SPEC)?;
//! let keyset = list.keyset(match list.sort { "seen" => "e.seen_at", _ => "lower(e.name)" }, "e.id", 3);
//! // … WHERE e.workspace = ?1 AND lower(e.name) LIKE ?2 AND {keyset.condition} {keyset.order} — its values are ?3, ?4, ?5
//! let rows = tx.query(&sql, &[params![workspace, list.like()], &keyset.params].concat(), |row| …)?;
//! Ok(list.paged(rows, |row| (row.sort_key(), row.id.to_string())))
//! ```

use crate::error::{Result, WebError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bo_db::Param;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Rows of a page when the request names none, and at most.
pub const DEFAULT_LIMIT: usize = 25;
/// Rows of a page at most.
pub const MAX_LIMIT: usize = 100;
/// Rows of a CSV at most: an export is the whole list, not a page of it.
pub const EXPORT_LIMIT: usize = 10_000;

/// What a list offers.
#[derive(Clone, Copy, Debug)]
pub struct ListSpec {
    /// What it can be sorted by.
    pub sorts: &'static [&'static str],
    /// What it is sorted by at first.
    pub sort: &'static str,
    /// Whether that is descending.
    pub desc: bool,
    /// What it can be filtered by.
    pub filters: &'static [&'static str],
}

impl ListSpec {
    /// The query that such a list takes, as a JSON schema.
    pub fn schema(&self) -> Json {
        let sorts: Vec<String> =
            self.sorts.iter().flat_map(|sort| [(*sort).to_owned(), format!("-{sort}")]).collect();
        let mut properties = json!({
            "q": {"type": "string", "maxLength": 200, "description": "Text to search for."},
            "sort": {"enum": sorts, "description": "A minus in front sorts downwards."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            "after": {"type": "string", "description": "Cursor: `next` of the page before."},
        });
        for filter in self.filters {
            properties[filter] = json!({"type": "string", "description": "Only those with this value."});
        }
        json!({"type": "object", "properties": properties})
    }
}

/// A value of the sorted column in a cursor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A time or count.
    Int(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(String),
}

impl From<i64> for Key {
    fn from(whole: i64) -> Key {
        Key::Int(whole)
    }
}
impl From<bo_model::Time> for Key {
    fn from(time: bo_model::Time) -> Key {
        Key::Int(time.0)
    }
}
impl From<f64> for Key {
    fn from(real: f64) -> Key {
        Key::Real(real)
    }
}
impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::Text(text.to_owned())
    }
}
impl From<String> for Key {
    fn from(text: String) -> Key {
        Key::Text(text)
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor(Key, String);

/// What a request asks of a list: `?q=…&sort=-name&state=open&limit=50&after=…`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// Text searched for; empty for all.
    pub q: String,
    /// One of the spec's sorts.
    pub sort: &'static str,
    /// Descending.
    pub desc: bool,
    /// Filters that are set.
    pub filters: BTreeMap<&'static str, String>,
    /// Rows of a page.
    pub limit: usize,
    /// `csv` when an export is wanted.
    pub format: String,
    after: Option<(Key, String)>,
}

/// The part of a statement that makes pages.
#[derive(Clone, Debug)]
pub struct Keyset {
    /// Goes behind `WHERE … AND`.
    pub condition: String,
    /// `ORDER BY … LIMIT …`, goes to the end.
    pub order: String,
    /// Its values, from the number it was given.
    pub params: Vec<Param<'static>>,
}

/// One page of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Paged<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Cursor of the next page: give it as `after`.
    pub next: Option<String>,
}

impl ListQuery {
    /// From the pairs of a query string.
    ///
    /// # Errors
    /// [`WebError::BadInput`] for a sort, a limit or a cursor that is not understood. Other names are not this list's.
    pub fn parse(spec: &ListSpec, pairs: Vec<(String, String)>) -> Result<ListQuery> {
        let mut list = ListQuery {
            q: String::new(),
            sort: spec.sort,
            desc: spec.desc,
            filters: BTreeMap::new(),
            limit: DEFAULT_LIMIT,
            format: String::new(),
            after: None,
        };
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "q" => list.q = value.trim().chars().take(200).collect(),
                "format" => list.format = value,
                "sort" => {
                    let (desc, word) =
                        value.strip_prefix('-').map_or((false, value.as_str()), |word| (true, word));
                    let known = spec.sorts.iter().find(|sort| **sort == word);
                    list.sort = known.ok_or_else(|| {
                        WebError::field("sort", format!("must be one of {}", spec.sorts.join(", ")))
                    })?;
                    list.desc = desc;
                }
                "limit" => {
                    let limit: usize =
                        value.parse().map_err(|_| WebError::field("limit", "must be a whole number"))?;
                    list.limit = limit.clamp(1, MAX_LIMIT);
                }
                "after" => list.after = Some(decode(&value)?),
                other => {
                    if let Some(filter) = spec.filters.iter().find(|filter| **filter == other) {
                        list.filters.insert(filter, value);
                    }
                }
            }
        }
        if list.format == "csv" {
            list.limit = EXPORT_LIMIT;
        }
        Ok(list)
    }

    /// Whether the search finds one of these texts.
    pub fn finds<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let wanted = self.q.to_lowercase();
        wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// A page of rows that are in memory, sorted by `key` (what the list is sorted by, as text that sorts like it) and id.
    pub fn page_of<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> (String, String)) -> Paged<T> {
        let after = self.after.as_ref().map(|(by, id)| match by {
            Key::Text(by) => (by.clone(), id.clone()),
            Key::Int(by) => (by.to_string(), id.clone()),
            Key::Real(by) => (by.to_string(), id.clone()),
        });
        if let Some(after) = after {
            rows.retain(|row| if self.desc { key(row) < after } else { key(row) > after });
        }
        rows.sort_by_cached_key(&key);
        if self.desc {
            rows.reverse();
        }
        rows.truncate(self.limit + 1);
        self.paged(rows, |row| {
            let (by, id) = key(row);
            (Key::Text(by), id)
        })
    }

    /// The same list behind a row: its sort value and its id.
    pub fn behind(&self, by: Key, id: String) -> ListQuery {
        ListQuery { after: Some((by, id)), ..self.clone() }
    }

    /// The cursor that leads on behind a row.
    pub fn cursor(by: Key, id: String) -> String {
        encode(by, id)
    }

    /// The number that the cursor stands for, in lists that are sorted by nothing but a number.
    pub fn after_number(&self) -> Option<i64> {
        match self.after {
            Some((Key::Int(number), _)) => Some(number),
            _ => None,
        }
    }

    /// A filter that is set.
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.filters.get(name).map(String::as_str)
    }

    /// The search as a `LIKE` pattern for lower-cased text; `%` for all.
    /// Use with `ESCAPE '!'`.
    pub fn like(&self) -> String {
        if self.q.is_empty() {
            return "%".into();
        }
        let safe = self.q.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        format!("%{safe}%")
    }

    /// The paging part of a statement sorted by the expression `by` (never NULL) and then by `id`; its values are
    /// numbered from `first`. One row more than the page is asked for, to know whether there is a next one.
    pub fn keyset(&self, by: &str, id: &str, first: usize) -> Keyset {
        let (direction, compare) = if self.desc { ("DESC", "<") } else { ("ASC", ">") };
        let limit = Param::from(self.limit + 1);
        let Some((key, last)) = &self.after else {
            let order = format!("ORDER BY {by} {direction}, {id} {direction} LIMIT ?{first}");
            return Keyset { condition: "1 = 1".into(), order, params: vec![limit] };
        };
        let (second, third) = (first + 1, first + 2);
        let key = match key {
            Key::Int(whole) => Param::Int(*whole),
            Key::Real(real) => Param::Real(*real),
            Key::Text(text) => Param::from(text.clone()),
        };
        Keyset {
            condition: format!("({by} {compare} ?{first} OR ({by} = ?{first} AND {id} {compare} ?{second}))"),
            order: format!("ORDER BY {by} {direction}, {id} {direction} LIMIT ?{third}"),
            params: vec![key, Param::from(last.clone()), limit],
        }
    }

    /// Cuts the extra row off and makes the cursor from the last one shown: its sort value and its id.
    pub fn paged<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> (Key, String)) -> Paged<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(|last| {
            let (by, id) = key(last);
            encode(by, id)
        });
        Paged { items: rows, next }
    }

    /// The address of this list with one thing changed: `list.href("/edges", &[("sort", "-name")])`. Changing
    /// anything but `after` goes back to the first page.
    pub fn href(&self, path: &str, change: &[(&str, &str)]) -> String {
        let mut pairs: BTreeMap<&str, String> = BTreeMap::new();
        pairs.insert("q", self.q.clone());
        pairs.insert("sort", format!("{}{}", if self.desc { "-" } else { "" }, self.sort));
        if self.limit != DEFAULT_LIMIT {
            pairs.insert("limit", self.limit.to_string());
        }
        for (name, value) in &self.filters {
            pairs.insert(name, value.clone());
        }
        for (name, value) in change {
            pairs.insert(name, (*value).to_owned());
        }
        pairs.retain(|_, value| !value.is_empty());
        let query = serde_urlencoded::to_string(&pairs).unwrap_or_default();
        format!("{path}?{query}")
    }
}

fn encode(key: Key, id: String) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Cursor(key, id)).unwrap_or_default())
}

fn decode(text: &str) -> Result<(Key, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor: Option<Cursor> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    cursor
        .map(|Cursor(key, id)| (key, id))
        .ok_or_else(|| WebError::field("after", "is not a cursor of this list; start from the first page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: ListSpec =
        ListSpec { sorts: &["name", "seen"], sort: "name", desc: false, filters: &["state"] };

    fn parse(query: &str) -> Result<ListQuery> {
        ListQuery::parse(&SPEC, serde_urlencoded::from_str(query).unwrap())
    }

    #[test]
    fn a_request_names_search_sort_filter_and_page() {
        let list = parse("q=Hall+1&sort=-seen&state=open&limit=500").unwrap();
        assert_eq!((list.q.as_str(), list.sort, list.desc, list.limit), ("Hall 1", "seen", true, 100));
        assert_eq!(list.filter("state"), Some("open"));
        assert_eq!(list.like(), "%hall 1%");
        assert!(matches!(parse("sort=password"), Err(WebError::BadInput(_))));
        assert!(matches!(parse("after=nonsense"), Err(WebError::BadInput(_))));
    }

    #[test]
    fn rows_in_memory_are_paged_like_rows_of_a_table() {
        let rows = ["d", "a", "c", "b", "e"];
        let key = |row: &&str| ((*row).to_owned(), String::new());
        for (sort, expected) in [("name", "abcde"), ("-name", "edcba")] {
            let mut seen = String::new();
            let mut list = parse(&format!("sort={sort}&limit=2")).unwrap();
            loop {
                let page = list.page_of(rows.to_vec(), key);
                seen.extend(page.items);
                let Some(next) = page.next else { break };
                list = parse(&format!("sort={sort}&limit=2&after={next}")).unwrap();
            }
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_search_can_not_use_wildcards() {
        assert_eq!(parse("q=100%25_a").unwrap().like(), "%100!%!_a%");
    }

    #[test]
    fn the_cursor_leads_on_and_back_to_the_same_row() {
        let list = parse("limit=2").unwrap();
        let page = list.paged(vec!["a", "b", "c"], |row| (Key::from(*row), format!("id-{row}")));
        assert_eq!(page.items, ["a", "b"]);
        let next = parse(&format!("after={}", page.next.unwrap())).unwrap();
        let keyset = next.keyset("lower(name)", "id", 4);
        assert_eq!(keyset.condition, "(lower(name) > ?4 OR (lower(name) = ?4 AND id > ?5))");
        assert_eq!(keyset.params, vec![Param::from("b"), Param::from("id-b"), Param::from(26usize)]);
        assert!(list.paged(vec!["a"], |row| (Key::from(*row), String::new())).next.is_none());
    }
}
