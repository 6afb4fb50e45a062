//! A block with its timetable: when it is read again, after what.

use crate::plan::Block;
use std::time::Duration;
use tokio::time::Instant;

/// Longest interval of a block the device refuses for reasons that may pass.
pub const SLOWEST: Duration = Duration::from_secs(300);
/// Pause before a point that is read once and could not be is tried again.
pub const ONCE_RETRY: Duration = Duration::from_secs(10);
/// Pauses before a device that says it is busy is asked again; after the last of them its values are bad. Inverters
/// behind a dongle say so several times a minute.
const BUSY: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];
/// A device that stays busy is asked at half the rate, a quarter, … but never less than a thirty-second.
const BUSIEST: u32 = 5;

/// A block with its timetable.
#[derive(Clone, Debug)]
pub struct Live {
    /// What is read.
    pub block: Block,
    /// `None` = once.
    pub every: Option<Duration>,
    /// `None` = never again.
    pub due: Option<Instant>,
    /// Sent, and not answered yet.
    pub in_flight: bool,
    /// Refusals in a row.
    pub trouble: u32,
    /// Times in a row that the device was busy.
    pub busy: usize,
    /// Half of a block that was refused: the node of the search it belongs to.
    pub split: Option<usize>,
    /// Asks whether a refused address is still refused; its failure is no news.
    pub recheck: bool,
    /// Its reads are spread over the interval; the first comes at once.
    pub spread: bool,
}

impl Live {
    /// A block that has not been read.
    pub fn new(block: Block, every: Option<Duration>, due: Option<Instant>) -> Live {
        Live {
            block,
            every,
            due,
            in_flight: false,
            trouble: 0,
            busy: 0,
            split: None,
            recheck: false,
            spread: false,
        }
    }

    /// The device is busy. True when it is asked again at once; otherwise the read has failed, and the next ones wait longer.
    pub fn is_asked_again(&mut self, now: Instant) -> bool {
        let pause = BUSY.get(self.busy);
        self.busy = self.busy.saturating_add(1);
        match pause {
            Some(pause) => self.due = Some(now + *pause),
            None => self.trouble = (self.trouble + 1).min(BUSIEST),
        }
        pause.is_some()
    }

    /// It was read.
    pub fn succeeded(&mut self) {
        (self.trouble, self.busy) = (0, 0);
    }

    /// Sets the next read after one that was `good` or not. `phase` is this block's place in its interval, 0–1.
    pub fn schedule(&mut self, good: bool, phase: f64, now: Instant) {
        let Some(every) = self.every else {
            self.due = if good { None } else { Some(now + ONCE_RETRY) };
            return;
        };
        let slow = SLOWEST.max(every);
        let interval = every.saturating_mul(1u32.checked_shl(self.trouble).unwrap_or(u32::MAX)).min(slow);
        if !self.spread {
            self.spread = true;
            self.due = Some(now + interval.mul_f64(0.5 + 0.5 * phase));
            return;
        }
        // From the timetable, not from the reply, so that reads do not drift; missed ones are skipped.
        let next = self.due.unwrap_or(now) + interval;
        self.due = Some(if next > now { next } else { now + interval.mul_f64(phase.max(0.1)) });
    }
}

/// A number in 0–1 that differs per device and block (SplitMix64 finaliser, Steele et al. 2014).
pub fn phase(seed: u64, block: usize) -> f64 {
    let mut mixed = seed.wrapping_add((block as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}
