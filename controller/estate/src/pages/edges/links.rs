//! A gateway's links: how it reaches its devices. Listed with their state; added, changed and removed by forms whose
//! fields are data.

use super::super::{forms, parts as own};
use super::{PATH, page};
use crate::Estate;
use crate::configure::{self, EdgePatch};
use crate::edges::Edge;
use crate::edges::routes::EdgeLine;
use crate::http::with;
use axum::response::Response;
use bo_model::release::LinkConfig;
use bo_model::settings::{Field, FieldKind, Values};
use bo_model::{EdgeId, Kind, Level, Time};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Links that are well are folded away beyond this many.
const SHOWN: usize = 8;

/// Kinds of links: (word, title, what it is for).
const KINDS: [(&str, &str, &str); 8] = [
    (
        "modbus-tcp",
        "Modbus TCP",
        "Meters, inverters and controllers in the network, or behind a Modbus gateway.",
    ),
    ("modbus-rtu", "Modbus RTU", "Devices on an RS-485 line at the gateway's serial port."),
    ("serial", "Serial", "A device with a text or byte protocol on a serial port: switchers, projectors."),
    ("tcp", "TCP or TLS", "A device with a text or byte protocol in the network."),
    ("udp", "UDP", "A device that takes datagrams."),
    (
        "mqtt-embedded",
        "MQTT, the gateway's own broker",
        "Devices on site that connect to the gateway by MQTT.",
    ),
    ("mqtt", "MQTT, a broker on site", "Devices that speak to a broker that is there already."),
    ("http", "HTTP", "Devices and services with an HTTP interface."),
];

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
                        td data-label="Speaks" { span { (speaks) " " span.muted { (at) } } }
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

fn text(title: &str, about: &str, required: bool) -> Field {
    Field {
        kind: FieldKind::Text,
        title: title.into(),
        about: about.into(),
        required,
        max: Some(200.0),
        ..Field::default()
    }
}

fn whole(title: &str, about: &str, (min, max): (f64, f64), default: Option<i64>) -> Field {
    Field {
        kind: FieldKind::Integer,
        title: title.into(),
        about: about.into(),
        min: Some(min),
        max: Some(max),
        default: default.map(Json::from),
        ..Field::default()
    }
}

fn choice(title: &str, choices: &[(&str, &str)], default: &str) -> Field {
    let choices = choices.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    Field {
        kind: FieldKind::Choice,
        title: title.into(),
        choices,
        default: Some(json!(default)),
        ..Field::default()
    }
}

/// The fields of a kind of link: (place in its JSON, field), in the order of the form.
fn fields(kind: &str) -> Vec<(&'static str, Field)> {
    let host = || ("host", text("Host", "Name or address in the building's network.", true));
    let port = |default| ("port", whole("Port", "Empty takes the usual one.", (1.0, 65_535.0), default));
    let tls = || {
        (
            "tls",
            Field {
                kind: FieldKind::Boolean,
                title: "Encrypted (TLS)".into(),
                about: "The certificate is verified.".into(),
                ..Field::default()
            },
        )
    };
    let ca = || {
        (
            "tls.ca_file",
            text(
                "CA file",
                "PEM file on the gateway with the CA to trust, when it is not a public one.",
                false,
            ),
        )
    };
    match kind {
        "modbus-tcp" => vec![
            host(),
            port(Some(502)),
            (
                "rtu_framing",
                Field {
                    kind: FieldKind::Boolean,
                    title: "RTU frames".into(),
                    about: "For converters that pass serial frames through unchanged.".into(),
                    ..Field::default()
                },
            ),
            tls(),
            ca(),
        ],
        "modbus-rtu" | "serial" => vec![
            (
                "line.path",
                text("Port", "Like /dev/ttyUSB0, or better a path below /dev/serial/by-id/.", true),
            ),
            ("line.baud", whole("Speed", "Bits per second.", (300.0, 921_600.0), Some(9600))),
            ("line.data_bits", whole("Data bits", "", (5.0, 8.0), Some(8))),
            ("line.parity", choice("Parity", &[("none", "None"), ("even", "Even"), ("odd", "Odd")], "none")),
            ("line.stop_bits", whole("Stop bits", "", (1.0, 2.0), Some(1))),
        ],
        "tcp" => vec![host(), port(None), tls(), ca()],
        "udp" => vec![host(), port(None)],
        "mqtt" => vec![
            host(),
            port(None),
            ("username", text("User name", "", false)),
            ("password_file", text("Password file", "A file on the gateway that holds it.", false)),
            tls(),
            ca(),
        ],
        "http" => vec![("base", text("Base address", "https://host:port/base", true)), ca()],
        _ => Vec::new(),
    }
}

