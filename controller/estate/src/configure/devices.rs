//! Devices: made, changed, moved.

use super::places::system_of;
use super::thing::{change, create};
use super::{Thing, described, given, named, ours, require, write};
use crate::Estate;
use crate::devices::Device;
use crate::drivers::{self, Driver};
use crate::registry::{DeviceEntry, Registry};
use crate::settings::{replaced, secrets_of_device};
use crate::systems::System;
use bo_db::Tx;
use bo_model::driver::LinkKind;
use bo_model::release::LinkConfig;
use bo_model::settings::Values;
use bo_model::{DeviceId, Kind, Level, Object, SystemId, WorkspaceId};
use bo_web::{Ctx, Result, WebError};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A device to make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// Its system.
    pub system: SystemId,
    /// Name of its driver; with a version, `name@version`, which it then holds.
    pub driver: String,
    /// Its address there, like `Display_1`; the next free one of its kind when absent.
    #[serde(default)]
    pub address: Option<String>,
    /// For people; the address when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Name of a link of the system's gateway; none for logic devices.
    #[serde(default)]
    pub link: Option<String>,
    /// Settings of this device alone.
    #[serde(default)]
    pub settings: Values,
    /// Present and true: kept, but not run.
    #[serde(default)]
    pub disabled: bool,
}

/// What of a device can be changed; absent fields stay.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicePatch {
    /// For people.
    pub name: Option<String>,
    /// Runs when true.
    pub enabled: Option<bool>,
    /// Name of a link of the system's gateway; null for none.
    #[serde(deserialize_with = "given")]
    pub link: Option<Option<String>>,
    /// Version of its driver that it holds; null for the one in use.
    #[serde(deserialize_with = "given")]
    pub version: Option<Option<String>>,
    /// All settings of this device: what is not named is no longer set here. A secret as it was shown stays.
    pub settings: Option<Values>,
    /// All metadata.
    pub metadata: Option<Values>,
}

/// Where a device goes; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoveDevice {
    /// The system it will be in.
    pub system: Option<SystemId>,
    /// Its address there; the same, or the next free one of its kind, when absent. Triggers and maps name devices by it.
    pub address: Option<String>,
    /// Name of a link of that system's gateway; the same when absent.
    #[serde(deserialize_with = "given")]
    pub link: Option<Option<String>>,
}

/// A device of a workspace.
pub(crate) fn device_of(registry: &Registry, workspace: WorkspaceId, id: DeviceId) -> Result<&DeviceEntry> {
    let entry = registry.devices.get(&id).ok_or(WebError::NotFound)?;
    ours(workspace, entry.device.workspace)?;
    Ok(entry)
}

/// A device's own settings, each against its field: nothing is required at one level.
pub(super) fn check_own(registry: &Registry, id: DeviceId, settings: &Values) -> Result<()> {
    let driver = registry.devices.get(&id).and_then(|entry| entry.driver.as_deref());
    driver.map_or(Ok(()), |driver| check_settings(driver, settings))
}

fn check_settings(driver: &Driver, settings: &Values) -> Result<()> {
    let wrong = |(key, value): (&String, &serde_json::Value)| match driver.manifest.settings.get(key) {
        None => Some((key.clone(), "is not a setting of this driver".to_owned())),
        Some(field) => field.check(value).err().map(|why| (key.clone(), why)),
    };
    let faults: Vec<(String, String)> = settings.iter().filter_map(wrong).collect();
    if faults.is_empty() { Ok(()) } else { Err(WebError::BadInput(faults)) }
}

/// What kind of driver a link carries.
pub fn carries(link: &LinkConfig) -> LinkKind {
    match link {
        LinkConfig::ModbusTcp { .. } | LinkConfig::ModbusRtu { .. } => LinkKind::Modbus,
        LinkConfig::Serial { .. } | LinkConfig::Tcp { .. } | LinkConfig::Udp { .. } => LinkKind::Bytes,
        LinkConfig::MqttEmbedded | LinkConfig::Mqtt { .. } => LinkKind::Mqtt,
        LinkConfig::Http { .. } => LinkKind::Http,
    }
}

