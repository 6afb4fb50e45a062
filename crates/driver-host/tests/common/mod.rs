//! What the tests of this crate share: a host, a sink that remembers, and drivers written as WebAssembly text.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use bo_driver_host::{
    Device, DeviceConfig, DeviceState, Engine, EngineConfig, Error, Fault, Level, Links, Loaded, Package,
    Sink,
};
use bo_link::{Health, Inbox, MqttOp};
use bo_model::{DeviceId, IdGen, SystemClock, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A driver whose component must have been built.
pub fn load(folder: &Path) -> Package {
    Package::load_folder(folder)
        .unwrap_or_else(|error| panic!("{error}\nbuild the drivers first: cargo xtask drivers"))
}

/// A driver as the bodies of its three functions. Each leaves a pointer to its result: 0 points at zeroed memory,
/// which spells `ok`.
#[derive(Clone, Copy)]
pub struct Guest {
    pub start: &'static str,
    pub handle: &'static str,
    pub command: &'static str,
    pub link: &'static str,
}

impl Guest {
    fn component(&self) -> Vec<u8> {
        let bodies = [self.start, self.handle, self.command].concat();
        let mqtt =
            r#"(import "backoffice:driver/mqtt@0.1.0" "subscribe" (func $subscribe (param i32 i32 i32)))"#;
        let subscribe =
            "(func $mqtt_subscribe (call $subscribe (i32.const 1024) (i32.const 5) (i32.const 2048)))";
        let uses_mqtt = bodies.contains("$mqtt_subscribe");
        let text = format!(
            r#"(module
            (import "backoffice:driver/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            (import "backoffice:driver/host@0.1.0" "publish" (func $publish (param i32 i32 i32 i64 i32)))
            {}
            (memory (export "memory") 1)
            (data (i32.const 1024) "count")
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free)
                (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const 0xfff8))))
            (func $log_line (call $log (i32.const 1) (i32.const 1024) (i32.const 5)))
            (func $publish_count
                (call $publish (i32.const 1024) (i32.const 5) (i32.const 2) (i64.const 7) (i32.const 0)))
            (func $lines (local $left i32) (local.set $left (i32.const 500))
                (loop (call $log_line) (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
            (func $values (local $left i32) (local.set $left (i32.const 500))
                (loop (call $publish_count) (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
            {}
            (func (export "backoffice:driver/device@0.1.0#start") (param i32 i32 i32 i32) (result i32) {})
            (func (export "backoffice:driver/device@0.1.0#handle") {} (result i32) {})
            (func (export "backoffice:driver/device@0.1.0#command") (param i32 i32 i32 i32) (result i32) {}))"#,
            if uses_mqtt { mqtt } else { "" },
            if uses_mqtt { subscribe } else { "" },
            self.start,
            HANDLE_PARAMS,
            self.handle,
            self.command
        );
        let mut module = wat::parse_str(&text).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers/wit/0.1");
        let (package, _) = resolve.push_dir(&wit).unwrap();
        let world = resolve.select_world(&[package], Some("driver")).unwrap();
        let encoding = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
        wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    fn package(&self) -> Package {
        let manifest = format!(
            "[driver]\nname = \"guest\"\nversion = \"1.0.0\"\ntitle = \"Guest\"\nkind = \"hardware\"\nmodule = \"Guest\"\n\
             [link]\nkind = \"{}\"\n[component]\nfile = \"component.wasm\"\nwit = \"0.1\"\nmemory_mib = 4\n\
             [status.count]\ntype = \"integer\"\n[command.go]\n",
            self.link
        );
        let files = BTreeMap::from([
            ("driver.toml".to_owned(), manifest.into_bytes()),
            ("component.wasm".to_owned(), self.component()),
        ]);
        Package::from_packed(&bo_driver_host::pack(&files).unwrap()).unwrap()
    }
}

/// `handle`'s flattened event: its case, and the widest of its payloads.
const HANDLE_PARAMS: &str = "(param i32 i32 i32 i32 i32 i32 i64 i32 i32)";

/// The far end of a link on which nobody answers.
pub type SilentLink = (Inbox<MqttOp, ()>, watch::Sender<Health>);

/// An engine.
pub struct Host {
    engine: Engine,
}

impl Host {
    pub fn new() -> Host {
        Host { engine: Engine::new(&EngineConfig { cache: None, instances: 8 }).unwrap() }
    }

    pub fn cached(directory: &Path) -> Host {
        let config = EngineConfig { cache: Some(directory.to_owned()), instances: 8 };
        Host { engine: Engine::new(&config).unwrap() }
    }

    pub fn load(&self, guest: &Guest) -> Result<Arc<Loaded>, Error> {
        self.engine.load(&guest.package())
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
        let package = guest.package();
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
