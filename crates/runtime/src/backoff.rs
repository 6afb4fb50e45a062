//! How long to wait before the next try: doubling, capped, jittered. Pure; the caller brings the randomness.

use std::time::Duration;

/// Doubles from `first` up to `cap`; each wait is jittered down to between half and all of it, so that a
/// hundred edges do not come back in the same second.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// A back-off that has not failed yet.
    pub fn new(first: Duration, cap: Duration) -> Backoff {
        Backoff { first, cap, failures: 0 }
    }

    /// Counts a failure and gives the wait before the next try. `jitter` is uniform in 0.0–1.0.
    pub fn failed(&mut self, jitter: f64) -> Duration {
        let full =
            self.first.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }

    /// Back to the beginning after success.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// A cheap source of jitter in 0.0–1.0. Not for secrets.
pub fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    random as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_cap_and_start_over_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
        let waits: Vec<u64> = (0..6).map(|_| backoff.failed(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.failed(0.0), Duration::from_secs(5));
        backoff.succeeded();
        assert_eq!(backoff.failed(1.0), Duration::from_secs(1));
    }

    #[test]
    fn a_very_long_outage_does_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for _ in 0..1000 {
            assert!(backoff.failed(1.0) <= Duration::from_secs(60));
        }
    }
}
