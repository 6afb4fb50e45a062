//! Modbus on a TCP socket and on a serial line.

use super::gone_offline;
use super::pty::Port;
use crate::error::SimulatorError;
use crate::fake::{Fake, Fault};
use crate::modbus::{Bus, Rtu, rtu_frame, rtu_request, tcp_frame};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Clients at one time; a real gateway takes fewer.
const MAX_CLIENTS: usize = 64;

/// A pause that ends a frame which never became whole.
const SILENCE: Duration = Duration::from_millis(60);

pub fn bus(fakes: &[Fake]) -> Result<Arc<Bus>, SimulatorError> {
    Bus::new(fakes).map(Arc::new).map_err(SimulatorError::Endpoint)
}

pub async fn serve_tcp(listener: TcpListener, bus: Arc<Bus>) {
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(SILENCE).await;
            continue;
        };
        let offline = bus.only().is_some_and(|fake| fake.fault() == Fault::Offline);
        if offline || clients.len() >= MAX_CLIENTS || stream.set_nodelay(true).is_err() {
            continue;
        }
        let bus = bus.clone();
        clients.spawn(async move {
            let cut = async {
                match bus.only() {
                    Some(fake) => gone_offline(fake).await,
                    None => std::future::pending().await,
                }
            };
            // Whether the client hung up or the device did: the connection is over.
            tokio::select! {
                _ = converse(stream, &bus) => {}
                () = cut => {}
            }
        });
    }
}

async fn converse(mut stream: TcpStream, bus: &Bus) -> std::io::Result<()> {
    let mut header = [0; 7];
    let mut pdu = [0; 253];
    loop {
        stream.read_exact(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        if header[2..4] != [0, 0] || !(2..=254).contains(&length) {
            return Ok(()); // Not Modbus; a device can only hang up.
        }
        let pdu = &mut pdu[..length - 1];
        stream.read_exact(pdu).await?;
        let Some(answer) = bus.answer(header[6], pdu) else { continue };
        tokio::time::sleep(answer.delay).await;
        stream.write_all(&tcp_frame([header[0], header[1]], &answer)).await?;
    }
}

pub async fn serve_line(mut line: Port, bus: Arc<Bus>, baud: Option<u32>) {
    let mut buffer = [0; 512];
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let count = if pending.is_empty() {
            line.read(&mut buffer).await
        } else {
            match tokio::time::timeout(SILENCE, line.read(&mut buffer)).await {
                Ok(count) => count,
                Err(_) => {
                    pending.clear();
                    continue;
                }
            }
        };
        pending.extend(&buffer[..count]);
        loop {
            match rtu_request(&pending) {
                Rtu::Incomplete => break,
                Rtu::Nonsense => pending.clear(),
                Rtu::Request(unit, pdu, length) => {
                    pending.drain(..length);
                    let Some(answer) = bus.answer(unit, &pdu) else { continue };
                    let frame = rtu_frame(&answer);
                    tokio::time::sleep(answer.delay + on_the_wire(length + frame.len(), baud)).await;
                    line.write(&frame).await;
                }
            }
            if pending.is_empty() {
                break;
            }
        }
    }
}

/// How long so many characters of eleven bits, and two gaps of 3.5 characters, take at a baud rate.
fn on_the_wire(characters: usize, baud: Option<u32>) -> Duration {
    match baud {
        Some(baud) if baud > 0 => Duration::from_secs_f64((characters as f64 + 7.0) * 11.0 / f64::from(baud)),
        _ => Duration::ZERO,
    }
}
