//! What a floor map's shapes stand for, changed in the console: choose a shape of the drawing, say which room, device or value
//! it shows, see it. Every change is a revision that can be gone back to. Works with links and forms alone, so it can be used
//! with the keyboard.

use super::{forms, map, parts as own};
use crate::Estate;
use crate::http::{may, with};
use crate::maps::actions::{self, Bind, Shows, bindings, held};
use crate::maps::{Revision, ZoneMap, queries};
use crate::registry::Registry;
use crate::zones::Zone;
use axum::response::Response;
use bo_model::drawing::{Shape, Shown, decorate, shapes};
use bo_model::map::{MapElement, ZoneMap as Drawn};
use bo_model::{Kind, Level, SystemId, ZoneId};
use bo_web::layout::form;
use bo_web::layout::parts;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;
use std::sync::Arc;

const REVISIONS: usize = 20;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = Need::object(Kind::ZONE, "id", Level::Own);
    Routes::new("estate")
        .get("/zones/{id}/map", on, with(estate, show))
        .about("What the shapes of a zone's floor map stand for")
        .post("/zones/{id}/map/bind", on, with(estate, bind))
        .about("Let a shape of a floor map stand for something")
        .post("/zones/{id}/map/unbind", on, with(estate, unbind))
        .about("Let a shape of a floor map stand for nothing")
        .post("/zones/{id}/map/revert", on, with(estate, revert))
        .about("Go back to an earlier revision of a floor map")
}

/// Everything the page shows.
struct Editing<'a> {
    estate: &'a Estate,
    registry: Arc<Registry>,
    zone: Arc<Zone>,
    map: ZoneMap,
    drawn: Drawn,
    shapes: Vec<Shape>,
    revisions: Vec<Revision>,
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let given = ["element", "system", "device"].map(|name| (name, ctx.query_value(name)));
    let given: Vec<_> = given.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    render(&estate, &ctx, &Input::filled(given))
}

fn load<'a>(estate: &'a Estate, ctx: &Ctx) -> Result<Editing<'a>> {
    let (registry, workspace, id) = (estate.registry(), ctx.workspace()?, ctx.param("id")?);
    let (zone, map, revisions) = ctx.read(|tx| {
        let (zone, map) = held(tx, &registry, workspace, id)?;
        let revisions = queries::revisions(tx, workspace, &map.name, REVISIONS)?;
        Ok::<_, WebError>((zone, map, revisions))
    })?;
    let (drawn, shapes) = (bindings(&map)?, shapes(&map.svg));
    Ok(Editing { estate, registry, zone, map, drawn, shapes, revisions })
}

fn render(estate: &Estate, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let editing = load(estate, ctx)?;
    let path = format!("/zones/{}/map", editing.zone.id);
    let chosen = editing.shapes.iter().find(|shape| shape.id == input.text("element"));
    let others = editing.registry.zones.values();
    let others =
        others.filter(|other| other.workspace == editing.zone.workspace && other.map == editing.zone.map);
    let shared = others.count().saturating_sub(1);
    let body = html! {
        @if shared > 0 { (parts::notice(parts::Tone::Info, html! { p { (own::count(shared, "other zone")) " show this map too: rooms of this zone stay rooms of their own zone there." } })) }
        div.split {
            div.stack {
                section.card.card--flush.map-edit { (drawing(&editing, ctx, &path, chosen)?) }
                (list(&editing, ctx, &path)?)
            }
            div.stack #edit {
                @match chosen { Some(shape) => (chosen_card(&editing, ctx, &path, shape, input)?), None => (own::card("Choose a shape", own::none(), html! { p.muted { "Choose a room or symbol on the plan, or in the list below it, to say what it stands for." } })) }
                (revisions_card(&editing, ctx, &path))
            }
        }
    };
    let page = Page::new(editing.map.title.clone(), "/zones", body)
        .lead("What each shape of the floor map stands for.");
    let page = own::crumbs(page, &editing.registry, editing.zone.id, true);
    Ok(ctx.page(page.actions(html! { a.btn href={ "/zones/" (editing.zone.id) } { "See it live" } })))
}

