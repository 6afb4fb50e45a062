//! A connection, whatever it runs over: one type, so that the links above need no code per kind.

use crate::serial::Port;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::client::TlsStream;

/// An open connection. Reading is cancel safe.
pub enum Connection {
    /// TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A serial port.
    Serial(Box<Port>),
    /// Datagrams: each read and each write is a message of its own.
    Udp(UdpSocket),
}

impl Connection {
    /// True when each read is a message of its own, and reading nothing means an empty message, not the end.
    pub fn is_datagrams(&self) -> bool {
        matches!(self, Connection::Udp(_))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Connection::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Connection::Serial(port) => Pin::new(port).poll_read(context, buffer),
            Connection::Udp(socket) => socket.poll_recv(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Connection::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Connection::Serial(port) => Pin::new(port).poll_write(context, bytes),
            Connection::Udp(socket) => {
                let sent = ready!(socket.poll_send(context, bytes))?;
                // A datagram goes whole or not at all.
                Poll::Ready(if sent == bytes.len() { Ok(sent) } else { Err(io::ErrorKind::WriteZero.into()) })
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(context),
            Connection::Serial(port) => Pin::new(port).poll_flush(context),
            Connection::Udp(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Serial(port) => Pin::new(port).poll_flush(context),
            Connection::Udp(_) => Poll::Ready(Ok(())),
        }
    }
}
