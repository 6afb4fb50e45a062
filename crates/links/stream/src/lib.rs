//! What links over a stream of bytes share: where they lead ([`Endpoint`]: TCP, TLS, UDP, serial ports), the
//! connection that comes of it, TLS as a site's configuration describes it ([`tls`]), and [`Line`], which makes the
//! connection and makes it again while requests wait.

mod connection;
mod endpoint;
mod error;
mod line;
mod serial;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;

pub use connection::Connection;
pub use endpoint::Endpoint;
pub use error::ConfigError;
pub use line::Line;
