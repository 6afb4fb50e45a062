//! An orderly end: stop accepting, drain, abort. One [`Shutdown`] is made in `main` and cloned to every unit.

use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long units may take to finish what they have.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Signals the end and waits for everything that was spawned through it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A fresh one; nothing has ended.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Resolves when the end was signalled. Cancel safe.
    pub async fn signalled(&self) {
        self.token.cancelled().await;
    }

    /// True once the end was signalled.
    pub fn is_signalled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Signals the end. Idempotent.
    pub fn signal(&self) {
        self.token.cancel();
    }

    /// A part that ends with this one and can be ended alone (a device, a link).
    pub fn child(&self) -> Shutdown {
        Shutdown { token: self.token.child_token(), tasks: self.tasks.clone() }
    }

    /// Spawns a task that [`Shutdown::drain`] waits for.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Signals the end and waits up to `limit` for all tasks. True when all of them ended by themselves.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.signal();
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }

    /// Waits for SIGTERM, SIGINT, or for somebody to call [`Shutdown::signal`].
    pub async fn wait_for_signal(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = self.signalled() => {}
        }
        self.signal();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn draining_waits_for_what_finishes_and_gives_up_on_what_does_not() {
        let shutdown = Shutdown::new();
        let unit = shutdown.child();
        shutdown.spawn(async move { unit.signalled().await });
        assert!(shutdown.drain(DRAIN).await);

        let stuck = Shutdown::new();
        stuck.spawn(std::future::pending::<()>());
        assert!(!stuck.drain(Duration::from_millis(50)).await);
    }
}
