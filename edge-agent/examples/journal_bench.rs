//! How many records a second the journal makes durable on this disk, what that costs, and how fast they are read back
//! for the uplink (`cargo xtask bench --only journal`).

use backoffice_edge::journal::{Journal, JournalError, Limits};
use bo_model::{DeviceId, SystemClock, Time, Value};
use bo_testkit::measure::{Figures, folder, own_usage, quick};
use bo_wire::{Body, Class, StatusChange};
use std::sync::Arc;
use std::time::{Duration, Instant};

const WAITING: u64 = 2_000;

fn sample(n: u64) -> Body {
    let device = DeviceId("0198c0de-0000-7000-8000-000000000001".parse().unwrap_or_default());
    let value = Value::good(n as f64 * 0.1, Time(n as i64));
    Body::Status(StatusChange { device, name: "active_power".into(), value })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let records: u64 = if quick() { 60_000 } else { 600_000 };
    let folder = folder()?;
    let journal = Journal::open(&folder.path().join("journal.db"), Limits::default(), Arc::new(SystemClock))?;
    let mut figures = Figures::new("journal");

    let (started, cpu) = (Instant::now(), own_usage()?.cpu);
    let tasks: Vec<_> = (0..WAITING)
        .map(|task| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0..records / WAITING {
                    journal.append_durable(Class::Status, Time(0), sample(task + n)).await?;
                }
                Ok::<_, JournalError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let used = own_usage()?.cpu - cpu;
    let rate = per_second(records, started.elapsed());
    figures.at_least("each awaited until it is on disk, 2 000 at once", rate, "records/s", 40_000.0);
    figures.say("each awaited: CPU", micros(used, records), "µs/record");

    let (started, cpu) = (Instant::now(), own_usage()?.cpu);
    for n in 0..records {
        while !journal.append(Class::History, Time(0), sample(n)) {
            tokio::task::yield_now().await;
        }
    }
    journal.append_durable(Class::History, Time(0), sample(0)).await?;
    let used = own_usage()?.cpu - cpu;
    figures.at_least(
        "handed over, the last awaited",
        per_second(records, started.elapsed()),
        "records/s",
        40_000.0,
    );
    figures.say("handed over: CPU, the hand-over itself included", micros(used, records), "µs/record");

    let alone = 300;
    let started = Instant::now();
    for n in 0..alone {
        journal.append_durable(Class::Audit, Time(0), sample(n)).await?;
    }
    figures.say("one alone, until it is on disk", micros(started.elapsed(), alone), "µs");

    let (started, cpu) = (Instant::now(), own_usage()?.cpu);
    let (mut after, mut read) = (0, 0u64);
    loop {
        let records = journal.read_after(Class::Status, after, 192 * 1024)?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        read += records.len() as u64;
    }
    anyhow::ensure!(read == records, "{read} of {records} records came back");
    figures.say("read back in batches", per_second(read, started.elapsed()), "records/s");
    figures.say("read back: CPU", micros(own_usage()?.cpu - cpu, read), "µs/record");
    let bytes = journal.state().bytes as f64 / (records as f64 * 2.0);
    figures.say("on disk", bytes, "bytes/record");
    journal.close().await;
    figures.print();
    Ok(())
}

fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
