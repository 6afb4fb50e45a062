//! Making, changing and moving devices. A new one is made in two steps: which driver, then its link and settings.

use super::super::edges::link_words;
use super::super::{forms, parts as own};
use super::{PATH, page};
use crate::Estate;
use crate::configure::{self, DevicePatch, MoveDevice, NewDevice};
use crate::devices::Device;
use crate::drivers::{Driver, held, queries};
use crate::http::with;
use crate::registry::{DeviceEntry, Registry};
use crate::settings::of_device;
use axum::response::Response;
use bo_model::driver::LinkKind;
use bo_model::settings::{Field, FieldKind, Values};
use bo_model::{DeviceId, EdgeId, Kind, Level, SystemId, WorkspaceId};
use bo_web::layout::form;
use bo_web::layout::parts::{self, Tone};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Input, Need, Page, Result, Routes, WebError};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Before the keys of settings, so that none is taken for a field of the device.
const SETTING: &str = "setting.";

pub fn routes(estate: &Arc<Estate>) -> Routes {
    let own = Need::object(Kind::DEVICE, "id", Level::Own);
    Routes::new("estate")
        .get("/devices/new", Need::signed_in(), with(estate, new))
        .about("The form for a new device: its driver, then its link and settings")
        .post("/devices/new", Need::signed_in(), with(estate, create))
        .about("Make a device")
        .post("/devices/{id}/properties", own, with(estate, save))
        .about("Change what a device is called and which link it uses")
        .post("/devices/{id}/move", own, with(estate, move_it))
        .about("Move a device to another system or address")
}

async fn new(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let input = Input::filled([("system", ctx.query_value("system")), ("driver", ctx.query_value("driver"))]);
    match ctx.query_value("driver").as_str() {
        "" => choose(&estate, &ctx),
        _ => render_new(&estate, &ctx, &input),
    }
}

