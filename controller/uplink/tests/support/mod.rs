//! A gate on loopback, a handler that keeps what it is given in memory, and identities for test edges.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod enrol;

use bo_model::{EdgeId, SystemClock};
use bo_runtime::Shutdown;
use bo_uplink::watermark::{Verdict, accept};
use bo_uplink::{Admission, Authority, GateConfig, Handler, HandlerError, Receipt, Uplink, UplinkConfig};
use bo_wire::{Class, Cursor, Heartbeat, Hello, Record, Records, Renew, Renewed, Snapshot};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn edge(number: u128) -> EdgeId {
    EdgeId(uuid::Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0000 + number))
}

pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

type Key = (EdgeId, Class, u64);

/// What a controller would have in its database, and switches to misbehave with.
pub struct Memory {
    pub authority: Authority,
    pub stored: Mutex<HashMap<Key, Vec<Record>>>,
    pub revoked: Mutex<HashSet<EdgeId>>,
    /// How often somebody was turned away.
    pub refused: AtomicU64,
    pub heartbeats: Mutex<Vec<(EdgeId, Heartbeat)>>,
    pub snapshots: Mutex<Vec<(EdgeId, Snapshot)>>,
    pub backfilled: Mutex<Vec<Record>>,
    pub blobs: Mutex<HashMap<[u8; 32], Arc<[u8]>>>,
    pub renewed: AtomicU64,
    /// Fails every second batch.
    pub flaky: AtomicBool,
    pub batches: AtomicU64,
    /// Wakes whoever waits for anything above to change.
    pub changed: watch::Sender<u64>,
}

impl Memory {
    pub fn new(folder: &std::path::Path) -> Arc<Memory> {
        Arc::new(Memory {
            authority: Authority::open(folder, Arc::new(SystemClock)).unwrap(),
            stored: Mutex::default(),
            revoked: Mutex::default(),
            refused: AtomicU64::new(0),
            heartbeats: Mutex::default(),
            snapshots: Mutex::default(),
            backfilled: Mutex::default(),
            blobs: Mutex::default(),
            renewed: AtomicU64::new(0),
            flaky: AtomicBool::new(false),
            batches: AtomicU64::new(0),
            changed: watch::channel(0).0,
        })
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Waits until `done` says so.
    pub async fn until(&self, what: &str, done: impl Fn(&Memory) -> bool) {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while !done(self) {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
    }

    pub fn records(&self, edge: EdgeId, class: Class) -> Vec<Record> {
        let stored = self.stored.lock().unwrap();
        let mut epochs: Vec<_> = stored.iter().filter(|(key, _)| key.0 == edge && key.1 == class).collect();
        epochs.sort_by_key(|(key, _)| key.2);
        epochs.into_iter().flat_map(|(_, records)| records.clone()).collect()
    }

    fn watermark(&self, key: Key) -> u64 {
        self.stored.lock().unwrap().get(&key).and_then(|records| records.last()).map_or(0, |r| r.seq)
    }
}

impl Handler for Memory {
    async fn admit(&self, edge: EdgeId, _serial: &str) -> Admission {
        if self.revoked.lock().unwrap().contains(&edge) {
            self.refused.fetch_add(1, Ordering::AcqRel);
            return Admission::Refused("revoked".into());
        }
        Admission::Welcome
    }

    async fn connected(&self, _edge: EdgeId, _connected: bool) {
        self.tell();
    }

    async fn hello(&self, edge: EdgeId, hello: Hello) -> Result<Vec<Cursor>, HandlerError> {
        let known =
            |cursor: Cursor| Cursor { seq: self.watermark((edge, cursor.class, cursor.epoch)), ..cursor };
        Ok(hello.cursors.into_iter().map(known).collect())
    }

    async fn records(&self, edge: EdgeId, batch: Records) -> Result<Receipt, HandlerError> {
        let number = self.batches.fetch_add(1, Ordering::SeqCst);
        if self.flaky.load(Ordering::SeqCst) && number.is_multiple_of(2) {
            return Err(HandlerError("the database is away".into()));
        }
        let key = (edge, batch.class, batch.epoch);
        let watermark = self.watermark(key);
        let cursor = |seq| Cursor { class: batch.class, epoch: batch.epoch, seq };
        if batch.backfill {
            self.backfilled.lock().unwrap().extend(batch.records);
            self.tell();
            return Ok(Receipt { cursor: cursor(watermark), resend: false });
        }
        let receipt = match accept(watermark, batch.records) {
            Verdict::Accepted { fresh, watermark, resend } => {
                self.stored.lock().unwrap().entry(key).or_default().extend(fresh);
                Receipt { cursor: cursor(watermark), resend }
            }
            Verdict::Resend => Receipt { cursor: cursor(watermark), resend: true },
        };
        self.tell();
        Ok(receipt)
    }

    async fn snapshot(&self, edge: EdgeId, snapshot: Snapshot) {
        self.snapshots.lock().unwrap().push((edge, snapshot));
        self.tell();
    }

    async fn heartbeat(&self, edge: EdgeId, heartbeat: Heartbeat) {
        self.heartbeats.lock().unwrap().push((edge, heartbeat));
        self.tell();
    }

    async fn blob(&self, _edge: EdgeId, hash: [u8; 32]) -> Option<Arc<[u8]>> {
        self.blobs.lock().unwrap().get(&hash).cloned()
    }

    async fn renew(&self, edge: EdgeId, request: Renew) -> Result<Renewed, HandlerError> {
        let issued =
            self.authority.issue(edge, &request.csr).map_err(|error| HandlerError(error.to_string()))?;
        self.renewed.fetch_add(1, Ordering::SeqCst);
        self.tell();
        Ok(Renewed { certificate: issued.certificate })
    }
}

/// A gate for `memory` on a free port.
pub async fn open(memory: &Arc<Memory>, shutdown: &Shutdown) -> Uplink {
    open_at(memory, 0, shutdown).await
}

pub async fn open_at(memory: &Arc<Memory>, port: u16, shutdown: &Shutdown) -> Uplink {
    let uplink = Uplink::new();
    let gate = GateConfig { handshake_deadline: Duration::from_secs(2), ..GateConfig::at(loopback(port)) };
    let config = UplinkConfig { gate: Some(gate), ..UplinkConfig::default() };
    uplink.start(config, &memory.authority, memory.clone(), shutdown).await.unwrap();
    uplink
}

/// Certificate and key, PEM, that `authority` gives to `edge`.
pub fn certificate(authority: &Authority, edge: EdgeId) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    (authority.issue(edge, &csr).unwrap().certificate, key.serialize_pem())
}

/// TLS as an edge with this certificate does it, towards the name every gate has.
pub fn tls(authority: &Authority, certificate: Option<(String, String)>) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match certificate {
        None => builder.with_no_client_auth(),
        Some((pem, key)) => builder
            .with_client_auth_cert(
                CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap(),
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    })
}
