//! The agent: everything that runs on this edge, wired together, and the switch from one desired site to the
//! next that touches only what changed.

use crate::alarms::Alarms;
use crate::board::{Board, Recorder};
use crate::commands::{Commands, Parts as CommandParts, Policy};
use crate::config::EdgeConfig;
use crate::devices::component::{self, Host, Reach};
use crate::devices::modbus::Memory;
use crate::devices::neighbours::Neighbours;
use crate::devices::{DeviceContext, Devices, modbus, mqtt};
use crate::error::EdgeError;
use crate::journal::{Journal, Limits};
use crate::links::{Link, Links};
use crate::presence;
use crate::site::{Desired, Driver};
use crate::store::Store;
use crate::triggers::{Parts as TriggerParts, Triggers};
use crate::uplink::UplinkHandle;
use bo_driver_host::{Engine, EngineConfig};
use bo_model::clock::SharedClock;
use bo_model::driver::Grant;
use bo_model::release::SiteDevice;
use bo_model::{DeviceId, IdGen, Reason};
use bo_runtime::Shutdown;
use bo_wire::Class;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// How long a device may take to stop before it is given up.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Everything that runs.
pub struct Agent {
    /// All values.
    pub board: Arc<Board>,
    /// All devices.
    pub devices: Arc<Devices>,
    /// All endpoints.
    pub links: Arc<Links>,
    /// The one way to change a device.
    pub commands: Commands,
    /// All triggers.
    pub triggers: Triggers,
    /// Active conditions.
    pub alarms: Arc<Alarms>,
    /// What waits for the controller.
    pub journal: Journal,
    /// Memory across restarts.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// The end.
    pub shutdown: Shutdown,
    /// Where records go.
    pub record: Recorder,
    config: EdgeConfig,
    state: PathBuf,
    engine: std::sync::Mutex<Option<Engine>>,
    loading: Arc<Mutex<()>>,
    uplink: std::sync::OnceLock<UplinkHandle>,
    running: Mutex<Desired>,
    shown: watch::Sender<Arc<Desired>>,
}

/// What a switch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// Devices started, those that changed included.
    pub started: usize,
    /// Devices stopped, those that changed included.
    pub stopped: usize,
    /// Devices that went on undisturbed.
    pub kept: usize,
}

