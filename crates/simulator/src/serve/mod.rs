//! Puts fake devices on real endpoints. Only the files in this folder touch a socket.

mod bytes;
mod http;
mod modbus;
mod mqtt;
mod pty;

use crate::error::SimulatorError;
use crate::fake::{Fake, Fault};
use bo_model::driver::LinkKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Where fakes are put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Listens there; port 0 takes any free one.
    Tcp(SocketAddr),
    /// On a new serial port. With a baud rate, replies take as long as on such a line.
    Serial {
        /// Bits per second.
        baud: Option<u32>,
    },
    /// As clients of a broker, which need not be there yet.
    Broker(Broker),
}

/// A broker and how to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password.
    pub login: Option<(String, String)>,
}

/// Where fakes came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Host and port.
    Tcp(SocketAddr),
    /// The path of a serial port.
    Serial(PathBuf),
    /// At the broker that was asked for.
    Broker,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Serial(path) => path.display().fmt(f),
            Address::Broker => f.write_str("the broker"),
        }
    }
}

/// Fakes at work. Dropping it ends them.
#[derive(Debug)]
pub struct Running {
    /// Where they are.
    pub address: Address,
    tasks: JoinSet<()>,
}

impl Running {
    /// Ends them, and waits until their sockets are closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Starts fakes on one endpoint. Several Modbus devices share one by unit, several MQTT devices one broker; a device that
/// converses in text has its endpoint for itself.
pub async fn start(place: &Place, fakes: &[Fake]) -> Result<Running, SimulatorError> {
    let kind = fakes.first().map(|fake| fake.manifest().link.kind);
    let mut tasks = JoinSet::new();
    let address = match (kind, place) {
        (Some(LinkKind::Modbus), Place::Tcp(wanted)) => {
            let bus = modbus::bus(fakes)?;
            let (listener, address) = listen(*wanted).await?;
            tasks.spawn(modbus::serve_tcp(listener, bus));
            address
        }
        (Some(LinkKind::Modbus), Place::Serial { baud }) => {
            let bus = modbus::bus(fakes)?;
            let (line, path) = pty::open()?;
            tasks.spawn(modbus::serve_line(line, bus, *baud));
            Address::Serial(path)
        }
        (Some(LinkKind::Bytes), Place::Tcp(wanted)) => {
            let speaker = bytes::Speaker::of(single(fakes)?)?;
            let (listener, address) = listen(*wanted).await?;
            tasks.spawn(bytes::serve_tcp(listener, speaker));
            address
        }
        (Some(LinkKind::Bytes), Place::Serial { .. }) => {
            let speaker = bytes::Speaker::of(single(fakes)?)?;
            let (line, path) = pty::open()?;
            tasks.spawn(bytes::serve_line(line, speaker));
            Address::Serial(path)
        }
        (Some(LinkKind::Http), Place::Tcp(wanted)) => {
            let site = http::Site::of(single(fakes)?)?;
            let (listener, address) = listen(*wanted).await?;
            tasks.spawn(http::serve(listener, site));
            address
        }
        (Some(LinkKind::Mqtt), Place::Broker(broker)) => {
            for fake in fakes {
                tasks.spawn(mqtt::serve(broker.clone(), fake.clone()));
            }
            Address::Broker
        }
        (Some(LinkKind::None), _) => {
            let why = "it is made of other devices and speaks on no wire: simulate those, or play its transcripts with `driver test`";
            return Err(SimulatorError::Endpoint(why.into()));
        }
        (Some(kind), _) => {
            let kind = format!("{kind:?}").to_lowercase();
            return Err(SimulatorError::Endpoint(format!(
                "this device speaks {kind}, which does not go there; Modbus and text devices take an address or a \
                 serial port, HTTP devices an address, MQTT devices a broker"
            )));
        }
        (None, _) => return Err(SimulatorError::Endpoint("there is no device to put there".into())),
    };
    Ok(Running { address, tasks })
}

fn single(fakes: &[Fake]) -> Result<&Fake, SimulatorError> {
    match fakes {
        [only] => Ok(only),
        _ => Err(SimulatorError::Endpoint(
            "devices that converse in text or over HTTP can't share an endpoint".into(),
        )),
    }
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, Address), SimulatorError> {
    let failed = |source| SimulatorError::Listen { address: wanted.to_string(), source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, Address::Tcp(address)))
}

/// Resolves when a device goes offline; at once when it is.
async fn gone_offline(fake: &Fake) {
    let mut changes = fake.changes();
    // Ends only with the device itself, and then it is gone too.
    let _ = changes.wait_for(|_| fake.fault() == Fault::Offline).await;
}
