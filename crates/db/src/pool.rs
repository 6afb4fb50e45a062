//! A few connections for reading, opened when first needed and taken in turns.

use crate::error::DbError;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a reader waits for a connection.
const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Pool<C: Send + 'static> {
    limit: usize,
    state: Mutex<State<C>>,
    freed: Condvar,
}

struct State<C> {
    idle: Vec<C>,
    open: usize,
}

impl<C: Send + 'static> Pool<C> {
    pub fn new(limit: usize) -> Pool<C> {
        Pool { limit, state: Mutex::new(State { idle: Vec::new(), open: 0 }), freed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection, or a fresh one while there are fewer than the limit.
    pub fn take(&self, open: impl FnOnce() -> Result<C, DbError>) -> Result<Taken<'_, C>, DbError> {
        let full = |state: &mut State<C>| state.idle.is_empty() && state.open >= self.limit;
        let (mut state, wait) = self
            .freed
            .wait_timeout_while(self.lock(), DEADLINE, full)
            .unwrap_or_else(PoisonError::into_inner);
        if wait.timed_out() {
            return Err(DbError::Busy { what: "all reading connections are in use" });
        }
        if let Some(conn) = state.idle.pop() {
            return Ok(Taken { pool: self, conn: Some(conn) });
        }
        state.open += 1;
        drop(state);
        let mut taken = Taken { pool: self, conn: None };
        taken.conn = Some(open()?);
        Ok(taken)
    }
}

impl<C: Send + 'static> Drop for Pool<C> {
    /// A PostgreSQL client must not be dropped inside an async context.
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.lock().idle);
        let _ = std::thread::Builder::new().spawn(move || drop(idle)).map(std::thread::JoinHandle::join);
    }
}

/// A connection in use; goes back when dropped.
pub(crate) struct Taken<'p, C: Send + 'static> {
    pool: &'p Pool<C>,
    conn: Option<C>,
}

impl<C: Send + 'static> Drop for Taken<'_, C> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        match self.conn.take() {
            Some(conn) => state.idle.push(conn),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.freed.notify_one();
    }
}

impl<C: Send + 'static> Deref for Taken<'_, C> {
    type Target = C;
    fn deref(&self) -> &C {
        match &self.conn {
            Some(conn) => conn,
            None => unreachable!("a taken connection is there until it is dropped"),
        }
    }
}

impl<C: Send + 'static> DerefMut for Taken<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        match &mut self.conn {
            Some(conn) => conn,
            None => unreachable!("a taken connection is there until it is dropped"),
        }
    }
}
