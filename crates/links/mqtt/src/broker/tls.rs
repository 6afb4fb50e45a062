//! TLS in front of the on-site broker. The broker's own listener waits for each handshake before it accepts the next
//! connection; here each has a task and a deadline, and the bytes inside go on to the broker on this machine.

use crate::error::MqttError;
use bo_link_stream::tls::server_config;
use bo_runtime::Shutdown;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Devices connected at the same time, handshakes included.
const DEVICES: usize = 2_000;

/// The address for devices that speak TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerTls {
    /// Address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The broker's certificate, PEM, with the chain up to what devices trust.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// CAs: when given, only devices with a certificate of theirs may connect. They sign in all the same.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}

/// Listens; what comes goes to the broker at `to`. Returns the address.
pub(super) async fn listen(
    config: &BrokerTls,
    to: SocketAddr,
    shutdown: &Shutdown,
) -> Result<SocketAddr, MqttError> {
    let tls = server_config(&config.cert_file, &config.key_file, config.client_ca_file.as_deref());
    let acceptor = TlsAcceptor::from(Arc::new(tls.map_err(MqttError::Tls)?));
    let wrong = |error: std::io::Error| MqttError::Listen { address: config.listen, why: error.to_string() };
    let listener = TcpListener::bind(config.listen).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = accept(listener, acceptor, to, &ended) => {}
            () = ended.signalled() => {}
        }
    });
    Ok(address)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr, shutdown: &Shutdown) {
    let room = Arc::new(Semaphore::new(DEVICES));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a device could not connect to the on-site broker");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else {
            tracing::warn!(%peer, "refused: {DEVICES} devices are connected already");
            continue;
        };
        let (acceptor, ended) = (acceptor.clone(), shutdown.clone());
        shutdown.spawn(async move {
            let _place = place;
            tokio::select! {
                result = carry(stream, acceptor, to) => {
                    if let Err(error) = result {
                        tracing::debug!(%peer, %error, "a device was disconnected from the on-site broker");
                    }
                }
                () = ended.signalled() => {}
            }
        });
    }
}

async fn carry(stream: TcpStream, acceptor: TlsAcceptor, to: SocketAddr) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut secured = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let mut broker = TcpStream::connect(to).await?;
    broker.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut secured, &mut broker).await.map(drop)
}
