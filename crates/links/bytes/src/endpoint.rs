//! Where a byte link leads, and making the connection. With `task`, the only files that touch a socket or a port.

use crate::error::ConfigError;
use crate::tls;
use bo_model::release::{LinkConfig, Parity, SerialLine};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_serial::SerialPortBuilderExt;

/// One endpoint.
pub enum Endpoint {
    /// Host and port.
    Tcp(String, u16),
    /// The same with TLS.
    Tls(String, u16, TlsConnector, ServerName<'static>),
    /// Datagrams.
    Udp(String, u16),
    /// A serial port.
    Serial(SerialLine),
}

/// A connection to it.
pub enum Connection {
    /// Bytes in order.
    Stream(Box<dyn Duplex>),
    /// Datagrams.
    Datagrams(UdpSocket),
}

/// Anything bytes go to and come from.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Endpoint {
    /// From a link's configuration, checked. `port` is the driver's, for links that name none.
    pub fn new(config: &LinkConfig, port: Option<u16>) -> Result<Endpoint, ConfigError> {
        let need =
            |own: Option<u16>, host: &str| own.or(port).ok_or_else(|| ConfigError::NoPort(host.to_owned()));
        match config {
            LinkConfig::Tcp { host, port: own, tls: None } => {
                Ok(Endpoint::Tcp(host.clone(), need(*own, host)?))
            }
            LinkConfig::Tcp { host, port: own, tls: Some(tls) } => {
                let connector = TlsConnector::from(Arc::new(tls::client_config(tls)?));
                let name = tls::server_name(tls, host)?;
                Ok(Endpoint::Tls(host.clone(), need(*own, host)?, connector, name))
            }
            LinkConfig::Udp { host, port: own } => Ok(Endpoint::Udp(host.clone(), need(*own, host)?)),
            LinkConfig::Serial { line } => {
                let wrong = |what| Err(ConfigError::Line { path: line.path.clone(), what });
                match line {
                    SerialLine { baud: 0..50, .. } => wrong("baud must be at least 50"),
                    SerialLine { data_bits: 0..5 | 9.., .. } => wrong("data_bits must be 5 to 8"),
                    SerialLine { stop_bits: 0 | 3.., .. } => wrong("stop_bits must be 1 or 2"),
                    _ => Ok(Endpoint::Serial(line.clone())),
                }
            }
            _ => Err(ConfigError::NotBytes),
        }
    }

    /// One try; the error says why not.
    pub async fn connect(&self) -> Result<Connection, Arc<str>> {
        let why = |error: io::Error| Arc::<str>::from(error.to_string());
        match self {
            Endpoint::Tcp(host, port) => {
                Ok(Connection::Stream(Box::new(tcp(host, *port).await.map_err(why)?)))
            }
            Endpoint::Tls(host, port, connector, name) => {
                let stream = tcp(host, *port).await.map_err(why)?;
                let secured = connector.connect(name.clone(), stream).await;
                Ok(Connection::Stream(Box::new(
                    secured.map_err(|error| Arc::<str>::from(format!("TLS: {error}")))?,
                )))
            }
            Endpoint::Udp(host, port) => {
                let address = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(why)?.next();
                let address = address.ok_or_else(|| Arc::<str>::from("the host name has no address"))?;
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await.map_err(why)?;
                socket.connect(address).await.map_err(why)?;
                Ok(Connection::Datagrams(socket))
            }
            Endpoint::Serial(line) => {
                let port = tokio_serial::new(line.path.to_string_lossy(), line.baud)
                    .data_bits(match line.data_bits {
                        5 => tokio_serial::DataBits::Five,
                        6 => tokio_serial::DataBits::Six,
                        7 => tokio_serial::DataBits::Seven,
                        _ => tokio_serial::DataBits::Eight,
                    })
                    .parity(match line.parity {
                        Parity::None => tokio_serial::Parity::None,
                        Parity::Even => tokio_serial::Parity::Even,
                        Parity::Odd => tokio_serial::Parity::Odd,
                    })
                    .stop_bits(match line.stop_bits {
                        2 => tokio_serial::StopBits::Two,
                        _ => tokio_serial::StopBits::One,
                    })
                    .open_native_async()
                    .map_err(|error| Arc::<str>::from(error.to_string()))?;
                Ok(Connection::Stream(Box::new(port)))
            }
        }
    }
}

/// A quiet connection is probed after this long, …
const PROBE_AFTER: Duration = Duration::from_secs(20);
/// … this often, …
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// … and counts as lost when nothing was acknowledged for this long. Without it a cut cable goes unnoticed for
/// a quarter of an hour, and for ever while nothing is sent.
const LOST_AFTER: Duration = Duration::from_secs(40);

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY))?;
    socket.set_tcp_user_timeout(Some(LOST_AFTER))?;
    Ok(stream)
}

impl Connection {
    /// Bytes received; 0 = closed by the peer. Cancel safe.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Stream(stream) => stream.read(buffer).await,
            Connection::Datagrams(socket) => socket.recv(buffer).await,
        }
    }

    /// Sends all of `bytes`.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Connection::Stream(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Connection::Datagrams(socket) => socket.send(bytes).await.map(drop),
        }
    }

    /// True when each read is a message of its own.
    pub fn is_datagrams(&self) -> bool {
        matches!(self, Connection::Datagrams(_))
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Tcp(host, port) | Endpoint::Tls(host, port, ..) | Endpoint::Udp(host, port) => {
                write!(f, "{host}:{port}")
            }
            Endpoint::Serial(line) => line.path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_sends_at_once_and_notices_a_cut_cable_within_a_minute() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tcp("127.0.0.1", listener.local_addr().unwrap().port()).await.unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), PROBE_AFTER);
        assert!(socket.tcp_user_timeout().unwrap().is_some_and(|limit| limit < Duration::from_secs(60)));
    }
}
