//! Who is connected right now, how to reach them, how to put them out. The newest connection of an edge wins.

use bo_model::EdgeId;
use bo_runtime::Shutdown;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// A message on its way down: kind and payload.
pub(crate) type Outgoing = (&'static str, Vec<u8>);

/// Messages waiting for one edge. More means it does not read: the message is refused, its sender told.
const ROOM: usize = 64;

/// All edges that came in through the gate.
#[derive(Default)]
pub(crate) struct Registry(Mutex<HashMap<EdgeId, Entry>>);

struct Entry {
    /// Held while a message of this edge is handled, across reconnects, so that its order holds.
    turn: Arc<tokio::sync::Mutex<()>>,
    generation: u64,
    now: Option<(mpsc::Sender<Outgoing>, Shutdown)>,
}

/// One connection's place in the registry.
pub(crate) struct Seat {
    pub(crate) generation: u64,
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
    pub(crate) sender: mpsc::Sender<Outgoing>,
}

impl Registry {
    /// Takes the edge's seat; whoever sat there is put out. `end` is signalled when this one must go.
    pub(crate) fn enter(&self, edge: EdgeId, end: Shutdown) -> Seat {
        let (sender, outgoing) = mpsc::channel(ROOM);
        let mut edges = self.lock();
        let entry =
            edges.entry(edge).or_insert_with(|| Entry { turn: Arc::default(), generation: 0, now: None });
        if let Some((_, older)) = entry.now.replace((sender.clone(), end)) {
            older.signal();
        }
        entry.generation += 1;
        Seat { generation: entry.generation, turn: entry.turn.clone(), outgoing, sender }
    }

    /// Gives the seat up; true when no newer connection has taken it.
    pub(crate) fn leave(&self, edge: EdgeId, generation: u64) -> bool {
        match self.lock().get_mut(&edge) {
            Some(entry) if entry.generation == generation => {
                entry.now = None;
                true
            }
            _ => false,
        }
    }

    /// Puts the edge out; true when it was in. Nothing is sent to it from now on.
    pub(crate) fn kick(&self, edge: EdgeId) -> bool {
        match self.lock().get_mut(&edge).and_then(|entry| entry.now.take()) {
            Some((_, end)) => {
                end.signal();
                true
            }
            None => false,
        }
    }

    /// The way to a connected edge.
    pub(crate) fn sender(&self, edge: EdgeId) -> Option<mpsc::Sender<Outgoing>> {
        self.lock().get(&edge)?.now.as_ref().map(|(sender, _)| sender.clone())
    }

    /// Edges connected now.
    pub(crate) fn connected(&self) -> Vec<EdgeId> {
        self.lock().iter().filter(|(_, entry)| entry.now.is_some()).map(|(edge, _)| *edge).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EdgeId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
