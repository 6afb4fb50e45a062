//! What the users' tasks and the connection's task of a link share: the session while it is there, and what the broker refuses.

use crate::listeners::Change;
use crate::refusals::Refusals;
use crate::session::{Session, Waiting};
use crate::topic::is_topic;
use bo_link::{LinkError, MqttMessage};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What the users' tasks and the connection's task share.
pub(crate) struct Shared {
    now: Mutex<Result<Session, Arc<str>>>,
    /// There is something to write.
    pub(crate) write: Notify,
    /// What the broker does not let us hear.
    pub(crate) refusals: Refusals,
}

impl Default for Shared {
    fn default() -> Shared {
        let now = Mutex::new(Err("not connected yet".into()));
        Shared { now, write: Notify::new(), refusals: Refusals::default() }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Result<Session, Arc<str>>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn down(&self, why: &Arc<str>) {
        let before = std::mem::replace(&mut *self.lock(), Err(why.clone()));
        if let Ok(session) = before {
            session.end(why);
        }
    }

    pub(crate) fn publish(&self, job: Waiting, message: MqttMessage) {
        if !is_topic(&message.topic) {
            return job.answer(Err(LinkError::Invalid(format!("`{}` is not a topic", message.topic).into())));
        }
        match &mut *self.lock() {
            Err(why) => return job.answer(Err(LinkError::Offline(why.clone()))),
            Ok(session) => session.publish(job, message),
        }
        self.write.notify_one();
    }

    pub(crate) fn change(&self, change: Change) -> Result<(), LinkError> {
        let mut now = self.lock();
        let Ok(session) = &mut *now else { return Ok(()) }; // asked for on connecting
        self.refusals.given_back(&change.unsubscribe);
        let done = session.subscribe(&change.subscribe).and_then(|refused| {
            self.refusals.note(refused);
            session.unsubscribe(change.unsubscribe)
        });
        self.write.notify_one();
        done.map_err(|error| LinkError::Invalid(error.into()))
    }

    /// Whether there is something to write.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.lock().as_ref().is_ok_and(Session::has_unwritten)
    }

    /// What is to be written now, and who is to be told when it is.
    pub(crate) fn unwritten(&self) -> Option<(Bytes, Vec<Waiting>)> {
        self.lock().as_mut().ok()?.unwritten()
    }
}
