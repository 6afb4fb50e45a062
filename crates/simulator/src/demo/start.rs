//! Starts the demo: fake devices on free ports and serial ports, their world, and the estate's files that name them.

use super::estate::{Demo, Endpoint, Medium, demo};
use super::live::{Counters, Devices, Live};
use super::plan::Size;
use crate::error::SimulatorError;
use crate::fake::{Fake, read_manifest};
use crate::serve::{Address, Broker, Place, Running, start as start_endpoint};
use bo_model::Time;
use bo_model::clock::SharedClock;
use bo_model::driver::Manifest;
use bo_model::estate::Estate;
use bo_model::release::{LinkConfig, ModbusTiming, SerialLine};
use serde::Serialize;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the world moves.
const TICK: Duration = Duration::from_secs(1);
/// How often the counters are saved.
const SAVE: Duration = Duration::from_secs(60);

/// What the demo is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// How large.
    pub size: Size,
    /// Seed of everything that is chance.
    pub seed: u64,
    /// How many times faster than the clock the world moves.
    pub speed: f64,
    /// Local hour in the first building at which the world begins; the real one when absent.
    pub hour: Option<f64>,
    /// Chance in percent that a device fails within a quarter of an hour.
    pub trouble: f64,
    /// The driver library.
    pub drivers: PathBuf,
    /// Where the estate's files go, and the counters that survive a restart.
    pub out: PathBuf,
}

/// What whoever starts the edges needs to know; printed as one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// The organisation's name.
    pub organisation: String,
    /// Folder with the estate's files.
    pub estate: PathBuf,
    /// Devices that speak.
    pub devices: usize,
    /// The edges.
    pub edges: Vec<EdgeFacts>,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EdgeFacts {
    /// Its key in the estate.
    pub name: String,
    /// Where its broker has to listen: the MQTT devices go there.
    pub broker: SocketAddr,
    /// A free address for its local page.
    pub local_page: SocketAddr,
}

/// The demo at work.
pub struct DemoDevices {
    /// What to start the edges with.
    pub facts: Facts,
    /// The estate, with the addresses its devices have got.
    pub estate: Estate,
    /// The devices by name.
    pub devices: Devices,
    running: Vec<Running>,
    world: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl DemoDevices {
    /// Saves the counters and ends everything.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.world.await {
            tracing::error!(%error, "the simulated world ended badly");
        }
        for running in self.running {
            running.stop().await;
        }
    }
}

/// Starts it.
pub async fn start(options: &Options, clock: SharedClock) -> Result<DemoDevices, SimulatorError> {
    std::fs::create_dir_all(&options.out).map_err(|source| write_error(&options.out, source))?;
    let Demo { buildings, mut estate, endpoints } = demo(options.size);
    let manifests = manifests(&options.drivers, &endpoints)?;
    let edges = edges(&estate)?;
    let mut devices = Devices::new();
    let mut running = Vec::new();
    for endpoint in &endpoints {
        let mut fakes = Vec::new();
        for device in &endpoint.devices {
            let Some(manifest) = manifests.get(device.driver) else { continue };
            let mut settings = device.settings.clone();
            settings.retain(|key, _| manifest.settings.contains_key(key));
            let fake = Fake::new(&device.name, manifest.clone(), settings)?;
            devices.insert(device.name.clone(), fake.clone());
            fakes.push(fake);
        }
        if fakes.is_empty() {
            continue;
        }
        let broker = edges.iter().find(|edge| edge.name == endpoint.edge).map(|edge| edge.broker);
        let started = start_endpoint(&place(endpoint, broker), &fakes).await?;
        if let Some(edge) = estate.edges.iter_mut().find(|edge| edge.key == endpoint.edge) {
            edge.links.insert(endpoint.link.clone(), link(endpoint, &started.address));
        }
        running.push(started);
    }
    leave_out_missing_drivers(&mut estate, &options.drivers);
    write_estate(&estate, &options.out)?;

    let saved = options.out.join("counters.json");
    let counters = Counters::parse(&std::fs::read_to_string(&saved).unwrap_or_default());
    let time = WorldTime::new(clock, options, buildings[0].time_zone);
    let live = Live::new(options.seed, &buildings, devices.clone(), counters, options.trouble, time.now());
    let (stop, stopped) = watch::channel(false);
    let world = tokio::spawn(turn(live, time, saved, stopped));
    let facts = Facts {
        organisation: super::people::ORGANISATION.into(),
        estate: options.out.clone(),
        devices: devices.len(),
        edges,
    };
    Ok(DemoDevices { facts, estate, devices, running, world, stop })
}

/// Moves the world until it is told to stop, and saves what must survive.
async fn turn(mut live: Live, time: WorldTime, saved: PathBuf, mut stopped: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(TICK);
    let mut since_saved = Duration::ZERO;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        live.step(time.now());
        since_saved += TICK;
        if since_saved >= SAVE {
            since_saved = Duration::ZERO;
            save(&saved, &live.counters);
        }
    }
    save(&saved, &live.counters);
}

fn save(path: &Path, counters: &Counters) {
    let beside = path.with_extension("new");
    let written = std::fs::write(&beside, counters.text()).and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "the demo's counters could not be saved");
    }
}

/// The world's clock: shifted and sped up against the real one.
struct WorldTime {
    clock: SharedClock,
    real: Time,
    world: Time,
    speed: f64,
}

impl WorldTime {
    fn new(clock: SharedClock, options: &Options, zone: &str) -> WorldTime {
        let real = clock.now();
        let world = options.hour.and_then(|hour| at_hour(real, zone, hour)).unwrap_or(real);
        WorldTime { clock, real, world, speed: options.speed }
    }

