//! Channels: who is told of alarms, how, from which severity on and after how long. Made, changed, tried out, removed.

use super::{deliveries, forms, parts as own};
use crate::Estate;
use crate::http::with;
use crate::notify::actions::{self, ChannelPatch};
use crate::notify::{Channel, ChannelId, ChannelKind, queries};
use crate::registry::Registry;
use axum::response::Response;
use bo_delivery::{Delivery, Wanted};
use bo_model::settings::Field;
use bo_model::{Level, Object};
use bo_web::layout::parts::{self, Tone, badge};
use bo_web::layout::{form, icon};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub const PATH: &str = "/channels";
/// Messages shown beside a channel.
const LATEST: usize = 10;
/// (word, title, what it is for, icon).
const KINDS: [(&str, &str, &str, &str); 3] = [
    ("mail", "Mail", "To one person or everybody in a group. They get a link to the alarm.", "user"),
    (
        "webhook",
        "Webhook",
        "A signed HTTPS request to another program: a help desk, a chat, a pager.",
        "link",
    ),
    ("mqtt", "MQTT", "A message at the broker that this installation is connected to.", "edge"),
];
const DELAYS: [(&str, &str); 7] = [
    ("0", "At once"),
    ("5", "When nobody has seen to it after 5 minutes"),
    ("15", "When nobody has seen to it after 15 minutes"),
    ("30", "When nobody has seen to it after 30 minutes"),
    ("60", "When nobody has seen to it after 1 hour"),
    ("240", "When nobody has seen to it after 4 hours"),
    ("1440", "When nobody has seen to it after 1 day"),
];
const QUIET: [(&str, &str); 5] = [
    ("0", "Every time"),
    ("10", "At most every 10 minutes"),
    ("60", "At most every hour"),
    ("240", "At most every 4 hours"),
    ("1440", "At most once a day"),
];

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let view = Need::workspace_area("alarms", Level::View);
    let owner = Need::workspace_area("alarms", Level::Own);
    Routes::new("estate")
        .get(PATH, view, with(estate, list))
        .about("Channels: who is told of alarms")
        .get("/channels/new", owner, with(estate, new))
        .about("The form for a new channel")
        .post("/channels/new", owner, with(estate, create))
        .about("Make a channel")
        .get("/channels/{id}", view, with(estate, show))
        .about("A channel, and what went through it lately")
        .post("/channels/{id}", owner, with(estate, save))
        .about("Change a channel")
        .post("/channels/{id}/test", owner, with(estate, test))
        .about("Send a message to try a channel out")
        .post("/channels/{id}/remove", owner, with(estate, remove))
        .about("Remove a channel")
}

/// What belongs together: who is told, and what they were told.
pub fn tabs(current: &str) -> Markup {
    let items = [("Channels", PATH.to_owned()), ("Messages", deliveries::PATH.to_owned())];
    parts::tabs(&items, current)
}

fn level(ctx: &Ctx) -> Result<Level> {
    let area = Object::area(ctx.workspace()?, "alarms");
    Ok(ctx.read(|tx| ctx.level(tx, &area))?)
}

/// Who gets it, in words.
fn receiver(channel: &Channel, people: &forms::Options) -> String {
    match (&channel.recipient, channel.kind) {
        (Some(object), ChannelKind::Mail) => people
            .iter()
            .find(|(id, _)| id == object.as_str())
            .map_or_else(|| "nobody: the group or person is gone".to_owned(), |(_, words)| words.clone()),
        (None, ChannelKind::Mail) => "nobody".to_owned(),
        _ => channel.address.clone(),
    }
}

