//! How many records a second the journal makes durable on this disk, and how fast they are read back for the uplink.
//!
//! `cargo run --release -p backoffice-edge --example journal_bench [folder]`

use backoffice_edge::journal::{Journal, Limits};
use bo_model::{DeviceId, SystemClock, Time, Value};
use bo_wire::{Body, Class, StatusChange};
use std::sync::Arc;
use std::time::Instant;

const RECORDS: u64 = 400_000;
const WAITING: u64 = 2_000;

fn sample(n: u64) -> Body {
    let device = DeviceId("0198c0de-0000-7000-8000-000000000001".parse().unwrap_or_default());
    let value = Value::good(n as f64 * 0.1, Time(n as i64));
    Body::Status(StatusChange { device, name: "active_power".into(), value })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let path = std::path::Path::new(&folder).join("journal-bench.db");
    let journal = Journal::open(&path, Limits::default(), Arc::new(SystemClock))?;

    let started = Instant::now();
    let tasks: Vec<_> = (0..WAITING)
        .map(|task| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0..RECORDS / WAITING {
                    journal.append_durable(Class::Status, Time(0), sample(task + n)).await?;
                }
                Ok::<_, backoffice_edge::journal::JournalError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    tell("each awaited, 2 000 at once", RECORDS, started);

    let started = Instant::now();
    let mut full = 0u64;
    for n in 0..RECORDS {
        while !journal.append(Class::History, Time(0), sample(n)) {
            full += 1;
            tokio::task::yield_now().await;
        }
    }
    journal.append_durable(Class::History, Time(0), sample(0)).await?;
    tell("handed over, the last awaited", RECORDS, started);

    let started = Instant::now();
    let (mut after, mut read) = (0, 0u64);
    loop {
        let records = journal.read_after(Class::Status, after, 192 * 1024)?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        read += records.len() as u64;
    }
    tell("read back in batches", read, started);
    println!("queue found full {full} times; {} MiB on disk", journal.state().bytes >> 20);
    journal.close().await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    Ok(())
}

fn tell(what: &str, records: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what:32} {:>9.0} records/s", records as f64 / seconds);
}
