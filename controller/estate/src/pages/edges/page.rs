//! One gateway: presence, links, devices that are away, records on their way, losses, releases, enrolment, revocation.

use super::super::{availability, devices, forms, parts as own};
use super::{PATH, edit, links, release_state, state};
use crate::Estate;
use crate::edges::routes::{self as api, EdgeLine};
use crate::edges::{Edge, EdgeState, actions};
use crate::fleet::availability::of_edge;
use crate::fleet::queries as fleet;
use crate::http::with;
use crate::releases::{actions as release_actions, queries as releases, routes as release_api};
use crate::state::LogOf;
use axum::response::{IntoResponse, Response};
use bo_model::{EdgeId, Kind, Level, Object, Time};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::EDGE, "id", level);
    Routes::new("estate")
        .get("/edges/{id}", on(Level::View), with(estate, show))
        .about("A gateway")
        .post("/edges/{id}/code", on(Level::Own), with(estate, code))
        .about("Make a one-time enrolment code and show it once")
        .post("/edges/{id}/revoke", on(Level::Own), with(estate, revoke))
        .about("Refuse a gateway from now on")
        .post("/edges/{id}/publish", on(Level::Edit), with(estate, publish))
        .about("Publish the configuration as it is now to a gateway")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, None, &Input::default())
}

/// The page; `code` is a one-time code just made, `input` a refused form of its properties.
pub fn render(estate: &Arc<Estate>, ctx: &Ctx, code: Option<&str>, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let id: EdgeId = ctx.param("id")?;
    let edge = registry.edges.get(&id).cloned().ok_or(WebError::NotFound)?;
    let now = ctx.now();
    let (level, watermarks, newest, gaps, plan) = ctx.read(|tx| {
        let month = Time(now.0 - 30 * 24 * 3_600_000_000);
        Ok::<_, WebError>((
            ctx.level(tx, &Object::new(Kind::EDGE, id))?,
            fleet::watermarks(tx, id)?,
            releases::list(tx, id, i64::MAX as u64, 8)?,
            fleet::gaps_between(tx, id, month, now)?,
            release_actions::plan(tx, &registry, id)?,
        ))
    })?;
    let away = api::unwell(estate, ctx, id)?;
    let line = api::line(estate, &edge, newest.first().map(|release| release.hash.as_str()));
    let known = &line.presence;
    let body = html! {
        div.stack {
            @if let Some(code) = code { (shown_code(ctx, &edge, code)) }
            div id="edge-wait" data-fresh="edges" data-page={ "/edges/" (id) } { (waits(&line, code.is_some())) }
            @if !known.online && line.state == EdgeState::Enrolled {
                (parts::notice(Tone::Bad, html! { strong { "Not answering" } @if let Some(at) = known.proved_at { ", last answered " (parts::time(at, now)) }
                    ". It goes on running its building by itself and sends what it kept when it is back." }))
            }
            div.split {
                div.stack {
                    div.stack id="edge-state" data-fresh="edges" {
                        (links::table(&edge, &line, level, now))
                        @if !away.is_empty() { (own::flush("Devices not answering", own::more("All its devices", &format!("/devices?edge={id}")), html! {
                            div.table-wrap { table.table.table--cards {
                                thead { tr { th scope="col" { "Device" } th scope="col" { "Why" } th scope="col" { "Since" } } }
                                tbody { @for each in &away { tr {
                                    td data-label="Device" { span { (own::device_link(&registry, each.device.id)) } }
                                    td data-label="Why" { (each.why) } td data-label="Since" { (parts::time(each.since, now)) }
                                } } }
                            } }
                        })) }
                        (records(&watermarks, &line, now))
                        (losses(&gaps))
                    }
                    (own::card("Log", own::none(), devices::lines_of(&estate.logs.changes(&LogOf::Edge(id), 0), None)))
                }
                div.stack {
                    (facts(&registry, &edge, &line, now))
                    @if line.state != EdgeState::New { (availability::card(ctx, |tx, from, to| of_edge(tx, &edge, from, to))?) }
                    (release_card(ctx, id, &line, &newest, &plan, level, now))
                    @if level >= Level::Own {
                        (enrolment(ctx, &edge))
                        (edit::properties(ctx, &registry, &edge, input)?)
                        (forms::remove_card(&format!("/edges/{id}"), &edge.name))
                    }
                }
            }
        }
    };
    let page = Page::new(edge.name.clone(), PATH, body).crumb("Gateways", PATH).state(state(&line));
    let page =
        page.lead(format!("{}: {}", own::place(&registry, edge.zone), own::count(line.devices, "device")));
    Ok(ctx.page(page))
}