impl Agent {
    /// Opens journal and state in the data directory and starts with an empty site.
    pub async fn start(
        config: EdgeConfig,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Arc<Agent>, EdgeError> {
        let state = config.data.join("state.sqlite");
        let store = Store::open(&state)?;
        let limits = Limits { max_bytes: config.journal.max_mib * 1024 * 1024, ..Limits::default() };
        let journal = Journal::open(&config.data.join("journal.sqlite"), limits, clock.clone())
            .map_err(|error| EdgeError::Start { part: "the journal", why: error.to_string() })?;
        let record = recorder(journal.clone());
        let board = Board::new(clock.clone(), record.clone());
        let devices = Arc::new(Devices::default());
        let alarms = Arc::new(Alarms::start(record.clone(), store.clone(), clock.clone(), &state)?);
        let commands = Commands::start(
            CommandParts {
                board: board.clone(),
                devices: devices.clone(),
                record: record.clone(),
                store: store.clone(),
                clock: clock.clone(),
                ids: Arc::new(IdGen::new(clock.clone(), random())),
                policy: Policy {
                    manual: config.commands.manual_hold,
                    life_safety: config.commands.life_safety_hold,
                },
                shutdown: shutdown.clone(),
            },
            &state,
        )?;
        let triggers = Triggers::start(
            TriggerParts {
                board: board.clone(),
                devices: devices.clone(),
                commands: commands.clone(),
                alarms: alarms.clone(),
                record: record.clone(),
                store: store.clone(),
                clock: clock.clone(),
                shutdown: shutdown.clone(),
            },
            &state,
        )?;
        let after = config.presence.alarm_after;
        shutdown.spawn(presence::run(
            board.clone(),
            devices.clone(),
            alarms.clone(),
            after,
            shutdown.clone(),
        ));
        let links =
            Arc::new(Links::new(config.broker.clone(), config.data.clone(), clock.clone(), shutdown.clone()));
        let shown = watch::channel(Arc::default()).0;
        let running = Mutex::default();
        Ok(Arc::new(Agent {
            board,
            devices,
            links,
            commands,
            triggers,
            alarms,
            journal,
            store,
            clock,
            shutdown,
            config,
            state,
            record,
            engine: std::sync::Mutex::default(),
            loading: Arc::default(),
            uplink: std::sync::OnceLock::new(),
            running,
            shown,
        }))
    }

    /// What runs now, as it changes.
    pub fn desired(&self) -> watch::Receiver<Arc<Desired>> {
        self.shown.subscribe()
    }

    /// The way to the controller, on an enrolled edge.
    pub fn uplink(&self) -> Option<&UplinkHandle> {
        self.uplink.get()
    }

    /// Called once, when the uplink was started.
    pub(crate) fn set_uplink(&self, uplink: UplinkHandle) {
        let _ = self.uplink.set(uplink);
    }

    /// The configuration the agent was started with.
    pub fn config(&self) -> &EdgeConfig {
        &self.config
    }

    /// Runs `desired` from now on. Devices, links and triggers that did not change go on undisturbed.
    pub async fn apply(&self, desired: Desired) -> Result<Switched, EdgeError> {
        let mut running = self.running.lock().await;
        let kept: HashSet<DeviceId> = running
            .site
            .devices
            .iter()
            .filter(|old| desired.device(old.id).is_some_and(|new| is_same(&running, old, &desired, new)))
            .map(|old| old.id)
            .collect();
        let leaving = running.site.devices.iter().filter(|old| !kept.contains(&old.id));
        let leaving: Vec<DeviceId> = leaving.map(|old| old.id).collect();
        let stops = leaving.iter().map(|id| async move {
            if self.devices.stop(*id, STOP_WITHIN).await {
                self.board.remove(*id);
            } else {
                tracing::error!(device = %id, "the device did not stop in time; its place is not used again");
            }
        });
        futures_util::future::join_all(stops).await;
        self.links.close_others(&desired.site.links);

        let memory = Memory::load(&self.state)?;
        let mut mistakes = Vec::new();
        let mut started = 0;
        for device in desired.site.devices.iter().filter(|device| !kept.contains(&device.id)) {
            let Some(driver) = desired.drivers.get(&device.driver) else { continue };
            match self.start_device(&desired, device, driver, &memory).await {
                Ok(()) => started += 1,
                Err(why) => mistakes.push(format!("device {} ({}): {why}", device.address, device.id)),
            }
        }
        self.triggers.apply(&desired).await;
        self.alarms.retain(|alarm| stays(&desired, &alarm.key, alarm.device));
        let switched = Switched { started, stopped: leaving.len(), kept: kept.len() };
        let place = desired.release.clone();
        *running = desired;
        self.shown.send_replace(Arc::new(running.clone()));
        if mistakes.is_empty() { Ok(switched) } else { Err(EdgeError::Site { place, mistakes }) }
    }

    async fn start_device(
        &self,
        desired: &Desired,
        device: &SiteDevice,
        driver: &Driver,
        memory: &Memory,
    ) -> Result<(), String> {
        let manifest = driver.manifest.clone();
        let stale_after =
            |name: &str| manifest.modbus.as_ref().and_then(|profile| modbus::stale_after(profile, name));
        let slots = self.board.add(device.id, &manifest.status, stale_after);
        if !device.enabled {
            self.board.fail_device(&slots, &Reason::Disabled);
            return Ok(());
        }
        let link = match &device.link {
            None => None,
            Some(name) => {
                let config =
                    desired.site.links.get(name).ok_or_else(|| format!("there is no [link.{name}]"))?;
                Some(self.links.open(name, config, &manifest).await?)
            }
        };
        let context = DeviceContext {
            site: device.clone(),
            manifest: manifest.clone(),
            board: self.board.clone(),
            slots: slots.clone(),
            clock: self.clock.clone(),
            store: self.store.clone(),
        };
        let (devices, shutdown, board) = (&self.devices, &self.shutdown, &self.board);
        let site = device.clone();
        match link {
            link if manifest.component.is_some() => {
                let host = self.host(driver, device, link)?;
                devices.start(shutdown, board, site, manifest, slots, move |queue, shutdown| {
                    component::run(context.clone(), host.clone(), queue, shutdown)
                });
            }
            Some(Link::Modbus(handle)) if manifest.modbus.is_some() => {
                let kept = memory.of(device.id);
                devices.start(shutdown, board, site, manifest, slots, move |queue, shutdown| {
                    modbus::run(context.clone(), kept.clone(), handle.clone(), queue, shutdown)
                });
            }
            Some(Link::Mqtt(link)) if manifest.mqtt.is_some() => {
                devices.start(shutdown, board, site, manifest, slots, move |queue, shutdown| {
                    mqtt::run(context.clone(), link.clone(), queue, shutdown)
                });
            }
            _ => {
                return Err(format!(
                    "driver {} has neither a component nor a profile for its link",
                    device.driver
                ));
            }
        }
        Ok(())
    }

    fn host(&self, driver: &Driver, device: &SiteDevice, link: Option<Link>) -> Result<Host, String> {
        let granted =
            driver.manifest.component.iter().any(|component| component.grants.contains(&Grant::System));
        let neighbours = granted.then(|| {
            Arc::new(Neighbours {
                system: device.system,
                devices: self.devices.clone(),
                board: self.board.clone(),
                commands: self.commands.clone(),
                clock: self.clock.clone(),
            })
        });
        let reach = match link {
            None => Reach::None,
            Some(Link::Bytes(link)) => Reach::Bytes(link),
            Some(Link::Mqtt(link)) => Reach::Mqtt(link),
            Some(Link::Modbus(handle)) => Reach::Modbus(handle),
            Some(Link::Http(handle)) => Reach::Http(handle),
        };
        let engine = self.engine()?;
        Ok(Host {
            engine,
            loading: self.loading.clone(),
            package: driver.package.clone(),
            reach,
            neighbours,
            record: self.record.clone(),
        })
    }

    /// The component engine, made when the first component needs it: a site of profiles does without.
    fn engine(&self) -> Result<Engine, String> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*engine {
            return Ok(engine.clone());
        }
        let config =
            EngineConfig { cache: Some(self.config.data.join("components")), ..EngineConfig::default() };
        Engine::new(&config).map(|made| engine.insert(made).clone()).map_err(|error| error.to_string())
    }

