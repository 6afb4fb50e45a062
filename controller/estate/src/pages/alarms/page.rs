//! One alarm with its life, who was told, and who sees to it.

use super::{PATH, state, subject};
use crate::Estate;
use crate::alarms::routes as api;
use crate::alarms::{Alarm, Note, queries};
use crate::pages::{deliveries, forms, parts as own};
use axum::response::{IntoResponse, Response};
use bo_delivery::{Delivery, Wanted};
use bo_model::{Kind, Level, Object, Time};
use bo_web::layout::form;
use bo_web::layout::parts;
use bo_web::{Ctx, Input, Page, Result, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub(super) async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &Input::default())
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let alarm = api::find(ctx, Level::View)?;
    let (registry, now) = (estate.registry(), ctx.now());
    let (level, notes) =
        ctx.read(|tx| Ok::<_, WebError>((ctx.level(tx, &alarm.subject())?, queries::notes(tx, alarm.id)?)))?;
    let told = told(ctx, &alarm)?;
    let may = level >= Level::Edit;
    let line = |title: &str, at: Time, more: Markup, class: Option<&str>| html! { li class=[class] { strong { (title) } " " (own::exact(at)) (more) } };
    let life = html! {
        ol.chain {
            (line("Began", alarm.raised_at, own::none(), Some("chain--bad")))
            @if let Some(at) = alarm.acknowledged_at {
                (line("Seen to", at, html! { " by " (alarm.acknowledged_by.as_deref().unwrap_or("somebody")) @if !alarm.comment.is_empty() { p { "“" (alarm.comment) "”" } } }, None))
            }
            @match alarm.cleared_at {
                Some(at) => (line("Over", at, html! { span.muted { ", after " (lasted(alarm.raised_at, at)) } }, None)),
                None => li.chain--wait { span.muted { "Still active, for " (lasted(alarm.raised_at, now)) } },
            }
        }
    };
    let facts = [
        ("Where", subject(&registry, &alarm)),
        ("Severity", own::severity(&alarm.severity)),
        (
            "Sees to it",
            html! { @match &alarm.assignee_name { Some(name) => (name), None => span.muted { "nobody yet" } } },
        ),
        (
            "Seen by",
            html! { @match alarm.edge { Some(edge) => (own::edge_link(&registry, edge)), None => "the controller" } },
        ),
        ("Condition", html! { code { (alarm.key) } }),
    ];
    let body = html! {
        div.split {
            div.stack id="alarm" data-fresh="alarms" {
                (own::card("Life", own::none(), life))
                (own::card("Notes", own::none(), notes_card(ctx, &alarm, &notes, may, now, input)))
            }
            div.stack {
                @if let Some((messages, retry)) = &told && !messages.is_empty() { (own::flush("Who was told", own::none(), deliveries::list_of(ctx, messages, *retry))) }
                (own::card("About", own::none(), html! {
                    (parts::facts(&facts))
                    @if may { (assignment(ctx, &alarm)?) }
                    @if alarm.muted { p.muted { "It began during maintenance of its place: nobody was told." } }
                }))
                @if may { (own::card(if alarm.acknowledged { "Comment" } else { "Acknowledge" }, own::none(), html! {
                    form.form action={ "/alarms/" (alarm.id) "/acknowledge" } method="post" {
                        (ctx.csrf()) input type="hidden" name="next" value=(ctx.path());
                        (form::area("comment", "Comment", "What is being done, for whoever looks next.", false, &Input::default()))
                        div.form__actions { button.btn.btn--primary type="submit" { @if alarm.acknowledged { "Save the comment" } @else { "Acknowledge" } } }
                    }
                })) }
            }
        }
    };
    Ok(ctx.page(Page::new(alarm.text.clone(), PATH, body).crumb("Alarms", PATH).state(state(&alarm))))
}

