//! How much a driver may say: a token bucket that lets bursts through, drops what is too much, and recognises a
//! flood. Pure.

use tokio::time::Instant;

/// What becomes of one more item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Let through; so many were dropped since the last one that was.
    Pass {
        /// Dropped in between.
        dropped: u64,
    },
    /// Too much: drop it.
    Drop,
    /// So much that the driver must be broken.
    Flood,
}

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: f64,
    burst: f64,
    flood_after: u64,
    tokens: f64,
    dropped: u64,
    last: Option<Instant>,
}

impl Budget {
    /// `per_second` in the long run, `burst` at once; a flood after `flood_after` dropped in a row.
    pub(crate) fn new(per_second: u32, burst: u32, flood_after: u64) -> Budget {
        let burst = f64::from(burst);
        Budget {
            per_second: f64::from(per_second),
            burst,
            flood_after,
            tokens: burst,
            dropped: 0,
            last: None,
        }
    }

    /// Judges `count` more items at `now`.
    pub(crate) fn take(&mut self, count: usize, now: Instant) -> Verdict {
        let elapsed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.last = Some(now);
        self.tokens = self.burst.min(self.tokens + elapsed * self.per_second);
        let wanted = count as f64;
        if self.tokens >= wanted {
            self.tokens -= wanted;
            return Verdict::Pass { dropped: std::mem::take(&mut self.dropped) };
        }
        self.dropped += count as u64;
        if self.dropped > self.flood_after { Verdict::Flood } else { Verdict::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_the_rest_is_dropped_and_counted() {
        let start = Instant::now();
        let mut budget = Budget::new(10, 5, 100);
        for _ in 0..5 {
            assert_eq!(budget.take(1, start), Verdict::Pass { dropped: 0 });
        }
        assert_eq!(budget.take(1, start), Verdict::Drop);
        assert_eq!(budget.take(1, start), Verdict::Drop);
        let later = start + Duration::from_secs(1);
        assert_eq!(budget.take(1, later), Verdict::Pass { dropped: 2 });
    }

    #[test]
    fn a_flood_is_told_from_a_burst() {
        let start = Instant::now();
        let mut budget = Budget::new(10, 5, 100);
        let verdicts: Vec<Verdict> = (0..200).map(|_| budget.take(1, start)).collect();
        assert!(!verdicts[..105].contains(&Verdict::Flood));
        assert_eq!(verdicts[199], Verdict::Flood);
    }
}
