//! Changing what a floor map's elements stand for. A map may be shown by several zones: who changes it owns all of them.
//! Every change is a revision that can be gone back to.

use super::{Revision, ZoneMap, queries};
use crate::Estate;
use crate::registry::Registry;
use crate::zones::Zone;
use bo_db::{Event, Tx};
use bo_model::drawing::shapes;
use bo_model::map::{MapElement, MapState, MapStyle, ZoneMap as Drawn};
use bo_model::{Kind, Level, Object, SystemId, ZoneId};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What an element shows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shows {
    /// What a style of the map says, by its name.
    Style(String),
    /// Whether an alarm is active.
    Alarm,
    /// A value: `power` of its device, or `Meter_1.power` of a device of its system.
    Value(String),
}

/// What an element is to stand for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// The system.
    pub system: SystemId,
    /// Address of a device of that system; the system itself when absent.
    #[serde(default)]
    pub device: Option<String>,
    /// What it shows.
    pub shows: Shows,
    /// Id of the text element that takes a value.
    #[serde(default)]
    pub text: Option<String>,
}

/// The zone with its map.
pub fn held(
    tx: &mut Tx,
    registry: &Registry,
    ctx_workspace: bo_model::WorkspaceId,
    id: ZoneId,
) -> Result<(Arc<Zone>, ZoneMap)> {
    let zone =
        registry.zones.get(&id).filter(|zone| zone.workspace == ctx_workspace).ok_or(WebError::NotFound)?;
    let name = zone.map.as_ref().ok_or_else(|| WebError::Conflict("This zone has no floor map.".into()))?;
    let map = queries::find(tx, zone.workspace, name)?;
    let map = map.ok_or_else(|| WebError::Conflict(format!("Its map `{name}` is not in the library.")))?;
    Ok((zone.clone(), map))
}

/// Reads what a map is bound to.
pub fn bindings(map: &ZoneMap) -> Result<Drawn> {
    serde_json::from_value(map.bindings.clone()).map_err(WebError::internal)
}

/// Lets an element stand for something.
pub async fn bind(estate: &Estate, ctx: &Ctx, zone: ZoneId, element: String, to: Bind) -> Result<()> {
    edit(estate, ctx, zone, move |registry, zone, map, drawn| {
        let shape = shapes(&map.svg).into_iter().find(|shape| shape.id == element);
        let shape = shape.ok_or_else(|| WebError::field("element", "is not a shape of this map"))?;
        let system = registry.systems.get(&to.system).filter(|system| system.workspace == zone.workspace);
        let system = system.ok_or_else(|| WebError::field("system", "is not there"))?;
        let device = to.device.clone().filter(|address| !address.is_empty());
        let devices = registry.devices_in(system.id).iter().filter_map(|id| registry.devices.get(id));
        if let Some(address) = &device
            && !devices.into_iter().any(|entry| entry.device.address == *address)
        {
            return Err(WebError::field("device", format!("{} has no {address}", system.name)));
        }
        let style = style(drawn, &to.shows)?;
        let text = to.text.clone().filter(|text| !text.is_empty());
        if text.as_ref().is_some_and(|text| !map.svg.contains(&format!(" id=\"{text}\""))) {
            return Err(WebError::field("text", "is not in the drawing"));
        }
        // One map may serve several storeys: what lies in this zone by its key is meant by the zone.
        let key = match system.key.strip_prefix(zone.key.as_str()) {
            Some(rest) if rest.starts_with('-') => format!("{{zone}}{rest}"),
            _ => system.key.clone(),
        };
        drawn.elements.insert(element.clone(), MapElement { style, system: key, device, text });
        Ok(format!("{} stands for {}", shape.name, system.name))
    })
    .await
}

/// Lets an element stand for nothing.
pub async fn unbind(estate: &Estate, ctx: &Ctx, zone: ZoneId, element: String) -> Result<()> {
    edit(estate, ctx, zone, move |_, _, map, drawn| {
        drawn.elements.remove(&element).ok_or(WebError::NotFound)?;
        let shape = shapes(&map.svg).into_iter().find(|shape| shape.id == element);
        Ok(format!("{} stands for nothing", shape.map_or_else(|| element.clone(), |shape| shape.name)))
    })
    .await
}