/// Messages about an alarm, and whether the viewer may try them again; for those who may know.
fn told(ctx: &Ctx, alarm: &Alarm) -> Result<Option<(Vec<Delivery>, bool)>> {
    let area = Object::area(alarm.workspace, "alarms");
    let about = Some(Object::new(Kind::ALARM, alarm.id));
    ctx.read(|tx| {
        let level = ctx.level(tx, &area)?;
        if level < Level::View {
            return Ok(None);
        }
        let wanted = Wanted { about, ..Wanted::default() };
        let messages = bo_delivery::list(tx, alarm.workspace, &wanted, i64::MAX, 50)?;
        Ok(Some((messages, level >= Level::Own)))
    })
}

/// Taking an alarm, or giving it back.
fn assignment(ctx: &Ctx, alarm: &Alarm) -> Result<Markup> {
    let mine = ctx.viewer().is_some_and(|viewer| alarm.assignee == Some(viewer.account));
    let me = ctx.who()?.account;
    let others: Vec<_> = api::candidates(ctx, alarm)?
        .into_iter()
        .filter(|(id, _)| *id != me && alarm.assignee != Some(*id))
        .collect();
    let form = |value: &str, label: &str| {
        let csrf = html! { (ctx.csrf()) input type="hidden" name="to" value=(value); };
        parts::post_button(label, "", &format!("/alarms/{}/assign", alarm.id), csrf)
    };
    Ok(html! {
        div.form__actions {
            @if mine { (form("nobody", "Give it back")) } @else { (form("me", "I see to it")) }
            @if alarm.assignee.is_some() && !mine { (form("nobody", "Nobody sees to it")) }
        }
        @if !others.is_empty() {
            form.form.form--inline action={ "/alarms/" (alarm.id) "/assign" } method="post" {
                (ctx.csrf())
                label.sr-only for="assign-to" { "Somebody else" }
                select #assign-to name="to" required { option value="" { "Somebody else …" } @for (id, name) in &others { option value=(id) { (name) } } }
                button.btn type="submit" { "Give it to them" }
            }
        }
    })
}

fn notes_card(ctx: &Ctx, alarm: &Alarm, notes: &[Note], may: bool, now: Time, input: &Input) -> Markup {
    html! {
        @if notes.is_empty() { p.muted { "Nobody has written anything yet." } }
        ul.feed.feed--plain { @for note in notes { li { span.feed__head { strong { (note.author) } span.muted { (parts::time(note.at, now)) } } p { (note.text) } } } }
        @if may {
            form.form action={ "/alarms/" (alarm.id) "/notes" } method="post" {
                (ctx.csrf()) (form::problems(input))
                (form::area("text", "Write a note", "What was found, what is ordered, who comes when.", true, input))
                div.form__actions { button.btn type="submit" { "Add the note" } }
            }
        }
    }
}

/// `3 min`, `2 h 10 min`.
fn lasted(from: Time, to: Time) -> String {
    match to.since(from).as_secs() {
        seconds @ 0..=59 => format!("{seconds} s"),
        seconds @ 60..=3599 => format!("{} min", seconds / 60),
        seconds @ 3600..=86_399 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

pub(super) async fn assign(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let me = ctx.who()?.account;
    let account = match input.text("to") {
        "nobody" => None,
        "me" => Some(me),
        _ => Some(forms::chosen(&input, "to")?),
    };
    let alarm = api::assign_alarm(&estate, &ctx, account).await?;
    let flash = match (&alarm.assignee_name, account) {
        (_, Some(account)) if account == me => "You see to it.".to_owned(),
        (Some(name), Some(_)) => format!("{name} sees to it."),
        _ => "Nobody sees to it now.".to_owned(),
    };
    Ok(ctx.redirect(format!("/alarms/{}", alarm.id)).flash(flash).into_response())
}

pub(super) async fn note(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = api::note_alarm(&ctx, input.text("text").to_owned()).await;
    let onward = outcome.map(|_| ctx.redirect(ctx.path().trim_end_matches("/notes")));
    forms::answer(onward, input, |input| render(&estate, &ctx, input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_an_alarm_lasted_reads_as_people_say_it() {
        let at = Time::from_seconds;
        assert_eq!((lasted(at(0), at(42)), lasted(at(0), at(7800))), ("42 s".into(), "2 h 10 min".into()));
    }
}
