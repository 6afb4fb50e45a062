//! Commands that were written directly and wait to be confirmed. They have no task: whoever hears of their outcome passes it
//! on to one that ends all of them, so that a burst of confirmations is one wake-up.

use super::pipeline::{self, Begun};
use super::{AT_ONCE, GRACE, STOPPED, Shared};
use crate::devices::{Carried, CommandError};
use bo_model::CommandId;
use bo_model::command::Stage;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

/// How often deadlines are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Outcomes taken at once.
const BATCH: usize = 256;

type Outcome = (CommandId, Result<Carried, CommandError>);

/// Commands by id.
pub(super) struct UnderWay {
    waiting: Mutex<HashMap<CommandId, (Begun, Instant, OwnedSemaphorePermit)>>,
    outcomes: mpsc::Sender<Outcome>,
}

impl UnderWay {
    /// None, and where outcomes will come from.
    pub fn new() -> (UnderWay, mpsc::Receiver<Outcome>) {
        // One that is given up at its deadline may be confirmed all the same, and another one has its place then.
        let (outcomes, heard) = mpsc::channel(2 * AT_ONCE);
        (UnderWay { waiting: Mutex::default(), outcomes }, heard)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CommandId, (Begun, Instant, OwnedSemaphorePermit)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a command to its device. One that cannot be written has its outcome at once.
    pub fn write(&self, begun: Begun, room: OwnedSemaphorePermit) {
        let (id, deadline) = (begun.request.id, begun.deadline);
        let outcomes = self.outcomes.clone();
        let done = move |outcome| drop(outcomes.try_send((id, outcome)));
        // Held until it is listed: its outcome may be heard before this returns.
        let mut waiting = self.lock();
        match begun.device.direct() {
            Some(Ok(direct)) => direct(&begun.request.command, begun.params(), deadline, Box::new(done)),
            Some(Err(fault)) => done(Err(fault)),
            None => done(Err(CommandError::Failed("the device was taken out of service".into()))),
        }
        waiting.insert(id, (begun, deadline, room));
    }

    fn overdue(&self, now: Instant) -> Vec<CommandId> {
        self.lock().iter().filter(|(_, (_, deadline, _))| *deadline <= now).map(|(id, _)| *id).collect()
    }
}

/// Ends commands as their outcomes come, until the agent stops.
pub(super) async fn hear(shared: Arc<Shared>, mut outcomes: mpsc::Receiver<Outcome>) {
    let mut heard = Vec::with_capacity(BATCH);
    let ended = async {
        shared.shutdown.signalled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(ended);
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = outcomes.recv_many(&mut heard, BATCH) => {
                for (id, outcome) in heard.drain(..) {
                    end(&shared, id, outcome);
                }
            }
            _ = every.tick() => {
                for id in shared.under_way.overdue(Instant::now()) {
                    end(&shared, id, Err(CommandError::Failed("no reply in time".into())));
                }
            }
            () = &mut ended => break,
        }
        if shared.shutdown.is_signalled() && shared.under_way.lock().is_empty() {
            break;
        }
    }
    let left: Vec<CommandId> = shared.under_way.lock().keys().copied().collect();
    for id in left {
        end(&shared, id, Err(CommandError::Failed(STOPPED.into())));
    }
}

fn end(shared: &Arc<Shared>, id: CommandId, outcome: Result<Carried, CommandError>) {
    let Some((begun, _, room)) = shared.under_way.lock().remove(&id) else { return };
    let now = shared.clock.now();
    let (passed, last) = match pipeline::written(outcome) {
        Ok(passed) => (passed, Stage::Done),
        Err(last) => (&[][..], last),
    };
    pipeline::end(shared, begun, passed, last, false, now);
    drop(room);
}
