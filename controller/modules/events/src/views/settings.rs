//! What is said of an event, its statuses, who has access, where it lives.

use super::{href, list, within};
use crate::model::State;
use crate::routes::{Known, NEW_STATUS, status_field};
use bo_model::Level;
use bo_web::layout::{form, parts};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

pub fn show(ctx: &Ctx, known: &Known, input: &Input) -> Markup {
    let at = href(&known.here.event);
    let body = html! {
        (form::problems(input))
        div.grid.grid--wide {
            form.card.form.stack action={ (at) "/change" } method="post" {
                h2 { "What it is" }
                (ctx.csrf()) (list::fields(input))
                div.form__actions { button.btn.btn--primary type="submit" { "Save" } }
            }
            (statuses(ctx, known, &at, input))
            @if known.here.level >= Level::Own {
                @if !known.here.personal { (access(ctx, known, &at)) }
                (place(ctx, known, &at, input))
            }
        }
    };
    ctx.page(within(&known.here, "/settings", body))
}

fn statuses(ctx: &Ctx, known: &Known, at: &str, input: &Input) -> Markup {
    html! {
        section.card.stack.statuses #statuses {
            h2 { "How far tasks can be" }
            p.muted { "The five states are the same everywhere, so that tasks of all events can be counted together. Within each you can have words of your own." }
            @for (state, _, title) in State::ALL {
                h3 { (title) }
                ul.wiki-guests { @for status in known.statuses.iter().filter(|status| status.state == state) { li {
                    @let field = status_field(status.id);
                    form.form--inline action={ (at) "/statuses/" (status.id) "/rename" } method="post" {
                        (ctx.csrf())
                        label.sr-only for={ "s-" (status.id) } { "Status of " (title) }
                        input id={ "s-" (status.id) } name="name" value=(if input.has(&field) { input.raw(&field) } else { &status.name }) required maxlength="200" aria-describedby=[input.error(&field).map(|_| format!("s-{}-about", status.id))];
                        button.btn.btn--small.btn--quiet type="submit" { "Rename" }
                        @if let Some(error) = input.error(&field) { div.field__error id={ "s-" (status.id) "-about" } { "The name " (error) "." } }
                    }
                    @if known.statuses.iter().filter(|other| other.state == state).count() > 1 {
                        form action={ (at) "/statuses/" (status.id) "/remove" } method="post" { (ctx.csrf()) button.btn.btn--small.btn--quiet type="submit" aria-label={ "Remove " (status.name) } { "Remove" } }
                    }
                } } }
            }
            form.form.stack action={ (at) "/statuses" } method="post" {
                (ctx.csrf())
                div.row.row--fields {
                    div.field {
                        label for="f-new-status" { "New status" }
                        input id="f-new-status" name="name" value=(input.raw(NEW_STATUS)) required maxlength="200" aria-describedby="f-new-status-about";
                        div id="f-new-status-about" { @if let Some(error) = input.error(NEW_STATUS) { div.field__error { "The name " (error) "." } } }
                    }
                    div.field {
                        label for="f-new-state" { "within" }
                        select id="f-new-state" name="state" { @for (_, word, title) in State::ALL { option value=(word) selected[input.text("state") == word] { (title) } } }
                        @if let Some(error) = input.error("state") { div.field__error { "The state " (error) "." } }
                    }
                }
                div.form__actions { button.btn type="submit" { "Add the status" } }
            }
        }
    }
}

fn access(ctx: &Ctx, known: &Known, at: &str) -> Markup {
    let (says, label) = if known.restricted {
        (
            "Only its owners, and those who were given access under People.",
            "Open it to whoever may edit events",
        )
    } else {
        (
            "Whoever may edit events of the organisation, with a seat or slot; and those who were given access under People.",
            "Close it to all but those under People",
        )
    };
    html! {
        section.card.stack #access {
            h2 { "Who has access" }
            p { (says) @if let Some(review) = &known.access.review { " " a href=(review) { "Everybody who may, and why" } } }
            form action={ (at) "/restrict" } method="post" { (ctx.csrf()) input type="hidden" name="restricted" value=(!known.restricted); button.btn type="submit" { (label) } }
        }
    }
}

fn place(ctx: &Ctx, known: &Known, at: &str, input: &Input) -> Markup {
    html! {
        section.card.stack #move {
            h2 { "Where it lives" }
            @if known.destinations.is_empty() {
                p.muted { "You may make events in no other workspace. Make or join an organisation to move it there." }
            } @else {
                p { "It moves with everything in it. Those who are members there keep their access and take slots there; the access of all others ends." }
                form.form.stack action={ (at) "/move" } method="post" {
                    (ctx.csrf())
                    div.field {
                        label for="f-workspace" { "Move it into" }
                        select id="f-workspace" name="workspace" aria-describedby="f-workspace-about" {
                            @for place in &known.destinations {
                                option value=(place.id) { (place.name) @if place.personal { " (yours alone)" } @else { " (" (place.slots) " slots per event)" } }
                            }
                        }
                        div id="f-workspace-about" { @if let Some(error) = input.error("workspace") { div.field__error { "This workspace " (error) "." } } }
                    }
                    div.form__actions { button.btn type="submit" { "Move" } }
                }
            }
            (parts::confirm("Remove", "Put this event into the bin?", html! { p { "It is in no list any more. Its owners find it under “in the bin” and can bring it back." } }, &format!("{at}/remove"), ctx.csrf()))
        }
    }
}
