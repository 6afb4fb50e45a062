//! Tasks of an event: the board of the five states, and one task.

use super::{area_choices, due, fold, href, inside, within};
use crate::model::{State, Status, Task};
use crate::routes::EventSeen;
use bo_model::Level;
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

pub fn board(ctx: &Ctx, seen: &EventSeen, statuses: &[Status], input: &Input) -> Markup {
    let at = format!("{}/tasks", href(&seen.here.event));
    let archived = ctx.query_value("archived") == "show";
    let shown = State::ALL.iter().filter(|(state, ..)| archived || *state != State::Archived);
    let body = html! {
        @if may_add(seen) { (fold(ctx, "Add a task", &at, input, fields(seen, statuses, input))) }
        @if seen.tasks.is_empty() {
            section.card { (parts::empty("tasks", "Nothing to do yet", "Write down what has to be done, by when, and by whom.", None)) }
        } @else {
            div.board {
                @for (state, _, title) in shown {
                    @let tasks: Vec<_> = seen.tasks.iter().filter(|(task, _)| task.state == *state).collect();
                    section.board__column aria-label=(title) {
                        h2 { (title) " " span.muted { (tasks.len()) } }
                        @for (task, level) in &tasks { (card(ctx, &at, task, *level, statuses)) }
                        @if tasks.is_empty() { p.muted { "None" } }
                    }
                }
            }
            p { @if archived { a href=(at) { "Hide what was put away" } } @else { a href={ (at) "?archived=show" } { "Show what was put away" } } }
        }
    };
    ctx.page(within(&seen.here, "/tasks", body))
}

fn may_add(seen: &EventSeen) -> bool {
    seen.here.level >= Level::Edit || seen.areas.iter().any(|(_, level)| *level >= Level::Edit)
}

fn card(ctx: &Ctx, at: &str, task: &Task, level: Level, statuses: &[Status]) -> Markup {
    html! {
        article.card.board__task {
            a href={ (at) "/" (task.id) } { (task.title) }
            div.row {
                (due(task))
                @if task.blocked() { (parts::badge(Tone::Warn, "blocked")) }
            }
            @if task.blocked() { div.muted { "Waits for " (task.waiting_for) } }
            @if !task.assignee_name.is_empty() || !task.area_name.is_empty() {
                div.muted { (task.assignee_name) @if !task.assignee_name.is_empty() && !task.area_name.is_empty() { " · " } (task.area_name) }
            }
            @if level >= Level::Edit {
                form.form--inline action={ (at) "/" (task.id) "/status" } method="post" {
                    (ctx.csrf())
                    label.sr-only for={ "status-" (task.id) } { "Status of " (task.title) }
                    select id={ "status-" (task.id) } name="status" data-submit="" { (options(statuses, &task.status.to_string())) }
                    noscript { button.btn.btn--small type="submit" { "Set" } }
                }
            } @else { div { (super::state(task)) } }
        }
    }
}

/// Statuses under their states.
fn options(statuses: &[Status], chosen: &str) -> Markup {
    html! {
        @for (state, _, title) in State::ALL {
            optgroup label=(title) {
                @for status in statuses.iter().filter(|status| status.state == state) {
                    option value=(status.id) selected[status.id.to_string() == chosen] { (status.name) }
                }
            }
        }
    }
}

fn fields(seen: &EventSeen, statuses: &[Status], input: &Input) -> Markup {
    let whole = seen.here.level >= Level::Edit;
    let nobody = std::iter::once((String::new(), "Nobody yet".to_owned()));
    let people: Vec<(String, String)> = nobody
        .chain(seen.people.iter().map(|(person, _)| (person.id.to_string(), person.name.clone())))
        .collect();
    html! {
        (form::text("title", "What has to be done", "", "text", true, input))
        div.row.row--fields {
            (form::text("due_on", "By when", "", "date", false, input))
            (form::select("assignee", "Who", "", &people, input))
            (form::select("area", "Where", "", &area_choices(&seen.areas, whole), input))
        }
        div.field {
            label for="f-status" { "How far it is" }
            select id="f-status" name="status" { (options(statuses, input.text("status"))) }
            @if let Some(error) = input.error("status") { div.field__error { (error) } }
        }
        (form::text("waiting_for", "Waits for", "What has to happen before somebody can go on; empty when nothing holds it up.", "text", false, input))
        (form::area("about", "More about it", "", false, input))
    }
}

pub fn show(
    ctx: &Ctx,
    seen: &EventSeen,
    statuses: &[Status],
    (task, level): (&Task, Level),
    input: &Input,
) -> Markup {
    let (tasks, at) = (
        format!("{}/tasks", href(&seen.here.event)),
        format!("{}/tasks/{}", href(&seen.here.event), task.id),
    );
    let body = html! {
        @if level >= Level::Edit {
            form.card.form.stack action={ (at) "/change" } method="post" {
                (ctx.csrf()) (form::problems(input)) (fields(seen, statuses, input)) (super::actions("Save", &tasks))
            }
        } @else {
            section.card.stack {
                (parts::facts(&[
                    ("State", super::state(task)),
                    ("By when", due(task)),
                    ("Who", html! { (task.assignee_name) }),
                    ("Where", html! { (task.area_name) }),
                    ("Waits for", html! { (task.waiting_for) }),
                ]))
                @for line in task.about.lines() { p { (line) } }
            }
        }
    };
    let mut frame = inside(&seen.here, &task.title, ("Tasks", "/tasks"), body).state(super::state(task));
    if level >= Level::Edit {
        let gone = html! { p { "It can't be brought back. To put it away, archive it instead." } };
        frame = frame.actions(parts::confirm(
            "Remove",
            "Remove this task?",
            gone,
            &format!("{at}/remove"),
            ctx.csrf(),
        ));
    }
    ctx.page(frame)
}
