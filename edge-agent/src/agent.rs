//! The agent: everything that runs on this edge, wired together, and the switch from one desired site to the
//! next that touches only what changed.

mod launch;

use crate::alarms::{self, Alarms};
use crate::board::{Board, Recorder};
use crate::commands::{Commands, Parts as CommandParts, Policy};
use crate::config::EdgeConfig;
use crate::devices::Devices;
use crate::devices::modbus::Memory;
use crate::error::EdgeError;
use crate::journal::{Journal, Limits};
use crate::links::Links;
use crate::presence;
use crate::shares::Shares;
use crate::site::Desired;
use crate::standalone::SiteFile;
use crate::store::Store;
use crate::triggers::{Parts as TriggerParts, Triggers};
use crate::uplink::UplinkHandle;
use bo_driver_host::Engine;
use bo_model::clock::SharedClock;
use bo_model::people::SitePerson;
use bo_model::release::SiteDevice;
use bo_model::{DeviceId, IdGen, Time};
use bo_runtime::Shutdown;
use bo_wire::{Body, Class};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};

/// How long a device may take to stop before it is given up.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Of the ten seconds an agent may take to stop, what its parts get to finish what they have …
const DRAIN: Duration = Duration::from_secs(6);
/// … and what each of its two files gets to be closed.
const CLOSE: Duration = Duration::from_millis(1500);

/// Everything that runs.
pub struct Agent {
    /// All values.
    pub board: Arc<Board>,
    /// All devices.
    pub devices: Arc<Devices>,
    /// All endpoints.
    pub links: Arc<Links>,
    /// Links other Modbus masters may use.
    pub shares: Shares,
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
    me: Weak<Agent>,
    state: PathBuf,
    /// Where components and the byte links they speak over run.
    aside: Handle,
    engine: std::sync::Mutex<Option<Engine>>,
    loading: Arc<Mutex<()>>,
    uplink: std::sync::OnceLock<UplinkHandle>,
    site_file: std::sync::Mutex<Option<SiteFile>>,
    contact: std::sync::Mutex<Option<Time>>,
    running: Mutex<Arc<Desired>>,
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
    /// Opens journal and state in the data directory and starts with an empty site, all of it on this runtime.
    pub async fn start(
        config: EdgeConfig,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Arc<Agent>, EdgeError> {
        Agent::start_with(config, clock, shutdown, Handle::current()).await
    }

    /// As [`Agent::start`], with another runtime for what may compute for long or is not on a value's way: components, the links
    /// of bytes and HTTP they speak over, the on-site broker.
    pub async fn start_with(
        config: EdgeConfig,
        clock: SharedClock,
        shutdown: Shutdown,
        aside: Handle,
    ) -> Result<Arc<Agent>, EdgeError> {
        let state = config.data.join("state.sqlite");
        let store = Store::open(&state)?;
        let limits = Limits {
            max_bytes: config.journal.max_mib * 1024 * 1024,
            keep_free: config.journal.keep_free_mib * 1024 * 1024,
            ..Limits::default()
        };
        let journal = Journal::open(&config.data.join(crate::journal::FILE), limits, clock.clone())
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
        shutdown.spawn(alarms::watch_disk(journal.clone(), alarms.clone(), shutdown.clone()));
        let links = Links::new(config.broker.clone(), config.data.clone(), clock.clone(), shutdown.clone());
        let links = Arc::new(links.aside(aside.clone()));
        shutdown.spawn(alarms::watch_clients(links.clone(), alarms.clone(), shutdown.clone()));
        let shares = Shares::new(links.clone(), shutdown.clone());
        let shown = watch::channel(Arc::default()).0;
        let running = Mutex::default();
        Ok(Arc::new_cyclic(|me| Agent {
            me: me.clone(),
            board,
            devices,
            links,
            shares,
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
            aside,
            engine: std::sync::Mutex::default(),
            loading: Arc::default(),
            uplink: std::sync::OnceLock::new(),
            site_file: std::sync::Mutex::default(),
            contact: std::sync::Mutex::default(),
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

    /// The controller spoke to us then.
    pub(crate) fn set_contact(&self, at: Time) {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// People may not operate any more with the permissions of the release: the controller has been away for too long. A site
    /// without a controller never gets that old.
    pub fn people_are_stale(&self) -> bool {
        let Some(valid) = self.shown.borrow().site.people_valid_for else { return false };
        if self.uplink.get().is_none() {
            return false;
        }
        let contact = *self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        contact.is_none_or(|at| self.clock.now().since(at) > valid)
    }

    /// The moment that people's permissions are looked at for: never before the controller last spoke, so that a clock that
    /// was set back makes nobody's time longer.
    pub fn people_time(&self) -> Time {
        let contact = *self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        contact.map_or(self.clock.now(), |at| at.max(self.clock.now()))
    }

    /// Lets these people in from now on; what runs goes on undisturbed.
    pub(crate) async fn admit(&self, people: Vec<SitePerson>, valid_for: Option<Duration>) {
        let mut running = self.running.lock().await;
        let site = &mut Arc::make_mut(&mut running).site;
        (site.people, site.people_valid_for) = (people, valid_for);
        self.shown.send_replace(running.clone());
    }

    /// How the site file is, on an agent that runs one.
    pub fn site_file(&self) -> Option<SiteFile> {
        self.site_file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_site_file(&self, file: SiteFile) {
        *self.site_file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
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
        self.shares.close_others(&desired.site);
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
        mistakes.extend(self.shares.open(&desired.site).await);
        self.triggers.apply(&desired).await;
        self.alarms.retain(|alarm| stays(&desired, &alarm.key, alarm.device));
        let switched = Switched { started, stopped: leaving.len(), kept: kept.len() };
        let place = desired.release.clone();
        *running = Arc::new(desired);
        self.shown.send_replace(running.clone());
        if mistakes.is_empty() { Ok(switched) } else { Err(EdgeError::Site { place, mistakes }) }
    }

    /// Stops everything in order and writes what waits, within ten seconds whatever hangs: what did not end by itself
    /// is left to the end of the process. False when something was.
    pub async fn stop(&self) -> bool {
        let drained = self.shutdown.drain(DRAIN).await;
        let state = tokio::time::timeout(CLOSE, self.store.close()).await;
        match &state {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the agent's state was not written completely"),
            Err(_) => tracing::error!("the agent's state was not written in time"),
        }
        let journal = tokio::time::timeout(CLOSE, self.journal.close()).await;
        if journal.is_err() {
            tracing::error!("the journal was not written in time");
        }
        drained && state.is_ok() && journal.is_ok()
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
    Arc::new(move |class: Class, at, body: &Body| {
        if journal.append(class, at, body) || !class.is_protected() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (journal, body) = (journal.clone(), body.clone());
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
