//! The list of events, and the form of a new one.

use super::{NAV, across, href, stage};
use crate::model::{Event, Stage};
use crate::when;
use bo_model::Level;
use bo_web::layout::{form, icon, parts};
use bo_web::{Ctx, Input, ListQuery, Page, Paged};
use maud::{Markup, html};

pub fn index(ctx: &Ctx, list: &ListQuery, page: &Paged<(Event, Level)>, may_make: bool) -> Markup {
    let stages = Stage::ALL.iter().map(|(_, word)| ((*word).to_owned(), (*word).to_owned())).collect();
    let when = [("coming", "coming"), ("past", "past"), ("removed", "in the bin")];
    let when = when.map(|(word, title)| (word.to_owned(), title.to_owned())).into();
    let body = html! {
        (parts::filters(list, "/events", "Name or place", &[("when", "When", when), ("stage", "State", stages)]))
        section.card.card--flush {
            @if page.items.is_empty() { (nothing(list, may_make)) } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(list, "/events", "Event", Some("name")))
                        (parts::heading(list, "/events", "When", Some("starts")))
                        (parts::heading(list, "/events", "Where", Some("place")))
                        th scope="col" { "State" }
                        (parts::heading(list, "/events", "Changed", Some("changed")))
                    } }
                    tbody { @for (event, level) in &page.items { tr {
                        td { a href=(href(event)) { (event.name) } }
                        td data-label="When" { (when::days(event.starts_on, event.ends_on)) }
                        td data-label="Where" { (event.place) }
                        td data-label="State" {
                            @if event.removed_at.is_some() { (recover(ctx, event)) } @else {
                                (stage(event.stage)) @if *level < Level::View { " " span.muted { "your part of it" } }
                            }
                        }
                        td data-label="Changed" { (parts::time(event.updated_at, ctx.now())) }
                    } } }
                } }
                (parts::pages(list, "/events", page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let mut frame = across("Events", "/events", body)
        .lead("What is going to be held, and all that has to be done for it.");
    if may_make {
        frame = frame.actions(html! { a.btn.btn--primary href="/events/new" { (icon("plus")) "New event" } });
    }
    ctx.page(frame)
}

fn recover(ctx: &Ctx, event: &Event) -> Markup {
    parts::post_button("Bring back", "btn--small", &format!("{}/recover", href(event)), ctx.csrf())
}

fn nothing(list: &ListQuery, may_make: bool) -> Markup {
    if !list.q.is_empty() || !list.filters.is_empty() {
        return parts::empty(
            "calendar",
            "Nothing found",
            "No event of yours is like that.",
            Some(("Show all", "/events")),
        );
    }
    let action = may_make.then_some(("Plan the first event", "/events/new"));
    parts::empty(
        "calendar",
        "No events yet",
        "An event has a place, dates, areas and people, and everything that has to be done for it.",
        action,
    )
}

/// What is said of an event.
pub fn fields(input: &Input) -> Markup {
    let zones: Vec<(String, String)> = when::zones().into_iter().map(|zone| (zone.clone(), zone)).collect();
    html! {
        (form::text("name", "Name", "", "text", true, input))
        (form::text("place", "Place", "A venue, an address, a building.", "text", false, input))
        div.row.row--fields {
            (form::text("starts_on", "First day", "", "date", true, input))
            (form::text("ends_on", "Last day", "Empty for one day.", "date", false, input))
        }
        (form::select("zone", "Time zone", "Times of its schedule are those of clocks there.", &zones, input))
        (form::area("about", "What it is", "For everybody who works on it.", false, input))
    }
}

pub fn new(ctx: &Ctx, input: &Input) -> Markup {
    let body = html! {
        form.card.form.stack action="/events" method="post" {
            (ctx.csrf()) (form::problems(input)) (fields(input)) (super::actions("Make the event", NAV))
        }
    };
    ctx.page(Page::new("New event", NAV, body).crumb("Events", NAV))
}