/// Of which alarms, in a sentence.
fn wants(registry: &Registry, channel: &Channel) -> String {
    let severity = match channel.severity.as_str() {
        "critical" => "Critical alarms",
        "warning" => "Warnings and critical alarms",
        _ => "All alarms",
    };
    let place = channel.zone.map(|zone| match registry.zones.get(&zone) {
        Some(zone) => format!(" in {}", zone.name),
        None => " in a removed zone".to_owned(),
    });
    let when = match channel.after_minutes {
        0 => String::new(),
        minutes => format!(", when nobody has seen to them after {}", own::minutes(minutes)),
    };
    format!("{severity}{}{when}", place.unwrap_or_default())
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let (registry, workspace, now) = (estate.registry(), ctx.workspace()?, ctx.now());
    let (channels, people, latest) = ctx.read(|tx| {
        let people = queries::recipients(tx, workspace)?;
        Ok::<_, WebError>((queries::channels(tx, workspace)?, people, bo_delivery::latest(tx, workspace)?))
    })?;
    let may = level(&ctx)? >= Level::Own;
    let last = |channel: &Channel| latest.iter().find(|each| each.via.as_ref() == Some(&channel.object()));
    let body = html! {
        (tabs(PATH))
        section.card.card--flush id="channels" data-fresh="10" {
            @if channels.is_empty() {
                (parts::empty("bell", "Nobody is told of alarms yet", "Alarms stand in the console until somebody looks. With a channel, people get a mail, or another program a message, when one begins.", may.then_some(("New channel", "/channels/new"))))
            } @else { div.table-wrap { table.table.table--cards {
                thead { tr { th scope="col" { "Channel" } th scope="col" { "Tells" } th scope="col" { "Of" } th scope="col" { "Last message" } } }
                tbody { @for channel in &channels { tr {
                    td data-label="Channel" { span { a href={ (PATH) "/" (channel.id) } { (channel.name) } @if !channel.enabled { " " (badge(Tone::Idle, "Off")) } div.field__help { (deliveries::kind(channel.kind.word())) } } }
                    td data-label="Tells" { (receiver(channel, &people)) }
                    td data-label="Of" { (wants(&registry, channel)) }
                    td data-label="Last message" { @match last(channel) { Some(delivery) => (deliveries::outcome(delivery, now)), None => span.muted { "none yet" } } }
                } } }
            } } }
        }
    };
    let page = Page::new("Channels", "/alarms", body)
        .crumb("Alarms", "/alarms")
        .lead("Who is told when an alarm begins, and how. Triggers name channels too.");
    Ok(ctx.page(if may { page.actions(own::new("New channel", "/channels/new")) } else { page }))
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let kind = ctx.query_value("kind");
    let input = Input::filled([
        ("kind", kind.as_str()),
        ("severity", "warning"),
        ("after_minutes", "0"),
        ("quiet_minutes", "10"),
        ("enabled", "true"),
    ]);
    render_new(&estate, &ctx, &input)
}

fn render_new(estate: &Estate, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let kind = input.text("kind");
    let known = KINDS.iter().find(|(word, ..)| *word == kind);
    let body = match known {
        None => html! { div.grid { @for (word, title, about, symbol) in KINDS {
            a.card.zone-card href={ "/channels/new?kind=" (word) } { (icon(symbol)) strong { (title) } span.muted { (about) } }
        } } },
        Some(_) => {
            let fields =
                html! { input type="hidden" name="kind" value=(kind); (fields(estate, ctx, kind, input)?) };
            forms::whole(ctx, "/channels/new", input, fields, "Create the channel", PATH)
        }
    };
    let title =
        known.map_or_else(|| "New channel".to_owned(), |(_, title, ..)| format!("New channel: {title}"));
    let page = Page::new(title, "/alarms", body).crumb("Alarms", "/alarms").crumb("Channels", PATH);
    Ok(ctx.page(page.lead("How somebody or something is told of alarms.")))
}

fn options(all: &[(&str, &str)]) -> forms::Options {
    all.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect()
}

/// Choices of minutes, and what is set when it is none of them.
fn minutes(all: &[(&str, &str)], set: &str) -> forms::Options {
    let mut found = options(all);
    if !set.is_empty() && !found.iter().any(|(value, _)| value == set) {
        found.push((set.to_owned(), format!("After {set} minutes")));
    }
    found
}