    fn now(&self) -> Time {
        let passed = self.clock.now().since(self.real);
        self.world.after(passed.mul_f64(self.speed.clamp(0.0, 3600.0)))
    }
}

fn at_hour(real: Time, zone: &str, hour: f64) -> Option<Time> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let midnight = real.timestamp().to_zoned(zone).start_of_day().ok()?;
    Some(Time(midnight.timestamp().as_microsecond() + (hour * 3.6e9) as i64))
}

/// Manifests of the drivers that are there.
fn manifests(
    library: &Path,
    endpoints: &[Endpoint],
) -> Result<BTreeMap<&'static str, Arc<Manifest>>, SimulatorError> {
    let mut found = BTreeMap::new();
    for driver in endpoints.iter().flat_map(|endpoint| &endpoint.devices).map(|device| device.driver) {
        let folder = library.join(driver);
        if !found.contains_key(driver) && folder.join("driver.toml").exists() {
            found.insert(driver, Arc::new(read_manifest(&folder)?));
        }
    }
    if found.is_empty() {
        let source =
            std::io::Error::new(std::io::ErrorKind::NotFound, "there is no driver of the demo in it");
        return Err(SimulatorError::ReadManifest { path: library.to_owned(), source });
    }
    Ok(found)
}

/// A driver library that was trimmed makes a smaller demo, not a broken one.
fn leave_out_missing_drivers(estate: &mut Estate, library: &Path) {
    let exists = |driver: &str| library.join(driver).join("driver.toml").exists();
    for system in &mut estate.systems {
        system.devices.retain(|device| {
            let there = exists(&device.driver);
            if !there {
                tracing::warn!(
                    system = system.key,
                    device.driver,
                    "left out: the driver is not in the library"
                );
            }
            there
        });
    }
}

/// Where brokers and local pages listen: below the ports that a system gives to outgoing connections. Fake devices call the
/// broker before it is there, and one of their connections would sooner or later sit on its port.
const PORTS: std::ops::Range<u16> = 10_000..20_000;

/// Free addresses for each edge's broker and local page.
fn edges(estate: &Estate) -> Result<Vec<EdgeFacts>, SimulatorError> {
    // Somewhere else each time, so that two demos do not meet; held until all are known, so that none is given out twice.
    let first = RandomState::new().build_hasher().finish() as usize % PORTS.len();
    let mut wanted = (0..PORTS.len()).map(|step| PORTS.start + ((first + step) % PORTS.len()) as u16);
    let mut held = Vec::new();
    let mut free = || {
        let listener = wanted.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        let taken = || SimulatorError::Listen {
            address: format!("{}:{}-{}", Ipv4Addr::LOCALHOST, PORTS.start, PORTS.end),
            source: std::io::ErrorKind::AddrInUse.into(),
        };
        let listener = listener.ok_or_else(taken)?;
        let address = listener.local_addr().map_err(|_| taken())?;
        held.push(listener);
        Ok(address)
    };
    estate
        .edges
        .iter()
        .map(|edge| Ok(EdgeFacts { name: edge.key.clone(), broker: free()?, local_page: free()? }))
        .collect()
}

fn place(endpoint: &Endpoint, broker: Option<SocketAddr>) -> Place {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match (endpoint.medium, broker) {
        (Medium::ModbusSerial(baud) | Medium::Serial(baud), _) => Place::Serial { baud: Some(baud) },
        (Medium::Broker, Some(broker)) => {
            Place::Broker(Broker { host: broker.ip().to_string(), port: broker.port(), login: None })
        }
        _ => Place::Tcp(local),
    }
}

fn link(endpoint: &Endpoint, address: &Address) -> LinkConfig {
    let timing = ModbusTiming { timeout: Duration::from_millis(1500), ..ModbusTiming::default() };
    match (endpoint.medium, address) {
        (Medium::ModbusTcp, Address::Tcp(at)) => LinkConfig::ModbusTcp {
            host: at.ip().to_string(),
            port: at.port(),
            rtu_framing: false,
            tls: None,
            timing,
        },
        (Medium::ModbusSerial(baud), Address::Serial(path)) => {
            LinkConfig::ModbusRtu { line: SerialLine::new(path, baud), timing }
        }
        (Medium::Serial(baud), Address::Serial(path)) => {
            LinkConfig::Serial { line: SerialLine::new(path, baud) }
        }
        (_, Address::Tcp(at)) => {
            LinkConfig::Tcp { host: at.ip().to_string(), port: Some(at.port()), tls: None }
        }
        _ => LinkConfig::MqttEmbedded,
    }
}

/// One file for the organisation and one for each building.
fn write_estate(estate: &Estate, folder: &Path) -> Result<(), SimulatorError> {
    let organisation = Estate { edges: Vec::new(), systems: Vec::new(), ..estate.clone() };
    write_part(folder, "organisation", &organisation)?;
    for edge in &estate.edges {
        let systems = estate.systems.iter().filter(|system| system.edge == edge.key).cloned().collect();
        let part = Estate { edges: vec![edge.clone()], systems, ..Estate::default() };
        write_part(folder, &edge.key, &part)?;
    }
    Ok(())
}

fn write_part(folder: &Path, name: &str, part: &Estate) -> Result<(), SimulatorError> {
    let path = folder.join(format!("{name}.toml"));
    let text = toml::to_string(part).map_err(|error| write_error(&path, std::io::Error::other(error)))?;
    std::fs::write(&path, text).map_err(|source| write_error(&path, source))
}

fn write_error(path: &Path, source: std::io::Error) -> SimulatorError {
    SimulatorError::WriteFile { path: path.to_owned(), source }
}
