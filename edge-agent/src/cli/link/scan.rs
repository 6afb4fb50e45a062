//! `link scan`: who is there? Finds the units on a Modbus line and what devices announce on a broker, and prints what it
//! found as the beginning of a site file.

use super::super::Where;
use super::sunspec::{self, Models};
use crate::cli::serial::SerialSettings;
use crate::links::{Link, Links};
use crate::site::Desired;
use anyhow::{Context, bail};
use bo_link::{Handle, LinkError, LinkState, ModbusOp, ModbusReply, Urgency};
use bo_link_mqtt::discovery::{self, Proposals};
use bo_model::clock::SharedClock;
use bo_model::driver::WantedLink;
use bo_model::points::Table;
use bo_model::release::{LinkConfig, ModbusTiming, MqttVersion, Site, SiteDevice, SiteSystem};
use bo_model::settings::Values;
use bo_model::{IdGen, SystemClock};
use bo_runtime::Shutdown;
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a unit has to answer.
const UNIT: Duration = Duration::from_millis(400);
/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);
/// Messages that may wait while announcements come in a burst.
const ROOM: usize = 10_000;

/// Where to look.
#[derive(Debug, Args)]
pub struct Scan {
    /// Name of a link in the site file.
    #[arg(required_unless_present_any = ["tcp", "serial", "broker"])]
    link: Option<String>,
    /// Modbus TCP, `host:port`.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["serial", "broker"])]
    tcp: Option<String>,
    /// Modbus RTU on this port.
    #[arg(long, value_name = "PATH", conflicts_with = "broker")]
    serial: Option<PathBuf>,
    #[command(flatten)]
    port: SerialSettings,
    /// With --tcp: RTU frames, as many serial device servers speak.
    #[arg(long, requires = "tcp")]
    rtu: bool,
    /// MQTT broker, `host:port`.
    #[arg(long, value_name = "HOST:PORT")]
    broker: Option<String>,
    /// User name at the broker.
    #[arg(long, requires = "broker")]
    user: Option<String>,
    /// File with the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Modbus units to ask, `1-247`.
    #[arg(long, default_value = "1-32", value_parser = range)]
    units: (u8, u8),
    /// Prefix of MQTT announcements.
    #[arg(long, default_value = discovery::PREFIX)]
    prefix: String,
    /// How long to listen for announcements, which brokers keep and send at once.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Write the drivers that are proposed into this folder; those that are there already stay as they are.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

/// What came of it: a site file and remarks.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) site: Site,
    pub(super) remarks: Vec<String>,
    pub(super) drivers: BTreeMap<String, String>,
}

