//! An event at a glance, and its files.

use super::{due, href, names, place, span, state, within};
use crate::model::{Stage, State};
use crate::routes::{EventSeen, Shelf};
use crate::when;
use bo_content::files::{self, Section};
use bo_model::Level;
use bo_web::Ctx;
use bo_web::layout::parts;
use maud::{Markup, html};

/// Rows of a short list.
const FEW: usize = 8;

pub fn show(ctx: &Ctx, seen: &EventSeen) -> Markup {
    let event = &seen.here.event;
    let open: Vec<_> = seen.tasks.iter().map(|(task, _)| task).filter(|task| !task.state.is_over()).collect();
    let count = |found: usize| found.to_string();
    let late = open.iter().filter(|task| task.overdue).count();
    let blocked = open.iter().filter(|task| task.blocked()).count();
    let done = seen.tasks.iter().filter(|(task, _)| task.state == State::Done).count();
    let coming: Vec<_> =
        seen.items.iter().map(|(item, _)| item).filter(|item| item.ends_at > ctx.now()).collect();
    let body = html! {
        div.stats {
            (parts::stat("Open tasks", &count(open.len()), "", html! { (done) " done" }))
            (parts::stat("Overdue", &count(late), "", html! { "behind their date" }))
            (parts::stat("Blocked", &count(blocked), "", html! { "wait for something" }))
            (parts::stat("Schedule", &count(seen.items.len()), "", html! { (coming.len()) " still to come" }))
        }
        div.grid.grid--wide {
            section.card.stack {
                div.card__head { h2 { "Next in the schedule" } a href={ (href(event)) "/schedule" } { "All" } }
                @if coming.is_empty() { p.muted { "Nothing is coming." } }
                ul.plain-list { @for item in coming.iter().take(FEW) { li {
                    strong { (item.title) } " " span.muted { (when::day(when::wall(item.starts_at, &item.tz()).date())) ", " (span(item)) }
                    @let where_and_who = [place(item), names(&item.people)];
                    @for text in where_and_who.iter().filter(|text| !text.is_empty()) { div.muted { (text) } }
                } } }
            }
            section.card.stack {
                div.card__head { h2 { "Due next" } a href={ (href(event)) "/tasks" } { "All" } }
                @if open.is_empty() { p.muted { "Nothing is open." } }
                ul.plain-list { @for task in open.iter().take(FEW) { li {
                    a href={ (href(event)) "/tasks/" (task.id) } { (task.title) } " " (state(task)) " " (due(task))
                    @if !task.assignee_name.is_empty() { div.muted { (task.assignee_name) } }
                } } }
            }
            @if seen.here.level >= Level::View {
                section.card.stack {
                    h2 { "About it" }
                    @if event.about.is_empty() { p.muted { "Nothing was said yet." } }
                    @for line in event.about.lines() { p { (line) } }
                    (parts::facts(&[
                        ("Where", html! { (event.place) }),
                        ("When", html! { (when::days(event.starts_on, event.ends_on)) }),
                        ("Areas", html! { (seen.areas.len()) }),
                        ("People", html! { (seen.people.len()) }),
                    ]))
                }
            } @else {
                section.card.stack {
                    h2 { "Your part of it" }
                    p { "You see what is assigned to you, and the areas you were given." }
                    ul.plain-list { @for (area, level) in &seen.areas { li { (area.name) @if *level < Level::View { " " span.muted { "others work there" } } } } }
                }
            }
        }
    };
    let mut frame = within(&seen.here, "", body);
    if seen.here.level >= Level::Edit {
        frame = frame.actions(stages(ctx, seen));
    }
    ctx.page(frame)
}

/// What the event can be made: one button each, and what it means.
fn stages(ctx: &Ctx, seen: &EventSeen) -> Markup {
    let to = format!("{}/stage", href(&seen.here.event));
    let set = |stage: Stage, label: &str, class: &str| {
        html! { form action=(to) method="post" { (ctx.csrf()) input type="hidden" name="stage" value=(stage.word()); button class={ "btn " (class) } type="submit" { (label) } } }
    };
    match seen.here.event.stage {
        Stage::Planned => html! {
            (set(Stage::Confirmed, "Confirm", "btn--primary"))
            details.menu {
                summary.btn.btn--danger { "Cancel the event" }
                div.menu__items.stack {
                    strong { "Cancel this event?" }
                    p { "Its calendars say that it is off, and it is left out of what is combined. Nothing is lost." }
                    (set(Stage::Cancelled, "Cancel the event", "btn--danger"))
                }
            }
        },
        Stage::Confirmed => html! {
            (set(Stage::Planned, "Not confirmed any more", "btn--quiet"))
            (set(Stage::Cancelled, "Cancel the event", "btn--danger"))
        },
        Stage::Cancelled => set(Stage::Planned, "Take the cancellation back", "btn--primary"),
    }
}

pub fn files(ctx: &Ctx, seen: &EventSeen, shelves: &[Shelf], refused: Option<&files::Refused>) -> Markup {
    let body = html! {
        @if shelves.is_empty() { section.card { (parts::empty("folder", "No files for you", "Files of the areas you were given are here.", None)) } }
        @for (title, at, edit, all) in shelves {
            (files::section(ctx, Section { at, title, edit: *edit, in_texts: false, refused }, all))
            @if !*edit && all.is_empty() { section.card { h2 { (title) } p.muted { "No files yet." } } }
        }
    };
    ctx.page(within(&seen.here, "/files", body))
}