/// A form's name for a place: dots belong to JSON.
fn field_name(place: &str) -> String {
    place.replace('.', "-")
}

/// What is stored at a place, as a form shows it.
fn stored(link: &Json, place: &str) -> Option<String> {
    let pointer = format!("/{}", place.replace('.', "/"));
    match link.pointer(&pointer)? {
        Json::String(text) => Some(text.clone()),
        Json::Object(_) => Some("true".into()),
        other => Some(other.to_string()),
    }
}

/// A link's JSON from a form over what is stored: what the form does not know stays.
fn read(kind: &str, held: &Json, input: &Input) -> Result<LinkConfig> {
    let described = fields(kind);
    let named: BTreeMap<String, Field> =
        described.iter().map(|(place, field)| (field_name(place), field.clone())).collect();
    let values: Values = input.values(&named)?;
    let mut link = if held.is_object() { held.clone() } else { json!({}) };
    link["kind"] = json!(kind);
    for (place, field) in &described {
        let value = values.get(&field_name(place)).cloned();
        match (*place, value) {
            ("tls", Some(Json::Bool(true))) => {
                if !link["tls"].is_object() {
                    link["tls"] = json!({});
                }
            }
            ("tls", _) => drop(link.as_object_mut().and_then(|link| link.remove("tls"))),
            ("tls.ca_file", Some(file)) if link["tls"].is_object() || kind == "http" => {
                link["tls"]["ca_file"] = file
            }
            ("tls.ca_file", _) => {
                if let Some(tls) = link.get_mut("tls").and_then(Json::as_object_mut) {
                    tls.remove("ca_file");
                }
            }
            (place, value) => match (place.split_once('.'), value) {
                (Some((outer, inner)), Some(value)) => link[outer][inner] = value,
                (None, Some(value)) => link[place] = value,
                (None, None) if field.default.is_none() => {
                    drop(link.as_object_mut().and_then(|link| link.remove(place)))
                }
                _ => {}
            },
        }
    }
    serde_json::from_value(link).map_err(|error| WebError::field("", error.to_string()))
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
    let input = Input::filled(filled.collect::<Vec<_>>());
    Ok(form_page(&ctx, &edge, Some(&name), &kind, &input))
}

/// Writes a gateway's links with one of them put in, or taken out.
async fn put(
    estate: &Arc<Estate>,
    ctx: &Ctx,
    edge: &Edge,
    name: &str,
    link: Option<LinkConfig>,
) -> Result<()> {
    let mut links = edge.links.clone();
    match link {
        Some(link) => drop(links.insert(name.to_owned(), link)),
        None => drop(links.remove(name)),
    }
    configure::edge(estate, ctx, edge.id, EdgePatch { links: Some(links), ..EdgePatch::default() }).await
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (edge, input) = (found(&estate, &ctx)?, ctx.form()?);
    let (name, kind) = (input.text("name").to_owned(), input.text("kind").to_owned());
    let outcome = match read(&kind, &Json::Null, &input) {
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
    let outcome = match read(&kind, &held, &input) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_changes_what_it_knows_of_a_link_and_keeps_the_rest() {
        let held = json!({ "kind": "modbus-tcp", "host": "10.0.0.7", "port": 502, "tls": { "server_name": "meter" } });
        let sent = Input::filled([
            ("host", "10.0.0.8"),
            ("port", "1502"),
            ("rtu_framing", "false"),
            ("tls", "true"),
        ]);
        let link = read("modbus-tcp", &held, &sent).unwrap();
        let LinkConfig::ModbusTcp { host, port, tls, .. } = &link else { panic!("another kind") };
        assert_eq!((host.as_str(), *port), ("10.0.0.8", 1502));
        assert_eq!(tls.as_ref().and_then(|tls| tls.server_name.as_deref()), Some("meter"));
        let plain = Input::filled([("host", "10.0.0.8"), ("tls", "false")]);
        let Ok(LinkConfig::ModbusTcp { tls, .. }) = read("modbus-tcp", &held, &plain) else {
            panic!("refused")
        };
        assert!(tls.is_none());
    }

    #[test]
    fn every_kind_of_link_can_be_made_from_its_form() {
        for (kind, ..) in KINDS {
            let sent = ["host", "base", "line-path"]
                .map(|name| (name, if name == "base" { "https://x" } else { "x" }));
            assert!(read(kind, &Json::Null, &Input::filled(sent)).is_ok(), "{kind}");
        }
        let empty = read("serial", &Json::Null, &Input::default());
        assert!(matches!(empty, Err(WebError::BadInput(fields)) if fields[0].0 == "line-path"));
    }
}
