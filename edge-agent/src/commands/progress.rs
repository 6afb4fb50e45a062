//! Which commands were taken and how far they came: what makes the same id twice be done once.

use crate::store::Store;
use bo_model::command::{CommandRequest, Stage};
use bo_model::{CommandId, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::watch;

/// Kind of these documents in the store.
pub const KIND: &str = "command";
/// How long an id is remembered; far longer than any deadline a command may have.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// More than anybody asks for in a day; the oldest go first.
const REMEMBERED_AT_MOST: usize = 20_000;

/// A command as it is kept on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// When it was taken, or ended.
    pub at: Time,
    /// Its final stage; absent while it is under way.
    pub last: Option<Stage>,
}

/// Commands by id.
#[derive(Debug, Default)]
pub struct Progress {
    known: HashMap<CommandId, (Time, watch::Sender<Stage>)>,
    /// Those that outlive their end, oldest first. An id that was made here comes once and is forgotten then.
    order: std::collections::VecDeque<CommandId>,
}

/// Whether an id is new.
pub enum Begin {
    /// It is.
    New(watch::Receiver<Stage>),
    /// It is not; this is how far the first one came.
    Known(watch::Receiver<Stage>),
}

impl Progress {
    /// From disk, and the ids that were under way when the agent stopped.
    pub fn restore(kept: BTreeMap<String, Kept>) -> (Progress, Vec<CommandId>) {
        let mut progress = Progress::default();
        let mut interrupted = Vec::new();
        for (id, kept) in kept {
            let Ok(id) = id.parse::<CommandId>() else { continue };
            if kept.last.is_none() {
                interrupted.push(id);
            }
            let stage = kept.last.unwrap_or(Stage::Requested);
            progress.known.insert(id, (kept.at, watch::channel(stage).0));
            progress.order.push_back(id);
        }
        (progress, interrupted)
    }

    /// Takes a request; `durable` when somebody may ask with the same id again.
    pub fn begin(&mut self, request: &CommandRequest, durable: bool, now: Time) -> Begin {
        if let Some((_, stage)) = self.known.get(&request.id) {
            return Begin::Known(stage.subscribe());
        }
        let (stage, seen) = watch::channel(Stage::Requested);
        self.known.insert(request.id, (now, stage));
        if durable {
            self.order.push_back(request.id);
        }
        Begin::New(seen)
    }

    /// Shows a stage to whoever waits.
    pub fn advance(&mut self, command: CommandId, stage: Stage) {
        if let Some((_, shown)) = self.known.get(&command) {
            shown.send_replace(stage);
        }
    }

    /// The last stage was shown, and nobody can ask with this id again.
    pub fn forget(&mut self, command: CommandId) {
        self.known.remove(&command);
    }

    /// Forgets what is old. What is under way is never forgotten.
    pub fn prune(&mut self, now: Time, store: &Store) {
        while let Some(id) = self.order.front().copied() {
            let Some((at, stage)) = self.known.get(&id) else {
                self.order.pop_front();
                continue;
            };
            let crowded = self.order.len() > REMEMBERED_AT_MOST;
            if !stage.borrow().is_final() || !(crowded || now.since(*at) > REMEMBERED) {
                return;
            }
            self.order.pop_front();
            self.known.remove(&id);
            store.remove(KIND, id.to_string());
        }
    }
}