fn drawing(editing: &Editing<'_>, ctx: &Ctx, path: &str, chosen: Option<&Shape>) -> Result<Markup> {
    let bound = map::bound(editing.estate, ctx, &editing.registry, &editing.zone, &editing.drawn)?;
    let mut shown = BTreeMap::new();
    let mut labels = BTreeMap::new();
    for shape in &editing.shapes {
        let (state, about) = match bound.get(shape.id.as_str()) {
            Some(each) => (each.class.clone(), format!("stands for {}", each.title())),
            None if editing.drawn.elements.contains_key(&shape.id) => {
                ("unknown".into(), "stands for something that is not there".into())
            }
            None => ("unbound".into(), "stands for nothing yet".to_owned()),
        };
        let mark = if chosen.is_some_and(|chosen| chosen.id == shape.id) { " chosen" } else { "" };
        let href = format!("{path}?element={}#edit", urlencode(&shape.id));
        shown.insert(
            shape.id.as_str(),
            Shown { class: format!("{state}{mark}"), href, label: format!("{}: {about}", shape.name) },
        );
        let element = editing.drawn.elements.get(&shape.id);
        if let Some((text, label)) = element
            .and_then(|element| element.text.as_ref())
            .zip(bound.get(shape.id.as_str()).and_then(|each| each.label.clone()))
        {
            labels.insert(text.as_str(), label);
        }
    }
    Ok(html! { div.map { (PreEscaped(decorate(&editing.map.svg, &shown, &labels))) } })
}

fn urlencode(text: &str) -> String {
    serde_urlencoded::to_string([("", text)]).unwrap_or_default().trim_start_matches('=').to_owned()
}

/// The system an element stands for here.
fn system_of<'r>(
    registry: &'r Registry,
    zone: &Zone,
    element: &MapElement,
) -> Option<&'r Arc<crate::systems::System>> {
    registry.system_by_key(zone.workspace, &element.system_in(&zone.key))
}

fn list(editing: &Editing<'_>, ctx: &Ctx, path: &str) -> Result<Markup> {
    let seen = |system: SystemId| ctx.read(|tx| may(ctx, tx, Kind::SYSTEM, system, Level::View));
    let mut rows = Vec::new();
    for shape in &editing.shapes {
        let element = editing.drawn.elements.get(&shape.id);
        let system = element.and_then(|element| system_of(&editing.registry, &editing.zone, element));
        let words = match (element, system) {
            (Some(element), Some(system)) if seen(system.id)? => html! {
                (own::system_link(&editing.registry, system.id)) @if let Some(device) = &element.device { ", " (device) } span.muted { ", " (own::humane(&element.style)) }
            },
            (Some(_), _) => html! { span.muted { "something that is not there, or not yours to see" } },
            (None, _) => html! { span.muted { "nothing yet" } },
        };
        rows.push((shape, words));
    }
    Ok(own::flush(
        "Shapes",
        own::none(),
        html! {
            @if rows.is_empty() { (parts::empty("map", "No shapes to choose", "Elements of the drawing need an id to stand for something.", None)) }
            @else { details open[rows.len() <= 12] { summary.card__lead { (own::count(rows.len(), "shape")) }
                div.table-wrap { table.table.table--cards {
                    thead { tr { th scope="col" { "Shape" } th scope="col" { "Stands for" } } }
                    tbody { @for (shape, words) in &rows { tr {
                        td data-label="Shape" { a href={ (path) "?element=" (urlencode(&shape.id)) "#edit" } { (shape.name) } @if shape.name != shape.id { " " code { (shape.id) } } }
                        td data-label="Stands for" { span { (words) } }
                    } } }
                } }
            } }
        },
    ))
}

