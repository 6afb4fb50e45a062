//! A serial port out of thin air: a pseudo terminal, whose other end a client opens by its path.

use crate::error::SimulatorError;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio_serial::{SerialPort, SerialStream};

/// The device's end, and the path of the client's.
///
/// Nothing keeps the client's end open here: a client opens it exclusively, and that would outlive a client that was
/// killed.
pub fn open() -> Result<(SerialStream, PathBuf), SimulatorError> {
    let (device, client) = SerialStream::pair().map_err(|source| SimulatorError::SerialPort { source })?;
    let path = client.name().unwrap_or_default();
    Ok((device, PathBuf::from(path)))
}

/// Reads what has come. While no client has the port open the system answers with an error; that passes.
pub async fn read(line: &mut SerialStream, buffer: &mut [u8]) -> usize {
    loop {
        match line.read(buffer).await {
            Ok(count) if count > 0 => return count,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
