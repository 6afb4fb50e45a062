//! Bad intent, tried on a whole application: every form and call for another site, every page and form of one organisation as the
//! owner of another, and junk in every field of every form that is reached by following links.

use super::{Client, between, fill};
use crate::app::App;
use crate::need::Need;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Pages read at most.
const MOST_PAGES: usize = 300;
/// At the beginning of whatever is typed: markup, a script of its own, a sign that turns the direction of writing.
const TYPED: &str = "zx9Ω<script>久\u{202E}";
const TYPED_SHOWN: &str = "zx9Ω&lt;script&gt;久";

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// The page it was on.
    pub page: String,
    /// Where it is sent.
    pub action: String,
    /// Names, what is typed there (`text`, `hidden`, `password`, `choice`), and what stands there.
    pub fields: Vec<(String, &'static str, String)>,
    /// The most signs that a browser lets somebody type, by name.
    pub most: BTreeMap<String, usize>,
}

/// What somebody reaches by following links.
#[derive(Default)]
pub struct Reached {
    /// Paths that answered with a page.
    pub pages: BTreeSet<String>,
    /// Forms that change something, one per place they are sent to, whatever its ids.
    pub forms: BTreeMap<String, Form>,
}

/// Mutations that do not ask for a sign of our own pages.
pub async fn forged(app: &Arc<App>, somebody: &Client) -> (usize, Vec<String>) {
    let (mut tried, mut holes) = (0, Vec::new());
    for route in app.routes().iter().filter(|route| route.is_mutation()) {
        if matches!(route.need, Need::Anyone(_)) {
            continue;
        }
        let path = fill(&route.path.replace("{*", "{"));
        let mut forger = somebody.clone();
        forger.csrf = String::new();
        let form = Some("application/x-www-form-urlencoded");
        let answer = forger.send(route.method.clone(), &path, form, Vec::new()).await;
        if !matches!(answer.status.as_u16(), 403 | 404) {
            holes.push(format!("{} {}: {}", route.method, route.path, answer.status));
        }
        tried += 1;
    }
    (tried, holes)
}

/// Follows links from there.
pub async fn reach(somebody: &mut Client, from: &[&str]) -> Reached {
    let mut reached = Reached::default();
    let mut open: VecDeque<String> = from.iter().map(|path| (*path).to_owned()).collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(path) = open.pop_front() {
        if reached.pages.len() >= MOST_PAGES {
            break;
        }
        let answer = somebody.get(&path).await;
        let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("");
        if answer.status != 200 || !kind.starts_with("text/html") {
            continue;
        }
        for link in answer.text.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let link = link.split(['?', '#']).next().unwrap_or("");
            let ours = link.starts_with('/') && !link.starts_with("//");
            if ours
                && !link.starts_with("/assets")
                && !link.starts_with("/api")
                && seen.insert(link.to_owned())
            {
                open.push_back(link.to_owned());
            }
        }
        for form in forms(&path, &answer.text) {
            reached.forms.entry(plain(&form.action)).or_insert(form);
        }
        reached.pages.insert(path);
    }
    reached
}

/// A path with its ids taken out.
fn plain(path: &str) -> String {
    path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect::<Vec<_>>().join("/")
}

fn is_id(part: &str) -> bool {
    part.len() == 36 && part.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    between(tag, &format!(" {name}=\""), "\"")
}

fn forms(page: &str, text: &str) -> Vec<Form> {
    let mut found = Vec::new();
    for part in text.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next()) {
        let Some((head, body)) = part.split_once('>') else { continue };
        let (Some(action), Some("post")) = (attribute(head, "action"), attribute(head, "method")) else {
            continue;
        };
        let (mut fields, mut most) = (Vec::new(), BTreeMap::new());
        for tag in body.split('<').skip(1) {
            let (tag, inside) = tag.split_once('>').unwrap_or((tag, ""));
            let Some(name) = attribute(tag, "name") else { continue };
            if let Some(length) = attribute(tag, "maxlength").and_then(|length| length.parse().ok()) {
                most.insert(name.to_owned(), length);
            }
            let value = attribute(tag, "value").unwrap_or(inside).to_owned();
            let kind = match (tag.split(' ').next(), attribute(tag, "type")) {
                (Some("textarea"), _) => "text",
                (Some("input"), Some("hidden")) => "hidden",
                (Some("input"), Some("password")) => "password",
                (Some("input"), Some("checkbox" | "radio" | "file" | "submit")) => "choice",
                (Some("input"), _) => "text",
                _ => "choice",
            };
            fields.push((name.to_owned(), kind, value));
        }
        found.push(Form { page: page.to_owned(), action: action.replace("&amp;", "&"), fields, most });
    }
    found
}

