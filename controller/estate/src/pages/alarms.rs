//! Alarms: the list with acknowledging one or many, one alarm with its life, and the strip other pages show.

use super::{deliveries, forms, parts as own};
use crate::Estate;
use crate::alarms::routes::{self as api, SPEC};
use crate::alarms::{Alarm, Note, actions, queries};
use crate::http::with;
use crate::registry::Registry;
use axum::response::{IntoResponse, Response};
use bo_delivery::{Delivery, Wanted};
use bo_model::{AlarmId, Kind, Level, Object, SystemId, Time};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::layout::{form, icon};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/alarms";
/// Alarms acknowledged at once.
const BULK: usize = 200;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("Alarms that need somebody, and past ones")
        .get("/alarms/{id}", Need::signed_in(), with(estate, show))
        .about("An alarm and its life")
        .post("/alarms/acknowledge", Need::signed_in(), with(estate, acknowledge_many))
        .about("Acknowledge the chosen alarms")
        .post("/alarms/{id}/acknowledge", Need::signed_in(), with(estate, acknowledge))
        .about("Acknowledge an alarm with a comment")
        .post("/alarms/{id}/assign", Need::signed_in(), with(estate, assign))
        .about("Take an alarm, or give it back")
        .post("/alarms/{id}/notes", Need::signed_in(), with(estate, note))
        .about("Write a note beside an alarm")
}

/// Whether an alarm belongs to a system or one of its devices.
pub fn is_of_system(registry: &Registry, alarm: &Alarm, system: SystemId) -> bool {
    alarm.system == Some(system)
        || alarm
            .device
            .and_then(|id| registry.devices.get(&id))
            .is_some_and(|entry| entry.device.system == system)
}

/// Open alarms the viewer may see: unacknowledged and severe ones first, then the newest.
pub fn open_of(estate: &Estate, ctx: &Ctx, wanted: impl Fn(&Alarm) -> bool + Sync) -> Result<Vec<Alarm>> {
    let workspace = ctx.workspace()?;
    let mut open: Vec<Alarm> = ctx.read(|tx| {
        let mut seen = Vec::new();
        for alarm in estate.alarms.changes(0) {
            let is_wanted = alarm.workspace == workspace && alarm.is_open() && wanted(&alarm);
            if is_wanted && ctx.level(tx, &alarm.subject())? >= Level::View {
                seen.push(alarm);
            }
        }
        Ok::<_, WebError>(seen)
    })?;
    open.sort_by_key(|alarm| {
        (alarm.acknowledged, !alarm.active, rank(&alarm.severity), std::cmp::Reverse(alarm.raised_at))
    });
    Ok(open)
}

fn rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    }
}

/// Where an alarm comes from.
fn subject(registry: &Registry, alarm: &Alarm) -> Markup {
    match (alarm.device, alarm.system, alarm.edge) {
        (Some(device), ..) => own::device_link(registry, device),
        (None, Some(system), _) => own::system_link(registry, system),
        (None, None, Some(edge)) => own::edge_link(registry, edge),
        _ => html! { span.muted { "the installation" } },
    }
}

fn state(alarm: &Alarm) -> Markup {
    match (alarm.active, alarm.acknowledged) {
        (true, false) => badge(Tone::Bad, "Active"),
        (true, true) => badge(Tone::Warn, "Active, seen to"),
        (false, false) => badge(Tone::Info, "Over, not seen to"),
        (false, true) => badge(Tone::Idle, "Over"),
    }
}

/// Open alarms as lines, each with its button.
pub fn rows(estate: &Estate, ctx: &Ctx, alarms: &[Alarm]) -> Markup {
    let registry = estate.registry();
    html! {
        ul.feed { @for alarm in alarms { li.alarm-line {
            span.feed__head { (own::severity(&alarm.severity)) a href={ "/alarms/" (alarm.id) } { (alarm.text) } }
            span.muted { (subject(&registry, alarm)) ", " (parts::time(alarm.raised_at, ctx.now()))
                @if !alarm.active { ", over by itself" }
                @if let Some(name) = &alarm.assignee_name { ", " (name) " sees to it" }
                @else if let Some(by) = &alarm.acknowledged_by { ", acknowledged by " (by) }
                @if alarm.muted { ", during maintenance" } }
            @if !alarm.acknowledged { (button(ctx, alarm)) }
        } } }
    }
}