impl Scan {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let found = self.look().await?;
        found.remarks.iter().for_each(|remark| println!("# {remark}"));
        print!("{}", toml::to_string(&found.site)?);
        if let Some(folder) = &self.write {
            for (name, text) in &found.drivers {
                println!("# {}", write(folder, name, text)?);
            }
        } else if !found.drivers.is_empty() {
            println!("# {} drivers are proposed; --write DIR writes them", found.drivers.len());
        }
        Ok(())
    }

    pub(super) async fn look(&self) -> anyhow::Result<Found> {
        let (name, config, links, shutdown) = self.links()?;
        let open =
            links.open(&name, &hasty(&config), &WantedLink::default()).await.map_err(anyhow::Error::msg)?;
        let found = match &open {
            Link::Modbus(handle) => {
                up(&open).await?;
                self.units(handle, &name).await
            }
            Link::Mqtt(link) => self.announcements(link, &name).await,
            Link::Bytes(_) | Link::Http(_) => bail!("only Modbus links and brokers can be scanned"),
        };
        shutdown.drain(Duration::from_secs(2)).await;
        let mut found = found?;
        found.site.links.insert(name, config);
        Ok(found)
    }

    /// The link to scan, and what opens it.
    fn links(&self) -> anyhow::Result<(String, LinkConfig, Links, Shutdown)> {
        let edge = self.place.config()?;
        let timing = ModbusTiming::default();
        let split = |text: &str| -> anyhow::Result<(String, u16)> {
            let (host, port) = text.rsplit_once(':').with_context(|| format!("`{text}` is not HOST:PORT"))?;
            Ok((host.to_owned(), port.parse().with_context(|| format!("`{port}` is not a port"))?))
        };
        let (name, config) = if let Some(at) = &self.tcp {
            let (host, port) = split(at)?;
            (
                "modbus".to_owned(),
                LinkConfig::ModbusTcp { host, port, rtu_framing: self.rtu, tls: None, timing },
            )
        } else if let Some(path) = &self.serial {
            ("bus".to_owned(), LinkConfig::ModbusRtu { line: self.port.of(path), timing })
        } else if let Some(at) = &self.broker {
            let (host, port) = split(at)?;
            let (username, password_file) = (self.user.clone(), self.password_file.clone());
            (
                "broker".to_owned(),
                LinkConfig::Mqtt {
                    host,
                    port: Some(port),
                    tls: None,
                    username,
                    password_file,
                    version: MqttVersion::V3,
                },
            )
        } else {
            let (Some(site), Some(drivers)) = (&edge.site, &edge.drivers) else {
                bail!(
                    "name an endpoint with --tcp, --serial or --broker, or a link of a site file with --site and --drivers"
                );
            };
            let mut desired = Desired::from_file(site, drivers, edge.triggers.as_deref())?;
            let name = self.link.clone().unwrap_or_default();
            let known = desired.site.links.remove(&name);
            let config = known.with_context(|| format!("the site has no link `{name}`"))?;
            (name, config)
        };
        let (clock, shutdown): (SharedClock, _) = (Arc::new(SystemClock), Shutdown::new());
        Ok((name, config, Links::new(edge.broker, edge.data, clock, shutdown.clone()), shutdown))
    }

    /// Asks every unit who it is.
    async fn units(&self, handle: &Handle<ModbusOp, ModbusReply>, link: &str) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let mut devices = Vec::new();
        eprintln!(
            "asking units {} to {}, each up to {} ms",
            self.units.0,
            self.units.1,
            2 * UNIT.as_millis()
        );
        for unit in self.units.0..=self.units.1 {
            let Some(identity) = who(handle, unit).await? else { continue };
            let settings = || Values::from_iter([("unit".to_owned(), unit.into())]);
            let name = if identity.is_empty() { format!("Unit {unit}") } else { identity.clone() };
            let drivers = match sunspec::models(handle, unit).await {
                Models::None => {
                    let says = match identity.as_str() {
                        "" => " and does not say who it is".to_owned(),
                        identity => format!(" as {identity}"),
                    };
                    found.remarks.push(format!("unit {unit} answers{says}: give it a driver"));
                    continue;
                }
                Models::Unread(why) => {
                    found.remarks.push(format!(
                        "unit {unit} ({name}) speaks SunSpec, but its list of models could not be read: {why}"
                    ));
                    continue;
                }
                Models::Are(models) => {
                    let drivers: Vec<_> = sunspec::drivers(&models).collect();
                    if drivers.is_empty() {
                        found.remarks.push(sunspec::no_driver(unit, &name, &models));
                    }
                    drivers
                }
            };
            devices.extend(drivers.into_iter().map(|driver| discovery::Device {
                name: name.clone(),
                driver: driver.to_owned(),
                settings: settings(),
            }));
        }
        if devices.is_empty() && found.remarks.is_empty() {
            found.remarks.push(format!("no unit from {} to {} answers", self.units.0, self.units.1));
        }
        fill(&mut found.site, link, devices, sunspec::module);
        Ok(found)
    }

    /// Listens to what devices announce.
    async fn announcements(&self, link: &bo_link_mqtt::MqttLink, name: &str) -> anyhow::Result<Found> {
        let filter = format!("{}/#", self.prefix);
        let (_handle, mut listener) =
            link.user(&[filter], ROOM).map_err(|error| anyhow::anyhow!("{error}"))?;
        up(&Link::Mqtt(link.clone())).await?;
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let mut announced = BTreeMap::new();
        while let Ok(Some(message)) = tokio::time::timeout_at(until, listener.recv()).await {
            match discovery::read(&self.prefix, &message.topic, &message.payload) {
                Some(one) => drop(announced.insert(message.topic, one)),
                None => drop(announced.remove(&message.topic)),
            }
        }
        let Proposals { drivers, devices, skipped } = discovery::propose(announced.into_values());
        let mut found = Found { remarks: skipped, ..Found::default() };
        if devices.is_empty() {
            found
                .remarks
                .push(format!("nothing was announced below {} within {} s", self.prefix, self.seconds));
        }
        let modules: BTreeMap<String, String> =
            drivers.iter().map(|(name, manifest)| (name.clone(), manifest.driver.module.clone())).collect();
        fill(&mut found.site, name, devices, |driver| modules.get(driver).map_or("Device", String::as_str));
        for (name, manifest) in drivers {
            found.drivers.insert(name, toml::to_string(&manifest)?);
        }
        Ok(found)
    }
}

