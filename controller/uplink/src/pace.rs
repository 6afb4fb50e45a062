//! How fast one edge may talk: a token bucket for messages and one for bytes. Pure. An edge over its pace is
//! read more slowly, not thrown out: a backlog after an outage is no offence.

use std::time::Duration;

/// Rates allowed per edge, with one second's worth of burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceLimits {
    /// Messages per second.
    pub messages: f64,
    /// Payload bytes per second.
    pub bytes: f64,
}

/// One edge's buckets.
#[derive(Debug)]
pub struct Pace {
    limits: PaceLimits,
    messages: f64,
    bytes: f64,
}

impl Pace {
    /// Full buckets.
    pub fn new(limits: PaceLimits) -> Pace {
        Pace { limits, messages: limits.messages, bytes: limits.bytes }
    }

    /// Takes one message of `size` bytes, `elapsed` after the one before; returns how long to wait before the next is read.
    pub fn take(&mut self, elapsed: Duration, size: usize) -> Duration {
        let seconds = elapsed.as_secs_f64();
        let fill = |held: f64, rate: f64| (held + rate * seconds).min(rate);
        self.messages = fill(self.messages, self.limits.messages) - 1.0;
        self.bytes = fill(self.bytes, self.limits.bytes) - size as f64;
        let owed = (-self.messages / self.limits.messages).max(-self.bytes / self.limits.bytes).max(0.0);
        Duration::from_secs_f64(owed.min(10.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_is_slowed_to_the_limit() {
        let mut pace = Pace::new(PaceLimits { messages: 100.0, bytes: 1e6 });
        let waits: Vec<Duration> = (0..200).map(|_| pace.take(Duration::ZERO, 10)).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert!((waits[199].as_secs_f64() - 1.0).abs() < 0.02, "{:?}", waits[199]);
        assert!(pace.take(Duration::from_secs(60), 10).is_zero(), "rest fills the bucket");
        assert!(!pace.take(Duration::ZERO, 3_000_000).is_zero(), "bytes count too");
    }
}
