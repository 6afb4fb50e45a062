//! Advances the engine's epoch while drivers compute. It is what stops an endless loop: compiled code looks at
//! the epoch and hands control back when it moved. The thread sleeps when no driver has run for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::Thread;
use std::time::Duration;
use wasmtime::EngineWeak;

/// Length of a tick: how long one driver keeps a worker thread before others get their turn.
pub(crate) const TICK: Duration = Duration::from_millis(5);
/// Ticks without a running call after which the thread sleeps.
const IDLE_TICKS: u32 = 200;

/// Counts calls in progress.
pub(crate) struct Ticker {
    running: AtomicU32,
    asleep: AtomicBool,
    thread: std::sync::OnceLock<Thread>,
}

impl Ticker {
    /// Starts the thread; it ends by itself when the engine is gone.
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Arc<Ticker>> {
        let ticker = Arc::new(Ticker {
            running: AtomicU32::new(0),
            asleep: AtomicBool::new(false),
            thread: std::sync::OnceLock::new(),
        });
        let weak = Arc::downgrade(&ticker);
        let thread = std::thread::Builder::new().name("driver-ticks".into()).spawn(move || {
            let mut idle = 0;
            loop {
                std::thread::sleep(TICK);
                let (Some(engine), Some(ticker)) = (engine.upgrade(), weak.upgrade()) else { return };
                engine.increment_epoch();
                idle = if ticker.running.load(Ordering::SeqCst) > 0 { 0 } else { idle + 1 };
                if idle >= IDLE_TICKS {
                    idle = 0;
                    ticker.asleep.store(true, Ordering::SeqCst);
                    drop(engine);
                    // Ask again after the flag is up: a call that began before it saw no sleeper to wake.
                    if ticker.running.load(Ordering::SeqCst) == 0 {
                        drop(ticker);
                        std::thread::park();
                    }
                    if let Some(ticker) = weak.upgrade() {
                        ticker.asleep.store(false, Ordering::SeqCst);
                    }
                }
            }
        })?;
        let _ = ticker.thread.set(thread.thread().clone());
        Ok(ticker)
    }

    /// Marks a call as running until the guard is dropped.
    pub(crate) fn call(self: &Arc<Ticker>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(self.clone())
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.wake();
    }
}

/// A call in progress.
pub(crate) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
