//! What a logic device sees of its system: the other devices, their values, and commands to them through the
//! one pipeline, with the device as the actor.

use super::Devices;
use crate::board::{Board, SlotIx};
use crate::commands::Commands;
use bo_driver_host::{CommandError, Neighbour, Reading, System};
use bo_model::clock::SharedClock;
use bo_model::command::{Actor, CommandRequest, Priority, Stage};
use bo_model::settings::Values;
use bo_model::{DeviceId, SystemId, Value};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A variable a driver wants to be told about.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The neighbour.
    pub address: String,
    /// The variable.
    pub name: String,
    /// Where it is.
    pub slot: SlotIx,
    /// What it shows now.
    pub value: Value,
}

/// One system as its own devices may see it.
pub struct Neighbours {
    /// The system.
    pub system: SystemId,
    /// All devices.
    pub devices: Arc<Devices>,
    /// All values.
    pub board: Arc<Board>,
    /// The one way to change a device.
    pub commands: Commands,
    /// Time.
    pub clock: SharedClock,
}

impl Neighbours {
    /// As one device sees it; what it watches goes to `watches`.
    pub fn seen_by(self: &Arc<Self>, asker: DeviceId, watches: mpsc::Sender<Watch>) -> Arc<View> {
        Arc::new(View { all: self.clone(), asker, watches })
    }
}

/// A device's view of its system.
pub struct View {
    all: Arc<Neighbours>,
    asker: DeviceId,
    watches: mpsc::Sender<Watch>,
}

impl System for View {
    fn devices(&self) -> Vec<Neighbour> {
        let all = self.all.devices.all();
        let others =
            all.iter().filter(|device| device.site.system == self.all.system && device.site.id != self.asker);
        others
            .map(|device| Neighbour {
                address: device.site.address.clone(),
                module: device.manifest.driver.module.clone(),
            })
            .collect()
    }

    fn status(&self, address: &str, name: &str) -> Option<Reading> {
        let device = self.all.devices.at(self.all.system, address)?;
        let value = self.all.board.get(device.slots.slot(name)?)?;
        Some(Reading { value })
    }

    fn watch(&self, _: DeviceId, address: &str, name: &str) -> Result<(), String> {
        let device = self
            .all
            .devices
            .at(self.all.system, address)
            .ok_or_else(|| format!("there is no device {address} in this system"))?;
        let slot =
            device.slots.slot(name).ok_or_else(|| format!("{address} has no status variable `{name}`"))?;
        let value = self.all.board.get(slot).ok_or_else(|| format!("{address} has just left"))?;
        let watch = Watch { address: address.to_owned(), name: name.to_owned(), slot, value };
        self.watches.try_send(watch).map_err(|_| "too many variables are watched".to_owned())
    }

    fn command<'a>(
        &'a self,
        asker: DeviceId,
        address: &'a str,
        name: &'a str,
        params: Values,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<(), CommandError>> + Send + 'a>> {
        Box::pin(async move {
            let device = self.all.devices.at(self.all.system, address).ok_or_else(|| {
                CommandError::Refused(format!("there is no device {address} in this system"))
            })?;
            let request = CommandRequest {
                id: self.all.commands.id(),
                device: device.site.id,
                command: name.to_owned(),
                params,
                actor: Actor::Driver { device: asker },
                priority: Priority::Trigger,
                deadline: self.all.clock.now().after(within),
                lease: None,
                reason: None,
            };
            let mut stage = self.all.commands.submit(request);
            // "The device accepted it" is enough; whether the effect shows is the logic device's own business.
            let reached = stage
                .wait_for(|stage| stage.is_final() || *stage == Stage::Written || *stage == Stage::ReadBack);
            let reached = reached.await.map(|stage| stage.clone());
            match reached {
                Ok(Stage::Refused { why }) => Err(CommandError::Refused(why)),
                Ok(Stage::Failed { why }) => Err(CommandError::Failed(why)),
                Ok(Stage::TimedOut { waiting_for }) => Err(CommandError::TimedOut(waiting_for)),
                Ok(_) => Ok(()),
                Err(_) => Err(CommandError::Failed("the agent is shutting down".into())),
            }
        })
    }
}
