//! Making, changing and moving zones.

use super::super::forms;
use super::{PATH, page};
use crate::Estate;
use crate::configure::{self, MoveZone, NewZone, ZonePatch};
use crate::http::with;
use crate::maps;
use crate::registry::Registry;
use crate::zones::Zone;
use axum::response::Response;
use bo_model::estate::ZoneKind;
use bo_model::{Kind, Level, ZoneId};
use bo_web::layout::form;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let own = Need::object(Kind::ZONE, "id", Level::Own);
    Routes::new("estate")
        .get("/zones/new", Need::signed_in(), with(estate, new))
        .about("The form for a new zone")
        .post("/zones/new", Need::signed_in(), with(estate, create))
        .about("Make a zone")
        .post("/zones/{id}/properties", own, with(estate, save))
        .about("Change what a zone is called and where on earth it is")
        .post("/zones/{id}/move", own, with(estate, move_it))
        .about("Move a zone with everything in it")
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let parent = ctx.query_value("parent");
    let registry = estate.registry();
    // What usually lies in such a place.
    let kind =
        parent.parse().ok().and_then(|id: ZoneId| registry.zones.get(&id)).map(|zone| match zone.kind {
            ZoneKind::Organisation | ZoneKind::Region => ZoneKind::Building,
            ZoneKind::Building => ZoneKind::Level,
            ZoneKind::Level | ZoneKind::Area => ZoneKind::Area,
        });
    let kind = kind.unwrap_or(ZoneKind::Building).word().to_owned();
    render_new(&estate, &ctx, &Input::filled([("parent", parent), ("kind", kind)]))
}

fn render_new(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let workspace = ctx.workspace()?;
    let parents = forms::zones(ctx, &registry, Level::Own, |_| true)?;
    let first = !registry.zones.values().any(|zone| zone.workspace == workspace);
    if parents.is_empty() && !first {
        return Err(WebError::Forbidden("Only whoever owns a zone can make zones in it.".into()));
    }
    let fields = html! {
        @if first { input type="hidden" name="kind" value="organisation"; }
        @else {
            (form::choose("parent", "Inside", "", &parents, input))
            (form::select("kind", "What it is", "From the outside in: organisation, region, building, level, area.", &forms::zone_kinds(), input))
        }
        (form::text("name", "Name", if first { "The organisation all buildings belong to." } else { "As people call it: Ground floor, Harbour House." }, "text", true, input))
        (form::text("time_zone", "Time zone", "Like Europe/Lisbon; empty takes that of the place it lies in.", "text", false, input))
        (form::text("tags", "Tags", "Separated by commas; lists can be filtered by them.", "text", false, input))
    };
    let back = if input.text("parent").is_empty() {
        PATH.to_owned()
    } else {
        format!("/zones/{}", input.text("parent"))
    };
    let title = if first { "The organisation" } else { "New zone" };
    let body = forms::whole(ctx, "/zones/new", input, fields, "Create the zone", &back);
    Ok(ctx.page(Page::new(title, PATH, body).crumb("Zones", PATH)))
}

fn kind_of(input: &Input) -> Result<ZoneKind> {
    serde_json::from_value(input.text("kind").into())
        .map_err(|_| WebError::field("kind", "is not one of the choices"))
}

fn read_new(input: &Input) -> Result<NewZone> {
    Ok(NewZone {
        parent: forms::given(input, "parent").map(|_| forms::chosen(input, "parent")).transpose()?,
        kind: kind_of(input)?,
        name: input.text("name").to_owned(),
        key: None,
        tags: forms::words(input.text("tags")),
        time_zone: forms::given(input, "time_zone"),
        position: None,
    })
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let outcome = match read_new(&input) {
        Ok(new) => configure::places::create_zone(&estate, &ctx, new).await,
        Err(error) => Err(error),
    };
    let outcome = outcome
        .map(|zone| Redirect::to(format!("/zones/{}", zone.id)).flash(format!("{} is made.", zone.name)));
    forms::answer(outcome, input, |input| render_new(&estate, &ctx, input))
}

