//! Notices when the wall clock was set: what was to last a while must neither end at once nor last for ever. Pure.

use std::time::Duration;
use tokio::time::Instant;

/// A clock that is steered runs a few hundred parts in a million off; more than this within one look is a jump.
const TOLERANCE: i64 = 2_000_000;

/// Compares the wall clock with one that only runs.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    wall: i64,
    steady: Instant,
}

impl ClockWatch {
    /// Both as they are now; `wall` in microseconds.
    pub fn new(wall: i64, steady: Instant) -> ClockWatch {
        ClockWatch { wall, steady }
    }

    /// By how many microseconds the wall clock was set since the last look, when it was. Look every few seconds. A machine
    /// that was suspended counts as set forward: nobody watched meanwhile.
    pub fn look(&mut self, wall: i64, steady: Instant) -> Option<i64> {
        let passed = steady.saturating_duration_since(self.steady);
        let jump = wall.saturating_sub(self.wall).saturating_sub(micros(passed));
        (self.wall, self.steady) = (wall, steady);
        (jump.abs() > TOLERANCE).then_some(jump)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_told_with_its_size_and_slow_looks_are_none() {
        let start = Instant::now();
        let mut watch = ClockWatch::new(0, start);
        assert_eq!(watch.look(60_000_000, start + Duration::from_secs(60)), None);
        assert_eq!(watch.look(60_900_000, start + Duration::from_secs(61)), None, "steered");
        assert_eq!(watch.look(3_661_900_000, start + Duration::from_secs(62)), Some(3_600_000_000));
        assert_eq!(watch.look(62_900_000, start + Duration::from_secs(63)), Some(-3_600_000_000));
    }
}