    /// Stops everything in order and writes what waits.
    pub async fn stop(&self) -> bool {
        let in_time = self.shutdown.drain(bo_runtime::shutdown::DRAIN).await;
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the agent's state was not written completely");
        }
        self.journal.close().await;
        in_time
    }
}

/// True when a device can go on: its own entry, its driver and its link are as they were.
fn is_same(running: &Desired, old: &SiteDevice, desired: &Desired, new: &SiteDevice) -> bool {
    let link = |of: &Desired, device: &SiteDevice| {
        device.link.as_ref().and_then(|name| of.site.links.get(name)).cloned()
    };
    let hash = |of: &Desired| of.drivers.get(&old.driver).map(|driver| driver.package.hash.clone());
    old == new && hash(running) == hash(desired) && link(running, old) == link(desired, new)
}

fn stays(desired: &Desired, key: &str, device: Option<DeviceId>) -> bool {
    if let Some(id) = device {
        return desired.device(id).is_some_and(|device| device.enabled);
    }
    let Some(trigger) = key.strip_prefix("trigger:") else { return true };
    desired.site.triggers.iter().any(|known| known.enabled && trigger.starts_with(&known.id.to_string()))
}

/// Records go to the journal's queue. When it is full, protected ones are waited for by a task of their own.
fn recorder(journal: Journal) -> Recorder {
    Arc::new(move |class: Class, at, body| {
        let again = class.is_protected().then(|| body.clone());
        if journal.append(class, at, body) {
            return;
        }
        if let (Some(body), Ok(runtime)) = (again, tokio::runtime::Handle::try_current()) {
            let journal = journal.clone();
            runtime.spawn(async move {
                if let Err(error) = journal.append_durable(class, at, body).await {
                    tracing::error!(class = class.word(), %error, "a record could not be kept");
                }
            });
        }
    })
}

/// Tells two processes apart that start in the same millisecond.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// Makes the data directory ready and takes its lock, which lasts as long as the file is held.
pub fn lock_data(data: &Path) -> Result<std::fs::File, EdgeError> {
    let failed = |source| EdgeError::DataDir { path: data.to_owned(), source };
    std::fs::create_dir_all(data).map_err(failed)?;
    let file = std::fs::File::create(data.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(EdgeError::AlreadyRunning { path: data.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}
