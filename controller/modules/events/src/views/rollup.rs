//! Across events: all tasks, the combined schedule, how everything is.

use super::schedule::{conflicts, days};
use super::{across, due, href, span, stage, state};
use crate::model::{Item, State, Task};
use crate::routes::{Clash, Counts, Row};
use crate::when;
use bo_model::{Level, Time};
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, ListQuery, Paged};
use maud::{Markup, html};
use std::collections::BTreeMap;

const TASKS: &str = "/events/tasks";

pub fn tasks(
    ctx: &Ctx,
    list: &ListQuery,
    page: &Paged<(Task, Level)>,
    counts: &Counts,
    events: &BTreeMap<String, String>,
) -> Markup {
    let needs = [
        ("overdue", "overdue"),
        ("week", "due within a week"),
        ("blocked", "blocked"),
        ("nobody", "nobody's"),
    ];
    let needs = needs.map(|(word, title)| (word.to_owned(), title.to_owned())).into();
    let events = events.iter().map(|(id, name)| (id.clone(), name.clone())).collect();
    let body = html! {
        nav.segments.segments--links aria-label="States" {
            a.segment href=(list.href(TASKS, &[("state", "")])) aria-current=[list.filter("state").is_none().then_some("true")] { "Open" }
            @for (state, count, _) in counts {
                a.segment href=(list.href(TASKS, &[("state", state.word())])) aria-current=[(list.filter("state") == Some(state.word())).then_some("true")] { (state.title()) " " (count) }
            }
        }
        @let words: Vec<_> = counts.iter().filter(|(_, _, words)| words.len() > 1).collect();
        @if !words.is_empty() {
            p.muted { @for (state, _, words) in words { (state.title()) ": " @for (place, (word, count)) in words.iter().enumerate() { @if place > 0 { ", " } (word) " " (count) } ". " } }
        }
        (parts::filters(list, TASKS, "Task, event or person", &[("need", "Which", needs), ("event", "Event", events)]))
        section.card.card--flush {
            @if page.items.is_empty() {
                (parts::empty("tasks", "No tasks", "Tasks of every event you may see are here.", Some(("To the events", "/events"))))
            } @else {
                form action={ (TASKS) "/state" } method="post" {
                    (ctx.csrf())
                    div.table-wrap { table.table.table--cards {
                        thead { tr {
                            th scope="col" { span.sr-only { "Choose" } }
                            (parts::heading(list, TASKS, "Task", Some("title")))
                            (parts::heading(list, TASKS, "Event", Some("event")))
                            (parts::heading(list, TASKS, "State", Some("state")))
                            (parts::heading(list, TASKS, "By when", Some("due")))
                            (parts::heading(list, TASKS, "Who", Some("person")))
                        } }
                        tbody { @for (task, level) in &page.items { (row(task, *level)) } }
                    } }
                    div.toolbar {
                        label for="to" { "Set those chosen to" }
                        select id="to" name="to" { @for (_, word, title) in State::ALL { option value=(word) { (title) } } }
                        button.btn type="submit" { "Set" }
                    }
                }
                (parts::pages(list, TASKS, page, ctx.query_value("after").is_empty()))
            }
        }
    };
    ctx.page(across("All tasks", TASKS, body).lead("The tasks of every event you may see."))
}

fn row(task: &Task, level: Level) -> Markup {
    let at = format!("/events/{}", task.event);
    html! { tr {
        td.choose { @if level >= Level::Edit { input type="checkbox" name="task" value=(task.id) aria-label={ "Choose " (task.title) }; } }
        td data-label="Task" { a href={ (at) "/tasks/" (task.id) } { (task.title) } @if task.blocked() { " " (parts::badge(Tone::Warn, "blocked")) div.muted { "Waits for " (task.waiting_for) } } }
        td data-label="Event" { a href=(at) { (task.event_name) } }
        td data-label="State" { (state(task)) }
        td data-label="By when" { (due(task)) }
        td data-label="Who" { (task.assignee_name) }
    } }
}