/// The form with what a zone is.
pub fn properties(ctx: &Ctx, zone: &Zone, input: &Input) -> Result<Markup> {
    let maps = ctx.read(|tx| maps::queries::all(tx, zone.workspace))?;
    let mut options = vec![(String::new(), "No map".to_owned())];
    options.extend(maps.into_iter().map(|map| (map.name, map.title)));
    let degrees =
        |pick: fn((f64, f64)) -> f64| zone.position.map(|at| pick(at).to_string()).unwrap_or_default();
    let filled = forms::filled(
        input,
        [
            ("name", zone.name.clone()),
            ("kind", zone.kind.word().to_owned()),
            ("tags", zone.tags.join(", ")),
            ("time_zone", zone.time_zone.clone().unwrap_or_default()),
            ("latitude", degrees(|at| at.0)),
            ("longitude", degrees(|at| at.1)),
            ("map", zone.map.clone().unwrap_or_default()),
        ],
    );
    let fields = html! {
        (form::text("name", "Name", "", "text", true, &filled))
        @if zone.parent.is_some() { (form::select("kind", "What it is", "", &forms::zone_kinds(), &filled)) }
        (form::text("tags", "Tags", "Separated by commas; lists can be filtered by them.", "text", false, &filled))
        (form::text("time_zone", "Time zone", "Like Europe/Lisbon; empty takes that of the place it lies in.", "text", false, &filled))
        div.row.row--fields {
            (form::text("latitude", "Latitude", "In degrees; for sunrise and sunset.", "text", false, &filled))
            (form::text("longitude", "Longitude", "Empty takes that of the place it lies in.", "text", false, &filled))
        }
        (form::select("map", "Floor map", "", &options, &filled))
    };
    Ok(forms::card(ctx, "What it is", &format!("/zones/{}/properties", zone.id), &filled, fields, "Save"))
}

fn position_of(input: &Input) -> Result<Option<(f64, f64)>> {
    let degrees = |field: &str| match input.text(field) {
        "" => Ok(None),
        text => text
            .replace(',', ".")
            .parse::<f64>()
            .map(Some)
            .map_err(|_| WebError::field(field, "must be degrees like 38.7370")),
    };
    match (degrees("latitude")?, degrees("longitude")?) {
        (Some(latitude), Some(longitude)) => Ok(Some((latitude, longitude))),
        (None, None) => Ok(None),
        (None, _) => Err(WebError::field("latitude", "is required with a longitude")),
        (_, None) => Err(WebError::field("longitude", "is required with a latitude")),
    }
}

fn read_patch(input: &Input) -> Result<ZonePatch> {
    Ok(ZonePatch {
        name: Some(input.text("name").to_owned()),
        kind: if input.has("kind") { Some(kind_of(input)?) } else { None },
        tags: Some(forms::words(input.text("tags"))),
        time_zone: Some(forms::given(input, "time_zone")),
        position: Some(position_of(input)?),
        map: Some(forms::given(input, "map")),
        ..ZonePatch::default()
    })
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: ZoneId = ctx.param("id")?;
    let input = ctx.form()?;
    let outcome = match read_patch(&input) {
        Ok(patch) => configure::zone(&estate, &ctx, id, patch).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|()| Redirect::to(format!("/zones/{id}?tab=about")).flash("Saved."));
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, "about", input))
}

/// The card with which a zone is put elsewhere.
pub fn move_card(ctx: &Ctx, registry: &Registry, zone: &Zone, input: &Input) -> Result<Markup> {
    let below = registry.zones_below(zone.id);
    let fits = |place: &Zone| !below.contains(&place.id) && place.kind <= zone.kind;
    let options = forms::zones(ctx, registry, Level::Own, fits)?;
    let stored = zone.parent.map(|parent| parent.to_string()).unwrap_or_default();
    let filled = forms::filled(input, [("parent", stored)]);
    let fields = html! {
        p.muted { "Everything in it goes along. Settings and rights that come from the old place no longer count, those of the new one do." }
        (form::select("parent", "Lies in", "", &options, &filled))
    };
    Ok(forms::card(ctx, "Move", &format!("/zones/{}/move", zone.id), &Input::default(), fields, "Move"))
}

async fn move_it(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: ZoneId = ctx.param("id")?;
    let was = estate.registry().zones.get(&id).and_then(|zone| zone.parent);
    let input = ctx.form()?;
    let outcome = match forms::chosen(&input, "parent") {
        Ok(parent) => {
            configure::places::move_zone(&estate, &ctx, id, MoveZone { parent }).await.map(|()| parent)
        }
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|parent| {
        let was = was.filter(|was| *was != parent).map(|was| format!("&was={was}")).unwrap_or_default();
        Redirect::to(format!("/zones/{id}?tab=about{was}"))
    });
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, "about", input))
}