/// What a shape may show, as (word, label): styles of the map, alarms, values.
fn choices(editing: &Editing<'_>, system: SystemId, device: &str) -> forms::Options {
    let mut found: forms::Options = Vec::new();
    let fits = |name: &str| {
        let states = editing.drawn.styles.get(name).map(|style| style.states.as_slice()).unwrap_or_default();
        let asked = states.iter().filter_map(|state| state.status.as_ref());
        !device.is_empty() || asked.into_iter().all(|status| status.contains('.'))
    };
    let styles = editing.drawn.styles.keys().filter(|name| fits(name));
    found.extend(
        styles.map(|name| (format!("style:{name}"), format!("As {}", own::humane(name).to_lowercase()))),
    );
    if !editing.drawn.styles.contains_key("alarms") {
        found.push(("alarm".into(), "Whether an alarm is active".into()));
    }
    for entry in editing.registry.devices_in(system).iter().filter_map(|id| editing.registry.devices.get(id))
    {
        let address = entry.device.address.as_str();
        if !device.is_empty() && address != device {
            continue;
        }
        let Some(driver) = &entry.driver else { continue };
        for (name, status) in &driver.manifest.status {
            let title =
                if status.field.title.is_empty() { own::humane(name) } else { status.field.title.clone() };
            let (word, label) = match device {
                "" => (format!("{address}.{name}"), format!("Value: {} of {}", title, entry.device.name)),
                _ => (name.clone(), format!("Value: {title}")),
            };
            found.push((format!("value:{word}"), label));
        }
    }
    found
}

fn chosen_card(editing: &Editing<'_>, ctx: &Ctx, path: &str, shape: &Shape, input: &Input) -> Result<Markup> {
    let element = editing.drawn.elements.get(&shape.id);
    let stored = element.and_then(|element| system_of(&editing.registry, &editing.zone, element));
    let system = match input.text("system") {
        "" => stored.map(|system| system.id),
        text => text.parse().ok(),
    };
    let device = match (input.has("device"), input.has("system")) {
        (true, _) => input.text("device").to_owned(),
        (false, true) => String::new(),
        (false, false) => element.and_then(|element| element.device.clone()).unwrap_or_default(),
    };
    let systems = systems(editing, ctx)?;
    let system = system.filter(|id| systems.iter().any(|(held, _)| *held == id.to_string()));
    let mut devices: forms::Options = vec![(String::new(), "All of it".into())];
    let entries = system.map(|id| editing.registry.devices_in(id)).unwrap_or_default();
    let entries = entries.iter().filter_map(|id| editing.registry.devices.get(id));
    devices.extend(entries.map(|entry| {
        (entry.device.address.clone(), format!("{} ({})", entry.device.name, entry.device.address))
    }));
    let picked = Input::filled([
        ("system", system.map(|id| id.to_string()).unwrap_or_default()),
        ("device", device.clone()),
    ]);
    let shows = system.map(|id| choices(editing, id, &device)).unwrap_or_default();
    let mut texts: forms::Options = vec![(String::new(), "Nowhere".into())];
    texts.extend(shape.texts.iter().map(|id| (id.clone(), format!("In the shape ({id})"))));
    let held = element
        .and_then(|element| element.text.clone())
        .or_else(|| shape.texts.first().cloned())
        .unwrap_or_default();
    if !held.is_empty() && !texts.iter().any(|(id, _)| *id == held) {
        texts.push((held.clone(), format!("Beside it ({held})")));
    }
    let style = element
        .map(|element| format!("style:{}", element.style))
        .filter(|style| shows.iter().any(|(held, _)| held == style));
    let first = || shows.first().map(|(word, _)| word.clone()).unwrap_or_default();
    let filled = forms::filled(input, [("shows", style.unwrap_or_else(first)), ("text", held)]);
    let hidden = |name: &str, value: &str| html! { input type="hidden" name=(name) value=(value); };
    Ok(own::card(
        &shape.name,
        own::none(),
        html! {
            div.stack { form.form action={ (path) "#edit" } method="get" {
                (hidden("element", &shape.id))
                (reloads(form::select("system", "Stands for", "A room or plant.", &systems, &picked)))
                @if system.is_some() { (reloads(form::select("device", "Which of it", "", &devices, &picked))) }
                noscript { button.btn type="submit" { "Choose" } }
            }
            @if let Some(system) = system {
                form.form action={ (path) "/bind" } method="post" {
                    (ctx.csrf()) (form::problems(&filled))
                    (hidden("element", &shape.id)) (hidden("system", &system.to_string())) (hidden("device", &device))
                    (form::select("shows", "Shows", "Its colour follows; a value is written beside.", &shows, &filled))
                    (form::select("text", "Its value is written", "", &texts, &filled))
                    div.form__actions { button.btn.btn--primary type="submit" { "Save" } a.btn.btn--quiet href=(path) { "Cancel" } }
                }
            }
            @if element.is_some() {
                form action={ (path) "/unbind" } method="post" { (ctx.csrf()) (hidden("element", &shape.id)) button.btn type="submit" { "Let it stand for nothing" } }
            } }
        },
    ))
}

