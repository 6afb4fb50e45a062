//! How much of what a serial line allows is used: reads one after the other over a pseudo terminal, whose other end
//! answers at the pace of the line (`cargo xtask bench --only rtu`).
//!
//! What the line allows: a request of 8 characters and a reply of 5 + 2 N, each followed by the silence t3.5, with a
//! device that thinks for no time. A character has 11 bits. What is measured is what we add to that.

use bo_link::{ModbusOp, Urgency};
use bo_model::SystemClock;
use bo_model::points::Table;
use bo_model::release::{LinkConfig, ModbusTiming, Parity, SerialLine};
use bo_runtime::Shutdown;
use bo_testkit::measure::{Figures, own_usage, unless_quick};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_serial::{SerialPort, SerialStream};

/// Registers per read.
const REGISTERS: [u16; 2] = [10, 100];

fn main() -> anyhow::Result<()> {
    let baud = std::env::args().nth(2).and_then(|baud| baud.parse().ok());
    if let (Some("device"), Some(baud)) = (std::env::args().nth(1).as_deref(), baud) {
        return device(baud);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut figures = Figures::new("rtu");
    for baud in [9_600, 19_200, 115_200] {
        runtime.block_on(line(&mut figures, baud))?;
    }
    figures.print();
    Ok(())
}

/// A line's character and silence ("Modbus over Serial Line V1.02" §2.5.1.1).
fn durations(baud: u32) -> (Duration, Duration) {
    let character = Duration::from_secs(11) / baud;
    (character, if baud > 19_200 { Duration::from_micros(1750) } else { character * 7 / 2 })
}

async fn line(figures: &mut Figures, baud: u32) -> anyhow::Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["device", &baud.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut path = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut path)?;
    }
    let result = reads(figures, baud, path.trim()).await;
    child.kill()?;
    child.wait()?;
    result
}

async fn reads(figures: &mut Figures, baud: u32, path: &str) -> anyhow::Result<()> {
    let line = SerialLine { parity: Parity::Even, ..SerialLine::new(path, baud) };
    let config = LinkConfig::ModbusRtu { line, timing: ModbusTiming::default() };
    let shutdown = Shutdown::new();
    let link = bo_link_modbus::spawn(&config, Arc::new(SystemClock), &shutdown)?;
    let within = Duration::from_secs(5);
    for count in REGISTERS {
        let op = ModbusOp::Read { unit: 1, table: Table::Holding, address: 0, count };
        link.call(op.clone(), Urgency::Poll, within).await?;
        let (began, before, mut done) = (Instant::now(), own_usage()?.cpu, 0u32);
        let span = unless_quick(Duration::from_secs(4), Duration::from_secs(1));
        while began.elapsed() < span {
            link.call(op.clone(), Urgency::Poll, within).await?;
            done += 1;
        }
        let took = began.elapsed() / done;
        let (character, silence) = durations(baud);
        let wire = character * (8 + 5 + 2 * u32::from(count)) + silence * 2;
        let share = wire.as_secs_f64() * 100.0 / took.as_secs_f64();
        figures.at_least(&format!("{baud} baud, {count} registers"), share, "% of the line", 95.0);
        let cpu = (own_usage()?.cpu - before).as_secs_f64() * 1e6 / f64::from(done);
        figures.say(&format!("{baud} baud, {count} registers: CPU"), cpu, "µs/read");
    }
    shutdown.signal();
    Ok(())
}

/// The other end: takes a request, waits as long as it and the silence after it take on the line, and lets each
/// character of the reply arrive when it would.
fn device(baud: u32) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let (mut ours, theirs) = SerialStream::pair()?;
    let name = theirs.name().unwrap_or_default();
    // Held open here too: a terminal that was hung up counts as readable for ever. The pair's own end is locked, which would
    // keep the link out.
    let _open = std::fs::File::open(&name)?;
    drop(theirs);
    println!("{name}");
    std::io::stdout().flush()?;
    let (character, silence) = durations(baud);
    let (mut request, mut buffer) = (Vec::new(), [0u8; 256]);
    loop {
        let came = Instant::now();
        match ours.read(&mut buffer) {
            Ok(count) => request.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_micros(30));
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        if request.len() < 8 {
            continue;
        }
        let count = u16::from_be_bytes([request[4], request[5]]);
        let mut reply = vec![request[0], request[1], (count * 2) as u8];
        reply.extend((0..count).flat_map(u16::to_be_bytes));
        let checksum = crc(&reply);
        reply.extend(checksum.to_le_bytes());
        request.clear();
        let begin = came + character * 8 + silence;
        let mut sent = 0;
        while sent < reply.len() {
            let left = (begin + character * (sent as u32 + 1)).saturating_duration_since(Instant::now());
            // The end of a wait is spun: a sleep is late by a good part of a character.
            match left.checked_sub(Duration::from_micros(150)) {
                Some(long) => std::thread::sleep(long),
                None if !left.is_zero() => std::hint::spin_loop(),
                None => {
                    ours.write_all(&reply[sent..=sent])?;
                    sent += 1;
                }
            }
        }
    }
}

/// CRC-16 of Modbus ("Modbus over Serial Line V1.02" §6.2.2).
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8)
            .fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 })
    })
}
