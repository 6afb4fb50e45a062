//! What the tests of this crate share: a host, a sink that remembers, and drivers written as WebAssembly text.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use bo_driver_host::{
    Device, DeviceConfig, DeviceState, Engine, Error, Fault, Level, Links, Loaded, Package, Sink,
};
use bo_link::{Health, Inbox, MqttOp};
use bo_model::{DeviceId, IdGen, SystemClock, Value};
pub use bo_testkit::guest::Guest;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A driver whose component must have been built.
pub fn load(folder: &Path) -> Package {
    Package::load_folder(folder)
        .unwrap_or_else(|error| panic!("{error}\nbuild the drivers first: cargo xtask drivers"))
}

fn package(guest: &Guest) -> Package {
    let files = BTreeMap::from([
        ("driver.toml".to_owned(), guest.manifest("guest").into_bytes()),
        ("component.wasm".to_owned(), guest.component().unwrap()),
    ]);
    Package::from_packed(&bo_driver_host::pack(&files).unwrap()).unwrap()
}

/// The far end of a link on which nobody answers.
pub type SilentLink = (Inbox<MqttOp, ()>, watch::Sender<Health>);

/// An engine.
pub struct Host {
    engine: Engine,
}

impl Host {
    pub fn new() -> Host {
        Host { engine: Engine::new(None).unwrap() }
    }

    pub fn cached(directory: &Path) -> Host {
        Host { engine: Engine::new(Some(directory)).unwrap() }
    }

    pub fn load(&self, guest: &Guest) -> Result<Arc<Loaded>, Error> {
        self.engine.load(&package(guest))
    }

    /// Starts a device and waits until it runs.
    pub async fn spawn(&self, guest: &Guest) -> (Device, Arc<Heard>) {
        let (device, heard) = self.spawn_unchecked(guest);
        heard.state(|state| *state == DeviceState::Running).await;
        (device, heard)
    }

    pub fn spawn_unchecked(&self, guest: &Guest) -> (Device, Arc<Heard>) {
        self.spawn_on(guest, Links::default())
    }

    /// With an MQTT link on which nobody answers.
    pub fn spawn_with_mqtt(&self, guest: &Guest) -> (Device, Arc<Heard>, SilentLink) {
        let (mqtt, inbox, health) = bo_link::queue(1024);
        let (device, heard) = self.spawn_on(guest, Links { mqtt: Some(mqtt), ..Links::default() });
        (device, heard, (inbox, health))
    }

    fn spawn_on(&self, guest: &Guest, links: Links) -> (Device, Arc<Heard>) {
        let package = package(guest);
        let loaded = self.engine.load(&package).unwrap();
        let clock = Arc::new(SystemClock);
        let config = DeviceConfig {
            id: IdGen::new(clock.clone(), 1).make(),
            address: "Guest_1".into(),
            settings: Default::default(),
        };
        let heard = Arc::new(Heard::new());
        (Device::spawn(&self.engine, &package, loaded, config, links, heard.clone(), clock), heard)
    }
}

/// Remembers what a device said.
pub struct Heard {
    states: watch::Sender<Vec<DeviceState>>,
    values: Mutex<BTreeMap<String, Value>>,
    lines: Mutex<usize>,
    published: Mutex<usize>,
}

impl Heard {
    fn new() -> Heard {
        Heard {
            states: watch::Sender::new(Vec::new()),
            values: Mutex::default(),
            lines: Mutex::default(),
            published: Mutex::default(),
        }
    }

    /// Waits for a state, counted from the beginning.
    pub async fn state(&self, wanted: impl Fn(&DeviceState) -> bool) -> DeviceState {
        let mut states = self.states.subscribe();
        let seen = states.wait_for(|states| states.iter().any(&wanted));
        let seen = tokio::time::timeout(std::time::Duration::from_secs(300), seen).await;
        let seen = seen.expect("the state in time").unwrap();
        seen.iter().rfind(|state| wanted(state)).unwrap().clone()
    }

    pub async fn fault(&self) -> Fault {
        match self.state(|state| matches!(state, DeviceState::Faulted { .. })).await {
            DeviceState::Faulted { fault, .. } => fault,
            _ => unreachable!(),
        }
    }

    pub fn value(&self, name: &str) -> Option<Value> {
        self.values.lock().unwrap().get(name).cloned()
    }

    pub fn shows(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.quality.is_good())
    }

    pub fn published(&self) -> usize {
        *self.published.lock().unwrap()
    }

    pub fn lines(&self) -> usize {
        *self.lines.lock().unwrap()
    }
}

impl Sink for Heard {
    fn publish(&self, _: DeviceId, status: &Arc<str>, value: Value) {
        *self.published.lock().unwrap() += 1;
        self.values.lock().unwrap().insert(status.to_string(), value);
    }

    fn state(&self, _: DeviceId, state: DeviceState) {
        self.states.send_modify(|states| states.push(state));
    }

    fn log(&self, _: DeviceId, _: Level, _: &str) {
        *self.lines.lock().unwrap() += 1;
    }
}