/// The first step: which driver.
fn choose(estate: &Arc<Estate>, ctx: &Ctx) -> Result<Markup> {
    let (registry, workspace) = (estate.registry(), ctx.workspace()?);
    let system = ctx.query_value("system");
    let wanted = ctx.query_value("q").to_lowercase();
    let fits = |driver: &&Arc<Driver>| {
        let identity = &driver.manifest.driver;
        let texts = [&identity.title, &identity.vendor, &identity.about, &identity.name];
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    let mut drivers: Vec<&Arc<Driver>> = registry.library(workspace).filter(fits).collect();
    drivers.sort_by_key(|driver| driver.manifest.driver.title.clone());
    let body = html! {
        form.toolbar action="/devices/new" method="get" role="search" {
            input type="hidden" name="system" value=(system);
            (parts::search("driver-q", &ctx.query_value("q"), "Title or maker"))
        }
        @if drivers.is_empty() { section.card {
            @if wanted.is_empty() { (parts::empty("driver", "No drivers yet", "A driver teaches BackOffice a type of device. Add the first to the library, then make the device.", Some(("Drivers", "/drivers")))) }
            @else { (parts::empty("driver", "No driver fits", "Change the search. A new type of device needs a driver in the library first.", None)) }
        } }
        div.grid { @for driver in drivers {
            @let identity = &driver.manifest.driver;
            a.card.zone-card href={ "/devices/new?system=" (system) "&driver=" (identity.name) } {
                strong { (identity.title) }
                span.muted { (super::super::drivers::speaks(driver)) @if !identity.vendor.is_empty() { ", " (identity.vendor) } }
                span { (identity.about) }
            }
        } }
    };
    let page = Page::new("New device", PATH, body).lead("First: what kind of device is it?");
    Ok(ctx.page(back(page, &registry, &system)))
}

fn back(page: Page, registry: &Registry, system: &str) -> Page {
    match system.parse().ok().and_then(|id: SystemId| registry.systems.get(&id)) {
        Some(system) => own::crumbs(page, registry, system.zone, true)
            .crumb(system.name.clone(), format!("/systems/{}", system.id)),
        None => page.crumb("Devices", PATH),
    }
}

/// The driver of a form.
fn driver_of(ctx: &Ctx, registry: &Registry, input: &Input) -> Result<Arc<Driver>> {
    let found = registry.drivers.get(&(ctx.workspace()?, input.text("driver").to_owned()));
    found.cloned().ok_or_else(|| WebError::field("driver", "is not in the library"))
}

/// What a device of a driver would take from above in a system, per key: (value in words, from where).
fn inherited(registry: &Registry, driver: &Arc<Driver>, system: SystemId) -> BTreeMap<String, String> {
    let Some(system) = registry.systems.get(&system) else { return BTreeMap::new() };
    let device = Device {
        id: DeviceId(uuid::Uuid::nil()),
        workspace: system.workspace,
        system: system.id,
        address: String::new(),
        name: String::new(),
        driver: driver.name().to_owned(),
        link: None,
        settings: Values::new(),
        secrets: BTreeSet::new(),
        enabled: true,
        metadata: Values::new(),
    };
    let entry = DeviceEntry { device, edge: system.edge, zone: system.zone, driver: Some(driver.clone()) };
    let words = |view: crate::settings::SettingView| {
        let (who, value) = view.provenance.last()?;
        let value = if view.secret {
            "a value that is not shown".into()
        } else {
            super::super::settings::text(value)
        };
        Some((view.key, format!("{value}, {}", super::super::settings::origin(who))))
    };
    of_device(registry, &entry).into_iter().filter_map(words).collect()
}

/// The driver's fields under names of their own; nothing is required that is set above.
fn fields(driver: &Driver, above: &BTreeMap<String, String>) -> BTreeMap<String, Field> {
    let field = |(key, field): (&String, &Field)| {
        let held = above.get(key);
        let about = match held {
            Some(words) => format!("{} Empty takes what is set above: {words}.", field.about),
            None => field.about.clone(),
        };
        let title = if field.title.is_empty() { own::humane(key) } else { field.title.clone() };
        let required = field.required && held.is_none();
        let field = Field { title, about: about.trim().to_owned(), required, default: None, ..field.clone() };
        (format!("{SETTING}{key}"), field)
    };
    driver.manifest.settings.iter().map(field).collect()
}

/// Links of a gateway that a driver can use.
fn links(registry: &Registry, edge: EdgeId, wanted: LinkKind) -> forms::Options {
    let Some(edge) = registry.edges.get(&edge) else { return Vec::new() };
    let fit = edge.links.iter().filter(|(_, link)| configure::devices::carries(link) == wanted);
    fit.map(|(name, link)| {
        let (speaks, at) = link_words(link);
        (name.clone(), format!("{name}: {speaks}, {at}"))
    })
    .collect()
}

fn render_new(estate: &Arc<Estate>, ctx: &Ctx, input: &Input) -> Result<Markup> {
    let registry = estate.registry();
    let driver = driver_of(ctx, &registry, input).map_err(|_| WebError::NotFound)?;
    let identity = &driver.manifest.driver;
    let system: Option<SystemId> = input.text("system").parse().ok();
    let systems = forms::systems(ctx, &registry, Level::Own)?;
    if systems.is_empty() {
        return Err(WebError::Forbidden("Only whoever owns a system can make devices in it.".into()));
    }
    let held = system.and_then(|id| registry.systems.get(&id));
    let above = system.map(|id| inherited(&registry, &driver, id)).unwrap_or_default();
    let wanted = driver.manifest.link.kind;
    let links = held.map(|system| links(&registry, system.edge, wanted)).unwrap_or_default();
    let chosen = format!("/devices/new?system={}", input.text("system"));
    let fields = html! {
        input type="hidden" name="driver" value=(identity.name);
        div.field { span.field__label { "Driver" } div.row { strong { (identity.title) } a.btn.btn--small.btn--quiet href=(chosen) { "Choose another" } } }
        @match held {
            Some(system) => { input type="hidden" name="system" value=(system.id); }
            None => (form::select("system", "System", "The room or plant it is in.", &systems, input)),
        }
        (form::text("name", "Name", "As people call it; empty takes the address.", "text", false, input))
        (form::text("address", "Address in the system", &format!("Triggers and maps name it by this. Empty takes the next free one, like {}_1.", identity.module), "text", false, input))
        @if wanted != LinkKind::None {
            @if held.is_none() { (form::text("link", "Link", "Name of the gateway's link it is reached over.", "text", true, input)) }
            @else if links.is_empty() { (no_links(held.map(|system| system.edge), wanted)) }
            @else { (form::select("link", "Link", "How the gateway reaches it.", &links, input)) }
        }
        @let fields = fields(&driver, &above);
        @if !fields.is_empty() { h2 { "Settings" } }
        @for (name, field) in &fields { (setting(name, field, input)) }
    };
    let back_to = held.map_or_else(|| PATH.to_owned(), |system| format!("/systems/{}", system.id));
    let body = forms::whole(ctx, "/devices/new", input, fields, "Create the device", &back_to);
    let page = Page::new("New device", PATH, body).lead(identity.about.clone());
    Ok(ctx.page(back(page, &registry, input.text("system"))))
}

/// A yes-or-no setting has a third answer: as above.
fn setting(name: &str, field: &Field, input: &Input) -> Markup {
    if field.kind != FieldKind::Boolean {
        return form::field(name, field, input);
    }
    let options = [("", "As set above"), ("true", "On"), ("false", "Off")];
    let options = options.map(|(value, label)| (value.to_owned(), label.to_owned()));
    form::select(name, &field.title, &field.about, &options, input)
}

fn no_links(edge: Option<EdgeId>, wanted: LinkKind) -> Markup {
    let word = configure::devices::link_word(wanted);
    parts::notice(
        Tone::Warn,
        html! {
            p { "This driver speaks over a " (word) " link, and the system's gateway has none." }
            @if let Some(edge) = edge { a.btn.btn--small href={ "/edges/" (edge) "/links/new" } { "Add a link to the gateway" } }
        },
    )
}

fn read_new(ctx: &Ctx, registry: &Registry, input: &Input) -> Result<NewDevice> {
    let driver = driver_of(ctx, registry, input)?;
    let system = forms::chosen(input, "system")?;
    let above = inherited(registry, &driver, system);
    let fields = fields(&driver, &above);
    let filled = fields.keys().filter(|key| !input.text(key).is_empty());
    let only = Input::filled(filled.map(|key| (key.clone(), input.raw(key).to_owned())));
    let settings = only.own_values(&fields)?;
    let missing = |(key, field): (&String, &Field)| {
        (field.required && !settings.contains_key(key)).then(|| (key.clone(), "is required".to_owned()))
    };
    let missing: Vec<(String, String)> = fields.iter().filter_map(missing).collect();
    if !missing.is_empty() {
        return Err(WebError::BadInput(missing));
    }
    let plain =
        |(key, value): (String, serde_json::Value)| (key.trim_start_matches(SETTING).to_owned(), value);
    Ok(NewDevice {
        system,
        driver: driver.name().to_owned(),
        address: forms::given(input, "address"),
        name: forms::given(input, "name"),
        link: forms::given(input, "link"),
        settings: settings.into_iter().map(plain).collect(),
        disabled: false,
    })
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let input = ctx.form()?;
    let registry = estate.registry();
    let outcome = match read_new(&ctx, &registry, &input) {
        Ok(new) => {
            let known: BTreeSet<String> = new.settings.keys().cloned().collect();
            let done = configure::devices::create_device(&estate, &ctx, new).await;
            done.map_err(|error| named_as_sent(error, &known))
        }
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|device| {
        let flash = format!("{} is made. Deploy it to the gateway for it to begin.", device.name);
        Redirect::to(format!("/devices/{}", device.id)).flash(flash)
    });
    forms::answer(outcome, input, |input| render_new(&estate, &ctx, input))
}

/// Sentences about settings beside the fields they were sent in.
fn named_as_sent(error: WebError, settings: &BTreeSet<String>) -> WebError {
    let rename = |(key, text): (String, String)| {
        (if settings.contains(&key) { format!("{SETTING}{key}") } else { key }, text)
    };
    match error {
        WebError::BadInput(errors) => WebError::BadInput(errors.into_iter().map(rename).collect()),
        other => other,
    }
}

/// The form with what a device is called and how it is reached.
pub fn properties(ctx: &Ctx, registry: &Registry, entry: &DeviceEntry, input: &Input) -> Result<Markup> {
    let device = &entry.device;
    let (driver, version) = held(&device.driver).unwrap_or((&device.driver, ""));
    let stored = [
        ("name", device.name.clone()),
        ("link", device.link.clone().unwrap_or_default()),
        ("version", version.to_owned()),
    ];
    let versions = versions(ctx, registry, device.workspace, driver)?;
    let filled = forms::filled(input, stored);
    let wanted = entry.driver.as_ref().map_or(LinkKind::None, |driver| driver.manifest.link.kind);
    let fields = html! {
        (form::text("name", "Name", "", "text", true, &filled))
        @if wanted != LinkKind::None {
            (form::select("link", "Link", "How the gateway reaches it.", &links(registry, entry.edge, wanted), &filled))
        }
        @if versions.len() > 2 || !version.is_empty() {
            (form::select("version", "Version of its driver", "A device that holds a version keeps it, whatever is in use for the others.", &versions, &filled))
        }
    };
    Ok(forms::card(ctx, "What it is", &format!("/devices/{}/properties", device.id), &filled, fields, "Save"))
}

/// What a device can run: the version in use, whichever that is, or one that it holds.
fn versions(
    ctx: &Ctx,
    registry: &Registry,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Vec<(String, String)>> {
    let used = registry.drivers.get(&(workspace, name.to_owned()));
    let used = used.map_or("none", |driver| driver.manifest.driver.version.as_str());
    let mut choices = vec![(String::new(), format!("The one in use ({used})"))];
    for held in ctx.read(|tx| queries::versions(tx, workspace, name))? {
        if choices.iter().all(|(version, _)| *version != held.version) {
            choices.push((held.version.clone(), format!("Hold {}", held.version)));
        }
    }
    Ok(choices)
}

async fn save(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: DeviceId = ctx.param("id")?;
    let input = ctx.form()?;
    let link = input.has("link").then(|| forms::given(&input, "link"));
    let version = input.has("version").then(|| forms::given(&input, "version"));
    let name = Some(input.text("name").to_owned());
    let patch = DevicePatch { name, link, version, ..DevicePatch::default() };
    let outcome = configure::device(&estate, &ctx, id, patch).await;
    let outcome = outcome.map(|()| Redirect::to(format!("/devices/{id}?tab=about")).flash("Saved."));
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, "about", input))
}

