//! What a component costs: compile, load, start, event → status, memory per device (`cargo xtask bench --only wasm`).
//!
//! The driver is the shipped `av-switcher`. The processor time is this process's own: whoever hands in the events and
//! hears what is published is part of it.

use bo_driver_host::{Device, DeviceConfig, DeviceState, Engine, Event, Level, Links, Package, Sink};
use bo_link::{BytesOp, BytesReply};
use bo_model::{DeviceId, IdGen, SystemClock, Value};
use bo_testkit::measure::{Figures, own_usage, quick};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Devices for the memory figure.
const DEVICES: usize = 1000;
/// Events for the event → status figure.
const EVENTS: u64 = 200_000;

fn main() -> anyhow::Result<()> {
    let mut figures = Figures::new("wasm");
    let folder = bo_testkit::root().join("drivers/av-switcher");
    let package = Package::load_folder(&folder)?;
    let cache = tempfile::tempdir()?;

    let engine = Engine::new(Some(cache.path()))?;
    let compile = timed(|| engine.load(&package).map(drop))?;
    drop(engine);
    figures.say("compiling a component, wall", compile.as_secs_f64() * 1e3, "ms");
    let fresh = Engine::new(Some(cache.path()))?;
    let load = timed(|| fresh.load(&package).map(drop))?;
    figures.say("loading it compiled, wall", load.as_secs_f64() * 1e3, "ms");
    figures.at_least(
        "compiled before: faster by",
        compile.as_secs_f64() / load.as_secs_f64(),
        "times",
        100.0,
    );
    let loaded = fresh.load(&package)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let (before, cpu) = (own_usage()?.rss_kib, cpu_time()?);
        let heard = Arc::new(Heard::default());
        let mut devices = Vec::new();
        for index in 0..DEVICES {
            devices.push(spawn(&fresh, &package, loaded.clone(), heard.clone(), index as u64));
        }
        heard.until(|heard| heard.running.load(Ordering::SeqCst) >= DEVICES as u64).await;
        figures.say("starting a device, CPU", micros(cpu_time()? - cpu, DEVICES as u64), "µs");
        let grown = own_usage()?.rss_kib - before;
        figures.at_most("memory of 1 000 devices", grown as f64 / 1024.0, "MiB", 80.0);

        let events = if quick() { EVENTS / 10 } else { EVENTS };
        let frame: bytes::Bytes = "ROUTE 1 3".into();
        // One in flight: from the event to the status variable in the sink, hops between tasks included. The devices take turns: what
        // one may publish at once is bounded.
        let (cpu, wall) = (cpu_time()?, Instant::now());
        let single = events / 10;
        for index in 0..single {
            let (device, _) = &devices[index as usize % DEVICES];
            let seen = heard.published.load(Ordering::SeqCst);
            device.event(Event::Frame(frame.clone()));
            heard.until(|heard| heard.published.load(Ordering::SeqCst) > seen).await;
        }
        figures.say("event → status, one in flight, CPU", micros(cpu_time()? - cpu, single), "µs");
        figures.say("event → status, one in flight, wall", micros(wall.elapsed(), single), "µs");
        // Spread over the devices and fast: what one event costs when the hops are shared.
        let (cpu, wall, first) = (cpu_time()?, Instant::now(), heard.published.load(Ordering::SeqCst));
        for index in 0..events {
            let (device, _) = &devices[index as usize % DEVICES];
            while !device.event(Event::Frame(frame.clone())) {
                tokio::task::yield_now().await;
            }
        }
        heard.until(|heard| heard.published.load(Ordering::SeqCst) >= first + events).await;
        figures.at_most("event → status, many in flight, CPU", micros(cpu_time()? - cpu, events), "µs", 5.0);
        figures.say("events", events as f64 / wall.elapsed().as_secs_f64(), "events/s");
        for (device, _) in devices {
            device.stop().await;
        }
        anyhow::Ok(())
    })?;
    figures.print();
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

fn cpu_time() -> anyhow::Result<Duration> {
    Ok(own_usage()?.cpu)
}

fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
