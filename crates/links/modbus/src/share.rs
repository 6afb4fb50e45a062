//! Lets other Modbus masters use a device that takes one connection, or a serial line that takes one master: they
//! connect here, and their requests take their turn on the link.

mod pdu;
#[cfg(test)]
mod tests;

use bo_link::{Handle, LinkError, ModbusOp, ModbusReply, Urgency};
use bo_model::release::ModbusShare;
use bo_runtime::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Masters connected at the same time.
const MASTERS: usize = 16;
/// A master that asks nothing for this long is disconnected.
const IDLE: Duration = Duration::from_secs(300);
/// How long a master waits for its turn and the reply; masters give up by themselves after a few seconds.
const WITHIN: Duration = Duration::from_secs(5);
/// A master that takes no reply for this long is gone.
const SEND: Duration = Duration::from_secs(5);

/// The port can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot share a Modbus link on {listen}")]
pub struct ShareError {
    /// Where masters should have connected.
    pub listen: SocketAddr,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

/// Listens for masters and gives their requests to `handle` until `shutdown`. Returns the address, which matters
/// when the configured port is 0. Writes are refused with exception 1 unless the configuration allows them: whoever
/// reaches the port may write then, past permission, arbitration and audit.
pub async fn share(
    config: &ModbusShare,
    handle: Handle<ModbusOp, ModbusReply>,
    shutdown: &Shutdown,
) -> Result<SocketAddr, ShareError> {
    let wrong = |source| ShareError { listen: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    let (ended, writes) = (shutdown.clone(), config.writes);
    shutdown.spawn(async move {
        tokio::select! {
            () = accept(listener, handle, writes, &ended) => {}
            () = ended.signalled() => {}
        }
    });
    Ok(address)
}

async fn accept(
    listener: TcpListener,
    handle: Handle<ModbusOp, ModbusReply>,
    writes: bool,
    shutdown: &Shutdown,
) {
    let room = Arc::new(Semaphore::new(MASTERS));
    loop {
        let (stream, master) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a Modbus master could not connect");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else {
            tracing::warn!(%master, "refused: {MASTERS} Modbus masters are connected already");
            continue;
        };
        let (handle, ended) = (handle.clone(), shutdown.clone());
        shutdown.spawn(async move {
            let _place = place;
            tokio::select! {
                result = serve(stream, handle, writes) => {
                    if let Err(error) = result {
                        tracing::debug!(%master, %error, "a Modbus master was disconnected");
                    }
                }
                () = ended.signalled() => {}
            }
        });
    }
}

/// One master, one request at a time, until it goes, idles or breaks the protocol.
async fn serve(
    mut stream: TcpStream,
    handle: Handle<ModbusOp, ModbusReply>,
    writes: bool,
) -> Result<(), std::io::Error> {
    stream.set_nodelay(true)?;
    let mut frame = [0u8; 260];
    loop {
        let (head, body) = frame.split_at_mut(7);
        timeout(IDLE, stream.read_exact(head)).await??;
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        if head[2..4] != [0, 0] || !(2..=254).contains(&length) {
            return Err(std::io::Error::other("it does not speak Modbus TCP"));
        }
        let body = &mut body[..length - 1];
        timeout(SEND, stream.read_exact(body)).await??;
        let reply = answer(&handle, head[6], body, writes).await;
        let mut out = Vec::with_capacity(7 + reply.len());
        out.extend_from_slice(&head[..4]);
        out.extend_from_slice(&(reply.len() as u16 + 1).to_be_bytes());
        out.push(head[6]);
        out.extend_from_slice(&reply);
        timeout(SEND, stream.write_all(&out)).await??;
    }
}

/// The PDU that answers the PDU `request`.
async fn answer(handle: &Handle<ModbusOp, ModbusReply>, unit: u8, request: &[u8], writes: bool) -> Vec<u8> {
    let function = request.first().copied().unwrap_or_default();
    let asked = match pdu::request(unit, request) {
        Ok(asked) => asked,
        Err(exception) => return pdu::exception(function, exception),
    };
    let reads = crate::pdu::is_read(&asked.op);
    if !reads && !writes {
        return pdu::exception(function, 1);
    }
    let urgency = if reads { Urgency::Poll } else { Urgency::Command };
    let result = handle.call(asked.op.clone(), urgency, WITHIN).await;
    result.and_then(|reply| pdu::reply(&asked, &reply)).unwrap_or_else(|error| {
        pdu::exception(
            function,
            match error {
                LinkError::Exception(code) => code,
                LinkError::Invalid(_) => 3,
                LinkError::Protocol(_) => 4,
                LinkError::Busy => 6,
                LinkError::Offline(_) | LinkError::Closed => 0x0A,
                LinkError::Timeout | LinkError::BackedOff(_) => 0x0B,
            },
        )
    })
}
