//! Triggers on this edge: conditions over the board, and what follows from them.
//!
//! One task evaluates all of them: a trigger runs when one of its inputs changed or one of its timers is due,
//! never otherwise. Each change is seen in order. What a trigger remembers is on disk, so that "empty for ten
//! minutes" survives a restart; the last traces of each are kept to be shown.

mod act;
mod bind;
mod host;

pub use bind::{compile, context};

use crate::alarms::Alarms;
use crate::board::{Board, Recorder};
use crate::commands::Commands;
use crate::devices::Devices;
use crate::error::EdgeError;
use crate::site::Desired;
use crate::store::Store;
use bo_model::clock::SharedClock;
use bo_model::{SystemId, Time, TriggerId};
use bo_rules::{State, Trace};
use bo_runtime::Shutdown;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Traces kept per trigger.
pub const TRACES: usize = 20;
const REQUESTS_WAITING: usize = 256;
const KIND: &str = "trigger";
/// When the agent was last alive.
const ALIVE: &str = "alive";

/// What the host needs.
pub struct Parts {
    /// Where inputs come from.
    pub board: Arc<Board>,
    /// Which devices there are.
    pub devices: Arc<Devices>,
    /// How it acts.
    pub commands: Commands,
    /// How it warns.
    pub alarms: Arc<Alarms>,
    /// Where runs are written.
    pub record: Recorder,
    /// Memory across restarts.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// The end.
    pub shutdown: Shutdown,
}

/// The running triggers. Cheap to clone.
#[derive(Clone)]
pub struct Triggers {
    requests: mpsc::Sender<Request>,
}

enum Request {
    Apply(Box<Desired>, oneshot::Sender<()>),
    Webhook(String, oneshot::Sender<usize>),
    Show(oneshot::Sender<Vec<Shown>>),
}

/// A trigger as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Its id.
    pub id: TriggerId,
    /// Its system.
    pub system: SystemId,
    /// `triggers/<name>`.
    pub name: String,
    /// For people.
    pub title: String,
    /// Active now.
    pub active: bool,
    /// Since when it is as it is.
    pub since: Option<Time>,
    /// It can't tell, because of inputs that may not be acted on.
    pub held_back: bool,
    /// Why it is as it is, now.
    pub now: Trace,
    /// The last evaluations that fired or were held back, newest first.
    pub traces: Vec<Trace>,
}

impl Triggers {
    /// Starts without triggers; [`Triggers::apply`] brings them.
    pub fn start(parts: Parts, state: &Path) -> Result<Triggers, EdgeError> {
        let kept = Store::load::<State>(state, KIND)?;
        let (requests, inbox) = mpsc::channel(REQUESTS_WAITING);
        let shutdown = parts.shutdown.clone();
        let stopped = Store::load::<Time>(state, ALIVE)?.remove(ALIVE);
        let host = host::Host::new(parts, kept, stopped);
        shutdown.spawn(host.run(inbox));
        Ok(Triggers { requests })
    }

    /// Evaluates these triggers from now on. What those that stay remember is kept.
    pub async fn apply(&self, desired: &Desired) {
        let (done, applied) = oneshot::channel();
        if self.requests.send(Request::Apply(Box::new(desired.clone()), done)).await.is_ok() {
            let _ = applied.await;
        }
    }

    /// A webhook was called; returns how many triggers listen to it.
    pub async fn webhook(&self, name: &str) -> usize {
        let (reply, heard) = oneshot::channel();
        if self.requests.send(Request::Webhook(name.to_owned(), reply)).await.is_err() {
            return 0;
        }
        heard.await.unwrap_or(0)
    }

    /// All triggers with their traces.
    pub async fn show(&self) -> Vec<Shown> {
        let (reply, shown) = oneshot::channel();
        if self.requests.send(Request::Show(reply)).await.is_err() {
            return Vec::new();
        }
        shown.await.unwrap_or_default()
    }
}