fn button(ctx: &Ctx, alarm: &Alarm) -> Markup {
    let csrf = html! { (ctx.csrf()) input type="hidden" name="next" value=(ctx.path()); };
    html! { div.alarm-line__do { (parts::post_button("Acknowledge", "btn--small", &format!("/alarms/{}/acknowledge", alarm.id), csrf)) } }
}

/// Active alarms of the place a page is about; nothing when there are none.
pub fn strip(estate: &Estate, ctx: &Ctx, open: &[Alarm]) -> Markup {
    let active: Vec<Alarm> = open.iter().filter(|alarm| alarm.active).cloned().collect();
    html! {
        @if !active.is_empty() {
            section.card.card--flush.card--alarm aria-label="Alarms" {
                (rows(estate, ctx, &active[..active.len().min(3)]))
                @if active.len() > 3 { p.card__foot { a href="/alarms?state=active" { "and " (active.len() - 3) " more" } } }
            }
        }
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    let page = api::page(&ctx)?;
    let (registry, now) = (estate.registry(), ctx.now());
    if list.format == "csv" {
        let when = |at: Option<Time>| at.map(Time::rfc3339).unwrap_or_default();
        let rows = page.items.iter().map(|alarm| {
            vec![
                alarm.raised_at.rfc3339(),
                when(alarm.cleared_at),
                alarm.severity.clone(),
                alarm.text.clone(),
                when(alarm.acknowledged_at),
                alarm.acknowledged_by.clone().unwrap_or_default(),
                alarm.comment.clone(),
            ]
        });
        let header = ["raised", "cleared", "severity", "text", "acknowledged", "by", "comment"];
        return reply::csv("alarms", &header, rows);
    }
    let current = list.filter("state").unwrap_or("open");
    let tab = |state: &str| if state == "open" { PATH.to_owned() } else { format!("{PATH}?state={state}") };
    let tabs = [("Need somebody", tab("open")), ("Active", tab("active")), ("History", tab("all"))];
    let severities = [("critical", "Critical"), ("warning", "Warning"), ("info", "Info")];
    let severities = severities.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let to_choose = page.items.iter().any(|alarm| !alarm.acknowledged);
    let body = html! {
        (parts::tabs(&tabs, &tab(if current == "closed" { "all" } else { current })))
        (parts::filters(&list, PATH, "Words of the alarm", &[("severity", "Severity", severities), ("zone", "Place", super::zones::choices(&registry, ctx.workspace()?))]))
        section.card.card--flush id="alarms" data-fresh="alarms" {
            @if page.items.is_empty() {
                @if current == "open" { (parts::empty("check", "Nothing needs you", "No alarm is active and none waits for somebody. What was is in the history.", Some(("History", "/alarms?state=all")))) }
                @else { (parts::empty("alarm", "No alarms here", "No alarm fits. Change the search or the filters.", None)) }
            } @else {
                form action="/alarms/acknowledge" method="post" {
                    (ctx.csrf())
                    input type="hidden" name="next" value=(list.href(PATH, &[]));
                    div.table-wrap { table.table.table--cards.table--rows data-rows="" {
                        thead { tr {
                            th.choose scope="col" { @if to_choose { input type="checkbox" data-choose-all="" aria-label="Choose all"; } } (parts::heading(&list, PATH, "Severity", Some("severity"))) th scope="col" { "Alarm" } th scope="col" { "Where" }
                            (parts::heading(&list, PATH, "Since", Some("raised"))) th scope="col" { "State" }
                        } }
                        tbody { @for alarm in &page.items { tr.severity class={ "severity--" (alarm.severity) } data-over[!alarm.active] {
                            td.choose { @if !alarm.acknowledged { input type="checkbox" name="alarm" value=(alarm.id) aria-label={ "Choose: " (alarm.text) }; } }
                            td data-label="Severity" { (own::severity(&alarm.severity)) }
                            td data-label="Alarm" { a href={ "/alarms/" (alarm.id) } { (alarm.text) } }
                            td data-label="Where" { span { (subject(&registry, alarm)) } }
                            td data-label="Since" { (parts::time(alarm.raised_at, now)) }
                            td data-label="State" { span { (state(alarm))
                                @if alarm.muted { " " (badge(Tone::Idle, "Maintenance")) }
                                @if let Some(name) = &alarm.assignee_name { div.field__help { (name) " sees to it" } }
                                @if let Some(by) = &alarm.acknowledged_by { div.field__help { "Acknowledged by " (by) @if !alarm.comment.is_empty() { ": " (alarm.comment) } } } } }
                        } } }
                    } }
                    @if to_choose {
                        div.bulk {
                            span.muted data-chosen="" aria-live="polite" {}
                            label.sr-only for="bulk-comment" { "Comment" }
                            input #bulk-comment name="comment" maxlength="1000" placeholder="What is being done (optional)" autocomplete="off";
                            button.btn.btn--primary type="submit" data-key="a" data-needs-choice="" { (icon("check")) "Acknowledge" }
                            p.bulk__keys { kbd { "↓" } kbd { "↑" } " move, " kbd { "x" } " choose, " kbd { "a" } " acknowledge, " kbd { "Enter" } " open" }
                        }
                    }
                }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let area = Object::area(ctx.workspace()?, "alarms");
    let told = ctx.read(|tx| ctx.level(tx, &area))? >= Level::View;
    let actions = html! {
        @if told { a.btn href="/channels" { (icon("bell")) "Who is told" } }
        a.btn href="/maintenance" { (icon("clock")) "Maintenance" }
    };
    Ok(ctx.page(Page::new("Alarms", PATH, body).actions(actions).lead("Conditions that need somebody. Acknowledging says that you see to it; an alarm is over when its condition is.")).into_response())
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
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

async fn assign(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
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

async fn note(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = api::note_alarm(&ctx, input.text("text").to_owned()).await;
    let onward = outcome.map(|_| ctx.redirect(ctx.path().trim_end_matches("/notes")));
    forms::answer(onward, input, |input| render(&estate, &ctx, input))
}

async fn acknowledge(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    api::acknowledge_alarm(&estate, &ctx, input.text("comment").to_owned()).await?;
    let next = if input.text("next").is_empty() { PATH } else { input.text("next") };
    Ok(ctx.redirect(next).flash("Acknowledged.").into_response())
}

async fn acknowledge_many(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let comment = input.text("comment").to_owned();
    if comment.chars().count() > 1000 {
        return Err(WebError::field("comment", "must be at most 1000 characters"));
    }
    let ids: Vec<AlarmId> = input.all("alarm").iter().take(BULK).filter_map(|id| id.parse().ok()).collect();
    let next = if input.text("next").is_empty() { PATH } else { input.text("next") }.to_owned();
    if ids.is_empty() {
        return Ok(ctx.redirect(next).flash("Choose alarms first.").into_response());
    }
    let viewer = ctx.who()?;
    let (workspace, by, check) = (viewer.workspace, viewer.name.clone(), ctx.checker());
    let done = ctx
        .write(move |tx| {
            let mut done = Vec::new();
            for id in &ids {
                let found =
                    crate::alarms::queries::find(tx, *id)?.filter(|alarm| alarm.workspace == workspace);
                let Some(alarm) = found else { continue };
                if check(tx, &alarm.subject())? >= Level::Edit {
                    done.push(actions::acknowledge(tx, workspace, *id, &by, &comment)?);
                }
            }
            if done.is_empty() {
                tx.unaudited("no alarm was theirs to acknowledge");
            }
            Ok::<_, crate::EstateError>(done)
        })
        .await?;
    done.iter().for_each(|alarm| estate.show_alarm(alarm));
    Ok(ctx.redirect(next).flash(format!("Acknowledged {}.", own::count(done.len(), "alarm"))).into_response())
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
