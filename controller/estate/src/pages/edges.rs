//! Gateways: the fleet, and one with presence, links, devices that are away, records on their way, losses, releases, its
//! enrolment and its revocation.

use super::{devices, parts as own};
use crate::Estate;
use crate::edges::routes::{self as api, EdgeLine, SPEC, state_word};
use crate::edges::{Edge, EdgeState, actions};
use crate::fleet::queries as fleet;
use crate::http::with;
use crate::releases::{actions as release_actions, queries as releases, routes as release_api};
use crate::state::LogOf;
use axum::response::{IntoResponse, Response};
use bo_model::release::LinkConfig;
use bo_model::{EdgeId, Kind, Level, Object, Time};
use bo_web::layout::icon;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::{Ctx, Need, Page, Result, Routes, WebError, reply};
use maud::{Markup, html};
use std::sync::Arc;

const PATH: &str = "/edges";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::EDGE, "id", level);
    Routes::new("estate")
        .get(PATH, Need::signed_in(), with(estate, list))
        .about("All gateways and how they are")
        .get("/edges/{id}", on(Level::View), with(estate, show))
        .about("A gateway")
        .post("/edges/{id}/code", on(Level::Own), with(estate, code))
        .about("Make a one-time enrolment code and show it once")
        .post("/edges/{id}/revoke", on(Level::Own), with(estate, revoke))
        .about("Refuse a gateway from now on")
        .post("/edges/{id}/publish", on(Level::Edit), with(estate, publish))
        .about("Publish the configuration as it is now to a gateway")
}

fn state(line: &EdgeLine) -> Markup {
    match state_word(line) {
        "online" => badge(Tone::Good, "Online"),
        "offline" => badge(Tone::Bad, "Not answering"),
        "revoked" => badge(Tone::Idle, "Revoked"),
        _ => badge(Tone::Info, "Waits for enrolment"),
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let list = ctx.list(&SPEC)?;
    let page = api::page_of_lines(&estate, &ctx)?;
    let now = ctx.now();
    if list.format == "csv" {
        let rows = page.items.iter().map(|line| {
            vec![
                line.name.clone(),
                line.zone.name.clone(),
                state_word(line).into(),
                line.presence.proved_at.map(Time::rfc3339).unwrap_or_default(),
                line.presence.agent.clone(),
                line.presence.backlog.to_string(),
                line.devices.to_string(),
                line.unwell.to_string(),
            ]
        });
        let header = [
            "name",
            "zone",
            "state",
            "last answered",
            "version",
            "records waiting",
            "devices",
            "not answering",
        ];
        return reply::csv("gateways", &header, rows);
    }
    let states = [
        ("online", "Online"),
        ("offline", "Not answering"),
        ("new", "Waits for enrolment"),
        ("revoked", "Revoked"),
    ];
    let states = states.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let body = html! {
        (parts::filters(&list, PATH, "Name of the gateway", &[("state", "State", states)]))
        section.card.card--flush id="edges" data-fresh="edges" {
            @if page.items.is_empty() {
                (parts::empty("edge", "No gateways here", "A gateway runs a building. Describe it in the estate's files, import them, then enrol the machine with a one-time code from its page.", None))
            } @else {
                div.table-wrap { table.table.table--cards {
                    thead { tr {
                        (parts::heading(&list, PATH, "Gateway", Some("name"))) (parts::heading(&list, PATH, "State", Some("state"))) th scope="col" { "Last answered" }
                        th scope="col" { "Devices" } th scope="col" { "Records waiting" } th scope="col" { "Release" } th scope="col" { "Version" }
                    } }
                    tbody { @for line in &page.items { tr {
                        td data-label="Gateway" { span { a href={ "/edges/" (line.id) } { (line.name) } div.field__help { (line.zone.name) } } }
                        td data-label="State" { span { (state(line)) @if let Some(since) = line.presence.since { div.field__help { "since " (parts::time(since, now)) } } } }
                        td data-label="Last answered" { (parts::time_or(line.presence.proved_at, now, "never")) }
                        td data-label="Devices" { span.row { (line.devices) @if line.unwell > 0 { (badge(Tone::Bad, &format!("{} not answering", line.unwell))) } } }
                        td data-label="Records waiting" { (line.presence.backlog) }
                        td data-label="Release" { (release_state(line)) }
                        td data-label="Version" { @if line.presence.agent.is_empty() { span.muted { "–" } } @else { (line.presence.agent) } }
                    } } }
                } }
                (parts::pages(&list, PATH, &page, ctx.query_value("after").is_empty()))
            }
        }
    };
    let lead = "The machines that run the buildings, with or without this controller in reach.";
    Ok(ctx.page(Page::new("Gateways", PATH, body).lead(lead)).into_response())
}

fn release_state(line: &EdgeLine) -> Markup {
    match line.up_to_date {
        Some(true) => badge(Tone::Good, "Newest"),
        Some(false) => badge(Tone::Warn, "Older one runs"),
        None => html! { span.muted { "none yet" } },
    }
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, None)
}