pub fn schedule(ctx: &Ctx, (from, to): (Time, Time), items: &[(Item, Level)], clashes: &[Clash]) -> Markup {
    let utc = jiff::tz::TimeZone::UTC;
    let last = when::wall(Time(to.0 - 1), &utc).date();
    let shown: Vec<&Item> = items.iter().map(|(item, _)| item).collect();
    let body = html! {
        form.toolbar action="/events/schedule" method="get" {
            label for="from" { "From" } input.input--day id="from" type="date" name="from" value=(when::wall(from, &utc).date());
            label for="to" { "to" } input.input--day id="to" type="date" name="to" value=(last);
            button.btn type="submit" { "Show" }
        }
        (conflicts(clashes))
        @if shown.is_empty() {
            section.card { (parts::empty("calendar", "Nothing in these days", "Schedules of every event you may see are combined here.", None)) }
        } @else { (days(&shown, clashes, true)) }
    };
    ctx.page(
        across("Combined schedule", "/events/schedule", body)
            .lead("What happens at every event you may see, each in its own time zone."),
    )
}

pub fn overview(ctx: &Ctx, rows: &[Row], conflicts: usize) -> Markup {
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    let open = |row: &Row| row.states[..State::Done as usize].iter().sum::<usize>();
    let stat = |label: &str, value: usize, note: &str, href: &str| {
        parts::stat(label, &value.to_string(), "", html! { a href=(href) { (note) } })
    };
    let body = html! {
        div.stats {
            (stat("Events", rows.len(), "going on or coming", "/events?when=coming"))
            (stat("Open tasks", sum(|row| row.states[..State::Done as usize].iter().sum()), "on all of them", TASKS))
            (stat("Overdue", sum(|row| row.overdue), "show them", "/events/tasks?need=overdue"))
            (stat("Blocked", sum(|row| row.blocked), "show them", "/events/tasks?need=blocked"))
            (stat("Conflicts", conflicts, "in the schedules", "/events/schedule"))
        }
        section.card.card--flush {
            @if rows.is_empty() {
                (parts::empty("overview", "Nothing is coming", "How every event is that goes on or is coming.", Some(("To the events", "/events"))))
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        th scope="col" { "Event" } th scope="col" { "When" }
                        @for (_, _, title) in State::ALL { th.num scope="col" { (title) } }
                        th.num scope="col" { "Overdue" } th.num scope="col" { "Blocked" } th.num scope="col" { "Conflicts" } th scope="col" { "Next" }
                    } }
                    tbody { @for row in rows { tr {
                        td { a href=(href(&row.event)) { (row.event.name) } " " (stage(row.event.stage)) @if open(row) == 0 && row.states[State::Done as usize] > 0 { " " (parts::badge(Tone::Good, "all done")) } }
                        td data-label="When" { (when::days(row.event.starts_on, row.event.ends_on)) }
                        @for (place, (_, _, title)) in State::ALL.iter().enumerate() { td.num data-label=(title) { (row.states[place]) } }
                        td.num data-label="Overdue" { @if row.overdue > 0 { (parts::badge(Tone::Bad, &row.overdue.to_string())) } @else { "0" } }
                        td.num data-label="Blocked" { @if row.blocked > 0 { (parts::badge(Tone::Warn, &row.blocked.to_string())) } @else { "0" } }
                        td.num data-label="Conflicts" { @if row.conflicts > 0 { (parts::badge(Tone::Warn, &row.conflicts.to_string())) } @else { "0" } }
                        td data-label="Next" { div {
                            @if let Some(item) = &row.next { (item.title) div.muted { (when::wall(item.starts_at, &item.tz()).strftime("%a %-d %b").to_string()) ", " (span(item)) } }
                        } }
                    } } }
                } }
            }
        }
    };
    ctx.page(
        across("Overview", "/events/overview", body).lead("How every event is, as far as you may see it."),
    )
}
