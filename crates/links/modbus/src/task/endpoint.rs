//! Where a Modbus link leads, and making the connection.

use bo_model::release::{Parity, SerialLine};
use std::sync::Arc;
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
                let stream = TcpStream::connect((host.as_str(), *port))
                    .await
                    .map_err(|error| Arc::<str>::from(error.to_string()))?;
                stream.set_nodelay(true).map_err(|error| Arc::<str>::from(error.to_string()))?;
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

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Tcp(host, port) => write!(f, "{host}:{port}"),
            Endpoint::Serial(line) => line.path.display().fmt(f),
        }
    }
}
