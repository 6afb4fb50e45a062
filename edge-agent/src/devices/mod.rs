//! The devices that run: a supervised task each, reached through one registry.
//!
//! A device that fails is `faulted` with its reason and started again with back-off; its neighbours and its
//! link never notice. The registry is what commands, triggers and the local page ask.

pub mod both;
pub mod component;
pub mod modbus;
pub mod mqtt;
pub mod neighbours;
pub mod online;

use crate::board::{Board, DeviceSlots};
use bo_link::mailbox::{Receiver, Refused, Sender, mailbox};
use bo_model::clock::SharedClock;
use bo_model::driver::Manifest;
use bo_model::release::SiteDevice;
use bo_model::settings::Values;
use bo_model::{DeviceId, Reason, SystemId};
use bo_runtime::backoff::Backoff;
use bo_runtime::{Shutdown, UnitState, supervise};
use futures_util::FutureExt;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::Instant;

/// Commands that may wait for one device.
const COMMANDS_WAITING: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A command on its way to a device's task.
#[derive(Debug)]
pub struct DeviceCommand {
    /// Name in the driver's `[command]`.
    pub name: String,
    /// Checked parameters, defaults filled in.
    pub params: Values,
    /// Not after this.
    pub deadline: Instant,
    /// The outcome; the asker may be gone.
    pub reply: oneshot::Sender<Result<Carried, CommandError>>,
}

/// How far the device's task brought a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Sent, and accepted where the protocol says so.
    Written,
    /// Read back with the wanted value.
    ReadBack,
}

/// Why a device's task did not carry a command out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Trying again changes nothing: out of range, budget used up.
    #[error("{0}")]
    Refused(String),
    /// Tried and failed.
    #[error("{0}")]
    Failed(String),
}

/// What is called with a command's outcome, once. It must not block.
pub type Done = Box<dyn FnOnce(Result<Carried, CommandError>) + Send + Sync>;

/// Carries a command out without the device's task: name, checked parameters, deadline, and whom to tell. Whoever asks counts the
/// deadline itself: when a peer never answers, nobody is told.
pub type Direct = Arc<dyn Fn(&str, &Values, Instant, Done) + Send + Sync>;

/// One running device.
pub struct Device {
    /// What the site says of it.
    pub site: Arc<SiteDevice>,
    /// Its driver.
    pub manifest: Arc<Manifest>,
    /// Where its values are.
    pub slots: Arc<DeviceSlots>,
    /// How its task is.
    pub state: watch::Receiver<UnitState>,
    commands: Sender<DeviceCommand>,
    direct: Option<Direct>,
    shutdown: Shutdown,
}

impl Device {
    fn fault(&self) -> Option<CommandError> {
        match &*self.state.borrow() {
            UnitState::Waiting { why, .. } => {
                Some(CommandError::Failed(format!("the device is faulted: {why}")))
            }
            _ => None,
        }
    }

    /// The device's direct way, where it has one.
    pub fn direct(&self) -> Option<Result<&Direct, CommandError>> {
        let direct = self.direct.as_ref()?;
        Some(self.fault().map_or(Ok(direct), Err))
    }

    /// Hands a command to the device's task and waits for how far it came.
    pub async fn carry_out(
        &self,
        name: &str,
        params: Values,
        deadline: Instant,
    ) -> Result<Carried, CommandError> {
        let (reply, outcome) = oneshot::channel();
        match self.direct() {
            Some(direct) => {
                direct?(name, &params, deadline, Box::new(move |outcome| drop(reply.send(outcome))))
            }
            None => self.queue(DeviceCommand { name: name.to_owned(), params, deadline, reply })?,
        }
        match tokio::time::timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(CommandError::Failed("the device's driver was restarted meanwhile".into())),
            Err(_) => Err(CommandError::Failed("the device did not take it before the deadline".into())),
        }
    }

    fn queue(&self, command: DeviceCommand) -> Result<(), CommandError> {
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        self.commands.try_send(command).map_err(|error| match error {
            Refused::Full => {
                CommandError::Failed(format!("{COMMANDS_WAITING} commands already wait for this device"))
            }
            Refused::Closed => CommandError::Failed("the device was taken out of service".into()),
        })
    }

    /// A name for people.
    pub fn title(&self) -> &str {
        if self.site.name.is_empty() { &self.site.address } else { &self.site.name }
    }
}

