//! What a component costs: compile, load, instantiate, call, event → status, memory per device. Run it in a release
//! build, with the drivers built:
//!
//! ```text
//! cargo run --release -p bo-driver-host --example wasm_bench -- drivers/pjlink-display
//! ```
//!
//! Prints a table, and JSON with `--json`. The CPU time is this process's own, so links and clients are part of it;
//! there are none of either here but the one in-process handle.

use bo_driver_host::{
    Device, DeviceConfig, DeviceState, Engine, EngineConfig, Event, Level, Links, Package, Sink,
};
use bo_link::{BytesOp, BytesReply};
use bo_model::{DeviceId, IdGen, SystemClock, Value};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Devices for the memory figure.
const DEVICES: usize = 1000;
/// Events for the event → status figure.
const EVENTS: u64 = 50_000;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "drivers/av-switcher".into());
    let as_json = std::env::args().any(|word| word == "--json");
    let package = Package::load_folder(Path::new(&folder))?;
    let cache = tempfile::tempdir()?;
    let config = EngineConfig { cache: Some(cache.path().to_owned()), instances: DEVICES as u32 + 8 };

    let engine = Engine::new(&config)?;
    let compile = timed(|| engine.load(&package).map(drop))?;
    let fresh = Engine::new(&config)?;
    let load = timed(|| fresh.load(&package).map(drop))?;
    let loaded = fresh.load(&package)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rows = vec![
        ("cold compile ms", compile.as_secs_f64() * 1e3),
        ("load from disk ms", load.as_secs_f64() * 1e3),
    ];
    runtime.block_on(async {
        let before = resident_kib();
        let cpu = cpu_time();
        let heard = Arc::new(Heard::default());
        let mut devices = Vec::new();
        for index in 0..DEVICES {
            devices.push(spawn(&fresh, &package, loaded.clone(), heard.clone(), index as u64));
        }
        heard.until(|heard| heard.running.load(Ordering::SeqCst) >= DEVICES as u64).await;
        let start_us = (cpu_time() - cpu).as_secs_f64() * 1e6 / DEVICES as f64;
        rows.push(("start a device, CPU µs", start_us));
        rows.push(("memory per device, KiB", (resident_kib() - before) as f64 / DEVICES as f64));

        let (device, _link) = &devices[0];
        let frame: bytes::Bytes = "ROUTE 1 3".into();
        // One in flight: from the event to the status variable in the sink, hops between tasks included.
        let (cpu, wall) = (cpu_time(), Instant::now());
        for _ in 0..EVENTS / 10 {
            let seen = heard.published.load(Ordering::SeqCst);
            device.event(Event::Frame(frame.clone()));
            heard.until(|heard| heard.published.load(Ordering::SeqCst) > seen).await;
        }
        let single = EVENTS as f64 / 10.0;
        rows.push(("event → status, one in flight, CPU µs", (cpu_time() - cpu).as_secs_f64() * 1e6 / single));
        rows.push(("event → status, one in flight, wall µs", wall.elapsed().as_secs_f64() * 1e6 / single));
        // Spread over the devices and fast: what one event costs when the hops are shared.
        let (cpu, wall, first) = (cpu_time(), Instant::now(), heard.published.load(Ordering::SeqCst));
        for index in 0..EVENTS {
            let (device, _) = &devices[index as usize % DEVICES];
            while !device.event(Event::Frame(frame.clone())) {
                tokio::task::yield_now().await;
            }
        }
        heard.until(|heard| heard.published.load(Ordering::SeqCst) >= first + EVENTS).await;
        rows.push((
            "event → status, many in flight, CPU µs",
            (cpu_time() - cpu).as_secs_f64() * 1e6 / EVENTS as f64,
        ));
        rows.push(("events a second", EVENTS as f64 / wall.elapsed().as_secs_f64()));
        for (device, _) in devices {
            device.stop().await;
        }
    });
    rows.push(("process, KiB", resident_kib() as f64));

    if as_json {
        let object: serde_json::Map<_, _> =
            rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        for (name, value) in rows {
            println!("{name:42} {value:12.2}");
        }
    }
    Ok(())
}

type Link = (bo_link::Inbox<BytesOp, BytesReply>, tokio::sync::watch::Sender<bo_link::Health>);

fn spawn(
    engine: &Engine,
    package: &Package,
    loaded: Arc<bo_driver_host::Loaded>,
    heard: Arc<Heard>,
    index: u64,
) -> (Device, Link) {
    let clock = Arc::new(SystemClock);
    let (bytes, inbox, health) = bo_link::queue(8);
    let config = DeviceConfig {
        id: IdGen::new(clock.clone(), index).make(),
        address: format!("Switcher_{index}"),
        settings: Default::default(),
    };
    let links = Links { bytes: Some(bytes), ..Links::default() };
    (Device::spawn(engine, package, loaded, config, links, heard, clock), (inbox, health))
}

/// Counts.
#[derive(Default)]
struct Heard {
    running: AtomicU64,
    published: AtomicU64,
    changed: Notify,
}

impl Heard {
    async fn until(&self, done: impl Fn(&Heard) -> bool) {
        loop {
            let changed = self.changed.notified();
            if done(self) {
                return;
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), changed).await;
        }
    }
}

impl Sink for Heard {
    fn publish(&self, _: DeviceId, _: &Arc<str>, _: Value) {
        self.published.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn state(&self, _: DeviceId, state: DeviceState) {
        if state == DeviceState::Running {
            self.running.fetch_add(1, Ordering::SeqCst);
            self.changed.notify_waiters();
        }
    }

    fn log(&self, _: DeviceId, _: Level, message: &str) {
        eprintln!("{message}");
    }
}

fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed())
}

/// CPU time of this process, user and system, from `/proc/self/stat` (fields 14 and 15, in ticks of 10 ms).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of this process, from `/proc/self/status`.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
