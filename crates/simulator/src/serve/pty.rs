//! A serial port out of thin air: a pseudo terminal, whose other end a client opens by its path.

use crate::error::SimulatorError;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{SerialPort, SerialStream};

/// How long a write may take when nobody reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// Both ends. The client's end is held open too: a terminal that was hung up once counts as readable for ever, and
/// waiting for it would take a whole processor. The price: a client that took the port for itself (TIOCEXCL) and was
/// killed leaves it taken for everybody but root until this process ends.
pub struct Port {
    device: SerialStream,
    _client: SerialStream,
}

/// Makes a port; gives the path for the client.
pub fn open() -> Result<(Port, PathBuf), SimulatorError> {
    let (device, client) = SerialStream::pair().map_err(|source| SimulatorError::SerialPort { source })?;
    let path = PathBuf::from(client.name().unwrap_or_default());
    Ok((Port { device, _client: client }, path))
}

impl Port {
    /// Reads what has come.
    pub async fn read(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            match self.device.read(buffer).await {
                Ok(count) if count > 0 => return count,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Writes to whoever has the port open.
    pub async fn write(&mut self, bytes: &[u8]) {
        // Nobody reads: what a terminal's buffer does not hold is lost, as on a wire.
        let written = tokio::time::timeout(PATIENCE, self.device.write_all(bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::debug!("nobody reads from the serial port");
        }
    }
}
