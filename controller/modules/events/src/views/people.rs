//! Areas of an event and who works on it, with what they have access to.

use super::{fold, href, inside, within};
use crate::actions::Access;
use crate::model::{AreaId, Collaborator};
use crate::routes::{EventSeen, Slots};
use bo_model::Level;
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::{Ctx, Input};
use maud::{Markup, html};

/// `changed` is the area that `input` is about; without it, it is about a new one.
pub fn areas(ctx: &Ctx, seen: &EventSeen, input: &Input, changed: Option<AreaId>) -> Markup {
    let nothing = Input::default();
    let new = if changed.is_none() { input } else { &nothing };
    let (at, edit) = (format!("{}/areas", href(&seen.here.event)), seen.here.level >= Level::Edit);
    let body = html! {
        @if edit { (fold(ctx, "Add an area", &at, new, area_fields(new))) }
        section.card.card--flush {
            @if seen.areas.is_empty() {
                (parts::empty("map", "No areas yet", "A hall, a stage, the catering: tasks, schedule and files can belong to one, and people can be given just that.", None))
            } @else {
                div.table-wrap tabindex="0" role="region" aria-label="Areas" { table.table.table--cards {
                    thead { tr { th scope="col" { "Area" } th scope="col" { "Hall or room" } th scope="col" { "Tasks" } th scope="col" { "Schedule" } @if edit { th scope="col" { span.sr-only { "Change" } } } } }
                    tbody { @for (area, level) in &seen.areas { tr {
                        td { (area.name) }
                        td data-label="Hall or room" { (area.place) }
                        td data-label="Tasks" { @if *level >= Level::View { (seen.tasks.iter().filter(|(task, _)| task.area == Some(area.id)).count()) } @else { span.muted { "others work there" } } }
                        td data-label="Schedule" { @if *level >= Level::View { (seen.items.iter().filter(|(item, _)| item.area == Some(area.id)).count()) } }
                        @if edit { td {
                            @let refused = changed == Some(area.id);
                            details.menu open[refused] {
                                summary.btn.btn--small.btn--quiet { "Change" }
                                div.menu__items.stack {
                                    form.form.stack action={ (at) "/" (area.id) "/change" } method="post" {
                                        (ctx.csrf())
                                        @if refused { (bo_web::layout::form::problems(input)) }
                                        (line("name", "Name", &area.name, refused.then_some(input)))
                                        (line("place", "Hall or room", &area.place, refused.then_some(input)))
                                        button.btn.btn--small type="submit" { "Save" }
                                    }
                                    form action={ (at) "/" (area.id) "/remove" } method="post" { (ctx.csrf()) button.btn.btn--small.btn--danger type="submit" { "Remove" } }
                                }
                            }
                        } }
                    } } }
                } }
            }
        }
    };
    ctx.page(within(&seen.here, "/areas", body))
}

/// A line of a small form: what is stored, or what was typed with what is wrong with it.
fn line(name: &str, title: &str, stored: &str, typed: Option<&Input>) -> Markup {
    let value = typed.map_or(stored, |typed| typed.raw(name));
    html! {
        label { (title) input name=(name) value=(value) required[name == "name"] maxlength="200"; }
        @if let Some(error) = typed.and_then(|typed| typed.error(name)) { div.field__error { (title) " " (error) "." } }
    }
}

fn area_fields(input: &Input) -> Markup {
    html! {
        (form::text("name", "Name", "", "text", true, input))
        (form::text("place", "Hall or room", "Areas of several events in the same hall are the same place: what collides there is shown.", "text", false, input))
    }
}

fn person_fields(input: &Input) -> Markup {
    html! {
        (form::text("name", "Name", "", "text", true, input))
        (form::text("job", "What they do there", "Light, catering, security…", "text", false, input))
        div.row.row--fields {
            (form::text("email", "Mail address", "Needed to give them access.", "text", false, input))
            (form::text("phone", "Telephone", "", "tel", false, input))
        }
    }
}

pub fn index(ctx: &Ctx, seen: &EventSeen, access: &[Access], slots: Slots, input: &Input) -> Markup {
    let (at, edit) = (format!("{}/people", href(&seen.here.event)), seen.here.level >= Level::Edit);
    let body = html! {
        @if let Some((taken, all)) = slots {
            p.muted { (taken) " of " (all) " slots of this event are taken. Free collaborators take none." }
        }
        @if edit { (fold(ctx, "Add somebody", &at, input, person_fields(input))) }
        section.card.card--flush {
            @if seen.people.is_empty() {
                (parts::empty("users", "Nobody on the list yet", "Who works on it, whether they have an account or not.", None))
            } @else {
                div.table-wrap tabindex="0" role="region" aria-label="People" { table.table.table--cards {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Does" } th scope="col" { "Mail" } th scope="col" { "Telephone" } th scope="col" { "Access" } } }
                    tbody { @for ((person, _), access) in seen.people.iter().zip(access) { tr {
                        td { @if edit { a href={ (at) "/" (person.id) } { (person.name) } } @else { (person.name) } }
                        td data-label="Does" { (person.job) }
                        td data-label="Mail" { @if !person.email.is_empty() { a href={ "mailto:" (person.email) } { (person.email) } } }
                        td data-label="Telephone" { (person.phone) }
                        td data-label="Access" { (says(access)) }
                    } } }
                } }
            }
        }
    };
    ctx.page(within(&seen.here, "/people", body))
}

