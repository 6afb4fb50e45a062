//! Ports for servers that tests start, stop and start again.

use anyhow::{Context, Result};
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::net::TcpListener;
use std::sync::Mutex;

/// Below the ports that the system gives to outgoing connections (32768 and up on Linux): otherwise a client's
/// connection may sit on a server's port while the server is down between a kill and its restart.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// What this process holds; the locks end with it.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of loopback that nobody listens on and that is this process's own until it ends: no other test gets it.
pub fn free_port() -> Result<u16> {
    let folder = std::env::temp_dir().join("backoffice-test-ports");
    fs::create_dir_all(&folder)?;
    // Where to begin: somewhere else in each process, so that they do not queue at the same locks.
    let first = RandomState::new().build_hasher().finish() as usize % RANGE.len();
    let free = (0..RANGE.len()).map(|step| RANGE.start + ((first + step) % RANGE.len()) as u16);
    for port in free {
        let lock = File::create(folder.join(port.to_string()))?;
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(lock);
            return Ok(port);
        }
    }
    None.context("every port for tests is taken")
}
