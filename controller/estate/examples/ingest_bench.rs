//! How many values a second a controller takes in, durably: journal, watermark, live table, then chunks.
//!
//! `cargo run --release -p bo-estate --example ingest_bench -- [DATABASE_URL] [SECONDS] [GATEWAYS]`
//! prints one line of JSON. Without arguments a throw-away SQLite database is used. The load is made before the
//! clock starts; what is measured is what the uplink's handler does, the JSON of the wire left out.

#[path = "../tests/common/mod.rs"]
mod common;

use bo_db::testing::TestDb;
use bo_model::clock::SharedClock;
use bo_model::{DeviceId, EdgeId, SystemClock};
use bo_uplink::Handler;
use bo_wire::{Class, Records};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Values in one batch: a message of about 150 kB.
const BATCH: u64 = 1000;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let engine = arguments.next().unwrap_or_else(|| "sqlite".into());
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let gateways: usize = arguments.next().map_or(Ok(4), |text| text.parse())?;
    let clock: SharedClock = Arc::new(SystemClock);
    let test = match engine.as_str() {
        "postgres" => TestDb::postgres(&common::migrations(), clock.clone())?
            .ok_or_else(|| anyhow::anyhow!("set BO_TEST_POSTGRES to a server's address"))?,
        _ => TestDb::sqlite(&common::migrations(), clock.clone())?,
    };
    let rig = common::bench_rig(test, clock, gateways, 250);
    let registry = rig.estate.registry();
    let mut tasks = Vec::new();
    let started = Instant::now();
    let cpu = cpu_seconds();
    for edge in registry.edges.keys().copied() {
        let devices: Vec<DeviceId> = registry
            .devices
            .values()
            .filter(|entry| entry.edge == edge)
            .map(|entry| entry.device.id)
            .collect();
        let ingest = rig.ingest.clone();
        tasks.push(tokio::spawn(
            async move { send(&ingest, edge, &devices, Duration::from_secs(seconds)).await },
        ));
    }
    let mut values = 0;
    for task in tasks {
        values += task.await??;
    }
    let elapsed = started.elapsed().as_secs_f64();
    let used = cpu_seconds() - cpu;
    let folding = Instant::now();
    let folded = rig.estate.history.flush(&rig.db).await?;
    let folding = folding.elapsed().as_secs_f64();
    let bytes = rig.count("SELECT CAST(COALESCE(sum(length(data)), 0) AS BIGINT) FROM history_chunk");
    println!(
        "{}",
        serde_json::json!({
            "engine": rig.test.engine, "gateways": gateways, "values": values,
            "values_per_second": (values as f64 / elapsed).round(),
            "cpu_us_per_value": used * 1e6 / values as f64,
            "folded_per_second": (folded as f64 / folding).round(),
            "bytes_per_sample": bytes as f64 / folded as f64,
        })
    );
    Ok(())
}

async fn send(
    ingest: &bo_estate::ingest::Ingest,
    edge: EdgeId,
    devices: &[DeviceId],
    limit: Duration,
) -> anyhow::Result<u64> {
    let (mut seq, started) = (0, Instant::now());
    while started.elapsed() < limit {
        let batch = batch(devices, seq);
        let receipt = ingest.records(edge, batch).await?;
        anyhow::ensure!(!receipt.resend, "a batch was not taken");
        seq = receipt.cursor.seq;
    }
    Ok(seq)
}

/// The next values: each device in turn, a power that wanders, one sample every ten seconds.
fn batch(devices: &[DeviceId], after: u64) -> Records {
    let mut records = common::power(devices[0], after + 1..=after + BATCH, |_| 0.0);
    records.class = Class::History;
    for (index, record) in records.records.iter_mut().enumerate() {
        let number = after + index as u64;
        let (device, round) = (devices[number as usize % devices.len()], number / devices.len() as u64);
        if let bo_wire::Body::Status(change) = &mut record.body {
            change.device = device;
            let wander =
                (round as f64 / 40.0).sin() * 900.0 + (number.wrapping_mul(2_654_435_761) % 97) as f64;
            change.value.data = bo_model::Data::Float((wander * 10.0).round() / 10.0);
            change.value.observed_at =
                common::START.after(Duration::from_millis(round * 10_000 + number % 7));
        }
    }
    records
}

/// CPU time of this process, from `/proc/self/stat` (fields 14 and 15, in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or("");
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