fn fields(estate: &Estate, ctx: &Ctx, kind: &str, input: &Input) -> Result<Markup> {
    let workspace = ctx.workspace()?;
    let mut zones = forms::zones(ctx, &estate.registry(), Level::View, |_| true)?;
    zones.insert(0, (String::new(), "Everywhere".into()));
    let severities = options(&[
        ("info", "All alarms"),
        ("warning", "Warnings and critical alarms"),
        ("critical", "Critical alarms only"),
    ]);
    let secret = Field {
        title: "Secret".into(),
        about: "Signs each request, so that the receiver knows it is from here; at least 16 characters. It is kept and never shown again: empty leaves it as it is.".into(),
        secret: true,
        ..Field::default()
    };
    Ok(html! {
        (form::text("name", "Name", "Triggers can name it: Night shift.", "text", true, input))
        @match kind {
            "webhook" => {
                (form::text("address", "Address", "Begins with https://. Redirects are not followed.", "text", true, input))
                (form::field("secret", &secret, input))
            }
            "mqtt" => (form::text("address", "Topic", "At the broker of the controller's configuration: alarms/all.", "text", true, input)),
            _ => (form::select("recipient", "To", "Who is in a group when an alarm begins gets the mail, if they may see the alarm.", &ctx.read(|tx| queries::recipients(tx, workspace))?, input)),
        }
        (form::select("severity", "Of", "", &severities, input))
        (form::select("zone", "Where", "Everything in that place is meant.", &zones, input))
        (form::select("after_minutes", "When", "A later one is an escalation: it is sent only when nobody has acknowledged the alarm by then.", &minutes(&DELAYS, input.text("after_minutes")), input))
        (form::select("quiet_minutes", "The same alarm again", "Something that comes and goes is not told each time.", &minutes(&QUIET, input.text("quiet_minutes")), input))
        (form::check("enabled", "In use", "", input))
    })
}

/// What the form says; an empty secret is none.
fn patch(input: &Input) -> Result<ChannelPatch> {
    let kind = match input.text("kind") {
        "webhook" => Some(ChannelKind::Webhook),
        "mqtt" => Some(ChannelKind::Mqtt),
        "mail" => Some(ChannelKind::Mail),
        _ => None,
    };
    let recipient = match input.text("recipient") {
        "" => None,
        text => Some(
            Object::parse(text).ok_or_else(|| WebError::field("recipient", "is not one of the choices"))?,
        ),
    };
    let zone = match input.text("zone") {
        "" => None,
        _ => Some(forms::chosen(input, "zone")?),
    };
    Ok(ChannelPatch {
        name: Some(input.text("name").to_owned()),
        kind,
        recipient,
        address: input.has("address").then(|| input.text("address").to_owned()),
        secret: Some(input.raw("secret").to_owned()).filter(|secret| !secret.is_empty()),
        zone: Some(zone),
        severity: Some(input.text("severity").to_owned()),
        after_minutes: Some(forms::chosen(input, "after_minutes")?),
        quiet_minutes: Some(forms::chosen(input, "quiet_minutes")?),
        enabled: Some(input.checked("enabled")),
    })
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = match patch(&input) {
        Ok(patch) => actions::create(&ctx, patch).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|channel| {
        Redirect::to(format!("{PATH}/{}", channel.id)).flash("It is made. Send a message to try it out.")
    });
    forms::answer(outcome, input, |input| render_new(&estate, &ctx, input))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    render(&estate, &ctx, &Input::default())
}

/// The channel of the path with what went through it lately.
fn held(ctx: &Ctx) -> Result<(Channel, Vec<Delivery>)> {
    let (id, workspace): (ChannelId, _) = (ctx.param("id")?, ctx.workspace()?);
    ctx.read(|tx| {
        let channel = queries::channel(tx, id)?.filter(|channel| channel.workspace == workspace);
        let channel = channel.ok_or(WebError::NotFound)?;
        let wanted = Wanted { via: Some(channel.object()), ..Wanted::default() };
        let latest = bo_delivery::list(tx, workspace, &wanted, i64::MAX, LATEST)?;
        Ok((channel, latest))
    })
}

