//! When to try again after a fault. Pure: the caller says how long the instance lived.

use std::time::Duration;

/// First pause after a fault.
const FIRST: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// Counts faults in a row. An instance that lived longer than the longest pause starts counting anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supervisor {
    failures: u32,
}

impl Supervisor {
    /// Nothing failed yet.
    pub fn new() -> Supervisor {
        Supervisor::default()
    }

    /// Takes note of a fault after `lived`; says how long to wait before the next start: 1, 2, 4 … 300 s.
    pub fn failed(&mut self, lived: Duration) -> Duration {
        if lived > LONGEST {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        LONGEST.min(FIRST * 2u32.saturating_pow((self.failures - 1).min(16)))
    }

    /// Faults in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut supervisor = Supervisor::new();
        let pauses: Vec<u64> = (0..11).map(|_| supervisor.failed(Duration::ZERO).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn a_long_life_forgives_earlier_faults() {
        let mut supervisor = Supervisor::new();
        for _ in 0..5 {
            supervisor.failed(Duration::from_secs(3));
        }
        assert_eq!(supervisor.failed(Duration::from_secs(3600)).as_secs(), 1);
        assert_eq!(supervisor.failures(), 1);
    }
}
