//! Starting one device of a site: its place on the board, its link, and the task its driver asks for. What can't be started
//! shows why, and is tried again: the certificate its link names may be put there any time.

use super::Agent;
use crate::board::DeviceSlots;
use crate::devices::both::{self, Parts};
use crate::devices::component::{self, Host, Reach};
use crate::devices::modbus::{Kept, Memory};
use crate::devices::neighbours::Neighbours;
use crate::devices::{CommandQueue, DeviceContext, modbus, mqtt};
use crate::links::Link;
use crate::site::{Desired, Driver};
use bo_driver_host::Engine;
use bo_model::driver::{Grant, Manifest};
use bo_model::release::SiteDevice;
use bo_model::{DeviceId, Reason};
use bo_runtime::Shutdown;
use std::sync::{Arc, PoisonError};

impl Agent {
    pub(super) async fn start_device(
        &self,
        desired: &Desired,
        device: &Arc<SiteDevice>,
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
        let started = self.launch(desired, device, driver, memory, &slots).await;
        if let Err(why) = &started {
            self.stand_in(device, driver, slots, why);
        }
        started
    }

    /// Keeps the place of a device that can't be started, as a faulted one that is started anew with back-off.
    fn stand_in(&self, device: &Arc<SiteDevice>, driver: &Driver, slots: Arc<DeviceSlots>, why: &str) {
        let (agent, id, mut known) = (self.me.clone(), device.id, Some(why.to_owned()));
        let (site, manifest) = (device.clone(), driver.manifest.clone());
        self.devices.start(&self.shutdown, &self.board, site, manifest, slots, None, move |_, _| {
            let (agent, known) = (agent.clone(), known.take());
            async move {
                match (known, agent.upgrade()) {
                    (Some(why), _) => Err(why),
                    (None, Some(agent)) => agent.launch_anew(id).await,
                    (None, None) => Ok(()),
                }
            }
        });
    }

    /// Starts a device in place of the one that stands in for it.
    async fn launch_anew(&self, id: DeviceId) -> Result<(), String> {
        // A switch that is under way waits for devices to end; it must not be waited for here.
        let Ok(running) = self.running.try_lock() else { return Err("the configuration changes".into()) };
        let (Some(device), Some(stand_in)) = (running.device(id), self.devices.get(id)) else {
            return Ok(());
        };
        let Some(driver) = running.drivers.get(&device.driver) else { return Ok(()) };
        let memory = Memory::load(&self.state).map_err(|error| error.to_string())?;
        self.launch(&running, device, driver, &memory, &stand_in.slots).await
    }

    async fn launch(
        &self,
        desired: &Desired,
        device: &Arc<SiteDevice>,
        driver: &Driver,
        memory: &Memory,
        slots: &Arc<DeviceSlots>,
    ) -> Result<(), String> {
        let (manifest, slots) = (driver.manifest.clone(), slots.clone());
        let link = match &device.link {
            None => None,
            Some(name) => {
                let config =
                    desired.site.links.get(name).ok_or_else(|| format!("there is no [link.{name}]"))?;
                Some(self.links.open(name, config, &manifest.link).await?)
            }
        };
        let site = device.clone();
        let context = DeviceContext {
            site: site.clone(),
            manifest: manifest.clone(),
            board: self.board.clone(),
            slots: slots.clone(),
            clock: self.clock.clone(),
            store: self.store.clone(),
        };
        // What starts from here on runs aside: components compute, and nobody's rule waits for them.
        let _aside = manifest.component.is_some().then(|| self.aside.enter());
        let (devices, shutdown, board) = (&self.devices, &self.shutdown, &self.board);
        match link {
            Some(link) if manifest.component.is_some() && is_profile(&manifest, &link) => {
                let kept = memory.of(device.id);
                let mut host = self.host(driver, device, Some(link.clone()))?;
                host.parts = Some(Arc::new(Parts::of(&context)));
                let described = manifest.clone();
                devices.start(shutdown, board, site, manifest, slots, None, move |queue, shutdown| {
                    let (context, host, kept, link) =
                        (context.clone(), host.clone(), kept.clone(), link.clone());
                    let beside = context.clone();
                    both::run(
                        described.clone(),
                        queue,
                        shutdown,
                        move |queue, shutdown| profile(context, kept, link, queue, shutdown),
                        move |queue, shutdown| component::run(beside, host, queue, shutdown),
                    )
                });
            }
            link if manifest.component.is_some() => {
                let host = self.host(driver, device, link)?;
                devices.start(shutdown, board, site, manifest, slots, None, move |queue, shutdown| {
                    component::run(context.clone(), host.clone(), queue, shutdown)
                });
            }
            Some(Link::Modbus(handle)) if manifest.modbus.is_some() => {
                let kept = memory.of(device.id);
                devices.start(shutdown, board, site, manifest, slots, None, move |queue, shutdown| {
                    modbus::run(context.clone(), kept.clone(), handle.clone(), queue, shutdown)
                });
            }
            Some(Link::Mqtt(link)) if manifest.mqtt.is_some() => {
                let direct = mqtt::direct(&context, &link);
                devices.start(
                    shutdown,
                    board,
                    site,
                    manifest,
                    slots,
                    Some(direct),
                    move |queue, shutdown| mqtt::run(context.clone(), link.clone(), queue, shutdown),
                );
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
            parts: None,
        })
    }

    /// The component engine, made when the first component needs it: a site of profiles does without.
    fn engine(&self) -> Result<Engine, String> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*engine {
            return Ok(engine.clone());
        }
        Engine::new(Some(&self.config.data.join("components")))
            .map(|made| engine.insert(made).clone())
            .map_err(|error| error.to_string())
    }
}

/// The driver describes a device on this link by data.
fn is_profile(manifest: &Manifest, link: &Link) -> bool {
    match link {
        Link::Modbus(_) => manifest.modbus.is_some(),
        Link::Mqtt(_) => manifest.mqtt.is_some(),
        Link::Bytes(_) | Link::Http(_) => false,
    }
}

async fn profile(
    context: DeviceContext,
    kept: Kept,
    link: Link,
    queue: CommandQueue,
    shutdown: Shutdown,
) -> Result<(), String> {
    match link {
        Link::Modbus(handle) => modbus::run(context, kept, handle, queue, shutdown).await,
        Link::Mqtt(link) => mqtt::run(context, link, queue, shutdown).await,
        Link::Bytes(_) | Link::Http(_) => Err("no profile speaks on this link".into()),
    }
}