fn render(estate: &Estate, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let (channel, latest) = held(ctx)?;
    let (registry, may) = (estate.registry(), level(ctx)? >= Level::Own);
    let path = format!("{PATH}/{}", channel.id);
    let stored = [
        ("name", channel.name.clone()),
        ("recipient", channel.recipient.as_ref().map_or(String::new(), |to| to.as_str().to_owned())),
        ("address", channel.address.clone()),
        ("zone", channel.zone.map(|zone| zone.to_string()).unwrap_or_default()),
        ("severity", channel.severity.clone()),
        ("after_minutes", channel.after_minutes.to_string()),
        ("quiet_minutes", channel.quiet_minutes.to_string()),
        ("enabled", channel.enabled.to_string()),
    ];
    let filled = forms::filled(input, stored);
    let body = html! {
        (tabs(PATH))
        // Of trying it out; the form below shows its own.
        @if !input.has("name") { (form::problems(input)) }
        div.split {
            div.stack {
                (own::flush("What went through it", own::more("All messages", &format!("{}?via={}", deliveries::PATH, channel.object())), html! {
                    // Looked at often: who sends a message to try it out waits for what becomes of it.
                    div id="channel-messages" data-fresh="2" {
                        @if latest.is_empty() { (parts::empty("bell", "Nothing yet", if may { "Send a message to see whether it arrives." } else { "No alarm was told through it yet." }, None)) }
                        @else { (deliveries::table(ctx, &registry, &latest, may)) }
                    }
                }))
                @if may { (own::card("Try it out", own::none(), html! {
                    p.muted { "Everybody this channel tells gets a message that says who tries it out and that nothing is wrong. What becomes of it appears above within seconds." }
                    (parts::post_button("Send a message", "btn--primary", &format!("{path}/test"), ctx.csrf()))
                })) }
            }
            div.stack {
                @if may {
                    (forms::card(ctx, "What it does", &path, &filled, fields(estate, ctx, channel.kind.word(), &filled)?, "Save"))
                    (own::card("Remove", own::none(), html! {
                        p.muted { "Messages that are on their way are still sent. To stop it for a while, switch it off instead." }
                        (parts::confirm("Remove the channel", "Nobody is told through it any more.", own::none(), &format!("{path}/remove"), ctx.csrf()))
                    }))
                } @else {
                    (own::card("What it does", own::none(), parts::facts(&[
                        ("Tells", html! { (receiver(&channel, &ctx.read(|tx| queries::recipients(tx, channel.workspace))?)) }),
                        ("Of", html! { (wants(&registry, &channel)) }),
                    ])))
                }
            }
        }
    };
    let kind = deliveries::kind(channel.kind.word());
    let state = if channel.enabled { badge(Tone::Good, "In use") } else { badge(Tone::Idle, "Off") };
    let page =
        Page::new(channel.name.clone(), "/alarms", body).crumb("Alarms", "/alarms").crumb("Channels", PATH);
    Ok(ctx.page(page.state(html! { (badge(Tone::Info, kind)) " " (state) })))
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (id, input): (ChannelId, _) = (ctx.param("id")?, ctx.form()?);
    let outcome = match patch(&input) {
        Ok(patch) => actions::change(&ctx, id, patch).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|_| Redirect::to(format!("{PATH}/{id}")).flash("Saved."));
    forms::answer(outcome, input, |input| render(&estate, &ctx, input))
}

async fn test(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: ChannelId = ctx.param("id")?;
    let outcome = actions::try_out(&ctx, id).await.map(|sent| {
        let words = own::count(sent.len(), "message");
        Redirect::to(format!("{PATH}/{id}"))
            .flash(format!("{words} on the way. What becomes of it is shown here."))
    });
    forms::answer(outcome, Input::default(), |input| render(&estate, &ctx, input))
}

async fn remove(_: Arc<Estate>, ctx: Ctx) -> Result<Redirect> {
    actions::remove(&ctx, ctx.param("id")?).await?;
    Ok(ctx.redirect(PATH).flash("The channel is removed."))
}
