//! The way to the controller: what the journal holds goes up, commands and releases come down.
//!
//! The edge never waits for the controller: the uplink connects, says hello, catches up from the controller's watermark, class by
//! class in order of importance, and starts over with back-off for as long as it takes. What comes down is handed to the agent
//! as [`UplinkEvent`]s; nonsense is logged and ignored.

mod batch;
mod connection;
mod fetch;
mod renewal;
mod session;
mod window;

pub use fetch::FetchError;
pub use window::Window;

use crate::enroll::Identity;
use crate::journal::Journal;
use bo_model::clock::SharedClock;
use bo_model::command::CommandRequest;
use bo_model::{DeviceId, Time};
use bo_runtime::Shutdown;
use bo_wire::{SignedRelease, SnapshotValue};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What the agent tells of itself whenever the uplink asks.
pub struct Report {
    /// All current values, sent after each connection.
    pub snapshot: Box<dyn Fn() -> Vec<SnapshotValue> + Send + Sync>,
    /// For each heartbeat.
    pub vitals: Box<dyn Fn() -> Vitals + Send + Sync>,
}

/// How the agent is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vitals {
    /// Hash of the release it runs, empty when it has none.
    pub release: String,
    /// Links: name, state word, last proved.
    pub links: Vec<(String, String, Option<Time>)>,
    /// Devices that are not well, and why.
    pub unwell: Vec<(DeviceId, String)>,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// What came down.
#[derive(Clone, Debug, PartialEq)]
pub enum UplinkEvent {
    /// Somebody wants a device changed. Its deadline has not passed; the same id may come twice and must be done once.
    Command(CommandRequest),
    /// There is a release. Its signature has not been checked yet.
    Announce(SignedRelease),
}

/// Whether the controller is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UplinkState {
    /// It answered our hello on the present connection.
    pub connected: bool,
    /// Since when it is so.
    pub since: Time,
    /// Last message from it.
    pub last_proved: Option<Time>,
    /// Why there is no connection, in words.
    pub why: Option<Arc<str>>,
}

/// The uplink as the agent holds it. Cheap to clone.
#[derive(Clone)]
pub struct UplinkHandle {
    state: watch::Receiver<UplinkState>,
    fetches: mpsc::Sender<fetch::Fetch>,
}

impl UplinkHandle {
    /// Of a controller that never answers.
    #[cfg(test)]
    pub(crate) fn silent() -> UplinkHandle {
        UplinkHandle { state: watch::channel(UplinkState::default()).1, fetches: mpsc::channel(1).0 }
    }

    /// Whether the controller is there, as it changes.
    pub fn state(&self) -> watch::Receiver<UplinkState> {
        self.state.clone()
    }

    /// The blob with this SHA-256, checked. Waits for a connection, resumes after a lost one, gives up after half an hour.
    pub async fn fetch(&self, hash: [u8; 32]) -> Result<Vec<u8>, FetchError> {
        let (answer, result) = oneshot::channel();
        let fetch = fetch::Fetch::new(hash, answer);
        self.fetches.send(fetch).await.map_err(|_| FetchError::Closed)?;
        match tokio::time::timeout(fetch::FETCH_DEADLINE, result).await {
            Ok(result) => result.unwrap_or(Err(FetchError::Closed)),
            Err(_) => Err(FetchError::TimedOut(hex::encode(hash))),
        }
    }
}

/// Starts the uplink of an enrolled edge; it ends with `shutdown`. The agent reads the events; when it does not, commands are
/// refused, not queued.
pub fn start(
    identity: Identity,
    journal: Journal,
    report: Report,
    clock: SharedClock,
    shutdown: &Shutdown,
) -> (UplinkHandle, mpsc::Receiver<UplinkEvent>) {
    let (events, inbox) = mpsc::channel(64);
    let (fetches, fetch_inbox) = mpsc::channel(8);
    let (publish, state) = watch::channel(UplinkState { since: clock.now(), ..UplinkState::default() });
    let session = session::Session::new(identity, journal, report, clock, events, publish);
    shutdown.spawn(session.run(fetch_inbox, shutdown.clone()));
    (UplinkHandle { state, fetches }, inbox)
}
