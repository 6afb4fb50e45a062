//! One's calendar addresses.

use super::across;
use crate::model::{Calendar, Event};
use bo_model::Level;
use bo_web::layout::{form, parts};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

/// `address` is that of the calendar just made: it is shown this once.
pub fn index(
    ctx: &Ctx,
    calendars: &[Calendar],
    events: &[(Event, Level)],
    input: &Input,
    address: Option<&str>,
) -> Markup {
    let all = std::iter::once((String::new(), "All events you may see".to_owned()));
    let choices: Vec<(String, String)> =
        all.chain(events.iter().map(|(event, _)| (event.id.to_string(), event.name.clone()))).collect();
    let body = html! {
        @if let Some(address) = address {
            section.notice.notice--good.stack aria-label="The new address" {
                p { strong { "Copy this address now." } " It is not shown again: whoever has it sees what you may see." }
                div.field {
                    label for="address" { "Calendar address" }
                    input.mono id="address" readonly value=(address);
                }
                p.muted { "Add it to a calendar program as a subscription (“from URL”)." }
            }
        }
        section.card.card--flush {
            @if calendars.is_empty() {
                (parts::empty("calendar", "No calendar addresses yet", "With one, your calendar program shows the schedules here and keeps them up to date.", None))
            } @else {
                div.table-wrap tabindex="0" role="region" aria-label="Calendars" { table.table.table--cards {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Shows" } th scope="col" { "Made" } th scope="col" { "Last read" } th scope="col" { span.sr-only { "Revoke" } } } }
                    tbody { @for calendar in calendars { tr {
                        td { (calendar.name) }
                        td data-label="Shows" { @match calendar.event {
                            None => { "all events" }
                            Some(id) => { @match events.iter().find(|(event, _)| event.id == id) { Some((event, _)) => { (event.name) } None => { span.muted { "an event that is not there any more" } } } }
                        } }
                        td data-label="Made" { (parts::time(calendar.created_at, ctx.now())) }
                        td data-label="Last read" { (parts::time_or(calendar.read_at, ctx.now(), "never")) }
                        td { (parts::confirm("Revoke", "Make this address answer nothing?", html! { p { "Programs that read it show nothing new any more." } }, &format!("/events/calendars/{}/revoke", calendar.id), ctx.csrf())) }
                    } } }
                } }
            }
        }
        form.card.form.stack action="/events/calendars" method="post" {
            h2 { "New calendar address" }
            (ctx.csrf()) (form::problems(input))
            (form::text("name", "Name", "Where you will use it: “my phone”.", "text", true, input))
            (form::select("event", "Shows", "", &choices, input))
            div.form__actions { button.btn.btn--primary type="submit" { "Make the address" } }
        }
    };
    ctx.page(
        across("Calendars", "/events/calendars", body)
            .lead("Schedules in other programs, by secret addresses that you can revoke."),
    )
}
