//! Who on this link wants which topics, and which filters the broker must know for that.

use crate::topic::{Tree, covers};
use bo_link::MqttMessage;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long after subscribing (or reconnecting) retained messages are passed on. The broker sends them again when somebody else
/// subscribes; whoever had live values by then must not be handed old ones.
const RETAINED_WINDOW: Duration = Duration::from_secs(30);

/// One user's messages. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Listener {
    messages: mpsc::Receiver<MqttMessage>,
    who: u32,
    shared: Arc<Listeners>,
}

impl Listener {
    /// The next message; `None` when the link was closed. `retain` set means "not live". Cancel safe.
    pub async fn recv(&mut self) -> Option<MqttMessage> {
        self.messages.recv().await
    }

    /// A message that is already there.
    pub fn try_recv(&mut self) -> Option<MqttMessage> {
        self.messages.try_recv().ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.leave(self.who);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tree: Tree,
    users: HashMap<u32, User>,
    next: u32,
    /// What the broker was asked for. No filter in it covers another, so that a message comes once.
    subscribed: HashSet<String>,
    /// Filters to give back at the next chance.
    given_back: Vec<String>,
}

/// What is called with each message.
pub(crate) type Sink = Box<dyn FnMut(&MqttMessage) + Send>;

/// How a user gets its messages.
enum To {
    Queue(mpsc::Sender<MqttMessage>),
    Call {
        sink: Sink,
        /// Keeps the listener open as long as the sink is called.
        _open: mpsc::Sender<MqttMessage>,
    },
    /// Its sink has panicked.
    Nobody,
}

impl std::fmt::Debug for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            To::Queue(_) => "Queue",
            To::Call { .. } => "Call",
            To::Nobody => "Nobody",
        })
    }
}

impl To {
    /// False when there was no room.
    fn give(&mut self, message: &MqttMessage) -> bool {
        match self {
            To::Queue(sender) => {
                !matches!(sender.try_send(message.clone()), Err(mpsc::error::TrySendError::Full(_)))
            }
            To::Call { sink, .. } => {
                if std::panic::catch_unwind(AssertUnwindSafe(|| sink(message))).is_err() {
                    *self = To::Nobody;
                }
                true
            }
            To::Nobody => true,
        }
    }
}

#[derive(Debug)]
struct User {
    to: To,
    filters: Vec<String>,
    retained_until: Instant,
    /// The last message it was given, so that two matching filters give it once.
    stamp: u64,
    dropped: u64,
}

/// What to tell the broker.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) subscribe: Vec<String>,
    pub(crate) unsubscribe: Vec<String>,
}

impl Listeners {
    pub(crate) fn join(self: &Arc<Self>, room: usize) -> Listener {
        let (sender, messages) = mpsc::channel(room.max(1));
        self.add_user(To::Queue(sender), messages)
    }

    /// A user that is called.
    pub(crate) fn call(self: &Arc<Self>, sink: Sink) -> Listener {
        let (_open, messages) = mpsc::channel(1);
        self.add_user(To::Call { sink, _open }, messages)
    }

    fn add_user(self: &Arc<Self>, to: To, messages: mpsc::Receiver<MqttMessage>) -> Listener {
        let mut state = self.lock();
        let who = state.next;
        state.next += 1;
        let retained_until = Instant::now() + RETAINED_WINDOW;
        state.users.insert(who, User { to, filters: Vec::new(), retained_until, stamp: 0, dropped: 0 });
        Listener { messages, who, shared: self.clone() }
    }

    /// Adds a filter for one user. The broker is asked for it, or asked again for the wider one that covers it: that is what
    /// makes it send retained messages.
    pub(crate) fn add(&self, who: u32, filter: &str) -> Change {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(user) = state.users.get_mut(&who) else { return Change::default() };
        user.retained_until = Instant::now() + RETAINED_WINDOW;
        if !user.filters.iter().any(|known| known == filter) {
            user.filters.push(filter.to_owned());
            state.tree.insert(filter, who);
        }
        if let Some(wider) = state.subscribed.iter().find(|known| covers(known, filter)) {
            return Change { subscribe: vec![wider.clone()], unsubscribe: Vec::new() };
        }
        let narrower: Vec<String> =
            state.subscribed.iter().filter(|known| covers(filter, known)).cloned().collect();
        for known in &narrower {
            state.subscribed.remove(known);
        }
        state.subscribed.insert(filter.to_owned());
        Change { subscribe: vec![filter.to_owned()], unsubscribe: narrower }
    }

