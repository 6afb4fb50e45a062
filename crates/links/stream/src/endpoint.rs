//! Where a link leads, and making the connection.

use crate::connection::Connection;
use crate::error::ConfigError;
use crate::serial;
use crate::tls;
use bo_model::release::{SerialLine, TlsClient};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

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

impl Endpoint {
    /// TCP, with TLS if it is configured. Its files are read and checked here, once.
    pub fn tcp(host: &str, port: u16, tls: Option<&TlsClient>) -> Result<Endpoint, ConfigError> {
        let host = host.to_owned();
        let Some(tls) = tls else { return Ok(Endpoint::Tcp(host, port)) };
        let connector = TlsConnector::from(Arc::new(tls::client_config(tls)?));
        let name = tls::server_name(tls, &host)?;
        Ok(Endpoint::Tls(host, port, connector, name))
    }

    /// A serial port; refuses line settings that none has.
    pub fn serial(line: &SerialLine) -> Result<Endpoint, ConfigError> {
        serial::check(line)?;
        Ok(Endpoint::Serial(line.clone()))
    }

    /// One try; the error says why not. The caller sets the deadline.
    pub async fn connect(&self) -> Result<Connection, Arc<str>> {
        let why = |error: io::Error| Arc::<str>::from(error.to_string());
        match self {
            Endpoint::Tcp(host, port) => Ok(Connection::Tcp(tcp(host, *port).await.map_err(why)?)),
            Endpoint::Tls(host, port, connector, name) => {
                let stream = tcp(host, *port).await.map_err(why)?;
                let secured = connector.connect(name.clone(), stream).await;
                let secured = secured.map_err(|error| Arc::<str>::from(format!("TLS: {error}")))?;
                Ok(Connection::Tls(Box::new(secured)))
            }
            Endpoint::Udp(host, port) => {
                let address = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(why)?.next();
                let address = address.ok_or_else(|| Arc::<str>::from("the host name has no address"))?;
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await.map_err(why)?;
                socket.connect(address).await.map_err(why)?;
                Ok(Connection::Udp(socket))
            }
            Endpoint::Serial(line) => Ok(Connection::Serial(Box::new(serial::Port::open(line)?))),
        }
    }

    /// True when a connection that stays silent may be a cable that was cut: making a new one tells.
    pub fn is_network(&self) -> bool {
        !matches!(self, Endpoint::Serial(_))
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