/// The link for asking who is there: most units are not, and each of those costs its whole time. What is printed is not as hasty.
fn hasty(config: &LinkConfig) -> LinkConfig {
    let mut config = config.clone();
    if let LinkConfig::ModbusTcp { timing, .. } | LinkConfig::ModbusRtu { timing, .. } = &mut config {
        timing.timeout = timing.timeout.min(UNIT);
    }
    config
}

/// Puts devices into one system, numbered per kind.
fn fill<'a>(site: &mut Site, link: &str, devices: Vec<discovery::Device>, module: impl Fn(&str) -> &'a str) {
    if devices.is_empty() {
        return;
    }
    let ids = IdGen::new(Arc::new(SystemClock), 3);
    let system = SiteSystem {
        id: ids.make(),
        name: "Found".into(),
        key: String::new(),
        zone: None,
        time_zone: None,
        position: None,
    };
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for device in devices {
        let module = module(&device.driver);
        let number = numbers.entry(module.to_owned()).or_default();
        *number += 1;
        site.devices.push(Arc::new(SiteDevice {
            id: ids.make(),
            system: system.id,
            address: format!("{module}_{number}"),
            name: device.name,
            driver: device.driver,
            link: Some(link.to_owned()),
            settings: device.settings,
            enabled: true,
        }));
    }
    site.systems.push(system);
}

/// Waits until the link is up; the error is why it is not.
async fn up(link: &Link) -> anyhow::Result<()> {
    let mut health = link.health();
    let settled = health.wait_for(|health| health.state != LinkState::Connecting);
    let state = match tokio::time::timeout(CONNECT, settled).await {
        Ok(Ok(health)) => health.state.clone(),
        _ => bail!("no connection within {} s", CONNECT.as_secs()),
    };
    match state {
        LinkState::Down(why) => bail!("{why}"),
        LinkState::Up | LinkState::Connecting => Ok(()),
    }
}

/// Who a unit says it is; empty when it does not, `None` when nobody answers.
pub(super) async fn who(handle: &Handle<ModbusOp, ModbusReply>, unit: u8) -> anyhow::Result<Option<String>> {
    // Some ignore functions they do not know: a read is asked too before a unit counts as absent.
    let read = ModbusOp::Read { unit, table: Table::Holding, address: 0, count: 1 };
    let mut there = false;
    for op in [ModbusOp::Identify { unit }, read] {
        match call(handle, op).await {
            Ok(ModbusReply::Identity(objects)) => return Ok(Some(spoken(&objects))),
            Ok(_) => there = true,
            // A gateway speaks for a unit that is not there.
            Err(LinkError::Exception(0x0A | 0x0B) | LinkError::Timeout) => {}
            Err(LinkError::Exception(_)) => there = true,
            Err(LinkError::Protocol(_)) => {}
            Err(error) => bail!("unit {unit}: {error}"),
        }
    }
    Ok(there.then(String::new))
}

/// One request; after a few that nobody answered the link makes a new connection, which is waited for.
pub(super) async fn call(
    handle: &Handle<ModbusOp, ModbusReply>,
    op: ModbusOp,
) -> Result<ModbusReply, LinkError> {
    let mut tries = 0;
    loop {
        match handle.call(op.clone(), Urgency::Command, CONNECT).await {
            Err(LinkError::Offline(_)) if tries < 3 => tries += 1,
            other => return other,
        }
        tokio::time::sleep(UNIT).await;
    }
}

/// Vendor, product and revision (objects 0 to 2 of FC43/14), and the names of model and product (4 and 5) where they are
/// given.
fn spoken(objects: &[(u8, String)]) -> String {
    let parts = [0, 4, 5, 1, 2].into_iter().filter_map(|wanted| objects.iter().find(|(id, _)| *id == wanted));
    let mut said: Vec<&str> = Vec::new();
    for (_, text) in parts {
        if !text.is_empty() && !said.contains(&text.as_str()) {
            said.push(text);
        }
    }
    said.join(" ")
}

/// Writes a proposed driver; the sentence says what became of it.
fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<String> {
    let path = folder.join(name).join("driver.toml");
    if path.exists() {
        return Ok(format!("{} is there already and stays as it is", path.display()));
    }
    std::fs::create_dir_all(folder.join(name))
        .with_context(|| format!("can't make {}", folder.join(name).display()))?;
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    Ok(format!("{} is written: look it through", path.display()))
}

fn range(text: &str) -> Result<(u8, u8), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if 0 < from && from <= to && to <= 247 => Ok((from, to)),
        _ => Err("write units from 1 to 247 as `1-32`".into()),
    }
}