fn facts(registry: &crate::registry::Registry, edge: &Edge, line: &EdgeLine, now: Time) -> Markup {
    let known = &line.presence;
    let clock = known.clock_offset.unsigned_abs() as f64 / 1e6;
    let rows = [
        ("Serves", html! { a href={ "/zones/" (edge.zone) } { (own::place(registry, edge.zone)) } }),
        ("Last answered", parts::time_or(known.proved_at, now, "never")),
        (
            "Version",
            html! { @if known.agent.is_empty() { span.muted { "not known" } } @else { (known.agent) } },
        ),
        (
            "Memory",
            html! { @if known.memory == 0 { span.muted { "not known" } } @else { (own::bytes(known.memory)) } },
        ),
        (
            "Its clock",
            html! { @if clock < 2.0 { "right" } @else { (badge(Tone::Warn, &format!("{clock:.0} s {}", if known.clock_offset > 0 { "ahead" } else { "behind" }))) } },
        ),
        (
            "Enrolled",
            html! { @match edge.enrolled_at { Some(at) => (own::exact(at)), None => span.muted { "not yet" } } },
        ),
        ("Key", html! { code { (edge.key) } }),
    ];
    own::card("About", own::none(), parts::facts(&rows))
}

fn records(watermarks: &[fleet::Watermark], line: &EdgeLine, now: Time) -> Markup {
    own::flush(
        "Records",
        own::none(),
        html! {
            p.card__lead { @if line.presence.backlog == 0 { "Everything it kept has arrived." } @else { (line.presence.backlog) " records wait on the gateway to be sent." }
                @if line.presence.journal_bytes > 0 { " Its journal takes " (own::bytes(line.presence.journal_bytes)) "." } }
            @if !watermarks.is_empty() { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Kind" } th.num scope="col" { "Received up to" } th scope="col" { "Newest record" } } }
                tbody { @for mark in watermarks { tr {
                    td data-label="Kind" { (own::humane(mark.cursor.class.word())) }
                    td.num data-label="Received up to" { (mark.cursor.seq) }
                    td data-label="Newest record" { (parts::time(mark.at, now)) }
                } } }
            } } }
        },
    )
}

fn losses(gaps: &[fleet::GapLine]) -> Markup {
    own::flush(
        "Losses of the last 30 days",
        own::none(),
        html! {
            @if gaps.is_empty() { p.card__lead { "None. What a gateway can't keep is listed here, with the reason." } }
            @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Kind" } th.num scope="col" { "Records" } th scope="col" { "Why" } th scope="col" { "Between" } } }
                tbody { @for gap in gaps { tr {
                    td data-label="Kind" { (own::humane(&gap.class)) } td.num data-label="Records" { (gap.lost) } td data-label="Why" { (gap.why) }
                    td data-label="Between" { span { (own::exact(gap.since)) " and " (own::exact(gap.at)) } }
                } } }
            } } }
        },
    )
}