/// A device needs a link of its driver's kind on its system's gateway, or none.
fn check_link(
    registry: &Registry,
    system: &System,
    driver: Option<&Driver>,
    link: Option<&str>,
) -> Result<()> {
    let wanted = driver.map(|driver| driver.manifest.link.kind);
    let wrong = |text: String| Err(WebError::field("link", text));
    let Some(name) = link else {
        return match wanted {
            Some(kind) if kind != LinkKind::None => {
                wrong(format!("is required: this driver speaks over a {} link", link_word(kind)))
            }
            _ => Ok(()),
        };
    };
    let Some(edge) = registry.edges.get(&system.edge) else { return wrong("has no gateway".into()) };
    let Some(held) = edge.links.get(name) else {
        let names = edge.links.keys().cloned().collect::<Vec<_>>().join(", ");
        return wrong(format!("`{name}` is not a link of {}; it has {names}", edge.name));
    };
    match wanted {
        Some(LinkKind::None) => wrong("must be empty: this driver needs none".into()),
        Some(kind) if kind != carries(held) => {
            wrong(format!("`{name}` is no {} link, and this driver needs one", link_word(kind)))
        }
        _ => Ok(()),
    }
}

pub(crate) fn link_word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::None => "no",
        LinkKind::Modbus => "Modbus",
        LinkKind::Bytes => "serial or TCP",
        LinkKind::Mqtt => "MQTT",
        LinkKind::Http => "HTTP",
    }
}

/// The address asked for, if it is good and free, or the next free one that begins like `like`.
fn free_address(registry: &Registry, system: SystemId, wanted: Option<&str>, like: &str) -> Result<String> {
    let held = registry.devices_in(system).iter().filter_map(|id| registry.devices.get(id));
    let held: BTreeSet<&str> = held.map(|entry| entry.device.address.as_str()).collect();
    let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
        let mut names = (1..=held.len() + 1).map(|number| format!("{like}_{number}"));
        return names.find(|name| !held.contains(name.as_str())).ok_or(WebError::NotFound);
    };
    let good = wanted.rsplit_once('_').is_some_and(|(module, number)| {
        module.starts_with(|c: char| c.is_ascii_alphabetic())
            && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && number.parse::<u32>().is_ok_and(|number| number > 0)
            && wanted.len() <= 60
    });
    if !good {
        return Err(WebError::field("address", "must be a word and a number, like Display_1"));
    }
    if held.contains(wanted) {
        return Err(WebError::field("address", "is taken in this system"));
    }
    Ok(wanted.to_owned())
}

/// The driver a device names: the version in use, or the one that the name holds.
fn named_driver(
    tx: &mut Tx,
    registry: &Registry,
    workspace: WorkspaceId,
    label: &str,
) -> Result<Arc<Driver>> {
    if let Some(driver) = registry.drivers.get(&(workspace, label.to_owned())) {
        return Ok(driver.clone());
    }
    if let Some(driver) = drivers::queries::held(tx, workspace, label)? {
        return Ok(Arc::new(driver));
    }
    let here = drivers::queries::versions(tx, workspace, drivers::plain(label))?;
    Err(match drivers::held(label) {
        Some((_, version)) if !here.is_empty() => {
            WebError::field("version", drivers::actions::unknown(version, &here))
        }
        _ => WebError::field("driver", format!("there is no driver `{label}`")),
    })
}

/// Makes a device.
pub async fn create_device(estate: &Estate, ctx: &Ctx, new: NewDevice) -> Result<Device> {
    let (workspace, id, may) = (ctx.workspace()?, ctx.make_id::<DeviceId>(), require(ctx));
    write(estate, ctx, move |tx, registry| {
        may(tx, &Object::new(Kind::SYSTEM, new.system), Level::Own)?;
        let system = system_of(registry, workspace, new.system)?;
        let driver = named_driver(tx, registry, workspace, &new.driver)?;
        check_settings(&driver, &new.settings)?;
        let link = new.link.clone().filter(|link| !link.is_empty());
        check_link(registry, system, Some(&driver), link.as_deref())?;
        let address =
            free_address(registry, system.id, new.address.as_deref(), &driver.manifest.driver.module)?;
        let name = new.name.as_deref().filter(|name| !name.trim().is_empty());
        let device = Device {
            id,
            workspace,
            system: system.id,
            name: name.map_or_else(|| Ok(address.clone()), named)?,
            address,
            driver: new.driver.clone(),
            link,
            secrets: driver.secrets().filter(|key| new.settings.contains_key(key)).collect(),
            settings: new.settings.clone(),
            enabled: !new.disabled,
            metadata: Values::new(),
        };
        create(tx, registry, &Thing::Device(device.clone()))?;
        Ok(device)
    })
    .await
}

