//! The wiki's pages.

pub mod edit;
pub mod history;
pub mod page;
pub mod space;

use crate::model::{Page, PageId, Space, Tree};
use crate::routes::Here;
use bo_web::Page as Frame;
use maud::{Markup, html};
use std::collections::HashSet;

/// Its entry in the navigation.
const NAV: &str = "/wiki";

/// The frame of something within a space.
fn within(space: &Space, title: impl Into<String>, body: Markup) -> Frame {
    Frame::new(title, NAV, body)
        .crumb("Wiki", NAV)
        .crumb(space.name.clone(), format!("/wiki/spaces/{}", space.id))
}

/// The frame of a page, with the way to it.
fn at_page(here: &Here, title: impl Into<String>, body: Markup) -> Frame {
    let mut frame = within(&here.space, title, body);
    for id in here.tree.above(here.page.id).into_iter().filter(|id| here.readable.contains(id)) {
        if let Some((_, page)) = here.tree.walk().into_iter().find(|(_, page)| page.id == id) {
            frame = frame.crumb(page.title.clone(), href(page.id));
        }
    }
    frame
}

/// A page's address.
fn href(page: PageId) -> String {
    format!("/wiki/pages/{page}")
}

/// The tree as nested lists; what one may not read has a name and no link.
fn tree(tree: &Tree, seen: &HashSet<PageId>, current: Option<PageId>) -> Markup {
    fn level(tree: &Tree, seen: &HashSet<PageId>, parent: Option<PageId>, current: Option<PageId>) -> Markup {
        html! {
            ul.wiki-tree {
                @for page in tree.below(parent) {
                    li {
                        (name(page, seen, current))
                        @if !tree.below(Some(page.id)).is_empty() { (level(tree, seen, Some(page.id), current)) }
                    }
                }
            }
        }
    }
    level(tree, seen, None, current)
}

fn name(page: &Page, seen: &HashSet<PageId>, current: Option<PageId>) -> Markup {
    html! {
        @if seen.contains(&page.id) {
            a href=(href(page.id)) aria-current=[(current == Some(page.id)).then_some("page")] { (page.title) }
        } @else {
            span.muted title="You may not read this page" { (page.title) }
        }
        @if page.template { " " span.badge { "template" } }
    }
}