fn release_card(
    ctx: &Ctx,
    id: EdgeId,
    line: &EdgeLine,
    newest: &[releases::ReleaseLine],
    plan: &release_actions::Plan,
    level: Level,
    now: Time,
) -> Markup {
    let pending = !plan.diff.is_empty();
    let named = |title: &str, names: &[String]| html! { @if !names.is_empty() { dt { (title) } dd { (names.iter().take(8).cloned().collect::<Vec<_>>().join("; ")) @if names.len() > 8 { " and " (names.len() - 8) " more" } } } };
    own::card(
        "Configuration",
        release_state(line),
        html! {
            @if pending {
                p { "Changed since the last release:" }
                dl.kv { (named("New", &plan.diff.added)) (named("Changed", &plan.diff.changed)) (named("Gone", &plan.diff.removed)) }
            } @else { p.muted { "The gateway's release has everything that is configured." } }
            @for fault in &plan.faults { p.field__error { (fault) } }
            @if pending && level >= Level::Edit {
                div.form__actions { (parts::post_button("Publish to the gateway", "btn--primary", &format!("/edges/{id}/publish"), ctx.csrf())) }
            }
            @if !newest.is_empty() {
                h3 { "Releases" }
                ol.plain-list { @for release in newest { li {
                    strong { "No. " (release.number) } " " (parts::time(release.compiled_at, now)) " " code title=(release.hash) { (release.hash.chars().take(10).collect::<String>()) }
                    @if release.hash == line.presence.running { " " (badge(Tone::Good, "runs")) }
                } } }
            }
        },
    )
}

fn enrolment(ctx: &Ctx, edge: &Edge) -> Markup {
    let id = edge.id;
    own::card(
        "Enrolment",
        own::none(),
        html! {
            p.muted { @if edge.state == EdgeState::Enrolled { "A new code puts another machine in this one's place as soon as it is used." } @else { "A one-time code lets one machine become this gateway. It is good for a day." } }
            div.form__actions {
                (parts::post_button("Make a one-time code", "", &format!("/edges/{id}/code"), ctx.csrf()))
                @if edge.state == EdgeState::Enrolled {
                    (parts::confirm("Revoke", "Revoke this gateway?", html! { p { "Its certificates are refused from now on and its connection is cut. The building goes on running as it is, but nothing reaches it from here until a machine is enrolled again." } },
                        &format!("/edges/{id}/revoke"), ctx.csrf()))
                }
            }
        },
    )
}

/// How far the enrolment came, kept true while somebody waits for it.
fn waits(line: &EdgeLine, code: bool) -> Markup {
    let step = |done: bool, title: &str, more: &str| html! { li class=[(!done).then_some("chain--wait")] { strong { (title) } " " span.muted { (more) } } };
    let enrolled = line.state == EdgeState::Enrolled;
    html! {
        @if line.state == EdgeState::New || (code && !line.presence.online) {
            section.card { h2 { "Bringing the machine in" }
                ol.chain.chain--steps {
                    (step(code, "Make a one-time code", "on this page, under Enrolment"))
                    (step(enrolled, "Use it on the machine", if enrolled { "done" } else { "this page shows it as soon as it is used" }))
                    (step(line.presence.online, "It connects and takes its configuration", if line.presence.online { "done" } else { "then its devices begin to report" }))
                }
            }
        } @else if code { (parts::notice(Tone::Good, html! { strong { "Connected." } " The machine is in." })) }
    }
}

fn shown_code(ctx: &Ctx, edge: &Edge, code: &str) -> Markup {
    let host = ctx.header("host");
    parts::notice(
        Tone::Good,
        html! {
            div.stack {
                p { strong { "The one-time code for " (edge.name) } ". It is shown only now, works once and for one day. On the machine, type:" }
                pre tabindex="0" { code { "backoffice-edge enroll --controller https://" (host) " --code " (code) } }
                p { button.btn.btn--small type="button" data-copy=(code) { (icon("copy")) "Copy the code" } }
            }
        },
    )
}

async fn code(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let code = api::make_code(&estate, &ctx).await?;
    render(&estate, &ctx, Some(&code), &Input::default())
}

async fn revoke(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: EdgeId = ctx.param("id")?;
    actions::revoke(&estate, ctx.author(), id, ctx.form()?.text("reason").to_owned()).await?;
    Ok(ctx.redirect(format!("/edges/{id}")).flash("Revoked. Its connection is cut.").into_response())
}

async fn publish(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: EdgeId = ctx.param("id")?;
    let flash = match release_api::publish_now(&estate, &ctx).await? {
        Some(number) => format!("Release {number} is published. The gateway takes it when it is in reach."),
        None => "Nothing had changed.".into(),
    };
    Ok(ctx.redirect(format!("/edges/{id}")).flash(flash).into_response())
}