/// The commands waiting for a device; they outlive a restart of its task.
pub type CommandQueue = Arc<Mutex<Receiver<DeviceCommand>>>;

/// The same devices, by what they are asked for.
#[derive(Default)]
struct Running {
    by_id: HashMap<DeviceId, Arc<Device>>,
    by_address: HashMap<SystemId, HashMap<String, Arc<Device>>>,
}

/// All running devices.
#[derive(Default)]
pub struct Devices {
    running: RwLock<Running>,
}

impl Devices {
    /// Starts a device: `task` is run, and run again with back-off when it returns an error or panics. Commands go to `direct` where
    /// it has that, else to the task.
    #[allow(clippy::too_many_arguments, reason = "what a device is made of, each of another type")]
    pub fn start<F, Fut>(
        &self,
        shutdown: &Shutdown,
        board: &Arc<Board>,
        site: Arc<SiteDevice>,
        manifest: Arc<Manifest>,
        slots: Arc<DeviceSlots>,
        direct: Option<Direct>,
        mut task: F,
    ) -> Arc<Device>
    where
        F: FnMut(CommandQueue, Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let shutdown = shutdown.child();
        let (commands, queue) = mailbox(COMMANDS_WAITING);
        let queue = Arc::new(Mutex::new(queue));
        let (board, faulted) = (board.clone(), slots.clone());
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let name = format!("device {}", site.address);
        let state = supervise(&shutdown, name, backoff, move |shutdown| {
            let (board, faulted) = (board.clone(), faulted.clone());
            // Not an async block around it: that has room for the task twice.
            AssertUnwindSafe(task(queue.clone(), shutdown)).catch_unwind().map(move |ended| {
                let ended =
                    ended.unwrap_or_else(|panic| Err(format!("its driver panicked: {}", said(&*panic))));
                if let Err(why) = &ended {
                    board.set_online(&faulted, false);
                    board.fail_device(&faulted, &Reason::DriverFault(why.as_str().into()));
                }
                ended
            })
        });
        let device = Arc::new(Device { site, manifest, slots, state, commands, direct, shutdown });
        let mut running = self.write();
        let system = running.by_address.entry(device.site.system).or_default();
        system.insert(device.site.address.clone(), device.clone());
        running.by_id.insert(device.site.id, device.clone());
        drop(running);
        device
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Running> {
        self.running.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops a device and waits for its task, so that its place on the board is free afterwards.
    pub async fn stop(&self, id: DeviceId, within: Duration) -> bool {
        let Some(device) = self.remove(id) else { return true };
        device.shutdown.signal();
        let mut state = device.state.clone();
        let ended = tokio::time::timeout(within, state.wait_for(|state| *state == UnitState::Ended)).await;
        ended.is_ok()
    }

    fn remove(&self, id: DeviceId) -> Option<Arc<Device>> {
        let mut running = self.write();
        let device = running.by_id.remove(&id)?;
        if let Some(system) = running.by_address.get_mut(&device.site.system)
            // A device that took over its address may be there already.
            && system.get(&device.site.address).is_some_and(|there| there.site.id == id)
        {
            system.remove(&device.site.address);
        }
        Some(device)
    }

    /// A device by its id.
    pub fn get(&self, id: DeviceId) -> Option<Arc<Device>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    /// A device by its address in a system.
    pub fn at(&self, system: SystemId, address: &str) -> Option<Arc<Device>> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.by_address.get(&system)?.get(address).cloned()
    }

    /// All devices, by address.
    pub fn all(&self) -> Vec<Arc<Device>> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = running.by_id.values().cloned().collect();
        all.sort_by(|a, b| (a.site.system, &a.site.address).cmp(&(b.site.system, &b.site.address)));
        all
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// What every device's task gets.
#[derive(Clone)]
pub struct DeviceContext {
    /// What the site says of it.
    pub site: Arc<SiteDevice>,
    /// Its driver.
    pub manifest: Arc<Manifest>,
    /// Where its values go.
    pub board: Arc<Board>,
    /// Where its values are.
    pub slots: Arc<DeviceSlots>,
    /// Time.
    pub clock: SharedClock,
    /// Memory across restarts.
    pub store: crate::store::Store,
}
