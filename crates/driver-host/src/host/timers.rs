//! A driver's timers. Pure: the device's task asks what is due.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Timers a driver may have at the same time.
const MOST: usize = 64;
/// Shortest interval.
const SHORTEST: Duration = Duration::from_millis(10);

/// Running timers by id.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeMap<u32, Timer>);

#[derive(Clone, Copy, Debug)]
struct Timer {
    due: Instant,
    every: Option<Duration>,
}

impl Timers {
    /// Sets or restarts one; false when there are too many.
    pub(crate) fn set(&mut self, id: u32, after: Duration, repeat: bool, now: Instant) -> bool {
        if self.0.len() >= MOST && !self.0.contains_key(&id) {
            return false;
        }
        let after = after.max(SHORTEST);
        self.0.insert(id, Timer { due: now + after, every: repeat.then_some(after) });
        true
    }

    /// Forgets one.
    pub(crate) fn cancel(&mut self, id: u32) {
        self.0.remove(&id);
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().map(|timer| timer.due).min()
    }

    /// Takes the one that is due longest. A repeating one that fell behind skips what it missed.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u32> {
        let (&id, timer) =
            self.0.iter_mut().filter(|(_, timer)| timer.due <= now).min_by_key(|(_, timer)| timer.due)?;
        match timer.every {
            Some(every) => {
                timer.due += every;
                if timer.due <= now {
                    timer.due = now + every;
                }
            }
            None => {
                self.0.remove(&id);
            }
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeating_timer_that_fell_behind_fires_once_and_goes_on() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(1, Duration::from_secs(1), true, start);
        let late = start + Duration::from_secs(10);
        assert_eq!(timers.take_due(late), Some(1));
        assert_eq!(timers.take_due(late), None);
        assert_eq!(timers.next(), Some(late + Duration::from_secs(1)));
    }

    #[test]
    fn a_single_timer_fires_once_and_no_driver_gets_endless_timers() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for id in 0..64 {
            assert!(timers.set(id, Duration::ZERO, false, start));
        }
        assert!(!timers.set(64, Duration::ZERO, false, start));
        let later = start + SHORTEST;
        assert_eq!((0..64).filter(|_| timers.take_due(later).is_some()).count(), 64);
        assert_eq!(timers.next(), None);
    }
}