/// A choice that asks for the page again, with what follows from it.
fn reloads(select: Markup) -> Markup {
    PreEscaped(select.into_string().replacen("<select", "<select data-submit=\"\"", 1))
}

/// Systems to choose from: those of this zone and below first.
fn systems(editing: &Editing<'_>, ctx: &Ctx) -> Result<forms::Options> {
    let below: std::collections::HashSet<String> =
        editing.registry.systems_below(editing.zone.id).iter().map(ToString::to_string).collect();
    let mut all = forms::systems(ctx, &editing.registry, Level::View)?;
    all.sort_by_key(|(id, _)| !below.contains(id));
    Ok(all)
}

fn revisions_card(editing: &Editing<'_>, ctx: &Ctx, path: &str) -> Markup {
    let now = ctx.now();
    own::flush(
        "Revisions",
        own::none(),
        html! {
            @if editing.revisions.is_empty() { p.card__lead.muted { "As the files have it. Every change made here is kept, and can be taken back." } }
            @else { ul.feed { @for (place, each) in editing.revisions.iter().enumerate() { li {
                span.feed__head { strong { (each.number) } span { (each.about) } }
                span.muted { (each.made_by) ", " (parts::time(each.made_at, now)) }
                @if place > 0 { form action={ (path) "/revert" } method="post" { (ctx.csrf()) input type="hidden" name="revision" value=(each.number); button.btn.btn--small type="submit" { "Go back to this" } } }
            } } } }
        },
    )
}

/// What the form says.
fn read(input: &Input) -> Result<Bind> {
    let shows = match input.text("shows").split_once(':') {
        Some(("style", name)) => Shows::Style(name.to_owned()),
        Some(("value", status)) => Shows::Value(status.to_owned()),
        _ if input.text("shows") == "alarm" => Shows::Alarm,
        _ => return Err(WebError::field("shows", "is not one of the choices")),
    };
    Ok(Bind {
        system: forms::chosen(input, "system")?,
        device: forms::given(input, "device"),
        shows,
        text: forms::given(input, "text"),
    })
}

async fn bind(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (zone, input): (ZoneId, _) = (ctx.param("id")?, ctx.form()?);
    let element = input.text("element").to_owned();
    let outcome = match read(&input) {
        Ok(to) => actions::bind(&estate, &ctx, zone, element.clone(), to).await,
        Err(error) => Err(error),
    };
    let next = format!("/zones/{zone}/map?element={}", urlencode(&element));
    let outcome = outcome.map(|()| Redirect::to(next).flash("Saved. It shows at once."));
    forms::answer(outcome, input, |input| render(&estate, &ctx, input))
}

async fn unbind(estate: Arc<Estate>, ctx: Ctx) -> Result<Redirect> {
    let (zone, input): (ZoneId, _) = (ctx.param("id")?, ctx.form()?);
    actions::unbind(&estate, &ctx, zone, input.text("element").to_owned()).await?;
    Ok(ctx.redirect(format!("/zones/{zone}/map")).flash("It stands for nothing now."))
}

async fn revert(estate: Arc<Estate>, ctx: Ctx) -> Result<Redirect> {
    let zone: ZoneId = ctx.param("id")?;
    let number = forms::chosen(&ctx.form()?, "revision")?;
    actions::go_back(&estate, &ctx, zone, number).await?;
    Ok(ctx.redirect(format!("/zones/{zone}/map")).flash("Gone back. What was there is a revision too."))
}
