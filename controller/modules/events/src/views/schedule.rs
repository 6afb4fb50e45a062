//! The schedule of an event, day by day, and one item of it.

use super::{area_choices, fold, href, inside, names, place, span, within};
use crate::model::Item;
use crate::routes::{Clash, EventSeen};
use crate::when;
use bo_model::Level;
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

pub fn index(ctx: &Ctx, seen: &EventSeen, clashes: &[Clash], input: &Input) -> Markup {
    let at = format!("{}/schedule", href(&seen.here.event));
    let may_add = seen.here.level >= Level::Edit || seen.areas.iter().any(|(_, level)| *level >= Level::Edit);
    // A form that was not typed into yet begins at ten on the first day.
    let first = Input::filled([
        ("starts_at", format!("{}T10:00", seen.here.event.starts_on)),
        ("ends_at", format!("{}T11:00", seen.here.event.starts_on)),
    ]);
    let shown = if input.has("title") { input } else { &first };
    let items: Vec<&Item> = seen.items.iter().map(|(item, _)| item).collect();
    let body = html! {
        (conflicts(clashes))
        @if may_add { (fold(ctx, "Add to the schedule", &at, shown, fields(seen, shown))) }
        @if items.is_empty() {
            section.card { (parts::empty("clock", "Nothing in the schedule yet", "Load-in, doors, show, load-out: what happens when, where and with whom.", None)) }
        } @else { (days(&items, clashes, false)) }
    };
    ctx.page(within(&seen.here, "/schedule", body))
}

/// What collides, each with both sides.
pub fn conflicts(clashes: &[Clash]) -> Markup {
    html! {
        @if !clashes.is_empty() {
            section.notice.notice--warn.stack aria-label="Conflicts" {
                p { strong { (clashes.len()) @if clashes.len() == 1 { " conflict" } @else { " conflicts" } } ": wanted twice at the same time." }
                ul.plain-list { @for clash in clashes.iter().take(20) { li {
                    strong { (clash.what) } ": " (side(&clash.first)) " and " (side(&clash.second))
                } } }
                @if clashes.len() > 20 { p { "… and " (clashes.len() - 20) " more." } }
            }
        }
    }
}

fn side(item: &Item) -> Markup {
    html! {
        a href={ "/events/" (item.event) "/schedule/" (item.id) } { (item.title) }
        " (" (item.event_name) ", " (when::wall(item.starts_at, &item.tz()).strftime("%a %-d %b").to_string()) " " (span(item)) ")"
    }
}

/// Items under the days they begin on; with the event's name when there are several events.
pub fn days(items: &[&Item], clashes: &[Clash], across: bool) -> Markup {
    let day = |item: &&Item| when::wall(item.starts_at, &item.tz()).date();
    let mut sorted = items.to_vec();
    sorted.sort_by_key(|item| (day(item), item.starts_at, item.title.clone()));
    let taken =
        |item: &Item| clashes.iter().any(|clash| clash.first.id == item.id || clash.second.id == item.id);
    html! {
        @for chunk in sorted.chunk_by(|a, b| day(a) == day(b)) {
            section.card.card--flush {
                div.card__head { h2 { (when::day(day(&chunk[0]))) } }
                div.table-wrap { table.table.table--cards {
                    thead { tr { th scope="col" { "What" } th scope="col" { "When" } th scope="col" { "Where" } th scope="col" { "Who" } } }
                    tbody { @for item in chunk { tr {
                        td {
                            a href={ "/events/" (item.event) "/schedule/" (item.id) } { (item.title) }
                            @if taken(item) { " " (parts::badge(Tone::Warn, "conflict")) }
                            @if across { div.muted { (item.event_name) } }
                        }
                        td data-label="When" { (span(item)) @if across { " " span.muted { (item.zone) } } }
                        td data-label="Where" { (place(item)) }
                        td data-label="Who" { (names(&item.people)) }
                    } } }
                } }
            }
        }
    }
}

fn fields(seen: &EventSeen, input: &Input) -> Markup {
    let whole = seen.here.level >= Level::Edit;
    let chosen = input.all("people");
    html! {
        (form::text("title", "What happens", "", "text", true, input))
        div.row.row--fields {
            (form::text("starts_at", "From", "", "datetime-local", true, input))
            (form::text("ends_at", "To", "", "datetime-local", true, input))
            (form::select("area", "Where", "", &area_choices(&seen.areas, whole), input))
        }
        p.muted { "Clocks of " (seen.here.event.zone) "." }
        @if !seen.people.is_empty() {
            fieldset.plain-set {
                legend.field__label { "Who is needed" }
                @if let Some(error) = input.error("people") { div.field__error { (error) } }
                div.row { @for (person, _) in &seen.people {
                    label.check { input type="checkbox" name="people" value=(person.id) checked[chosen.contains(&person.id.to_string())]; (person.name) }
                } }
            }
        }
        (form::area("about", "More about it", "", false, input))
    }
}

pub fn show(ctx: &Ctx, seen: &EventSeen, (item, level): (&Item, Level), input: &Input) -> Markup {
    let at = format!("{}/schedule", href(&seen.here.event));
    let body = html! {
        @if level >= Level::Edit {
            form.card.form.stack action={ (at) "/" (item.id) "/change" } method="post" {
                (ctx.csrf()) (form::problems(input)) (fields(seen, input)) (super::actions("Save", &at))
            }
        } @else {
            section.card.stack {
                (parts::facts(&[
                    ("When", html! { (when::day(when::wall(item.starts_at, &item.tz()).date())) ", " (span(item)) }),
                    ("Where", html! { (place(item)) }),
                    ("Who", html! { (names(&item.people)) }),
                ]))
                @for line in item.about.lines() { p { (line) } }
            }
        }
    };
    let mut frame = inside(&seen.here, &item.title, ("Schedule", "/schedule"), body);
    if level >= Level::Edit {
        let gone = html! { p { "Calendars that show it drop it." } };
        let to = format!("{at}/{}/remove", item.id);
        frame =
            frame.actions(parts::confirm("Remove", "Take this out of the schedule?", gone, &to, ctx.csrf()));
    }
    ctx.page(frame)
}
