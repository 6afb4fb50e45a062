//! The gate: where edges come in. Accepting never waits for anybody: each connection has its own task and its own
//! deadlines, so one silent client costs one socket and nothing else.

use crate::error::UplinkError;
use crate::handler::{Admission, Handler};
use crate::pace::PaceLimits;
use crate::session;
use crate::uplink::Shared;
use bo_model::EdgeId;
use bo_runtime::Shutdown;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where and how the gate listens.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Further names and addresses for the gate's certificate; edges verify [`bo_wire::GATE_NAME`], which is always in it.
    pub names: Vec<String>,
    /// How long TLS handshake, admission and the MQTT greeting may take together.
    pub handshake_deadline: Duration,
    /// Connections at once, strangers in their handshake included.
    pub max_connections: usize,
    /// Messages per second of one edge before it is read more slowly.
    pub messages_per_second: u32,
    /// Payload bytes per second of one edge before it is read more slowly.
    pub bytes_per_second: u32,
}

impl GateConfig {
    /// The defaults for an address.
    pub fn at(listen: SocketAddr) -> GateConfig {
        GateConfig {
            listen,
            names: Vec::new(),
            handshake_deadline: Duration::from_secs(10),
            max_connections: 2_000,
            messages_per_second: 500,
            bytes_per_second: 64 * 1024 * 1024,
        }
    }
}

/// What each connection's task needs.
pub(crate) struct Gate<H> {
    pub(crate) config: GateConfig,
    pub(crate) shared: Arc<Shared>,
    pub(crate) handler: Arc<H>,
    pub(crate) handler_deadline: Duration,
    acceptor: TlsAcceptor,
}

impl<H> Gate<H> {
    pub(crate) fn pace(&self) -> PaceLimits {
        let config = &self.config;
        PaceLimits {
            messages: f64::from(config.messages_per_second.max(1)),
            bytes: f64::from(config.bytes_per_second.max(1)),
        }
    }
}

/// Binds and starts accepting.
pub(crate) async fn open<H: Handler>(
    config: GateConfig,
    tls: Arc<rustls::ServerConfig>,
    shared: Arc<Shared>,
    handler: Arc<H>,
    handler_deadline: Duration,
    shutdown: &Shutdown,
) -> Result<SocketAddr, UplinkError> {
    let listen = |source| UplinkError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let gate = Arc::new(Gate { acceptor: tls.into(), config, shared, handler, handler_deadline });
    shutdown.spawn(accept(listener, gate, shutdown.clone()));
    Ok(address)
}

async fn accept<H: Handler>(listener: TcpListener, gate: Arc<Gate<H>>, shutdown: Shutdown) {
    let room = Arc::new(Semaphore::new(gate.config.max_connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.signalled() => return,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: a moment later some are free again.
                tracing::error!(%error, "the gate cannot accept connections");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(permit) = room.clone().try_acquire_owned() else {
            tracing::warn!(%peer, "the gate is full");
            continue;
        };
        let (gate, end) = (gate.clone(), shutdown.child());
        shutdown.spawn(async move {
            let _permit = permit;
            admit(&gate, socket, peer, end).await;
        });
    }
}

async fn admit<H: Handler>(gate: &Gate<H>, socket: TcpStream, peer: SocketAddr, end: Shutdown) {
    let deadline = tokio::time::Instant::now() + gate.config.handshake_deadline;
    let greeted = async {
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let stream = gate.acceptor.accept(socket).await.map_err(|error| error.to_string())?;
        let (edge, serial) = identity(&stream)?;
        match gate.handler.admit(edge, &serial).await {
            Admission::Welcome => Ok((stream, edge)),
            Admission::Refused(why) => Err(format!("edge {edge}, certificate {serial}: {why}")),
        }
    };
    let greeted = tokio::select! {
        greeted = tokio::time::timeout_at(deadline, greeted) => greeted,
        () = end.signalled() => return,
    };
    match greeted.unwrap_or_else(|_| Err("no handshake in time".to_owned())) {
        Ok((stream, edge)) => session::run(gate, stream, edge, deadline, end).await,
        Err(why) => tracing::warn!(%peer, why, "turned away at the gate"),
    }
}

/// Who the verified client certificate says it is: the edge's id is its common name.
fn identity(stream: &TlsStream<TcpStream>) -> Result<(EdgeId, String), String> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    certificates.first().ok_or("no client certificate".to_owned()).and_then(read_identity)
}

fn read_identity(certificate: &CertificateDer<'_>) -> Result<(EdgeId, String), String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let edge = name.and_then(|name| name.parse().ok()).ok_or("the certificate names no edge")?;
    Ok((edge, hex::encode(parsed.raw_serial())))
}
