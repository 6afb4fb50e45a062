//! The bounded queues in front of a device. Commands and events have one each; the state of the link is kept
//! beside them, so that a connect is known even when a flood of frames filled the queue.

use super::Event;
use crate::error::CommandError;
use bo_link::mailbox::{Receiver, Refused, Sender, mailbox};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Events waiting.
const EVENTS: usize = 256;
/// Places of it only connects and disconnects may take.
const RESERVED: usize = 16;
/// Commands waiting.
const COMMANDS: usize = 32;

/// A command on its way.
pub(super) struct Ask {
    pub(super) name: String,
    pub(super) params: String,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<(), CommandError>>,
}

/// The outer side.
pub(super) struct Queue {
    // Boxed, so that the few places an empty queue keeps are small ones.
    events: Sender<Box<Event>>,
    commands: Sender<Box<Ask>>,
    shared: Arc<Shared>,
}

/// The device's side.
pub(super) struct Inbox {
    pub(super) events: Events,
    pub(super) commands: Receiver<Box<Ask>>,
}

/// Events as the device takes them.
pub(super) struct Events {
    queue: Receiver<Box<Event>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connected: AtomicBool,
    dropped: AtomicU64,
}

pub(super) fn queue() -> (Queue, Inbox) {
    let (events, event_inbox) = mailbox(EVENTS);
    let (commands, command_inbox) = mailbox(COMMANDS);
    let shared = Arc::new(Shared::default());
    let events_out = Events { queue: event_inbox, shared: shared.clone() };
    let inbox = Inbox { events: events_out, commands: command_inbox };
    (Queue { events, commands, shared }, inbox)
}

impl Queue {
    pub(super) fn event(&self, event: Event) -> bool {
        let is_link = matches!(event, Event::Connected | Event::Disconnected);
        if is_link {
            self.shared.connected.store(event == Event::Connected, Ordering::SeqCst);
        }
        let room = is_link || self.events.free() > RESERVED;
        let taken = room && self.events.try_send(Box::new(event)).is_ok();
        if !taken && !is_link {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken || is_link
    }

    pub(super) async fn ask(
        &self,
        name: String,
        params: String,
        within: Duration,
    ) -> Result<(), CommandError> {
        let deadline = Instant::now() + within;
        let (reply, answer) = oneshot::channel();
        let ask = Box::new(Ask { name, params, deadline, reply });
        self.commands.try_send(ask).map_err(|error| match error {
            Refused::Full => CommandError::Failed("too many commands are waiting for this device".into()),
            Refused::Closed => CommandError::Failed("the device was stopped".into()),
        })?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(CommandError::Failed("the device was stopped".into())),
            Err(_) => Err(CommandError::TimedOut("the driver to answer".into())),
        }
    }
}

impl Events {
    /// The next event for an instance that thinks its link is `connected`; `None` when the device was stopped. The
    /// state of the link is told when its own event was lost, or went to an earlier instance. Cancel safe.
    pub(super) async fn next(&mut self, connected: bool) -> Option<Event> {
        if let Some(event) = self.queue.try_recv() {
            return Some(*event);
        }
        match (self.shared.connected.load(Ordering::SeqCst), connected) {
            (true, false) => Some(Event::Connected),
            (false, true) => Some(Event::Disconnected),
            _ => self.queue.recv().await.map(|event| *event),
        }
    }

    /// The next event that was queued; `None` when the device was stopped.
    pub(super) async fn discard(&mut self) -> Option<()> {
        self.queue.recv().await.map(drop)
    }

    /// Events lost since the last time this was asked.
    pub(super) fn take_dropped(&self) -> u64 {
        self.shared.dropped.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_frames_never_hides_a_disconnect() {
        let (queue, mut inbox) = queue();
        queue.event(Event::Connected);
        let taken = (0..1000).filter(|_| queue.event(Event::Frame("x".into()))).count();
        assert_eq!(taken, EVENTS - RESERVED - 1);
        assert!(queue.event(Event::Disconnected));
        assert_eq!(inbox.events.take_dropped(), 1000 - taken as u64);
        let mut last = None;
        while let Some(event) = inbox.events.queue.try_recv() {
            last = Some(*event);
        }
        assert_eq!(last, Some(Event::Disconnected));
        assert_eq!(inbox.events.next(true).await, Some(Event::Disconnected), "told again when it was missed");
    }
}
