//! A unit: a loop that is started again with back-off when it fails or panics, and says how it is.

use crate::backoff::{Backoff, jitter};
use crate::shutdown::Shutdown;
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;

/// How a unit is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnitState {
    /// Working.
    #[default]
    Running,
    /// Failed with this reason; will be started again.
    Waiting {
        /// What went wrong.
        why: String,
        /// Failures in a row.
        failures: u32,
    },
    /// Ended because it was told to, or because it was done.
    Ended,
}

/// A unit that ran this long is taken to have recovered.
const RECOVERED: Duration = Duration::from_secs(60);

/// Runs `start` until it returns `Ok` or the end is signalled; an `Err` or a panic starts it again after a
/// back-off. The receiver shows its state.
pub fn supervise<F, Fut>(
    shutdown: &Shutdown,
    name: impl Into<String>,
    mut backoff: Backoff,
    mut start: F,
) -> watch::Receiver<UnitState>
where
    F: FnMut(Shutdown) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    let (publish, state) = watch::channel(UnitState::Running);
    let (shutdown, name) = (shutdown.clone(), name.into());
    shutdown.clone().spawn(async move {
        while !shutdown.is_signalled() {
            let started = tokio::time::Instant::now();
            publish.send_replace(UnitState::Running);
            let why = match shutdown.spawn(start(shutdown.clone())).await {
                Ok(Ok(())) => break,
                Ok(Err(why)) => why,
                Err(panic) => format!("panicked: {panic}"),
            };
            if started.elapsed() > RECOVERED {
                backoff.succeeded();
            }
            let pause = backoff.failed(jitter());
            tracing::warn!(unit = %name, %why, pause_ms = pause.as_millis() as u64, "unit failed, will be started again");
            publish.send_replace(UnitState::Waiting { why, failures: backoff.failures() });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.signalled() => {}
            }
        }
        publish.send_replace(UnitState::Ended);
    });
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_unit_that_fails_and_panics_is_started_again_until_it_is_done() {
        let shutdown = Shutdown::new();
        let tries = Arc::new(AtomicU32::new(0));
        let counter = tries.clone();
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut state = supervise(&shutdown, "test", backoff, move |_| {
            let try_number = counter.fetch_add(1, Ordering::SeqCst);
            async move {
                match try_number {
                    0 => Err("no cable".into()),
                    1 => panic!("a bug"),
                    _ => Ok(()),
                }
            }
        });
        state.wait_for(|state| *state == UnitState::Ended).await.unwrap();
        assert_eq!(tries.load(Ordering::SeqCst), 3);
    }
}
