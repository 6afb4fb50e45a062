//! How many values a second a controller takes in, durably, with everything on: each batch is decoded from the wire,
//! kept in one transaction with its watermark, shown in the live table, and later folded into chunks; alarms come and
//! go in between. Folding and checkpoints run beside it, as in the daemon, and what is left over at the end is folded
//! and counted too (`cargo xtask bench --only ingest`).

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "ingest_bench/load.rs"]
mod load;

use anyhow::ensure;
use bo_db::testing::TestDb;
use bo_estate::Estate;
use bo_estate::ingest::Ingest;
use bo_model::clock::SharedClock;
use bo_model::{DeviceId, EdgeId, SystemClock};
use bo_testkit::measure::{Figures, own_usage, unless_quick};
use bo_uplink::Handler;
use bo_wire::Up;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const GATEWAYS: usize = 4;
const DEVICES: usize = 250;
/// Folded when so many wait, as in the daemon.
const FOLD_AT: usize = 2_000_000;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> anyhow::Result<()> {
    let mut figures = Figures::new("ingest");
    let limit = unless_quick(Duration::from_secs(8), Duration::from_secs(1));
    let clock: SharedClock = Arc::new(SystemClock);
    for test in TestDb::each(&common::migrations(), clock.clone())? {
        measure(&mut figures, test, clock.clone(), limit).await?;
    }
    figures.print();
    Ok(())
}

async fn measure(
    figures: &mut Figures,
    test: TestDb,
    clock: SharedClock,
    limit: Duration,
) -> anyhow::Result<()> {
    let rig = common::bench_rig(test, clock, GATEWAYS, DEVICES);
    let registry = rig.estate.registry();
    let senders: Vec<(EdgeId, Vec<DeviceId>)> = registry
        .edges
        .keys()
        .map(|edge| {
            (
                *edge,
                registry
                    .devices
                    .values()
                    .filter(|entry| entry.edge == *edge)
                    .map(|entry| entry.device.id)
                    .collect(),
            )
        })
        .filter(|(_, devices): &(EdgeId, Vec<DeviceId>)| devices.len() == DEVICES)
        .collect();
    // Making the load costs more than taking it in: it is made before, and its own cost is known.
    let batches = (limit.as_secs_f64() * 150.0) as u64;
    let load: Vec<(EdgeId, Vec<Vec<u8>>)> =
        senders.iter().map(|(edge, devices)| (*edge, load::payloads(devices, batches / 4))).collect();

    let stop = Arc::new(AtomicBool::new(false));
    let background = tokio::spawn(keep(rig.estate.clone(), stop.clone()));
    let (started, before) = (Instant::now(), own_usage()?);
    let tasks: Vec<_> = load
        .into_iter()
        .map(|(edge, payloads)| tokio::spawn(send(rig.ingest.clone(), edge, payloads, limit)))
        .collect();
    let (mut values, mut decoding) = (0, Duration::ZERO);
    for task in tasks {
        let (taken, decoded) = task.await??;
        values += taken;
        decoding += decoded;
    }
    let elapsed = started.elapsed();
    stop.store(true, Ordering::Release);
    let mut folded = background.await??;
    folded += rig.estate.history.flush(&rig.db).await?;
    rig.estate.checkpoint().await?;
    let whole = started.elapsed();
    let used = own_usage()?;
    ensure!(folded as u64 == values, "{values} values went in and {folded} were folded");
    ensure!(rig.estate.values_in.load(Ordering::Relaxed) == values, "values were lost on the way");

    let (name, count) = (rig.test.engine, values as f64);
    let of = |what: &str| format!("{name}: {what}");
    figures.at_least(&of("values taken in, durable"), count / elapsed.as_secs_f64(), "values/s", 60_000.0);
    figures.at_least(
        &of("values until all are in chunks"),
        count / whole.as_secs_f64(),
        "values/s",
        60_000.0,
    );
    figures.say(&of("our CPU, folding and all"), micros(used.cpu - before.cpu, values), "µs/value");
    figures.say(&of("of that decoding the wire (wall)"), micros(decoding, values), "µs/value");
    let bytes = rig.count("SELECT CAST(COALESCE(sum(length(data)), 0) AS BIGINT) FROM history_chunk");
    figures.at_most(&of("history"), bytes as f64 / count, "bytes/sample", 3.0);
    figures.say(&of("memory"), used.rss_kib as f64 / 1024.0, "MiB");
    Ok(())
}

fn micros(time: Duration, values: u64) -> f64 {
    time.as_secs_f64() * 1e6 / values as f64
}

/// What the daemon does beside: folds when much waits, stores last values now and then.
async fn keep(estate: Arc<Estate>, stop: Arc<AtomicBool>) -> anyhow::Result<usize> {
    let (mut folded, mut checkpoint) = (0, Instant::now());
    while !stop.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if estate.history.pending.len() > FOLD_AT {
            folded += estate.history.flush(&estate.db).await?;
        }
        if checkpoint.elapsed() > Duration::from_secs(5) {
            estate.checkpoint().await?;
            checkpoint = Instant::now();
        }
    }
    Ok(folded)
}

/// Sends one gateway's messages one after the other, each when the one before was acknowledged.
async fn send(
    ingest: Arc<Ingest>,
    edge: EdgeId,
    payloads: Vec<Vec<u8>>,
    limit: Duration,
) -> anyhow::Result<(u64, Duration)> {
    let (mut values, mut decoding, started) = (0, Duration::ZERO, Instant::now());
    for payload in payloads {
        if started.elapsed() > limit {
            break;
        }
        let begun = Instant::now();
        let Ok(Up::Records(records)) = Up::decode("records", &payload) else {
            anyhow::bail!("a message does not read");
        };
        decoding += begun.elapsed();
        let count =
            records.records.iter().filter(|record| matches!(record.body, bo_wire::Body::Status(_))).count();
        let receipt = ingest.records(edge, records).await?;
        ensure!(!receipt.resend, "a batch was not taken");
        values += count as u64;
    }
    Ok((values, decoding))
}
