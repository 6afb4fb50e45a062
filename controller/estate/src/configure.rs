//! Changing what is configured: one transaction with its audit record, then the registry is read again. Edges get
//! the change with their next release.

use crate::error::EstateError;
use crate::registry;
use crate::{Estate, devices, systems, triggers, zones};
use bo_db::audit::{Author, redact};
use bo_db::{Event, Tx};
use bo_model::settings::Values;
use bo_model::{DeviceId, Kind, Object, SystemId, TriggerId, ZoneId};
use serde::Deserialize;
use serde_json::json;

/// What of a zone or system can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacePatch {
    /// For people.
    pub name: Option<String>,
    /// Free words.
    pub tags: Option<Vec<String>>,
    /// All settings of this level: what is not named is no longer set here.
    pub settings: Option<Values>,
    /// All metadata.
    pub metadata: Option<Values>,
}

/// What of a device can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePatch {
    /// For people.
    pub name: Option<String>,
    /// Runs when true.
    pub enabled: Option<bool>,
    /// All settings of this device: what is not named is no longer set here.
    pub settings: Option<Values>,
}

/// What of a trigger instance can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerPatch {
    /// Evaluated when true.
    pub enabled: Option<bool>,
    /// All parameters of this instance.
    pub params: Option<Values>,
}

fn named(name: &str) -> Result<String, EstateError> {
    let name = name.trim();
    match name.chars().count() {
        1..=120 => Ok(name.to_owned()),
        _ => Err(EstateError::invalid("name", "must be 1 to 120 characters")),
    }
}

async fn write<F>(estate: &Estate, author: Author, work: F) -> Result<(), EstateError>
where
    F: Fn(&mut Tx) -> Result<(), EstateError> + Send + 'static,
{
    estate
        .db
        .write(move |tx| {
            tx.attribute(author.clone());
            work(tx)?;
            registry::touch(tx)?;
            Ok::<_, EstateError>(())
        })
        .await?;
    estate.refresh()?;
    Ok(())
}

/// Changes a zone.
pub async fn zone(estate: &Estate, author: Author, id: ZoneId, patch: PlacePatch) -> Result<(), EstateError> {
    let registry = estate.registry();
    let before = registry.zones.get(&id).cloned().ok_or_else(|| EstateError::missing("zone", id))?;
    let mut after = (*before).clone();
    if let Some(name) = &patch.name {
        after.name = named(name)?;
    }
    after.tags = patch.tags.unwrap_or(after.tags);
    after.settings = patch.settings.unwrap_or(after.settings);
    after.metadata = patch.metadata.unwrap_or(after.metadata);
    write(estate, author, move |tx| {
        zones::queries::save(tx, &after)?;
        tx.audit(
            Event::new("zone.change", Object::new(Kind::ZONE, id))
                .name(&after.name)
                .workspace(after.workspace)
                .change(json!(*before), json!(after)),
        );
        Ok(())
    })
    .await
}

/// Changes a system.
pub async fn system(
    estate: &Estate,
    author: Author,
    id: SystemId,
    patch: PlacePatch,
) -> Result<(), EstateError> {
    let registry = estate.registry();
    let before = registry.systems.get(&id).cloned().ok_or_else(|| EstateError::missing("system", id))?;
    let mut after = (*before).clone();
    if let Some(name) = &patch.name {
        after.name = named(name)?;
    }
    after.tags = patch.tags.unwrap_or(after.tags);
    after.settings = patch.settings.unwrap_or(after.settings);
    after.metadata = patch.metadata.unwrap_or(after.metadata);
    write(estate, author, move |tx| {
        systems::queries::save(tx, &after)?;
        tx.audit(
            Event::new("system.change", Object::new(Kind::SYSTEM, id))
                .name(&after.name)
                .workspace(after.workspace)
                .change(json!(*before), json!(after)),
        );
        Ok(())
    })
    .await
}

/// Changes a device. Settings are checked against its driver; secrets stay out of the log.
pub async fn device(
    estate: &Estate,
    author: Author,
    id: DeviceId,
    patch: DevicePatch,
) -> Result<(), EstateError> {
    let registry = estate.registry();
    let entry = registry.devices.get(&id).cloned().ok_or_else(|| EstateError::missing("device", id))?;
    let mut after = entry.device.clone();
    if let Some(name) = &patch.name {
        after.name = named(name)?;
    }
    after.enabled = patch.enabled.unwrap_or(after.enabled);
    if let Some(settings) = patch.settings {
        after.settings = settings;
        check_own(&entry, &after.settings)?;
    }
    write(estate, author, move |tx| {
        devices::queries::save(tx, &after)?;
        let fields = entry.driver.as_ref().map(|driver| driver.manifest.settings.clone()).unwrap_or_default();
        let shown = |device: &devices::Device| {
            json!({
                "name": device.name, "enabled": device.enabled, "settings": redact(&fields, &device.settings)
            })
        };
        tx.audit(
            Event::new("device.change", Object::new(Kind::DEVICE, id))
                .name(&after.name)
                .workspace(after.workspace)
                .change(shown(&entry.device), shown(&after)),
        );
        Ok(())
    })
    .await
}

/// A device's own settings, each against its field: nothing is required at one level.
fn check_own(entry: &registry::DeviceEntry, settings: &Values) -> Result<(), EstateError> {
    let Some(driver) = &entry.driver else { return Ok(()) };
    let wrong = |(key, value): (&String, &serde_json::Value)| match driver.manifest.settings.get(key) {
        None => Some((key.clone(), "is not a setting of this driver".to_owned())),
        Some(field) => field.check(value).err().map(|why| (key.clone(), why)),
    };
    let fields: Vec<(String, String)> = settings.iter().filter_map(wrong).collect();
    if fields.is_empty() { Ok(()) } else { Err(EstateError::Invalid { fields }) }
}

/// Changes a trigger instance.
pub async fn trigger(
    estate: &Estate,
    author: Author,
    id: TriggerId,
    patch: TriggerPatch,
) -> Result<(), EstateError> {
    let registry = estate.registry();
    let before = registry.triggers.get(&id).cloned().ok_or_else(|| EstateError::missing("trigger", id))?;
    let mut after = (*before).clone();
    after.enabled = patch.enabled.unwrap_or(after.enabled);
    if let Some(params) = patch.params {
        let definition = registry.definitions.get(&(after.workspace, after.name.clone()));
        let parsed = definition.and_then(|held| bo_rules::Definition::parse(&held.definition).ok());
        if let Some(parsed) = parsed {
            bo_model::settings::check_all(&parsed.params, &params)
                .map_err(|fields| EstateError::Invalid { fields })?;
        }
        after.params = params;
    }
    write(estate, author, move |tx| {
        triggers::queries::save_instance(tx, &after)?;
        tx.audit(
            Event::new("trigger.change", Object::new(Kind::TRIGGER, id))
                .name(&after.name)
                .workspace(after.workspace)
                .change(json!(*before), json!(after)),
        );
        Ok(())
    })
    .await
}
