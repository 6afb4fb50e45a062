//! A gateway's links: how it reaches its devices. Listed with their state; added, changed and removed by forms whose
//! fields are data.

use super::super::{forms, parts as own};
use super::link_form::{
    KINDS, field_name, fields, is_shareable, read, read_share, share_fields, stored, typed_share,
};
use super::{PATH, page};
use crate::Estate;
use crate::configure::{self, EdgePatch};
use crate::edges::Edge;
use crate::edges::routes::EdgeLine;
use crate::http::with;
use axum::response::Response;
use bo_model::release::{LinkConfig, ModbusShare};
use bo_model::{EdgeId, Kind, Level, Time};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use serde_json::Value as Json;
use std::sync::Arc;

/// Links that are well are folded away beyond this many.
const SHOWN: usize = 8;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let own = Need::object(Kind::EDGE, "id", Level::Own);
    Routes::new("estate")
        .get("/edges/{id}/links/new", own, with(estate, new))
        .about("The form for a new link")
        .post("/edges/{id}/links/new", own, with(estate, create))
        .about("Add a link to a gateway")
        .get("/edges/{id}/links/{name}", own, with(estate, show))
        .about("A link's form")
        .post("/edges/{id}/links/{name}", own, with(estate, save))
        .about("Change a link")
        .post("/edges/{id}/links/{name}/remove", own, with(estate, remove))
        .about("Remove a link no device uses")
}

/// What a link speaks, and where, in words.
pub fn link_words(link: &LinkConfig) -> (&'static str, String) {
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

/// The links with their state; those that are well are folded away when there are many.
pub fn table(edge: &Edge, line: &EdgeLine, level: Level, now: Time) -> Markup {
    let presence = |name: &str| line.presence.links.get(name).filter(|_| line.presence.online);
    let is_up = |name: &str| presence(name).is_some_and(|presence| presence.state == "up");
    let (well, unwell): (Vec<_>, Vec<_>) = edge.links.iter().partition(|(name, _)| is_up(name));
    let owns = level >= Level::Own;
    let new = format!("/edges/{}/links/new", edge.id);
    let rows = |links: &[(&String, &LinkConfig)]| {
        html! {
            div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Link" } th scope="col" { "Speaks" } th scope="col" { "State" } th scope="col" { "Last answered" } } }
                tbody { @for (name, link) in links {
                    @let (speaks, at) = link_words(link);
                    @let presence = presence(name);
                    tr {
                        td data-label="Link" { @if owns { a href={ "/edges/" (edge.id) "/links/" (name) } { (name) } } @else { (name) } }
                        td data-label="Speaks" { span { (speaks) " " span.muted { (at) @if let Some(share) = edge.shares.get(*name) { ", shared on " (share.listen) @if share.writes { " with writing" } } } } }
                        td data-label="State" { @match presence {
                            Some(presence) => span {
                                @if presence.state == "up" { (badge(Tone::Good, "Up")) }
                                @else if presence.state.starts_with("down") { (badge(Tone::Bad, "Down")) " " span.muted { (presence.state.trim_start_matches("down").trim_start_matches(": ")) } }
                                @else if let Some(what) = presence.state.strip_prefix("limited: ") { (badge(Tone::Warn, "Up, with limits")) " " span.muted { (what) } }
                                @else { (badge(Tone::Warn, &own::humane(&presence.state))) }
                            },
                            None => span.muted { "not known" },
                        } }
                        td data-label="Last answered" { (parts::time_or(presence.and_then(|presence| presence.proved_at), now, "–")) }
                    }
                } }
            } }
        }
    };
    own::flush(
        "Links",
        html! { span.row {
            @if !well.is_empty() { (badge(Tone::Good, &format!("{} up", well.len()))) }
            @if line.presence.online && !unwell.is_empty() { (badge(Tone::Bad, &format!("{} not up", unwell.len()))) }
            @if owns { (own::new("New link", &new)) }
        } },
        html! {
            @if edge.links.is_empty() { (parts::empty("link", "No links", "A link is how the gateway reaches devices: a serial port, an address in the network, a broker.", owns.then_some(("New link", new.as_str())))) }
            @if !unwell.is_empty() { (rows(&unwell)) }
            @if !well.is_empty() && edge.links.len() <= SHOWN { (rows(&well)) }
            @else if !well.is_empty() { details.fold { summary { (well.len()) " links that are up" } (rows(&well)) } }
        },
    )
}

fn found(estate: &Estate, ctx: &Ctx) -> Result<Arc<Edge>> {
    let id: EdgeId = ctx.param("id")?;
    estate.registry().edges.get(&id).cloned().ok_or(WebError::NotFound)
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let kind = ctx.query_value("kind");
    if KINDS.iter().any(|(word, ..)| *word == kind) {
        let edge = found(&estate, &ctx)?;
        return Ok(form_page(&ctx, &edge, None, &kind, &Input::default()));
    }
    let edge = found(&estate, &ctx)?;
    let body = html! {
        div.grid { @for (word, title, about) in KINDS {
            a.card.zone-card href={ "/edges/" (edge.id) "/links/new?kind=" (word) } { strong { (title) } span.muted { (about) } }
        } }
    };
    let page = Page::new("New link", PATH, body).lead("How does the gateway reach the devices?");
    Ok(ctx.page(page.crumb("Gateways", PATH).crumb(edge.name.clone(), format!("/edges/{}", edge.id))))
}

