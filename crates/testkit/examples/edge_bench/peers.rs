//! Devices for the agent to talk to, on threads of this process: Modbus TCP servers and line-protocol switchers. They
//! note when they were first spoken to.

use anyhow::Result;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A server for any number of devices of one kind.
pub struct Peer {
    /// Where it listens.
    pub port: u16,
    /// What it saw.
    pub seen: Arc<Seen>,
    _runtime: Runtime,
}

/// What a server saw.
#[derive(Default)]
pub struct Seen {
    /// Requests.
    pub requests: AtomicU64,
    first: Mutex<Option<Instant>>,
    told: AtomicBool,
}

impl Seen {
    fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// When the first request came.
    pub fn first(&self) -> Option<Instant> {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if nothing had come yet.
    pub fn forget(&self) {
        self.told.store(false, Ordering::Relaxed);
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Answers every Modbus read; all values change with each read.
pub fn modbus() -> Result<Peer> {
    serve(|mut socket, seen| async move {
        let (mut request, round) = ([0u8; 12], AtomicU16::new(0));
        while socket.read_exact(&mut request).await.is_ok() {
            seen.request();
            let count = u16::from_be_bytes([request[10], request[11]]).min(125);
            let round = round.fetch_add(1, Ordering::Relaxed);
            let mut reply = Vec::with_capacity(9 + usize::from(count) * 2);
            reply.extend_from_slice(&request[..4]);
            reply.extend_from_slice(&(3 + 2 * count).to_be_bytes());
            reply.extend_from_slice(&[request[6], request[7], 2 * count as u8]);
            reply.extend((0..count).flat_map(|at| at.wrapping_mul(7).wrapping_add(round).to_be_bytes()));
            if socket.write_all(&reply).await.is_err() {
                return;
            }
        }
    })
}

/// Speaks the dialect of `drivers/av-switcher`.
pub fn switcher() -> Result<Peer> {
    serve(|socket, seen| async move {
        let (read, mut write) = socket.into_split();
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            seen.request();
            let mut words = line.split_whitespace();
            let reply = match (words.next(), words.next()) {
                (Some("INFO?"), _) => "INFO 8 2 1.04\r\n".to_owned(),
                (Some("ROUTE?"), Some(output)) => format!("ROUTE {output} 1\r\n"),
                (Some("MUTE?"), Some(output)) => format!("MUTE {output} 0\r\n"),
                _ => "ERR 1\r\n".to_owned(),
            };
            if write.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    })
}

fn serve<F: Future<Output = ()> + Send + 'static>(
    speak: impl Fn(TcpStream, Arc<Seen>) -> F + Send + 'static,
) -> Result<Peer> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    let seen = Arc::new(Seen::default());
    let shared = seen.clone();
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = socket.set_nodelay(true);
            tokio::spawn(speak(socket, shared.clone()));
        }
    });
    Ok(Peer { port, seen, _runtime: runtime })
}