/// The card with which a device is put into another system.
pub fn move_card(ctx: &Ctx, registry: &Registry, entry: &DeviceEntry, input: &Input) -> Result<Markup> {
    let device = &entry.device;
    let systems = forms::systems(ctx, registry, Level::Own)?;
    let stored = [("system", device.system.to_string()), ("address", device.address.clone())];
    let filled = forms::filled(input, stored);
    let fields = html! {
        p.muted { "Its history goes along. Triggers and maps name a device by its address." }
        (form::select("system", "System", "", &systems, &filled))
        (form::text("address", "Address in the system", "A word and a number, like Display_1. Empty takes the next free one.", "text", false, &filled))
    };
    Ok(forms::card(ctx, "Move", &format!("/devices/{}/move", device.id), &Input::default(), fields, "Move"))
}

async fn move_it(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: DeviceId = ctx.param("id")?;
    let was = estate.registry().devices.get(&id).map(|entry| entry.device.system);
    let input = ctx.form()?;
    let outcome = match forms::chosen::<SystemId>(&input, "system") {
        Ok(system) => {
            let to =
                MoveDevice { system: Some(system), address: forms::given(&input, "address"), link: None };
            configure::devices::move_device(&estate, &ctx, id, to).await.map(|()| system)
        }
        Err(error) => Err(error),
    };
    let outcome = outcome.map(|system| {
        let was = was.filter(|was| *was != system).map(|was| format!("&was={was}")).unwrap_or_default();
        Redirect::to(format!("/devices/{id}?tab=about{was}"))
    });
    forms::answer(outcome, input, |input| page::render(&estate, &ctx, "about", input))
}
