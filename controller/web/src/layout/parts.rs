//! Parts that many pages are made of.

use super::icon;
use crate::list::{ListQuery, MAX_LIMIT, Paged};
use bo_model::Time;
use maud::{Markup, html};

/// Good, warn, bad, info, or neither: the colour and shape of a badge or notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Not as it should be.
    Bad,
    /// Worth knowing.
    Info,
    /// Nothing to say.
    Idle,
}

impl Tone {
    /// Its word in class names.
    pub fn word(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Info => "info",
            Tone::Idle => "idle",
        }
    }
}

/// A short word in a coloured pill.
pub fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge badge--" (tone.word()) } { (text) } }
}

/// A paragraph that must be noticed.
pub fn notice(tone: Tone, body: Markup) -> Markup {
    html! { div class={ "notice notice--" (tone.word()) } { (body) } }
}

/// Why a list is empty, and what to do next.
pub fn empty(icon_name: &str, title: &str, text: &str, action: Option<(&str, &str)>) -> Markup {
    html! {
        div.empty {
            (icon(icon_name))
            h2 { (title) }
            p { (text) }
            @if let Some((label, href)) = action { a.btn.btn--primary href=(href) { (label) } }
        }
    }
}

/// Tabs that are pages: (title, address), and the address of the open one.
pub fn tabs(items: &[(&str, String)], current: &str) -> Markup {
    html! {
        nav.tabs aria-label="Sections" {
            @for (title, href) in items { a href=(href) aria-current=[(href == current).then_some("page")] { (title) } }
        }
    }
}

/// A time: exact for machines, and as an age that the browser keeps up to date.
pub fn time(at: Time, now: Time) -> Markup {
    html! { time datetime=(at.rfc3339()) title=(at.rfc3339()) data-age { (ago(at, now)) } }
}

/// A time, or a dash and the words for never.
pub fn time_or(at: Option<Time>, now: Time, never: &str) -> Markup {
    match at {
        Some(at) => time(at, now),
        None => html! { span.muted { (never) } },
    }
}

/// `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`, then the date; `in 3 min` for what lies ahead.
pub fn ago(at: Time, now: Time) -> String {
    let (span, ahead) = if at > now { (at.since(now), true) } else { (now.since(at), false) };
    let seconds = span.as_secs();
    let text = match seconds {
        0..=4 => return "now".into(),
        5..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min", seconds / 60),
        3600..=86_399 => format!("{} h", seconds / 3600),
        86_400..=1_209_599 => format!("{} d", seconds / 86_400),
        _ => return date(at),
    };
    if ahead { format!("in {text}") } else { format!("{text} ago") }
}

/// `11 Dec 2025`, in UTC.
pub fn date(at: Time) -> String {
    at.timestamp().strftime("%-d %b %Y").to_string()
}

/// A list of facts.
pub fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! { dl.kv { @for (name, value) in rows { dt { (name) } dd { (value) } } } }
}

/// A column heading that sorts: (`title`, the list's sort word or nothing).
pub fn heading(list: &ListQuery, path: &str, title: &str, sort: Option<&str>) -> Markup {
    let Some(sort) = sort else { return html! { th scope="col" { (title) } } };
    let current = list.sort == sort;
    let next = if current && !list.desc { format!("-{sort}") } else { sort.to_owned() };
    let direction = current.then_some(if list.desc { "descending" } else { "ascending" });
    html! { th scope="col" aria-sort=[direction] { a href=(list.href(path, &[("sort", &next)])) { (title) } } }
}

/// A filter of a list: its name, its label, and (value, label) of each choice.
pub type Choice<'a> = (&'a str, &'a str, Vec<(String, String)>);

/// The search field and the filters above a list.
pub fn filters(list: &ListQuery, path: &str, placeholder: &str, choices: &[Choice<'_>]) -> Markup {
    html! {
        form.toolbar action=(path) method="get" role="search" {
            (search("list-q", &list.q, placeholder))
            @for (name, label, options) in choices {
                label.sr-only for={ "list-" (name) } { (label) }
                select id={ "list-" (name) } name=(name) data-submit="" {
                    option value="" { (label) ": all" }
                    @for (value, text) in options {
                        option value=(value) selected[list.filter(name) == Some(value.as_str())] { (text) }
                    }
                }
            }
            input type="hidden" name="sort" value={ @if list.desc { "-" } (list.sort) };
            @if !list.q.is_empty() || !list.filters.is_empty() { a.btn.btn--quiet href=(path) { (icon("close")) "Clear" } }
            div.toolbar__end { a.btn.btn--quiet href=(list.href(path, &[("format", "csv")])) { (icon("download")) "CSV" } }
        }
    }
}

/// The search field of a list, `q`, with its button. The key `/` leads to it.
pub fn search(id: &str, value: &str, placeholder: &str) -> Markup {
    html! {
        div.search {
            label.sr-only for=(id) { "Search" }
            input id=(id) type="search" name="q" value=(value) placeholder=(placeholder) data-search="" autocomplete="off";
            button.btn.btn--quiet.btn--icon type="submit" aria-label="Show" { (icon("search")) }
        }
    }
}

/// Links below a list: to the first page, to the next.
pub fn pages<T>(list: &ListQuery, path: &str, page: &Paged<T>, first_page: bool) -> Markup {
    html! {
        nav.pages aria-label="Pages" {
            span { (page.items.len()) " shown" }
            div.row {
                @if page.next.is_some() && list.limit < MAX_LIMIT { a.btn.btn--small.btn--quiet href=(list.href(path, &[("limit", &MAX_LIMIT.to_string())])) { "Show " (MAX_LIMIT) } }
                @if !first_page { a.btn.btn--small href=(list.href(path, &[])) { "First page" } }
                @if let Some(next) = &page.next {
                    a.btn.btn--small rel="next" href=(list.href(path, &[("after", next)])) { "Next" (icon("next")) }
                }
            }
        }
    }
}

/// A button that first says what it will do, and works without script.
/// `body` explains the consequences; `csrf` is `ctx.csrf()`.
pub fn confirm(label: &str, question: &str, body: Markup, action: &str, csrf: Markup) -> Markup {
    html! {
        details.menu {
            summary.btn.btn--danger { (label) }
            div.menu__items.stack {
                strong { (question) }
                (body)
                form action=(action) method="post" { (csrf) button.btn.btn--danger type="submit" { (label) } }
            }
        }
    }
}

/// A plain button that posts: for work that needs no question.
pub fn post_button(label: &str, class: &str, action: &str, csrf: Markup) -> Markup {
    html! { form action=(action) method="post" { (csrf) button class={ "btn " (class) } type="submit" { (label) } } }
}

/// A number that matters: label, value, unit, note.
pub fn stat(label: &str, value: &str, unit: &str, note: Markup) -> Markup {
    html! {
        div.card.stat {
            span.stat__label { (label) }
            span.stat__value { (value) @if !unit.is_empty() { span.stat__unit { (unit) } } }
            span.stat__note { (note) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_reads_as_people_say_it() {
        let now = Time::from_seconds(1_800_000_000);
        let before = |seconds: i64| ago(Time::from_seconds(1_800_000_000 - seconds), now);
        assert_eq!(
            (before(2), before(42), before(600)),
            ("now".into(), "42 s ago".into(), "10 min ago".into())
        );
        assert_eq!((before(7300), before(200_000)), ("2 h ago".into(), "2 d ago".into()));
        assert_eq!(before(86_400 * 400), "11 Dec 2025");
        assert_eq!(before(-120), "in 2 min");
    }
}