    fn leave(&self, who: u32) {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(user) = state.users.remove(&who) else { return };
        for filter in user.filters {
            state.tree.remove(&filter, who);
            let Some(wide) = state.subscribed.iter().find(|known| covers(known, &filter)).cloned() else {
                continue;
            };
            let mut wanted = state.users.values().flat_map(|other| &other.filters);
            if !wanted.any(|other| covers(&wide, other)) {
                state.subscribed.remove(&wide);
                state.given_back.push(wide);
            }
        }
    }

    /// Filters nobody wants any more.
    pub(crate) fn given_back(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().given_back)
    }

    /// After a new connection: everything to ask for, and everybody may be told retained values again.
    pub(crate) fn reconnected(&self) -> Vec<String> {
        let mut state = self.lock();
        let until = Instant::now() + RETAINED_WINDOW;
        state.users.values_mut().for_each(|user| user.retained_until = until);
        state.given_back.clear();
        state.subscribed.iter().cloned().collect()
    }

    /// Passes a message on. Returns how many users had no room for it.
    pub(crate) fn deliver(&self, message: &MqttMessage, stamp: u64) -> u64 {
        let mut state = self.lock();
        let State { tree, users, .. } = &mut *state;
        let (mut full, now) = (0, message.retain.then(Instant::now));
        tree.find(&message.topic, &mut |who| {
            let Some(user) = users.get_mut(&who) else { return };
            if user.stamp == stamp || now.is_some_and(|now| now > user.retained_until) {
                return;
            }
            user.stamp = stamp;
            if !user.to.give(message) {
                user.dropped += 1;
                full += 1;
                if user.dropped.is_power_of_two() {
                    tracing::warn!(topic = %message.topic, dropped = user.dropped, "a device does not keep up with its messages");
                }
            }
        });
        full
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    pub(crate) fn who(&self) -> u32 {
        self.who
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(topic: &str, retain: bool) -> MqttMessage {
        MqttMessage { topic: topic.into(), payload: Bytes::from_static(b"1"), qos: 0, retain }
    }

    #[test]
    fn the_broker_is_never_asked_for_overlapping_filters() {
        let all = Arc::new(Listeners::default());
        let (one, two) = (all.join(4), all.join(4));
        let change = |subscribe: &[&str], unsubscribe: &[&str]| Change {
            subscribe: subscribe.iter().map(|s| (*s).to_owned()).collect(),
            unsubscribe: unsubscribe.iter().map(|s| (*s).to_owned()).collect(),
        };
        assert_eq!(all.add(one.who(), "tele/plug/+"), change(&["tele/plug/+"], &[]));
        assert_eq!(all.add(two.who(), "tele/#"), change(&["tele/#"], &["tele/plug/+"]));
        assert_eq!(all.add(one.who(), "tele/x"), change(&["tele/#"], &[]));
        drop(two);
        assert_eq!(all.given_back(), Vec::<String>::new(), "others still live under it");
        drop(one);
        assert_eq!(all.given_back(), ["tele/#"]);
        assert_eq!(all.reconnected(), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_gets_a_message_once_and_old_retained_ones_not_at_all() {
        let all = Arc::new(Listeners::default());
        let mut listener = all.join(4);
        all.add(listener.who(), "a/+");
        all.add(listener.who(), "a/b");
        all.deliver(&message("a/b", true), 1);
        assert!(listener.try_recv().is_some_and(|m| m.retain));
        assert!(listener.try_recv().is_none());
        tokio::time::advance(RETAINED_WINDOW * 2).await;
        all.deliver(&message("a/b", true), 2);
        assert!(listener.try_recv().is_none());
        all.deliver(&message("a/b", false), 3);
        assert!(listener.try_recv().is_some());
    }

    #[test]
    fn a_sink_that_panics_ends_its_own_listener_and_no_other() {
        let all = Arc::new(Listeners::default());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = seen.clone();
        let well = all.call(Box::new(move |message| into.lock().unwrap().push(message.topic.clone())));
        let mut ill = all.call(Box::new(|_| panic!("does not understand")));
        for listener in [&well, &ill] {
            all.add(listener.who(), "#");
        }
        all.deliver(&message("a", false), 1);
        all.deliver(&message("b", false), 2);
        assert_eq!(*seen.lock().unwrap(), ["a", "b"]);
        assert!(ill.messages.try_recv() == Err(mpsc::error::TryRecvError::Disconnected));
    }

    #[test]
    fn a_listener_that_does_not_read_costs_only_itself() {
        let all = Arc::new(Listeners::default());
        let (slow, mut quick) = (all.join(1), all.join(4));
        for listener in [&slow, &quick] {
            all.add(listener.who(), "#");
        }
        assert_eq!(all.deliver(&message("a", false), 1), 0);
        assert_eq!(all.deliver(&message("a", false), 2), 1);
        assert!(quick.try_recv().is_some() && quick.try_recv().is_some());
    }
}
