//! One setting at one level: set it, or reset it to what the levels above say.

use super::places::{system_of, zone_of};
use super::thing::change;
use super::{Thing, devices, write};
use crate::Estate;
use crate::registry::Registry;
use crate::settings::{HIDDEN, drivers_below, secrets_of, secrets_of_device};
use bo_model::settings::Values;
use bo_model::{DeviceId, SystemId, WorkspaceId, ZoneId};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Longest value of a setting, as JSON text.
const MAX_VALUE: usize = 16 * 1024;

/// What has settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A zone: for every device below.
    Zone(ZoneId),
    /// A system: for its devices.
    System(SystemId),
    /// A device alone.
    Device(DeviceId),
}

/// A value for one key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSetting {
    /// The value.
    pub value: Json,
    /// Never show it again. What a driver declares secret is so in any case.
    #[serde(default)]
    pub secret: bool,
}

/// Sets one key.
pub async fn set_setting(estate: &Estate, ctx: &Ctx, on: Holder, key: String, set: SetSetting) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if key.is_empty() || key.len() > 64 || !key.chars().all(fine) {
        return Err(WebError::field("key", "must be 1 to 64 letters, digits, dots, dashes and underscores"));
    }
    if set.value.is_null() || crate::json(&set.value).len() > MAX_VALUE {
        let text = format!(
            "must be given, with at most {} KiB; reset the setting to take what is above",
            MAX_VALUE / 1024
        );
        return Err(WebError::field("value", text));
    }
    edit(estate, ctx, on, move |values, secrets| {
        if set.value == HIDDEN && secrets.contains(&key) {
            return;
        }
        values.insert(key.clone(), set.value.clone());
        if set.secret {
            secrets.insert(key.clone());
        }
    })
    .await
}

/// Takes back what is set for one key here; the levels above count again. Doing it twice is no fault.
pub async fn reset_setting(estate: &Estate, ctx: &Ctx, on: Holder, key: String) -> Result<()> {
    edit(estate, ctx, on, move |values, _| drop(values.remove(&key))).await
}

/// Edits the values of one level. `secrets` are the keys to hide, those of drivers included.
async fn edit<F>(estate: &Estate, ctx: &Ctx, on: Holder, how: F) -> Result<()>
where
    F: Fn(&mut Values, &mut BTreeSet<String>) + Send + Sync + 'static,
{
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let before = holder(registry, workspace, on)?;
        let mut after = before.clone();
        let mut secrets;
        let (values, own) = match &mut after {
            Thing::Zone(zone) => {
                secrets = secrets_of(registry, workspace, &zone.secrets);
                (&mut zone.settings, &mut zone.secrets)
            }
            Thing::System(system) => {
                secrets = secrets_of(registry, workspace, &system.secrets);
                (&mut system.settings, &mut system.secrets)
            }
            Thing::Device(device) => {
                secrets = secrets_of_device(registry, device);
                (&mut device.settings, &mut device.secrets)
            }
            Thing::Trigger(_) | Thing::Edge(_) => return Err(WebError::NotFound),
        };
        let was = values.clone();
        how(values, &mut secrets);
        // A secret stays one, whatever becomes of the driver that said so.
        *own = secrets.into_iter().filter(|key| values.contains_key(key)).collect();
        match on {
            Holder::Zone(id) => check_below(registry, &registry.systems_below(id), values, &was)?,
            Holder::System(id) => check_below(registry, &[id], values, &was)?,
            Holder::Device(id) => devices::check_own(registry, id, values)?,
        }
        Ok(change(tx, registry, &before, &after)?)
    })
    .await
}

/// What a holder is, as a thing.
pub(crate) fn holder(registry: &Registry, workspace: WorkspaceId, on: Holder) -> Result<Thing> {
    Ok(match on {
        Holder::Zone(id) => Thing::Zone(zone_of(registry, workspace, id)?.clone()),
        Holder::System(id) => Thing::System(system_of(registry, workspace, id)?.clone()),
        Holder::Device(id) => Thing::Device(devices::device_of(registry, workspace, id)?.device.clone()),
    })
}

/// What a zone or system newly sets, against the fields of the drivers below that know the key. One that no driver knows is
/// taken: its devices may come later.
pub(super) fn check_below(
    registry: &Registry,
    systems: &[SystemId],
    values: &Values,
    was: &Values,
) -> Result<()> {
    let drivers = drivers_below(registry, systems);
    let mut faults = Vec::new();
    for (key, value) in values.iter().filter(|(key, value)| was.get(*key) != Some(value)) {
        let fields = drivers.values().filter_map(|driver| Some((driver, driver.manifest.settings.get(key)?)));
        let wrong = fields.filter_map(|(driver, field)| Some((driver, field.check(value).err()?))).next();
        if let Some((driver, why)) = wrong {
            faults.push((key.clone(), format!("{why} (so says {})", driver.manifest.driver.title)));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(WebError::BadInput(faults)) }
}
