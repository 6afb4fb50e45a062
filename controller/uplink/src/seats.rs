//! Which edges an external broker carries at present. The broker alone knows who is connected; the controller sends to
//! those that were let in when they last spoke, and to nobody who was put out since.

use bo_model::EdgeId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(crate) struct Seats(Mutex<HashMap<EdgeId, Seat>>);

#[derive(Debug, Default)]
struct Seat {
    taken: bool,
    /// Times it was put out.
    put_out: u64,
}

impl Seats {
    /// What [`Seats::enter`] wants to know from before the question whether the edge may come in.
    pub(crate) fn put_out_so_far(&self, edge: EdgeId) -> u64 {
        self.lock().get(&edge).map_or(0, |seat| seat.put_out)
    }

    /// Takes the edge's seat. False when it was put out while somebody thought about letting it in.
    pub(crate) fn enter(&self, edge: EdgeId, put_out_before: u64) -> bool {
        let mut seats = self.lock();
        let seat = seats.entry(edge).or_default();
        seat.taken = seat.put_out == put_out_before;
        seat.taken
    }

    /// Puts the edge out; true when it was in.
    pub(crate) fn put_out(&self, edge: EdgeId) -> bool {
        let mut seats = self.lock();
        let seat = seats.entry(edge).or_default();
        seat.put_out += 1;
        std::mem::take(&mut seat.taken)
    }

    pub(crate) fn is_taken(&self, edge: EdgeId) -> bool {
        self.lock().get(&edge).is_some_and(|seat| seat.taken)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EdgeId, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::{IdGen, SystemClock};
    use std::sync::Arc;

    #[test]
    fn an_edge_that_is_put_out_while_it_is_let_in_stays_out() {
        let (seats, edge) = (Seats::default(), IdGen::new(Arc::new(SystemClock), 1).make::<EdgeId>());
        assert!(!seats.is_taken(edge));
        let before = seats.put_out_so_far(edge);
        assert!(seats.enter(edge, before) && seats.is_taken(edge));
        assert!(seats.put_out(edge) && !seats.is_taken(edge) && !seats.put_out(edge));
        assert!(!seats.enter(edge, before) && !seats.is_taken(edge), "the question was asked before");
        assert!(seats.enter(edge, seats.put_out_so_far(edge)), "enrolled again");
    }
}
