//! Markdown to HTML that is safe to show, with links between pages by title: `[[Fire drill]]`, `[[Fire drill|the drill]]`.
//!
//! Two layers keep script out: HTML that somebody typed is shown as text, and whatever comes out is cleaned against a
//! list of what may stay.

use ammonia::UrlRelative;
use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};
use std::collections::{BTreeMap, HashSet};

/// Where a link by title leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a page that is there.
    Page(String),
    /// To where the page can be written.
    Missing(String),
}

/// A heading, for a table of contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Its anchor.
    pub id: String,
    /// Its words.
    pub text: String,
}

/// A rendered text.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Ready to be shown.
    pub html: Markup,
    /// In order.
    pub headings: Vec<Heading>,
}

fn parser(text: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_WIKILINKS;
    Parser::new_ext(text, options)
}

/// Renders a text; `resolve` says where a title leads.
pub fn render(text: &str, resolve: impl Fn(&str) -> Target) -> Rendered {
    let mut events: Vec<Event<'_>> = Vec::new();
    for event in parser(text) {
        events.push(match event {
            Event::Html(typed) | Event::InlineHtml(typed) => Event::Text(typed),
            Event::Start(Tag::Link { link_type: LinkType::WikiLink { .. }, dest_url, id, .. }) => {
                let (href, title) = match resolve(&dest_url) {
                    Target::Page(href) => (href, ""),
                    Target::Missing(href) => (href, MISSING),
                };
                let (dest_url, title) = (CowStr::from(href), CowStr::from(title));
                Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, title, id })
            }
            other => other,
        });
    }
    let headings = anchor(&mut events);
    let mut raw = String::with_capacity(text.len() * 2);
    html::push_html(&mut raw, events.into_iter());
    Rendered { html: PreEscaped(clean(&raw)), headings }
}

/// The title that marks a link to a page nobody has written yet, for people and for the style sheet.
pub const MISSING: &str = "Not written yet";

/// Anchors are set apart from the ids of the page around.
const ANCHOR: &str = "s-";

fn anchor(events: &mut [Event<'_>]) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    let mut at = 0;
    while at < events.len() {
        let Event::Start(Tag::Heading { level, .. }) = &events[at] else {
            at += 1;
            continue;
        };
        let (level, start) = (*level, at);
        let mut text = String::new();
        while at < events.len() && !matches!(events[at], Event::End(TagEnd::Heading(_))) {
            if let Event::Text(part) | Event::Code(part) = &events[at] {
                text.push_str(part);
            }
            at += 1;
        }
        let base = format!("{ANCHOR}{}", words(&text).join("-"));
        let count = used.entry(base.clone()).or_default();
        *count += 1;
        let anchor = if *count == 1 { base } else { format!("{base}-{count}") };
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[start] {
            *id = Some(CowStr::from(anchor.clone()));
        }
        headings.push(Heading { level: number(level), id: anchor, text });
    }
    headings
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn clean(raw: &str) -> String {
    let schemes: HashSet<&str> = HashSet::from(["http", "https", "mailto", "tel"]);
    let mut cleaner = ammonia::Builder::default();
    cleaner
        .url_schemes(schemes)
        .url_relative(UrlRelative::PassThrough)
        .add_tags(["input"])
        .add_tag_attributes("input", ["checked", "disabled", "type"])
        .set_tag_attribute_value("input", "disabled", "")
        .set_tag_attribute_value("input", "type", "checkbox");
    for heading in ["h1", "h2", "h3", "h4", "h5", "h6"] {
        cleaner.add_tag_attributes(heading, ["id"]);
    }
    cleaner.clean(raw).to_string()
}

/// Titles that a text links to, as typed, each once.
pub fn links(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for event in parser(text) {
        if let Event::Start(Tag::Link { link_type: LinkType::WikiLink { .. }, dest_url, .. }) = event {
            let title = dest_url.trim().to_owned();
            if !title.is_empty() && !found.contains(&title) {
                found.push(title);
            }
        }
    }
    found
}

/// The words of a text without its marks: for the index and for excerpts.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for event in parser(text) {
        match event {
            Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part) => {
                out.push_str(&part);
            }
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableCell | TagEnd::CodeBlock,
            ) => out.push(' '),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(text: &str) -> String {
        render(text, |title| match title {
            "Fire drill" => Target::Page("/wiki/pages/1".into()),
            other => Target::Missing(format!("/new?title={other}")),
        })
        .html
        .into_string()
    }

    #[test]
    fn links_by_title_lead_to_pages_and_say_when_there_is_none() {
        let html = show("See [[Fire drill|the drill]] and [[Keys]].");
        assert!(html.contains("<a href=\"/wiki/pages/1\""), "{html}");
        assert!(html.contains("the drill</a>") && html.contains("title=\"Not written yet\""), "{html}");
        assert_eq!(links("[[A]] [[B|b]] [[A]] `[[C]]`"), ["A", "B"]);
    }

    #[test]
    fn what_was_typed_as_html_is_shown_as_text() {
        let html = show("<script>alert(1)</script> <b onclick=x>y</b>");
        assert!(
            html.contains("&lt;script&gt;") && !html.contains("<script") && !html.contains("<b "),
            "{html}"
        );
        for bad in [
            "[x](javascript:alert(1))",
            "[x](data:text/html,1)",
            "![x](javascript:1)",
            "<javascript:alert(1)>",
        ] {
            assert!(
                !show(bad).contains("=\"javascript") && !show(bad).contains("=\"data"),
                "{bad}: {}",
                show(bad)
            );
        }
    }

    #[test]
    fn headings_have_anchors_of_their_own_in_any_script() {
        let rendered = render("# Größe\n## Größe\n### 火災 `x`", |_| Target::Missing(String::new()));
        let ids: Vec<&str> = rendered.headings.iter().map(|heading| heading.id.as_str()).collect();
        assert_eq!(ids, ["s-größe", "s-größe-2", "s-火災-x"]);
        assert!(rendered.html.into_string().contains("<h2 id=\"s-größe-2\">"));
    }

    #[test]
    fn tables_tasks_and_footnotes_are_kept() {
        let html = show("|a|b|\n|-|-|\n|1|2|\n\n- [x] done\n\nNote[^1].\n\n[^1]: here");
        assert!(html.contains("<table>") && html.contains("checkbox") && html.contains("here"), "{html}");
    }

    #[test]
    fn plain_words_have_no_marks() {
        assert_eq!(plain("# Keys\n\nAsk **Noor** at [[Desk]]"), "Keys Ask Noor at Desk");
    }

    proptest! {
        #[test]
        fn nothing_typed_becomes_a_script(text in ".{0,200}") {
            let html = show(&text).to_lowercase();
            prop_assert!(!html.contains("<script") && !html.contains(" onerror=") && !html.contains("<iframe"));
        }
    }
}
