//! What a Modbus TCP poll costs: link task, planner, codec and quality (`cargo xtask bench --only poll`).
//!
//! The device runs in a process of its own (`poll_bench device`), so that the processor time shown is the
//! client's alone. The client runs on one thread, as most of an edge's work does.

use bo_link::{Handle, ModbusOp, ModbusReply, Urgency};
use bo_link_modbus::{Learned, Points, Poll};
use bo_model::release::{LinkConfig, ModbusTiming};
use bo_model::{SystemClock, Time};
use bo_runtime::Shutdown;
use bo_testkit::measure::{Figures, own_usage, unless_quick};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

const REGISTERS: u16 = 100;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("device") {
        return runtime.block_on(device());
    }
    let mut child = Command::new(std::env::current_exe()?).arg("device").stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let port: u16 = line.trim().parse()?;
    let result = runtime.block_on(bench(port));
    child.kill()?;
    child.wait()?;
    result
}

async fn bench(port: u16) -> anyhow::Result<()> {
    let mut figures = Figures::new("poll");
    let profile: String =
        (0..REGISTERS).map(|at| format!("[point.p{at}]\naddress = {at}\nscale = 0.1\n")).collect();
    let points = Arc::new(Points::new(&toml::from_str(&profile)?, None, |_| true)?);
    decode(&mut figures, &points)?;
    for links in [1, 10] {
        flat_out(&mut figures, port, &points, links).await?;
    }
    paced(&mut figures, port, &points, 50).await?;
    figures.print();
    Ok(())
}

fn link(port: u16) -> anyhow::Result<Handle<ModbusOp, ModbusReply>> {
    let config = LinkConfig::ModbusTcp {
        host: "127.0.0.1".into(),
        port,
        rtu_framing: false,
        tls: None,
        timing: ModbusTiming::default(),
    };
    Ok(bo_link_modbus::spawn(&config, Arc::new(SystemClock), &Shutdown::new())?)
}

/// 100 registers to 100 values, no I/O.
fn decode(figures: &mut Figures, points: &Arc<Points>) -> anyhow::Result<()> {
    let now = Instant::now();
    let mut poll = Poll::new(points.clone(), 1, Learned::default(), 1, now);
    let reply = Ok(ModbusReply::Registers((0..REGISTERS).collect()));
    let mut readings = Vec::new();
    const ROUNDS: u32 = 200_000;
    let before = cpu()?;
    for round in 0..ROUNDS {
        for request in poll.due(now + Duration::from_secs(20) * round) {
            readings.clear();
            poll.apply(
                &request,
                black_box(&reply),
                now + Duration::from_secs(20) * round,
                Time(1),
                &mut readings,
            );
        }
        black_box(&readings);
    }
    figures.say("decoding 100 registers into 100 values", (cpu()? - before) * 1e6 / f64::from(ROUNDS), "µs");
    Ok(())
}

/// One request after the other on each of `links` connections.
async fn flat_out(figures: &mut Figures, port: u16, points: &Arc<Points>, links: u64) -> anyhow::Result<()> {
    let run = unless_quick(Duration::from_secs(4), Duration::from_secs(1));
    let before = cpu()?;
    let end = Instant::now() + run;
    let mut tasks = Vec::new();
    for seed in 0..links {
        let (link, points) = (link(port)?, points.clone());
        tasks.push(tokio::spawn(async move {
            let mut poll = Poll::new(points, 1, Learned::default(), seed, Instant::now());
            let mut readings = Vec::new();
            let mut reads = 0u64;
            let mut at = Instant::now();
            while Instant::now() < end {
                at += Duration::from_secs(20);
                for request in poll.due(at) {
                    let result = link.call(request.op.clone(), Urgency::Poll, Duration::from_secs(5)).await;
                    readings.clear();
                    poll.apply(&request, &result, at, Time(1), &mut readings);
                    reads += u64::from(result.is_ok());
                }
            }
            reads
        }));
    }
    let mut reads = 0;
    for task in tasks {
        reads += task.await?;
    }
    let used = cpu()? - before;
    let per_second = reads as f64 * f64::from(REGISTERS) / used;
    figures.at_least(&format!("{links} connections: points per CPU-second"), per_second, "points/s", 1e6);
    figures.say(&format!("{links} connections: CPU per read of 100"), used * 1e6 / reads as f64, "µs");
    figures.say(&format!("{links} connections: reads"), reads as f64 / run.as_secs_f64(), "reads/s");
    Ok(())
}

/// `devices` connections, each read once a second.
async fn paced(figures: &mut Figures, port: u16, points: &Arc<Points>, devices: u64) -> anyhow::Result<()> {
    let mut tasks = Vec::new();
    for seed in 0..devices {
        let (link, points) = (link(port)?, points.clone());
        tasks.push(tokio::spawn(async move {
            let mut poll = Poll::new(points, 1, Learned::default(), seed, Instant::now());
            let mut readings = Vec::new();
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            let mut at = Instant::now();
            loop {
                ticks.tick().await;
                at += Duration::from_secs(20);
                for request in poll.due(at) {
                    let result = link.call(request.op.clone(), Urgency::Poll, Duration::from_secs(5)).await;
                    readings.clear();
                    poll.apply(&request, &result, at, Time(1), &mut readings);
                }
            }
        }));
        tokio::time::sleep(Duration::from_millis(1000 / devices)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = cpu()?;
    let span = unless_quick(Duration::from_secs(10), Duration::from_secs(3));
    tokio::time::sleep(span).await;
    let share = (cpu()? - before) * 100.0 / span.as_secs_f64();
    figures.say(&format!("{devices} devices × 100 registers each second, link alone"), share, "% of a core");
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

/// Answers every read with the same registers.
async fn device() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut request = [0u8; 12];
            let mut reply = vec![0, 0, 0, 0, 0, 3 + 2 * REGISTERS as u8, 1, 3, 2 * REGISTERS as u8];
            reply.extend((0..REGISTERS).flat_map(u16::to_be_bytes));
            while stream.read_exact(&mut request).await.is_ok() {
                reply[..2].copy_from_slice(&request[..2]);
                if stream.write_all(&reply).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Seconds of processor time this process has used.
fn cpu() -> anyhow::Result<f64> {
    Ok(own_usage()?.cpu.as_secs_f64())
}
