//! The endpoints that are open. A link outlives the devices and drivers on it: a release that leaves it as it
//! was keeps its socket.

use bo_link::{Handle, Health, ModbusOp, ModbusReply};
use bo_model::clock::SharedClock;
use bo_model::driver::Manifest;
use bo_model::release::LinkConfig;
use bo_runtime::Shutdown;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One open endpoint, by what it speaks.
#[derive(Clone)]
pub enum Link {
    /// Modbus.
    Modbus(Handle<ModbusOp, ModbusReply>),
}

struct Open {
    config: LinkConfig,
    link: Link,
    shutdown: Shutdown,
}

/// All open links, by name.
pub struct Links {
    open: Mutex<BTreeMap<String, Open>>,
    clock: SharedClock,
    shutdown: Shutdown,
}

impl Links {
    /// None is open.
    pub fn new(clock: SharedClock, shutdown: Shutdown) -> Links {
        Links { open: Mutex::default(), clock, shutdown }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link of that name, opened when it is not; `manifest` is of the driver that wants it. The error is a
    /// sentence about the configuration: an endpoint that can't be reached is no error here.
    pub fn open(&self, name: &str, config: &LinkConfig, _manifest: &Manifest) -> Result<Link, String> {
        let mut open = self.lock();
        if let Some(known) = open.get(name) {
            return Ok(known.link.clone());
        }
        let shutdown = self.shutdown.child();
        let link = match config {
            LinkConfig::ModbusTcp { .. } | LinkConfig::ModbusRtu { .. } => {
                bo_link_modbus::spawn(config, self.clock.clone(), &shutdown)
                    .map(Link::Modbus)
                    .map_err(|error| format!("link {name}: {error}"))?
            }
            _ => return Err(format!("link {name}: this kind of link is not served yet")),
        };
        open.insert(name.to_owned(), Open { config: config.clone(), link: link.clone(), shutdown });
        Ok(link)
    }

    /// Closes the links that are not wanted any more, or not as they are.
    pub fn close_others(&self, wanted: &BTreeMap<String, LinkConfig>) {
        self.lock().retain(|name, open| {
            let stays = wanted.get(name) == Some(&open.config);
            if !stays {
                open.shutdown.signal();
            }
            stays
        });
    }

    /// Every link's health, by name.
    pub fn health(&self) -> Vec<(String, Health)> {
        self.lock().iter().map(|(name, open)| (name.clone(), open.link.health().borrow().clone())).collect()
    }
}

impl Link {
    /// How it is.
    pub fn health(&self) -> watch::Receiver<Health> {
        match self {
            Link::Modbus(handle) => handle.health(),
        }
    }
}