/// Pages and forms that are there for somebody who must not know of them.
pub async fn strangers(reached: &Reached, stranger: &mut Client) -> (usize, Vec<String>) {
    let (mut tried, mut holes) = (0, Vec::new());
    for page in reached.pages.iter().filter(|page| page.split('/').any(is_id)) {
        let answer = stranger.get(page).await;
        tried += 1;
        if answer.status != 404 {
            holes.push(format!("{page}: {}", answer.status));
        }
    }
    for form in reached.forms.values().filter(|form| form.action.split(['/', '?']).any(is_id)) {
        let sent: Vec<(&str, &str)> = form
            .fields
            .iter()
            .filter(|(name, ..)| name != "csrf")
            .map(|(name, _, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = stranger.post(&form.action, &sent).await;
        tried += 1;
        if !matches!(answer.status.as_u16(), 403 | 404) {
            holes.push(format!("form {}: {}", form.action, answer.status));
        }
    }
    (tried, holes)
}

/// Forms that break, or lose what was typed, or do not say what is wrong, when all that can be typed is junk; and pages on which
/// the junk is not shown as text.
pub async fn junk(reached: &Reached, somebody: &mut Client) -> (usize, Vec<String>) {
    let (mut tried, mut holes) = (0, Vec::new());
    for form in reached.forms.values() {
        if !form.fields.iter().any(|(_, kind, _)| *kind == "text") {
            continue;
        }
        // Nothing at all first; then junk, short and long.
        for length in [0, 1, 200_000] {
            let typed = match length {
                0 => String::new(),
                length => format!("{TYPED}{}", "x".repeat(length / 10)),
            };
            // As a browser does it, no more than fits.
            let cut = |name: &str| {
                let most = form.most.get(name).copied().unwrap_or(usize::MAX);
                typed.chars().take(most).collect::<String>()
            };
            let filled: Vec<(&str, String)> = form
                .fields
                .iter()
                .filter(|(name, kind, _)| name != "csrf" && *kind != "choice")
                .map(|(name, kind, value)| {
                    (name.as_str(), if *kind == "hidden" { value.clone() } else { cut(name) })
                })
                .collect();
            let sent: Vec<(&str, &str)> =
                filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = somebody.post(&form.action, &sent).await;
            tried += 1;
            let name = format!("{} of {} with {length} signs: {}", form.action, form.page, answer.status);
            let says_why = answer.text.contains("field__error") || answer.text.contains("notice--bad");
            match answer.status.as_u16() {
                200 if answer.text.contains("field__error") => {
                    holes.push(format!("{name}, though it is refused"));
                }
                422 if length == 0 && !answer.text.contains("<form") => {
                    holes.push(format!("{name}, without the form"));
                }
                422 | 409 if length > 0 && !answer.text.contains(TYPED_SHOWN) => {
                    holes.push(format!("{name}, what was typed is gone"))
                }
                422 if !says_why => {
                    holes.push(format!("{name}, without saying what is wrong"));
                }
                500.. => holes.push(name.clone()),
                _ => {}
            }
            if answer.text.contains("zx9Ω<script>") {
                holes.push(format!("{name}, and the markup is run"));
            }
        }
    }
    for page in &reached.pages {
        if somebody.get(page).await.text.contains("zx9Ω<script>") {
            holes.push(format!("{page} runs markup that was typed"));
        }
    }
    (tried, holes)
}