fn form_page(ctx: &Ctx, edge: &Edge, name: Option<&str>, kind: &str, input: &Input) -> Markup {
    let (_, title, about) =
        KINDS.iter().find(|(word, ..)| *word == kind).copied().unwrap_or(("", "Link", ""));
    let base = format!("/edges/{}", edge.id);
    let action = name.map_or_else(|| format!("{base}/links/new"), |name| format!("{base}/links/{name}"));
    let fields = html! {
        input type="hidden" name="kind" value=(kind);
        @if name.is_none() { (form::text("name", "Name", "Short: bus-1, meters, display-lobby. Letters, digits and dashes.", "text", true, input)) }
        @for (place, field) in fields(kind) { (form::field(&field_name(place), &field, input)) }
        @if is_shareable(kind) { @for (name, field) in share_fields() { (form::field(name, &field, input)) } }
    };
    let submit = if name.is_some() { "Save" } else { "Add the link" };
    let body = html! {
        (forms::whole(ctx, &action, input, fields, submit, &base))
        @if let Some(name) = name {
            div.form__actions { (parts::confirm("Remove", "Remove this link?", html! { p { "The gateway closes it with its next release. A link that a device uses stays." } }, &format!("{base}/links/{name}/remove"), ctx.csrf())) }
        }
    };
    let page = Page::new(name.map_or_else(|| title.to_owned(), str::to_owned), PATH, body).lead(about);
    ctx.page(page.crumb("Gateways", PATH).crumb(edge.name.clone(), base))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let edge = found(&estate, &ctx)?;
    let name: String = ctx.param("name")?;
    let link = edge.links.get(&name).ok_or(WebError::NotFound)?;
    let held = serde_json::to_value(link).map_err(WebError::internal)?;
    let kind = held["kind"].as_str().unwrap_or("").to_owned();
    let filled =
        fields(&kind).into_iter().filter_map(|(place, _)| Some((field_name(place), stored(&held, place)?)));
    let shared = edge.shares.get(&name).map(typed_share);
    let input = Input::filled(filled.chain(shared.into_iter().flatten()).collect::<Vec<_>>());
    Ok(form_page(&ctx, &edge, Some(&name), &kind, &input))
}

/// Writes a gateway's links with one of them put in, or taken out.
async fn put(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    edge: &Edge,
    name: &str,
    link: Option<(LinkConfig, Option<ModbusShare>)>,
) -> Result<()> {
    let (mut links, mut shares) = (edge.links.clone(), edge.shares.clone());
    shares.remove(name);
    match link {
        Some((link, share)) => {
            links.insert(name.to_owned(), link);
            shares.extend(share.map(|share| (name.to_owned(), share)));
        }
        None => drop(links.remove(name)),
    }
    let patch = EdgePatch { links: Some(links), shares: Some(shares), ..EdgePatch::default() };
    let written = configure::edge(estate, ctx, edge.id, patch).await;
    // Two links can't be shared on one port: in this form that is the field's fault.
    written.map_err(|error| match error {
        WebError::BadInput(faults) => WebError::BadInput(
            faults
                .into_iter()
                .map(
                    |(field, why)| {
                        if field == "shares" { ("share-listen".to_owned(), why) } else { (field, why) }
                    },
                )
                .collect(),
        ),
        other => other,
    })
}

/// A link and how it is shared, from its form.
fn typed(kind: &str, held: &Json, input: &Input) -> Result<(LinkConfig, Option<ModbusShare>)> {
    Ok((read(kind, held, input)?, read_share(kind, input)?))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (edge, input) = (found(&estate, &ctx)?, ctx.form()?);
    let (name, kind) = (input.text("name").to_owned(), input.text("kind").to_owned());
    let outcome = match typed(&kind, &Json::Null, &input) {
        Ok(_) if name.is_empty() => Err(WebError::field("name", "is required")),
        Ok(_) if edge.links.contains_key(&name) => Err(WebError::field("name", "is taken on this gateway")),
        Ok(link) => put(&estate, &ctx, &edge, &name, Some(link)).await,
        Err(error) => Err(error),
    };
    let flash = format!("The link {name} is added. The gateway opens it with its next release.");
    let outcome = outcome.map(|()| Redirect::to(format!("/edges/{}", edge.id)).flash(flash));
    forms::answer(outcome, input, |input| Ok(form_page(&ctx, &edge, None, &kind, input)))
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (edge, input) = (found(&estate, &ctx)?, ctx.form()?);
    let name: String = ctx.param("name")?;
    let held =
        serde_json::to_value(edge.links.get(&name).ok_or(WebError::NotFound)?).map_err(WebError::internal)?;
    let kind = held["kind"].as_str().unwrap_or("").to_owned();
    let outcome = match typed(&kind, &held, &input) {
        Ok(link) => put(&estate, &ctx, &edge, &name, Some(link)).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|()| {
        Redirect::to(format!("/edges/{}", edge.id)).flash("Saved. The gateway gets it with its next release.")
    });
    forms::answer(outcome, input, |input| Ok(form_page(&ctx, &edge, Some(&name), &kind, input)))
}

async fn remove(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let edge = found(&estate, &ctx)?;
    let name: String = ctx.param("name")?;
    let input = ctx.form()?;
    let outcome = put(&estate, &ctx, &edge, &name, None).await;
    let outcome = outcome
        .map(|()| Redirect::to(format!("/edges/{}", edge.id)).flash(format!("The link {name} is removed.")));
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, None, input))
}
