//! The uplink as the rest of the controller holds it: start it, send to an edge, put an edge out.

use crate::authority::Authority;
use crate::broker::{self, ExternalBroker};
use crate::error::UplinkError;
use crate::gate::{self, GateConfig};
use crate::handler::Handler;
use crate::registry::Registry;
use bo_model::EdgeId;
use bo_runtime::Shutdown;
use bo_wire::Down;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;

/// How edges come in.
#[derive(Clone, Debug)]
pub struct UplinkConfig {
    /// Edges connect to this process.
    pub gate: Option<GateConfig>,
    /// Edges connect to a broker, or a cluster of them, and this process joins it.
    pub broker: Option<ExternalBroker>,
    /// How long a handler may take before its message counts as not handled.
    pub handler_deadline: Duration,
}

impl Default for UplinkConfig {
    fn default() -> Self {
        UplinkConfig { gate: None, broker: None, handler_deadline: Duration::from_secs(30) }
    }
}

/// Why a message could not be sent. Nothing is queued for later: commands age, and releases are announced anew on `hello`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is not connected.
    #[error("the gateway is not connected")]
    NotConnected,
    /// Too many messages wait for it.
    #[error("the gateway does not take its messages")]
    Busy,
}

/// Cheap to clone. Made before it is started, so that the handler can hold it.
#[derive(Clone, Default)]
pub struct Uplink(Arc<Shared>);

#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    external: OnceLock<broker::External>,
    gate: OnceLock<SocketAddr>,
}

impl Uplink {
    /// An uplink nobody can reach yet.
    pub fn new() -> Uplink {
        Uplink::default()
    }

    /// Opens the gate, joins the broker, or both. Returns once edges can connect; ends with `shutdown`.
    pub async fn start<H: Handler>(
        &self,
        config: UplinkConfig,
        authority: &Authority,
        handler: Arc<H>,
        shutdown: &Shutdown,
    ) -> Result<(), UplinkError> {
        if config.gate.is_none() && config.broker.is_none() {
            return Err(UplinkError::NoWayIn);
        }
        if let Some(gate) = config.gate {
            let tls = authority.gate_tls(&gate.names)?;
            let deadline = config.handler_deadline;
            let address = gate::open(gate, tls, self.0.clone(), handler.clone(), deadline, shutdown).await?;
            let _ = self.0.gate.set(address);
        }
        if let Some(external) = config.broker {
            let joined = broker::join(external, handler, config.handler_deadline, shutdown);
            let _ = self.0.external.set(joined);
        }
        Ok(())
    }

    /// Sends now or not at all.
    pub fn send(&self, edge: EdgeId, down: &Down) -> Result<(), SendError> {
        if let Some(sender) = self.0.registry.sender(edge) {
            return sender.try_send(down.encode()).map_err(|error| match error {
                TrySendError::Full(_) => SendError::Busy,
                TrySendError::Closed(_) => SendError::NotConnected,
            });
        }
        self.0.external.get().ok_or(SendError::NotConnected)?.send(edge, down)
    }

    /// Puts an edge out at once: it was revoked, or its certificate was. `Handler::admit` keeps it out. True when it was in.
    pub fn kick(&self, edge: EdgeId) -> bool {
        let carried = self.0.external.get().is_some_and(|external| external.kick(edge));
        self.0.registry.kick(edge) || carried
    }

    /// Edges connected through the gate.
    pub fn connected(&self) -> Vec<EdgeId> {
        self.0.registry.connected()
    }

    /// Where the gate listens, once it does: with port 0 configured, the port it got.
    pub fn gate_address(&self) -> Option<SocketAddr> {
        self.0.gate.get().copied()
    }
}
