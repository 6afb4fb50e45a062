//! What somebody's levels open in the commerce menu, and which area the rest takes. The entries themselves are shown in the
//! console's menu by the modules they belong to.

use crate::area::{self, MENU, MenuEntry};
use bo_model::Level;
use bo_web::layout::parts;
use maud::{Markup, html};

/// The card with the menu, heading by heading.
pub fn card(level: impl Fn(&str) -> Level) -> Markup {
    let open = area::menu(&level);
    let headings: Vec<(&str, Markup)> = MENU
        .chunk_by(|a, b| a.0 == b.0)
        .map(|entries| (entries[0].0, heading(entries, &open, &level)))
        .collect();
    html! {
        section.card #menu {
            div.card__head { h2 { "What this opens" } }
            p.muted { "The commerce menu by their roles as saved, groups included. An entry appears with the module it belongs to." }
            (parts::facts(&headings))
        }
    }
}

fn heading(entries: &[MenuEntry], open: &[MenuEntry], level: &impl Fn(&str) -> Level) -> Markup {
    let shown: Vec<&str> = entries.iter().filter(|entry| open.contains(entry)).map(|entry| entry.1).collect();
    html! {
        @if shown.is_empty() { span.muted { "nothing" } } @else { (shown.join(", ")) }
        @for (needed, titles) in closed(entries, open, level) {
            div.field__help { (titles.join(", ")) ": takes " (needed) }
        }
    }
}

/// Entries that do not show, together by the areas they take.
fn closed(
    entries: &[MenuEntry],
    open: &[MenuEntry],
    level: &impl Fn(&str) -> Level,
) -> Vec<(String, Vec<&'static str>)> {
    let mut needs: Vec<(String, Vec<&str>)> = Vec::new();
    for (heading, title, area) in entries.iter().filter(|entry| !open.contains(entry)) {
        let of_heading = (*heading == area::SALES_HEADING).then_some("sales");
        let missing = of_heading.into_iter().chain([*area]).filter(|name| level(name) < Level::View);
        let titles: Vec<&str> = missing.filter_map(area::find).map(|area| area.title).collect();
        let needed = titles.join(" and ");
        match needs.iter_mut().find(|(known, _)| *known == needed) {
            Some((_, titles)) => titles.push(title),
            None => needs.push((needed, vec![title])),
        }
    }
    needs
}
