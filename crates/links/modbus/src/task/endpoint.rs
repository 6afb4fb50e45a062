//! Where a Modbus link leads, and making the connection.

use bo_model::release::{Parity, SerialLine};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_serial::{SerialPortBuilderExt, SerialStream};

/// Why a link can't be started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration is of another kind of link.
    #[error("this link speaks no Modbus")]
    NotModbus,
    /// Line settings that no serial port has.
    #[error("serial line {path}: {what}")]
    Line {
        /// The port.
        path: String,
        /// What is wrong, in words.
        what: String,
    },
}

/// Refuses line settings that no Modbus line has.
pub fn check_line(line: &SerialLine) -> Result<(), ConfigError> {
    let wrong = |what: &str| ConfigError::Line { path: line.path.display().to_string(), what: what.into() };
    if line.baud < 50 {
        return Err(wrong("baud must be at least 50"));
    }
    if line.data_bits != 8 {
        return Err(wrong("Modbus RTU needs 8 data bits"));
    }
    if !(1..=2).contains(&line.stop_bits) {
        return Err(wrong("stop_bits must be 1 or 2"));
    }
    Ok(())
}

/// One endpoint.
pub enum Endpoint {
    /// Host and port.
    Tcp(String, u16),
    /// A serial port.
    Serial(SerialLine),
}

/// A connection to it.
pub enum Connection {
    /// A socket.
    Tcp(TcpStream),
    /// An open port.
    Serial(SerialStream),
}

impl Endpoint {
    /// One try; the error says why not.
    pub async fn connect(&self) -> Result<Connection, Arc<str>> {
        match self {
            Endpoint::Tcp(host, port) => {
                let stream = tcp(host, *port).await.map_err(|error| Arc::<str>::from(error.to_string()))?;
                Ok(Connection::Tcp(stream))
            }
            Endpoint::Serial(line) => {
                let port = tokio_serial::new(line.path.to_string_lossy(), line.baud)
                    .data_bits(tokio_serial::DataBits::Eight)
                    .parity(match line.parity {
                        Parity::None => tokio_serial::Parity::None,
                        Parity::Even => tokio_serial::Parity::Even,
                        Parity::Odd => tokio_serial::Parity::Odd,
                    })
                    .stop_bits(if line.stop_bits == 2 {
                        tokio_serial::StopBits::Two
                    } else {
                        tokio_serial::StopBits::One
                    })
                    .open_native_async()
                    .map_err(|error| Arc::<str>::from(error.to_string()))?;
                Ok(Connection::Serial(port))
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

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Tcp(host, port) => write!(f, "{host}:{port}"),
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
