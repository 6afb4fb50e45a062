//! How fast a gateway that was alone for a while hands over what its journal holds: the real journal and uplink, mutual
//! TLS, the real controller, its database. Processor time is of either side (`cargo xtask bench --only catchup`).

mod support;

use anyhow::{Result, ensure};
use bo_model::{DeviceId, Time, Value};
use bo_runtime::Shutdown;
use bo_testkit::measure::{Figures, own_usage, quick};
use bo_wire::{Body, Class, StatusChange};
use std::time::{Duration, Instant};
use support::{POINTS, Size, World, connect, enrolled};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut figures = Figures::new("catchup");
    let records: u64 = if quick() { 30_000 } else { 300_000 };
    for engine in ["sqlite", "postgres"] {
        for gateways in [1, 4] {
            measure(&mut figures, engine, gateways, records / gateways as u64).await?;
        }
    }
    figures.print();
    Ok(())
}

async fn measure(figures: &mut Figures, engine: &str, gateways: usize, records: u64) -> Result<()> {
    let size = Size { gateways, systems: 10, devices: 25 };
    let Some(world) = World::make(engine, size)? else { return Ok(()) };
    let (devices, controller) = (world.devices()?, world.serve()?);
    let mut waiting = Vec::new();
    for (edge, code) in world.codes()? {
        let mine: Vec<DeviceId> = devices.iter().filter(|(_, of)| *of == edge).map(|(id, _)| *id).collect();
        let folder = world.folder.path().join(edge.to_string());
        let (identity, journal) = enrolled(&controller, &folder, &code).await?;
        for number in 0..records {
            while !journal.append(Class::History, Time(number as i64), sample(&mine, number)) {
                tokio::task::yield_now().await;
            }
        }
        journal.append_durable(Class::History, Time(0), sample(&mine, records)).await?;
        waiting.push((identity, journal));
    }
    let (shutdown, before, own) = (Shutdown::new(), controller.usage()?, own_usage()?);
    let started = Instant::now();
    let connected: Vec<_> =
        waiting.into_iter().map(|(identity, journal)| connect(identity, &journal, &shutdown)).collect();
    for gateway in &connected {
        let mut state = gateway.journal.watch();
        let done = state.wait_for(|state| state.backlog() == 0);
        ensure!(
            tokio::time::timeout(Duration::from_secs(60), done).await.is_ok(),
            "the backlog does not end"
        );
    }
    let elapsed = started.elapsed();
    let (after, own_after) = (controller.usage()?, own_usage()?);
    let all = (records + 1) * gateways as u64;
    let of =
        |what: &str| format!("{engine}, {gateways} gateway{}: {what}", if gateways == 1 { "" } else { "s" });
    let micros = |cpu: Duration| cpu.as_secs_f64() * 1e6 / all as f64;
    figures.say(&of("backlog handed over"), all as f64 / elapsed.as_secs_f64(), "records/s");
    figures.say(&of("controller's CPU"), micros(after.cpu - before.cpu), "µs/record");
    figures.say(&of("gateways' CPU"), micros(own_after.cpu - own.cpu), "µs/record");
    figures.say(&of("controller's memory"), after.rss_kib as f64 / 1024.0, "MiB");
    shutdown.drain(Duration::from_secs(5)).await;
    controller.stop()?;
    Ok(())
}

/// Each point of each device in turn, one sample every ten seconds.
fn sample(devices: &[DeviceId], number: u64) -> Body {
    let (points, count) = (POINTS.len() as u64, devices.len() as u64);
    let name = POINTS[(number % points) as usize];
    let device = devices[(number / points % count) as usize];
    let round = number / (points * count);
    let at = Time(1_790_000_000_000_000 + (round * 10_000_000 + number % 7_000) as i64);
    let value = match name {
        "running" | "fault" => Value::good((round / 30).is_multiple_of(2), at),
        _ => Value::good(((round as f64 / 40.0).sin() * 900.0 + (number * 7 % 97) as f64).round() / 10.0, at),
    };
    Body::Status(StatusChange { device, name: name.into(), value })
}
