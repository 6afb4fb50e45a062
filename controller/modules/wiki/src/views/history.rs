//! What a page once said.

use super::{at_page, href};
use crate::routes::Here;
use bo_content::diff;
use bo_content::revision::Revision;
use bo_model::Level;
use bo_web::Ctx;
use bo_web::layout::parts;
use maud::{Markup, html};

pub fn list(ctx: &Ctx, here: &Here, revisions: &[Revision]) -> Markup {
    let at = format!("{}/history", href(here.page.id));
    let body = html! {
        section.card.card--flush { div.table-wrap { table.table.table--cards {
            thead { tr { th scope="col" { "Revision" } th scope="col" { "By" } th scope="col" { "When" } th scope="col" { "Title" } th scope="col" { "Note" } th scope="col" { "Compare" } } }
            tbody { @for revision in revisions { tr {
                td data-label="Revision" { a href={ (at) "/" (revision.number) } { (revision.number) } @if revision.number == here.page.revision { " " span.badge { "newest" } } }
                td data-label="By" { (revision.author) }
                td data-label="When" { (parts::time(revision.at, ctx.now())) }
                td data-label="Title" { (revision.title) }
                td data-label="Note" { (revision.note) }
                td data-label="Compare" { span {
                    @if revision.number > 1 { a href={ (at) "/" (revision.number) "?against=" (revision.number - 1) } { "with the one before" } }
                    @if revision.number > 1 && revision.number < here.page.revision { ", " }
                    @if revision.number < here.page.revision { a href={ (at) "/" (here.page.revision) "?against=" (revision.number) } { "with the newest" } }
                } }
            } } }
        } } }
        @if let Some(last) = revisions.last().filter(|last| last.number > 1) {
            nav.pages aria-label="Pages" { a.btn.btn--small rel="next" href={ (at) "?before=" (last.number) } { "Older" } }
        }
    };
    ctx.page(
        at_page(here, format!("History of {}", here.page.title), body)
            .crumb(here.page.title.clone(), href(here.page.id)),
    )
}

pub fn show(ctx: &Ctx, here: &Here, shown: &Revision, other: Option<&Revision>) -> Markup {
    let (empty, at) = (String::new(), href(here.page.id));
    let before = other.map_or(&empty, |other| &other.body);
    let body = html! {
        section.card.stack {
            p { (shown.author) ", " (parts::time(shown.at, ctx.now())) @if !shown.note.is_empty() { ": " (shown.note) } }
            @match other {
                Some(other) => {
                    h2 { "Against revision " (other.number) }
                    @if other.title != shown.title { p { "Title: " del { (other.title) } " " ins { (shown.title) } } }
                }
                None => h2 { "The first text" }
            }
            (diff::show(before, &shown.body))
        }
        @if here.level >= Level::Edit && shown.number != here.page.revision {
            form action={ (at) "/restore" } method="post" {
                (ctx.csrf()) input type="hidden" name="number" value=(shown.number);
                button.btn type="submit" { "Make revision " (shown.number) " the newest again" }
            }
        }
    };
    let frame =
        at_page(here, format!("Revision {}", shown.number), body).crumb(here.page.title.clone(), at.clone());
    ctx.page(frame.crumb("History", format!("{at}/history")))
}
