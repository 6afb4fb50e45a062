//! How a link's task keeps its [`Health`] up to date without waking every watcher for every request.

use crate::{Health, LinkState};
use bo_model::Time;
use bo_model::clock::SharedClock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Counters alone wake watchers at most this often; a change of state wakes them at once.
const COUNTERS_EVERY: Duration = Duration::from_secs(1);

/// The task's side of a link's health.
pub struct Reporter {
    publish: watch::Sender<Health>,
    clock: SharedClock,
    told: Instant,
}

impl Reporter {
    /// Publishes through what [`crate::queue`] gave.
    pub fn new(publish: watch::Sender<Health>, clock: SharedClock) -> Reporter {
        let since = clock.now();
        publish.send_modify(|health| health.since = since);
        Reporter { publish, clock, told: Instant::now() }
    }

    /// Connected.
    pub fn up(&mut self) {
        let now = self.clock.now();
        self.told = Instant::now();
        self.publish.send_modify(|health| {
            health.connects += 1;
            health.limited = None;
            if health.state != LinkState::Up {
                health.state = LinkState::Up;
                health.since = now;
            }
        });
    }

    /// Not connected, and why. `since` stays what it was while the link stays down.
    pub fn down(&mut self, why: &Arc<str>) {
        let now = self.clock.now();
        self.told = Instant::now();
        self.publish.send_modify(|health| {
            if !matches!(health.state, LinkState::Down(_)) {
                health.since = now;
            }
            health.state = LinkState::Down(why.clone());
            health.limited = None;
        });
    }

    /// What does not work although the link is up; `None` when all does.
    pub fn limited(&mut self, what: Option<Arc<str>>) {
        self.publish.send_if_modified(|health| {
            let news = health.limited != what;
            health.limited = what;
            news
        });
    }

    /// A request was sent.
    pub fn sent(&mut self) {
        self.count(|health, _| health.requests += 1);
    }

    /// Something was received: the peer is there.
    pub fn proved(&mut self) {
        self.count(|health, now| health.last_proved = Some(now));
    }

    /// A request failed.
    pub fn failed(&mut self) {
        self.count(|health, _| health.failures += 1);
    }

    /// The clock, for messages that name an instant.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    fn count(&mut self, change: impl FnOnce(&mut Health, Time)) {
        let now = self.clock.now();
        let tell = self.told.elapsed() >= COUNTERS_EVERY;
        if tell {
            self.told = Instant::now();
        }
        self.publish.send_if_modified(|health| {
            change(health, now);
            tell
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::ManualClock;

    #[tokio::test(start_paused = true)]
    async fn watchers_wake_for_states_at_once_and_for_counters_once_a_second() {
        let (publish, mut health) = watch::channel(Health::default());
        let clock = ManualClock::at(Time::from_seconds(100));
        let mut report = Reporter::new(publish, clock.clone());
        report.up();
        assert_eq!(health.borrow_and_update().state, LinkState::Up);
        report.sent();
        assert!(!health.has_changed().unwrap_or(true));
        assert_eq!(health.borrow().requests, 1, "counted all the same");
        tokio::time::advance(COUNTERS_EVERY).await;
        report.proved();
        assert!(health.has_changed().unwrap_or(false));
        report.down(&"cable cut".into());
        clock.advance(Duration::from_secs(5));
        report.down(&"connection refused".into());
        assert_eq!(health.borrow().since, Time::from_seconds(100), "down since the first failure");
    }
}