/// Changes a device.
pub async fn device(estate: &Estate, ctx: &Ctx, id: DeviceId, patch: DevicePatch) -> Result<()> {
    let workspace = ctx.workspace()?;
    write(estate, ctx, move |tx, registry| {
        let entry = device_of(registry, workspace, id)?;
        let mut after = entry.device.clone();
        let patch = patch.clone();
        after.name = patch.name.as_deref().map_or(Ok(after.name), named)?;
        after.enabled = patch.enabled.unwrap_or(after.enabled);
        let mut driver = entry.driver.clone();
        if let Some(version) = &patch.version {
            let name = drivers::plain(&entry.device.driver).to_owned();
            let version = version.as_deref().filter(|version| !version.is_empty());
            after.driver = version.map_or(name.clone(), |version| format!("{name}@{version}"));
            driver = Some(named_driver(tx, registry, workspace, &after.driver)?);
        }
        if let Some(link) = &patch.link {
            after.link = link.clone().filter(|link| !link.is_empty());
        }
        if patch.link.is_some() || patch.version.is_some() {
            let system = system_of(registry, workspace, after.system)?;
            check_link(registry, system, driver.as_deref(), after.link.as_deref())?;
        }
        if let Some(metadata) = patch.metadata.clone() {
            after.metadata = described(metadata)?;
            crate::metadata::actions::fits(tx, &Thing::Device(after.clone()), false)?;
        }
        if let Some(settings) = patch.settings {
            let secrets = secrets_of_device(registry, &entry.device);
            after.settings = replaced(&entry.device.settings, settings, &secrets);
            after.secrets = secrets.into_iter().filter(|key| after.settings.contains_key(key)).collect();
        }
        if patch.version.is_some() || after.settings != entry.device.settings {
            driver.as_deref().map_or(Ok(()), |driver| check_settings(driver, &after.settings))?;
        }
        Ok(change(tx, registry, &Thing::Device(entry.device.clone()), &Thing::Device(after))?)
    })
    .await
}

/// Moves a device to another system, or gives it another address. Its history goes with it.
pub async fn move_device(estate: &Estate, ctx: &Ctx, id: DeviceId, to: MoveDevice) -> Result<()> {
    let (workspace, may) = (ctx.workspace()?, require(ctx));
    write(estate, ctx, move |tx, registry| {
        let entry = device_of(registry, workspace, id)?;
        let mut after = entry.device.clone();
        let target = to.system.unwrap_or(after.system);
        may(tx, &Object::new(Kind::SYSTEM, target), Level::Own)?;
        let system = system_of(registry, workspace, target)?;
        after.system = target;
        if let Some(link) = to.link.clone() {
            after.link = link.filter(|link| !link.is_empty());
        }
        check_link(registry, system, entry.driver.as_deref(), after.link.as_deref())?;
        let wanted = to.address.as_deref().filter(|address| *address != entry.device.address);
        let stays = to.address.as_deref().is_none_or(|address| address == entry.device.address);
        let free = !registry.devices_in(target).iter().filter(|held| **held != id).any(|held| {
            registry.devices.get(held).is_some_and(|held| held.device.address == entry.device.address)
        });
        if !(stays && free) {
            let module =
                entry.device.address.rsplit_once('_').map_or(entry.device.address.as_str(), |(m, _)| m);
            after.address = free_address(registry, target, wanted, module)?;
        }
        Ok(change(tx, registry, &Thing::Device(entry.device.clone()), &Thing::Device(after))?)
    })
    .await
}
