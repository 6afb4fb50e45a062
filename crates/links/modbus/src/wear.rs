//! Counts writes to registers that live in flash, and refuses them beyond a day's budget: such memory wears
//! out after some ten thousand writes, and a rule that writes each minute gets there in a week. Pure.

use bo_model::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Writes a day when the profile names no budget.
pub const DEFAULT_BUDGET: u32 = 24;
const DAY: i64 = 86_400;

/// Writes per point in the current UTC day. Serialise it with the device's state: a restart is no reason to
/// write more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WearLedger {
    day: i64,
    writes: BTreeMap<String, u32>,
}

/// The budget is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "point `{point}` was written {writes} times today, which is all its memory is given a day; the next write is possible from {from}"
)]
pub struct Refused {
    /// The point.
    pub point: String,
    /// Writes today.
    pub writes: u32,
    /// When it may be written again.
    pub from: Time,
}

impl WearLedger {
    /// Takes one write to `point` from today's `budget`, or says when there will be one again.
    pub fn take(&mut self, point: &str, budget: u32, now: Time) -> Result<(), Refused> {
        let today = now.seconds().div_euclid(DAY);
        // A clock that was set back a little must not hand out the day's budget twice; one that had jumped
        // far ahead must not lock the point until then.
        if today > self.day {
            self.writes.clear();
            self.day = today;
        } else if today + 1 < self.day {
            self.day = today;
        }
        let writes = self.writes.entry(point.to_owned()).or_default();
        if *writes >= budget {
            let from = Time::from_seconds((self.day + 1) * DAY);
            return Err(Refused { point: point.to_owned(), writes: *writes, from });
        }
        *writes += 1;
        Ok(())
    }

    /// Writes to `point` counted today.
    pub fn writes(&self, point: &str) -> u32 {
        self.writes.get(point).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_flash_is_written_a_few_times_a_day_and_then_refused_with_a_reason() {
        let mut ledger = WearLedger::default();
        let morning = Time::from_seconds(100 * DAY + 3600);
        for _ in 0..3 {
            ledger.take("limit", 3, morning).unwrap();
        }
        let refused = ledger.take("limit", 3, morning).unwrap_err().to_string();
        assert!(
            refused.contains("written 3 times today") && refused.contains("1970-04-12T00:00:00Z"),
            "{refused}"
        );
        ledger.take("other", 3, morning).unwrap();
        let kept = serde_json::to_string(&ledger).unwrap();
        let mut after_restart: WearLedger = serde_json::from_str(&kept).unwrap();
        assert!(after_restart.take("limit", 3, morning).is_err());
        after_restart.take("limit", 3, Time::from_seconds(101 * DAY)).unwrap();
    }

    #[test]
    fn a_clock_that_jumps_neither_refills_the_budget_nor_locks_the_point() {
        let mut ledger = WearLedger::default();
        let day = |number: i64| Time::from_seconds(number * DAY + 60);
        ledger.take("limit", 1, day(100)).unwrap();
        assert!(ledger.take("limit", 1, day(99)).is_err(), "set back over midnight");
        assert!(ledger.take("limit", 1, day(40)).is_err(), "set back far: counted as today's");
        ledger.take("limit", 1, day(41)).unwrap();
    }
}
