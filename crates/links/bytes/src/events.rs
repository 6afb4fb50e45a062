//! Who hears what happens on a link without being asked for. Nothing is kept for readers that do not exist.

use crate::task::Event;
use bo_link::mailbox::{Receiver, Sender, mailbox};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Events a slow reader may be behind before it loses the oldest.
pub(crate) const EVENTS: usize = 64;

type Readers = Mutex<Vec<Sender<Event>>>;

/// All readers of a link, as its task has them.
pub(crate) struct Listeners(Arc<Readers>);

/// Where further users of a link hear of its events.
#[derive(Clone, Debug)]
pub struct Later(Weak<Readers>);

pub(crate) fn listeners() -> (Listeners, Later) {
    let readers = Arc::new(Readers::default());
    let later = Later(Arc::downgrade(&readers));
    (Listeners(readers), later)
}

impl Listeners {
    /// Tells all there are.
    pub(crate) fn send(&self, event: Event) {
        lock(&self.0).retain(|reader| reader.push(event.clone()));
    }
}

impl Later {
    /// Events from now on; they end with the link. Whoever needs a greeting that is over asks for
    /// [`bo_link::BytesOp::Reconnect`].
    pub fn subscribe(&self) -> Receiver<Event> {
        let (sender, receiver) = mailbox(EVENTS);
        if let Some(readers) = self.0.upgrade() {
            lock(&readers).push(sender);
        }
        receiver
    }
}

fn lock(readers: &Readers) -> MutexGuard<'_, Vec<Sender<Event>>> {
    readers.lock().unwrap_or_else(PoisonError::into_inner)
}
