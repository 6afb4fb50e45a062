//! The device's surroundings in a transcript: links that answer from the script, a system of named values, a
//! sink that remembers, and a clock that follows virtual time.

use crate::device::DeviceConfig;
use crate::error::CommandError;
use crate::links::{Links, Neighbour, Reading, Reply, System};
use crate::sink::{DeviceState, Level, Sink};
use bo_link::{
    BytesOp, BytesReply, Health, HttpReply, HttpRequest, Inbox, ModbusOp, ModbusReply, MqttOp, queue,
};
use bo_model::clock::{Clock, SharedClock};
use bo_model::driver::{Grant, LinkKind, Manifest};
use bo_model::settings::Values;
use bo_model::{Data, DeviceId, IdGen, Reason, Time, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// What a transcript gives the device under test.
#[derive(Clone)]
pub struct Bench {
    /// Its id, address and settings.
    pub config: DeviceConfig,
    /// Links of the kind its manifest wants.
    pub links: Links,
    /// Where it publishes.
    pub sink: Arc<dyn Sink>,
    /// Virtual time.
    pub clock: SharedClock,
}

/// The other ends.
pub(super) struct Ends {
    pub(super) bytes: Inbox<BytesOp, BytesReply>,
    pub(super) modbus: Inbox<ModbusOp, ModbusReply>,
    pub(super) mqtt: Inbox<MqttOp, ()>,
    pub(super) http: Inbox<HttpRequest, HttpReply>,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) heard: Arc<Heard>,
    pub(super) room: Arc<Room>,
    _health: [watch::Sender<Health>; 4],
}

/// Sets the surroundings up.
pub(super) fn bench(manifest: &Manifest, settings: &Values, devices: &[(String, String)]) -> (Bench, Ends) {
    const ROOM: usize = 64;
    let (bytes, bytes_end, bytes_health) = queue(ROOM);
    let (modbus, modbus_end, modbus_health) = queue(ROOM);
    let (mqtt, mqtt_end, mqtt_health) = queue(ROOM);
    let (http, http_end, http_health) = queue(ROOM);
    let (caller, calls) = mpsc::channel(ROOM);
    let heard = Arc::new(Heard::default());
    let room = Arc::new(Room { devices: devices.to_vec(), caller, state: Mutex::default() });
    let kind = manifest.link.kind;
    let has_system = manifest.component.as_ref().is_some_and(|c| c.grants.contains(&Grant::System));
    let links = Links {
        bytes: (kind == LinkKind::Bytes).then_some(bytes),
        modbus: (kind == LinkKind::Modbus).then_some(modbus),
        mqtt: (kind == LinkKind::Mqtt).then_some(mqtt),
        http: (kind == LinkKind::Http).then_some(http),
        system: has_system.then(|| room.clone() as Arc<dyn System>),
    };
    let clock = Arc::new(VirtualClock(Instant::now()));
    let config = DeviceConfig {
        id: IdGen::new(clock.clone(), 1).make(),
        address: format!("{}_1", manifest.driver.module),
        settings: settings.clone(),
    };
    let bench = Bench { config, links, sink: heard.clone(), clock };
    let health = [bytes_health, modbus_health, mqtt_health, http_health];
    let ends = Ends {
        bytes: bytes_end,
        modbus: modbus_end,
        mqtt: mqtt_end,
        http: http_end,
        calls,
        heard,
        room,
        _health: health,
    };
    (bench, ends)
}

/// A clock that moves with Tokio's.
struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Time {
        Time::from_seconds(1_750_000_000).after(self.0.elapsed())
    }
}

/// Everything the device said.
#[derive(Default)]
pub(super) struct Heard(Mutex<Said>);

#[derive(Default)]
pub(super) struct Said {
    pub(super) statuses: BTreeMap<String, Value>,
    pub(super) log: Vec<(Level, String)>,
    pub(super) state: Option<DeviceState>,
}

impl Heard {
    pub(super) fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Heard {
    fn publish(&self, _: DeviceId, status: &Arc<str>, value: Value) {
        self.said().statuses.insert(status.to_string(), value);
    }

    fn state(&self, _: DeviceId, state: DeviceState) {
        self.said().state = Some(state);
    }

    fn log(&self, _: DeviceId, level: Level, message: &str) {
        self.said().log.push((level, message.to_owned()));
    }
}

/// A command to a neighbour, waiting for the script's answer.
pub(super) struct Call {
    pub(super) device: String,
    pub(super) name: String,
    pub(super) params: Values,
    pub(super) reply: oneshot::Sender<Result<(), CommandError>>,
}

/// The other devices of the system.
pub(super) struct Room {
    devices: Vec<(String, String)>,
    caller: mpsc::Sender<Call>,
    state: Mutex<RoomState>,
}

#[derive(Default)]
struct RoomState {
    values: BTreeMap<(String, String), Value>,
    watched: Vec<(String, String)>,
    fresh: Vec<(String, String)>,
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, RoomState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a neighbour's value; the changes the device has to be told are in [`Room::take_fresh`].
    pub(super) fn set(&self, device: &str, name: &str, json: Option<serde_json::Value>, now: Time) {
        let value = match json {
            Some(json) => Value::good(Data::from_json(json), now),
            None => Value::bad(Reason::Offline, now),
        };
        let key = (device.to_owned(), name.to_owned());
        let mut state = self.lock();
        state.values.insert(key.clone(), value);
        if state.watched.contains(&key) {
            state.fresh.push(key);
        }
    }

    /// Whether there is something to tell.
    pub(super) fn has_fresh(&self) -> bool {
        !self.lock().fresh.is_empty()
    }

    /// Watched values the device has not been told yet.
    pub(super) fn take_fresh(&self) -> Vec<(String, String, Value)> {
        let mut state = self.lock();
        let fresh = std::mem::take(&mut state.fresh);
        fresh
            .into_iter()
            .filter_map(|key| state.values.get(&key).cloned().map(|value| (key.0, key.1, value)))
            .collect()
    }
}

impl System for Room {
    fn devices(&self) -> Vec<Neighbour> {
        let devices = self.devices.iter().cloned();
        devices.map(|(address, module)| Neighbour { address, module }).collect()
    }

    fn status(&self, address: &str, name: &str) -> Option<Reading> {
        let value = self.lock().values.get(&(address.to_owned(), name.to_owned())).cloned()?;
        Some(Reading { value })
    }

    fn watch(&self, _: DeviceId, address: &str, name: &str) -> Result<(), String> {
        if !self.devices.iter().any(|(known, _)| known == address) {
            return Err(format!("there is no device `{address}` in this system"));
        }
        let key = (address.to_owned(), name.to_owned());
        let mut state = self.lock();
        if state.values.contains_key(&key) {
            state.fresh.push(key.clone());
        }
        if !state.watched.contains(&key) {
            state.watched.push(key);
        }
        Ok(())
    }

    fn command<'a>(
        &'a self,
        _: DeviceId,
        address: &'a str,
        name: &'a str,
        params: Values,
        within: Duration,
    ) -> Reply<'a> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let call = Call { device: address.to_owned(), name: name.to_owned(), params, reply };
            let gone = || CommandError::Failed("the transcript is over".into());
            self.caller.try_send(call).map_err(|_| gone())?;
            match tokio::time::timeout(within, answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(gone()),
                Err(_) => Err(CommandError::TimedOut("the neighbour".into())),
            }
        })
    }
}