/// Goes back to what a revision was bound to.
pub async fn go_back(estate: &Estate, ctx: &Ctx, zone: ZoneId, number: i64) -> Result<()> {
    let (workspace, registry) = (ctx.workspace()?, estate.registry());
    let to: Revision = ctx.read(|tx| {
        let (_, map) = held(tx, &registry, workspace, zone)?;
        queries::revision(tx, workspace, &map.name, number)?.ok_or(WebError::NotFound)
    })?;
    edit(estate, ctx, zone, move |_, _, _, drawn| {
        *drawn = serde_json::from_value(to.bindings.clone()).map_err(WebError::internal)?;
        Ok(format!("back to revision {}", to.number))
    })
    .await
}

/// The style that shows something; one is made when there is none yet.
fn style(drawn: &mut Drawn, shows: &Shows) -> Result<String> {
    let state = |class: &str, title: &str| MapState {
        class: class.into(),
        title: title.into(),
        ..MapState::default()
    };
    let alarm = || MapState { alarm: true, ..state("alarm", "Alarm") };
    let (name, label) = match shows {
        Shows::Style(name) if drawn.styles.contains_key(name) => return Ok(name.clone()),
        Shows::Style(_) => return Err(WebError::field("shows", "is not one of the choices")),
        Shows::Alarm => ("alarms".to_owned(), None),
        Shows::Value(status) => {
            let fine = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if status.is_empty() || status.len() > 128 || !status.chars().all(fine) {
                return Err(WebError::field("shows", "must name a value"));
            }
            (format!("value-{}", status.replace('.', "-").to_lowercase()), Some(format!("{{{status}}}")))
        }
    };
    drawn.styles.entry(name.clone()).or_insert_with(|| MapStyle {
        label,
        states: vec![
            alarm(),
            MapState { offline: true, ..state("offline", "Not answering") },
            state("ok", "In order"),
        ],
    });
    Ok(name)
}

/// Changes a map in one transaction; `how` says in a line what it did.
async fn edit<F>(estate: &Estate, ctx: &Ctx, zone: ZoneId, how: F) -> Result<()>
where
    F: Fn(&Registry, &Zone, &ZoneMap, &mut Drawn) -> Result<String> + Send + Sync + 'static,
{
    let viewer = ctx.who()?;
    let (workspace, by, may) = (viewer.workspace, viewer.name.clone(), crate::configure::require(ctx));
    let registry = estate.registry();
    ctx.write(move |tx| {
        let (zone, map) = held(tx, &registry, workspace, zone)?;
        let shows = |other: &&Arc<Zone>| other.workspace == workspace && other.map == zone.map;
        for other in registry.zones.values().filter(shows) {
            may(tx, &Object::new(Kind::ZONE, other.id), Level::Own)?;
        }
        let mut drawn = bindings(&map)?;
        let about = how(&registry, &zone, &map, &mut drawn)?;
        let faults = drawn.check();
        if !faults.is_empty() {
            return Err(WebError::BadInput(vec![(String::new(), faults.join("; "))]));
        }
        let after = ZoneMap { bindings: json!(drawn), ..map.clone() };
        if after == map {
            tx.unaudited("nothing changed");
            return Ok(());
        }
        let last = queries::revisions(tx, workspace, &map.name, 1)?.pop();
        let mut number = last.as_ref().map_or(0, |last| last.number);
        if last.is_none_or(|last| last.bindings != map.bindings) {
            // It came with files, or was changed by them since.
            number += 1;
            queries::add_revision(tx, &map, number, "as the files had it", "files")?;
        }
        queries::save(tx, &after)?;
        crate::registry::touch(tx)?;
        queries::add_revision(tx, &after, number + 1, &about, &by)?;
        tx.audit(
            Event::new("map.change", Object::new(Kind::ZONE, zone.id))
                .name(&map.title)
                .reason(&about)
                .change(json!(map.bindings["element"]), json!(after.bindings["element"])),
        );
        Ok::<_, WebError>(())
    })
    .await?;
    estate.refresh()?;
    Ok(())
}