fn says(access: &Access) -> Markup {
    match access {
        Access::None => html! { span.muted { "no access" } },
        Access::Slice(areas) => parts::badge(
            Tone::Info,
            &match areas.len() {
                0 => "what is theirs".to_owned(),
                1 => "what is theirs, 1 area".to_owned(),
                count => format!("what is theirs, {count} areas"),
            },
        ),
        Access::Event(Level::Own) => parts::badge(Tone::Good, "owns the event"),
        Access::Event(Level::Edit) => parts::badge(Tone::Good, "plans the event"),
        Access::Event(_) => parts::badge(Tone::Good, "reads the event"),
    }
}

pub fn show(ctx: &Ctx, seen: &EventSeen, person: &Collaborator, access: &Access, input: &Input) -> Markup {
    let people = format!("{}/people", href(&seen.here.event));
    let at = format!("{people}/{}", person.id);
    let own = seen.here.level >= Level::Own;
    let body = html! {
        div.grid.grid--wide {
            form.card.form.stack action={ (at) "/change" } method="post" {
                h2 { "Who it is" }
                (ctx.csrf()) (form::problems(input)) (person_fields(input)) (super::actions("Save", &people))
            }
            @if own && seen.here.personal {
                section.card.stack { h2 { "Access" } p { "A personal workspace is for one person. Move the event into an organisation to work on it with others." } }
            } @else if own { (access_form(ctx, seen, &at, (person, access), input)) }
        }
    };
    let mut frame = inside(&seen.here, &person.name, ("People", "/people"), body).state(says(access));
    if own {
        let gone = html! { p { "Their access ends, and what was assigned to them is nobody's then." } };
        frame = frame.actions(parts::confirm(
            "Take off the event",
            "Take them off the event?",
            gone,
            &format!("{at}/remove"),
            ctx.csrf(),
        ));
    }
    ctx.page(frame)
}

fn access_form(
    ctx: &Ctx,
    seen: &EventSeen,
    at: &str,
    (person, access): (&Collaborator, &Access),
    input: &Input,
) -> Markup {
    let chosen = match access {
        _ if input.has("access") => input.text("access"),
        Access::None => "none",
        Access::Slice(_) => "slice",
        Access::Event(level) => level.word(),
    };
    let choices = [
        ("none", "None", "A name on the list."),
        ("slice", "Their part of it", "What is assigned to them and the areas below; takes no slot."),
        ("view", "Read the event", "Takes a slot, or their seat."),
        ("edit", "Plan the event", "Reads and changes everything; takes a slot, or their seat."),
        ("own", "Own the event", "Decides on access, moves and removes it."),
    ];
    let given = |area| match access {
        Access::Slice(areas) => areas.get(area).copied().unwrap_or(Level::None),
        _ => Level::None,
    };
    html! {
        form.card.form.stack action={ (at) "/access" } method="post" {
            h2 { "Access" }
            (ctx.csrf())
            @for field in ["access", "area"] { @if let Some(error) = input.error(field) { div.field__error { "The choice " (error) "." } } }
            @if person.email.is_empty() { p.muted { "Say their mail address first: it is what they sign in with." } }
            fieldset.plain-set {
                legend.sr-only { "What they have of the event" }
                @for (word, title, about) in choices {
                    label.check { input type="radio" name="access" value=(word) checked[word == chosen]; span { (title) " " span.muted { (about) } } }
                }
            }
            @if !seen.areas.is_empty() {
                fieldset.plain-set {
                    legend.field__label { "Areas of their part" }
                    @for (area, _) in &seen.areas {
                        div.row {
                            label for={ "area-" (area.id) } { (area.name) }
                            select id={ "area-" (area.id) } name="area" {
                                @for level in [Level::None, Level::View, Level::Edit] {
                                    option value={ (area.id) ":" (level.word()) } selected[given(&area.id) == level] { (match level { Level::None => "not theirs", Level::View => "reads", _ => "works there" }) }
                                }
                            }
                        }
                    }
                }
            }
            div.form__actions { button.btn.btn--primary type="submit" { "Give this access" } }
        }
    }
}