fn render(estate: &Arc<Estate>, ctx: &Ctx, code: Option<&str>) -> Result<Markup> {
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
            @if !known.online && line.state == EdgeState::Enrolled {
                (parts::notice(Tone::Bad, html! { strong { "Not answering" } @if let Some(at) = known.proved_at { ", last answered " (parts::time(at, now)) }
                    ". It goes on running its building by itself and sends what it kept when it is back." }))
            }
            @if line.state == EdgeState::New { (parts::notice(Tone::Info, html! { "No machine has been enrolled as this gateway yet. Make a one-time code below and use it on the machine." })) }
            div.split {
                div.stack id="edge-state" data-fresh="edges" {
                    (links(&edge, &line, now))
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
                div.stack {
                    (facts(&registry, &edge, &line, now))
                    (release_card(ctx, id, &line, &newest, &plan, level, now))
                    @if level >= Level::Own { (enrolment(ctx, &edge)) }
                }
            }
            (own::card("Log", own::none(), devices::lines_of(&estate.logs.changes(&LogOf::Edge(id), 0), None)))
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

/// What a link speaks, and where, in words.
fn link_words(link: &LinkConfig) -> (&'static str, String) {
    match link {
        LinkConfig::ModbusTcp { host, port, .. } => ("Modbus TCP", format!("{host}:{port}")),
        LinkConfig::ModbusRtu { line, .. } => {
            ("Modbus RTU", format!("{}, {} baud", line.path.display(), line.baud))
        }
        LinkConfig::Serial { line } => ("Serial", format!("{}, {} baud", line.path.display(), line.baud)),
        LinkConfig::Tcp { host, port, tls } => {
            (if tls.is_some() { "TLS" } else { "TCP" }, with_port(host, *port))
        }
        LinkConfig::Udp { host, port } => ("UDP", with_port(host, *port)),
        LinkConfig::MqttEmbedded => ("MQTT", "the gateway's own broker".into()),
        LinkConfig::Mqtt { host, port, .. } => ("MQTT", with_port(host, *port)),
        LinkConfig::Http { base, .. } => ("HTTP", base.clone()),
    }
}

fn with_port(host: &str, port: Option<u16>) -> String {
    port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn links(edge: &Edge, line: &EdgeLine, now: Time) -> Markup {
    own::flush(
        "Links",
        own::none(),
        html! {
            @if edge.links.is_empty() { (parts::empty("link", "No links", "This gateway talks to no devices yet.", None)) }
            @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Link" } th scope="col" { "Speaks" } th scope="col" { "State" } th scope="col" { "Last answered" } } }
                tbody { @for (name, link) in &edge.links {
                    @let (speaks, at) = link_words(link);
                    @let presence = line.presence.links.get(name).filter(|_| line.presence.online);
                    tr {
                        td data-label="Link" { (name) }
                        td data-label="Speaks" { span { (speaks) div.field__help { (at) } } }
                        td data-label="State" { @match presence {
                            Some(presence) => span {
                                @if presence.state == "up" { (badge(Tone::Good, "Up")) }
                                @else if presence.state.starts_with("down") { (badge(Tone::Bad, "Down")) " " span.muted { (presence.state.trim_start_matches("down").trim_start_matches(": ")) } }
                                @else { (badge(Tone::Warn, &own::humane(&presence.state))) }
                            },
                            None => span.muted { "not known" },
                        } }
                        td data-label="Last answered" { (parts::time_or(presence.and_then(|presence| presence.proved_at), now, "–")) }
                    }
                } }
            } } }
        },
    )
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
    render(&estate, &ctx, Some(&code))
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
